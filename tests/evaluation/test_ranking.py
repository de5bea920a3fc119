"""Statistics over tracks, against numbers worked out by hand and scipy's."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dssgan.evaluation.ranking import (
    PAIR_COLUMNS,
    SUMMARY_COLUMNS,
    compare_all,
    more_is_better,
    summarise,
    track_scores,
    verdict,
)

TRACKS = [f"song {number}" for number in range(6)]
SCORES = {
    "good": [5.0, 6.0, 7.0, 8.0, 9.0, 10.0],
    "fair": [4.0, 5.5, 6.0, 7.5, 8.0, 9.5],
    "poor": [1.0, 2.0, 3.0, math.nan, 5.0, 6.0],
}


@pytest.fixture
def scores() -> pd.DataFrame:
    rows = [
        (method, track, "drums", "usdr", score)
        for method, values in SCORES.items()
        for track, score in zip(TRACKS, values, strict=True)
    ]
    return pd.DataFrame(rows, columns=["method", "track", "target", "metric", "score"])


def test_summary_by_hand(scores: pd.DataFrame) -> None:
    lines = summarise(scores)
    assert tuple(lines.columns) == SUMMARY_COLUMNS
    assert lines["method"].tolist() == ["good", "fair", "poor"]
    assert lines["mean"].tolist() == pytest.approx([7.5, 6.75, 3.4])
    assert lines["median"].tolist() == pytest.approx([7.5, 6.75, 3.0])
    assert lines["num_tracks"].tolist() == [6, 6, 5]
    assert lines["num_nan_tracks"].tolist() == [0, 0, 1]
    for of in ("mean", "median"):
        assert (lines[f"{of}_low"] < lines[of]).all()
        assert (lines[f"{of}_high"] > lines[of]).all()
    # the interval of a mean of six is about two standard errors wide on each side
    error = np.std(SCORES["good"], ddof=1) / math.sqrt(6)
    assert lines["mean_high"][0] - lines["mean"][0] == pytest.approx(1.8 * error, rel=0.2)


def test_pairs_by_hand(scores: pd.DataFrame) -> None:
    lines = compare_all(scores)
    assert tuple(lines.columns) == PAIR_COLUMNS
    assert lines[["method", "other"]].to_numpy().tolist() == [["good", "fair"], ["good", "poor"], ["fair", "poor"]]
    first = lines.iloc[0]
    assert first["mean_difference"] == pytest.approx(0.75)
    assert first["wilcoxon_p"] == pytest.approx(2 / 64)  # all six better: one of the 64 ways to sign the ranks, doubled
    assert first["low"] < 0.75 < first["high"]
    assert lines["num_tracks"].tolist() == [6, 5, 5]
    assert lines["num_dropped"].tolist() == [0, 1, 1]
    # five tracks that all have a score on, ranked alike on each: chi-square of 2 x 5 at 2 degrees of freedom
    assert lines["friedman_p"].tolist() == pytest.approx([stats.chi2.sf(10, 2)] * 3)
    assert (lines["conover_p"] < 0.05).all()


def test_songs_of_a_group_are_one_sample(scores: pd.DataFrame) -> None:
    record = dict.fromkeys(TRACKS[:4], "a record")
    grouped = scores.assign(group=scores["track"].map(lambda track: record.get(track, track)))
    lines = summarise(grouped)
    assert lines["num_tracks"].tolist() == [3, 3, 3]
    assert lines["mean"].tolist() == pytest.approx([(6.5 + 9 + 10) / 3, (5.75 + 8 + 9.5) / 3, (2 + 5 + 6) / 3])
    first = compare_all(grouped).iloc[0]
    assert first["num_tracks"] == 3
    assert first["wilcoxon_p"] == pytest.approx(2 / 8)
    assert first["mean_difference"] == pytest.approx((0.75 + 1 + 0.5) / 3)
    assert verdict(grouped, "drums").startswith("good: drums uSDR 8.50 dB over 3 songs")
    one = verdict(scores.assign(group="a record"), "drums")
    assert "over 1 song," in one
    assert one.endswith("one song cannot say whether by chance")


def test_noise_is_not_significant() -> None:
    generator = np.random.default_rng(0)
    rows = [(f"m{method}", track, "drums", "usdr", generator.normal()) for method in range(4) for track in range(20)]
    lines = compare_all(pd.DataFrame(rows, columns=["method", "track", "target", "metric", "score"]))
    assert len(lines) == 6
    assert (lines["conover_p"] > 0.05).all()
    assert (lines["friedman_p"] > 0.05).all()


def test_two_methods_or_one_track_have_fewer_tests(scores: pd.DataFrame) -> None:
    two = compare_all(scores[scores["method"] != "poor"])
    assert two["friedman_p"].isna().all()
    assert two["wilcoxon_p"].notna().all()
    one = compare_all(scores[scores["track"] == TRACKS[0]])
    assert one["mean_difference"].tolist() == pytest.approx([1, 4, 3])
    assert one["low"].isna().all()
    assert compare_all(scores[scores["method"] == "good"]).empty
    nothing = compare_all(scores[scores["track"] == TRACKS[3]])
    assert nothing["num_tracks"].tolist() == [1, 0, 0]


def test_gains_over_the_mix_are_taken_track_by_track() -> None:
    columns = ["method", "track", "target", "metric", "score"]
    frame = pd.DataFrame(
        [
            (method, "A", "drums", metric, score, time)
            for method, offset in (("net", 0), ("mix", -10))
            for metric in ("SDR", "SIR", "SAR")
            for time, score in enumerate((1.0 + offset, 2.0 + offset, 9.0 + offset))
        ],
        columns=[*columns, "time"],
    )
    whole = pd.DataFrame([("net", "A", "drums", "snr", 4.0), ("mix", "A", "drums", "snr", 1.5)], columns=columns)
    scores = track_scores(frame, whole, "mix").set_index(["method", "metric"])["score"]
    assert scores["net", "SDR"] == 2  # the median of its frames
    assert scores["net", "NSDR"] == scores["net", "NSIR"] == 10
    assert scores["net", "nsnr"] == 2.5
    assert scores["mix", "NSDR"] == 0
    assert ("net", "NSAR") not in scores.index
    assert "NSDR" not in set(track_scores(frame, whole)["metric"])
    assert set(track_scores(frame, whole, "mix", {"A": "a record"})["group"]) == {"a record"}
    assert set(track_scores(frame, whole)["group"]) == {"A"}


def test_direction_of_every_metric() -> None:
    assert more_is_better("SDR")
    assert more_is_better("si_sar")
    assert not more_is_better("attack_error")


@pytest.mark.parametrize(("metric", "title"), [("onset_f1", "onset F1"), ("log_wmse", "logWMSE")])
def test_a_verdict_has_the_metrics_own_unit(scores: pd.DataFrame, metric: str, title: str) -> None:
    text = verdict(scores.assign(metric=metric), "drums", metric, leave_out=["poor"])
    assert text.startswith(f"good: drums {title} 7.50 over 6 songs (95 % interval")
    assert "0.75 better than fair" in text
    assert "dB" not in text


def test_verdict_says_by_how_much_and_whether_by_chance(scores: pd.DataFrame) -> None:
    better = verdict(scores, "drums", leave_out=["poor"])
    assert better.startswith("good: drums uSDR 7.50 dB over 6 songs (95 % interval")
    assert "0.75 dB better than fair" in better
    assert "p = 0.0312" in better
    assert "chance" not in better
    few = verdict(scores[scores["track"].isin(TRACKS[:3])], "drums")
    assert "p = 0.25); that can be chance" in few
    assert verdict(scores[scores["track"] == TRACKS[0]], "drums").endswith("one song cannot say whether by chance")
    alone = verdict(scores[scores["method"] == "fair"], "drums", leave_out=["fair"])
    assert alone.startswith("fair: drums uSDR 6.75 dB over 6 songs")
