import json
import math
import os
import signal
from dataclasses import dataclass, replace

import museval
import numpy as np
import pandas as pd
import pytest
import ray
import torch
from ray.cluster_utils import Cluster

from dssgan.audio import files
from dssgan.data.audio_file import AudioFile
from dssgan.data.dataset import Track
from dssgan.data.loading import load_dataset
from dssgan.errors import ConfigError, DataError, DssganError
from dssgan.evaluation.campaign import run_campaign
from dssgan.evaluation.jobs import to_16_bits
from dssgan.evaluation.method import Method
from dssgan.evaluation.methods import FolderMethod, MixMethod, ModelMethod
from dssgan.evaluation.museval_store import evaluate_track
from dssgan.metrics.bss_eval import References
from dssgan.separators import build_separator
from dssgan.separators.bundle import save_bundle

RATE = 8000
SOURCES = ("drums", "other")
SETTINGS = {"dataset_name": "songs", "sources": SOURCES, "sample_rate": RATE}


@pytest.fixture(scope="module")
def tracks(tmp_path_factory):
    """The loudest two seconds of drums of two bundled songs, mono, 8 kHz."""
    folder = tmp_path_factory.mktemp("songs")
    cut = []
    for track in load_dataset(None).partition("test")[::2]:
        sources = track.load(RATE, 1)[1]
        energy = np.cumsum(np.square(sources[0, 0].astype(np.float64)))
        start = int(np.argmax(energy[2 * RATE :] - energy[: -2 * RATE]))
        samples = []
        for source, audio in zip(SOURCES, sources, strict=True):
            path = folder / track.name / f"{source}.wav"
            files.write(path, audio[:, start : start + 2 * RATE], RATE, "float32")
            samples.append(AudioFile.of(path, with_fingerprint=True))
        cut.append(Track(track.name, None, tuple(samples)))
    return tuple(cut)


@pytest.fixture(scope="module")
def methods(tracks, tmp_path_factory):
    """The mix, an untrained model, and a folder of estimates that err by a tenth of the true sources."""
    folder = tmp_path_factory.mktemp("methods")
    model = build_separator("tdf_unet", {"sample_rate": RATE, "channels": 1}, preset="tiny")
    save_bundle(folder / "untrained", "tdf_unet", model, metadata={})
    for track in tracks:
        for source, audio in zip(SOURCES, track.load()[1], strict=True):
            files.write(folder / "other-system" / track.name / f"{source}.wav", 0.9 * audio, RATE, "float32")
    return {
        "mix": MixMethod(),
        "untrained": ModelMethod(str(folder / "untrained")),
        "nearly": FolderMethod(folder / "other-system"),
    }


@pytest.fixture(scope="module")
def result(methods, tracks, tmp_path_factory):
    return run_campaign(methods, tracks, tmp_path_factory.mktemp("results"), **SETTINGS)


def test_scores_by_hand(result, methods, tracks):
    table = result.table("drums")
    assert list(table.index) == list(methods)
    assert list(table.columns) == ["drums SDR", "drums ISR", "drums SIR", "drums SAR", "drums uSDR", "other SDR"]
    # an error of a tenth of the source is 20 dB, in every frame and over the whole
    assert table.loc["nearly", ["drums SDR", "drums uSDR", "other SDR"]].tolist() == pytest.approx([20] * 3, abs=1e-4)
    # the mix errs by the other source, so its two uSDRs are opposite in sign
    mix = result.usdr[result.usdr["method"] == "mix"].set_index(["track", "target"])["score"]
    for track in tracks:
        drums, other = (np.square(audio.astype(np.float64)).sum() for audio in track.load()[1])
        assert mix[track.name, "drums"] == pytest.approx(10 * math.log10(drums / other), abs=1e-4)
        assert mix[track.name, "other"] == pytest.approx(10 * math.log10(other / drums), abs=1e-4)
    assert np.isfinite(table.loc["untrained"].astype(float)).all()


