"""Strokes cleaned by others that sound alike: a song plays the same drum a hundred times, and covers it differently."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from dssgan.audio.stft import STFT, bands_of_bins
from dssgan.errors import ConfigError
from dssgan.separators.base import require_positive

_NUM_BANDS, _LOWEST_HZ, _HIGHEST_HZ = 24, 40.0, 12000.0
_STROKE_SECONDS = 0.2  # of a stroke that are cleaned, or up to the next one
_FRAMES_BEFORE = 2  # a window sees an attack that early
_RISE_FRAMES = 6  # in which an attack is complete
_APART_SECONDS = 0.05
_LOCAL_SECONDS = 0.5
_RISE_DB = 1.0  # what an onset rises by above its surroundings, mean over the bands
_SHAPE_DB, _STROKE_DB, _LEVEL_DB = 30.0, 50.0, 60.0  # ranges of a shape, of strokes, and of levels
_MOST_GAIN = 4.0  # of an alike stroke in a band
_PRIOR = 0.1  # what the other bands count, against one that is all heard
_TINY = 1e-12


class StrokeRepair(nn.Module):
    """Pull each stroke towards what those that sound like it share, most where another source covers it.

    Onsets of each source but the last are found by spectral flux. Strokes whose attacks rise alike in all bands are
    taken for the same drum; they are aligned at their onsets, each brought to the stroke's own energy band by band, and
    a quantile of their magnitudes is what the stroke should have, weighted by how much they agree. The difference is
    taken from, or given to, the last source. It needs strokes that come again within a segment, and leaves others as
    they are. Source of the idea: Dittmar and Mueller 2016, "Reverse engineering the Amen break: score-informed
    separation and restoration applied to drum recordings", IEEE/ACM TASLP 24(9), whose dictionary of strokes comes from
    a score.

    Args:
        strength: how far, from 0 to 1.
        quantile: of alike strokes' magnitudes; more than the median gives attacks back what the separator left out.
        alike_db: mean difference between the attacks' bands up to which strokes are alike, loud bands counting most.
        neighbours: how many of the most alike strokes count.
        least: fewer than so many leave a stroke as it is.
        sample_rate: samples per second.
        n_fft: STFT window, samples.
        hop_samples: STFT stride, samples.

    Raises:
        ConfigError: a setting out of range.
    """

    band_of_bin: Tensor
    bins_of_band: Tensor

    def __init__(
        self,
        *,
        strength: float = 1.0,
        quantile: float = 0.8,
        alike_db: float = 5.0,
        neighbours: int = 12,
        least: int = 4,
        sample_rate: int = 44100,
        n_fft: int = 1024,
        hop_samples: int = 256,
    ) -> None:
        super().__init__()
        for name, value in {"strength": strength, "quantile": quantile}.items():
            if not 0 <= value <= 1:
                raise ConfigError(f"{name}={value}: must be from 0 to 1")
        require_positive(neighbours=neighbours, least=least)
        self.strength, self.quantile, self.alike_db = strength, quantile, alike_db
        self.neighbours, self.least = neighbours, least
        self.stft = STFT(n_fft, hop_samples)
        frames_a_second = sample_rate / hop_samples
        self.stroke_frames = max(round(_STROKE_SECONDS * frames_a_second), _RISE_FRAMES)
        self.apart_frames, self.local_frames = (
            round(seconds * frames_a_second) | 1 for seconds in (_APART_SECONDS, _LOCAL_SECONDS)
        )
        edges = torch.logspace(0, 1, _NUM_BANDS - 1, base=_HIGHEST_HZ / _LOWEST_HZ) * _LOWEST_HZ
        band_of_bin = bands_of_bins((0.0, *edges.tolist()), n_fft, sample_rate)
        self.register_buffer("band_of_bin", band_of_bin, persistent=False)
        self.register_buffer("bins_of_band", functional.one_hot(band_of_bin, _NUM_BANDS).T.float(), persistent=False)

    def forward(self, estimates: Tensor, mix: Tensor) -> Tensor:
        """Clean; see `BleedGate.forward`."""
        whole = self.stft(mix)
        result = estimates.clone()
        for source in range(estimates.shape[1] - 1):
            spectrogram = self.stft(estimates[:, source])
            change = torch.stack([self._change(*pair) for pair in zip(spectrogram, whole, strict=True)])
            moved = self.stft.inverse(change, mix.shape[-1])
            result[:, source] += moved
            result[:, -1] -= moved
        return result

    def _change(self, source: Tensor, mix: Tensor) -> Tensor:
        """Return what is to be added to a source's spectrogram: complex (channels, bins, frames), as `mix` is."""
        change = torch.zeros_like(source)
        power = source.abs().square().sum(dim=0)  # (F, T)
        bands = self.bins_of_band @ power  # (bands, T)
        onsets = self._onsets(bands)
        if len(onsets) <= self.least:
            return change
        power_of_mix = mix.abs().square().sum(dim=0)
        heard = _attack(bands, onsets) / (_attack(self.bins_of_band @ power_of_mix, onsets) + _TINY)
        distances_db = _distances_db(self._rises(bands, onsets), heard.T.clamp(max=1))
        near_db, alike = distances_db.topk(min(self.neighbours, len(onsets) - 1), largest=False)
        patches = _Patches(power.sqrt(), onsets - _FRAMES_BEFORE, self.stroke_frames)
        loudness = power_of_mix.sqrt()
        for stroke in range(len(onsets)):
            others = alike[stroke][near_db[stroke] <= self.alike_db]
            if len(others) < self.least:
                continue
            at = patches.span(stroke)
            have, most = patches.magnitude[:, at], loudness[:, at]
            heard = (have / (most + _TINY)).clamp(max=1)
            wanted, trust = self._shared(patches, stroke, others, heard)
            step = self.strength * trust * (1 - heard) * (wanted.minimum(most) - have)  # (F, frames)
            # what is too much goes as it is, what is missing is the mix's
            change[:, :, at] = torch.where(
                step > 0, mix[:, :, at] * (step / (most + _TINY)), source[:, :, at] * (step / (have + _TINY))
            )
        return change

    def _onsets(self, bands: Tensor) -> Tensor:
        """Return the frames where strokes begin, (strokes,), rising, out of the power of bands, (bands, frames)."""
        level = 10 * torch.log10(bands + bands.max() * 10 ** (-_LEVEL_DB / 10) + _TINY)
        flux = functional.pad(functional.relu(level[:, 2:] - level[:, :-2]).mean(dim=0), (1, 1))[None, None]
        highest = functional.max_pool1d(flux, self.apart_frames, 1, self.apart_frames // 2)
        around = functional.avg_pool1d(flux, self.local_frames, 1, self.local_frames // 2, count_include_pad=False)
        loud = 10 * torch.log10(bands.sum(dim=0) + _TINY)
        found = (flux == highest) & (flux > 1.5 * around + _RISE_DB)
        return (found[0, 0] & (loud > loud.max() - _STROKE_DB)).nonzero()[:, 0]

    def _rises(self, bands: Tensor, onsets: Tensor) -> Tensor:
        """Return by how much each band rises at each onset, dB below the band that rises most, (strokes, bands)."""
        before = torch.stack([bands[:, (onsets - frame).clamp(min=0)] for frame in (3, 4)]).mean(dim=0)
        rise = functional.relu(_attack(bands, onsets) - before).T
        floor = rise.amax(dim=1, keepdim=True) * 10 ** (-_SHAPE_DB / 10)
        rise_db = 10 * torch.log10(rise + floor + _TINY)
        return rise_db - rise_db.amax(dim=1, keepdim=True)

    def _shared(self, patches: "_Patches", stroke: int, others: Tensor, heard: Tensor) -> tuple[Tensor, Tensor]:
        """Return the magnitudes that alike strokes share, and from 0 to 1 how much they agree, (bins, frames) each.

        Args:
            patches: all strokes.
            stroke: which of them.
            others: those that sound like it.
            heard: how much of the mix the source is there, (bins, frames).
        """
        length, first = patches.lengths[stroke], patches.first_frame(stroke)
        own = patches.magnitude[:, patches.span(stroke)][None]
        theirs, is_there = (part[..., first:length] for part in patches.cut(others))
        is_there = is_there[:, None]  # (strokes, 1, frames)
        gain = self._gain(own * is_there, theirs * is_there, heard)[:, self.band_of_bin, None]
        scaled = torch.cat([torch.where(is_there, theirs * gain, torch.nan), own])
        wanted = scaled.nanquantile(self.quantile, dim=0)
        spread = (scaled - wanted).abs().nanquantile(0.5, dim=0)
        return wanted, 1 / (1 + (spread / (wanted + _TINY)).square())

    def _gain(self, own: Tensor, theirs: Tensor, heard: Tensor) -> Tensor:
        """Return what brings alike strokes to a stroke's level, (strokes, bands): by what is heard of it in each band.

        Where next to nothing of a band is heard, it is the gain of the other bands.
        """
        of_own, of_theirs, all_theirs = (
            power.sum(dim=-1) @ self.bins_of_band.T
            for power in (own.square() * heard, theirs.square() * heard, theirs.square())
        )
        whole = of_own.sum(dim=1, keepdim=True) / (of_theirs.sum(dim=1, keepdim=True) + _TINY)
        gain = (of_own + _PRIOR * whole * all_theirs) / (of_theirs + _PRIOR * all_theirs + _TINY)
        return gain.sqrt().clamp(1 / _MOST_GAIN, _MOST_GAIN)


def _attack(bands: Tensor, onsets: Tensor) -> Tensor:
    """Return the highest power of each band, (bands, frames), in the attacks: (bands, strokes)."""
    frames = onsets[:, None] + torch.arange(_RISE_FRAMES, device=onsets.device)
    return bands[:, frames.clamp(max=bands.shape[1] - 1)].amax(dim=-1)


class _Patches:
    """Strokes of a spectrogram, each up to the next one.

    Args:
        magnitude: (bins, frames).
        starts: first frame of each, rising; the first may lie before the spectrogram.
        num_frames: length at most.
    """

    def __init__(self, magnitude: Tensor, starts: Tensor, num_frames: int) -> None:
        self.magnitude = magnitude
        ends = torch.cat([starts[1:], starts.new_tensor([magnitude.shape[1]])])
        self.starts: list[int] = starts.tolist()
        self.lengths: list[int] = (ends - starts).clamp(max=num_frames).tolist()
        frames = starts[:, None] + torch.arange(num_frames, device=starts.device)
        self._is_there = (frames < ends[:, None]) & (frames >= 0)
        self._frames = frames.clamp(0, magnitude.shape[1] - 1)

    def first_frame(self, stroke: int) -> int:
        """Return the first frame of a stroke that is in the spectrogram, counted from the stroke's own start."""
        return max(0, -self.starts[stroke])

    def span(self, stroke: int) -> slice:
        """Return where a stroke lies in the spectrogram."""
        start = self.starts[stroke]
        return slice(max(start, 0), start + self.lengths[stroke])

    def cut(self, strokes: Tensor) -> tuple[Tensor, Tensor]:
        """Return strokes, (strokes, bins, frames), and which frames of them are there, (strokes, frames)."""
        return self.magnitude[:, self._frames[strokes]].transpose(0, 1), self._is_there[strokes]


def _distances_db(rises_db: Tensor, heard: Tensor) -> Tensor:
    """Return how unlike attacks are, whatever their levels: (strokes, strokes), infinite from each to itself.

    Args:
        rises_db: (strokes, bands).
        heard: how much of the mix each band of the source is then, from 0 to 1, of the same shape.
    """
    difference = rises_db[:, None] - rises_db[None]
    weights = (torch.maximum(rises_db[:, None], rises_db[None]) + _SHAPE_DB) * (heard[:, None] * heard[None] + _PRIOR)
    weights = weights / weights.sum(dim=-1, keepdim=True)
    difference = difference - (difference * weights).sum(dim=-1, keepdim=True)
    return (difference.abs() * weights).sum(dim=-1).fill_diagonal_(torch.inf)
