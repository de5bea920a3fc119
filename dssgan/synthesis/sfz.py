"""Recorded instruments as SFZ files describe them: which recording sounds for which key, strength, turn and microphone.

The subset that drum kits and plain tones use, as https://sfzformat.com describes it: headers and their inheritance,
`#include`, `#define`, keys and their pitch, velocities, round robin in turn and by chance, release times, delays,
levels and panning, the last three also by controllers at their initial values through the file's own curves, the
hi-hat's opening (controller 4), and which groups mute which. What sounds when a key is let go or between two keys,
other envelopes and filters are passed over.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath

import numpy as np

from dssgan.errors import DssganError

_MAX_INCLUDES = 10_000  # the files of a kit include each other hundreds of times; a circle never ends
_MAX_DEPTH = 16
_HEADERS = ("global", "master", "group", "region")  # each inherits from those before it
_COMMENT = re.compile(r"//.*|/\*.*?\*/")
_DIRECTIVE = re.compile(r'#include\s+"([^"]+)"|#define\s+\$(\w+)\s+(\S+)')
_TOKEN = re.compile(r"<(\w+)>|(\w+)=(.*?)(?=\s+\w+=|\s*<\w+>|\s*$)")
_NOTE = re.compile(r"([a-g])([#b]?)(-?\d+)", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)")
_SEMITONES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_HAT_PEDAL = "4"  # the controller that opens a hi-hat
_FAST_SECONDS = 0.006  # how long what is muted takes to fade where a file does not say
# ARIA's controller curves by number
_CURVES: dict[str, Callable[[float], float]] = {
    "0": lambda x: x,
    "1": lambda x: 2 * x - 1,
    "2": lambda x: 1 - x,
    "3": lambda x: 1 - 2 * x,
    "4": lambda x: x**2,
    "5": lambda x: x**0.5,
    "6": lambda x: (1 - x) ** 0.5,
}


@dataclass(frozen=True)
class Region:
    """One recording and when it sounds.

    Attributes:
        sample: its file.
        keys: lowest and highest MIDI key.
        velocities: lowest and highest MIDI velocity.
        turn: number in its round robin, from 1.
        gain: factor of its amplitude.
        pan: pan from -1, left, to 1, right.
        pitch: MIDI note number that it was recorded at, with a fraction where it is tuned.
        chance: it sounds where a number drawn from 0 to 1 is at least the first and below the second.
        release_seconds: how long it takes to fade once its key is let go.
        delay_seconds: how long after the stroke it begins; the way of the sound to a distant microphone.
        first_frame: sample of the recording that it begins with.
        opening: least and most of a hi-hat's opening for which it sounds, 0 closed to 1; closed is where the pedal is
            at first.
        group: number of the group it belongs to.
        muted_by: number of the group whose strokes mute it; 0 for none.
        mute_seconds: how long it takes to fade once it is muted.
    """

    sample: Path
    keys: tuple[int, int]
    velocities: tuple[int, int]
    turn: int
    gain: float
    pan: float
    pitch: float = 60.0
    chance: tuple[float, float] = (0.0, 1.0)
    release_seconds: float = 0.0
    delay_seconds: float = 0.0
    first_frame: int = 0
    opening: tuple[float, float] = (0.0, 1.0)
    group: int = 0
    muted_by: int = 0
    mute_seconds: float = _FAST_SECONDS

    @property
    def microphone(self) -> str:
        """What the recording's name ends in, as that of several microphones does: "OHL" of 1-Snare-OHL.flac."""
        return self.sample.stem.rpartition("-")[2]


@dataclass(frozen=True)
class _Controls:
    """The controllers of a file.

    Attributes:
        values: initial values by number, 0 to 1.
        curves: how a value acts, by the curve's number.
    """

    values: dict[str, float] = field(default_factory=dict)
    curves: dict[str, Callable[[float], float]] = field(default_factory=lambda: dict(_CURVES))

    def value(self, number: str) -> float:
        return self.values.get(number, 0.0)


