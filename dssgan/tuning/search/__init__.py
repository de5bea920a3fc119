"""The search of a sweep: spaces, samplers, early stopping, objectives and the study; without Ray."""
