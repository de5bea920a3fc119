"""The password of a study's database is in nothing that a sweep says or leaves."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import dssgan
from tuning import postgresql

pytestmark = [pytest.mark.xdist_group("ray"), pytest.mark.slow]  # one Ray at a time

RIGHT, WRONG = "correct-horse-battery", "staple-of-another-horse"
SMALL = [
    "separator.name=unet", "separator.num_layers=2", "separator.num_initial_filters=2", "separator.n_fft=512",
    "separator.hop_samples=256", "separator.sample_rate=8192", "separator.channels=1",
    "supervised_loss.name=log_magnitude", "precision=float32", "segment_seconds=1", "batch_size=2", "steps_per_epoch=1",
    "phase_one.epochs=1", "phase_two.epochs=0", "validation_seconds=2", "media=false",
]  # fmt: skip
SPACE = 'def space(trial):\n    trial.suggest_float("learning_rate", 1e-4, 1e-3, log=True)\n'


@pytest.fixture
def here() -> Iterator[Path]:
    # short, for Ray's sockets lie in it
    folder = Path(tempfile.mkdtemp(prefix="dss", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def run(here: Path, password: str, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"HOME": str(here), "TMPDIR": str(here), "XDG_CACHE_HOME": str(here / "cache"),
                   "PGPASSWORD": password, "RAY_USAGE_STATS_ENABLED": "0"}  # fmt: skip
    return dssgan(*words, cwd=here, env=environment, timeout=300)


def test_no_message_file_log_or_snapshot_has_it(here: Path) -> None:
    (here / "space.py").write_text(SPACE)
    with postgresql.running(RIGHT) as server:
        sweep = ("sweep", "space.py", "--trials", "1", "--study", server.url, *SMALL)
        refused = run(here, WRONG, *sweep, "--name", "wrong")
        done = run(here, RIGHT, *sweep, "--name", "right")
        status = run(here, RIGHT, "sweep", "status", "right")
    gone = run(here, RIGHT, "sweep", "status", "right")
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "cannot be opened" in refused.stderr
    assert "password authentication failed" in refused.stderr
    assert done.returncode == status.returncode == 0, done.stderr
    assert "1 complete" in status.stderr
    assert gone.returncode == 2
    assert "cannot be opened" in gone.stderr
    secrets = [RIGHT.encode(), WRONG.encode()]
    for told in (refused, done, status, gone):
        assert not any(secret.decode() in told.stdout + told.stderr for secret in secrets)
    files = [path for path in here.rglob("*") if path.is_file() and not path.is_symlink()]
    # the sweep's record and Ray's logs are among them, or nothing would be shown
    assert {"run.json", "trials.csv"} <= {path.name for path in files}
    assert any("session_" in str(path) and path.suffix in (".log", ".out", ".err") for path in files)
    found = [path for path in files if any(secret in path.read_bytes() for secret in secrets)]
    assert found == []
