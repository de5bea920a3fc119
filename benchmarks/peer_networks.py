"""Other people's networks with their authors' losses, as separators of dssgan; `peers.py` trains them."""

import importlib.util
import sys
import types
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from dssgan.audio.stft import STFT, magnitude
from dssgan.separators import SeparatorModel


class OpenUnmix(SeparatorModel):
    """Open-Unmix's network for drums, with the mix's phase; the rest is what it leaves.

    Source: Stöter et al., "Open-Unmix, a reference implementation for music source separation", 2019; settings of its
    train.py: windows of 4096 at 1024, 512 units, nothing above 16 kHz read.
    """

    # mean and scale of the training mixes' bins, which every fresh network starts from, as in its authors' training
    scaler: ClassVar[tuple[Tensor, Tensor] | None] = None

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

        if self.scaler is not None:
            with torch.no_grad():
                self.network.input_mean.copy_(self.scaler[0])
                self.network.input_scale.copy_(self.scaler[1])

    def measure_scaler(self, mix: Tensor) -> tuple[Tensor, Tensor]:
        """Take the mean and the scale of each bin that is read from mixes, (batch, channels, samples)."""
        loud = magnitude(self.stft(mix)).mean(dim=1)  # (B, F, T)
        mean, deviation = loud.mean(dim=(0, 2)), loud.std(dim=(0, 2))
        num_bins = self.network.nb_bins
        return -mean[:num_bins].cpu(), 1 / deviation.clamp(min=1e-4 * float(deviation.max()))[:num_bins].cpu()

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
    """Open-Unmix's: mean squared error of the drums' magnitudes.

    Theirs is taken before the way back to a waveform, ours after it: magnitudes with the mix's phase fit no waveform
    quite.
    """

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


REQUIREMENTS = {"openunmix": "openunmix==1.3.0", "demucs": "demucs==4.1.0", "julius": "julius==0.2.8",
                "einops": "einops==0.8.2"}  # fmt: skip
# name -> modules it needs, settings; float32 where its authors' code is not made for autocast
PEERS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "open_unmix": (("openunmix",), {"supervised_loss": {"name": "magnitude"}, "learning_rate": 1e-3}),
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
