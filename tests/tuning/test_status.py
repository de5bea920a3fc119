"""Where a sweep stands, from a study whose trials are written by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from click.testing import CliRunner
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from dssgan.cli.sweep.status import command, duration
from dssgan.errors import ConfigError
from dssgan.runs.record import SWEEP, RecordedData, RunRecord, read_record, write_record
from dssgan.runs.store import FolderStore
from dssgan.tuning.results import SweepResult, TrialResult, pareto_front
from dssgan.tuning.search.attributes import AXIS, ERROR, LEFT_OUT, MACHINE, PROGRESS, TAKEN_OVER
from dssgan.tuning.search.storage import default_url
from dssgan.tuning.status import read_status

AXIS_OF_ALL = ["key", 100, 8, 2]  # 100 steps an epoch, 8 and 2 epochs


def trial(state: TrialState, alpha: float, *, score: float | None = None, epoch: int = 0, seconds: float = 0.0,
          reused: float = 0.0, phases: tuple[int, int] = (1, 1), **attributes: Any) -> FrozenTrial:  # fmt: skip
    progress = {
        "epoch": epoch, "best_score": score, "seconds": seconds, "reused_seconds": reused,
        "phase": phases[0], "best_phase": phases[1],
    }  # fmt: skip
    return create_trial(
        state=state, value=score if state == TrialState.COMPLETE else None, params={"alpha": alpha},
        distributions={"alpha": FloatDistribution(0, 1)},
        user_attrs={AXIS: AXIS_OF_ALL, **({PROGRESS: progress} if epoch else {}), **attributes},
    )  # fmt: skip


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    folder = tmp_path / "sweeps" / "mine"
    folder.mkdir(parents=True)
    study = optuna.create_study(storage=default_url(folder), study_name="mine", direction="maximize")
    study.add_trials([
        trial(TrialState.COMPLETE, 0.1, score=3.0, epoch=10, seconds=3600, phases=(2, 1)),
        trial(TrialState.PRUNED, 0.9, score=1.0, epoch=4, seconds=1200),  # 400 of 1000 steps
        trial(TrialState.COMPLETE, 0.2, score=4.0, epoch=10, seconds=1200, reused=2400, phases=(2, 2)),
        trial(TrialState.FAIL, 0.5, epoch=1, seconds=0, **{ERROR: "diverged; lower learning_rate"}),
        trial(TrialState.PRUNED, 0.6, **{LEFT_OUT: "8 x real time, --min-speed asks for 12"}),
        trial(TrialState.RUNNING, 0.3, score=2.0, epoch=5, seconds=600, **{MACHINE: "node-7, 1 CPU, 0.5 GPU (GPU 0)"}),
        trial(TrialState.RUNNING, 0.4),
        trial(TrialState.COMPLETE, 0.4, score=9.0, epoch=10, seconds=1e6, **{TAKEN_OVER: "earlier"}),
    ])  # fmt: skip
    details = {
        "study": "mine", "options": {"num_trials": 9}, "workers": {"num": 2, "cpus": 1, "gpus": 0.5}, "study_url": None,
    }  # fmt: skip
    write_record(FolderStore(folder), RunRecord(SWEEP, {}, RecordedData("songs"), details))
    return folder


def test_status_by_hand(sweep: Path) -> None:
    status = read_status(FolderStore(sweep))
    assert [found.state for found in status.result.trials] == [
        "complete", "pruned", "complete", "fail", "left out", "running", "running",
    ]  # fmt: skip
    assert [found.phase_two for found in status.result.trials] == ["did not improve", "", "improved", "", "", "", ""]
    # two workers on half a GPU each: one GPU-hour an hour; 3600 + 1200 + 1200 + 600 s of their own
    assert status.costs.unit == "GPU-hours"
    assert status.costs.spent == pytest.approx(6600 / 3600)
    assert status.costs.saved_by_sharing == pytest.approx(2400 / 3600)
    assert status.costs.saved_by_stopping == pytest.approx(1200 / 400 * 600 / 3600)
    assert [found.number for found in pareto_front(status.result)] == [2]
    first, second = status.running
    assert (first.steps, first.last, first.seconds, first.machine) == (
        500, 1000, 600.0, "node-7, 1 CPU, 0.5 GPU (GPU 0)",
    )  # fmt: skip
    assert (second.steps, second.machine) == (0, "")
    # five have ended, of 1200 s in the mean; four are left, two at a time, and 600 s of one are done
    assert status.seconds_left == pytest.approx((4 * 1200 - 600) / 2)
    assert status.num_trials == 9


def test_the_pareto_front_by_hand() -> None:
    def trial(number: int, score: float, onsets: float, factor: float, state: str = "complete") -> TrialResult:
        further = {"onset_sdr": onsets, "speed": factor}
        return TrialResult(number, state, {}, score, further, 1, 1.0, None, None, None)

    trials = (
        trial(0, 5.0, 6.0, 0.10),
        trial(1, 5.0, 6.0, 0.20),  # slower than 0, else the same
        trial(2, 4.0, 7.0, 0.20),
        trial(3, 4.0, 6.0, 0.05),
        trial(4, 6.0, 5.0, 0.30),
        trial(5, 3.0, 6.5, 0.20),  # worse than 2
        trial(6, 9.0, 9.0, 0.01, "pruned"),
        trial(7, 5.0, 6.0, 0.10),  # the same as 0
    )
    assert [trial.number for trial in pareto_front(SweepResult(FolderStore(Path()), trials))] == [4, 0, 7, 2, 3]


def test_the_command_shows_it(sweep: Path) -> None:
    done = CliRunner().invoke(command, ["mine", "-o", str(sweep.parent)])
    assert done.exit_code == 0, done.output
    shown = done.output
    assert "2 complete, 1 pruned, 1 fail, 1 left out, 2 running, of 9; about 35 min left" in shown
    for words in ("did not improve", "improved", "node-7, 1 CPU, 0.5 GPU (GPU 0)", "500 of 1000",
                  "diverged; lower learning_rate", "8 x real time",
                  "GPU-hours"):  # fmt: skip
        assert words in shown
    assert shown.index("4.00") < shown.index("3.00") < shown.index("1.00")


def test_watching_ends_with_the_sweep(sweep: Path) -> None:
    record = read_record(FolderStore(sweep), SWEEP)
    details = {**record.details, "options": {"num_trials": 5}}
    write_record(FolderStore(sweep), replace(record, details=details))
    done = CliRunner().invoke(command, ["mine", "-o", str(sweep.parent), "--watch"])
    assert done.exit_code == 0, done.output


def test_no_sweep_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no sweep; check the name"):
        read_status(FolderStore(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (89, "89 s"), (95, "2 min"), (3540, "59 min"), (12000, "3 h 20 min")]
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words
