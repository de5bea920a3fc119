"""Drums on kits: stems by piece, openings and mutes, and pieces that a kit does not have."""

from dataclasses import replace

import numpy as np
import pytest

from dssgan.synthesis import bus, drum_tracks
from dssgan.synthesis.compose import compose
from dssgan.synthesis.kit import Kit, Layer
from dssgan.synthesis.score import PIECES, STEMS, Hit
from dssgan.types import Audio

RATE = 44100


def ringing(level: float, seconds: float = 1.0) -> tuple[Layer, ...]:
    return (Layer(1.0, (np.full((2, round(seconds * RATE)), level, np.float32),)),)


def struck(hits: list[Hit], kit: Kit, piece: str, seconds: float = 2.0) -> Audio:
    track = np.zeros((2, round(seconds * RATE)), np.float32)
    drum_tracks._strike(track, hits, piece, piece, kit, np.ones((2, 1), np.float32), np.random.default_rng(0))
    return track


def sounds_until(track: Audio) -> float:
    return float(np.flatnonzero(track[0])[-1]) / RATE


def test_every_piece_is_in_one_stem() -> None:
    assert sorted(piece for pieces in STEMS.values() for piece in pieces) == sorted(PIECES)


@pytest.mark.parametrize(("seed", "genre"), [(0, "rock"), (1, "latin"), (2, "jazz"), (3, "trap")])
def test_stems_add_up_to_the_drums(seed: int, genre: str) -> None:
    song = compose(seed, 4.0, genre)
    whole, apart = (drum_tracks.record(song, np.random.default_rng(seed), apart=apart) for apart in (False, True))
    np.testing.assert_allclose(bus.total(apart.stems), whole.stems["drums"], atol=2e-3)
    assert apart.stems.keys() == {
        name for name, pieces in STEMS.items() if {hit.piece for hit in song.hits} & set(pieces)
    }
    assert (apart.kits, apart.credits) == (whole.kits, whole.credits)


def test_a_song_without_drums_has_silent_ones() -> None:
    song = replace(compose(0, 2.0, "rock"), hits=())
    stems = drum_tracks.record(song, np.random.default_rng(0), apart=True).stems
    assert stems.keys() == {"drums"}
    assert not stems["drums"].any()


def test_a_hi_hat_sounds_as_open_as_it_is() -> None:
    kit = Kit(
        "kit", "", False, {"closed_hat": lambda: ringing(0.1), "open_hat": lambda: ringing(0.9)},
        hats=((0.2, lambda: ringing(0.2, 0.1)), (0.6, lambda: ringing(0.4, 0.3)), (1.0, lambda: ringing(0.8, 0.5))),
    )  # fmt: skip
    for opening, seconds in ((0.1, 0.1), (0.5, 0.3), (0.9, 0.5)):
        track = struck([Hit(0.0, "closed_hat", 1.0, opening=opening)], kit, "closed_hat")
        assert sounds_until(track) == pytest.approx(seconds, rel=0.2)  # tuned by up to 2.5 semitones
    assert sounds_until(struck([Hit(0.0, "closed_hat", 1.0)], kit, "closed_hat")) > 0.8


def test_what_mutes_a_stroke_and_how_fast() -> None:
    kit = Kit("kit", "", False, {"open_hat": lambda: ringing(0.5), "crash": lambda: ringing(0.5)})
    closed = [Hit(0.0, "open_hat", 1.0), Hit(0.4, "closed_hat", 1.0)]
    assert sounds_until(struck(closed, kit, "open_hat")) == pytest.approx(0.43, abs=0.002)
    by_hand = [Hit(0.0, "crash", 1.0, muted_seconds=0.2), Hit(0.1, "closed_hat", 1.0)]
    assert sounds_until(struck(by_hand, kit, "crash")) == pytest.approx(0.23, abs=0.002)
    slow = replace(kit, muted_by={"crash": frozenset({"china"})}, mute_seconds={"crash": 0.3})
    strokes = [Hit(0.0, "crash", 1.0), Hit(0.2, "china", 1.0)]
    assert sounds_until(struck(strokes, slow, "crash")) == pytest.approx(0.5, abs=0.002)


def test_a_stroke_that_is_muted_before_it_begins_is_a_short_one() -> None:
    kit = Kit("kit", "", False, {"crash": lambda: ringing(0.5)})
    track = struck([Hit(0.3, "crash", 1.0, muted_seconds=0.25)], kit, "crash")
    assert sounds_until(track) == pytest.approx(0.33, abs=0.002)


def test_a_half_open_hi_hat_is_closed_by_a_closed_one() -> None:
    kit = Kit("kit", "", False, {"closed_hat": lambda: ringing(0.5)}, hats=((1.0, lambda: ringing(0.5)),))
    strokes = [Hit(0.0, "closed_hat", 1.0, opening=0.3), Hit(0.2, "closed_hat", 1.0, opening=0.0)]
    track = struck(strokes, kit, "closed_hat")
    level = abs(float(track[0, round(0.4 * RATE)]))
    assert level == pytest.approx(abs(float(track[0, round(0.1 * RATE)])), rel=1e-4)  # one stroke, not two


def test_the_nearest_piece_stands_in_for_one_that_the_kit_has_not() -> None:
    plain = Kit("plain", "", False, {"ride": lambda: ringing(0.5), "crash": lambda: ringing(0.5)})
    other = Kit("other", "", False, {"china": lambda: ringing(0.5)})
    generator = np.random.default_rng(0)
    assert drum_tracks._choose("ride_bell", plain, [plain], [plain], 0.0, generator) == ("ride", plain)
    assert drum_tracks._choose("china", plain, [plain, other], [plain, other], 0.0, generator) == ("crash", plain)
    assert drum_tracks._choose("cowbell", plain, [plain], [plain, other], 0.0, generator) == ("cowbell", None)
