"""What every importer keeps to, on a tiny replica of each set's real layout."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from dssgan.audio import files
from dssgan.curation.importers import KINDS, Options, import_dataset
from dssgan.data.audio_file import Recording
from dssgan.data.dataset import Dataset, Track
from dssgan.data.loading import load_dataset
from dssgan.data.manifest import save_manifest
from dssgan.errors import DataError
from dssgan.parallel.processes import map_in_processes

Audio = NDArray[np.float32]
RATE = 44100
SECONDS = 1.0
VALIDATION_SONG = "Leaf - Summerghost"


@dataclass(frozen=True)
class Stems:
    """A second of a real song, differently cut for each name."""

    drums: Audio
    rest: Audio

    def named(self, name: str) -> dict[str, Audio]:
        """Give mix, drums, bass, other and vocals; the last three add up to the rest."""
        shift = sum(map(ord, name)) * 37 % (RATE * 2)
        drums, rest = (
            np.roll(audio, shift, axis=1)[:, : round(RATE * SECONDS)] * 0.5 for audio in (self.drums, self.rest)
        )
        parts = {"bass": 0.5 * rest, "other": 0.3 * rest, "vocals": 0.2 * rest}
        return {"mixture": drums + rest, "drums": drums, **parts}


@pytest.fixture(scope="module")
def stems(song: tuple[Audio, Audio]) -> Stems:
    """Drums and everything else."""
    return Stems(song[1][0], song[1][1])


def write_all(folder: Path, audio: dict[str, Audio], suffix: str = ".wav") -> None:
    """Write a file for each."""
    for name, wave in audio.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        files.write(folder / f"{name}{suffix}", wave, RATE, "pcm24")


def stem_file(path: Path, audio: list[Audio], titles: list[str]) -> None:
    """Write a .stem.mp4 as ffmpeg muxes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    command: list[str | Path] = ["ffmpeg", "-v", "error", "-y"]
    for number, wave in enumerate(audio):
        files.write(path.parent / f"{number}.wav", wave, RATE)
        command += ["-i", path.parent / f"{number}.wav"]
    for number in range(len(audio)):
        command += ["-map", str(number)]
    command += ["-c:a", "aac", "-b:a", "256k"]
    for number, title in enumerate(titles):
        command += [f"-metadata:s:a:{number}", f"title={title}", f"-metadata:s:a:{number}", f"handler_name={title}"]
    subprocess.run([*command, path], check=True)
    for number in range(len(audio)):
        (path.parent / f"{number}.wav").unlink()


def musdb18(root: Path, stems: Stems) -> Path:
    for part, name in (("train", "A - One"), ("train", VALIDATION_SONG), ("test", "B - Two")):
        audio = stems.named(name)
        waves = [audio[key] for key in ("mixture", "drums", "bass", "other", "vocals")]
        stem_file(root / part / f"{name}.stem.mp4", waves, ["mix", "drums", "bass", "other", "vocals"])
    return root


def musdb18_hq(root: Path, stems: Stems) -> Path:
    for part, name in (("train", "A - One"), ("train", VALIDATION_SONG), ("test", "B - Two")):
        write_all(root / part / name, stems.named(name))
    return root


def dsd100(root: Path, stems: Stems) -> Path:
    for part, name in (("Dev", "051 - A - One"), ("Dev", "055 - C - Three"), ("Test", "001 - B - Two")):
        audio = stems.named(name)
        write_all(root / "Mixtures" / part / name, {"mixture": audio.pop("mixture")})
        write_all(root / "Sources" / part / name, audio)
    return root


