"""What is found in pieces, played again, lies on the recording."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dssgan.inference.drum_score import DrumScore
from dssgan.metrics.drums import onset_times
from dssgan.synthesis.compose import compose
from dssgan.synthesis.midi_file import read_midi
from dssgan.synthesis.performances import strokes_of
from dssgan.synthesis.render import render
from dssgan.synthesis.score import STEM_OF
from dssgan.transcription.network import STEM_NAMES

KITS = frozenset({"GMRockKit"})
TOLERANCE_SECONDS = 0.010


@pytest.mark.parametrize("seed", [3, 4])
def test_a_performance_is_found_written_and_played_again_in_time(seed: int, tmp_path: Path) -> None:
    song = compose(seed, 20.0, "rock")
    recording = render(song, pieces=True, kits=KITS)
    silence = np.zeros_like(recording.drums)
    score = DrumScore(STEM_NAMES, 44100)
    score.push(np.stack([recording.pieces.get(stem, silence) for stem in STEM_NAMES]))
    score.write(tmp_path / "drums.mid")
    found = strokes_of(read_midi(tmp_path / "drums.mid"))
    assert score.summary.startswith(f"{len(found)} strokes")

    again = render(replace(song, hits=tuple(found)), pieces=True, kits=KITS)
    for stem in ("kick", "snare"):
        played, heard = (
            np.array([hit.start_seconds for hit in hits if STEM_OF[hit.piece] == stem]) for hits in (song.hits, found)
        )
        assert near(played, heard) > 0.85
        assert near(heard, played) > 0.85
        assert near(*(onset_times(one.pieces[stem], 44100) for one in (recording, again))) > 0.85


def near(times: np.ndarray, others: np.ndarray) -> float:
    """Return the share of times that one of the others is near to; frames of 10 ms lie up to one apart."""
    return float((np.abs(times[:, None] - others[None]).min(axis=1) < TOLERANCE_SECONDS + 1e-6).mean())
