"""Many files from Python, as an album is separated."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dssgan import separate_files
from dssgan.audio.files import read, write
from dssgan.errors import AudioError, ConfigError
from dssgan.inference.output import OutputSettings
from dssgan.inference.separator import SeparatedFile, Separator
from dssgan.separators import SeparatorModel
from dssgan.separators.bundle import save_bundle

RATE = 44100


@pytest.fixture
def separator(network: SeparatorModel, tmp_path: Path) -> Separator:
    save_bundle(tmp_path / "tiny", "tdf_unet", network, metadata={})
    return Separator.load(tmp_path / "tiny", "cpu", segment_seconds=1.5)


@pytest.fixture
def album(song: tuple[NDArray[np.float32], NDArray[np.float32]], tmp_path: Path) -> Path:
    mix, _ = song
    for disc in (1, 2):
        write(tmp_path / "album" / f"disc {disc}" / "first.wav", mix[:, : disc * RATE], RATE)
    (tmp_path / "album" / "notes.wav").write_text("no audio")
    return tmp_path / "album"


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_album_is_separated_and_a_file_that_fails_ends_no_other(
    separator: Separator, album: Path, tmp_path: Path, jobs: int
) -> None:
    reports: list[tuple[float, float]] = []
    done = dict(separate_files(separator, [album], tmp_path / "stems", jobs=jobs,
                               progress=lambda *report: reports.append(report)))  # fmt: skip
    assert set(done) == {album / "notes.wav", *(album / f"disc {disc}" / "first.wav" for disc in (1, 2))}
    assert isinstance(done.pop(album / "notes.wav"), AudioError)
    for path, outcome in done.items():
        assert isinstance(outcome, SeparatedFile)
        folder = tmp_path / "stems" / path.parent.name / path.stem
        assert outcome.paths == {source: folder / f"{source}.wav" for source in ("drums", "other")}
        total = sum(read(stem) for stem in outcome.paths.values())
        np.testing.assert_allclose(total, read(path), rtol=0, atol=1e-4)
    assert reports[-1] == pytest.approx((3.0, 3.0), abs=0.1)


def test_two_files_are_never_written_as_one(separator: Separator, album: Path, tmp_path: Path) -> None:
    output = OutputSettings(filename="{stem}.{ext}")
    with pytest.raises(ConfigError, match=r"would have this name; use \{track\}"):
        list(separate_files(separator, [album / "disc 1", album / "disc 2"], tmp_path / "stems", output))
    assert not (tmp_path / "stems").exists()
