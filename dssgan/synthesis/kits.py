"""Drum kits: recorded strokes by piece and strength."""

import re
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cache, partial
from pathlib import Path

from dssgan.audio.files import probe, read
from dssgan.audio.resample import resample, to_channels
from dssgan.errors import DataError, DssganError
from dssgan.synthesis import instruments, sampler, sfz_kits
from dssgan.synthesis.gm import BONGO_KEYS, DRUM_KEYS, Keys
from dssgan.synthesis.kit import MAX_SECONDS, Kit, Layer, is_electronic, trimmed
from dssgan.synthesis.score import Note
from dssgan.synthesis.soundfont import SAMPLE_RATE, SoundfontSynthesizer
from dssgan.types import Audio

_STRENGTHS = (0.4, 0.7, 0.9, 1.0)  # at which the strokes of a soundfont are sampled

_AVL_KEYS = {piece: keys for piece, keys in DRUM_KEYS.items() if keys[0] < 60}
_GENERAL_MIDI_KITS = {0: False, 8: False, 16: False, 24: True, 25: True, 32: False, 40: False}  # program: electronic

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


@cache
def find() -> tuple[Kit, ...]:
    """List the kits of this machine, in an order that does not depend on it.

    Raises:
        DataError: there are no instruments.
    """
    found = instruments.find()
    kits = [_hydrogen(kit) for kit in found.kits]
    kits += [kit for file in found.sfz if not sampler.programs_of(file) for kit in sfz_kits.kits_of(file)]
    kits += [_soundfont(font, 0, 0, False, _AVL_KEYS) for font in found.drum_soundfonts]
    for font in found.soundfonts:
        programs = _GENERAL_MIDI_KITS if font.name == "FluidR3_GM" else {0: False}
        kits += [_soundfont(font, 128, program, electronic, DRUM_KEYS) for program, electronic in programs.items()]
        kits.append(_soundfont(font, 128, 0, False, BONGO_KEYS, ", bongos"))
    if found.one_shots is not None:
        kits += _one_shots(found.one_shots)
    return tuple(kit for kit in kits if kit.loaders)


def choose(only: Sequence[str] = (), without: Sequence[str] = ()) -> frozenset[str] | None:
    """Return the names of the kits that may be played; None where nothing restricts them.

    Args:
        only: patterns such as "Salamander*", in any case of letters: no other kits than these; all where it is empty.
        without: patterns: not these.

    Raises:
        DataError: there are no instruments, a pattern fits no kit, or none is left.
    """
    if not only and not without:
        return None
    names = [kit.name for kit in find()]
    for pattern in (*only, *without):
        if not _fitting(names, [pattern]):
            raise DataError(f"no kit is called {pattern}; there are {'; '.join(names)}")
    chosen = _fitting(names, only or ["*"]) - _fitting(names, without)
    if not chosen:
        raise DataError("no kit is left to be played; leave fewer out")
    return chosen


def _fitting(names: Sequence[str], patterns: Sequence[str]) -> frozenset[str]:
    return frozenset(
        name for name in names if any(fnmatchcase(name.casefold(), pattern.casefold()) for pattern in patterns)
    )


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
    return Kit(instrument.name, credit, is_electronic(instrument.name), loaders)


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
    instrument: instruments.Instrument, bank: int, program: int, electronic: bool, keys: Keys, what: str = ""
) -> Kit:
    loaders = {piece: partial(_sample_layers, instrument.path, bank, program, one[0]) for piece, one in keys.items()}
    return Kit(f"{instrument.name} {program}{what}", instrument.credit, electronic, loaders)


def _read_layers(files: tuple[tuple[float, Path], ...]) -> tuple[Layer, ...]:
    layers: dict[float, list[Audio]] = {}
    for most, path in files:
        audio = to_channels(resample(read(path), probe(path).sample_rate, SAMPLE_RATE), 2)
        layers.setdefault(most, []).append(trimmed(audio))
    return tuple(Layer(most, tuple(strokes)) for most, strokes in sorted(layers.items()))


def _sample_layers(path: Path, bank: int, program: int, key: int) -> tuple[Layer, ...]:
    layers = []
    with SoundfontSynthesizer() as player:
        for strength in _STRENGTHS:
            note = Note(0.0, MAX_SECONDS / 2, key, strength)
            stroke = trimmed(player.play(path, (note,), program, MAX_SECONDS, bank=bank))
            if stroke.shape[1]:
                layers.append(Layer(strength, (stroke,)))
    return tuple(layers)
