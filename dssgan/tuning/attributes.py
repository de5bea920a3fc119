"""What a sweep notes of a trial in its study: names of Optuna's user attributes."""

SETTINGS = "settings"  # drawn, by dotted key
AXIS = "axis"
PROGRESS = "progress"  # what its last validation said
FURTHER = "further_objectives"  # values by name, as far as they are known
ERROR = "error"
LEFT_OUT = "left_out"  # which limit its separator misses; it was not trained
TAKEN_OVER = "taken_over_from"  # another study: it did not run here
PLACE = "place"  # where it runs, or ran last
