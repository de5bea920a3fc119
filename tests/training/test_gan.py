"""What each step learns from, with recordings that can be told apart, and which weights are kept."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_training import SETTINGS, config, run
from torch import Tensor

from dssgan.audio import files
from dssgan.data.audio_file import AudioFile
from dssgan.data.augment import Augment
from dssgan.data.dataset import Dataset, Track, Unpaired
from dssgan.errors import ConfigError
from dssgan.inference.separator import Separator
from dssgan.metrics.sdr import usdr
from dssgan.separators.bundle import load_bundle
from dssgan.training.checkpoint import read_checkpoint
from dssgan.training.gan import GAN
from dssgan.training.remixing import remix_estimates
from dssgan.training.settings import make_config
from dssgan.training.validation import Validation
from dssgan.training.world import World

RATE = 8192
PLAIN = {"remix": 0.0, "gain_db": (0.0, 0.0), "channel_swap": 0.0, "polarity": 0.0}
# the level of every recording: whatever a step is given says where it came from
PAIRED_DRUMS, PAIRED_OTHER, MIX, DRUMS, OTHER = 0.125, 0.0625, 0.5, 0.25, 0.375


@pytest.fixture
def levels(bundled: Dataset, tmp_path: Path) -> Dataset:
    """A data set whose recordings are constants."""

    def recording(name: str, level: float) -> AudioFile:
        files.write(tmp_path / f"{name}.wav", np.full((1, 3 * RATE), level, np.float32), RATE, "float32")
        return AudioFile.of(tmp_path / f"{name}.wav")

    pair = Track("pair", None, (recording("paired drums", PAIRED_DRUMS), recording("paired other", PAIRED_OTHER)))
    loose = Unpaired((recording("mix", MIX),), ((recording("drums", DRUMS),), (recording("other", OTHER),)))
    return replace(bundled, train_sup=(pair,), train_unsup=loose, test=())


def test_each_step_learns_from_its_own_recordings(
    levels: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    critic_step, semi_supervised_step = GAN.critic_step, GAN.semi_supervised_step
    given: list[tuple[str, Any]] = []

    def watched_critics(self: GAN, unpaired_mix: Tensor, real: Tensor) -> dict[str, float]:
        given.append(("critics", (unpaired_mix, real)))
        return critic_step(self, unpaired_mix, real)

    def watched_separator(self: GAN, *tensors: Tensor, alpha: float | None = None) -> dict[str, float]:
        given.append(("separator", (*tensors, alpha)))
        return semi_supervised_step(self, *tensors, alpha=alpha)

    monkeypatch.setattr(GAN, "critic_step", watched_critics)
    monkeypatch.setattr(GAN, "semi_supervised_step", watched_separator)
    settings = config(
        alpha=0.8, alpha_ramp_steps=4, critic_steps=2, augment=Augment(**PLAIN), critic_augment={"silence_db": -400.0}
    )
    run(tmp_path / "run", levels, settings)
    assert [kind for kind, _ in given] == ["critics", "critics", "separator"] * 6
    for kind, tensors in given:
        unpaired_mix, real = tensors[:2] if kind == "critics" else tensors[2:4]
        assert (unpaired_mix == MIX).all()
        assert (real[:, 0] == DRUMS).all()  # the critics' real sources are unpaired, never those of the pairs
        assert (real[:, 1] == OTHER).all()
        if kind == "separator":
            mix, sources = tensors[:2]
            assert (mix == PAIRED_DRUMS + PAIRED_OTHER).all()
            assert (sources[:, 0] == PAIRED_DRUMS).all()
            assert (sources[:, 1] == PAIRED_OTHER).all()
    alphas = [tensors[-1] for kind, tensors in given if kind == "separator"]
    assert alphas == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8, 0.8])  # the ramp goes on over epochs


def test_without_a_ramp_alpha_is_whole_from_the_first_step(
    levels: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    semi_supervised_step = GAN.semi_supervised_step
    alphas: list[float | None] = []

    def watched(self: GAN, *tensors: Tensor, alpha: float | None = None) -> dict[str, float]:
        alphas.append(alpha)
        return semi_supervised_step(self, *tensors, alpha=alpha)

    monkeypatch.setattr(GAN, "semi_supervised_step", watched)
    small = {"supervised_epochs": 1, "adversarial_epochs": 1, "steps_per_epoch": 2, "critic_steps": 1}
    run(tmp_path / "run", levels, config(alpha=0.8, alpha_ramp_steps=0, **small))
    assert alphas == [0.8, 0.8]


def batch() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    sources, real, others = (0.1 * torch.randn(3, 2, 1, RATE, generator=generator) for _ in range(3))
    return sources.sum(dim=1), sources, others.sum(dim=1), real


def make_gan(**changes: object) -> GAN:
    return GAN(config(**changes), World(), torch.device("cpu"), bf16=False)


def gradients(gan: GAN) -> Tensor:
    """What the last step left in the separator's parameters, in one row."""
    return torch.cat([weight.grad.flatten() for weight in gan.separator.parameters()])  # type: ignore[union-attr]