def medleydb(root: Path, stems: Stems) -> Path:
    for name, bleed in (("A_One", "no"), ("B_Two", "no"), ("C_Bleeds", "yes")):
        audio = stems.named(name)
        folder = root / "Audio" / name
        write_all(folder, {f"{name}_MIX": audio["mixture"]})
        kinds = {"drums": "drum set", "bass": "electric bass", "other": "synthesizer", "vocals": "male singer"}
        table = {}
        for number, (key, instrument) in enumerate(kinds.items(), 1):
            write_all(folder / f"{name}_STEMS", {f"{name}_STEM_{number:02d}": audio[key]})
            table[f"S{number:02d}"] = {
                "component": "", "filename": f"{name}_STEM_{number:02d}.wav", "instrument": instrument, "raw": {},
            }  # fmt: skip
        metadata = {
            "album": "x", "artist": name, "has_bleed": bleed, "mix_filename": f"{name}_MIX.wav",
            "stem_dir": f"{name}_STEMS", "stems": table, "title": "t", "version": 1.2,
        }  # fmt: skip
        (folder / f"{name}_METADATA.yaml").write_text(yaml.safe_dump(metadata))
    (root / "Metadata").mkdir()
    (root / "Metadata" / "D_NoAudio_METADATA.yaml").write_text(yaml.safe_dump(metadata))
    return root


def moisesdb(root: Path, stems: Stems) -> Path:
    for number in range(2):
        audio = stems.named(str(number))
        folder = root / "moisesdb" / f"uuid-{number}"
        content = {"artist": "A", "song": f"Song {number}", "genre": "rock", "stems": []}
        pieces = {
            "drums": {"d1": 0.6, "d2": 0.3}, "percussion": {"p1": 0.1},
            "bass": {"b1": 1.0}, "vocals": {"v1": 1.0}, "guitar": {"g": 1.0},
        }  # fmt: skip
        origin = {"drums": "drums", "percussion": "drums", "bass": "bass", "vocals": "vocals", "guitar": "other"}
        for kind, tracks in pieces.items():
            write_all(folder / kind, {name: audio[origin[kind]] * share for name, share in tracks.items()})
            listed = [{"id": name, "trackType": kind, "has_bleed": False} for name in tracks]
            content["stems"].append({"id": kind, "stemName": kind, "tracks": listed})  # type: ignore[attr-defined]
        (folder / "data.json").write_text(json.dumps(content))
    return root


def slakh(root: Path, stems: Stems) -> Path:
    for part, name in (
        ("train", "Track00001"),
        ("validation", "Track01501"),
        ("test", "Track01876"),
        ("omitted", "Track00049"),
    ):
        audio = stems.named(name)
        folder = root / part / name
        write_all(folder, {"mix": audio["mixture"]}, ".flac")
        kinds = {
            "S00": ("drums", "Drums"),
            "S01": ("bass", "Bass"),
            "S02": ("other", "Piano"),
            "S03": ("vocals", "Guitar"),
        }
        table = {}
        for key, (source, instrument) in kinds.items():
            write_all(folder / "stems", {key: audio[source]}, ".flac")
            table[key] = {"inst_class": instrument, "is_drum": instrument == "Drums", "audio_rendered": True}
        table["S04"] = {"inst_class": "Strings", "is_drum": False, "audio_rendered": False, "program_num": 48}
        (folder / "metadata.yaml").write_text(yaml.safe_dump({"UUID": "x", "stems": table, "overall_gain": 0.1}))
    return root


def ccmixter(root: Path, stems: Stems) -> Path:
    for name in ("01_one", "02_two"):
        audio = stems.named(name)
        music = audio["mixture"] - audio["vocals"]
        write_all(root / name, {"mix": audio["mixture"], "source-01": music, "source-02": audio["vocals"]})
    return root


def ikala(root: Path, stems: Stems) -> Path:
    for name in ("10161_chorus", "10161_verse"):
        audio = stems.named(name)
        write_all(root / "Wavfile", {name: np.stack([audio["drums"][0], audio["vocals"][0]])})
    (root / "PitchLabel").mkdir()
    (root / "PitchLabel" / "10161_chorus.pv").write_text("0\n")
    return root


