"""Inner products of one song's mix, sources and estimates: all that choosing and weighting an ensemble needs of it.

The energy of an ensemble's error is quadratic in its weights, so a small matrix a song and band stands for the
estimates themselves, however long the song is.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dssgan.atomic import replacing
from dssgan.audio.stft import bands_of_bins
from dssgan.inference.overlap_add import DEFAULT_SETTINGS, SeparationSettings, separate_blocks
from dssgan.separators import SeparatorModel
from dssgan.separators.consistency import mixture_consistency
from dssgan.separators.ensemble import HOP_SAMPLES, N_FFT
from dssgan.types import Audio

_FORMAT = 3
_BLOCK_SAMPLES = 1 << 14  # what is in memory at a time; the frames are those of the whole song
_SUMMED_COLUMNS = 1 << 12
_WINDOW_ENERGY = 1.5 * N_FFT  # of a Hann window with a hop of a quarter, for a transform that is not normalised


@dataclass(frozen=True)
class SongProducts:
    """The products of one song.

    Args:
        gram: inner products of all signals with each other in each band, (bands, signals, signals), float64. The
            signals are every candidate's estimates of every source (candidate by candidate), the true sources, the mix.
        error: energy of each candidate's error, as `dssgan separate` gives its stems, (candidates, sources), float64.
        energy: energy of the true sources, (sources,), float64.
    """

    gram: Tensor
    error: Tensor
    energy: Tensor

    @property
    def num_sources(self) -> int:
        """Sources of the song."""
        return len(self.energy)

    @property
    def num_candidates(self) -> int:
        """Separators whose estimates are among the signals."""
        return len(self.error)

    def of(self, candidates: Sequence[int]) -> "SongProducts":
        """Leave other candidates out.

        Args:
            candidates: which to keep, in this order.
        """
        sources, total = self.num_sources, self.gram.shape[-1]
        signals = [index * sources + source for index in candidates for source in range(sources)]
        signals += range(total - sources - 1, total)
        return SongProducts(self.gram[:, signals][:, :, signals], self.error[list(candidates)], self.energy)


def song_products(
    candidates: Sequence[SeparatorModel], mix: Audio, reference: Audio, edges_hz: tuple[float, ...],
    settings: SeparationSettings = DEFAULT_SETTINGS,
) -> SongProducts:  # fmt: skip
    """Separate a song with every candidate, all of them in step, and keep the products of a block at a time.

    Args:
        candidates: separators of one sample rate, with the same channels and sources, each for this song.
        mix: (channels, samples), float32, at their rate.
        reference: its true sources, (sources, channels, samples).
        edges_hz: lower edges of the bands, Hz.
        settings: how the candidates are run.

    Returns:
        The products.
    """
    streams = [_evenly(separate_blocks(candidate, _blocks(mix), settings)) for candidate in candidates]
    return _accumulate((np.stack(blocks) for blocks in zip(*streams, strict=True)), mix, reference, edges_hz,
                       candidates[0].sample_rate)  # fmt: skip


def products_of_estimates(
    estimates: Audio, mix: Audio, reference: Audio, edges_hz: tuple[float, ...], sample_rate: int
) -> SongProducts:
    """Keep the products of estimates that are there already.

    Args:
        estimates: (candidates, sources, channels, samples).
        mix: (channels, samples).
        reference: (sources, channels, samples).
        edges_hz: lower edges of the bands, Hz.
        sample_rate: samples per second.
    """
    starts = range(0, mix.shape[-1], _BLOCK_SAMPLES)
    blocks = (estimates[..., start : start + _BLOCK_SAMPLES] for start in starts)
    return _accumulate(blocks, mix, reference, edges_hz, sample_rate)


def _blocks(mix: Audio) -> Iterator[Audio]:
    for start in range(0, mix.shape[-1], _BLOCK_SAMPLES):
        yield mix[:, start : start + _BLOCK_SAMPLES]


def _evenly(blocks: Iterable[Audio]) -> Iterator[Audio]:
    """Cut a stream of (sources, channels, samples) into blocks of one size, the last one shorter."""
    begun: list[Audio] = []  # parts of a block that is not full yet
    missing = _BLOCK_SAMPLES
    for block in blocks:
        position = 0
        while block.shape[-1] - position >= missing:
            begun.append(block[..., position : position + missing])
            yield begun[0] if len(begun) == 1 else np.concatenate(begun, axis=-1)
            position += missing
            begun, missing = [], _BLOCK_SAMPLES
        if position < block.shape[-1]:
            begun.append(block[..., position:].copy())  # a view would keep all of the block
            missing -= begun[-1].shape[-1]
    if begun:
        yield np.concatenate(begun, axis=-1)


def _accumulate(
    blocks: Iterable[Audio], mix: Audio, reference: Audio, edges_hz: tuple[float, ...], sample_rate: int
) -> SongProducts:
    band_of_bin = bands_of_bins(edges_hz, N_FFT, sample_rate)
    window = torch.hann_window(N_FFT)
    # a spectrum of real audio has each bin but the first and the last twice
    scale = torch.full((N_FFT // 2 + 1, 1), (2 / _WINDOW_ENERGY) ** 0.5)
    scale[[0, -1]] = (1 / _WINDOW_ENERGY) ** 0.5
    gram = torch.zeros(0, dtype=torch.float64)
    error = energy = torch.zeros((), dtype=torch.float64)
    # silence before the first sample and after the last, so that each lies in as many frames as all others
    waiting = torch.zeros(0)
    for signals, errors in _signals(blocks, mix, reference):
        if not len(gram):
            waiting = torch.zeros(*signals.shape[:-1], N_FFT - HOP_SAMPLES)
            gram = torch.zeros(len(edges_hz), len(signals), len(signals), dtype=torch.float64)
        if errors is not None:
            error = error + errors.double().square().sum(dim=(-2, -1))
            sources = signals[-1 - len(reference) : -1]
            energy = energy + sources.double().square().sum(dim=(-2, -1))
        waiting = torch.cat([waiting, signals], dim=-1)
        num_frames = max(0, (waiting.shape[-1] - N_FFT) // HOP_SAMPLES + 1)
        if num_frames:
            frames = waiting.unfold(-1, N_FFT, HOP_SAMPLES)  # (signals, channels, frames, window)
            spectra = torch.view_as_real(torch.fft.rfft(frames * window)).mul_(scale)
            for band in range(len(edges_hz)):
                rows = spectra[:, :, :, band_of_bin == band].flatten(1)
                for columns in rows.split(_SUMMED_COLUMNS, dim=1):
                    # short sums in float32, long ones in float64: errors are small differences of large energies
                    gram[band] += (columns @ columns.T).double()
        waiting = waiting[..., num_frames * HOP_SAMPLES :]
    return SongProducts(gram, error, energy)


def _signals(blocks: Iterable[Audio], mix: Audio, reference: Audio) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Put estimates, sources and mix side by side; beside them the errors of the stems; at the end, silence.

    Yields:
        (signals, channels, samples) and (candidates, sources, channels, samples) or None.
    """
    position = 0
    for block in blocks:
        estimates = torch.from_numpy(block)  # (candidates, sources, channels, samples)
        part = slice(position, position + block.shape[-1])
        position = part.stop
        own_mix, own_reference = torch.from_numpy(mix[:, part]), torch.from_numpy(reference[..., part])
        consistent = mixture_consistency(estimates, own_mix.expand(len(estimates), -1, -1))
        signals = torch.cat([estimates.flatten(0, 1), own_reference, own_mix[None]])
        yield signals, consistent - own_reference
    yield torch.zeros(*signals.shape[:-1], N_FFT - HOP_SAMPLES + -position % HOP_SAMPLES), None