def read_regions(path: Path) -> list[Region]:
    """Read an SFZ file and all that it includes.

    Args:
        path: the file.

    Returns:
        The regions with a recording that is there, in order.

    Raises:
        DssganError: a file cannot be read, or a number is none.
    """
    settings: dict[str, dict[str, str]] = {}
    controls = _Controls()
    header = "global"
    described: list[tuple[str, dict[str, str]]] = []  # the default path and all settings of each region

    def close() -> None:
        if header == "region":
            merged = {key: value for name in _HEADERS for key, value in settings.get(name, {}).items()}
            described.append((settings.get("control", {}).get("default_path", ""), merged))
        elif header == "curve":
            curve = settings["curve"]
            points = {int(key[1:]) / 127: _number(value) for key, value in curve.items() if re.fullmatch(r"v\d+", key)}
            controls.curves[curve.get("curve_index", "")] = _through(points)

    try:
        for line in _lines(path, path.parent, {}, [0], 0):
            for name, key, value in _TOKEN.findall(line):
                if name:
                    close()
                    header = name
                    settings[name] = {}
                    for lower in _HEADERS[_HEADERS.index(name) + 1 :] if name in _HEADERS else ():
                        settings[lower] = {}
                elif key.startswith(("set_cc", "set_hdcc")):
                    controls.values[key.rpartition("cc")[2]] = _number(value) / (1 if "hdcc" in key else 127)
                else:
                    settings.setdefault(header, {})[key] = value.strip()
        close()
        # at the end, for curves may follow the regions that use them
        regions = [_region(path, folder, opcodes, controls) for folder, opcodes in described]
    except (OSError, ValueError) as error:
        raise DssganError(f"{path}: not a readable SFZ instrument ({error}); repair it or take it away") from error
    return [region for region in regions if region is not None]


def _lines(file: Path, root: Path, defines: dict[str, str], count: list[int], depth: int) -> Iterator[str]:
    """Return a file's lines with includes expanded, without comments, and with macros replaced by their values."""
    count[0] += 1
    if count[0] > _MAX_INCLUDES or depth > _MAX_DEPTH:
        raise ValueError(f"{file.name} is included without end")
    for raw in file.read_text(encoding="utf-8", errors="replace").splitlines():
        line, position = _COMMENT.sub("", raw), 0
        for directive in _DIRECTIVE.finditer(line):
            yield _replaced(line[position : directive.start()], defines)
            position = directive.end()
            included, name, value = directive.groups()
            if included is None:
                defines[name] = value
            else:
                path = root / PureWindowsPath(_replaced(included, defines)).as_posix()
                yield from _lines(path, root, defines, count, depth + 1)
        yield _replaced(line[position:], defines)


def _replaced(text: str, defines: dict[str, str]) -> str:
    if "$" not in text:
        return text
    # "$instr-$mic" and "$v51h": the longest name that is defined counts
    names = sorted(defines, key=len, reverse=True)
    return re.sub(rf"\$({'|'.join(map(re.escape, names))})", lambda match: defines[match[1]], text) if names else text


def _through(points: dict[float, float]) -> Callable[[float], float]:
    """Return the curve that is straight between points; the ends are 0 at 0 and 1 at 1 where a file leaves them out."""
    placed = {0.0: 0.0, 1.0: 1.0} | points
    positions = sorted(placed)
    values = [placed[position] for position in positions]
    return lambda x: float(np.interp(x, positions, values))