def bach10(root: Path, stems: Stems) -> Path:
    name = "01-AchGottundHerr"
    audio = stems.named(name)
    write_all(
        root / name,
        {name: audio["bass"] + audio["other"], f"{name}-violin": audio["other"], f"{name}-bassoon": audio["bass"]},
    )
    (root / name / f"{name}.mid").write_bytes(b"MThd")
    sibelius = "02-ChristederdubistTagundLicht"  # this one comes as parts alone
    audio = stems.named(sibelius)
    write_all(root / sibelius, {f"{sibelius}-violin": audio["other"], f"{sibelius}-clarinet": audio["bass"]})
    return root


def ni_stems(root: Path, stems: Stems) -> Path:
    for name in ("One", "Two"):
        audio = stems.named(name)
        waves = [audio[key] for key in ("mixture", "bass", "drums", "other", "vocals")]
        stem_file(root / f"{name}.stem.mp4", waves, ["mix", "Bass", "Drums", "Synths", "Vox"])
    return root


def plain_folders(root: Path, stems: Stems) -> Path:
    for name in ("One", "Two"):
        audio = stems.named(name)
        write_all(root / name, {"Mixdown": audio["mixture"], "Bass DI": audio["bass"], "gtr": audio["other"],
                                "Kick 1": audio["drums"] * 0.5, "overheads": audio["drums"] * 0.5,
                                "LeadVox": audio["vocals"]})  # fmt: skip
        (root / name / "readme.txt").write_text("no audio")
    return root


def table(root: Path, stems: Stems) -> Path:
    lines = ["name,partition,mix,drums,other"]
    for name, partition in (("One", ""), ("Two", "valid"), ("Three", "test")):
        audio = stems.named(name)
        write_all(root / "audio", {f"{name}-mix": audio["mixture"], f"{name}-drums": audio["drums"]}, ".flac")
        lines.append(f"{name},{partition},audio/{name}-mix.flac,audio/{name}-drums.flac,")
    write_all(root / "audio", {"loose": stems.named("loose")["drums"]})
    lines.append(",,,audio/loose.wav,")
    (root / "songs.csv").write_text("\n".join(lines))
    return root / "songs.csv"


def unpaired(root: Path, stems: Stems) -> Path:
    audio = stems.named("x")
    write_all(root, {"mixes/a": audio["mixture"], "drums/loops/b": audio["drums"], "other/c": audio["other"]})
    return root


# replica, songs in train_sup, valid and test, and unpaired mixes, drums and other
REPLICAS: dict[str, tuple[Callable[[Path, Stems], Path], tuple[int, int, int], tuple[int, int, int]]] = {
    "musdb18": (musdb18, (1, 1, 1), (0, 0, 0)),
    "musdb18-hq": (musdb18_hq, (1, 1, 1), (0, 0, 0)),
    "dsd100": (dsd100, (1, 1, 1), (0, 0, 0)),
    "medleydb": (medleydb, (1, 1, 0), (0, 0, 0)),
    "moisesdb": (moisesdb, (1, 1, 0), (0, 0, 0)),
    "slakh": (slakh, (1, 1, 1), (0, 0, 0)),
    "ccmixter": (ccmixter, (0, 0, 0), (2, 0, 0)),
    "ikala": (ikala, (0, 0, 0), (2, 0, 0)),
    "bach10": (bach10, (0, 0, 0), (0, 0, 2)),
    "stems": (ni_stems, (1, 1, 0), (0, 0, 0)),
    "folders": (plain_folders, (1, 1, 0), (0, 0, 0)),
    "csv": (table, (1, 1, 1), (0, 1, 0)),
    "unpaired": (unpaired, (0, 0, 0), (1, 1, 1)),
}


def loose_of(dataset: Dataset) -> dict[str, tuple[Recording, ...]]:
    """Give the unpaired recordings by role."""
    return dict(
        zip(("mixes", *dataset.sources), (dataset.train_unsup.mixes, *dataset.train_unsup.sources), strict=True)
    )


