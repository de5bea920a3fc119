"""A teacher separates unlabelled mixes, and the confident parts become pairs to learn from."""

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from dssgan.data.audio_file import AudioFile, Recording
from dssgan.data.track import Track
from dssgan.errors import ModelError
from dssgan.inference.stem_writer import write_stems
from dssgan.inference.stream import separate_array
from dssgan.separators import SeparatorModel
from dssgan.separators.adapted import adapt
from dssgan.separators.loading import find_model
from dssgan.training.config import SelfBoost
from dssgan.types import Audio

Decibels = npt.NDArray[np.float64]

_SHIFT_SAMPLES = 311  # no multiple of any stride, so that the second pass sees other frames
_SILENCE_DB = -60.0


@dataclass(frozen=True)
class Labels:
    """A teacher's labels of unlabelled mixes.

    Args:
        tracks: runs of chunks it was sure of, as songs with sources.
        kept_seconds: their length in all.
        seconds: length of the mixes.
        agreement_db: median over all chunks that are not silent; NaN where all are.
    """

    tracks: tuple[Track, ...]
    kept_seconds: float
    seconds: float
    agreement_db: float


def separate_twice(teacher: SeparatorModel, mix: Audio) -> tuple[Audio, Audio]:
    """Separate a mix twice, the second time shifted, with inverted polarity and swapped channels.

    Args:
        teacher: the separator.
        mix: (channels, samples), float32, at its rate.

    Returns:
        Both estimates, (sources, channels, samples), each summing to the mix.
    """
    changed = np.pad(-mix[::-1], ((0, 0), (_SHIFT_SAMPLES, 0)))
    second = -separate_array(teacher, changed)[:, ::-1, _SHIFT_SAMPLES:]
    return separate_array(teacher, mix), np.ascontiguousarray(second)


def agreement_db(first: Audio, second: Audio, mix: Audio, chunk_samples: int) -> Decibels:
    """Return, chunk by chunk, how far below the mix two estimates differ.

    An estimate that is certain does not depend on where the frames begin. The difference is taken against the mix and
    not against the source, so that a passage without drums, found to be one twice, counts as sure.

    Args:
        first: (sources, channels, samples).
        second: the same shape.
        mix: (channels, samples).
        chunk_samples: length of a chunk; what is left at the end makes none.

    Returns:
        For each chunk 10 log10(mix's energy / largest energy of a source's difference), dB, (chunks,); NaN where the
        mix is below -60 dB of full scale.
    """
    count = mix.shape[-1] // chunk_samples

    def energy(audio: Audio) -> Decibels:
        cut = audio[..., : count * chunk_samples].astype(np.float64).reshape(*audio.shape[:-1], count, chunk_samples)
        result: Decibels = np.square(cut).sum(axis=(-1, -3))
        return result

    whole, difference = energy(mix), energy(first - second).max(axis=0)
    silent = whole <= chunk_samples * mix.shape[0] * 10 ** (_SILENCE_DB / 10)
    ratio = 10 * np.log10(np.maximum(whole, 1e-30) / np.maximum(difference, 1e-30))
    return np.where(silent, np.nan, ratio)


def label(
    teacher: SeparatorModel,
    mixes: Sequence[Recording],
    folder: Path,
    settings: SelfBoost,
) -> Labels:
    """Separate mixes and keep the chunks that the teacher is sure of; the mean of its two passes is the label.

    Source: Luo and Yu, "Music source separation with band-split RNN", 2022, section 2.4 (semi-supervised fine-tuning;
    there by level alone), arXiv 2209.15174.

    Args:
        teacher: the separator.
        mixes: unlabelled recordings.
        folder: where the labels are written, 20 MB for a minute of stereo at 44.1 kHz; what is there goes.
        settings: how sure it must be, and over what length.

    Returns:
        The pairs, each no shorter than a chunk.

    Raises:
        AudioError: a mix cannot be read, or a label not be written.
    """
    shutil.rmtree(folder, ignore_errors=True)
    rate, channels = teacher.sample_rate, teacher.channels
    chunk = round(settings.chunk_seconds * rate)
    tracks: list[Track] = []
    seconds = 0.0
    found: list[Decibels] = []
    for number, recording in enumerate(mixes):
        mix = recording.read(sample_rate=rate, channels=channels)
        seconds += mix.shape[-1] / rate
        first, second = separate_twice(teacher, mix)
        agreement = agreement_db(first, second, mix, chunk)
        found.append(agreement)
        estimates = (first + second) / 2
        for start, stop in _runs(agreement >= settings.min_agreement_db):
            part = slice(start * chunk, stop * chunk)
            name = f"{number:04d}-{start:04d}"
            written = write_stems(
                [(mix[:, part], estimates[..., part].astype(np.float32))],
                {source: folder / name / f"{source}.wav" for source in teacher.sources},
                teacher.sources,
                sample_rate=rate,
                channels=channels,
            )
            tracks.append(Track(name, None, tuple(AudioFile.of(path) for path in written.paths.values())))
    everything = np.concatenate([*found, np.array([np.nan])])
    median = float(np.nanmedian(everything)) if np.isfinite(everything).any() else float("nan")
    return Labels(tuple(tracks), sum(track.duration for track in tracks), seconds, median)