def test_files_are_those_of_the_field(result, methods, tracks):
    for name in methods:
        store = museval.EvalStore()
        store.add_eval_dir(result.folder / name)
        assert set(store.df["track"]) == {track.name for track in tracks}
        assert set(store.df["target"]) == set(SOURCES)
    pd.testing.assert_frame_equal(pd.read_pickle(result.folder / "songs.pkl"), result.frame)  # noqa: S301
    pd.testing.assert_frame_equal(pd.read_parquet(result.folder / "songs.parquet"), result.frame)
    whole_track = pd.read_csv(result.folder / "whole_track.csv")
    pd.testing.assert_frame_equal(whole_track, result.whole_track, check_dtype=False)
    assert len(result.frame) == 3 * 2 * 2 * 4 * 2  # methods, tracks, targets, metrics, frames


@pytest.mark.slow
def test_same_numbers_in_any_order_and_with_any_workers(result, methods, tracks, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "local")  # not in a cluster that happens to run on this machine
    backwards = dict(reversed(methods.items()))
    reports = []
    parallel = run_campaign(
        backwards,
        tracks[::-1],
        tmp_path,
        **SETTINGS,
        num_workers=2,
        progress=lambda *report: reports.append(report),
    )
    keys = ["method", "track", "target", "metric", "time"]
    for ours, theirs, by in ((result.frame, parallel.frame, keys), (result.usdr, parallel.usdr, keys[:3])):
        ours, theirs = (frame.sort_values(by, ignore_index=True) for frame in (ours, theirs))
        assert ours[by].equals(theirs[by])
        # museval's steps of 1e-5 dB; what is above 100 dB is the rounding of its filters
        np.testing.assert_allclose(ours["score"].clip(upper=100), theirs["score"].clip(upper=100), rtol=0, atol=1.1e-5)
    assert list(dict.fromkeys(parallel.frame["method"])) == list(backwards)
    assert reports == [(done, 6) for done in range(7)]
    assert not ray.is_initialized()  # as it was before


@pytest.mark.slow
@pytest.mark.xdist_group("ray")  # one Ray at a time
def test_a_cluster_gives_the_same_numbers(result, methods, tracks, tmp_path):
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "object_store_memory": 100_000_000})
    try:
        there = run_campaign(methods, tracks, tmp_path, **SETTINGS, num_workers=None, address=cluster.address)
    finally:
        cluster.shutdown()
    np.testing.assert_allclose(
        result.frame["score"].clip(upper=100), there.frame["score"].clip(upper=100), rtol=0, atol=1.1e-5
    )
    with pytest.raises(ConfigError, match="there is no Ray cluster"):
        run_campaign(methods, tracks, tmp_path, **SETTINGS, address="127.0.0.1:1")


@pytest.mark.slow
def test_faults_of_workers_come_back_as_one_line(tracks, tmp_path, monkeypatch):
    @dataclass(frozen=True)
    class Dying(Method):
        """A method that takes its worker with it, as the system does when memory runs out."""

        def open(self, sources, sample_rate):  # noqa: ARG002
            os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setenv("RAY_ADDRESS", "local")
    ray.init(num_cpus=2, log_to_driver=False, logging_level="ERROR")
    try:
        with pytest.raises(DataError, match=r"nowhere.*: holds no estimate of this track") as missing:
            run_campaign({"a": FolderMethod(tmp_path / "nowhere")}, tracks, tmp_path, **SETTINGS, num_workers=2)
        with pytest.raises(DssganError, match=rf"dying: {tracks[0].name}: its worker died") as died:
            run_campaign({"dying": Dying()}, tracks[:1], tmp_path, **SETTINGS, num_workers=2)
        assert "\n" not in f"{missing.value}{died.value}"
        assert ray.is_initialized()  # whoever started Ray goes on using it
    finally:
        ray.shutdown()
    assert not list(tmp_path.rglob("*.pkl"))


