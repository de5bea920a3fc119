"""Separators of Open-Unmix (github.com/sigsep/open-unmix-pytorch): a mask for the drums, and what it leaves.

The network is written again here, from its description (Stöter, Uhlich, Liutkus, Mitsufuji 2019), with the parameters'
names of its checkpoints: the package itself imports torchaudio, whose wheel needs another build of torch than ours.
"""

import json
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from dssgan.errors import ConfigError, ModelError
from dssgan.separators.base import SeparatorModel, require_positive
from dssgan.separators.external.download import RemoteFile
from dssgan.separators.external.family import Family, KnownModel, load_weights, read_checkpoint
from dssgan.types import DRUMS, OTHER

_BANDWIDTH_HZ = 16_000


class _Mask(nn.Module):
    """Magnitudes of the mix to a mask: a dense layer, three of a BLSTM with a skip connection, two dense layers."""

    def __init__(self, num_bins: int, num_input_bins: int, channels: int, hidden_size: int, num_layers: int) -> None:
        super().__init__()
        self.num_bins, self.num_input_bins = num_bins, num_input_bins
        self.fc1 = nn.Linear(num_input_bins * channels, hidden_size, bias=False)
        self.bn1 = nn.BatchNorm1d(hidden_size)
        self.lstm = nn.LSTM(
            hidden_size, hidden_size // 2, num_layers, bidirectional=True, dropout=0.4 if num_layers > 1 else 0.0
        )
        self.fc2 = nn.Linear(2 * hidden_size, hidden_size, bias=False)
        self.bn2 = nn.BatchNorm1d(hidden_size)
        self.fc3 = nn.Linear(hidden_size, num_bins * channels, bias=False)
        self.bn3 = nn.BatchNorm1d(num_bins * channels)
        self.input_mean = nn.Parameter(torch.zeros(num_input_bins))
        self.input_scale = nn.Parameter(torch.ones(num_input_bins))
        self.output_scale = nn.Parameter(torch.ones(num_bins))
        self.output_mean = nn.Parameter(torch.ones(num_bins))

    def forward(self, magnitude: Tensor) -> Tensor:
        """Return the mask, (batch, channels, bins, frames), for magnitudes of the same shape."""
        bands = magnitude[:, :, : self.num_input_bins].permute(3, 0, 1, 2)  # (frames, batch, channels, bins)
        num_frames, batch, channels, _ = bands.shape
        bands = ((bands + self.input_mean) * self.input_scale).flatten(2)
        coded = torch.tanh(self.bn1(self.fc1(bands).flatten(0, 1))).unflatten(0, (num_frames, batch))
        both = torch.cat([coded, self.lstm(coded)[0]], dim=-1).flatten(0, 1)
        decoded = self.bn3(self.fc3(functional.relu(self.bn2(self.fc2(both)))))
        mask = decoded.reshape(num_frames, batch, channels, self.num_bins) * self.output_scale + self.output_mean
        return functional.relu(mask).permute(1, 2, 3, 0)


