"""Drum kits: recorded strokes by piece and strength."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path

import numpy as np

from dssgan.audio.files import probe, read
from dssgan.audio.resample import resample, to_channels
from dssgan.errors import DssganError
from dssgan.synthesis import instruments, mixing, sampler
from dssgan.synthesis.score import Note
from dssgan.synthesis.sfz import Region, read_regions
from dssgan.synthesis.soundfont import SAMPLE_RATE, SoundfontSynthesizer
from dssgan.types import Audio

_TAIL_DB = -66.0
_MAX_SECONDS = 4.0
_STRENGTHS = (0.4, 0.7, 0.9, 1.0)  # at which the strokes of a soundfont are sampled

# General MIDI's percussion key for each piece
_KEYS = {
    "kick": 36, "sidestick": 37, "snare": 38, "clap": 39, "closed_hat": 42, "pedal_hat": 44, "open_hat": 46,
    "low_tom": 43, "mid_tom": 47, "high_tom": 50, "crash": 49, "ride": 51, "china": 52, "ride_bell": 53,
    "tambourine": 54, "splash": 55, "cowbell": 56, "high_conga": 63, "low_conga": 64, "timbale": 65, "shaker": 70,
    "clave": 75,
}  # fmt: skip
# ... and others that recorded kits have it on
_OTHER_KEYS = {
    "kick": (35,), "snare": (40,), "low_tom": (41,), "mid_tom": (45,), "high_tom": (48,), "crash": (57,), "ride": (59,),
}  # fmt: skip
_AVL_KEYS = {key: note for key, note in _KEYS.items() if note < 60}
# ... and where General MIDI has a second pair of hand drums, another timbale and a cabasa
_BONGO_KEYS = {"high_conga": 60, "low_conga": 61, "timbale": 66, "shaker": 69}
# hand drums in SFZ by their file's name
_HAND_DRUM_KEYS = {
    "Cajon": {"low_conga": 48, "timbale": 50, "high_conga": 52},
    "Bobobo": {"low_conga": 36, "high_conga": 43, "timbale": 46},
}
_GENERAL_MIDI_KITS = {0: False, 8: False, 16: False, 24: True, 25: True, 32: False, 40: False}  # program: electronic

# How an engineer may balance a kit's microphones: level of those in the room and of those above the kit, dB
_AS_RECORDED_DB = (0.0, 0.0)
_BALANCES_DB = {"": _AS_RECORDED_DB, ", close": (-14.0, -5.0), ", room": (6.0, 1.0)}
_ROOM, _OVERHEAD = (re.compile(words, re.IGNORECASE) for words in (r"amb|room|far", r"^oh|over"))
_MAX_LAYERS, _MAX_TURNS = 6, 4  # of the strokes of a piece that are decoded; large kits have fifty

# Sonic Pi's strokes on a tabla, for what a pair of congas plays
_TABLA = {
    "low_conga": [f"tabla_ghe{number}" for number in range(1, 9)],
    "high_conga": ["tabla_na", "tabla_na_s", "tabla_tas1", "tabla_tas2", "tabla_te1", "tabla_te2"],
    "timbale": ["tabla_tun1", "tabla_tun2", "tabla_tun3"],
}  # fmt: skip
_SNARES = (
    "elec_snare", "elec_hi_snare", "elec_mid_snare", "elec_filt_snare", "sn_dub", "sn_dolf", "sn_zome",
    "drum_snare_hard",
)  # fmt: skip

# what instruments are called in drum kits; the first that fits
_IGNORED = re.compile(r"choke|flink|swish|roll|fx|zap|whistle|glass|snap|phaser|semi|flam|^\W*$|sample:")
_WORDS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (piece, re.compile(pattern))
    for piece, pattern in (
        ("tambourine", r"tambour"), ("shaker", r"shaker|maraca"), ("cowbell", r"cow ?bell|agogo"),
        ("clave", r"clave|wood"), ("low_conga", r"conga 2|bongo lo|djembe\d bass|dununba"),
        ("high_conga", r"conga|bongo|djembe"),
        ("timbale", r"timbal"), ("clap", r"clap"), ("sidestick", r"stick|rim ?click|^click"),
        ("ride_bell", r"bell|cup"),
        ("pedal_hat", r"(hat|hh).*(pedal|pd)|pedal.*(hat|hh)|pedal hh"),
        ("open_hat", r"(hat|hh).*\bop|open|side ohh"), ("closed_hat", r"hat|hh"), ("china", r"china"),
        ("splash", r"splash"), ("crash", r"crash|cymbal"), ("ride", r"ride"), ("snare", r"snare|cajon slap"),
        ("kick", r"kick|bass ?drum|cajon thump"), ("high_tom", r"tom ?(hi|1)|high tom"),
        ("low_tom", r"tom ?(lo|3|floor)|floor|low tom"), ("mid_tom", r"tom"),
    )
)  # fmt: skip
_ELECTRONIC = re.compile(r"808|electr|vari|rumpf", re.IGNORECASE)


@dataclass(frozen=True)
class Layer:
    """Strokes of about one strength.

    Attributes:
        most: velocity up to which they are used, 0 to 1.
        strokes: recordings, (2, samples) at 44.1 kHz each; taken in turn.
    """

    most: float
    strokes: tuple[Audio, ...]


@dataclass(frozen=True)
class Kit:
    """A drum kit; a piece is decoded when it is first wanted.

    Attributes:
        name: what it is called.
        credit: the makers, and the licence.
        electronic: made by machines.
        loaders: for each piece how to read its layers.
    """

    name: str
    credit: str
    electronic: bool
    loaders: Mapping[str, Callable[[], tuple[Layer, ...]]]

    @cached_property
    def _loaded(self) -> dict[str, tuple[Layer, ...]]:
        return {}

    def layers(self, piece: str) -> tuple[Layer, ...]:
        """Read a piece's layers, softest first.

        Raises:
            DssganError: a recording is missing or broken.
        """
        if piece not in self._loaded:
            layers = self.loaders[piece]()
            # kits differ by 20 dB in level; the mix decides how loud a piece is
            peaks = [float(np.abs(stroke).max(initial=0.0)) for layer in layers for stroke in layer.strokes]
            peak = max(peaks, default=0.0) or 1.0
            scaled = tuple(Layer(layer.most, tuple(stroke / peak for stroke in layer.strokes)) for layer in layers)
            self._loaded[piece] = scaled
        return self._loaded[piece]


@cache
def find() -> tuple[Kit, ...]:
    """List the kits of this machine, in an order that does not depend on it.

    Raises:
        DataError: there are no instruments.
    """
    found = instruments.find()
    kits = [_hydrogen(kit) for kit in found.kits]
    kits += [kit for file in found.sfz if not sampler.programs_of(file) for kit in _sfz(file)]
    kits += [_soundfont(font, 0, 0, False, _AVL_KEYS) for font in found.drum_soundfonts]
    for font in found.soundfonts:
        programs = _GENERAL_MIDI_KITS if font.name == "FluidR3_GM" else {0: False}
        kits += [_soundfont(font, 128, program, electronic, _KEYS) for program, electronic in programs.items()]
        kits.append(_soundfont(font, 128, 0, False, _BONGO_KEYS, ", bongos"))
    if found.one_shots is not None:
        kits += _one_shots(found.one_shots)
    return tuple(kit for kit in kits if kit.loaders)


def _hydrogen(instrument: instruments.Instrument) -> Kit:
    from defusedxml import ElementTree  # a kit may be anybody's file

    loaders: dict[str, Callable[[], tuple[Layer, ...]]] = {}
    try:
        root = ElementTree.parse(instrument.path / "drumkit.xml").getroot()
    except (OSError, ElementTree.ParseError, ValueError) as error:
        raise DssganError(f"{instrument.path / 'drumkit.xml'}: not a drum kit ({error}); remove it") from error
    for element in root.iter() if root is not None else ():
        if _tag(element) != "instrument":
            continue
        name = next((child.text or "" for child in element if _tag(child) == "name"), "").lower()
        files: list[tuple[float, Path]] = []
        for layer in element.iter():
            values = {_tag(child): child.text or "" for child in layer}
            file = instrument.path / Path(values.get("filename", "")).name
            if _tag(layer) in ("layer", "instrument") and values.get("filename") and file.exists():
                files.append((float(values.get("max") or 1.0), file))
        piece = None if _IGNORED.search(name) else next((piece for piece, words in _WORDS if words.search(name)), None)
        if piece is not None and files and piece not in loaders:
            loaders[piece] = partial(_read_layers, tuple(sorted(files)))
    facts = {_tag(child): " ".join((child.text or "").split()) for child in (root if root is not None else ())}
    stated = [facts[key] for key in ("author", "license") if facts.get(key)]
    credit = f"{instrument.name}: {', '.join(stated)}" if stated else instrument.credit
    return Kit(instrument.name, credit, bool(_ELECTRONIC.search(instrument.name)), loaders)


def _sfz(instrument: instruments.Instrument) -> Iterator[Kit]:
    """One kit for each balance of its microphones, where it has several, and one of its second pair of hand drums."""
    regions = read_regions(instrument.path)
    electronic = bool(_ELECTRONIC.search(instrument.name))
    several = any(_ROOM.search(region.microphone) for region in regions)
    balances = _BALANCES_DB if several else {"": _AS_RECORDED_DB}
    pieces = _struck(regions, _HAND_DRUM_KEYS.get(instrument.name, _KEYS))
    made = [(name, pieces, levels_db) for name, levels_db in balances.items()]
    if bongos := _struck(regions, _BONGO_KEYS):
        made.append((", bongos", bongos, _AS_RECORDED_DB))
    for name, struck, levels_db in made:
        loaders = {piece: partial(_read_regions, hits, levels_db) for piece, hits in struck.items()}
        yield Kit(f"{instrument.name}{name}", instrument.credit, electronic, loaders)


def _struck(regions: Sequence[Region], keys: Mapping[str, int]) -> dict[str, tuple[Region, ...]]:
    """Return the regions of each piece that a file has."""
    pieces = {}
    for piece, key in keys.items():
        for wanted in (key, *_OTHER_KEYS.get(piece, ())):
            struck = tuple(region for region in regions if region.keys[0] <= wanted <= region.keys[1])
            if struck:
                pieces[piece] = struck
                break
    return pieces


def _read_regions(regions: tuple[Region, ...], levels_db: tuple[float, float]) -> tuple[Layer, ...]:
    """Add up the microphones of each stroke."""
    strokes: dict[int, dict[tuple[int, float], list[Region]]] = {}
    for region in regions:
        turn = region.turn, region.chance[0]
        strokes.setdefault(region.velocities[1], {}).setdefault(turn, []).append(region)
    highest = sorted(strokes)
    chosen = [highest[index] for index in np.unique(np.linspace(0, len(highest) - 1, _MAX_LAYERS).round().astype(int))]
    layers = []
    for velocity in chosen:
        turns = sorted(strokes[velocity])[:_MAX_TURNS]
        layers.append(
            Layer(velocity / 127, tuple(_add_microphones(strokes[velocity][turn], levels_db) for turn in turns))
        )
    return tuple(layers)


def _add_microphones(regions: list[Region], levels_db: tuple[float, float]) -> Audio:
    parts = []
    for region in regions:
        room, overhead = (bool(words.search(region.microphone)) for words in (_ROOM, _OVERHEAD))
        gain = region.gain * 10 ** ((room * levels_db[0] + overhead * levels_db[1]) / 20)
        audio = to_channels(resample(read(region.sample), probe(region.sample).sample_rate, SAMPLE_RATE), 2)
        parts.append(audio * (mixing.pan(region.pan) * np.float32(gain)))
    total = np.zeros((2, max(part.shape[1] for part in parts)), np.float32)
    for part in parts:
        total[:, : part.shape[1]] += part
    return _trimmed(total)


def _tag(element: object) -> str:
    return str(getattr(element, "tag", "")).rpartition("}")[2]


def _one_shots(instrument: instruments.Instrument) -> Iterator[Kit]:
    """A tabla, and one kit for each of Sonic Pi's bass drums, with its snares in turn and the hats that they share."""
    folder = instrument.path
    strokes = {piece: [folder / f"{name}.flac" for name in names] for piece, names in _TABLA.items()}
    tabla = {
        piece: partial(_read_layers, tuple((1.0, path) for path in paths))
        for piece, paths in strokes.items()
        if all(path.exists() for path in paths)
    }
    yield Kit(f"{instrument.name}, tabla", instrument.credit, False, tabla)
    snares = [path for path in (folder / f"{name}.flac" for name in _SNARES) if path.exists()]
    shared = {
        "closed_hat": ("drum_cymbal_closed", "drum_cymbal_closed"), "open_hat": ("drum_cymbal_open",),
        "pedal_hat": ("drum_cymbal_pedal",), "crash": ("drum_cymbal_soft", "drum_cymbal_hard"),
        "splash": ("drum_splash_soft", "drum_splash_hard"), "low_tom": ("drum_tom_lo_soft", "drum_tom_lo_hard"),
        "mid_tom": ("drum_tom_mid_soft", "drum_tom_mid_hard"), "high_tom": ("drum_tom_hi_soft", "drum_tom_hi_hard"),
        "cowbell": ("drum_cowbell",), "clap": ("elec_snare",), "sidestick": ("elec_tick",),
    }  # fmt: skip
    for number, kick in enumerate(sorted(folder.glob("bd_*.flac"))):
        files = {piece: [folder / f"{name}.flac" for name in names] for piece, names in shared.items()}
        files["kick"] = [kick]
        if snares:
            files["snare"] = [snares[number % len(snares)]]
        loaders = {
            piece: partial(_read_layers, tuple(((index + 1) / len(paths), path) for index, path in enumerate(paths)))
            for piece, paths in files.items()
            if all(path.exists() for path in paths)
        }
        yield Kit(f"{instrument.name}, {kick.stem}", instrument.credit, True, loaders)


