"""A sweep's songs on the machines of a cluster: under one path that all see, or downloaded from the sweep's bucket."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock

from dssgan.atomic import replacing
from dssgan.curation.decoded import DecodedCache
from dssgan.data.audio_file import AudioFile
from dssgan.data.dataset import Dataset, Localise, unchanged
from dssgan.errors import AudioError, DataError
from dssgan.parallel.cluster import require_seen
from dssgan.runs.bucket import BucketStore
from dssgan.runs.location import beside
from dssgan.runs.store import Store
from dssgan.user_cache import cache_folder

_ADVICE = "or give a bucket as --storage-path, from which the machines download the songs"
FOLDER = "songs"  # in the bucket, beside the sweeps, and in each machine's cache


@dataclass(frozen=True)
class SongsInBucket:
    """Downloads a data set's files from a bucket to the machine of the process that calls it, once to each machine.

    Files in the cache of a machine are named by their content, and compressed files are decoded there, as by
    `dssgan data decode`: many sweeps share it.

    Args:
        bucket: where the files are.
        names: names of the files there, by their paths on the machine that the sweep was begun on.
    """

    bucket: BucketStore
    names: dict[Path, str]

    def __call__(self, dataset: Dataset) -> Dataset:
        """Return the same songs in files of this machine.

        Args:
            dataset: the data set, with its paths on the machine that the sweep was begun on.

        Raises:
            DataError: a file in the bucket is not what was put there.
            WriteError: this machine's disk is full, or the bucket is away for long.
        """
        key = (self.bucket.url, dataset.fingerprint)
        if key not in _downloaded:
            folder = cache_folder(FOLDER)
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / "songs.lock"):  # the first process of a machine downloads them, the others wait
                _downloaded[key] = dataset.with_files({file: self._download(folder, file) for file in dataset.files})
        return _downloaded[key]

    def _download(self, folder: Path, file: AudioFile) -> AudioFile:
        name = self.names[file.path]
        original = folder / "originals" / name
        if not original.exists():
            with replacing(original) as temporary:
                self.bucket.download(name, temporary)
                if _name(temporary) != name:
                    raise DataError(f"{self.bucket}/{name}: is not the file that was put there; delete it, and resume")
        cache = DecodedCache(folder / "decoded", file.sample_rate, file.channels)
        copy, _ = cache.decode(replace(file, path=original))
        return copy


# Data sets that this process has downloaded, by bucket and fingerprint: it may train many trials.
_downloaded: dict[tuple[str, str], Dataset] = {}


def share_songs(dataset: Dataset, store: Store | None, on_message: Callable[[str], None] = lambda _: None) -> Localise:
    """Make a data set's songs available on every machine of the Ray cluster.

    Args:
        dataset: what is worked on.
        store: store of the sweep. Where it is a folder, songs must lie under one path on all machines, as the folder
            does; where it is None, the songs alone. Where it is a bucket, the songs are put beside the sweep if they
            are not there yet.
        on_message: called with a line on what takes a while.

    Returns:
        What gives the data set on the machine that calls it.

    Raises:
        ConfigError: a machine does not see a song or the sweep's folder.
        AudioError: a song cannot be read here.
    """
    folder = None if store is None else store.shared_folder
    if store is None or folder is not None:
        folders = [] if folder is None else [folder]
        require_seen([*folders, *(file.path for file in dataset.files)], advice=_ADVICE)
        return unchanged
    bucket = BucketStore(beside(str(store), FOLDER))
    paths = dict.fromkeys(file.path for file in dataset.files)
    names = {path: _name(path) for path in paths}
    missing = sorted(set(names.values()) - set(bucket.list_names()))
    if missing:
        files = {name: path for path, name in names.items()}
        size = sum(files[name].stat().st_size for name in missing)
        on_message(f"putting {len(missing)} songs' files, {size / 2**20:.0f} MiB, into {bucket}")
        for name in missing:
            bucket.upload(files[name], name)
    return SongsInBucket(bucket, names)


def _name(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() + path.suffix
    except OSError as error:
        raise AudioError(f"{path}: cannot be read ({error.strerror}); put it back") from error
