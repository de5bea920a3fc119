"""Events of a sweep, and what ends it."""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

import ray
import ray.tune

from dssgan.tuning.ray.messages import Failed, Finished, Interrupted, Message, Skipped, Validated, read_message
from dssgan.tuning.ray.resources import Waiting
from dssgan.tuning.ray.searcher import StudySearch
from dssgan.tuning.ray.trial import GIVEN_UP, TrialPlan
from dssgan.tuning.sweep_files import trial_name

MAX_CRASHES = 3  # of a trial's process without a validation between; a machine that is lost now and then ends no trial


@dataclass(frozen=True)
class Event:
    """A message of a trial, or its end.

    Args:
        number: number of the trial in the study.
        drawn: its settings by dotted key.
        message: what it reported last; None where its process ended before it reported anything.
        ended: whether the trial has ended.
        num_ended: number of trials that have ended, including those of earlier processes.
        num_trials: number of trials that were asked for.
    """

    number: int
    drawn: dict[str, Any]
    message: Message | None
    ended: bool
    num_ended: int
    num_trials: int


Listener = Callable[[Event], None]


class Stop(ray.tune.Stopper):  # type: ignore[misc]
    """Ends a sweep between two events: on Ctrl-C or SIGTERM, when its time is up, or when nothing can be written.

    Args:
        max_hours: hours from now after which the sweep ends; None for no limit.
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
        """Return whether the sweep ends now. Tune asks in each round of its loop."""
        if self.lost is None:
            self._waiting.look_now_and_then()
        late = self._deadline is not None and time.monotonic() > self._deadline
        return self.pressed or late or self._search.interruption is not None or self._taken_over()

    def lose_ray(self, process: str) -> None:
        """End the sweep at once: any further call would make Ray end this process silently."""
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
        plan: plan of the sweep.
        listener: called with the events.
        search: knows how many trials are over.
    """

    def __init__(self, plan: TrialPlan, listener: Listener, search: StudySearch) -> None:
        self._plan = plan
        self._listener = listener
        self._search = search
        self._crashes: dict[int, int] = {}
        self._epochs: dict[int, int] = {}

    def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **_: Any) -> None:  # noqa: ARG002
        number, message = trial.config["number"], read_message(result)
        # a trial that is started again repeats its last validation, which is no progress
        if isinstance(message, Validated) and message.epoch > self._epochs.get(number, 0):
            self._epochs[number] = message.epoch
            self._crashes.pop(number, None)
        if isinstance(message, Validated | Skipped | Failed | Finished):
            self._announce(trial, message, ended=False)

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **_: Any) -> None:  # noqa: ARG002
        self._free(trial)
        # Tune keeps every metric's extremes and last values of every trial: in a long sweep, most of what this process
        # grows by; the study has the history
        trial.run_metadata.metric_analysis.clear()
        trial.run_metadata.metric_n_steps.clear()
        message = read_message(trial.last_result)
        if not isinstance(message, Interrupted):
            self._announce(trial, message, ended=True)

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

    def _announce(self, trial: Any, message: Message | None, *, ended: bool) -> None:
        config, search = trial.config, self._search
        self._listener(Event(config["number"], config["drawn"], message, ended, search.num_ended, search.num_trials))

    def _free(self, trial: Any) -> None:
        if self._plan.claims is not None:
            self._plan.claims.free_all.remote(trial.config["number"])

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune pickles its callbacks


def _reason(trial: Any) -> str:
    """Return the last line of the error that ended a trial's process."""
    error = trial.get_error()
    if error is None:
        return "no reason is known; perhaps memory ran out"
    if isinstance(error, ray.exceptions.RayTaskError) and error.cause is not None:
        return f"{type(error.cause).__name__}: {' '.join(str(error.cause).split())[:200]}"
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1].strip()[:200] if lines else ''}"
