"""The recordings that a model learnt from, stored in its bundle so that it is never tested on them."""

import base64
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from dssgan.data.acoustic import Landmarks, matches
from dssgan.data.audio_file import Recording
from dssgan.data.fingerprint import SILENCE
from dssgan.data.recording_facts import RecordingFacts
from dssgan.errors import DataError, ModelError

FILE = "learnt_from.safetensors"
# Copies share 0.18 or more of their landmarks, songs with a loop in common 0.05.
SAME_SONG = 0.1
_KEPT_BITS = 3  # one landmark in eight; the same ones of every recording, since it goes by what they are
_FEWEST_PAIRS = 10  # of those


@dataclass(frozen=True)
class SeenRecordings:
    """The recordings that a model learnt from or was chosen by.

    Args:
        names: names of the recordings.
        fingerprints: fingerprints of the files of each.
        marks: one landmark in eight of each, 40 KB for a song of four minutes.
        data_fingerprint: fingerprint of the data set that contains all of them; "" where there are several.
    """

    names: tuple[str, ...] = ()
    fingerprints: tuple[frozenset[str], ...] = ()
    marks: tuple[Landmarks, ...] = field(default=(), compare=False)
    data_fingerprint: str = ""

    @classmethod
    def of(cls, named: Sequence[tuple[str, Recording]], known: Mapping[Recording, RecordingFacts]) -> "SeenRecordings":
        """Record some recordings, each once.

        Args:
            named: each with the name that reports call it by; the first name of those that stand there again counts.
            known: what each holds.
        """
        names: dict[Recording, str] = {}
        for name, recording in named:
            names.setdefault(recording, name)
        return cls(
            tuple(names.values()),
            tuple(frozenset(known[recording].fingerprints) - {SILENCE} for recording in names),
            tuple(_thinned(known[recording].marks) for recording in names),
        )

    def __add__(self, other: "SeenRecordings") -> "SeenRecordings":
        """Return the union of both."""
        new = [index for index, content in enumerate(other.fingerprints) if content not in self.fingerprints]
        return SeenRecordings(
            (*self.names, *(other.names[index] for index in new)),
            (*self.fingerprints, *(other.fingerprints[index] for index in new)),
            (*self.marks, *(other.marks[index] for index in new)),
        )

    def without_marks(self, of: Callable[[str], bool]) -> "SeenRecordings":
        """Return the same record with only fingerprints of some recordings: far smaller, but copies are not recognised.

        Args:
            of: whether a recording is among them, by its name.
        """
        none = np.zeros(0, np.uint32), np.zeros(0, np.int32)
        marks = (none if of(name) else mark for name, mark in zip(self.names, self.marks, strict=True))
        return replace(self, marks=tuple(marks))

    def find(self, known: RecordingFacts) -> str | None:
        """Look for a recording.

        Args:
            known: what it holds.

        Returns:
            The name under which it was learnt from; None where it is new.
        """
        content = set(known.fingerprints) - {SILENCE}
        for name, fingerprints in zip(self.names, self.fingerprints, strict=True):
            if content & fingerprints:
                return name
        query = _thinned(known.marks)
        for match in matches([query, *self.marks], num_queries=1, fewest_pairs=_FEWEST_PAIRS):
            if match.share > SAME_SONG:
                return self.names[match.second - 1]
        return None

    def save(self, folder: Path) -> None:
        """Write it into a folder.

        Raises:
            OSError: the file cannot be written.
        """
        sizes = [len(keys) for keys, _ in self.marks]
        tensors = {
            "keys": np.concatenate([np.zeros(0, np.uint32), *(keys for keys, _ in self.marks)]),
            "times": np.concatenate([np.zeros(0, np.int32), *(times for _, times in self.marks)]),
            "sizes": np.array(sizes, np.int64),
        }
        lines = {f"{index:06d}": "\n".join([name, *sorted(content)])
                 for index, (name, content) in enumerate(zip(self.names, self.fingerprints, strict=True))}  # fmt: skip
        save_file(tensors, folder / FILE, metadata=lines or None)

    def as_text(self) -> str:
        """Return the content of its file in the letters of base64, for graphs that hold text alone."""
        with tempfile.TemporaryDirectory() as folder:
            self.save(Path(folder))
            return base64.b64encode((Path(folder) / FILE).read_bytes()).decode()

    @classmethod
    def from_text(cls, text: str) -> "SeenRecordings":
        """Read what `as_text` gave.

        Raises:
            ModelError: it is damaged.
        """
        with tempfile.TemporaryDirectory() as folder:
            try:
                (Path(folder) / FILE).write_bytes(base64.b64decode(text, validate=True))
            except ValueError as error:
                raise ModelError(f"its record of what it learnt from is damaged ({error}); export it again") from error
            return cls.load(Path(folder))

    @classmethod
    def load(cls, folder: Path) -> "SeenRecordings":
        """Read what `save` wrote.

        Raises:
            ModelError: the file is missing or damaged.
        """
        file = folder / FILE
        if not file.exists():
            raise ModelError(
                f"{folder}: holds no {FILE}, so that it is not known what the model learnt from; copy the whole folder "
                "again"
            )
        try:
            with safe_open(file, framework="numpy") as stored:
                lines = [line.split("\n") for _, line in sorted((stored.metadata() or {}).items())]
                keys, times, sizes = (stored.get_tensor(name) for name in ("keys", "times", "sizes"))
            edges = np.cumsum(sizes)[:-1]
            marks = tuple(zip(np.split(keys, edges), np.split(times, edges), strict=True))[: len(lines)]
            return cls(tuple(line[0] for line in lines), tuple(frozenset(line[1:]) for line in lines), marks)
        except (OSError, SafetensorError, ValueError) as error:
            raise ModelError(f"{file}: damaged ({error}); copy the bundle again") from error

    def require_new(self, tested: Mapping[str, Sequence[RecordingFacts]], model: str) -> None:
        """Refuse to test a model on what it learnt from.

        Args:
            tested: what the recordings of each song hold, by the song's name.
            model: what to call the model.

        Raises:
            DataError: it learnt from one of them.
        """
        for song, recordings in tested.items():
            for known in recordings:
                name = self.find(known)
                if name is not None:
                    raise DataError(
                        f"{model}: learnt from {name}, which is the same audio as test track {song}; test it on other "
                        "songs"
                    )


def _thinned(marks: Landmarks) -> Landmarks:
    keys, times = marks
    # a multiplicative hash spreads neighbouring keys (Knuth, The Art of Computer Programming, volume 3, section 6.4)
    kept = (keys * np.uint32(2654435761)) >> np.uint32(32 - _KEPT_BITS) == 0
    return keys[kept], times[kept]
