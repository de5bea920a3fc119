"""The page people look at: evaluations, sweeps and trainings as one HTML file that needs nothing else."""
