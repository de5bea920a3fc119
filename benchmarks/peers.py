"""Other people's networks beside ours: each trained for the same time on the same songs, then scored.

    pip install --no-deps --target peers openunmix==1.3.0 demucs==4.1.0 julius einops
    PYTHONPATH=peers python benchmarks/peers.py --data songs.json

Open-Unmix's network for drums and Hybrid Demucs come from their authors' packages, with their authors' losses and
learning rates; HDemucs also with a quarter of its channels, since the published size takes few steps in minutes on a
processor. All see the same excerpts in the same loop, on their own, one after another; what was trained already is not
trained again.
"""

import argparse
import importlib.util
import sys
import time
import types
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from machine import describe
from synthetic import scores
from torch import Tensor, nn

from dssgan.atomic import write_text
from dssgan.audio.stft import STFT, magnitude
from dssgan.data.dataset import Dataset
from dssgan.inference.device import choose_device, uses_bf16
from dssgan.losses import SUPERVISED_LOSSES
from dssgan.separators import SEPARATORS, SeparatorModel
from dssgan.training.batches import Batches
from dssgan.training.config import TrainConfig, make_config, parse_overrides
from dssgan.training.gan import GAN
from dssgan.training.phases import train
from dssgan.training.world import World

EPOCH_SECONDS = 40
OURS = {"tdf_unet": {}, "band_split": {}, "sc_lite": {}}
SCALER_BATCHES = 20


class TimeIsUpError(Exception):
    """Ends a training."""


class OpenUnmix(SeparatorModel):
    """Open-Unmix's network for drums, with the mix's phase; the rest is what it leaves.

    Source: Stöter et al., "Open-Unmix, a reference implementation for music source separation", 2019; settings of its
    train.py: windows of 4096 at 1024, 512 units, nothing above 16 kHz read.
    """

    def __init__(
        self,
        *,
        sources: tuple[str, ...] = ("drums", "other"),
        sample_rate: int = 44100,
        channels: int = 2,
        hidden: int = 512,
    ) -> None:
        super().__init__(sources, sample_rate, channels)
        self.hidden = hidden
        self.stft = STFT(4096, 1024)
        read_bins = round(16000 / sample_rate * 4096)
        self.network = _open_unmix_network()(nb_bins=2049, nb_channels=channels, hidden_size=hidden, max_bin=read_bins)

    def fit_scaler(self, mix: Tensor) -> None:
        """Take the mean and the scale of each bin from mixes, (batch, channels, samples)."""
        loud = magnitude(self.stft(mix)).mean(dim=1)  # (B, F, T)
        mean, scale = loud.mean(dim=(0, 2)), loud.std(dim=(0, 2))
        num_bins = self.network.nb_bins
        with torch.no_grad():
            self.network.input_mean.copy_(-mean[:num_bins])
            self.network.input_scale.copy_(1 / scale.clamp(min=1e-4 * float(scale.max()))[:num_bins])

    def forward(self, mix: Tensor) -> Tensor:
        """Separate; see `SeparatorModel.forward`."""
        spectrogram = self.stft(mix)
        loud = magnitude(spectrogram)
        drums = self.stft.inverse(self.network(loud).float() / loud * spectrogram, mix.shape[-1])
        return torch.stack([drums, mix - drums], dim=1)


class HDemucs(SeparatorModel):
    """Hybrid Demucs. Source: Defossez, "Hybrid spectrogram and waveform source separation", 2021, arXiv 2111.03600."""

    def __init__(
        self,
        *,
        sources: tuple[str, ...] = ("drums", "other"),
        sample_rate: int = 44100,
        channels: int = 2,
        width: int = 48,
    ) -> None:
        from demucs.hdemucs import HDemucs as Network

        super().__init__(sources, sample_rate, channels)
        self.width = width
        self.network = Network(list(sources), audio_channels=channels, channels=width, samplerate=sample_rate)

    def forward(self, mix: Tensor) -> Tensor:
        """Separate; see `SeparatorModel.forward`."""
        return self.network(mix).float()  # type: ignore[no-any-return]


class MagnitudeLoss(nn.Module):
    """Open-Unmix's: mean squared error of the drums' magnitudes."""

    def __init__(self) -> None:
        super().__init__()
        self.stft = STFT(4096, 1024)

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """Compare; shapes as in `WaveAndSTFTLoss.forward`."""
        error = magnitude(self.stft(estimate[:, 0])) - magnitude(self.stft(reference[:, 0]))
        return error.square().mean()


class WaveLoss(nn.Module):
    """Hybrid Demucs's: mean absolute error of waveforms."""

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """Compare; shapes as in `WaveAndSTFTLoss.forward`."""
        return nn.functional.l1_loss(estimate, reference)


# name -> modules it needs, settings; float32 where its authors' code is not made for autocast
PEERS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "open_unmix": (("openunmix",), {"supervised_loss": {"name": "magnitude"}}),
    "hdemucs": (
        ("demucs", "julius", "einops"),
        {"supervised_loss": {"name": "wave"}, "learning_rate": 3e-4, "precision": "float32"},
    ),
    "hdemucs_small": (
        ("demucs", "julius", "einops"),
        {"separator": {"name": "hdemucs", "width": 12}, "supervised_loss": {"name": "wave"}, "learning_rate": 3e-4,
         "precision": "float32"},
    ),
}  # fmt: skip


