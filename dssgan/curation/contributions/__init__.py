"""Contributed tracks: packed with their terms into one archive, verified, and merged into a data set."""
