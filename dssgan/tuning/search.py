"""A study's trials for Ray Tune: drawn by Optuna, told how they ended, taken up again after whatever happened."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from dssgan.errors import ConfigError, WriteError
from dssgan.patience import USUAL, Patience
from dssgan.training.config import phase_one_key
from dssgan.training.settings import make_config
from dssgan.tuning.attributes import AXIS, ERROR, FURTHER, LEFT_OUT, PLACE, PROGRESS, SETTINGS, TAKEN_OVER
from dssgan.tuning.objectives import FURTHER_OBJECTIVES
from dssgan.tuning.pruners import Pruner
from dssgan.tuning.rungs import Place
from dssgan.tuning.samplers import ask, make_sampler
from dssgan.tuning.space import SearchSpace, combine
from dssgan.tuning.storage import DATABASE_ERRORS, patiently

MAX_STARTS = 3  # of a trial whose process dies before it has begun; then the trial failed


class Axis(NamedTuple):
    """What says where a trial's validations stand among others'.

    Args:
        phase_one: key of its supervised phase.
        steps_per_epoch: separator steps between validations.
        supervised_epochs: of phase one.
        adversarial_epochs: of phase two.
    """

    phase_one: str
    steps_per_epoch: int
    supervised_epochs: int
    adversarial_epochs: int

    def place(self, epoch: float) -> Place:
        """Give the place of a validation."""
        steps, switch = self.steps_per_epoch, self.supervised_epochs
        return Place(int(epoch) * steps, switch * steps, (switch + self.adversarial_epochs) * steps)


class StudySearch(Searcher):  # type: ignore[misc]
    """The trials of a study, for Tune to run.

    The study is the only memory: what it says is running and nobody runs is taken up first, with the settings it had;
    then new trials are drawn until there are enough. So a sweep that was killed, in whatever moment, goes on with every
    trial and with none twice.

    Args:
        study: where it all is noted.
        space: what to draw.
        settings: nested settings for all trials; they win over drawn ones.
        data_fingerprint: of the data.
        num_processes: of one trial.
        num_trials: in all, those of earlier processes counted.
        sampler: name of the sampler.
        seed: of the search.
        also: names of further objectives.
        after_write: called whenever the study has changed.
        patience: with the study's database.
        say: told when the study's database is away.
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
        after_write: Callable[[], None] = lambda: None,
        patience: Patience = USUAL,
        say: Callable[[str], None] = lambda _: None,
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
        self._after_write = after_write
        self._patience = patience
        self._say = say
        self._numbers: dict[str, int] = {}  # Tune's name for a trial -> the study's
        self._under_way: set[str] = set()
        self._lost_starts: Counter[int] = Counter()
        self._all_begun = False  # the study is not asked again and again what is left
        self._axes: dict[int, Axis] = {}
        finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL))
        self.num_ended = sum(TAKEN_OVER not in trial.user_attrs for trial in finished)
        self.interruption: str | None = None  # why no trial can go on

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Give Tune a trial: an unfinished one, or a new one. There may be more as long as one is under way."""
        while not self._all_begun and (trial := self._patiently(self._begin)) is not None:
            try:
                config = self._describe(trial)
            except ConfigError as error:
                self._end(trial.number, TrialState.FAIL, error=str(error))
                continue
            self._numbers[trial_id] = trial.number
            self._under_way.add(trial_id)
            return config
        self._all_begun = True
        return None if self._under_way else str(Searcher.FINISHED)

    def _begin(self) -> Trial | None:
        # also finds a trial whose beginning the database did not live to confirm
        taken = set(self._numbers.values())
        trials = [trial for trial in self._study.get_trials(deepcopy=False) if TAKEN_OVER not in trial.user_attrs]
        for trial in trials:
            if trial.state == TrialState.RUNNING and trial.number not in taken:
                return Trial(self._study, trial._trial_id)
        num_begun = sum(trial.state != TrialState.WAITING for trial in trials)
        if num_begun >= self.num_trials:
            return None
        sampler = make_sampler(self._sampler, self._seed, num_begun)
        return ask(self._study, sampler, self._space, {name: FURTHER_OBJECTIVES[name].worst for name in self._also})

    def _describe(self, trial: Trial) -> dict[str, Any]:
        def draw() -> dict[str, Any]:
            drawn: dict[str, Any] | None = trial.user_attrs.get(SETTINGS)
            if drawn is None:
                drawn = self._space.draw(trial)
                trial.set_user_attr(SETTINGS, drawn)
            return drawn

        drawn = self._patiently(draw)
        config = make_config(combine(self._settings, drawn))
        axis = Axis(
            phase_one_key(config, self._data_fingerprint, self._num_processes),
            config.phase_one.steps_per_epoch, config.phase_one.epochs, config.phase_two.epochs,
        )  # fmt: skip
        self._patiently(lambda: trial.set_user_attr(AXIS, list(axis)))
        self._after_write()
        self._axes[trial.number] = axis
        return {"number": trial.number, "drawn": drawn, "axis": axis}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Note a validation at its place on the axis of separator steps."""
        if PLACE in result:
            self._patiently(lambda: self._set(trial_id, PLACE, result[PLACE]))
        elif "excess" in result:
            self._patiently(lambda: self._note_size(trial_id, result.get("real_time_factor"), result["excess"]))
        elif "score" in result and not result.get("finished") and math.isfinite(result["score"]):
            self._report(trial_id, result)
        self._after_write()

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Note how a trial ended: complete, pruned or failed. One that the sweep broke off stays unfinished.

        So does one whose process died before it could begin, which Tune does not start again: it is suggested again.
        """
        self._under_way.discard(trial_id)
        number, result = self._numbers[trial_id], result or {}
        if error and not result:
            self._lost_starts[number] += 1
            if self._lost_starts[number] < MAX_STARTS:
                del self._numbers[trial_id]
                self._all_begun = False
                return
        if "interrupted" in result:
            self.interruption = result["interrupted"]
        elif LEFT_OUT in result:
            self._patiently(lambda: self._set(trial_id, LEFT_OUT, result[LEFT_OUT]))
            self._end(number, TrialState.PRUNED)
        elif error or "error" in result or not math.isfinite(result.get("score", math.nan)):
            self._end(number, TrialState.FAIL, error=str(result.get("error", "its process failed")))
        elif result.get("finished"):
            further = self._patiently(lambda: self._further(number))
            missing = [name for name in self._also if not math.isfinite(further.get(name, math.nan))]
            if missing:
                self._end(number, TrialState.FAIL, error=f"{missing[0]}: no validation song has one")
            else:
                values = [result["best_score"], *(further[name] for name in self._also)]
                self._end(number, TrialState.COMPLETE, values=values)
        else:
            self._report(trial_id, result)  # Tune does not pass on the result that a trial is stopped at
            self._end(number, TrialState.PRUNED)

    def begins_again(self, number: int) -> bool:
        """Say whether a trial that Tune calls failed waits for another start."""
        return number in self._lost_starts and number not in self._numbers.values()

    def _report(self, trial_id: str, result: dict[str, Any]) -> None:
        number = self._numbers[trial_id]
        axis = self._axes[number]
        kept = ("epoch", "best_score", "seconds", "reused_seconds", "separator_steps")
        progress = {key: result[key] for key in kept if key in result}

        def report() -> None:
            storage_id = self._storage_id(number)
            # not Trial.report, which studies of several objectives refuse
            self._study._storage.set_trial_intermediate_value(
                storage_id, axis.place(result["epoch"]).steps, float(result["score"])
            )
            self._study._storage.set_trial_user_attr(storage_id, PROGRESS, progress)
            measured = {
                name: float(result[metric])
                for name in self._also
                if (metric := FURTHER_OBJECTIVES[name].metric) is not None and metric in result
            }
            if measured and result["score"] == result["best_score"]:  # of the epoch whose weights are kept
                self._set(trial_id, FURTHER, self._further(number) | measured)

        self._patiently(report)

    def _end(
        self, number: int, state: TrialState, *, values: list[float] | None = None, error: str | None = None
    ) -> None:
        def tell() -> None:
            storage_id = self._storage_id(number)
            if self._study._storage.get_trial(storage_id).state.is_finished():
                return  # said before the database went away
            if error is not None:
                self._study._storage.set_trial_user_attr(storage_id, ERROR, error)
            self._study.tell(number, values=values, state=state)

        self._patiently(tell)
        self.num_ended += 1
        self._after_write()

    def _further(self, number: int) -> dict[str, float]:
        attributes = self._study._storage.get_trial(self._storage_id(number)).user_attrs
        return dict(attributes.get(FURTHER, {}))

    def _note_size(self, trial_id: str, speed: float | None, excess: list[tuple[str, float]]) -> None:
        trial = Trial(self._study, self._storage_id(self._numbers[trial_id]))
        for name, amount in excess:
            trial.set_constraint(name, amount)
        if speed is not None:
            self._set(trial_id, FURTHER, self._further(trial.number) | {"speed": speed})

    def _set(self, trial_id: str, key: str, value: Any) -> None:
        self._study._storage.set_trial_user_attr(self._storage_id(self._numbers[trial_id]), key, value)

    def _storage_id(self, number: int) -> int:
        return int(self._study._storage.get_trial_id_from_study_id_trial_number(self._study._study_id, number))

    def _patiently(self, function: Callable[[], Any]) -> Any:
        try:
            return patiently(function, self._patience, say=self._say)
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


class PruningScheduler(FIFOScheduler):  # type: ignore[misc]
    """Stops trials where a pruner says so.

    Args:
        pruner: judges them; None lets every trial go on.
    """

    def __init__(self, pruner: Pruner | None) -> None:
        super().__init__()
        self._pruner = pruner

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:  # noqa: ARG002
        """Judge a validation."""
        if self._pruner is None or "score" not in result or result.get("finished"):
            return str(TrialScheduler.CONTINUE)
        axis = Axis(*trial.config["axis"])
        goes_on = self._pruner.judge(
            trial.config["number"], axis.phase_one, axis.place(result["epoch"]), result["score"]
        )
        return str(TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP)


def replay(pruner: Pruner, trials: list[FrozenTrial]) -> None:
    """Set a pruner to where an earlier process left it.

    Args:
        pruner: a fresh one.
        trials: of the study.
    """
    for trial in trials:
        if AXIS not in trial.user_attrs or TAKEN_OVER in trial.user_attrs:
            continue
        axis = Axis(*trial.user_attrs[AXIS])
        for steps, score in sorted(trial.intermediate_values.items()):
            place = axis.place(0)._replace(steps=steps)
            pruner.replay(trial.number, axis.phase_one, place, score)