def test_adversarial_and_additivity_terms_are_of_unpaired_mixes(monkeypatch: pytest.MonkeyPatch) -> None:
    gan = make_gan(alpha=0.5, beta=0.5, feature_matching=1.0)
    mix, sources, unpaired_mix, real = batch()
    with torch.no_grad():
        of_pairs, of_unpaired = gan.separator(mix), gan.separator(unpaired_mix)
    given: dict[str, tuple[Tensor, ...]] = {}

    def watch(owner: object, name: str) -> None:
        original = getattr(owner, name)

        def watched(*tensors: Tensor) -> Tensor:
            given[name] = tensors
            return original(*tensors)  # type: ignore[no-any-return]

        monkeypatch.setattr(owner, name, watched)

    for owner, name in ((gan.critics, "separator_loss"), (gan.critics, "matching_loss"),
                        (gan.additivity_loss, "forward"), (gan.supervised_loss, "forward")):  # fmt: skip
        watch(owner, name)
        if owner is gan.additivity_loss:
            given["additivity"] = ()
    losses = gan.semi_supervised_step(mix, sources, unpaired_mix, real)
    torch.testing.assert_close(given["separator_loss"][0], of_unpaired)
    torch.testing.assert_close(given["separator_loss"][1], real)
    torch.testing.assert_close(given["matching_loss"][0], of_pairs)
    torch.testing.assert_close(given["matching_loss"][1], sources)
    expected = gan.additivity_loss(of_unpaired, unpaired_mix)
    assert losses["additivity"] == pytest.approx(float(expected), rel=1e-4)
    assert losses["supervised"] == pytest.approx(float(gan.supervised_loss(of_pairs, sources)), rel=1e-4)


def test_beta_weighs_additivity() -> None:
    found = []
    for beta in (0.0, 0.5, 1.0):
        gan = make_gan(alpha=0.0, beta=beta)
        gan.semi_supervised_step(*batch()[:3])
        found.append(gradients(gan))
    torch.testing.assert_close(found[2] - found[0], 2 * (found[1] - found[0]), rtol=1e-3, atol=1e-6)
    assert (found[1] - found[0]).norm() > 1e-4


@pytest.mark.parametrize("clip", [0.01, 1e9])
def test_gradients_are_clipped(clip: float) -> None:
    gan = make_gan(gradient_clip=clip)
    mix, sources, *_ = batch()
    told = gan.supervised_step(mix, sources)["gradient_norm"]
    left = gradients(gan).norm()
    assert told > 0.1
    assert float(left) == pytest.approx(min(told, clip), rel=1e-3)


def test_weight_decay_and_optimizer_reach_torch() -> None:
    gan = make_gan(optimizer="adamw", weight_decay=0.3, learning_rate=0.01, warmup_steps=4)
    assert isinstance(gan.separator_optimiser, torch.optim.AdamW)
    (group,) = gan.separator_optimiser.param_groups
    assert group["weight_decay"] == 0.3
    rates = []
    for _ in range(6):
        rates.append(group["lr"])
        gan.supervised_step(*batch()[:2])
    assert rates == pytest.approx([0.0025, 0.005, 0.0075, 0.01, 0.01, 0.01])


