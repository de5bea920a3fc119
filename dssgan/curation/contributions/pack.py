"""Packing tracks and the terms they are given under into one archive."""

import tempfile
import zipfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import soundfile

from dssgan import atomic
from dssgan.audio import files
from dssgan.curation.contributions.rules import MIX, check_licence, check_terms, credit_of, entry_name, files_of
from dssgan.curation.importers.base import Options
from dssgan.curation.importers.folders import tracks_under
from dssgan.data.audio_file import AudioFile, Recording
from dssgan.data.dataset import PAIRED_PARTITIONS, Dataset, Track
from dssgan.data.loading import load_dataset
from dssgan.data.manifest import FILE_NAME, describe, encode_manifest
from dssgan.data.rights import Rights
from dssgan.errors import DataError
from dssgan.types import DRUMS, OTHER

SUFFIX = ".dssgan.zip"
# the first day that a zip can store: the same tracks give the same bytes, whenever they are packed
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_FINE_SUBTYPES = frozenset({"PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAC_20", "ALAC_24", "ALAC_32"})
_COPY_BYTES = 1 << 20


def find_tracks(
    path: Path, sources: Sequence[str] = (DRUMS, OTHER), *, holder: str | None = None
) -> tuple[tuple[str, ...], tuple[Track, ...]]:
    """Find the tracks to contribute.

    Args:
        path: a folder with one folder a track, {mix,drums,other}.* in it; or a manifest, or a folder that holds one.
        sources: names of the sources, where there is no manifest.
        holder: their holder; None where the rights in the manifest are not compared.

    Returns:
        Names of the sources, and the tracks.

    Raises:
        DataError: there are none, two have the same name, or the manifest names another holder.
        AudioError: a file cannot be decoded.
    """
    path = Path(path)
    if path.is_file() or (path / "dataset.json").is_file():
        dataset = load_dataset(path)
        names, tracks = dataset.sources, tuple(track for name in PAIRED_PARTITIONS for track in dataset.partition(name))
        _check_holder(dataset, holder)
    elif path.is_dir():
        names, tracks = tuple(sources), tuple(tracks_under(path.absolute(), Options(tuple(sources))))
    else:
        raise DataError(f"{path}: no such folder; name one that holds a folder a track, or a manifest")
    if not tracks:
        raise DataError(f"{path}: no tracks found; lay them out as {path.name}/SONG/drums.wav")
    return names, tracks


def _check_holder(dataset: Dataset, holder: str | None) -> None:
    for rights in dataset.rights:
        if holder not in (None, rights.holder) and rights.tracks:
            raise DataError(
                f"track {rights.tracks[0]}: was given by {rights.holder} under {rights.licence}, so {holder} cannot "
                "give it; pass on the archive it came in, and contribute your own tracks"
            )


def contribute(
    tracks: Sequence[Track],
    sources: Sequence[str],
    output: Path,
    *,
    licence: str,
    holder: str,
    source: str,
    consent: str,
    day: date | None = None,
) -> Dataset:
    """Pack tracks into an archive that can be verified file by file.

    Stems become flac: 24 bits where a file of the track has more than 16, else 16. Where a file would clip, the whole
    track is made softer by one gain, so that its parts still add up. Tags stay behind. The same input gives the same
    bytes.

    Args:
        tracks: what to give.
        sources: names of their sources.
        output: the archive, NAME.dssgan.zip.
        licence: SPDX expression.
        holder: who holds the rights.
        source: where the tracks come from.
        consent: what the holder agreed to.
        day: when; today by default.

    Returns:
        The data set that the archive holds; its files are in the archive alone.

    Raises:
        DataError: the terms or names cannot be used.
        AudioError: a file cannot be decoded.
        DssganError: the archive cannot be written; what existed is untouched.
    """
    output = Path(output)
    if not output.name.endswith(SUFFIX):
        raise DataError(f"{output}: cannot be the name of a contribution; end it in {SUFFIX}")
    rights = Rights(
        tuple(track.name for track in tracks), check_licence(licence), holder, source,
        f"{consent} ({(day or datetime.now(UTC).date()).isoformat()})" if consent.strip() else "",
    )  # fmt: skip
    check_terms(rights.tracks, sources, rights)  # before hours of encoding
    with atomic.replacing(output) as temporary, tempfile.TemporaryDirectory(dir=output.parent) as name:
        folder = Path(name).absolute()
        packed = Dataset(
            tuple(sources),
            train_sup=tuple(_encode(track, sources, index, folder) for index, track in enumerate(tracks)),
            name=holder, licence=rights.licence, credits=(credit_of(rights),),
            rights=(rights,),
        )  # fmt: skip
        manifest = describe(packed, folder)
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:  # flac does not shrink any further
            archive.writestr(_entry(FILE_NAME), encode_manifest(manifest))
            for file in files_of(manifest):
                with (
                    (folder / file.path).open("rb") as stream,
                    archive.open(_entry(file.path), "w", force_zip64=True) as to,
                ):
                    while block := stream.read(_COPY_BYTES):
                        to.write(block)
    return packed


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _ZIP_TIME)
    entry.create_system = 3  # the same on every system
    entry.external_attr = 0o100644 << 16
    return entry


def _encode(track: Track, sources: Sequence[str], index: int, folder: Path) -> Track:
    parts = {name: part for name, part in zip((MIX, *sources), (track.mix, *track.sources), strict=True) if part}
    subtype = "pcm24" if any(_is_fine(file) for part in parts.values() for file in part.files) else "pcm16"
    paths = {name: folder / entry_name(index, name) for name in parts}
    if (peak := _write(parts, paths, subtype, 1.0)) > 1.0:
        most = 1.0 if subtype == "pcm24" else 1.0 - 2.0**-15
        _write(parts, paths, subtype, most / peak)
    written = {name: AudioFile.of(path, with_fingerprint=True) for name, path in paths.items()}
    return Track(track.name, written.get(MIX), tuple(written.get(source) for source in sources), track.group)


def _write(parts: dict[str, Recording], paths: dict[str, Path], subtype: str, gain: float) -> float:
    """Write a track's files; return the highest peak before the gain."""
    peak = 0.0
    for name, part in parts.items():
        audio = part.read()
        peak = max(peak, float(np.abs(audio).max(initial=0.0)))
        files.write(paths[name], audio * np.float32(gain), part.sample_rate, subtype)
    return peak


def _is_fine(file: AudioFile) -> bool:
    try:
        return soundfile.info(file.path).subtype in _FINE_SUBTYPES
    except soundfile.LibsndfileError:
        return False  # what ffmpeg alone reads is coded with loss, as good as always
