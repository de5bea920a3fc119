"""The trials of an Optuna study for Ray Tune: what is drawn, what they report, and which are resumed."""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import Trial, TrialState
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from dssgan.errors import ConfigError, WriteError
from dssgan.runs.retry import DEFAULT_PATIENCE, Patience
from dssgan.training.config import phase_one_key
from dssgan.training.settings import make_config
from dssgan.tuning.ray.messages import (
    Failed,
    Finished,
    Interrupted,
    Measured,
    Placed,
    Skipped,
    Validated,
    read_message,
)
from dssgan.tuning.search.attributes import (
    AXIS,
    CONFIG,
    ERROR,
    FURTHER,
    LEFT_OUT,
    MACHINE,
    NOT_RUN,
    PROGRESS,
    SETTINGS,
    TAKEN_OVER,
    is_own,
)  # fmt: skip
from dssgan.tuning.search.axis import Axis
from dssgan.tuning.search.objectives import FURTHER_OBJECTIVES
from dssgan.tuning.search.pruners import Pruner
from dssgan.tuning.search.samplers import ask, make_sampler
from dssgan.tuning.search.space import SearchSpace, combine
from dssgan.tuning.search.storage import DATABASE_ERRORS, patiently
from dssgan.tuning.search.study import open_trial, read_trial, set_attribute, set_intermediate_value

MAX_DRAWS_IN_VAIN = 30  # in a row; then the space has no more to give
MAX_STARTS = 3  # of a trial whose process dies before it has begun; then the trial failed


