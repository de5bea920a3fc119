"""The tools that measure the tests."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from synthesis.midi_files import band_song

from dssgan.synthesis import material

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def mutants() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mutants", ROOT / "tools" / "mutants.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["mutants"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
