"""A third-party separator is trained further, and becomes a bundle of ours."""

from pathlib import Path

import pytest
import torch
from external_checkpoints import htdemucs, write_bag, write_demucs, write_msst, write_openunmix
from small_training import SETTINGS, config, run

from dssgan.data.dataset import Dataset
from dssgan.errors import ConfigError
from dssgan.separators.bundle import load_bundle, read_description
from dssgan.separators.loading import find_model
from dssgan.training.settings import make_config

pytestmark = pytest.mark.slow

SUPERVISED = {"phase_two": {"epochs": 0}, "supervised_epochs": 1, "steps_per_epoch": 2, "alpha": 0.0, "beta": 0.0}


def reference_of(family: str, folder: Path) -> str:
    write = {
        "demucs": lambda: write_demucs(folder, "net", htdemucs()),
        "msst": lambda: write_msst(folder, "scnet")[0],
        "openunmix": lambda: write_openunmix(folder),
    }
    return f"{family}:{write[family]()}"


@pytest.mark.parametrize("family", ["demucs", "msst", "openunmix"])
def test_it_starts_from_its_weights_and_ends_as_a_bundle(family: str, tmp_path: Path, bundled: Dataset) -> None:
    reference = reference_of(family, tmp_path / "theirs")
    own = {key: value for key, value in SETTINGS.items() if key != "separator"}
    frozen = {**SUPERVISED, "start_from": reference, "learning_rate": 1e-30}
    outcome, _ = run(tmp_path / "frozen", bundled, make_config(own, frozen))
    assert outcome is not None
    for name, value in load_bundle(outcome.bundle).state_dict().items():
        if not name.endswith(("running_mean", "running_var", "num_batches_tracked")):  # of batches, whatever the rate
            torch.testing.assert_close(value, find_model(reference).load().state_dict()[name], atol=1e-6, rtol=0)
    description = read_description(outcome.bundle)
    assert description["sources"] == ["drums", "other"]
    assert description["parents"][0]["credits"] == [reference]

    moved, reports = run(tmp_path / "moved", bundled, make_config(own, {**frozen, "learning_rate": 1e-3}))
    assert moved is not None
    assert reports[-1]["score"] != pytest.approx(outcome.score, abs=1e-6)
    mix = 0.1 * torch.randn(1, 2, 9000)
    with torch.inference_mode():
        assert find_model(moved.bundle).load()(mix).shape == (1, 2, 2, 9000)


def test_what_is_no_single_network_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"start_from=default: cannot be trained further .*name one of its members"):
        config(start_from="default")
    with pytest.raises(ConfigError, match=r"start_from=demucs:nothing: .*unknown demucs model"):
        config(start_from="demucs:nothing")
    folder = write_bag(tmp_path, "two", [htdemucs(0), htdemucs(1)], None)
    assert len(find_model(f"demucs:{folder}").load().arguments["networks"]) == 2  # a bag is one network of ours
