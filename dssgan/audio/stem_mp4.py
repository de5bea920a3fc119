"""Writing Native Instruments' .stem.mp4: a mix and four stems as streams of one file.

The layout is that of files which Native Instruments' Stem Creator makes, as is the metadata: a box `stem` in
`moov/udta` with names, colours and the settings of a mastering chain, which players apply to the sum of the stems.
With a limiter and a compressor on, the stems would no longer sum to the mix, so both are off.
"""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from shutil import which

from dssgan.audio.boxes import find_box
from dssgan.audio.encoder import encoding_failure, ffmpeg_command
from dssgan.audio.formats import Encoding
from dssgan.errors import AudioError

NUM_STEMS = 4  # no player takes fewer or more
_SILENCE = "-"
_COLOURS = ("#009E73", "#D55E00", "#CC79A7", "#56B4E9")  # of Stem Creator: they differ for all kinds of eyes
_SAMPLE_RATE = 44100


def write_stem_file(path: Path, mix: Path, stems: Mapping[str, Path], encoding: Encoding, channels: int) -> None:
    """Write a stem file.

    Args:
        path: the file, in a folder where it may be half-written.
        mix: sound file of the mixdown.
        stems: sound files by name, each of the mix's length, at most four. Those that are missing are silent.
        encoding: an encoding of the format .stem.mp4.
        channels: channels of the files, 1 or 2.

    Raises:
        AudioError: more than four stems, or an error of ffmpeg.
    """
    if len(stems) > NUM_STEMS:
        raise AudioError(f"{path}: a stem file holds {NUM_STEMS} stems, not {len(stems)}; choose some of them")
    files = [mix, *stems.values()]
    num_silent = NUM_STEMS - len(stems)
    spread = "pan=stereo|c0=c0|c1=c0," if channels == 1 else ""
    streams = [f"[{number}:a]{spread}anull[s{number}]" for number in range(1, len(files))]
    # the mix at no level gives silence of its very length, whatever resampling makes of that
    taps = "".join(f"[t{number}]" for number in range(num_silent))
    streams += [f"[0:a]{spread}asplit={1 + num_silent}[s0]{taps}"]
    streams += [f"[t{number}]volume=0[s{len(files) + number}]" for number in range(num_silent)]
    command = [which("ffmpeg") or "ffmpeg", "-v", "error", "-nostdin", "-y"]
    command += [part for file in files for part in ("-i", f"file:{file}")]
    command += ["-filter_complex", ";".join(streams)]
    for number in range(1 + NUM_STEMS):
        command += ["-map", f"[s{number}]", f"-disposition:a:{number}", "0" if number else "default"]
    command += ["-ar", str(_SAMPLE_RATE), "-movie_timescale", str(_SAMPLE_RATE), *ffmpeg_command(encoding, 2)]
    result = subprocess.run([*command, f"file:{path}"], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    failure = encoding_failure(path, result.returncode, result.stderr)
    if failure is not None:
        raise failure


def add_stem_box(path: Path, names: tuple[str, ...]) -> None:
    """Add the box that makes an MP4 a stem file; it comes last of all changes to a file.

    Args:
        path: an MP4 whose `moov` box is the last, as ffmpeg writes it.
        names: what the real stems are called, at most four.

    Raises:
        AudioError: the file is laid out otherwise.
    """
    payload = _box(b"stem", stem_metadata(names).encode())
    with path.open("r+b") as file:
        end = path.stat().st_size
        moov = find_box(file, b"moov", 0, end)
        if moov is None or moov[1] != end:
            raise AudioError(f"{path}: its last box is not moov, so nothing can be added to it")
        start = moov[0] - 8
        file.seek(start)
        content = file.read()
        udta = find_box(file, b"udta", *moov)
        if udta is None:
            content = _resized(content, 0, 8 + len(payload)) + _box(b"udta", payload)
        else:
            offset = udta[1] - start
            content = _resized(content, 0, len(payload))
            content = _resized(content, udta[0] - 8 - start, len(payload))
            content = content[:offset] + payload + content[offset:]
        file.seek(start)
        file.write(content)


def stem_metadata(names: tuple[str, ...]) -> str:
    """Return the metadata of a stem file as JSON, in the form and order of Stem Creator."""
    every = [*names, *[_SILENCE] * (NUM_STEMS - len(names))]
    return json.dumps({
        "mastering_dsp": {
            "compressor": {
                "ratio": 3, "output_gain": 0.5, "enabled": False, "threshold": 0, "attack": 0.003000000026077032,
                "input_gain": 0.5, "release": 0.300000011920929, "hp_cutoff": 300, "dry_wet": 50,
            },
            "limiter": {
                "release": 0.05000000074505806, "threshold": 0, "ceiling": -0.3499999940395355, "enabled": False,
            },
        },
        "version": 1,
        "stems": [{"color": colour, "name": name} for colour, name in zip(_COLOURS, every, strict=True)],
    })  # fmt: skip


def _box(kind: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def _resized(content: bytes, start: int, more: int) -> bytes:
    size = int.from_bytes(content[start : start + 4], "big") + more
    return content[:start] + size.to_bytes(4, "big") + content[start + 4 :]