Loose = tuple[list[Audio], list[Audio], list[Audio]]


def bach10_other(stems: Stems) -> list[Audio]:
    return [stems.named(name)["bass"] + stems.named(name)["other"]
            for name in ("01-AchGottundHerr", "02-ChristederdubistTagundLicht")]  # fmt: skip


def ikala_mixes(stems: Stems) -> list[Audio]:
    named = [stems.named(name) for name in ("10161_chorus", "10161_verse")]
    return [np.stack([audio["drums"][0], audio["vocals"][0]]) for audio in named]


def NOTHING(_stems: Stems) -> Loose:  # noqa: N802  stands in a table
    return [], [], []


# what the unpaired mixes, drums and other of each replica sound like
LOOSE: dict[str, Callable[[Stems], Loose]] = {
    "ccmixter": lambda stems: ([stems.named(name)["mixture"] for name in ("01_one", "02_two")], [], []),
    "ikala": lambda stems: (ikala_mixes(stems), [], []),
    "bach10": lambda stems: ([], [], bach10_other(stems)),
    "csv": lambda stems: ([], [stems.named("loose")["drums"]], []),
    "unpaired": lambda stems: tuple([stems.named("x")[part]] for part in ("mixture", "drums", "other")),  # type: ignore[return-value]
}


def test_every_importer_has_a_replica() -> None:
    assert REPLICAS.keys() == KINDS.keys()


def songs_of(dataset: Dataset) -> list[Track]:
    return [*dataset.train_sup, *dataset.valid, *dataset.test]


@pytest.mark.parametrize("kind", KINDS)
def test_import(kind: str, tmp_path: Path, stems: Stems) -> None:
    make, paired, loose = REPLICAS[kind]
    path = make(tmp_path / "set", stems)
    told: list[tuple[int, int]] = []
    dataset, notes = import_dataset(kind, path, progress=lambda *pair: told.append(pair))
    assert (len(dataset.train_sup), len(dataset.valid), len(dataset.test)) == paired
    assert (len(dataset.train_unsup.mixes), *map(len, dataset.train_unsup.sources)) == loose
    assert dataset.sources == ("drums", "other")
    assert dataset.name == path.stem
    assert told[-1][0] == told[-1][1] == len(dataset.files) == len(told)
    assert all(sample.fingerprint for sample in dataset.files)
    assert all("\n" not in note for note in notes)
    lossy = kind in ("musdb18", "stems")
    for track in songs_of(dataset):
        mix, sources = track.load()
        error = np.mean((mix - sources.sum(axis=0)) ** 2) / np.mean(mix**2)
        assert 10 * np.log10(error + 1e-12) < (-15 if lossy else -60), track.name
        # what is called drums is the drums of the very song
        label = track.name.split(" (")[0].removeprefix("A - Song ") if kind == "moisesdb" else track.name
        drums = stems.named(label)["drums"]
        num = min(drums.shape[1], sources.shape[2])
        error = np.mean((sources[0][:, :num] - drums[:, :num]) ** 2) / np.mean(drums**2)
        assert 10 * np.log10(error + 1e-12) < (-8 if lossy else -60), track.name
    for (role, recordings), expected in zip(loose_of(dataset).items(), LOOSE.get(kind, NOTHING)(stems), strict=True):
        for recording, wave in zip(recordings, expected, strict=True):
            error = np.abs(recording.read() - wave).max()
            assert error < 2**-15, (role, recording.label)
    save_manifest(dataset, tmp_path / "elsewhere" / "dataset.json")
    assert load_dataset(tmp_path / "elsewhere" / "dataset.json") == dataset


