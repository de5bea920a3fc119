"""A sweep in a bucket: a real S3 protocol on a loopback port, from the first trial to the ensemble's candidates."""

from dataclasses import replace

import pytest
from click.testing import CliRunner
from small_training import ONE_STEP

from dssgan.cli.sweep.finalists import command as finalists
from dssgan.data.dataset import Dataset
from dssgan.runs import bucket
from dssgan.runs.bucket import BucketStore
from dssgan.runs.location import beside, join, open_store
from dssgan.separators.bundle import load_bundle
from dssgan.tuning.candidates import find_candidates
from dssgan.tuning.ray.sweep import run_sweep
from dssgan.tuning.search.options import SearchOptions
from dssgan.tuning.search.space import SearchSpace
from dssgan.tuning.status import read_status
from dssgan.user_cache import cache_folder

SMALL = {**ONE_STEP, "adversarial_epochs": 1}
SPACE = SearchSpace("space.py", 'def space(trial):\n    trial.suggest_float("beta", 1e-4, 1e-3)\n')


def on_another_machine(store: BucketStore, monkeypatch: pytest.MonkeyPatch) -> BucketStore:
    """Return the same bucket as another machine sees it: without this one's copies."""
    monkeypatch.setattr(bucket, "_scratches", {})
    monkeypatch.setattr(bucket, "_published", {})
    return BucketStore(store.url)


@pytest.mark.slow
@pytest.mark.xdist_group("ray")  # one Ray at a time
def test_a_sweep_lives_in_a_bucket(bucket_url: str, bundled: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = join(bucket_url, "mine")

    def run(num: int, *, resume: bool = False) -> None:
        run_sweep(SPACE, bundled, sweep, settings=SMALL, options=SearchOptions(num, pruner="none"), name="mine",
                  resume=resume)  # fmt: skip

    run(1)
    store = open_store(sweep)
    assert isinstance(store, BucketStore)
    # its songs lie beside it, those of the test partition do not, and it has learnt from decoded copies
    songs = {path for sample in replace(bundled, test=()).files for path in [sample.path]}
    assert len(BucketStore(beside(sweep, "songs")).list_names()) == len(songs)
    decoded = list((cache_folder("songs") / "decoded").rglob("*.wav"))
    assert len(decoded) == len(songs)
    other = on_another_machine(store, monkeypatch)
    status = read_status(other)
    (first,) = status.result.trials
    assert first.state == "complete"
    # going on from elsewhere takes over the study and the shared phase, and trains nothing twice
    run(2, resume=True)
    other = on_another_machine(store, monkeypatch)
    trials = read_status(other).result.trials
    assert [trial.state for trial in trials] == ["complete"] * 2
    assert trials[0] == first
    candidates = find_candidates(sweep, 20)
    assert 1 <= len(candidates) <= 2  # one where phase two improved neither, so that both have phase one's weights
    assert all(load_bundle(candidate).sources == bundled.sources for candidate in candidates)
    # its finalists are trained there, too, from the same songs
    done = CliRunner().invoke(finalists, ["mine", "-o", bucket_url, "--top", "1", "--seeds", "3"])
    assert done.exit_code == 0, done.output
    assert "promoted" in done.stderr
    finals = read_status(open_store(join(sweep, "finalists"))).result.trials
    assert [trial.state for trial in finals] == ["complete"] * 3
    assert BucketStore(beside(join(sweep, "finalists"), "songs")).list_names() == []
