"""Losses against numbers worked out by hand."""

import math

import pytest
import torch
from torch import nn

from dssgan.errors import ConfigError
from dssgan.losses.additivity import AdditivityLoss
from dssgan.losses.snr import SNRLoss
from dssgan.losses.supervised import LogMagnitudeLoss, WaveAndSTFTLoss


def test_log_magnitude_loss_by_hand() -> None:
    # a constant of 1 under a Hann window of 8: the frames in the middle have bins 4, -2, 0, 0, 0
    reference, estimate = torch.zeros(1, 2, 1, 64), torch.zeros(1, 2, 1, 64)
    estimate[:, 0] = 1.0
    loss = LogMagnitudeLoss(n_fft=8, hop_samples=4)
    middle = (math.log1p(4) ** 2 + math.log1p(2) ** 2) / 5
    # 17 frames; the two at the ends see half a window of ones: |2 - ...| worked out by the transform of w[4:8] alone
    half = [
        abs(
            sum(
                0.5
                * (1 - math.cos(math.pi * n / 4))
                * complex(math.cos(math.pi * k * n / 4), -math.sin(math.pi * k * n / 4))
                for n in range(4, 8)
            )
        )
        for k in range(5)
    ]
    first = sum(math.log1p(value) ** 2 for value in half) / 5
    half = [
        abs(
            sum(
                0.5
                * (1 - math.cos(math.pi * n / 4))
                * complex(math.cos(math.pi * k * n / 4), -math.sin(math.pi * k * n / 4))
                for n in range(4)
            )
        )
        for k in range(5)
    ]
    last = sum(math.log1p(value) ** 2 for value in half) / 5
    assert loss(estimate, reference).item() == pytest.approx((15 * middle + first + last) / 17, rel=1e-5)


def test_wave_and_stft_loss_by_hand() -> None:
    reference = torch.zeros(1, 2, 1, 64)
    assert WaveAndSTFTLoss(n_ffts=())(reference + 0.25, reference).item() == pytest.approx(0.25)
    # doubling the error doubles the loss, and no error costs nothing
    loss = WaveAndSTFTLoss(n_ffts=(16, 8))
    error = torch.randn(1, 2, 1, 64, generator=torch.Generator().manual_seed(0))
    assert loss(2 * error, reference).item() == pytest.approx(2 * loss(error, reference).item(), rel=1e-5)
    assert loss(error, error).item() == 0


def test_spectrograms_are_taken_every_half_window() -> None:
    error = torch.randn(1, 1, 1, 64, generator=torch.Generator().manual_seed(0))
    loss = WaveAndSTFTLoss(n_ffts=(16,))(error, torch.zeros_like(error)).item()
    spectrum = torch.stft(error.flatten(0, 2), 16, 8, window=torch.hann_window(16), center=True, pad_mode="constant",
                          return_complex=True)  # fmt: skip
    expected = error.abs().mean() + torch.view_as_real(spectrum).abs().mean() / 4
    assert loss == pytest.approx(expected.item(), rel=1e-5)


def test_snr_loss_by_hand() -> None:
    # a mix of energy 4: one source is off by 0.5, the other, which is silent, by 0.2
    reference = torch.tensor([[[[2.0, 0.0]], [[0.0, 0.0]]]])
    estimate = torch.tensor([[[[1.5, 0.0]], [[0.0, 0.2]]]])
    off, leak = (10 * math.log10(error / 4 + 0.1) for error in (0.25, 0.04))
    assert SNRLoss(octaves_weight=0.0)(estimate, reference).item() == pytest.approx((off + leak) / 2, abs=1e-4)
    assert SNRLoss(max_snr_db=20, octaves_weight=0.0)(reference, reference).item() == pytest.approx(-20, abs=1e-4)
    # a soft excerpt counts as much as a loud one
    assert SNRLoss(octaves_weight=0.0)(0.01 * estimate, 0.01 * reference).item() == pytest.approx(
        (off + leak) / 2, abs=1e-3
    )


def test_silence_is_worth_no_more_than_the_limit() -> None:
    # half of the mix's power is drums in one excerpt, none of it in the other
    mix = torch.randn(2, 1, 1, 30000, generator=torch.Generator().manual_seed(0))
    drums = mix * torch.tensor([math.sqrt(0.5), 0.0]).view(2, 1, 1, 1)
    # half of the drums with 1 % of the power of all against nothing at all: a limit of 30 dB would prefer nothing
    partly = 0.5 * drums + 0.1 * mix
    losses = {
        limit: [
            SNRLoss(max_snr_db=limit, octaves_weight=0.0)(
                torch.cat([estimate, mix - estimate], dim=1), torch.cat([drums, mix - drums], dim=1)
            ).item()
            for estimate in (partly, 0 * mix)
        ]
        for limit in (10.0, 30.0)
    }
    assert losses[10.0][0] < losses[10.0][1] - 1
    assert losses[30.0][0] > losses[30.0][1] + 0.5


