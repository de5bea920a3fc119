"""Ensembles chosen and fitted: which separators, and what each counts in which band."""
