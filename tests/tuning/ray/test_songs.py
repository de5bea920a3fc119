"""Songs come to a trial's machine whole, once, and decoded; a machine that lacks them is named."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ray.cluster_utils import Cluster

from dssgan.data.dataset import Dataset, unchanged
from dssgan.errors import ConfigError, DataError
from dssgan.parallel.cluster import ray_running
from dssgan.runs.bucket import BucketStore
from dssgan.runs.location import beside, join, open_store
from dssgan.runs.store import FolderStore
from dssgan.tuning.ray import songs as node_files
from dssgan.tuning.ray.songs import share_songs
from dssgan.user_cache import cache_folder


@pytest.fixture
def few(bundled: Dataset) -> Dataset:
    return replace(bundled, train_sup=bundled.train_sup[:1], valid=bundled.valid[:1], test=())


@pytest.fixture
def another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this process start with an empty cache, as on a machine that has just joined."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(node_files, "_downloaded", {})


@pytest.mark.usefixtures("another_machine")
def test_songs_come_from_the_bucket_once(bucket_url: str, few: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    bring = share_songs(few, open_store(join(bucket_url, "mine")), said.append)
    (told,) = said
    assert told.startswith(f"putting {len(few.files)} songs' files")
    brought = bring(few)
    assert brought.fingerprint == few.fingerprint
    for old, new in zip(few.files, brought.files, strict=True):
        assert new.path.is_relative_to(cache_folder("songs"))
        np.testing.assert_allclose(new.read(2.0, 1.0), old.read(2.0, 1.0), atol=2**-15)
    # another sweep with the same songs puts and fetches nothing again, and needs nothing from the bucket
    said.clear()
    again = share_songs(few, open_store(join(bucket_url, "other")), said.append)
    assert said == []
    bucket = BucketStore(beside(join(bucket_url, "mine"), "songs"))
    BucketStore(bucket_url).delete("songs")
    assert bucket.list_names() == []
    monkeypatch.setattr(node_files, "_downloaded", {})
    assert again(few).files == brought.files


@pytest.mark.usefixtures("another_machine")
def test_a_file_that_changed_in_the_bucket_is_no_song(bucket_url: str, few: Dataset, tmp_path: Path) -> None:
    store = open_store(join(bucket_url, "mine"))
    bring = share_songs(few, store)
    bucket = BucketStore(beside(join(bucket_url, "mine"), "songs"))
    name = bucket.list_names()[0]
    (tmp_path / "cut").write_bytes(b"OggS")
    bucket.upload(tmp_path / "cut", name)
    with pytest.raises(DataError, match="is not the file that was put there"):
        bring(few)
    assert not (cache_folder("songs") / "originals" / name).exists()


@pytest.mark.slow
@pytest.mark.xdist_group("ray")  # one Ray at a time
def test_a_machine_that_lacks_a_song_is_named(tmp_path: Path, few: Dataset) -> None:
    head = {"num_cpus": 1, "object_store_memory": 100_000_000}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        cluster.add_node(**head)
        with ray_running(cluster.address):
            assert share_songs(few, FolderStore(tmp_path)) is unchanged
            with pytest.raises(ConfigError, match=r"elsewhere: is not there on [0-9.]+, a machine of the cluster; put"):
                share_songs(few, FolderStore(tmp_path / "elsewhere"))
    finally:
        cluster.shutdown()