def _open_unmix_network() -> Any:
    """Import the network alone: the rest of the package wants torchaudio, which has no build for every torch."""
    if "openunmix" not in sys.modules:
        spec = importlib.util.find_spec("openunmix")
        assert spec is not None
        package = types.ModuleType("openunmix")
        package.__path__ = list(spec.submodule_search_locations or [])
        transforms = types.ModuleType("openunmix.transforms")
        vars(transforms).update(make_filterbanks=None, ComplexNorm=None)  # its own transforms, which are not used here
        sys.modules |= {"openunmix": package, "openunmix.transforms": transforms}
    return importlib.import_module("openunmix.model").OpenUnmix


def main() -> None:
    """Train what is not trained yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the bundled songs by default")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each network")
    parser.add_argument("--only", choices=[*OURS, *PEERS], action="append", help="may be given again")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/peers"))
    parser.add_argument("settings", nargs="*", help="KEY=VALUE for all networks")
    arguments = parser.parse_args()
    dataset = Dataset.load(arguments.data)
    SEPARATORS.update(open_unmix=OpenUnmix, hdemucs=HDemucs)
    SUPERVISED_LOSSES.update(magnitude=MagnitudeLoss, wave=WaveLoss)
    names = [name for name in (*OURS, *PEERS) if name in (arguments.only or (*OURS, *PEERS))]
    lines = []
    for name in names:
        modules, own = PEERS.get(name, ((), {"separator": {"name": name, "preset": "tiny"}}))
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        if missing:
            lines.append(f"{name:14} is left out: pip install --no-deps --target peers {' '.join(missing)}")
            continue
        config = make_config(
            {"separator": {"name": name}, "alpha": 0.0, "beta": 0.0, "adversarial_epochs": 0, "media": False,
             "supervised_epochs": 100_000, "patience": 100_000},
            own, parse_overrides(arguments.settings),
        )  # fmt: skip
        kept = arguments.output / f"{name}-{arguments.minutes:g}.txt"
        if not kept.exists():
            write_text(kept, run(name, config, dataset, arguments.output / name, arguments.minutes))
        lines.append(f"{name:14} {kept.read_text(encoding='utf-8')}")
    print(f"\n{arguments.minutes:g} minutes each, {len(dataset.test)} test songs, {describe()}; drums uSDR / cSDR, dB")
    print(f"{'network':14} {'parameters':>10} {'steps':>6} {'music, x real time':>19} {'valid uSDR':>10} {'test':>15}")
    print("\n".join(lines))


def run(name: str, config: TrainConfig, dataset: Dataset, folder: Path, minutes: float) -> str:
    """Train one network for some minutes and give its line of the table."""
    device = choose_device(config.device)
    gan = GAN(config, World(), device, bf16=uses_bf16(config.precision, device))
    pairs = Batches(config, dataset, gan.separator, 0, device).pairs(0)
    gan.supervised_step(*next(pairs))
    started = time.monotonic()
    gan.supervised_step(*next(pairs))
    seconds = time.monotonic() - started
    # validations as often for the slow as for the fast
    config = config.model_copy(update={"steps_per_epoch": max(1, round(EPOCH_SECONDS / seconds))})
    if isinstance(gan.separator, OpenUnmix):
        gan.separator.fit_scaler(torch.cat([next(pairs)[0] for _ in range(SCALER_BATCHES)]))
        _start_from(gan.separator)
    last: dict[str, float] = {}

    def report(metrics: dict[str, float], _folder: Path) -> None:
        last.update(metrics)
        print(
            f"{name}: epoch {metrics['epoch']:.0f}, {metrics['score']:.2f} dB, {metrics['seconds']:.0f} s", flush=True
        )
        if metrics["seconds"] >= 60 * minutes:
            raise TimeIsUpError

    with suppress(TimeIsUpError):
        train(config, dataset, folder, report=report)
    steps = int(last["separator_steps"])
    rate = steps * config.batch_size * config.segment_seconds / last["seconds"]
    num_parameters = sum(parameter.numel() for parameter in gan.separator.parameters())
    usdr, csdr = scores(folder / "bundle", dataset.test)
    return f"{num_parameters / 1e6:9.2f}M {steps:6d} {rate:19.1f} {last['best_score']:10.2f} {usdr:7.2f} /{csdr:6.2f}"


def _start_from(separator: OpenUnmix) -> None:
    """Let every fresh Open-Unmix have the training data's mean and scale, as its authors' training has."""
    mean, scale = separator.network.input_mean.detach().clone(), separator.network.input_scale.detach().clone()

    class Scaled(OpenUnmix):
        def __init__(self, *, hidden: int = 512) -> None:
            super().__init__(hidden=hidden)
            with torch.no_grad():
                self.network.input_mean.copy_(mean)
                self.network.input_scale.copy_(scale)

    SEPARATORS["open_unmix"] = Scaled


if __name__ == "__main__":
    main()