@dataclass(frozen=True)
class ProductsCache:
    """Products on disk, by the content of songs and candidates, so that a second choice separates nothing again.

    A new candidate has products with every other one, so all of them are separated again when one is added.

    Args:
        folder: folder of the cache.
    """

    folder: Path

    def load(self, song: str, candidates: Sequence[str]) -> SongProducts | None:
        """Return a song's stored products with some candidates; None where they are not stored.

        Args:
            song: what identifies it and the bands.
            candidates: what identifies each.
        """
        for file in sorted(self.folder.glob(f"{song}-*.npz")):
            try:
                with np.load(file, allow_pickle=False) as stored:
                    known = [str(candidate) for candidate in stored["candidates"]]
                    if int(stored["format"]) != _FORMAT or not set(candidates) <= set(known):
                        continue
                    parts = (torch.from_numpy(stored[name]) for name in ("gram", "error", "energy"))
                    return SongProducts(*parts).of([known.index(candidate) for candidate in candidates])
            except (OSError, ValueError, KeyError, EOFError):  # half a file is as good as none
                continue
        return None

    def save(self, song: str, candidates: Sequence[str], name: str, products: SongProducts) -> None:
        """Keep a song's products.

        Args:
            song: what identifies it and the bands.
            candidates: what identifies each.
            name: name of this set of candidates.
            products: products of the song.

        Raises:
            WriteError: the file cannot be written.
        """
        with replacing(self.folder / f"{song}-{name}.npz") as temporary, temporary.open("wb") as file:
            np.savez(
                file, format=np.int64(_FORMAT), candidates=np.array(candidates), gram=products.gram.numpy(),
                error=products.error.numpy(), energy=products.energy.numpy(),
            )  # fmt: skip