class StudySearch(Searcher):  # type: ignore[misc]
    """The trials of a study, for Tune to run.

    The study is the only memory: trials that are running by the study and that no process runs are resumed first;
    then new trials are drawn until there are enough. So a sweep that was killed at any moment resumes with every
    trial and with none twice.

    Args:
        study: where it all is noted.
        space: what to draw.
        settings: nested settings for all trials; they win over drawn ones.
        data_fingerprint: fingerprint of the data.
        num_processes: number of processes of one trial.
        num_trials: number of trials in all, those of earlier processes counted.
        sampler: name of the sampler.
        seed: random seed of the search.
        also: names of further objectives.
        num_ahead: number of trials that may be drawn before their turn, where the first ones would only wait for the
            shared supervised phase that another trial is training; 0 where trials share none.
        after_write: called whenever the study has changed.
        patience: patience with the study's database.
        on_message: called with a line when the study's database does not answer.
    """

    def __init__(
        self,
        study: optuna.Study,
        space: SearchSpace,
        *,
        settings: Mapping[str, Any],
        data_fingerprint: str,
        num_processes: int,
        num_trials: int,
        sampler: str,
        seed: int,
        also: Sequence[str] = (),
        num_ahead: int = 0,
        after_write: Callable[[], None] = lambda: None,
        patience: Patience = DEFAULT_PATIENCE,
        on_message: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(metric="score", mode="max")
        self._study = study
        self._space = space
        self._settings = settings
        self._data_fingerprint = data_fingerprint
        self._num_processes = num_processes
        self.num_trials = num_trials
        self._sampler = sampler
        self._seed = seed
        self._also = also
        self._num_ahead = num_ahead
        self._after_write = after_write
        self._patience = patience
        self._on_message = on_message
        self._numbers: dict[str, int] = {}  # Tune's name for a trial -> the study's
        self._under_way: set[str] = set()
        self._drawn: dict[int, dict[str, Any]] = {}  # what has been drawn and not begun
        self._lost_starts: Counter[int] = Counter()
        self._all_begun = False  # the study is not asked again and again what is left
        self._axes: dict[int, Axis] = {}
        self._trained = set(_trained_phases(study))  # supervised phases that are finished
        finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL))
        self.num_ended = sum(map(is_own, finished))
        self._known = {
            trial.user_attrs[CONFIG]: trial.number
            for trial in reversed(study.get_trials(deepcopy=False))
            if CONFIG in trial.user_attrs and is_own(trial)
        }  # the first trial of each configuration
        self._num_in_vain = 0  # draws in a row that gave no new configuration
        self.interruption: str | None = None  # why no trial can go on

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return a trial for Tune: an unfinished one, or a new one. There may be more as long as one is running.

        A trial whose supervised phase another one is training would hold its machine and wait, so others go first.
        """
        while (number := self._next_to_begin()) is None:
            if self._all_begun or len(self._drawn) >= max(1, self._num_ahead):
                return None if self._under_way else str(Searcher.FINISHED)
            trial = self._patiently(self._draw)
            if trial is None:
                self._all_begun = True
                continue
            try:
                config = self._describe(trial)
            except ConfigError as error:
                self._end(trial.number, TrialState.FAIL, error=str(error))
            except optuna.TrialPruned as forbidden:
                self._pass_over(trial.number, f"the space forbids it ({forbidden or 'TrialPruned'})")
            else:
                if config is not None:
                    self._num_in_vain = 0
                    self._drawn[trial.number] = config
            if self._num_in_vain >= MAX_DRAWS_IN_VAIN:
                self._on_message(
                    f"the last {MAX_DRAWS_IN_VAIN} draws gave no settings that had not been drawn before: the search "
                    "ends with fewer trials"
                )
                self._all_begun = True
        self._numbers[trial_id] = number
        self._under_way.add(trial_id)
        return self._drawn.pop(number)

    def _next_to_begin(self) -> int | None:
        """Choose the first of the drawn trials whose supervised phase no other trial is training."""
        training = (
            {self._axes[self._numbers[trial_id]].phase_one for trial_id in self._under_way} - self._trained
            if self._num_ahead
            else set()
        )
        return next((number for number in self._drawn if self._axes[number].phase_one not in training), None)

    def _draw(self) -> Trial | None:
        # also finds a trial whose beginning the database did not live to confirm
        taken = {*self._numbers.values(), *self._drawn}
        trials = self._study.get_trials(deepcopy=False)
        for trial in trials:
            if trial.state == TrialState.RUNNING and trial.number not in taken and is_own(trial):
                return open_trial(self._study, trial.number)
        begun = [trial for trial in trials if trial.state != TrialState.WAITING and TAKEN_OVER not in trial.user_attrs]
        if sum(map(is_own, begun)) >= self.num_trials:
            return None
        sampler = make_sampler(self._sampler, self._seed, len(begun))
        return ask(self._study, sampler, self._space, {name: FURTHER_OBJECTIVES[name].worst for name in self._also})

    def _describe(self, trial: Trial) -> dict[str, Any] | None:
        """Draw a trial's settings; None where they are those of another trial, whose result it takes over."""

        def draw() -> dict[str, Any]:
            drawn: dict[str, Any] | None = trial.user_attrs.get(SETTINGS)
            if drawn is None:
                drawn = self._space.draw(trial)
                trial.set_user_attr(SETTINGS, drawn)
            return drawn

        drawn = self._patiently(draw)
        config = make_config(combine(self._settings, drawn))
        key = hashlib.sha256(json.dumps(config.as_settings(), sort_keys=True).encode()).hexdigest()[:16]
        first = self._known.setdefault(key, trial.number)
        if first != trial.number:
            self._repeat(trial.number, first)
            return None
        self._patiently(lambda: trial.set_user_attr(CONFIG, key))
        axis = Axis(
            phase_one_key(config, self._data_fingerprint, self._num_processes),
            config.phase_one.steps_per_epoch, config.phase_one.epochs, config.phase_two.epochs,
        )  # fmt: skip
        self._patiently(lambda: trial.set_user_attr(AXIS, list(axis)))
        self._after_write()
        self._axes[trial.number] = axis
        if axis.supervised_epochs == 0:
            self._trained.add(axis.phase_one)
        return {"number": trial.number, "drawn": drawn, "axis": axis}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Write what a trial reports into the study."""
        message = read_message(result)
        if isinstance(message, Placed):
            self._patiently(lambda: self._set(trial_id, MACHINE, message.machine))
        elif isinstance(message, Measured):
            self._patiently(lambda: self._note_size(trial_id, message))
        elif isinstance(message, Validated) and math.isfinite(message.score):
            self._report(trial_id, message)
        self._after_write()

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Write how a trial ended: complete, pruned or failed. One that the sweep interrupted stays unfinished.

        So does one whose process died before it could begin, which Tune does not start again: it is suggested again.
        """
        self._under_way.discard(trial_id)
        number, message = self._numbers[trial_id], read_message(result)
        if error and not result:
            self._lost_starts[number] += 1
            if self._lost_starts[number] < MAX_STARTS:
                del self._numbers[trial_id]
                self._all_begun = False
                return
        if isinstance(message, Interrupted):
            self.interruption = message.reason
        elif isinstance(message, Skipped):
            self._patiently(lambda: self._set(trial_id, LEFT_OUT, message.reason))
            self._end(number, TrialState.PRUNED)
        elif isinstance(message, Failed):
            self._end(number, TrialState.FAIL, error=message.reason)
        elif isinstance(message, Finished) and not error and math.isfinite(message.best_score):
            self._complete(number, message.best_score)
        elif isinstance(message, Validated) and not error and math.isfinite(message.score):
            self._report(trial_id, message)  # Tune does not pass on the result that a trial is stopped at
            self._end(number, TrialState.PRUNED)
        else:
            self._end(number, TrialState.FAIL, error="its process failed")

    def _complete(self, number: int, best_score: float) -> None:
        further = self._patiently(lambda: self._further(number))
        missing = [name for name in self._also if not math.isfinite(further.get(name, math.nan))]
        if missing:
            self._end(number, TrialState.FAIL, error=f"{missing[0]}: no validation song has one")
        else:
            values = [best_score, *(further[name] for name in self._also)]
            self._end(number, TrialState.COMPLETE, values=values)

    def begins_again(self, number: int) -> bool:
        """Return whether a trial that Tune counts as failed will be started again."""
        return number in self._lost_starts and number not in self._numbers.values()

    def _report(self, trial_id: str, validated: Validated) -> None:
        number, metrics = self._numbers[trial_id], validated.metrics
        axis = self._axes[number]
        if validated.epoch >= axis.supervised_epochs:
            self._trained.add(axis.phase_one)
        kept = ("epoch", "phase", "best_phase", "best_score", "seconds", "reused_seconds", "separator_steps")
        progress = {key: metrics[key] for key in kept if key in metrics}

        def report() -> None:
            steps = axis.position(validated.epoch).steps
            set_intermediate_value(self._study, number, steps, validated.score)
            set_attribute(self._study, number, PROGRESS, progress)
            measured = {
                name: float(metrics[metric])
                for name in self._also
                if (metric := FURTHER_OBJECTIVES[name].metric) is not None and metric in metrics
            }
            if measured and validated.score == validated.best_score:  # of the epoch whose weights are kept
                set_attribute(self._study, number, FURTHER, self._further(number) | measured)

        self._patiently(report)

    def _end(
        self, number: int, state: TrialState, *, values: list[float] | None = None, error: str | None = None
    ) -> None:
        def write_end() -> None:
            if read_trial(self._study, number).state.is_finished():
                return  # written before the database stopped answering
            if error is not None:
                set_attribute(self._study, number, ERROR, error)
            self._study.tell(number, values=values, state=state)

        self._patiently(write_end)
        self.num_ended += 1
        self._after_write()

    def _repeat(self, number: int, first: int) -> None:
        """Copy the result of another trial with the same settings, which would only be trained again."""
        before = self._study.get_trials(deepcopy=False)[first]
        state = before.state if before.state.is_finished() else TrialState.FAIL  # samplers pass failed ones over

        def copy_scores() -> None:
            for steps, score in before.intermediate_values.items():
                set_intermediate_value(self._study, number, steps, score)

        self._patiently(copy_scores)
        values = before.values if state == TrialState.COMPLETE else None
        self._pass_over(number, f"its settings are those of trial {first}", state, values)

    def _pass_over(
        self, number: int, reason: str, state: TrialState = TrialState.PRUNED, values: list[float] | None = None
    ) -> None:
        """End a trial that nothing was trained for. Another one is drawn instead."""
        self._num_in_vain += 1
        self._patiently(lambda: set_attribute(self._study, number, NOT_RUN, reason))
        self._end(number, state, values=values)
        self.num_ended -= 1  # it is none of the trials that were asked for

    def _further(self, number: int) -> dict[str, float]:
        return dict(read_trial(self._study, number).user_attrs.get(FURTHER, {}))

    def _note_size(self, trial_id: str, measured: Measured) -> None:
        number = self._numbers[trial_id]
        trial = open_trial(self._study, number)
        for name, amount in measured.excess.items():
            trial.set_constraint(name, amount)
        if measured.real_time_factor is not None:
            self._set(trial_id, FURTHER, self._further(number) | {"speed": measured.real_time_factor})

    def _set(self, trial_id: str, key: str, value: Any) -> None:
        set_attribute(self._study, self._numbers[trial_id], key, value)

    def _patiently(self, function: Callable[[], Any]) -> Any:
        try:
            return patiently(function, self._patience, on_message=self._on_message)
        except DATABASE_ERRORS as error:
            self.interruption = f"the study's database does not answer ({str(error).splitlines()[0]}); see to it"
            raise
        except WriteError as error:
            self.interruption = str(error)
            raise

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: the study is the memory. Tune's snapshot would hold the way into its database."""

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Do nothing, likewise."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing, likewise."""

    def __getstate__(self) -> dict[str, Any]:
        # Tune pickles its searcher into a folder: without what leads into the database
        return {}


def _trained_phases(study: optuna.Study) -> Iterator[str]:
    for trial in study.get_trials(deepcopy=False):
        if AXIS in trial.user_attrs and is_own(trial):
            axis = Axis(*trial.user_attrs[AXIS])
            if max(trial.intermediate_values, default=0) >= axis.supervised_epochs * axis.steps_per_epoch:
                yield axis.phase_one


class PruningScheduler(FIFOScheduler):  # type: ignore[misc]
    """Stops the trials that a pruner stops.

    Args:
        pruner: judges them; None lets every trial continue.
    """

    def __init__(self, pruner: Pruner | None) -> None:
        super().__init__()
        self._pruner = pruner

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:  # noqa: ARG002
        """Judge a validation."""
        validated = read_message(result)
        if self._pruner is None or not isinstance(validated, Validated):
            return str(TrialScheduler.CONTINUE)
        if not math.isfinite(validated.score):
            return str(TrialScheduler.CONTINUE)  # it would stay in a rung and count among those that arrived there
        axis = Axis(*trial.config["axis"])
        goes_on = self._pruner.judge(
            trial.config["number"], axis.phase_one, axis.position(validated.epoch), validated.score
        )
        return str(TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP)
