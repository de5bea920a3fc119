"""Runs: where their files are kept, which process may work on them, and their record."""
