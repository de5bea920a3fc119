"""`dssgan data decode` as a user meets it: real processes, killed and run side by side."""

import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dssgan.curation.decoded import DecodedCache, decode_dataset
from dssgan.data.audio_file import AudioFile, Recording
from dssgan.data.bundled import FOLDER, MANIFEST
from dssgan.data.dataset import Dataset, Track
from dssgan.data.fingerprint import fingerprint
from dssgan.data.loading import load_dataset
from dssgan.data.manifest import save_manifest
from dssgan.errors import DssganError

NUM_FILES = 6


@pytest.fixture(scope="module")
def songs(bundled: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of three songs, six compressed files."""
    folder = Path(shutil.copytree(FOLDER / "valid", tmp_path_factory.mktemp("songs") / "valid")).parent

    def moved(sample: Recording | None) -> AudioFile:
        assert isinstance(sample, AudioFile)
        return replace(sample, path=folder / sample.path.relative_to(FOLDER))

    valid = tuple(Track(track.name, None, tuple(map(moved, track.sources))) for track in bundled.valid)
    save_manifest(Dataset(bundled.sources, valid=valid), folder / "dataset.json")
    return folder


def start(folder: Path, *arguments: str, data: Path) -> "subprocess.Popen[str]":
    """Start decoding into FOLDER/cache and FOLDER/decoded.json."""
    code = "from dssgan.cli import main; main()"
    options = ["-o", "decoded.json", "--cache", "cache", *arguments]
    return subprocess.Popen(
        [sys.executable, "-c", code, "data", "decode", str(data), *options],
        cwd=folder, text=True, stderr=subprocess.PIPE,
    )  # fmt: skip


def finish(process: "subprocess.Popen[str]") -> str:
    """Wait for its end, which is to be a good one, and give what it said."""
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    return said


def test_two_at_once_then_a_third(tmp_path: Path, songs: Path) -> None:
    both = [start(tmp_path, "-j", "1", *output, data=songs) for output in ((), ("-o", "second.json"))]
    for process in both:
        assert f"{NUM_FILES} files" in finish(process)
    assert (tmp_path / "decoded.json").read_bytes() == (tmp_path / "second.json").read_bytes()
    decoded = load_dataset(tmp_path / "decoded.json")
    assert decoded.fingerprint == load_dataset(songs).fingerprint
    assert decoded.valid[0].recordings[0].label.startswith(str(tmp_path / "cache"))
    assert f"0 decoded (0.0 MB), {NUM_FILES} there already" in finish(start(tmp_path, data=songs))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds the workers in /proc")
def test_a_killed_one_leaves_nothing_half_made_and_is_gone_on_with(tmp_path: Path) -> None:
    process = start(tmp_path, "-j", "2", data=MANIFEST)
    until = time.monotonic() + 60
    while not list(tmp_path.glob("cache/*/*.json")) and time.monotonic() < until:
        time.sleep(0.005)
    children = [int(child) for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    while any(Path(f"/proc/{child}/cmdline").exists() for child in children) and time.monotonic() < until:
        time.sleep(0.02)
    assert time.monotonic() < until, "its workers outlived it"

    cache = DecodedCache(tmp_path / "cache")
    assert not (tmp_path / "decoded.json").exists()
    # what begins with a dot was being written when the process was killed, and nobody takes it for finished
    notes = [note for note in cache.folder.glob("*/*.json") if not note.name.startswith(".")]
    assert 1 <= len(notes) < 25
    for note in notes:
        assert fingerprint(note.with_suffix(".wav")) in note.read_text()
    # going on: what is there is taken, what is not is made
    parts = [part for track in load_dataset(MANIFEST).train_sup for part in track.recordings]
    samples = [part for part in parts if isinstance(part, AudioFile)]
    there = [(cache.folder / (key := cache.key(part))[:2] / f"{key[2:]}.json").exists() for part in samples]
    assert any(there)
    missing = there.index(False)
    for part, found in zip(samples[: missing + 1], there, strict=False):
        assert (cache.decode(part)[1] == 0) == found
    assert cache.decode(samples[missing])[1] == 0


def test_a_broken_file_is_one_line_and_the_others_are_kept(tmp_path: Path, songs: Path) -> None:
    broken = songs / "valid" / "cpu" / "drums.ogg"
    content = broken.read_bytes()
    broken.write_bytes(content[:60_000] + bytes(60_000) + content[120_000:])
    try:
        process = start(tmp_path, "-j", "1", data=songs)
        _, said = process.communicate(timeout=60)
    finally:
        broken.write_bytes(content)
    assert process.returncode == 2
    *_, named, last = said.strip().splitlines()
    assert named.startswith(f"{broken}: ")
    assert last.startswith(f"dssgan: {songs}: 1 of {NUM_FILES} files cannot be decoded, so no manifest was written")
    assert not (tmp_path / "decoded.json").exists()
    assert f"1 decoded (2.5 MB), {NUM_FILES - 1} there already" in finish(start(tmp_path, "-j", "1", data=songs))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "decoded.pkl"], "decoded.pkl: cannot be the name of a manifest"),
        (["-o", str(MANIFEST)], "is the data set to be decoded"),
        (["--cache", "/dev/null/x"], "/dev/null/x/"),
    ],
)
def test_what_the_user_can_mend_is_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    process = start(tmp_path, "-q", "-j", "1", *arguments, data=MANIFEST)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert said.startswith("dssgan: ")
    assert message in said
    assert len(said.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_cluster_does_the_same(tmp_path: Path, songs: Path, cluster: str) -> None:
    import ray

    from dssgan.parallel.cluster import cluster_map

    dataset = load_dataset(songs)
    (tmp_path / "file").touch()
    with cluster_map(cluster) as map_unordered:
        assert ray.cluster_resources()["CPU"] == 3  # it was joined, and none was started
        result = decode_dataset(dataset, DecodedCache(tmp_path / "cache"), map_unordered=map_unordered)
        assert (result.errors, result.num_written) == ((), NUM_FILES)
        assert result.dataset is not None
        assert result.dataset.fingerprint == dataset.fingerprint
        with pytest.raises(DssganError, match="cannot make this folder"):
            decode_dataset(dataset, DecodedCache(tmp_path / "file"), map_unordered=map_unordered)
