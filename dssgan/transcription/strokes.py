"""Strokes in the pieces of a kit: when each drum was struck, and how hard."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from dssgan.atomic import replacing
from dssgan.audio.resample import StreamResampler
from dssgan.errors import ModelError
from dssgan.synthesis.score import STEMS, Hit
from dssgan.transcription.network import KINDS, STEM_NAMES, StrokeNetwork
from dssgan.transcription.spectra import FRAME_RATE, NUM_BANDS, SAMPLE_RATE, SpectrumStream
from dssgan.types import Audio

_BLOCK_FRAMES = 2000
_APART_FRAMES = 1  # a stroke is stronger than this many frames before and after it; flams are three apart
_SPAN = {stem: slice(KINDS.index(pieces[0]), KINDS.index(pieces[-1]) + 1) for stem, pieces in STEMS.items()}
_STROKE_FRAMES = 4  # in which a stroke is loudest
_LOUD = 0.9  # quantile of a song's strokes on a piece that counts as its loud ones
_SOFTEST = 1 / 127
_LEAST = 0.05  # strength below which nothing is a candidate


@dataclass(frozen=True)
class Candidate:
    """A place where a stroke may be.

    Attributes:
        seconds: when.
        stem: the piece it is on.
        strength: how sure the network is, 0 to 1.
        kind: which drum of that piece.
        velocity: how hard, 0 to 1, by the frames around it.
        level: how loud it is in its piece, as the spectra measure it.
    """

    seconds: float
    stem: str
    strength: float
    kind: str
    velocity: float
    level: float


@dataclass(frozen=True)
class StrokeModel:
    """What strokes are found with.

    Attributes:
        network: hears them, in evaluation mode.
        thresholds: strength for each stem from which on a candidate is a stroke.
        velocities: for each stem the weights of `velocity_features`.
        about: what it was trained on, for people.
    """

    network: StrokeNetwork
    thresholds: Mapping[str, float]
    velocities: Mapping[str, Sequence[float]]
    about: Mapping[str, Any] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write it as one file of safetensors, in half precision."""
        tensors = {name: tensor.half().contiguous() for name, tensor in self.network.state_dict().items()}
        facts = {"thresholds": dict(self.thresholds), "velocities": {k: list(v) for k, v in self.velocities.items()}}
        with replacing(path) as temporary:
            save_file(tensors, temporary, {"strokes": json.dumps(facts | {"about": dict(self.about)}, sort_keys=True)})

    @classmethod
    def load(cls, path: Path) -> "StrokeModel":
        """Read what `save` wrote.

        Raises:
            ModelError: it cannot be read.
        """
        try:
            with safe_open(path, "pt") as file:
                facts = json.loads(file.metadata()["strokes"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no dictionary)
            network = StrokeNetwork()
            network.load_state_dict({
                name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()
            })  # fmt: skip
            return cls(network.eval(), facts["thresholds"], facts["velocities"], facts["about"])
        except (OSError, SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise ModelError(f"{path}: is no model of strokes ({error}); install dssgan again") from error


class StrokeStream:
    """Find strokes in a stream of pieces, block by block, in memory that grows with the strokes alone.

    Args:
        network: hears them, in evaluation mode.
        sample_rate: of the pieces, Hz.
    """

    def __init__(self, network: StrokeNetwork, sample_rate: int) -> None:
        self._network = network
        count = len(STEM_NAMES)
        self._resampler = None if sample_rate == SAMPLE_RATE else StreamResampler(sample_rate, SAMPLE_RATE, count)
        self._spectra = SpectrumStream(count)
        # silence before the first frame, so that every frame has its context
        self._margin = network.context_frames + _APART_FRAMES + 1
        self._frames = np.zeros((self._margin, count, NUM_BANDS), np.float32)
        self._first = 0  # number of the first frame that has not been looked at
        self._candidates: list[Candidate] = []

    def push(self, pieces: Audio) -> None:
        """Take samples.

        Args:
            pieces: (pieces, channels, samples), in the order of `STEM_NAMES`.
        """
        mono = pieces.mean(axis=1)
        spectra = self._spectra.push(mono if self._resampler is None else self._resampler.push(mono))
        self._frames = np.concatenate([self._frames, spectra])
        if len(self._frames) >= _BLOCK_FRAMES:
            self._listen()

    def finish(self) -> list[Candidate]:
        """Return the candidates of the whole stream, in order; nothing can be pushed any more."""
        rest = [] if self._resampler is None else [self._spectra.push(self._resampler.flush())]
        silence = np.zeros((self._margin, *self._frames.shape[1:]), np.float32)
        self._frames = np.concatenate([self._frames, *rest, self._spectra.flush(), silence])
        self._listen()
        return sorted(self._candidates, key=lambda one: (one.seconds, one.stem))

    def of_spectra(self, spectra: NDArray[np.float32]) -> list[Candidate]:
        """Return the candidates of a whole song whose spectra are there already: (frames, pieces, bands)."""
        self._frames = np.concatenate([self._frames, spectra])
        return self.finish()

    def _listen(self) -> None:
        """Look at the frames that have their context on both sides, and keep the context of the next ones."""
        inside = slice(self._margin, len(self._frames) - self._margin)
        with torch.inference_mode():
            heard = self._network(torch.from_numpy(self._frames)[None])
        self._candidates += _candidates(
            self._frames, torch.sigmoid(heard.onsets)[0].numpy(), heard.kinds[0].numpy(), heard.velocities[0].numpy(),
            inside, self._first,
        )  # fmt: skip
        self._first += inside.stop - inside.start
        self._frames = self._frames[inside.stop - self._margin :]


def _candidates(
    frames: NDArray[np.float32], strengths: NDArray[np.float32], kinds: NDArray[np.float32],
    velocities: NDArray[np.float32], inside: slice, first: int,
) -> Iterable[Candidate]:  # fmt: skip
    """Find where the strength of a stem is highest among its neighbours.

    Args:
        frames: (frames, stems, bands).
        strengths: (frames, stems).
        kinds: (frames, kinds), logits.
        velocities: (frames, stems).
        inside: the frames that are looked at.
        first: number in the song of the first of them.
    """
    for index, stem in enumerate(STEM_NAMES):
        curve = strengths[:, index]
        for frame in range(inside.start, inside.stop):
            left, right = curve[frame - _APART_FRAMES : frame], curve[frame + 1 : frame + 1 + _APART_FRAMES]
            if curve[frame] < _LEAST or curve[frame] <= left.max() or curve[frame] < right.max():
                continue
            span = _SPAN[stem]
            loudest = frames[frame : frame + _STROKE_FRAMES, index].mean(axis=1).max()
            yield Candidate(
                max((first + frame - inside.start + _vertex(curve[frame - 1 : frame + 2])) / FRAME_RATE, 0.0), stem,
                float(curve[frame]), KINDS[span][int(kinds[frame, span].argmax())], float(velocities[frame, index]),
                float(loudest),
            )  # fmt: skip


def _vertex(points: NDArray[np.float32]) -> float:
    """Return where the parabola through three points, the middle one the highest, is highest: -0.5 to 0.5."""
    left, middle, right = points.tolist()
    bend = left - 2 * middle + right
    return 0.5 * (left - right) / bend if bend < 0 else 0.0


def velocity_features(strokes: Sequence[Candidate]) -> NDArray[np.float64]:
    """Return what the velocities of one song's strokes on one stem follow from, (strokes, features).

    How loud a stroke is against the song's loud ones on that piece, which no gain changes.
    """
    levels = np.array([stroke.level for stroke in strokes])
    below = levels - np.quantile(levels, _LOUD)
    guessed = np.array([stroke.velocity for stroke in strokes])
    spread = np.full_like(below, levels.std())
    return np.stack([np.ones_like(below), below, below**2, guessed, guessed * below, spread], axis=1)


def strokes_of(candidates: Sequence[Candidate], model: StrokeModel) -> list[Hit]:
    """Choose the strokes among a song's candidates, and tell how hard each is.

    Args:
        candidates: as `StrokeStream.finish` returns them.
        model: the thresholds and the weights.

    Returns:
        Strokes in order.
    """
    hits = []
    for stem in STEM_NAMES:
        chosen = [one for one in candidates if one.stem == stem and one.strength >= model.thresholds[stem]]
        if chosen:
            velocities = velocity_features(chosen) @ np.asarray(model.velocities[stem])
            hits += [
                Hit(one.seconds, one.kind, float(np.clip(velocity, _SOFTEST, 1)))
                for one, velocity in zip(chosen, velocities, strict=True)
            ]
    return sorted(hits, key=lambda hit: (hit.start_seconds, hit.piece))
