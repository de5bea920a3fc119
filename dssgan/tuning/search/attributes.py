"""Names of the user attributes that a sweep stores with each trial of its Optuna study."""

from optuna.trial import FrozenTrial

SETTINGS = "settings"  # drawn, by dotted key
AXIS = "axis"
PROGRESS = "progress"  # what its last validation said
FURTHER = "further_objectives"  # values by name, as far as they are known
ERROR = "error"
LEFT_OUT = "left_out"  # which limit its separator misses; it was not trained
TAKEN_OVER = "taken_over_from"  # another study: it did not run here
NOT_RUN = "not_run"  # why nothing was trained: its settings had been drawn before, or the space forbids them
CONFIG = "config"  # hash of all settings
MACHINE = "place"  # where it runs, or ran last


def is_own(trial: FrozenTrial) -> bool:
    """Whether a trial is one of the sweep's own, and not only something for the sampler to learn from."""
    return TAKEN_OVER not in trial.user_attrs and NOT_RUN not in trial.user_attrs