def test_averaged_weights_are_validated_and_kept(bundled: Dataset, tmp_path: Path) -> None:
    settings = config(ema_decay=0.9, learning_rate=1e-2, adversarial_epochs=0, supervised_epochs=1, steps_per_epoch=8)
    outcome, reports = run(tmp_path, bundled, settings)
    assert outcome is not None
    state, _ = read_checkpoint(tmp_path)
    average = {name.removeprefix("module."): value for name, value in state["average"].items() if "module." in name}
    raw, averaged = settings.build_separator(), settings.build_separator()
    raw.load_state_dict(state["separator"])
    averaged.load_state_dict(average)
    scores = {name: Validation(bundled, model, settings.phase_one.validation_seconds).run()["usdr/drums"]
              for name, model in (("raw", raw), ("averaged", averaged))}  # fmt: skip
    assert abs(scores["raw"] - scores["averaged"]) > 1e-3  # or the test would say nothing
    assert reports[-1]["score"] == pytest.approx(scores["averaged"], abs=1e-6)
    for name, value in load_bundle(outcome.bundle).state_dict().items():
        torch.testing.assert_close(value, average[name], rtol=0, atol=0)


SLOTS = {
    "separator": {"name": "tdf_unet", "slots": 2, "num_layers": 1, "num_initial_filters": 4, "n_fft": 512,
                  "hop_samples": 256, "sample_rate": 8192, "channels": 1},
    "alpha": 0.0, "beta": 0.0, "mixit": 0.1,
}  # fmt: skip


def test_mixtures_of_two_mixes_teach_without_sources() -> None:
    """The loss on them falls, and it reaches the separator: without it the same step ends elsewhere."""
    gan = make_gan(**SLOTS, learning_rate=3e-3, adversarial_learning_rate=3e-3)
    mix, sources, unpaired, _ = batch()
    losses = [gan.semi_supervised_step(mix, sources, unpaired)["mixit"] for _ in range(30)]
    assert losses[-1] < losses[0] - 0.1
    one, other = (make_gan(**{**SLOTS, "mixit": weight}) for weight in (0.1, 0.2))
    for each in (one, other):
        each.semi_supervised_step(mix, sources, unpaired)
    assert any(
        not torch.equal(one.separator.state_dict()[name], value) for name, value in other.separator.state_dict().items()
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"separator": {"slots": 1}}, r"separator\.slots=2"),
        ({"alpha": 0.1}, "alpha=0"),
        ({"batch_size": 1}, "batch_size=2"),
    ],
)
def test_what_mixit_needs_is_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_config(SETTINGS, SLOTS, changes)


def test_consistency_is_with_the_averaged_weights_on_remixed_estimates(monkeypatch: pytest.MonkeyPatch) -> None:
    gan = make_gan(alpha=0.0, beta=0.0, consistency=0.5, learning_rate=3e-3)
    mix, sources, unpaired, _ = batch()
    for _ in range(3):
        gan.supervised_step(mix, sources)  # from here on the averaged weights are others than the separator's
    student = copy.deepcopy(gan.separator)
    with torch.no_grad():
        labels = gan.averaged_separator(unpaired)
    assert not torch.allclose(labels, student(unpaired), atol=1e-4)
    remixed: list[tuple[Tensor, Tensor]] = []

    def watched(estimates: Tensor) -> tuple[Tensor, Tensor]:
        torch.testing.assert_close(estimates, labels)
        remixed.append(remix_estimates(estimates))
        return remixed[-1]

    monkeypatch.setattr("dssgan.training.gan.remix_estimates", watched)
    losses = gan.semi_supervised_step(mix, sources, unpaired)
    ((new_mix, new_sources),) = remixed
    with torch.no_grad():
        of_remixed, of_pairs = student(new_mix), student(mix)
    assert losses["consistency"] == pytest.approx(float(gan.supervised_loss(of_remixed, new_sources)), rel=1e-3)
    assert losses["supervised"] == pytest.approx(float(gan.supervised_loss(of_pairs, sources)), rel=1e-3)


