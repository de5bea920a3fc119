"""Every score of a song by its name."""

import math
import sys

import numpy as np
import pytest

from dssgan.errors import ConfigError
from dssgan.metrics.catalogue import DEFAULT_METRICS, METRICS, EstimatedSong, find_metrics, score_song
from dssgan.metrics.drums import score_drums

RATE = 44100
SOURCES = ("drums", "other")


@pytest.fixture(scope="module")
def better_and_worse(song) -> tuple[EstimatedSong, EstimatedSong]:
    """A real song with a tenth and with a half of the rest left in the drums, and the drums missing from it."""
    mix, sources = song
    return tuple(
        EstimatedSong(sources + share * (sources[::-1] - sources), sources, mix, RATE, SOURCES) for share in (0.1, 0.5)
    )


@pytest.mark.parametrize("name", DEFAULT_METRICS)
def test_every_metric_tells_a_better_separation_from_a_worse_one(name: str, better_and_worse) -> None:
    metric = METRICS[name]
    better, worse = (score_song(song, [name])[name] for song in better_and_worse)
    assert set(better) == {source for source in SOURCES if metric.is_of(source)}
    sign = 1 if metric.more_is_better else -1
    for source, score in better.items():
        if name == "bleed" and math.isnan(score):  # these drums never pause
            continue
        assert sign * score > sign * worse[source], source


def test_numbers_are_those_of_the_functions_that_make_them(better_and_worse) -> None:
    song = better_and_worse[0]
    found = score_song(song)
    assert tuple(found) == DEFAULT_METRICS
    # all of the error is a tenth of the difference of the sources, which goes in opposite directions
    error = np.square(0.1 * (song.references[0] - song.references[1]).astype(np.float64)).sum()
    energy = np.square(song.references[0].astype(np.float64)).sum()
    assert found["usdr"]["drums"] == pytest.approx(10 * math.log10(energy / error), abs=1e-3)
    drums = score_drums(song.estimates[0], song.references[0], song.mix, RATE)
    assert found["attack_error"] == {"drums": drums.attack_error_db}
    assert found["kick_sdr"] == {"drums": drums.band_sdr_db["kick"]}


def test_a_silent_source_has_no_score(song) -> None:
    mix, sources = song
    silent = np.stack([np.zeros_like(sources[0]), sources[1]])
    found = score_song(EstimatedSong(sources, silent, mix, RATE, SOURCES))
    for name, scores in found.items():
        if name in ("log_wmse", "bleed"):  # made for silence
            assert math.isfinite(scores["drums"]), name
        elif name.endswith("sdr") and name not in ("usdr", "csdr", "si_sdr", "onset_sdr"):
            assert scores["drums"] == -math.inf  # in a band: everything there is too much
        else:
            assert math.isnan(scores["drums"]), name


def test_without_drums_there_are_no_scores_of_drums(song) -> None:
    mix, sources = song
    found = score_song(EstimatedSong(sources, sources, mix, RATE, ("vocals", "other")), ["usdr", "onset_sdr"])
    assert list(found) == ["usdr"]
    pieces = score_song(EstimatedSong(sources, sources, mix, RATE, ("kick", "other")), ["onset_f1", "bleed"])
    assert pieces == {"onset_f1": {"kick": 1.0}}  # pieces of drums are struck as well
    with pytest.raises(ConfigError, match="si_sdr"):
        score_song(EstimatedSong(sources, sources, mix, RATE, SOURCES), ["si_sdd"])


def test_a_missing_package_is_found_before_anything_is_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "visqol" not in DEFAULT_METRICS
    monkeypatch.setitem(sys.modules, "visqol", None)
    with pytest.raises(ModuleNotFoundError) as caught:
        find_metrics(["usdr", "visqol"])
    assert caught.value.name == "visqol"
    with pytest.raises(ConfigError, match="visqoll"):
        find_metrics(["visqoll"])
