import json
from dataclasses import replace

import museval
import numpy as np
import pytest

from dssgan.data.loading import load_dataset
from dssgan.errors import DataError
from dssgan.evaluation.jobs import to_16_bits
from dssgan.evaluation.museval_store import evaluate_track
from dssgan.metrics.bss_eval import VERSIONS, References

RATE = 8000
SOURCES = ("drums", "other")


@pytest.fixture(scope="module")
def song():
    """Three seconds and a bit of a bundled song at 8 kHz, mono, with estimates: (estimates, references)."""
    mix, sources = load_dataset(None).partition("test")[0].load(RATE, 1)
    energy = np.cumsum(np.square(sources[0, 0].astype(np.float64)))
    length = int(3.2 * RATE)
    start = int(np.argmax(energy[length:] - energy[:-length]))
    sources, mix = sources[..., start : start + length], mix[..., start : start + length]
    noise = np.random.default_rng(0).standard_normal(mix.shape).astype(np.float32)
    return np.stack([0.7 * mix + 0.01 * noise, 0.6 * mix - 0.01 * noise]), to_16_bits(sources)


def scored(references, estimates, sources=SOURCES, rate=RATE, name="Song", **changes):
    """Score with version 4, changed."""
    return evaluate_track(References(references, rate, replace(VERSIONS["v4"], **changes)), estimates, sources, name)


def numbers(store, metric):
    """Scores of one metric, (sources, frames)."""
    return np.array(
        [[float(frame["metrics"][metric]) for frame in target["frames"]] for target in store.scores["targets"]]
    )


def test_scores_are_those_of_museval(song):
    estimates, references = song
    store = scored(references, estimates)
    time_first = (np.moveaxis(audio.astype(np.float64), 1, 2) for audio in (references, estimates))
    expected = museval.evaluate(*time_first, win=RATE, hop=RATE)
    for metric, scores in zip(("SDR", "ISR", "SIR", "SAR"), expected, strict=True):
        assert scores.shape == (2, 3)
        np.testing.assert_allclose(numbers(store, metric), scores, rtol=0, atol=1e-5, err_msg=metric)


def test_json_is_museval_s_own(song, tmp_path):
    estimates, references = song
    store = scored(references, estimates, hop_seconds=0.5)
    store.validate()
    store.save(tmp_path / "Song.json")
    content = json.loads((tmp_path / "Song.json").read_text())
    assert [target["name"] for target in content["targets"]] == ["drums", "other"]
    assert [frame["time"] for frame in content["targets"][0]["frames"]] == [0, 0.5, 1, 1.5, 2]
    assert {frame["duration"] for frame in content["targets"][1]["frames"]} == {1}
    assert content["museval_version"]


def test_interference_is_what_is_heard_of_the_other_source():
    # by hand: sources that do not correlate, each estimate its source plus a tenth of the other. Both have the same
    # power, so SIR is 20 dB and so is SDR; nothing is filtered or added, so ISR and SAR are far above
    references = np.random.default_rng(0).standard_normal((2, 1, 8 * RATE)).astype(np.float32)
    estimates = references + 0.1 * references[::-1]
    store = scored(references, estimates, window_seconds=8.0)
    np.testing.assert_allclose(numbers(store, "SDR"), 20, atol=0.1)
    np.testing.assert_allclose(numbers(store, "SIR"), 20, atol=0.2)
    assert (numbers(store, "SAR") > 60).all()
    assert (numbers(store, "ISR") > 30).all()


def test_silence_is_nan_and_never_zero(song):
    estimates, references = (audio.copy() for audio in song)
    references[0, :, :RATE] = 0
    frame = numbers(scored(references, estimates), "SDR")
    assert np.isnan(frame).tolist() == [[True, False, False]] * 2
    references[0] = 0  # throughout: museval raises here
    for metric in ("SDR", "SIR"):
        whole = numbers(scored(references, estimates), metric)
        assert whole.shape == (2, 3)
        assert np.isnan(whole).all()


def test_bare_clicks_give_scores_with_todays_numpy():
    # the same click in both sources makes museval's system of equations singular, exactly
    references = np.zeros((2, 1, 1000), np.float32)
    references[..., 0] = 8
    noise = np.random.default_rng(0).standard_normal(references.shape).astype(np.float32)
    store = scored(references, references + 0.1 * noise, rate=1000)
    assert np.isfinite(numbers(store, "SDR")).all()


def test_refuses_what_is_missing_or_misshapen(song):
    estimates, references = song
    with pytest.raises(DataError, match=r"Song: estimates \(1, 1, 25600\)"):
        scored(references, estimates[:1])
    with pytest.raises(DataError, match=r"Song: estimates \(2, 1, 25599\)"):
        scored(references, estimates[..., :-1])
    with pytest.raises(DataError, match="drums, bass, other"):
        scored(references, estimates, ("drums", "bass", "other"))
    with pytest.raises(DataError, match="at least two sources"):
        scored(references[:1], estimates[:1], ("drums",))
    broken = estimates.copy()
    broken[1, 0, 5] = np.nan
    with pytest.raises(DataError, match="Song: the estimate of other is not finite"):
        scored(references, broken)
