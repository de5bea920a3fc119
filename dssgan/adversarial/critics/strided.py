"""The strided-convolution critic on log magnitudes of Stoller, Ewert and Dixon."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from dssgan.adversarial.critics.base import Critic, Judgement
from dssgan.audio.stft import STFT, magnitude
from dssgan.errors import ConfigError

# A side of the map this short is not halved any more.
SMALLEST_SIDE = 4


class StridedCritic(Critic):
    """Halve a log-magnitude spectrogram with strided convolutions, then score it with two dense layers.

    Square 4x4 kernels until one side is 4 cells or less, then 4x2 kernels that halve the other side alone; leaky ReLU,
    no normalisation. A longer waveform is scored window by window. Source: Stoller, Ewert, Dixon 2017, section 3.2,
    arXiv 1711.00048 (after DCGAN, Radford et al. 2015, arXiv 1511.06434).

    Args:
        channels: audio channels.
        n_fft: STFT window, samples; its Nyquist bin is left out.
        hop_samples: STFT stride, samples.
        num_frames: frames of one window, a power of two.
        num_initial_filters: filters of the first convolution; each square one doubles them.
        num_dense: width of the first dense layer.
    """

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "parity": {"channels": 1, "n_fft": 512, "hop_samples": 256},
        "stereo": {"n_fft": 2048, "hop_samples": 512},
        "tiny": {"n_fft": 1024, "hop_samples": 512, "num_initial_filters": 8},
    }

    def __init__(
        self,
        *,
        channels: int = 2,
        n_fft: int = 2048,
        hop_samples: int = 512,
        num_frames: int = 64,
        num_initial_filters: int = 32,
        num_dense: int = 32,
    ) -> None:
        super().__init__()
        bins = n_fft // 2
        for name, value in (("n_fft", n_fft), ("num_frames", num_frames)):
            if value < 2 * SMALLEST_SIDE or value & (value - 1):
                raise ConfigError(f"{name}={value}: must be a power of two of at least {2 * SMALLEST_SIDE}")
        if not 0 < hop_samples <= n_fft // 2:
            raise ConfigError(f"hop_samples={hop_samples}: must be between 1 and half of n_fft={n_fft}")
        self.channels = channels
        self.num_frames = num_frames
        self.stft = STFT(n_fft, hop_samples)

        layers: list[nn.Module] = []
        width, filters, frames = channels, num_initial_filters, num_frames
        while min(bins, frames) > SMALLEST_SIDE:
            layers += [nn.Conv2d(width, filters, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
            width, filters, bins, frames = filters, 2 * filters, bins // 2, frames // 2
        while bins > SMALLEST_SIDE:
            # the short side keeps its length under a kernel of 2 when one column is added
            layers += [nn.ZeroPad2d((0, 1, 1, 1)), nn.Conv2d(width, width, (4, 2), stride=(2, 1)), nn.LeakyReLU(0.2)]
            bins //= 2
        while frames > SMALLEST_SIDE:
            layers += [nn.ZeroPad2d((1, 1, 0, 1)), nn.Conv2d(width, width, (2, 4), stride=(1, 2)), nn.LeakyReLU(0.2)]
            frames //= 2
        layers += [nn.Flatten(), nn.Linear(width * bins * frames, num_dense), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Linear(num_dense, 1, bias=False))

    def views(self, wave: Tensor) -> tuple[Tensor, ...]:
        """Turn waveforms into windows of log magnitudes.

        Args:
            wave: (batch, channels, samples).

        Returns:
            One view, (batch x windows, channels, bins, frames); what is left after the last whole window is not looked
            at.
        """
        spectrogram = self.stft(wave)[..., :-1, :]  # (B, C, F, T)
        logarithm = torch.log1p(magnitude(spectrogram))
        missing = max(0, self.num_frames - logarithm.shape[-1])
        windows = functional.pad(logarithm, (0, missing)).unfold(-1, self.num_frames, self.num_frames)
        return (windows.permute(0, 3, 1, 2, 4).flatten(0, 1),)  # (B, C, F, N, T) -> (B N, C, F, T)

    def judge(self, views: tuple[Tensor, ...]) -> Judgement:
        """Score windows: one score each."""
        (x,) = views
        maps = []
        for layer in self.layers:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                maps.append(x)
        return Judgement((x.squeeze(-1),), tuple(maps))