class OpenUnmix(SeparatorModel):
    """Open-Unmix's network of one source, and the rest of the mix.

    Args:
        n_fft: window of the transform, samples.
        hop_samples: hop from one window to the next.
        num_input_bins: number of lowest bins of the spectrum that are the network's input; None for those below 16 kHz.
        hidden_size: hidden size of its layers.
        num_layers: number of layers of the recurrent network.
        sample_rate: Hz.
        channels: audio channels.
        segment_seconds: length of the excerpts that it is run on.
        sources: names of the estimates: drums, and everything else.
    """

    window: Tensor

    def __init__(
        self,
        n_fft: int = 4096,
        hop_samples: int = 1024,
        num_input_bins: int | None = None,
        hidden_size: int = 512,
        num_layers: int = 3,
        sample_rate: int = 44100,
        channels: int = 2,
        segment_seconds: float = 20.0,
        sources: tuple[str, ...] = (DRUMS, OTHER),
    ) -> None:
        require_positive(n_fft=n_fft, hop_samples=hop_samples, hidden_size=hidden_size, num_layers=num_layers)
        if tuple(sources) != (DRUMS, OTHER):
            raise ConfigError("open_unmix: has the sources drums and other")
        super().__init__(tuple(sources), sample_rate, channels)
        self.n_fft, self.hop_samples, self.hidden_size, self.num_layers = n_fft, hop_samples, hidden_size, num_layers
        self.num_input_bins, self.segment_seconds = num_input_bins, segment_seconds
        num_bins = n_fft // 2 + 1
        bands = num_input_bins or min(num_bins, int(_BANDWIDTH_HZ * n_fft / sample_rate) + 1)
        self.mask = _Mask(num_bins, bands, channels, hidden_size, num_layers)
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, mix: Tensor) -> Tensor:
        """Separate; see `SeparatorModel.forward`."""
        num_samples = mix.shape[-1]
        # its own transform reflects at the ends, which needs more samples than half a window
        padded = functional.pad(mix, (0, max(0, self.n_fft // 2 + 1 - num_samples)))
        with torch.autocast(mix.device.type, enabled=False):
            spectrum = torch.stft(
                padded.flatten(0, 1).float(), self.n_fft, self.hop_samples, window=self.window, return_complex=True
            ).unflatten(0, mix.shape[:2])
        mask = self.mask(spectrum.abs())
        with torch.autocast(mix.device.type, enabled=False):
            drums = torch.istft(
                (spectrum * mask.float()).flatten(0, 1), self.n_fft, self.hop_samples, window=self.window,
                length=padded.shape[-1],
            ).unflatten(0, mix.shape[:2])[..., :num_samples]  # fmt: skip
        return torch.stack([drums, mix - drums], dim=1)


def _zenodo(record: str, file: str) -> tuple[RemoteFile, ...]:
    # the name ends with the first digits of the file's SHA-256
    return (
        RemoteFile(f"https://zenodo.org/records/{record}/files/{file}", file, file.removesuffix(".pth").split("-")[-1]),
    )


class OpenUnmixFamily(Family):
    """Checkpoints of Open-Unmix 1.x for drums."""

    name: ClassVar[str] = "openunmix"
    about: ClassVar[str] = "Open-Unmix: its BLSTM for drums, and what that leaves of the mix"
    takes: ClassVar[str] = "a folder with drums.pth, drums.json and separator.json"
    known: ClassVar[dict[str, KnownModel]] = {
        "umxhq": KnownModel(
            "trained on MUSDB18-HQ", _zenodo("3370489", "drums-9619578f.pth"), "MIT",
            "MUSDB18-HQ (research and education)",
        ),
        "umxl": KnownModel(
            "trained on more songs", _zenodo("5069601", "drums-69e0ebd4.pth"), "CC-BY-NC-SA-4.0",
            "MUSDB18-HQ (research and education) and songs that are not published",
        ),
    }  # fmt: skip

    def load(self, path: Path) -> SeparatorModel:
        """Load a folder; without its JSON files it is one of the published models."""
        if not path.is_dir():
            raise ModelError(f"{path}: is no folder; give {self.takes}")
        found = sorted(path.glob("drums*.pth"))
        if len(found) != 1:
            raise ModelError(f"{path}: holds {len(found)} checkpoints of drums (drums*.pth); keep one")
        settings = _settings(path)
        state = read_checkpoint(found[0])
        try:
            settings["hidden_size"] = state["bn1.weight"].shape[0]
            settings["num_input_bins"] = state["input_mean"].shape[0]
            settings["num_layers"] = sum(name.startswith("lstm.weight_ih_l") for name in state) // 2
            model = OpenUnmix(**settings)
        except (KeyError, TypeError, AttributeError, ConfigError) as error:
            raise ModelError(f"{found[0]}: is no checkpoint of Open-Unmix ({error})") from error
        own = model.mask.state_dict()
        # checkpoints of its first version also hold the transform's window
        load_weights(str(found[0]), model.mask, {name: value for name, value in state.items() if name in own})
        return model.eval()


def _settings(folder: Path) -> dict[str, Any]:
    file = folder / "separator.json"
    if not file.exists():
        return {}
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        return {
            "n_fft": stored["nfft"], "hop_samples": stored["nhop"], "channels": stored["nb_channels"],
            "sample_rate": int(stored["sample_rate"]),
        }  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{file}: cannot be read ({error}); copy the folder again") from error
