"""The drums of a song as samples: of strokes that sound alike the cleanest, as one-shots and as kits that play them."""

import itertools
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from dssgan.atomic import make_folder, replacing_folder
from dssgan.audio.files import write
from dssgan.errors import WriteError
from dssgan.synthesis.gm import DRUM_KEYS
from dssgan.synthesis.score import STEM_OF, Hit
from dssgan.transcription.network import STEM_NAMES
from dssgan.types import Audio

_LONGEST_SECONDS = {"kick": 1.0, "snare": 1.0, "toms": 1.5, "hihat": 1.5, "cymbals": 4.0}
_SHORTEST_SECONDS = 0.1
_BEFORE_SECONDS = 0.004  # strokes are found to within some milliseconds
_FADE_IN_SECONDS, _FADE_OUT_SECONDS = 0.001, 0.03
_MEASURED_SECONDS = 0.15  # of a stroke, by which it is compared with others and with what covers it
_SILENT_DB = -60.0  # against the stroke's peak, from where on it is over
_ALIKE_DB = 5.0  # mean difference between the bands of strokes that are one sound, loud bands counting most
_NUM_BANDS, _LOWEST_HZ, _RANGE_DB = 24, 40.0, 40.0
_MOST_SOUNDS, _MOST_LAYERS = 3, 3
_LEAST_STROKES, _LEAST_SHARE = 2, 0.15  # of a piece's strokes, for a sound beside the first
_LAYER_STEP = 0.15  # velocities nearer than this need no layers of their own
_HALF_DB = 6.0  # what a stroke that is cut off at half of the longest one counts less
_MOST_GAIN_DB = 24.0
_FREE_KEYS = range(84, 128)  # for further sounds of a piece
_HATS = frozenset({"closed_hat", "pedal_hat", "open_hat"})


@dataclass(frozen=True)
class Sample:
    """One stroke that was chosen.

    Attributes:
        piece: which drum.
        sound: number of the sound among those of the piece, from 1, the commonest first.
        velocities: lowest and highest MIDI velocity that it is played at.
        velocity: at which it was struck, 0 to 1.
        clean_db: how much of the song is this stroke while it sounds; 0 where nothing else does.
        audio: (channels, samples).
    """

    piece: str
    sound: int
    velocities: tuple[int, int]
    velocity: float
    clean_db: float
    audio: Audio

    @property
    def name(self) -> str:
        """Name of its file."""
        return f"{self.piece}-{self.sound}-{self.velocities[1]:03d}.wav"

    @property
    def gain_db(self) -> float:
        """What makes it as loud as it was, at its own velocity, where players turn down by the velocity's square."""
        return float(min(-40 * np.log10(max(self.velocity, 1e-2)), _MOST_GAIN_DB))


@dataclass(frozen=True)
class _Stroke:
    hit: Hit
    clean_db: float
    completeness: float
    shape: NDArray[np.float64]
    start: int
    length: int

    @property
    def worth_db(self) -> float:
        return self.clean_db + _HALF_DB * float(np.log2(max(self.completeness, 1e-3)))


