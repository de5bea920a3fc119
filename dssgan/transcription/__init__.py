"""Drums in pieces as notes: which drum was struck, when, how hard, and the beat it was struck in."""
