"""YAML from outside."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dssgan.curation.importers.base import read_metadata
from dssgan.errors import ConfigError, DataError, ModelError
from dssgan.plain_yaml import load_yaml
from dssgan.separators.loading import find_model
from dssgan.training.settings import parse_overrides, read_config

# ten lists, each of ten times the one before: 10^10 numbers in 500 bytes
BOMB = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)


def test_plain_documents_are_read() -> None:
    # as PyYAML writes a list that stands in two places
    assert load_yaml("a: &id001 [1, 2]\nb: *id001\n") == {"a": [1, 2], "b": [1, 2]}
    assert load_yaml("a: [1, 2.5, x]\nb: {c: null}\n") == {"a": [1, 2.5, "x"], "b": {"c": None}}
    assert load_yaml("") is None


@pytest.mark.parametrize(
    "text", [BOMB, "a: &x [*x]", "a: &x {b: *x}", "[" * 5000, "a: 2024-99-99", "a: !!python/name:os.system"]
)
def test_what_is_not_plain_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        load_yaml(text)


def test_every_reader_of_yaml_refuses_what_stands_for_more_than_it_holds(tmp_path: Path) -> None:
    ensemble, settings = tmp_path / "bomb.yaml", tmp_path / "settings.yaml"
    ensemble.write_text(BOMB + "members: [x]\nweights: *a9\n")
    settings.write_text(BOMB)
    for read in (lambda path: find_model(path).load(), lambda path: find_model(path).fingerprint()):
        with pytest.raises(ModelError, match=r"bomb.yaml: cannot be read .*stand for far more"):
            read(ensemble)
    with pytest.raises(ConfigError, match=r"settings.yaml: cannot be read as YAML .*stand for far more"):
        read_config(settings)
    with pytest.raises(DataError, match=r"settings.yaml: cannot be read .*stand for far more"):
        read_metadata(settings)
    with pytest.raises(ConfigError, match="is not a value YAML can read"):
        parse_overrides(["separator.sources=&a [*a]"])


def test_an_ensemble_that_stands_for_billions_of_numbers_costs_no_memory(tmp_path: Path) -> None:
    file = tmp_path / "bomb.yaml"
    file.write_text(BOMB + "members: [x]\nweights: *a9\n")
    script = (
        "import resource\nfrom dssgan.errors import ModelError\n"
        "from dssgan.separators.loading import find_model\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: find_model('bomb.yaml').fingerprint()\nexcept ModelError: pass\nelse: raise SystemExit('was read')\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert int(ran.stdout) < 20_000  # KiB