class OneShots:
    """Keep the pieces of a song on the disk as they are separated, and choose the cleanest strokes at the end.

    Args:
        folder: where the samples are written; it and its parents are made.
        sources: names of the estimates, the five pieces among them.
        sample_rate: Hz.
        channels: number of channels.

    Raises:
        WriteError: the folder cannot be made.
    """

    def __init__(self, folder: Path, sources: Sequence[str], sample_rate: int, channels: int) -> None:
        self._folder, self._rate, self._channels = folder, sample_rate, channels
        self._positions = [sources.index(stem) for stem in STEM_NAMES]
        self._num_frames = 0
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            self._work = make_folder(folder.parent, "samples")
            self._pieces = (self._work / "pieces").open("w+b")
            self._mix = (self._work / "mix").open("w+b")
        except OSError as error:
            raise WriteError(f"{folder}: cannot be written ({error.strerror}); choose another --samples") from error

    def push(self, mix: Audio, estimates: Audio) -> None:
        """Add a block of the song, (channels, samples), and of all estimates, (sources, channels, samples)."""
        # (pieces, channels, samples) -> (samples, pieces, channels), so that blocks follow each other
        self._pieces.write(np.ascontiguousarray(estimates[self._positions].transpose(2, 0, 1), np.float32).data)
        self._mix.write(np.ascontiguousarray(mix.T, np.float32).data)
        self._num_frames += mix.shape[1]

    def write(self, strokes: Sequence[Hit]) -> list[Sample]:
        """Choose among the strokes of the whole song, and write samples, `kit.sfz` and `drumkit.xml`.

        Args:
            strokes: in order.

        Returns:
            What was written; without strokes nothing is.

        Raises:
            WriteError: they cannot be written.
        """
        samples = list(self._choose(strokes)) if self._num_frames else []
        if samples:
            with replacing_folder(self._folder) as draft:
                for sample in samples:
                    write(draft / sample.name, np.clip(sample.audio, -1, 1), self._rate, "pcm24")
                keys = _keys(samples)
                (draft / "kit.sfz").write_text(_sfz(samples, keys), "utf-8")
                (draft / "drumkit.xml").write_bytes(_hydrogen(self._folder.name, samples, keys))
        return samples

    def close(self) -> None:
        """Remove what was kept on the disk."""
        self._pieces.close()
        self._mix.close()
        shutil.rmtree(self._work, ignore_errors=True)

    def _choose(self, strokes: Sequence[Hit]) -> Iterator[Sample]:
        self._pieces.flush()
        self._mix.flush()
        shape = (self._num_frames, len(STEM_NAMES), self._channels)
        pieces = np.memmap(self._work / "pieces", np.float32, "r", shape=shape)
        mix = np.memmap(self._work / "mix", np.float32, "r", shape=(self._num_frames, self._channels))
        by_piece: dict[str, list[_Stroke]] = defaultdict(list)
        for stem in STEM_NAMES:
            own = [hit for hit in strokes if STEM_OF[hit.piece] == stem]
            signal = pieces[:, STEM_NAMES.index(stem)]
            for number, hit in enumerate(own):
                following = own[number + 1].start_seconds if number + 1 < len(own) else np.inf
                stroke = self._measure(hit, following, signal, mix, stem)
                if stroke is not None:
                    by_piece[hit.piece].append(stroke)
        for piece, measured in by_piece.items():
            for number, sound in enumerate(_sounds(measured), 1):
                for stroke, velocities in _layers(sound):
                    signal = pieces[stroke.start : stroke.start + stroke.length, STEM_NAMES.index(STEM_OF[piece])]
                    audio = self._finished(np.array(signal.T))
                    yield Sample(piece, number, velocities, stroke.hit.velocity, stroke.clean_db, audio)

    def _measure(
        self, hit: Hit, following: float, signal: NDArray[np.float32], mix: NDArray[np.float32], stem: str
    ) -> _Stroke | None:
        """Measure a stroke up to the next one of its piece; None where that is too near."""
        start = max(round((hit.start_seconds - _BEFORE_SECONDS) * self._rate), 0)
        longest = round(_LONGEST_SECONDS[stem] * self._rate)
        end = min(start + longest, self._num_frames)
        if np.isfinite(following):
            end = min(end, round((following - _BEFORE_SECONDS) * self._rate))
        if end - start < _SHORTEST_SECONDS * self._rate:
            return None
        measured = slice(start, min(end, start + round(_MEASURED_SECONDS * self._rate)))
        energy = float(np.square(signal[measured], dtype=np.float64).sum())
        rest = float(np.square(mix[measured] - signal[measured], dtype=np.float64).sum())
        if energy <= 1e-9:
            return None
        clean_db = float(10 * np.log10(energy / (energy + rest)))
        shape = _shape(signal[measured].mean(axis=1), self._rate)
        return _Stroke(hit, clean_db, (end - start) / longest, shape, start, end - start)

    def _finished(self, audio: Audio) -> Audio:
        """Cut a stroke where it is over, and fade its ends."""
        loud = np.abs(audio).max(axis=0)
        last = int(np.flatnonzero(loud >= loud.max() * 10 ** (_SILENT_DB / 20))[-1]) + 1
        fade_in, fade_out = (max(round(seconds * self._rate), 1) for seconds in (_FADE_IN_SECONDS, _FADE_OUT_SECONDS))
        kept = audio[:, : min(last + fade_out, audio.shape[1])].copy()
        kept[:, :fade_in] *= np.linspace(0, 1, fade_in, dtype=np.float32)
        kept[:, -fade_out:] *= np.linspace(1, 0, min(fade_out, kept.shape[1]), dtype=np.float32)
        return kept