def test_resume_takes_only_what_is_the_same(tracks, tmp_path):
    methods = {"mix": MixMethod()}
    first = run_campaign(methods, tracks[:1], tmp_path, **SETTINGS)
    path = tmp_path / "mix" / "test" / f"{tracks[0].name}.json"
    stamp = path.stat().st_mtime_ns
    reports = []

    def resume(resumed_tracks, **changes):
        settings = {**SETTINGS, "progress": lambda *report: reports.append(report), **changes}
        reports.clear()
        return run_campaign(methods, resumed_tracks, tmp_path, resume=True, **settings)

    both = resume(tracks)
    assert path.stat().st_mtime_ns == stamp
    assert reports == [(1, 2), (2, 2)]
    pd.testing.assert_frame_equal(both.frame[both.frame["track"] == tracks[0].name], first.frame)

    path.write_text(path.read_text()[:100])  # cut short by a full disk
    pd.testing.assert_frame_equal(resume(tracks[:1]).frame, first.frame)
    assert len(reports) == 2
    resume([replace(tracks[1], name=tracks[0].name)])  # another song under the same name
    assert len(reports) == 2
    resume([replace(tracks[1], name=tracks[0].name)], sample_rate=RATE // 2)
    assert len(reports) == 2
    run_campaign(methods, tracks[:1], tmp_path, **SETTINGS)  # without `resume` everything is measured again
    pd.testing.assert_frame_equal(resume(tracks[:1]).frame, first.frame)
    assert len(reports) == 1


def test_resume_scores_a_model_that_has_changed_under_its_name(tracks, tmp_path):
    def write(seed):
        torch.manual_seed(seed)
        small = {"num_layers": 2, "num_initial_filters": 2, "n_fft": 512, "hop_samples": 256}
        save_bundle(tmp_path / "net", "unet", build_separator("unet", small), metadata={})

    def run(**changes):
        methods = {"net": ModelMethod(str(tmp_path / "net"))}
        return run_campaign(methods, tracks[:1], tmp_path / "out", **SETTINGS, **changes).frame["score"].tolist()

    write(0)
    first = run()
    write(1)
    assert run(resume=True) != first
    write(0)
    assert run(resume=True) == first


def test_written_estimates_are_what_was_scored(tracks, tmp_path):
    first = run_campaign({"mix": MixMethod()}, tracks[:1], tmp_path, **SETTINGS, write_estimates=True)
    again = run_campaign({"again": FolderMethod(tmp_path / "mix" / "estimates")}, tracks[:1], tmp_path, **SETTINGS)
    assert again.frame["score"].tolist() == first.frame["score"].tolist()
    assert json.loads((tmp_path / "mix" / "test" / f"{tracks[0].name}.json").read_text())["dssgan"]["whole_track"][
        "usdr"
    ]


def test_a_silent_source_has_no_score(tracks, tmp_path):
    drumless = Track("no drums", None, (None, tracks[0].sources[1]))
    result = run_campaign({"mix": MixMethod()}, [drumless], tmp_path, **SETTINGS)
    assert result.frame["score"].isna().all()
    assert result.usdr["score"].isna().tolist() == [True, False]
    assert result.summary["num_nan_tracks"].tolist() == [1, 1]
    assert result.summary["num_nan_frames"].tolist() == [2, 2]


def test_refuses_what_would_mislead(tracks, tmp_path):
    mix = {"mix": MixMethod()}
    with pytest.raises(ConfigError, match="0 methods"):
        run_campaign({}, tracks, tmp_path, **SETTINGS)
    with pytest.raises(ConfigError, match="0 workers"):
        run_campaign(mix, tracks, tmp_path, **SETTINGS, num_workers=0)
    with pytest.raises(DataError, match="songs: its partition test holds no track"):
        run_campaign(mix, [], tmp_path, **SETTINGS)
    with pytest.raises(DataError, match="two tracks have this name"):
        run_campaign(mix, [tracks[0], tracks[0]], tmp_path, **SETTINGS)
    with pytest.raises(DataError, match="it cannot be a file's"):
        run_campaign({"../../etc": MixMethod()}, tracks, tmp_path, **SETTINGS)
    assert list(tmp_path.iterdir()) == []


def test_versions_of_bss_eval_never_share_a_folder(methods, tracks, tmp_path):
    run_campaign(methods, tracks[:1], tmp_path / "v4", **SETTINGS, metrics=["si_sar"])
    with pytest.raises(ConfigError, match=r"v4: holds scores of BSS Eval v4; give those of v3 another folder"):
        run_campaign(methods, tracks[:1], tmp_path / "v4", **SETTINGS, bss="v3")
    old = run_campaign(methods, tracks[:1], tmp_path / "v3", **SETTINGS, bss="v3", metrics=["snr"])
    rows = old.scores.set_index(["method", "target", "metric"])["score"]
    # an estimate that is a softer copy has no error but its loudness, which version 3 does not count
    assert rows["nearly", "drums", "SDR"] > 60
    assert rows["nearly", "drums", "NSDR"] == rows["nearly", "drums", "SDR"] - rows["mix", "drums", "SDR"]
    assert rows["mix", "drums", "nsnr"] == 0
    assert set(old.whole_track["metric"]) == {"usdr", "snr"}
    store = json.loads((tmp_path / "v3" / "mix" / "test" / f"{tracks[0].name}.json").read_text())
    assert [frame["duration"] for frame in store["targets"][0]["frames"]] == [2.0]
    with pytest.raises(ConfigError, match="version of BSS Eval 'v5'"):
        run_campaign(methods, tracks[:1], tmp_path / "v5", **SETTINGS, bss="v5")
    with pytest.raises(ConfigError, match="metric 'sdr'"):
        run_campaign(methods, tracks[:1], tmp_path / "v5", **SETTINGS, metrics=["sdr"])
    assert not (tmp_path / "v5").exists()


def test_a_run_says_how_it_is_repeated_and_what_it_found(result, methods, tracks):
    record = json.loads((result.folder / "run.json").read_text())
    assert record["settings"]["bss"] == "v4"
    assert list(record["methods"]) == list(methods)
    assert set(record["tracks"]) == {track.name for track in tracks}
    assert record["versions"]["museval"]
    summary, pairs = (pd.read_csv(result.folder / f"{name}.csv") for name in ("summary", "pairs"))
    chosen = summary[(summary["metric"] == "usdr") & (summary["target"] == "drums")].set_index("method")
    assert chosen["mean"].to_dict() == pytest.approx(
        result.usdr[result.usdr["target"] == "drums"].groupby("method")["score"].mean().to_dict()
    )
    assert set(summary["metric"]) >= {"SDR", "NSDR", "usdr", "si_sar", "onset_sdr", "attack_error"}
    assert len(pairs[(pairs["metric"] == "usdr") & (pairs["target"] == "drums")]) == 3
    assert result.bounds == ("mix",)


def test_rounding_to_16_bits_saves_the_filters_of_a_band_limited_reference(song):
    _, sources = song
    spectrum = np.fft.rfft(sources)
    spectrum[..., np.fft.rfftfreq(sources.shape[-1], 1 / 44100) > 12000] = 0  # as a codec does
    references = np.fft.irfft(spectrum, sources.shape[-1]).astype(np.float32)
    noise = 0.01 * np.random.default_rng(0).standard_normal(references.shape).astype(np.float32)
    store = evaluate_track(References(to_16_bits(references), 44100), references + noise, ("drums", "other"), "song")
    frames = json.loads(store.json)["targets"][0]["frames"]
    assert all(frame["metrics"]["ISR"] > frame["metrics"]["SDR"] for frame in frames)
    # noise that has nothing to do with the sources is neither interference nor a wrong filter
    assert all(frame["metrics"]["SAR"] < frame["metrics"]["SIR"] for frame in frames)
    assert to_16_bits(np.float32([0.0, 1 / 3, -1.0])).tolist() == [0.0, 10923 / 32768, -1.0]