def test_snr_in_octaves() -> None:
    # one octave is the whole band: an error a tenth of the mix, in every bin and frame
    mix = torch.randn(1, 1, 2, 30000, generator=torch.Generator().manual_seed(0))
    whole = SNRLoss(octaves=1, octaves_weight=1.0, n_fft=256)
    assert whole(0.9 * mix, mix).item() == pytest.approx(10 * math.log10(0.01 + 0.1), abs=1e-3)
    # all of a soft sound missing at 0.75 of half the rate beside a loud one at 0.375: lost in the whole ratio, and half
    # of that of two octaves, of which the lower one, all below half of half the rate, is exact
    time = torch.arange(30000, dtype=torch.float64) * math.pi
    fade = torch.hann_window(30000, dtype=torch.float64)
    loud, soft = ((fade * level * torch.sin(time * place)).float() for level, place in ((1.0, 0.375), (1e-3, 0.75)))
    mix = torch.stack([loud + soft, torch.zeros(30000)])[None, :, None]
    estimate = torch.stack([loud, torch.zeros(30000)])[None, :, None]
    assert SNRLoss(octaves_weight=0.0)(estimate, mix).item() == pytest.approx(-10, abs=0.01)
    two = SNRLoss(octaves=2, octaves_weight=1.0)(estimate, mix).item()
    upper = 10 * math.log10(1 + 0.1)
    assert two == pytest.approx(((upper - 10) / 2 - 10) / 2, abs=0.05)  # the other source, silent, is exact


def test_octaves_count_by_their_weights() -> None:
    # only the upper octave of the first source is off: 10 log10(1 + 0.1) dB there, -10 dB in all others
    time = torch.arange(30000, dtype=torch.float64) * math.pi
    fade = torch.hann_window(30000, dtype=torch.float64)
    lower, upper = ((fade * torch.sin(time * place)).float() for place in (0.375, 0.75))
    mix = torch.stack([lower + upper, torch.zeros(30000)])[None, :, None]
    estimate = torch.stack([lower, torch.zeros(30000)])[None, :, None]
    missing = 10 * math.log10(1 + 0.1)
    for weights, share in (((1, 1), 0.5), ((3, 1), 0.75), ((0, 2), 0.0)):
        loss = SNRLoss(octaves=2, octaves_weight=1.0, octave_weights=weights)(estimate, mix).item()
        first = share * missing - (1 - share) * 10
        assert loss == pytest.approx((first - 10) / 2, abs=0.05)


@pytest.mark.parametrize("weights", [(1, 1, 1), (1, -1), (0, 0)])
def test_there_is_a_weight_for_each_octave(weights: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="give 2 weights of 0 or more, the highest octave first"):
        SNRLoss(octaves=2, octave_weights=weights)


def test_octaves_must_fit() -> None:
    assert SNRLoss(octaves=3, n_fft=8).bands == [slice(3, 5), slice(2, 3), slice(0, 2)]
    with pytest.raises(ConfigError, match="choose between 1 and 3 with n_fft 8"):
        SNRLoss(octaves=4, n_fft=8)
    with pytest.raises(ConfigError, match=r"octaves_weight: 1\.5 is no weight"):
        SNRLoss(octaves_weight=1.5)


@pytest.mark.parametrize("domain", ["wave", "magnitude"])
def test_additivity_is_zero_for_an_exact_split_of_one_phase(domain: str) -> None:
    mix = torch.randn(2, 1, 512, generator=torch.Generator().manual_seed(0))
    loss = AdditivityLoss(domain=domain)
    assert loss(torch.stack([0.3 * mix, 0.7 * mix], dim=1), mix).item() == pytest.approx(0, abs=1e-8)
    assert loss(torch.stack([0.3 * mix, 0.3 * mix], dim=1), mix).item() > 1e-3


def test_additivity_of_waves_by_hand() -> None:
    mix = torch.ones(1, 1, 8)
    assert AdditivityLoss(domain="wave")(torch.full((1, 2, 1, 8), 0.25), mix).item() == pytest.approx(0.25)


@pytest.mark.parametrize("loss", [LogMagnitudeLoss(), WaveAndSTFTLoss(), SNRLoss(), AdditivityLoss()])
def test_silence_has_a_gradient(loss: nn.Module) -> None:
    estimate = torch.zeros(1, 2, 1, 2048, requires_grad=True)
    target = torch.zeros(1, 1, 2048) if isinstance(loss, AdditivityLoss) else torch.zeros(1, 2, 1, 2048)
    loss(estimate, target).backward()
    assert estimate.grad is not None
    assert torch.isfinite(estimate.grad).all()


def test_several_windows_count_as_their_mean() -> None:
    reference = torch.zeros(1, 2, 1, 64)
    error = torch.randn(1, 2, 1, 64, generator=torch.Generator().manual_seed(0))
    one, other = (WaveAndSTFTLoss(n_ffts=(n_fft,))(error, reference).item() for n_fft in (16, 8))
    assert WaveAndSTFTLoss(n_ffts=(16, 8))(error, reference).item() == pytest.approx((one + other) / 2, rel=1e-5)


def test_one_octave_is_the_least() -> None:
    assert SNRLoss(octaves=1).octave_shares == [1.0]
    with pytest.raises(ConfigError, match=r"supervised_loss\.octaves: 0; choose between 1 and 11"):
        SNRLoss(octaves=0)
