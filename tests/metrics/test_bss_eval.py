"""BSS Eval against museval's own numbers, and against numbers worked out by hand."""

import json
import os
from dataclasses import replace
from pathlib import Path

import museval
import numpy as np
import pytest

from dssgan.errors import AudioError
from dssgan.metrics.bss_eval import METRICS, VERSIONS, References

RATE = 44100
MUSEVAL_TESTS = os.environ.get("MUSEVAL_TESTS")


@pytest.fixture(scope="module")
def pair(song):
    """Estimates and references of a real song, stereo; references in 16 bits, or their filters are not determined."""
    mix, sources = song
    noise = 0.01 * np.random.default_rng(0).standard_normal(sources.shape).astype(np.float32)
    return 0.7 * sources + 0.2 * mix + noise, np.rint(sources * 2**15) / 2**15


def by_museval(estimates, references, **settings):
    time_first = (np.moveaxis(audio.astype(np.float64), 1, 2) for audio in (references, estimates))
    return np.stack(museval.metrics.bss_eval(*time_first, compute_permutation=False, **settings)[:4])


def test_version_4_is_musevals(pair):
    estimates, references = pair
    expected = by_museval(estimates, references, window=RATE, hop=RATE)
    ours = References(references, RATE).score(estimates)
    assert ours.shape == expected.shape == (4, 2, 4)
    # museval itself moves by 1e-6 dB with the number of threads, or with left and right swapped
    np.testing.assert_allclose(ours, expected, rtol=0, atol=5e-6)


@pytest.mark.parametrize(("window", "hop"), [(1.0, 1.0), (1.5, 0.5), (10.0, 5.0), (4.0, 1.0)])
def test_images_of_version_3_are_musevals(pair, window, hop):
    estimates, references = (audio[:, :, : 3 * RATE] for audio in pair)
    version = replace(VERSIONS["images-v3"], window_seconds=window, hop_seconds=hop)
    expected = by_museval(estimates, references, window=int(window * RATE), hop=int(hop * RATE), framewise_filters=True)
    ours = References(references, RATE, version).score(estimates)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=5e-6)


def test_sources_of_version_3_are_musevals(pair):
    estimates, references = pair
    mono = (audio.astype(np.float64).mean(axis=1, keepdims=True) for audio in pair)
    expected = by_museval(*mono, window=np.inf, hop=np.inf, framewise_filters=True, bsseval_sources_version=True)
    ours = References(references, RATE, VERSIONS["v3"]).score(estimates)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=5e-6)
    assert np.isnan(ours[METRICS.index("ISR")]).all()


def test_the_fast_version_is_the_sdr_of_version_4(pair):
    estimates, references = pair
    fast = References(references, RATE, VERSIONS["fast"]).score(estimates)
    np.testing.assert_allclose(fast[0], References(references, RATE).score(estimates)[0], rtol=0, atol=1e-9)
    assert np.isnan(fast[1:]).all()


def test_noise_by_hand():
    # sources that do not correlate, each estimate half of its source plus a tenth of the other: SIR is that of 0.5 to
    # 0.1; nothing else is in it, so SAR is far above; and the SDR of images is that of all errors, 0.5 and 0.1
    references = np.random.default_rng(0).standard_normal((2, 1, 80000))
    estimates = 0.5 * references + 0.1 * references[::-1]
    whole = replace(VERSIONS["v4"], window_seconds=10.0)
    sdr, isr, sir, sar = References(references, 8000, whole).score(estimates)[..., 0]
    np.testing.assert_allclose(sir, 20 * np.log10(5), atol=0.2)
    np.testing.assert_allclose(sdr, -10 * np.log10(0.25 + 0.01), atol=0.1)
    np.testing.assert_allclose(isr, -20 * np.log10(0.5), atol=0.1)
    assert (sar > 60).all()
    # version 3 filters the source first: half of it is as good as all of it
    loose = References(references, 8000, VERSIONS["v3"]).score(estimates)[..., 0]
    np.testing.assert_allclose(loose[0], 20 * np.log10(5), atol=0.2)


def test_a_filtered_source_has_no_artifacts_and_one_that_is_late_neither():
    generator = np.random.default_rng(1)
    references = generator.standard_normal((2, 1, 30000))
    estimates = np.stack([np.convolve(audio[0], generator.standard_normal(200))[None, :30000] for audio in references])
    sdr, _, sir, sar = References(references, 8000, VERSIONS["v3"]).score(estimates)[..., 0]
    for ratio in (sdr, sir, sar):  # what is cut off at the end is all that is left
        assert (ratio > 15).all()
    assert (References(references, 8000, replace(VERSIONS["v4"], window_seconds=9.0)).score(estimates)[0] < 1).all()


def test_the_references_serve_many_methods(pair):
    estimates, references = pair
    known = References(references, RATE)
    first, other = known.score(estimates), known.score(0.5 * estimates)
    np.testing.assert_array_equal(known.score(estimates), first)
    np.testing.assert_array_equal(References(references, RATE).score(0.5 * estimates), other)
    assert np.abs(first - other).max() > 1


@pytest.mark.parametrize("version", VERSIONS)
def test_silence_is_nan_for_all_and_what_is_exact_is_at_infinity(pair, version):
    _, references = (audio[:, :, : 2 * RATE].copy() for audio in pair)
    known = References(references, RATE, VERSIONS[version])
    perfect = known.score(references)
    assert (np.isinf(perfect[0]) | (perfect[0] > 200)).all()
    quiet = references.copy()
    quiet[1] = 0
    assert np.isnan(known.score(quiet)).all()
    assert np.isnan(References(quiet, RATE, VERSIONS[version]).score(references)).all()


def test_what_cannot_be_scored_is_refused():
    with pytest.raises(AudioError, match="hold a sample"):
        References(np.zeros((2, 1, 0)), RATE)
    with pytest.raises(AudioError, match="not a finite number"):
        References(np.full((2, 1, 10), np.nan), RATE)
    with pytest.raises(ValueError, match="must be alike"):
        References(np.ones((2, 1, 10)), RATE).score(np.ones((2, 1, 11)))


@pytest.mark.skipif(
    MUSEVAL_TESTS is None,
    reason="museval's test song may not be passed on: set MUSEVAL_TESTS to the folder tests of its repository",
)
def test_musevals_published_scores_of_its_own_song():
    import stempeg

    title = "Music Delta - 80s Rock"
    folder = Path(MUSEVAL_TESTS) / "data"
    stems, rate = stempeg.read_stems(str(folder / "MUSDB18-7-SAMPLE" / "train" / f"{title}.stem.mp4"))
    stems = np.rint(stems * 2**15) / 2**15  # which these scores were made of
    np.random.seed(0)
    estimates = np.stack([np.random.random(stems.shape[1:]) for _ in range(2)])
    references = np.stack([stems[4], stems[1:4].sum(axis=0)])
    ours = References(np.moveaxis(references, 1, 2), rate).score(np.moveaxis(estimates, 1, 2))
    for target, scores in zip(
        json.loads((folder / f"{title}.json").read_text())["targets"], ours.swapaxes(0, 1), strict=True
    ):
        for metric, values in zip(METRICS, scores, strict=True):
            published = [frame["metrics"][metric] for frame in target["frames"]]
            np.testing.assert_allclose(values, published, rtol=0, atol=1e-5)
