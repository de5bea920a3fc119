"""Tracks given by others: packed with their terms into one archive, verified, and merged into a data set."""
