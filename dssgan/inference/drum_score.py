"""The drums of a song as MIDI, found in the stream of its stems."""

from collections.abc import Sequence
from functools import cache, cached_property
from pathlib import Path

from dssgan.errors import ConfigError
from dssgan.extras import import_from
from dssgan.separators.loading import shipped_strokes
from dssgan.synthesis.midi_file import write_drums
from dssgan.synthesis.score import Hit
from dssgan.transcription.network import STEM_NAMES
from dssgan.transcription.strokes import StrokeModel, StrokeStream, strokes_of
from dssgan.transcription.tempo import tempo_map
from dssgan.types import Audio


class DrumScore:
    """Listen to the pieces of a kit as they are separated, and write what was struck.

    Args:
        sources: names of the estimates, the five pieces among them.
        sample_rate: of the estimates, Hz.

    Attributes:
        summary: what was written, in words; "" before that.

    Raises:
        ConfigError: a piece is missing.
        ModelError: the model that finds strokes cannot be read, or librosa or mido is not installed.
    """

    def __init__(self, sources: Sequence[str], sample_rate: int) -> None:
        for package in ("librosa", "mido"):
            import_from(package, "midi")
        missing = [stem for stem in STEM_NAMES if stem not in sources]
        if missing:
            raise ConfigError(
                f"midi: takes the pieces {', '.join(STEM_NAMES)}, and the model gives no {', '.join(missing)}; choose "
                "one that does"
            )
        self._positions = [sources.index(stem) for stem in STEM_NAMES]
        self._model = _shipped_model()
        self._stream = StrokeStream(self._model.network, sample_rate)
        self.summary = ""

    def push(self, estimates: Audio) -> None:
        """Take a block of all estimates, (sources, channels, samples)."""
        self._stream.push(estimates[self._positions])

    @cached_property
    def strokes(self) -> list[Hit]:
        """All strokes, in order, once all blocks were taken."""
        return strokes_of(self._stream.finish(), self._model)

    def write(self, path: Path) -> None:
        """Write the MIDI file once all blocks were taken."""
        tempos = tempo_map(self.strokes)
        write_drums(path, self.strokes, tempos=tempos.tempos)
        beat = f"at {tempos.typical:.1f} beats a minute" if tempos.found else "no even beat, so the file is at 120"
        self.summary = f"{len(self.strokes)} strokes, {beat}"


@cache
def _shipped_model() -> StrokeModel:
    return StrokeModel.load(shipped_strokes())
