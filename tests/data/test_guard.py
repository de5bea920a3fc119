"""No test song reaches training, fitting or a bundle's own test, whatever it is disguised as."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import dssgan
from small_training import config, run

from dssgan.audio import files
from dssgan.data.audio_file import AudioFile, Sum
from dssgan.data.dataset import PAIRED_PARTITIONS, Dataset, Track
from dssgan.data.guard import guarded, recordings_of
from dssgan.data.loading import load_dataset
from dssgan.data.recording_facts import RecordingFacts, examine_recordings
from dssgan.data.seen_recordings import SeenRecordings
from dssgan.ensembling.build import build_ensemble
from dssgan.errors import DataError, ModelError
from dssgan.evaluation.campaign import run_campaign
from dssgan.evaluation.methods import ModelMethod
from dssgan.separators import build_separator
from dssgan.separators.bundle import save_bundle
from dssgan.separators.graphs.export import EXPORTS
from dssgan.separators.loading import find_model
from dssgan.tuning.ray.sweep import run_sweep
from dssgan.tuning.search.options import SearchOptions
from dssgan.tuning.search.space import SearchSpace

SONG = AudioFile(Path("song.wav"), 44100, 2, 1.0)


def disguised(track: Track, folder: Path, kind: str) -> Track:
    """Give the same song in other files."""
    sources = []
    for name, source in zip(("drums", "other"), track.sources, strict=True):
        assert isinstance(source, AudioFile)
        if kind == "without fingerprint":
            shutil.copy(source.path, folder / f"{name}.ogg")
            sources.append(replace(source, path=folder / f"{name}.ogg", fingerprint=None))
            continue
        wav = folder / f"{name}.wav"
        files.write(wav, np.clip(source.read(), -1, 1), source.sample_rate)
        change = {"mp3": [], "quiet and cut": ["-ss", "1.0", "-af", "volume=-9dB"]}[kind]
        coded = folder / f"{name}.mp3"
        subprocess.run(["ffmpeg", "-v", "error", "-i", wav, *change, "-b:a", "128k", coded], check=True)
        sources.append(AudioFile.of(coded, with_fingerprint=True))
    return Track("another name", None, tuple(sources))


@pytest.fixture(params=["mp3", "quiet and cut", "without fingerprint"])
def leaking(request: pytest.FixtureRequest, bundled: Dataset, tmp_path: Path) -> Dataset:
    (tmp_path / "copy").mkdir()
    copy = disguised(bundled.test[0], tmp_path / "copy", request.param)
    return replace(bundled, valid=(*bundled.valid, copy))


def test_training_asks(leaking: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"another name.* test track crunk"):
        run(tmp_path / "run", leaking, config())
    assert not (tmp_path / "run").exists()


def test_fitting_asks(leaking: Dataset, tmp_path: Path) -> None:
    save_bundle(tmp_path / "bundle", "unet", build_separator("unet", {"num_layers": 2}), metadata={})
    with pytest.raises(DataError, match=r"another name.* test track crunk"):
        build_ensemble([tmp_path / "bundle"], leaking, tmp_path / "mine.yaml")
    assert not (tmp_path / "mine.yaml").exists()


def test_sweeps_ask_before_anything_begins(leaking: Dataset, tmp_path: Path) -> None:
    space = SearchSpace("space.py", "def space(trial):\n    trial.suggest_float('alpha', 0, 1)\n")
    with pytest.raises(DataError, match=r"another name.* test track crunk"):
        run_sweep(space, leaking, tmp_path / "sweep", settings={}, options=SearchOptions(1), name="x")
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize("partition", ["train_sup", "train_unsup"])
def test_every_partition_is_compared(bundled: Dataset, tmp_path: Path, partition: str) -> None:
    copy = disguised(bundled.test[0], tmp_path, "mp3")
    unpaired = bundled.train_unsup
    drums = replace(unpaired, sources=((*unpaired.sources[0], copy.sources[0]), unpaired.sources[1]))
    changed = {"train_sup": (*bundled.train_sup, copy)} if partition == "train_sup" else {"train_unsup": drums}
    with pytest.raises(DataError, match="sounds like test track crunk"):
        guarded(replace(bundled, **changed))  # type: ignore[arg-type]


def test_what_is_apart_passes_and_is_recorded(bundled: Dataset) -> None:
    checked = guarded(bundled)
    assert all(checked.partition(name) == bundled.partition(name) for name in PAIRED_PARTITIONS)
    assert set(checked.learnt_from.names) >= {track.name for track in (*bundled.train_sup, *bundled.valid)}
    assert not {track.name for track in bundled.test} & set(checked.learnt_from.names)
    # a data set that was changed afterwards is not taken for a checked one
    other = guarded(replace(checked, test=(), train_sup=checked.train_sup[:1]))
    assert len(other.learnt_from.names) < len(checked.learnt_from.names)


def test_the_record_says_nothing_of_the_machine(bundled: Dataset) -> None:
    record = guarded(bundled).learnt_from
    assert any("/" in name for name in record.names)  # unpaired recordings have no name but their file's
    assert not any("//" in name or name.startswith("/") or name.count("/") > 1 for name in record.names)


@pytest.mark.slow
def test_a_replaced_file_is_noticed_behind_its_fingerprint(bundled: Dataset, tmp_path: Path) -> None:
    shutil.copytree(Path(str(bundled.files[0].path)).parents[2], tmp_path / "songs")
    manifest = tmp_path / "songs" / "dataset.json"
    guarded(load_dataset(manifest))
    victim = next(sample for track in load_dataset(manifest).train_sup for sample in track.sources if sample)
    assert isinstance(victim, AudioFile)
    impostor = next(sample for sample in bundled.test[0].sources if isinstance(sample, AudioFile))
    audio = np.resize(impostor.read(), (victim.channels, victim.num_frames))
    files.write(tmp_path / "new.wav", np.clip(audio, -1, 1), victim.sample_rate)
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", tmp_path / "new.wav", victim.path], check=True)
    with pytest.raises(DataError, match=rf"{victim.path.name}: is not the audio that the data set was made with"):
        guarded(load_dataset(manifest))


def test_a_bundle_is_not_tested_on_what_it_learnt_from(bundled: Dataset, tmp_path: Path) -> None:
    outcome, _ = run(tmp_path / "run", bundled, config(supervised_epochs=1, adversarial_epochs=0))
    assert outcome is not None
    (tmp_path / "copy").mkdir()
    seen = disguised(bundled.train_sup[0], tmp_path / "copy", "mp3")
    settings: dict[str, object] = {"dataset_name": "songs", "sources": bundled.sources, "sample_rate": 44100}
    method = {"mine": ModelMethod(str(outcome.bundle))}
    with pytest.raises(
        DataError, match=r"mine: learnt from axe-from-the-80s, which is the same audio as test track another"
    ):
        run_campaign(method, [seen], tmp_path / "results", **settings)  # type: ignore[arg-type]
    assert not (tmp_path / "results").exists()
    # an ensemble remembers what its members learnt from, and what it was fitted on
    built = build_ensemble([outcome.bundle], replace(bundled, train_sup=()), tmp_path / "mine.yaml")
    assert set(find_model(built.path).learnt_from().names) >= {"axe-from-the-80s", "cpu"}
    # the weights are fitted on validation songs alone
    assert set(SeenRecordings.load(built.path.with_suffix("")).names) == {track.name for track in bundled.valid}
    with pytest.raises(DataError, match="learnt from axe-from-the-80s"):
        run_campaign({"mine": ModelMethod(str(built.path))}, [seen], tmp_path / "results", **settings)  # type: ignore[arg-type]
    # and a training that starts from it passes it on
    later, _ = run(tmp_path / "later", replace(bundled, train_sup=bundled.train_sup[3:]),
                   config(supervised_epochs=1, adversarial_epochs=0, start_from=str(outcome.bundle)))  # fmt: skip
    assert later is not None
    assert "axe-from-the-80s" in find_model(later.bundle).learnt_from().names
    assert json.loads((later.bundle / "model.json").read_text())["parents"][0]["credits"] == list(bundled.credits)


def test_without_its_record_a_model_is_neither_tested_nor_learnt_from(bundled: Dataset, tmp_path: Path) -> None:
    outcome, _ = run(tmp_path / "run", bundled, config(supervised_epochs=1, adversarial_epochs=0))
    assert outcome is not None
    built = build_ensemble([outcome.bundle], replace(bundled, train_sup=()), tmp_path / "mine.yaml")
    assert "axe-from-the-80s" in find_model(built.path).learnt_from().names
    (tmp_path / "mine" / "learnt_from.safetensors").unlink()
    with pytest.raises(ModelError, match=r"mine: holds no learnt_from\.safetensors"):
        find_model(built.path).learnt_from()
    (outcome.bundle / "learnt_from.safetensors").unlink()
    unknown = "it is not known what the model learnt from; copy the whole folder again"
    settings: dict[str, object] = {"dataset_name": "songs", "sources": bundled.sources, "sample_rate": 44100}
    with pytest.raises(ModelError, match=unknown):
        run_campaign({"mine": ModelMethod(str(outcome.bundle))}, bundled.test, tmp_path / "results", **settings)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=unknown):
        run(tmp_path / "later", bundled, config(start_from=str(outcome.bundle)))
    # a bundle of an earlier version does not say whether it has one
    description = json.loads((outcome.bundle / "model.json").read_text())
    assert description.pop("learnt_from") is True
    (outcome.bundle / "model.json").write_text(json.dumps(description))
    with pytest.raises(ModelError, match=unknown):
        find_model(outcome.bundle).learnt_from()


@pytest.mark.slow
@pytest.mark.parametrize(("family", "suffix"), [("onnx", "onnx"), ("openvino", "xml")])
def test_an_export_knows_what_it_learnt_from(bundled: Dataset, tmp_path: Path, family: str, suffix: str) -> None:
    small = {"name": "tdf_unet", "preset": "micro", "n_fft": 512, "hop_samples": 256, "segment_seconds": 0.5}
    settings = config(separator=small, supervised_epochs=1, adversarial_epochs=0, supervised_loss={"name": "snr"})
    outcome, _ = run(tmp_path / "run", bundled, settings)
    assert outcome is not None
    graph = tmp_path / f"mine.{suffix}"
    exported = dssgan("export", outcome.bundle, "-o", graph)
    assert exported.returncode == 0, exported.stderr
    reference = f"{family}:{graph}"
    assert find_model(reference).learnt_from().names == find_model(outcome.bundle).learnt_from().names
    assert find_model(reference).origins() == find_model(outcome.bundle).origins()
    assert find_model(reference).origins()[0]["credits"] == list(bundled.credits)
    (tmp_path / "copy").mkdir()
    seen = disguised(bundled.train_sup[0], tmp_path / "copy", "mp3")
    options: dict[str, object] = {"dataset_name": "songs", "sources": bundled.sources, "sample_rate": 44100}
    with pytest.raises(DataError, match="learnt from axe-from-the-80s, which is the same audio as test track another"):
        run_campaign({"mine": ModelMethod(reference)}, [seen], tmp_path / "results", **options)  # type: ignore[arg-type]
    # one that was written without a record is refused
    EXPORTS[graph.suffix](find_model(outcome.bundle).load(), graph, None)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="has no record of what it learnt from; export its bundle again"):
        find_model(reference).learnt_from()


def test_a_record_survives_its_file(bundled: Dataset, tmp_path: Path) -> None:
    record = guarded(bundled).learnt_from
    assert record is not None
    record.save(tmp_path)
    loaded = SeenRecordings.load(tmp_path)
    assert (loaded.names, loaded.fingerprints) == (record.names, record.fingerprints)
    for (keys, times), (other_keys, other_times) in zip(loaded.marks, record.marks, strict=True):
        np.testing.assert_array_equal(keys, other_keys)
        np.testing.assert_array_equal(times, other_times)
    assert (tmp_path / "learnt_from.safetensors").stat().st_size < 120_000
    (tmp_path / "learnt_from.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="damaged"):
        SeenRecordings.load(tmp_path)
    with pytest.raises(ModelError, match="it is not known what the model learnt from"):
        SeenRecordings.load(tmp_path / "nowhere")
    assert SeenRecordings.from_text(record.as_text()).fingerprints == record.fingerprints
    with pytest.raises(ModelError, match="damaged"):
        SeenRecordings.from_text("no base64")
    SeenRecordings().save(tmp_path)
    assert SeenRecordings.load(tmp_path) == SeenRecordings()


def test_a_song_that_stands_there_twice_is_recorded_once(bundled: Dataset) -> None:
    record, (song, *_) = guarded(bundled).learnt_from, bundled.train_sup
    again = replace(bundled, train_sup=(*bundled.train_sup, replace(song, name="heard more often")))
    twice = guarded(again).learnt_from
    assert record is not None
    assert twice is not None
    assert (twice.names, twice.fingerprints) == (record.names, record.fingerprints)


def test_a_record_without_marks_knows_the_files_and_no_copies(bundled: Dataset, tmp_path: Path) -> None:
    record = guarded(bundled).learnt_from
    assert record is not None
    bare, kept = bundled.train_sup[0], bundled.valid[0]
    record.without_marks(lambda name: name == bare.name).save(tmp_path)
    loaded = SeenRecordings.load(tmp_path)
    for track, copies_are_found in ((bare, False), (kept, True)):
        mix = recordings_of(track)[0]
        known = examine_recordings([mix])[mix]
        assert loaded.find(known) == track.name
        copy = replace(known, fingerprints=("of another file",))
        assert (loaded.find(copy) == track.name) is copies_are_found


def test_other_songs_are_not_taken_for_known_ones(bundled: Dataset) -> None:
    record = guarded(bundled).learnt_from
    assert record is not None
    for track in bundled.test:
        for known in examine_recordings(recordings_of(track)).values():
            assert record.find(known) is None


@pytest.mark.parametrize(("share", "is_found"), [(0.17, True), (0.06, False)])
def test_as_much_as_copies_share_is_found_and_as_much_as_loops_do_is_not(
    bundled: Dataset, share: float, is_found: bool
) -> None:
    (keys, times), (other_keys, other_times) = (
        examine_recordings([recordings_of(track)[0]])[recordings_of(track)[0]].marks
        for track in (bundled.train_sup[0], bundled.test[0])
    )
    # the part that both have comes first, as an excerpt would
    num = min(len(keys), len(other_keys))
    common = round(share * num)
    mixed = (np.concatenate([keys[:common], other_keys[: num - common]]),
             np.concatenate([times[:common], other_times[: num - common]]))  # fmt: skip
    whole = (keys[:num], times[:num])
    record = SeenRecordings.of([("song", SONG)], {SONG: RecordingFacts(("a",), whole)})
    assert (record.find(RecordingFacts(("b",), mixed)) is not None) == is_found


def test_a_song_without_a_mix_is_known_by_its_sum(bundled: Dataset) -> None:
    mix, *sources = recordings_of(bundled.train_sup[0])
    assert isinstance(mix, Sum)
    assert mix.files == tuple(sources)
    np.testing.assert_allclose(mix.read(), bundled.train_sup[0].load()[0], atol=1e-6)


@pytest.mark.slow
def test_evaluate_counts_how_often_the_test_songs_were_opened(bundled: Dataset, tmp_path: Path) -> None:
    shutil.copytree(Path(str(bundled.files[0].path)).parents[2], tmp_path / "songs")
    openings = tmp_path / "songs" / "test_openings.jsonl"

    def evaluate(method: str) -> "subprocess.CompletedProcess[str]":
        options = ("-o", tmp_path / "results", "-j", "1", "--sample-rate", "8000", "--bss", "fast")
        return dssgan("evaluate", method, "--data", tmp_path / "songs", *options)

    # one that learnt from a test song is refused before that is opened
    known = tmp_path / "known"
    save_bundle(known, "unet", build_separator("unet", {"num_layers": 1}), metadata={})
    recordings = [recording for track in bundled.test for recording in recordings_of(track)]
    SeenRecordings.of([("song", recording) for recording in recordings], examine_recordings(recordings)).save(known)
    refused = evaluate(str(known))
    assert refused.returncode == 2
    assert refused.stderr.startswith("dssgan: known: learnt from song")
    assert len(refused.stderr.splitlines()) == 1
    assert not openings.exists()
    for time in ("1st", "2nd"):
        done = evaluate("mix")
        assert done.returncode == 0
        assert f"opened for the {time} time" in done.stderr
    assert [json.loads(line)["methods"] for line in openings.read_text().splitlines()] == [["mix"]] * 2


def test_torch_is_not_needed() -> None:
    code = "import sys; import dssgan.data.guard; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