def _shape(mono: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """Return how a stroke's energy is spread over bands, dB, whatever its level."""
    power = np.square(np.abs(np.fft.rfft(mono * np.hanning(len(mono)))))
    hertz = np.fft.rfftfreq(len(mono), 1 / sample_rate)
    edges = np.geomspace(_LOWEST_HZ, sample_rate / 2, _NUM_BANDS + 1)
    bands = np.array([power[(hertz >= low) & (hertz < high)].sum() for low, high in itertools.pairwise(edges)])
    level_db = 10 * np.log10(bands + 1e-12)
    shape: NDArray[np.float64] = np.maximum(level_db, level_db.max() - _RANGE_DB) - level_db.max()
    return shape


def _distance_db(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    weights = np.maximum(one, other) + _RANGE_DB
    return float(np.average(np.abs(one - other), weights=weights))


def _sounds(strokes: Sequence[_Stroke]) -> list[list[_Stroke]]:
    """Group strokes that sound alike, the commonest sound first; rare ones are no sound of their own."""
    groups: list[list[_Stroke]] = []
    for stroke in sorted(strokes, key=lambda one: -one.clean_db):  # a group is compared by its cleanest stroke
        near = [_distance_db(stroke.shape, group[0].shape) for group in groups]
        if near and min(near) <= _ALIKE_DB:
            groups[int(np.argmin(near))].append(stroke)
        else:
            groups.append([stroke])
    groups.sort(key=len, reverse=True)
    least = max(_LEAST_STROKES, _LEAST_SHARE * len(strokes))
    return [group for number, group in enumerate(groups[:_MOST_SOUNDS]) if number == 0 or len(group) >= least]


def _layers(strokes: Sequence[_Stroke]) -> list[tuple[_Stroke, tuple[int, int]]]:
    """Choose the best stroke for each range of velocities, softest first."""
    velocities = np.array([stroke.hit.velocity for stroke in strokes])
    spread = float(velocities.max() - velocities.min())
    number = int(min(_MOST_LAYERS, 1 + spread // _LAYER_STEP, len(strokes)))
    edges = np.linspace(velocities.min(), velocities.max(), number + 1)
    chosen = []
    for low, high in itertools.pairwise(edges):
        inside = [one for one in strokes if low <= one.hit.velocity <= high]
        if inside:
            best = max(inside, key=lambda one: one.worth_db)
            if best not in chosen:
                chosen.append(best)
    chosen.sort(key=lambda one: one.hit.velocity)
    tops = [round(127 * float(np.mean([a.hit.velocity, b.hit.velocity]))) for a, b in itertools.pairwise(chosen)]
    tops = [*np.maximum.accumulate([max(top, number + 1) for number, top in enumerate(tops)]).tolist(), 127]
    bottoms = [1, *(top + 1 for top in tops[:-1])]
    return [(stroke, (bottom, top)) for stroke, bottom, top in zip(chosen, bottoms, tops, strict=True) if bottom <= top]


def _keys(samples: Sequence[Sample]) -> dict[tuple[str, int], int]:
    """Return the key of each sound: General MIDI's for the commonest of a piece, free ones for others."""
    free = iter(_FREE_KEYS)
    sounds = dict.fromkeys((sample.piece, sample.sound) for sample in samples)
    return {sound: DRUM_KEYS[sound[0]][0] if sound[1] == 1 else next(free) for sound in sounds}


def _sfz(samples: Sequence[Sample], keys: dict[tuple[str, int], int]) -> str:
    lines = ["// Samples of one song; the keys are General MIDI's.", "<global> loop_mode=one_shot amp_veltrack=100"]
    for sample in samples:
        mutes = " group=1 off_by=1" if sample.piece in _HATS else ""
        low, high = sample.velocities
        lines.append(
            f"<region> sample={sample.name} key={keys[sample.piece, sample.sound]} lovel={low} hivel={high} "
            f"volume={sample.gain_db:.2f}{mutes}"
        )
    return "\n".join(lines) + "\n"


def _hydrogen(name: str, samples: Sequence[Sample], keys: dict[tuple[str, int], int]) -> bytes:
    root = ElementTree.Element("drumkit_info", {"xmlns": "http://www.hydrogen-music.org/drumkit"})
    _add(root, name=name, author="", info="Samples of one song.", license="that of the song")
    instruments = ElementTree.SubElement(root, "instrumentList")
    for number, (piece, sound) in enumerate(keys):
        instrument = ElementTree.SubElement(instruments, "instrument")
        shown = piece.replace("_", " ") + (f" {sound}" if sound > 1 else "")
        _add(
            instrument, id=number, name=shown, volume=1, isMuted="false", isSoloed="false", pan_L=1, pan_R=1, gain=1,
            applyVelocity="true", Attack=0, Decay=0, Sustain=1, Release=1000,
            muteGroup=1 if piece in _HATS else -1, midiOutChannel=9, midiOutNote=keys[piece, sound],
        )  # fmt: skip
        for sample in samples:
            if (sample.piece, sample.sound) == (piece, sound):
                low, high = sample.velocities
                layer = ElementTree.SubElement(instrument, "layer")
                gain = 10 ** (min(-20 * np.log10(max(sample.velocity, 1e-2)), _MOST_GAIN_DB) / 20)  # it is linear there
                _add(
                    layer, filename=sample.name, min=f"{(low - 1) / 127:.4f}", max=f"{high / 127:.4f}",
                    gain=f"{gain:.4f}", pitch=0,
                )  # fmt: skip
    ElementTree.indent(root, " ")
    text: bytes = ElementTree.tostring(root, "utf-8", xml_declaration=True)
    return text


def _add(parent: ElementTree.Element, **children: object) -> None:
    for name, value in children.items():
        ElementTree.SubElement(parent, name).text = str(value)
