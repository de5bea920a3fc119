"""A sweep under Ray Tune: its trials on the machines of a cluster."""
