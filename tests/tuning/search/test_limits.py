"""What a separator may take: measured once, described in words, kept by a real sweep."""

import json
from pathlib import Path

import pytest

from dssgan.data.dataset import Dataset
from dssgan.runs.store import FolderStore
from dssgan.training.settings import make_config
from dssgan.tuning.ray.events import Event
from dssgan.tuning.ray.messages import Skipped
from dssgan.tuning.ray.sweep import run_sweep
from dssgan.tuning.search.limits import Limits, Size, measure
from dssgan.tuning.search.options import SearchOptions
from dssgan.tuning.search.space import SearchSpace

SMALL = {
    "separator": {"name": "unet", "num_initial_filters": 2, "n_fft": 512, "hop_samples": 256, "sample_rate": 8192,
                  "channels": 1},
    "supervised_loss": {"name": "log_magnitude"}, "precision": "float32", "segment_seconds": 1.0, "batch_size": 2,
    "steps_per_epoch": 1, "supervised_epochs": 1, "adversarial_epochs": 0, "validation_seconds": 2.0, "media": False,
}  # fmt: skip
SPACE = """
def space(trial):
    trial.suggest_categorical("separator.num_layers", [1, 5])
"""


def test_limits_by_hand() -> None:
    limits, size = Limits(min_speed=12, max_parameters=5e6), Size(6_000_000, 0.125)  # 8 x real time
    assert limits.excess(size) == pytest.approx({"min_speed": 0.5, "max_parameters": 0.2})
    assert limits.describe(size) == (
        "8 x real time, --min-speed asks for 12; 6000000 parameters, --max-parameters allows 5000000"
    )
    assert limits.excess(Size(5_000_000, 1 / 24)) == pytest.approx({"min_speed": -0.5, "max_parameters": 0.0})
    assert limits.describe(Size(5_000_000, 1 / 24)) is None
    assert Limits().excess(size) == {}


def test_an_architecture_is_measured_once(tmp_path: Path) -> None:
    store, config = FolderStore(tmp_path), make_config(SMALL, {"separator": {"num_layers": 2}})
    first = measure(config, store, with_speed=True)
    assert first.parameters == sum(parameter.numel() for parameter in config.build_separator().parameters())
    assert 0 < first.real_time_factor < 1
    # what is known is not measured again, whatever else the training does
    assert measure(make_config(SMALL, {"separator": {"num_layers": 2}, "alpha": 0.5}), store, with_speed=True) == first
    (file,) = (tmp_path / "architectures").glob("*.json")
    assert json.loads(file.read_text())["separator"]["num_layers"] == 2
    # a size is measured without the speed where nobody asks for that, and with it when somebody does
    small = make_config(SMALL, {"separator": {"num_layers": 1}})
    assert measure(small, store, with_speed=False).real_time_factor is None
    assert measure(small, store, with_speed=True).real_time_factor is not None
    assert measure(small, store, with_speed=False).real_time_factor is not None  # it is known now
    assert len(list((tmp_path / "architectures").glob("*.json"))) == 2


@pytest.mark.slow
@pytest.mark.xdist_group("ray")  # one Ray at a time
def test_a_sweep_leaves_out_what_is_too_large(tmp_path: Path, bundled: Dataset) -> None:
    sizes = {
        layers: sum(
            parameter.numel()
            for parameter in make_config(SMALL, {"separator": {"num_layers": layers}}).build_separator().parameters()
        )
        for layers in (1, 5)
    }
    limit = (sizes[1] + sizes[5]) / 2
    events: list[Event] = []
    result = run_sweep(
        SearchSpace("space.py", SPACE), bundled, tmp_path / "sweep", settings=SMALL, name="limited",
        options=SearchOptions(5, sampler="random", max_parameters=limit, pruner="none"), listener=events.append,
    )  # fmt: skip
    by_layers = {layers: [trial for trial in result.trials if trial.params["separator.num_layers"] == layers]
                 for layers in (1, 5)}  # fmt: skip
    assert by_layers[1]
    assert by_layers[5]
    assert {trial.state for trial in by_layers[1]} == {"complete"}
    for trial in by_layers[5]:
        assert trial.state == "left out"
        assert f"{sizes[5]} parameters" in str(trial.left_out)
        assert (trial.score, trial.bundle, trial.error) == (None, None, None)
    assert len(list((tmp_path / "sweep" / "architectures").glob("*.json"))) == 2
    told = [event for event in events if isinstance(event.message, Skipped) and not event.ended]
    assert {event.number for event in told} == {trial.number for trial in by_layers[5]}