def _region(path: Path, folder: str, opcodes: dict[str, str], controls: _Controls) -> Region | None:
    sample = opcodes.get("sample", "")
    if not sample or sample.startswith("*"):  # built into players, such as *silence
        return None
    if opcodes.get("trigger", "attack") in ("release", "release_key", "legato"):
        return None
    file = path.parent / PureWindowsPath(folder + sample).as_posix()
    if not file.is_file():
        return None
    conditions = {
        key[4:]: (
            _number(opcodes.get(f"locc{key[4:]}", "0")) / 127,
            _number(opcodes.get(f"hicc{key[4:]}", "127")) / 127,
        )
        for key in opcodes if re.fullmatch(r"(lo|hi)cc\d+", key)
    }  # fmt: skip
    opening = conditions.pop(_HAT_PEDAL, (0.0, 1.0))
    if controls.value(_HAT_PEDAL) > 0.5:  # pedals differ: this one is down at its highest value
        opening = 1 - opening[1], 1 - opening[0]
    if any(not low <= controls.value(number) <= high for number, (low, high) in conditions.items()):
        return None  # silent until a controller is turned
    keys = [
        _key(opcodes.get(name, opcodes.get("key", default))) for name, default in (("lokey", "0"), ("hikey", "127"))
    ]
    velocities = int(_number(opcodes.get("lovel", "0"))), int(_number(opcodes.get("hivel", "127")))
    volume_db = sum(_total(f"{level}volume", opcodes, controls) for level in ("", "group_", "master_", "global_"))
    gain = 10 ** (volume_db / 20) * _number(opcodes.get("amplitude", "100")) / 100
    for amount in _modulations("amplitude", opcodes, controls):
        gain *= amount / 100
    pan = max(-1.0, min(_total("pan", opcodes, controls) / 100, 1.0))
    center = _key(opcodes.get("pitch_keycenter", opcodes.get("key", "60")))
    tuning = _number(opcodes.get("transpose", "0")) + _number(opcodes.get("tune", "0")) / 100
    chance = _number(opcodes.get("lorand", "0")), _number(opcodes.get("hirand", "1"))
    release_seconds = _number(opcodes.get("ampeg_release", "0"))
    mute_seconds = {
        "normal": release_seconds,
        "time": _number(opcodes.get("off_time", str(_FAST_SECONDS))),
    }.get(opcodes.get("off_mode", "time" if "off_time" in opcodes else "fast"), _FAST_SECONDS)
    return Region(
        file, (keys[0], keys[1]), velocities, int(_number(opcodes.get("seq_position", "1"))), gain, pan,
        center - tuning, chance, release_seconds, max(_total("delay", opcodes, controls), 0.0),
        max(round(_total("offset", opcodes, controls)), 0), opening, int(_number(opcodes.get("group", "0"))),
        int(_number(opcodes.get("off_by", opcodes.get("offby", "0")))), mute_seconds,
    )  # fmt: skip


def _total(name: str, opcodes: dict[str, str], controls: _Controls) -> float:
    return _number(opcodes.get(name, "0")) + sum(_modulations(name, opcodes, controls))


def _modulations(name: str, opcodes: dict[str, str], controls: _Controls) -> Iterator[float]:
    """Return what controllers at their initial values add to an opcode, or multiply it by."""
    for key, value in opcodes.items():
        modulation = re.fullmatch(r"_(?:on)?cc(\d+)", key[len(name) :]) if key.startswith(name) else None
        if modulation is not None:
            number = modulation[1]
            curve = controls.curves.get(opcodes.get(f"{name}_curvecc{number}", "0"), _CURVES["0"])
            yield _number(value) * curve(controls.value(number))


def _key(text: str) -> int:
    """Read a MIDI key: a number, or a name where middle C, 60, is c4."""
    note = _NOTE.fullmatch(text)
    if note is None:
        return int(_number(text))
    letter, accidental, octave = note.groups()
    return _SEMITONES[letter.lower()] + {"#": 1, "b": -1, "": 0}[accidental] + 12 * (int(octave) + 1)


def _number(text: str) -> float:
    """Read the number that a value begins with, as players do: some files lack a space before the next setting."""
    found = _NUMBER.match(text)
    if found is None:
        raise ValueError(f"{text!r} is no number")
    return float(found[0])
