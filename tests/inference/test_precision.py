"""bf16 is used where it costs nothing that is heard, and that is measured once."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from dssgan.inference import precision
from dssgan.inference.overlap_add import SeparationSettings
from dssgan.inference.precision import MAX_DIFFERENCE_DB, choose_precision, difference_db
from dssgan.inference.separator import Separator
from dssgan.separators.base import SeparatorModel
from dssgan.separators.bundle import save_bundle

CPU = torch.device("cpu")


class Halves(SeparatorModel):
    """Half of the mix each; under bf16 with noise of a given level on the drums, or with no number at all."""

    def __init__(self, noise: float) -> None:
        super().__init__(("drums", "other"), 44100, 2)
        self.noise = noise
        self.passes = 0

    def forward(self, mix: Tensor) -> Tensor:
        self.passes += 1
        noise = self.noise if torch.is_autocast_enabled("cpu") else 0.0
        power = mix.square().mean().sqrt() / 2
        sign = torch.ones(mix.shape[-1])
        sign[::2] = -1
        return torch.stack([mix / 2 + noise * power * sign, mix / 2], dim=1)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, on a processor that is faster with bf16."""
    monkeypatch.setattr(precision, "cache_folder", lambda name: tmp_path / name)
    monkeypatch.setattr(precision, "uses_bf16", lambda _precision, _device: True)
    return tmp_path


def test_what_bf16_costs_worked_out_by_hand() -> None:
    # noise 30 dB below the stem, on top of an error 10 dB below it: 10 log10(1 + 0.001 / 0.1); mixture consistency
    # gives half of the noise's amplitude to each stem
    assert difference_db(Halves(2 * 10 ** (-30 / 20)), SeparationSettings()) == pytest.approx(0.0432, abs=1e-3)
    assert difference_db(Halves(0.0), SeparationSettings()) == 0
    assert difference_db(Halves(float("nan")), SeparationSettings()) == float("inf")


@pytest.mark.parametrize(("noise", "chosen"), [(0.0, "bf16"), (0.2, "float32"), (float("inf"), "float32")])
def test_bf16_must_be_as_good(noise: float, chosen: str) -> None:
    assert choose_precision(Halves(noise), SeparationSettings(), CPU, None) == chosen


def test_what_is_measured_is_remembered(here: Path) -> None:
    model = Halves(0.0)
    for fingerprint, passes in (("a", 2), ("a", 2), ("b", 4), (None, 6), (None, 8)):
        assert choose_precision(model, SeparationSettings(), CPU, fingerprint) == "bf16"
        assert model.passes == passes
    for file in (here / "precision").iterdir():
        file.write_text("{")
    assert choose_precision(model, SeparationSettings(), CPU, "a") == "bf16"
    assert model.passes == 10


def test_a_processor_without_bf16_measures_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "uses_bf16", lambda _precision, _device: False)
    model = Halves(0.0)
    assert choose_precision(model, SeparationSettings(), CPU, None) == "float32"
    assert model.passes == 0


def test_a_network_passes(tmp_path: Path, network: SeparatorModel) -> None:
    save_bundle(tmp_path / "tiny", "tdf_unet", network, metadata={})
    separator = Separator.load(tmp_path / "tiny", "cpu", precision="auto")
    assert separator.settings.precision == "bf16"
    assert difference_db(separator.model, separator.settings) < MAX_DIFFERENCE_DB
    mix = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 30000)).astype(np.float32)
    stems = separator.separate(mix, 44100)
    np.testing.assert_allclose(sum(stems.values()), mix, atol=1e-6)


class Uneven(Halves):
    """A tenth of the mix and the rest; under bf16 with noise between them."""

    def forward(self, mix: Tensor) -> Tensor:
        noise = super().forward(mix)[:, 0] - mix / 2
        return torch.stack([mix / 10 + noise, mix * 0.9], dim=1)


def test_bf16_must_be_as_good_for_the_worst_source() -> None:
    # noise of 0.02 of the mix, of which consistency leaves each stem half: 0.01 against 0.1 of the mix is -20 dB, on
    # top of an error 10 dB below it; for the other source it would be -39 dB
    assert difference_db(Uneven(0.04), SeparationSettings()) == pytest.approx(10 * np.log10(1 + 0.01 / 0.1), abs=1e-3)
