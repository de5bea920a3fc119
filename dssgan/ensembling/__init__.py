"""Ensembles: loading one is registered here, so that whatever loads a model loads an ensemble."""

from dssgan.ensembling.ensemble import load_ensemble
from dssgan.inference.loading import register

register(".yaml", load_ensemble)
register(".yml", load_ensemble)