def _soundfont(
    instrument: instruments.Instrument, bank: int, program: int, electronic: bool, keys: dict[str, int], what: str = ""
) -> Kit:
    loaders = {piece: partial(_sample_layers, instrument.path, bank, program, key) for piece, key in keys.items()}
    return Kit(f"{instrument.name} {program}{what}", instrument.credit, electronic, loaders)


def _read_layers(files: tuple[tuple[float, Path], ...]) -> tuple[Layer, ...]:
    layers: dict[float, list[Audio]] = {}
    for most, path in files:
        audio = to_channels(resample(read(path), probe(path).sample_rate, SAMPLE_RATE), 2)
        layers.setdefault(most, []).append(_trimmed(audio))
    return tuple(Layer(most, tuple(strokes)) for most, strokes in sorted(layers.items()))


def _sample_layers(path: Path, bank: int, program: int, key: int) -> tuple[Layer, ...]:
    layers = []
    with SoundfontSynthesizer() as player:
        for strength in _STRENGTHS:
            note = Note(0.0, _MAX_SECONDS / 2, key, strength)
            stroke = _trimmed(player.play(path, (note,), program, _MAX_SECONDS, bank=bank))
            if stroke.shape[1]:
                layers.append(Layer(strength, (stroke,)))
    return tuple(layers)


def _trimmed(stroke: Audio) -> Audio:
    """Cut silence before a stroke and after it has died away, with a short fade."""
    level = np.abs(stroke).max(axis=0)
    loud = np.flatnonzero(level > (level.max() if level.size else 0.0) * 10 ** (_TAIL_DB / 20))
    if not loud.size or level.max() == 0:
        return np.zeros((2, 0), np.float32)
    first = max(int(loud[0]) - 32, 0)
    stroke = np.array(stroke[:, first : min(int(loud[-1]) + 1, first + round(_MAX_SECONDS * SAMPLE_RATE))])
    fade = min(stroke.shape[1], 441)
    stroke[:, stroke.shape[1] - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return stroke
