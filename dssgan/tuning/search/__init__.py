"""What a sweep searches: spaces, samplers, early stopping, objectives, and the study; without Ray."""
