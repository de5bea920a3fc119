import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from dssgan.data.loading import load_dataset
from dssgan.errors import DataError, DivergedError
from dssgan.metrics.drums import onset_sdr
from dssgan.metrics.scores import score_tracks, summarise
from dssgan.metrics.sdr import csdr, usdr

SOURCES = ("drums", "other")


@dataclass(frozen=True)
class ArrayTrack:
    name: str
    sources: np.ndarray

    def load(self, sample_rate=None, channels=None):  # noqa: ARG002
        return self.sources.sum(axis=0), self.sources


def test_median_for_csdr_and_mean_for_usdr_by_hand():
    nan = math.nan
    scores = summarise(
        torch.tensor([[1.0, nan], [2.0, nan], [7.0, 4.0], [3.0, nan]]),
        torch.tensor([[1.0, nan], [2.0, 5.0], [6.0, 6.0], [3.0, nan]]),
        SOURCES,
    )
    assert scores == {
        "csdr/drums": 2.5,
        "usdr/drums": 3.0,
        "num_nan_tracks/csdr/drums": 0.0,
        "num_nan_tracks/usdr/drums": 0.0,
        "csdr/other": 4.0,
        "usdr/other": 5.5,
        "num_nan_tracks/csdr/other": 3.0,
        "num_nan_tracks/usdr/other": 2.0,
    }


def test_no_track_with_a_number_is_nan():
    scores = summarise(torch.full((2, 1), math.nan), torch.full((2, 1), math.nan), ("drums",))
    assert math.isnan(scores["csdr/drums"])
    assert math.isnan(scores["usdr/drums"])


def test_scores_of_bundled_songs():
    tracks = load_dataset(None).partition("valid")[:2]
    half = score_tracks(lambda mix: np.stack([mix / 2, mix / 2]), tracks, 8000, 1, sources=SOURCES)
    each = []
    for track in tracks:
        mix, sources = (torch.from_numpy(audio) for audio in track.load(8000, 1))
        estimates = torch.stack([mix / 2, mix / 2])
        each.append((csdr(estimates, sources, 8000), usdr(estimates, sources)))
    assert half["csdr/drums"] == pytest.approx(np.nanmedian([float(c[0]) for c, _ in each]))
    assert half["usdr/other"] == pytest.approx(np.nanmean([float(u[1]) for _, u in each]))
    onsets = [onset_sdr(mix / 2, sources[0], 8000) for mix, sources in (track.load(8000, 1) for track in tracks)]
    assert half["onset_sdr/drums"] == pytest.approx(np.mean(onsets))
    # half the mix errs by half the difference of the sources, whichever of the two it stands for
    assert math.isfinite(half["usdr/drums"])


def test_a_silent_track_is_left_out_and_counted():
    loud = np.ones((2, 1, 8), np.float32)
    silent = np.stack([np.zeros((1, 8), np.float32), loud[1]])
    # the mix is twice each source, so the mix as estimate errs by the source: 0 dB
    tracks = [ArrayTrack("loud", loud), ArrayTrack("no drums", silent)]
    scores = score_tracks(lambda mix: np.stack([mix, mix]), tracks, 4, 1, sources=SOURCES)
    assert scores["usdr/drums"] == pytest.approx(0.0)
    assert scores["csdr/drums"] == pytest.approx(0.0)
    assert scores["num_nan_tracks/csdr/drums"] == 1
    assert scores["num_nan_tracks/usdr/drums"] == 1
    assert scores["num_nan_tracks/usdr/other"] == 0


def test_names_the_track_at_fault():
    track = ArrayTrack("Song", np.ones((2, 1, 8), np.float32))
    with pytest.raises(DataError, match="Song: estimates"):
        score_tracks(lambda mix: mix[None], [track], 4, 1, sources=SOURCES)
    with pytest.raises(DataError, match="Song: estimates"):
        score_tracks(lambda mix: np.stack([mix, mix]), [track], 4, 1, sources=("drums", "bass", "vocals"))
    with pytest.raises(DivergedError, match="Song"):
        score_tracks(lambda mix: np.stack([mix, mix * np.nan]), [track], 4, 1, sources=SOURCES)
    with pytest.raises(DataError, match="none to score"):
        score_tracks(lambda mix: mix, [], 4, 1, sources=SOURCES)


def test_dither_is_silence():
    track = load_dataset().valid[0]
    _, sources = track.load(22050, 1)
    dither = np.random.default_rng(0).uniform(-1, 1, sources[0].shape).astype(np.float32) * 2**-15
    drumless = ArrayTrack("dithered", np.stack([dither, sources[1]]))

    def separate(mix):
        return np.stack([mix / 2, mix / 2])

    both = score_tracks(separate, [ArrayTrack("song", sources), drumless], 22050, 1, sources=SOURCES)
    alone = score_tracks(separate, [ArrayTrack("song", sources)], 22050, 1, sources=SOURCES)
    assert both["usdr/drums"] == alone["usdr/drums"]
    assert both["num_nan_tracks/usdr/drums"] == 1


def test_tracks_without_onsets_have_no_onset_sdr():
    silent = np.zeros((2, 1, 800), np.float32)
    scores = score_tracks(lambda mix: np.stack([mix, mix]), [ArrayTrack("a", silent)], 800, 1, sources=SOURCES)
    assert math.isnan(scores["onset_sdr/drums"])
    voices = score_tracks(
        lambda mix: np.stack([mix, mix]), [ArrayTrack("a", silent)], 800, 1, sources=("voice", "other")
    )
    assert not any(key.startswith("onset_sdr") for key in voices)
