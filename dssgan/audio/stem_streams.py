"""Native Instruments' .stem.mp4: one file, the mix and its stems as audio streams."""

import json
from pathlib import Path
from typing import Any

from dssgan.audio import ffmpeg
from dssgan.audio.boxes import find_box
from dssgan.audio.formats import STEM_MP4
from dssgan.audio.info import UnrecognisedError
from dssgan.errors import AudioError

_MAX_METADATA_BYTES = 1 << 20


def is_stem_file(path: Path) -> bool:
    """Return whether a file's name is that of a stem file."""
    return path.name.lower().endswith(STEM_MP4)


def open_file(path: Path, stem: int | None) -> ffmpeg.FfmpegDecoder:
    """Open one stream of a stem file.

    stempeg itself decodes from the beginning and holds the whole result, so it is asked for the streams alone and the
    samples come by seeking.

    Args:
        path: the stem file.
        stem: 0 or None the mix, 1 and up the stems.

    Raises:
        UnrecognisedError: this is not a stem file.
        AudioError: there is no such stem.
    """
    if not is_stem_file(path):
        raise UnrecognisedError("not a stem file")
    return ffmpeg.open_file(path, stem or 0)  # whatever the container calls its default


def stem_names(path: Path) -> tuple[str, ...]:
    """Read what a stem file calls its streams.

    Args:
        path: a .stem.mp4 file.

    Returns:
        One name a stream, "mix" first. From the metadata that Native Instruments defines (box moov/udta/stem, JSON);
        else the streams' titles; else "stem 1" and so on.

    Raises:
        AudioError: the file cannot be read.
    """
    import stempeg  # imports ffmpeg's bindings, which few commands need

    try:
        num_streams = len(ffmpeg.audio_streams(path))  # before stempeg, whose own errors name no cause
        titles = list(stempeg.Info(str(path)).title_streams)
    except (OSError, UnrecognisedError) as error:
        raise AudioError(f"{path}: is no readable stem file ({error}); replace it by an intact copy") from error
    tagged_names = _native_instruments_names(path)
    names = []
    for number in range(1, num_streams):
        title = str(titles[number] or "") if number < len(titles) else ""
        names.append(tagged_names[number - 1] if number <= len(tagged_names) else title or f"stem {number}")
    return ("mix", *names)


def _native_instruments_names(path: Path) -> list[str]:
    with path.open("rb") as file:
        end = path.stat().st_size
        start = 0
        for kind in (b"moov", b"udta", b"stem"):
            box = find_box(file, kind, start, end)
            if box is None:
                return []
            start, end = box
        file.seek(start)
        data = file.read(min(end - start, _MAX_METADATA_BYTES))
    try:
        metadata: Any = json.loads(data)
        return [str(stem["name"]) for stem in metadata["stems"]]
    except (ValueError, KeyError, TypeError):  # somebody else's "stem" box
        return []
