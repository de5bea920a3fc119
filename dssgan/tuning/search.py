"""Optuna inside Ray Tune, such that a killed sweep goes on where it was."""

import math
from typing import Any

from optuna.trial import TrialState
from ray.tune.search.optuna import OptunaSearch

# User attributes of an Optuna trial.
TUNE_TRIAL = "tune_trial_id"
ERROR = "error"


class StudySearch(OptunaSearch):  # type: ignore[misc]
    """Ray's OptunaSearch, mended for a study that outlives the process.

    The stock class breaks a restored sweep when a trial it finished earlier reports again, tells trials that early
    stopping ended as complete, and leaves those that ended in NaN running for ever.
    A trial's last report says `finished`; one that ends without it was stopped early.
    """

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """Draw a trial's settings, and note in the study which of Tune's trials it is."""
        drawn = super().suggest(trial_id)
        trial = self._ot_trials[trial_id]
        trial.set_user_attr(TUNE_TRIAL, trial_id)
        return None if drawn is None else {"number": trial.number, "drawn": drawn}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Report a validation's score at its epoch."""
        if self._is_over(trial_id):
            return
        trial = self._ot_trials[trial_id]
        score = self._score(result)
        if score is None:
            trial.set_user_attr(ERROR, str(result.get(ERROR, "the score is not a number")))
        elif not result.get("finished"):
            trial.report(score, int(result["epoch"]))

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Tell the study how a trial ended: complete, pruned or failed."""
        self._completed_trials.add(trial_id)
        if self._is_over(trial_id):
            return
        trial, score = self._ot_trials[trial_id], self._score(result)
        if error or score is None or result is None:
            self._ot_study.tell(trial, state=TrialState.FAIL)
        elif not result.get("finished"):
            trial.report(score, int(result["epoch"]))  # Tune does not pass on the result that a trial is stopped at
            self._ot_study.tell(trial, state=TrialState.PRUNED)
        else:
            self._ot_study.tell(trial, result["best_score"])

    def restore(self, checkpoint_path: str) -> None:
        """Go on from Tune's snapshot, and close trials that were drawn after it: nobody will run them."""
        super().restore(checkpoint_path)
        known = {trial._trial_id for trial in self._ot_trials.values()}
        for trial in self._ot_study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if trial._trial_id not in known:
                self._ot_study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)

    def _is_over(self, trial_id: str) -> bool:
        trial = self._ot_trials.get(trial_id)
        return trial is None or self._ot_study._storage.get_trial(trial._trial_id).state.is_finished()

    def _score(self, result: dict[str, Any] | None) -> float | None:
        value = (result or {}).get(self.metric)
        return value if value is not None and math.isfinite(value) else None
