"""What happens in a sweep: told to who listens, and what ends it."""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

import ray
import ray.tune

from dssgan.tuning.attributes import LEFT_OUT
from dssgan.tuning.resources import Waiting
from dssgan.tuning.search import StudySearch
from dssgan.tuning.trial import GIVEN_UP, TrialPlan, trial_name

MAX_CRASHES = 3  # of a trial's process without a validation between; a machine that is lost now and then ends no trial


@dataclass(frozen=True)
class Event:
    """What happened in a sweep: a validation, or a trial's end.

    Args:
        number: of the trial.
        drawn: its settings by dotted key.
        metrics: of the validation; empty where none was reached.
        ended: whether the trial is over.
        num_ended: trials that are over, those of earlier processes counted.
        num_trials: in all.
    """

    number: int
    drawn: dict[str, Any]
    metrics: dict[str, Any]
    ended: bool
    num_ended: int
    num_trials: int


Listener = Callable[[Event], None]


class Stop(ray.tune.Stopper):  # type: ignore[misc]
    """Ends a sweep between two events: on Ctrl-C or SIGTERM, when its time is up, or when nothing can be written.

    Args:
        max_hours: from now; None for no limit.
        search: knows of full disks.
        taken_over: whether another process runs this sweep now.
        waiting: reports what the sweep waits for.
    """

    def __init__(
        self, max_hours: float | None, search: StudySearch, taken_over: Callable[[], bool], waiting: Waiting
    ) -> None:
        self._waiting = waiting
        self._deadline = None if max_hours is None else time.monotonic() + 3600 * max_hours
        self._search = search
        self._taken_over = taken_over
        self._before: dict[int, Any] = {}
        self.pressed = False
        self.lost: str | None = None  # which of Ray's processes is gone

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:  # noqa: ARG002
        return False

    def stop_all(self) -> bool:
        """Say whether it is over. Tune asks in each round of its loop."""
        if self.lost is None:
            self._waiting.look_now_and_then()
        late = self._deadline is not None and time.monotonic() > self._deadline
        return self.pressed or late or self._search.interruption is not None or self._taken_over()

    def lose_ray(self, process: str) -> None:
        """End the sweep at once: any further call would have Ray end this process without a word."""
        self.lost = process
        signal.raise_signal(signal.SIGINT)

    def __enter__(self) -> "Stop":
        if threading.current_thread() is threading.main_thread():
            self._before = {each: signal.signal(each, self._press) for each in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _press(self, _number: int, _frame: FrameType | None) -> None:
        if self.lost is not None:
            raise KeyboardInterrupt  # Tune lets this through, without an attempt to stop its trials
        self.pressed = True
        self._restore()  # a second one is not waited for

    def _restore(self) -> None:
        for each, before in self._before.items():
            signal.signal(each, before)

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune pickles it


class Watch(ray.tune.Callback):  # type: ignore[misc]
    """Passes Tune's events on, frees what ended trials held, and gives up trials that crash again and again.

    Args:
        plan: of the sweep.
        listener: told of the events.
        search: knows how many trials are over.
    """

    def __init__(self, plan: TrialPlan, listener: Listener, search: StudySearch) -> None:
        self._plan = plan
        self._listener = listener
        self._search = search
        self._crashes: dict[int, int] = {}
        self._epochs: dict[int, int] = {}

    def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **_: Any) -> None:  # noqa: ARG002
        number, epoch = trial.config["number"], int(result.get("epoch", 0))
        if epoch > self._epochs.get(number, 0):  # one that goes on repeats its last validation, which is no progress
            self._epochs[number] = epoch
            self._crashes.pop(number, None)
        if any(key in result for key in ("score", "error", LEFT_OUT)):
            self._tell(trial, result, ended=False)

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **_: Any) -> None:  # noqa: ARG002
        self._free(trial)
        # Tune keeps every metric's extremes and last values of every trial: in a long sweep, most of what this process
        # grows by; the study has the history
        trial.run_metadata.metric_analysis.clear()
        trial.run_metadata.metric_n_steps.clear()
        if "interrupted" not in (trial.last_result or {}):
            self._tell(trial, trial.last_result or {}, ended=True)

    def on_trial_recover(self, iteration: int, trials: Any, trial: Any, **_: Any) -> None:  # noqa: ARG002
        number = trial.config["number"]
        self._free(trial)
        self._crashes[number] = self._crashes.get(number, 0) + 1
        if self._crashes[number] >= MAX_CRASHES:
            reason = f"its process ended {MAX_CRASHES} times without a validation between ({_reason(trial)})"
            self._plan.store.write_text(f"{trial_name(number)}/{GIVEN_UP}", reason)

    def on_trial_error(self, iteration: int, trials: Any, trial: Any, **_: Any) -> None:
        if self._search.begins_again(trial.config["number"]):
            self._free(trial)
        else:
            self.on_trial_complete(iteration, trials, trial)

    def _tell(self, trial: Any, metrics: dict[str, Any], *, ended: bool) -> None:
        config, search = trial.config, self._search
        self._listener(Event(config["number"], config["drawn"], metrics, ended, search.num_ended, search.num_trials))

    def _free(self, trial: Any) -> None:
        if self._plan.claims is not None:
            self._plan.claims.free_all.remote(trial.config["number"])

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune pickles its callbacks


def _reason(trial: Any) -> str:
    """Give the last line of what ended a trial's process."""
    error = trial.get_error()
    if error is None:
        return "no reason is known; perhaps memory ran out"
    if isinstance(error, ray.exceptions.RayTaskError) and error.cause is not None:
        return f"{type(error.cause).__name__}: {' '.join(str(error.cause).split())[:200]}"
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1].strip()[:200] if lines else ''}"
