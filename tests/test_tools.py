"""The tools that measure the tests."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from synthesis.midi_files import band_song

from dssgan.audio.files import write
from dssgan.data.dataset import Dataset
from dssgan.inference.separator import Separator
from dssgan.synthesis import material

ROOT = Path(__file__).parents[1]


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def mutants() -> ModuleType:
    return tool("mutants")


def test_what_is_mutated_and_what_tests_it_are_there(mutants: ModuleType) -> None:
    for file, tests in mutants.TARGETS.items():
        assert (ROOT / file).is_file(), file
        assert tests
        for path in tests:
            assert (ROOT / path).exists(), path


@pytest.mark.slow
def test_a_wrong_change_is_noticed_and_a_harmless_one_survives(mutants: ModuleType) -> None:
    file = "dssgan/training/schedules.py"
    source = (ROOT / file).read_text()
    wrong = source.replace("(step + 1) / warmup_steps", "(step - 1) / warmup_steps")
    assert wrong != source
    assert not mutants.survives(mutants.Mutant(file, 1, "", wrong))
    assert not mutants.survives(mutants.Mutant(file, 1, "", "no Python at all"))
    assert mutants.survives(mutants.Mutant(file, 1, "", f"{source}\n# nothing"))
    with pytest.raises(SystemExit, match="ended with 4"):
        mutants.run_tests(("tests/nowhere.py",))


def test_material_is_laid_out_and_what_is_missing_is_named(tmp_path: Path) -> None:
    checkouts = tmp_path / "checkouts"
    band_song(checkouts / "freedoom/musics/a.mid")
    (checkouts / "SamsSonor").mkdir()
    (checkouts / "SamsSonor/SamsSonor.sfz").touch()
    (checkouts / "NAM_models").mkdir()
    ran = subprocess.run(
        [ROOT / "tools/material.sh", checkouts, tmp_path / "material"], check=True, capture_output=True, text=True
    )
    assert "missing: git clone https://github.com/zharry29/drums-with-llm" in ran.stdout
    assert "SamsSonor" not in "".join(line for line in ran.stdout.splitlines() if line.startswith("missing"))
    assert "midi: 1 MIDI files" in ran.stdout
    found = material.find(None, tmp_path / "material/midi")
    assert found.credits == ("Freedoom's music: 3-clause BSD (contributors to the Freedoom project)",)
    paths = (tmp_path / "material/environment").read_text().split('"')[1].split(":")
    assert paths == [str(checkouts / "SamsSonor/SamsSonor.sfz"), f"{checkouts / 'NAM_models'}/."]
    again = subprocess.run(
        [ROOT / "tools/material.sh", tmp_path / "nowhere", tmp_path], capture_output=True, check=False
    )
    assert again.returncode == 2


def test_music_without_drums_is_told_from_music_with(tmp_path: Path, bundled: Dataset) -> None:
    find_drumless = tool("find_drumless")
    drums, other = (part.read(6.0, 5.0) for part in bundled.valid[1].sources if part is not None)
    assert find_drumless.count_strikes(drums) > 5
    held = 0.2 * np.sin(np.arange(5 * 44100) * 0.03)[None].repeat(2, axis=0).astype(np.float32)
    assert find_drumless.count_strikes(held) == 0
    separator = Separator.load("fast")
    for name, audio, expected in (("held", held, True), ("song", drums + other, False)):
        write(tmp_path / f"{name}.wav", audio, 44100)
        assert find_drumless.examine(tmp_path / f"{name}.wav", separator).is_drumless == expected


def test_songs_are_measured_beside_others(bundled: Dataset) -> None:
    draw_synthetic = tool("draw_synthetic")
    song = draw_synthetic.look(bundled.valid[1], None)
    assert song.kind == bundled.valid[1].name.partition(" ")[2]
    assert -60 < song.loudness < 0
    tone = np.sin(np.arange(10 * 44100) * 2 * np.pi * 1000 / 44100)[None].repeat(2, axis=0).astype(np.float32)
    shares = draw_synthetic.spectrum(tone)
    assert draw_synthetic.CENTRES[shares.argmax()] == pytest.approx(1000)
    assert shares.max() == pytest.approx(0, abs=0.1)