def _runs(kept: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Find runs of true values: (first, one past the last) each."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], kept, [False]]).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


class SelfBoosting:
    """A teacher that labels for a training, and gives way to its student where that validates better.

    Args:
        model: a separator to hold the teacher's weights; no other code may use it.
        settings: settings of self-boosting.
        mixes: what to label.
        folder: where the labels are kept meanwhile.

    Raises:
        ModelError: the configured teacher cannot be loaded, or separates into other sources or at another rate.
    """

    def __init__(self, model: SeparatorModel, settings: SelfBoost, mixes: Sequence[Recording], folder: Path) -> None:
        self._student_like = model.eval()
        self._settings = settings
        self._mixes = mixes
        self._folder = folder
        self._num_labellings = 0
        self._is_student = settings.teacher is None
        self.score = -math.inf
        self.teacher: SeparatorModel = model
        self.metrics: dict[str, float] = {}
        if settings.teacher is not None:
            teacher = find_model(settings.teacher).load()
            if teacher.sources != model.sources:
                raise ModelError(
                    f"self_boost.teacher={settings.teacher}: its sources are {', '.join(teacher.sources)}, but the "
                    f"separator's are {', '.join(model.sources)}; choose another"
                )
            # labels have the teacher's own rate; only its score is taken at the student's
            self.teacher = adapt(teacher, model.sample_rate, model.channels).to(next(model.parameters()).device)

    def begin(
        self, weights: dict[str, Tensor], score: float, score_of: Callable[[SeparatorModel], float]
    ) -> tuple[Track, ...]:
        """Label for the first time, or again after a restart.

        Args:
            weights: the student's best so far; the first teacher where none is configured.
            score: their validation score, dB.
            score_of: validates a separator; asked for a configured teacher.

        Returns:
            Pairs to learn from.
        """
        if self.score == -math.inf and self._is_student:
            self._take_over(weights, score)
        elif self.score == -math.inf:
            self.score = score_of(self.teacher)
        return self._label()

    def consider(self, weights: dict[str, Tensor], score: float) -> tuple[Track, ...] | None:
        """Replace the teacher by a student if that validates better.

        Args:
            weights: the student's.
            score: its validation score, dB.

        Returns:
            Its own labels; None where the teacher stays.
        """
        if score <= self.score:
            return None
        self._take_over(weights, score)
        return self._label()

    def end(self) -> None:
        """Delete the labels."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _take_over(self, weights: dict[str, Tensor], score: float) -> None:
        self._student_like.load_state_dict(weights)
        self.teacher, self.score, self._is_student = self._student_like, score, True

    def _label(self) -> tuple[Track, ...]:
        # never where labels are that a batch may still be read from
        self._num_labellings += 1
        before, now = (self._folder / str(self._num_labellings - back) for back in (1, 0))
        labels = label(self.teacher, self._mixes, now, self._settings)
        shutil.rmtree(before, ignore_errors=True)
        self.metrics = {
            "teacher/score": self.score,
            "teacher/agreement_db": labels.agreement_db,
            "teacher/kept": labels.kept_seconds / max(labels.seconds, 1e-9),
        }
        return labels.tracks

    def state_dict(self) -> dict[str, Any]:
        """Return what a later process needs to continue with the same teacher."""
        weights = {name: value.detach().clone() for name, value in self._student_like.state_dict().items()}
        return {"score": self.score, "is_student": self._is_student, "weights": weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state that `state_dict` gave."""
        self.score = state["score"]
        if state["is_student"]:
            device = next(self._student_like.parameters()).device
            self._take_over({name: value.to(device) for name, value in state["weights"].items()}, self.score)
