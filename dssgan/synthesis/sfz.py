"""Recorded instruments as SFZ files describe them: which recording sounds for which key, strength, turn and microphone.

The subset that drum kits and plain tones use, as https://sfzformat.com describes it: headers and their inheritance,
`#include`, `#define`, keys and their pitch, velocities, round robin in turn and by chance, release times, levels and
panning, the last two also by controllers at their initial values. What sounds when a key is let go or between two keys,
other envelopes, filters and chokes are passed over.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

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

    @property
    def microphone(self) -> str:
        """What the recording's name ends in, as that of several microphones does: "OHL" of 1-Snare-OHL.flac."""
        return self.sample.stem.rpartition("-")[2]


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
    controls: dict[str, float] = {}
    header = "global"
    found = []

    def close() -> None:
        if header == "region":
            merged = {key: value for name in _HEADERS for key, value in settings.get(name, {}).items()}
            region = _region(path, settings.get("control", {}), merged, controls)
            if region is not None:
                found.append(region)

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
                    controls[key.rpartition("cc")[2]] = _number(value) / (1 if "hdcc" in key else 127)
                else:
                    settings.setdefault(header, {})[key] = value.strip()
        close()
    except (OSError, ValueError) as error:
        raise DssganError(f"{path}: not a readable SFZ instrument ({error}); repair it or take it away") from error
    return found


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


def _region(path: Path, control: dict[str, str], opcodes: dict[str, str], controls: dict[str, float]) -> Region | None:
    sample = opcodes.get("sample", "")
    if not sample or sample.startswith("*"):  # built into players, such as *silence
        return None
    if opcodes.get("trigger", "attack") in ("release", "release_key", "legato"):
        return None
    file = path.parent / PureWindowsPath(control.get("default_path", "") + sample).as_posix()
    if not file.is_file():
        return None
    for key, value in opcodes.items():
        if key.startswith("locc") and controls.get(key[4:], 0.0) * 127 < _number(value):
            return None  # silent until a controller is turned up
        if key.startswith("hicc") and controls.get(key[4:], 0.0) * 127 > _number(value):
            return None  # and until one is turned down
    keys = [
        _key(opcodes.get(name, opcodes.get("key", default))) for name, default in (("lokey", "0"), ("hikey", "127"))
    ]
    velocities = int(_number(opcodes.get("lovel", "0"))), int(_number(opcodes.get("hivel", "127")))
    gain = 10 ** (_total("volume", opcodes, controls) / 20) * _number(opcodes.get("amplitude", "100")) / 100
    for amount in _modulations("amplitude", opcodes, controls):
        gain *= amount / 100
    pan = max(-1.0, min(_total("pan", opcodes, controls) / 100, 1.0))
    center = _key(opcodes.get("pitch_keycenter", opcodes.get("key", "60")))
    tuning = _number(opcodes.get("transpose", "0")) + _number(opcodes.get("tune", "0")) / 100
    chance = _number(opcodes.get("lorand", "0")), _number(opcodes.get("hirand", "1"))
    return Region(
        file, (keys[0], keys[1]), velocities, int(_number(opcodes.get("seq_position", "1"))), gain, pan,
        center - tuning, chance, _number(opcodes.get("ampeg_release", "0")),
    )  # fmt: skip


def _total(name: str, opcodes: dict[str, str], controls: dict[str, float]) -> float:
    return _number(opcodes.get(name, "0")) + sum(_modulations(name, opcodes, controls))


def _modulations(name: str, opcodes: dict[str, str], controls: dict[str, float]) -> Iterator[float]:
    """Return what controllers at their initial values add to an opcode, or multiply it by."""
    for key, value in opcodes.items():
        if key.startswith(f"{name}_oncc"):
            number = key.rpartition("cc")[2]
            curve = _CURVES.get(opcodes.get(f"{name}_curvecc{number}", "0"), _CURVES["0"])
            yield _number(value) * curve(controls.get(number, 0.0))


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