def test_consistency_weighs_its_loss() -> None:
    found = []
    for weight in (0.5, 1.0, 1.5):
        gan = make_gan(alpha=0.0, beta=0.0, consistency=weight, gradient_clip=float("inf"))
        torch.manual_seed(0)
        gan.semi_supervised_step(*batch()[:3])
        found.append(gradients(gan))
    torch.testing.assert_close(found[2] - found[0], 2 * (found[1] - found[0]), rtol=1e-3, atol=1e-6)
    assert (found[1] - found[0]).norm() > 1e-4


def test_consistency_in_parts_is_that_of_the_whole_batch() -> None:
    found = []
    for parts in (1, 2):
        gan = make_gan(alpha=0.0, beta=0.0, consistency=1.0, accumulate=parts, supervised_loss={"name": "wave_stft"})
        torch.manual_seed(0)
        gan.semi_supervised_step(*batch()[:3])
        found.append(gradients(gan))
    torch.testing.assert_close(*found, rtol=1e-3, atol=1e-6)


def test_consistency_needs_two_excerpts() -> None:
    with pytest.raises(ConfigError, match="batch_size=2"):
        make_config(SETTINGS, {"consistency": 0.5, "batch_size": 1})


def test_the_average_follows_closely_at_first() -> None:
    gan = make_gan(ema_decay=0.999, learning_rate=0.1)
    before = {name: value.clone() for name, value in gan.separator.state_dict().items()}
    gan.supervised_step(*batch()[:2])  # the first update copies
    first = {name: value.clone() for name, value in gan.separator.state_dict().items()}
    gan.supervised_step(*batch()[:2])  # the second has the decay (1 + 1) / (10 + 1)
    for name, value in gan.averaged_separator.state_dict().items():
        expected = torch.lerp(first[name], gan.separator.state_dict()[name], 1 - 2 / 11)
        torch.testing.assert_close(value, expected, atol=1e-6, rtol=1e-5)
    assert before.keys() == first.keys()


def test_a_bundle_separates_as_its_score_says(bundled: Dataset, tmp_path: Path) -> None:
    outcome, _ = run(tmp_path, bundled, config(validation_seconds=60.0))
    assert outcome is not None
    separator = Separator.load(outcome.bundle)
    found = []
    for track in bundled.valid:
        mix, references = track.load(separator.sample_rate, separator.channels)
        stems = separator.separate(mix, separator.sample_rate)
        found.append(usdr(torch.from_numpy(np.stack(list(stems.values()))), torch.from_numpy(references))[0])
    assert outcome.score == pytest.approx(float(torch.stack(found).mean()), abs=1e-4)


def test_additivity_is_measured_against_what_the_separator_was_given() -> None:
    separator = {"name": "tdf_unet", "preset": "micro", "n_fft": 512, "hop_samples": 256, "heads": "independent",
                 "slots": 2, "sample_rate": RATE, "channels": 1}  # fmt: skip
    settings = config(separator=separator, alpha=0, beta=1.0, mixit=0.5, supervised_loss={"name": "wave_stft"})
    gan = GAN(settings, World(), torch.device("cpu"), bf16=False)
    mixes: list[Tensor] = []

    class Watched(torch.nn.Module):
        def __init__(self, loss: torch.nn.Module) -> None:
            super().__init__()
            self.loss = loss

        def forward(self, estimate: Tensor, mix: Tensor) -> Tensor:
            mixes.append(mix)
            loss: Tensor = self.loss(estimate, mix)
            return loss

    gan.additivity_loss = Watched(gan.additivity_loss)
    generator = torch.Generator().manual_seed(0)
    sources, unpaired = (torch.rand(2, *shape, generator=generator) for shape in ((2, 1, RATE), (1, RATE)))
    gan.semi_supervised_step(sources.sum(dim=1), sources, unpaired)
    (heard,) = mixes
    assert torch.equal(heard, unpaired + unpaired.flip(0))  # the sum of two mixes, as the separator hears
