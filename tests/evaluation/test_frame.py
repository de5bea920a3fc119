import json
import math

import museval
import pandas as pd
import pytest

from dssgan.errors import DataError, DssganError
from dssgan.evaluation.frame import COLUMNS, comparison, save_frame, scores_frame, summary
from dssgan.evaluation.track_scores import TrackScores

NAN = math.nan


def result(method, track, **sdr):
    """A museval store's JSON with these SDR frames; the other metrics are 10, 20 and 30 dB above."""
    store = museval.TrackStore(track)
    for target, values in sdr.items():
        offsets = {"SDR": 0, "ISR": 10, "SIR": 20, "SAR": 30}
        store.add_target(target, {metric: [value + above for value in values] for metric, above in offsets.items()})
    return TrackScores(method, track, json.loads(store.json)["targets"], {})


@pytest.fixture
def frame():
    return scores_frame(
        [
            result("net", "A", drums=[1.0, 2.0, 9.0], other=[0.0, 4.0, NAN]),
            result("net", "B", drums=[5.0, NAN, 7.0], other=[8.0, NAN, 8.0]),
            result("mix", "A", drums=[-1.0, -2.0, -3.0], other=[1.0, 1.0, 1.0]),
            result("mix", "B", drums=[NAN, NAN, NAN], other=[3.0, 3.0, 3.0]),
        ]
    )


@pytest.fixture
def usdr():
    rows = [("net", "A", "drums", 3.0), ("net", "B", "drums", 4.0), ("net", "A", "other", 1.0)]
    rows += [("mix", "A", "drums", -2.0), ("mix", "B", "drums", NAN)]
    return pd.DataFrame(rows, columns=["method", "track", "target", "score"])


def test_columns_are_sisecs(frame):
    assert tuple(frame.columns) == COLUMNS == ("method", "track", "target", "metric", "score", "time")
    assert len(frame) == 4 * 2 * 4 * 3  # method and track, target, metric, frame
    row = frame[(frame.method == "net") & (frame.track == "B") & (frame.metric == "SIR") & (frame.target == "drums")]
    assert row["time"].tolist() == [0, 1, 2]
    assert row["score"].tolist() == pytest.approx([25, NAN, 27], nan_ok=True)


def test_agrees_with_musevals_own_frame(frame):
    store = museval.MethodStore()
    store.df = frame
    expected = store.agg_frames_tracks_scores()
    lines = summary(frame, pd.DataFrame(columns=["method", "track", "target", "score"])).set_index(["method", "target"])
    for (method, target, metric), score in expected.items():
        assert lines.loc[(method, target), metric] == pytest.approx(score)


def test_summary_by_hand(frame, usdr):
    lines = summary(frame, usdr)
    assert list(zip(lines.method, lines.target, strict=True)) == [
        ("net", "drums"),
        ("net", "other"),
        ("mix", "drums"),
        ("mix", "other"),
    ]
    # medians over frames: net drums A 2, B 6, over tracks 4; other A 2, B 8: 5. mix drums A -2 alone; other 1, 3: 2
    assert lines["SDR"].tolist() == [4, 5, -2, 2]
    assert lines["ISR"].tolist() == [14, 15, 8, 12]
    assert lines["SAR"].tolist() == [34, 35, 28, 32]
    assert lines["uSDR"].tolist() == pytest.approx([3.5, 1.0, -2.0, NAN], nan_ok=True)
    assert lines["num_frames"].tolist() == [6, 6, 6, 6]
    assert lines["num_nan_frames"].tolist() == [1, 2, 3, 0]
    assert lines["num_tracks"].tolist() == [2, 2, 2, 2]
    assert lines["num_nan_tracks"].tolist() == [0, 0, 1, 0]


def test_comparison_is_one_line_a_method(frame, usdr):
    table = comparison(summary(frame, usdr), "drums")
    assert list(table.index) == ["net", "mix"]
    assert list(table.columns) == ["drums SDR", "drums ISR", "drums SIR", "drums SAR", "drums uSDR", "other SDR"]
    assert table.loc["net"].tolist() == [4, 14, 24, 34, 3.5, 5]
    with pytest.raises(DataError, match="bass: no such source among drums, other"):
        comparison(summary(frame, usdr), "bass")


def test_pickle_is_read_by_pandas_and_museval(frame, tmp_path):
    save_frame(frame, tmp_path, "songs")
    pd.testing.assert_frame_equal(pd.read_pickle(tmp_path / "songs.pkl"), frame)  # noqa: S301
    store = museval.MethodStore()
    store.load(tmp_path / "songs.pkl")
    assert list(store.df.columns) == list(COLUMNS)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "songs.parquet"), frame)
    assert {path.name for path in tmp_path.iterdir()} == {"songs.pkl", "songs.parquet"}


def test_a_failed_write_leaves_nothing_behind(frame, tmp_path):
    (tmp_path / "songs.pkl").mkdir()
    with pytest.raises(DssganError, match=r"songs\.pkl: cannot be written"):
        save_frame(frame, tmp_path, "songs")
    assert [path.name for path in tmp_path.iterdir()] == ["songs.pkl"]


@pytest.mark.parametrize("targets", ["drums", [3], [{"name": "drums"}], [{"name": "drums", "frames": [{}]}]])
def test_names_the_result_that_is_not_musevals(targets):
    with pytest.raises(DataError, match="net/A: these are not museval's scores"):
        scores_frame([TrackScores("net", "A", targets, {})])