def in_other_letters(root: Path) -> None:
    """Rename files and folders of a layout, down to their suffixes, as other systems and programs write them."""
    for path in sorted(root.rglob("*"), reverse=True):  # the deepest first
        is_song = path.is_dir() and path.parent.name in ("train", "test", "Dev", "Test", "validation", "omitted")
        path.rename(path.with_name(path.name if is_song else path.name.swapcase()))


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"csv", "folders"}))  # whose names are the user's own
def test_small_and_large_letters_are_the_same(kind: str, tmp_path: Path, stems: Stems) -> None:
    make, paired, loose = REPLICAS[kind]
    root = make(tmp_path / "set", stems)
    in_other_letters(root)
    dataset, _ = import_dataset(kind, root)
    if kind not in ("musdb18", "stems"):  # named by their files, which the official split goes by
        assert (len(dataset.train_sup), len(dataset.valid), len(dataset.test)) == paired
    assert len(songs_of(dataset)) == sum(paired)
    assert (len(dataset.train_unsup.mixes), *map(len, dataset.train_unsup.sources)) == loose


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"csv"}))
def test_links_to_folders_are_followed_and_circles_are_none(kind: str, tmp_path: Path, stems: Stems) -> None:
    make, paired, _ = REPLICAS[kind]
    real = make(tmp_path / "disk", stems)
    linked = tmp_path / "set"
    linked.mkdir()
    for path in real.iterdir():
        (linked / path.name).symlink_to(path)
    (linked / "loop").symlink_to(linked)
    dataset, _ = import_dataset(kind, linked)
    assert len(songs_of(dataset)) == sum(paired)


def test_what_is_not_used_is_named(tmp_path: Path, stems: Stems) -> None:
    root = musdb18_hq(tmp_path / "set", stems)
    write_all(root / "train" / "A song without a mix", {"drums": stems.drums, "click": stems.drums})
    write_all(root / "train" / "A - One", {"click": stems.drums})
    _, notes = import_dataset("musdb18-hq", root)
    assert notes[-1] == (
        "3 audio files are not used: train/A - One/click.wav, train/A song without a mix/click.wav, "
        "train/A song without a mix/drums.wav"
    )


def test_musdb18_hq_in_any_format_and_letters(tmp_path: Path, stems: Stems) -> None:
    for name in ("A - One", VALIDATION_SONG):
        audio = {key.capitalize(): wave for key, wave in stems.named(name).items()}
        write_all(tmp_path / "set" / "Train" / name, audio, ".WAV" if name == "A - One" else ".flac")
    dataset, notes = import_dataset("musdb18-hq", tmp_path / "set")
    assert [track.name for track in dataset.train_sup] == ["A - One"]
    assert [track.name for track in dataset.valid] == [VALIDATION_SONG]
    assert not notes


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_in_another_layout_is_told_the_right_one(kind: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError) as caught:
        import_dataset(kind, tmp_path / "empty")
    assert "\n" not in str(caught.value)
    assert KINDS[kind].layout in str(caught.value)
    with pytest.raises(DataError, match="gone: no such folder"):
        import_dataset(kind, tmp_path / "gone")


def test_an_unknown_kind_lists_its_neighbours(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="did you mean musdb18"):
        import_dataset("musdb", tmp_path)


def test_more_sources_than_two(tmp_path: Path, stems: Stems) -> None:
    path = musdb18_hq(tmp_path / "set", stems)
    dataset, _ = import_dataset("musdb18-hq", path, Options(("drums", "bass", "vocals", "other")))
    mix, sources = dataset.test[0].load()
    assert sources.shape[0] == 4
    assert np.allclose(mix, sources.sum(axis=0), atol=1e-5)
    assert np.allclose(sources[2], stems.named("B - Two")["vocals"], atol=1e-5)
    with pytest.raises(DataError, match="stem 'other' belongs to no source"):
        import_dataset("musdb18-hq", path, Options(("drums", "bass")))


def test_several_processes_find_the_same(tmp_path: Path, stems: Stems) -> None:
    path = plain_folders(tmp_path / "set", stems)
    alone, _ = import_dataset("folders", path)
    together, _ = import_dataset("folders", path, map_unordered=map_in_processes(2))
    assert alone == together
