"""Drum kits that SFZ files describe: which of their keys is which piece, and their microphones added up."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from dssgan.audio.files import probe, read
from dssgan.audio.resample import resample, to_channels
from dssgan.synthesis import mixing
from dssgan.synthesis.gm import BONGO_KEYS, DRUM_KEYS, Keys
from dssgan.synthesis.instruments import Instrument
from dssgan.synthesis.kit import Kit, Layer, Loader, is_electronic, trimmed
from dssgan.synthesis.sfz import Region, read_regions
from dssgan.synthesis.soundfont import SAMPLE_RATE
from dssgan.types import Audio

# keys of kits that do not keep to General MIDI's, by a part of the file's name; the first that a file has is played
_OWN_KEYS: tuple[tuple[str, Keys], ...] = (
    ("Cajon", {"low_conga": (48,), "timbale": (50,), "high_conga": (52,)}),
    ("Bobobo", {"low_conga": (36,), "high_conga": (43,), "timbale": (46,)}),
    ("Salamander", {
        "kick": (36,), "snare": (38,), "sidestick": (41,), "high_tom": (45,), "low_tom": (43,), "closed_hat": (42,),
        "pedal_hat": (44,), "open_hat": (46,), "crash": (57,), "ride": (52,), "ride_bell": (53,), "china": (59,),
        "splash": (63,), "cowbell": (47,),
    }),
    ("SamsSonor", {
        "kick": (36,), "snare": (38,), "sidestick": (37,), "high_tom": (45,), "low_tom": (43,), "closed_hat": (42,),
        "pedal_hat": (44,), "open_hat": (46,), "crash": (49,), "ride": (51,), "ride_bell": (53,),
    }),
    ("MuldjordKit", {
        "kick": (36,), "snare": (38,), "sidestick": (37,), "high_tom": (48,), "mid_tom": (47,), "low_tom": (41,),
        "closed_hat": (42,), "open_hat": (46,), "crash": (49,), "ride": (51,), "ride_bell": (53,), "china": (52,),
    }),
)  # fmt: skip
# a second kit of the same file: its other bass drum, snare drum and cymbals
_SECOND_KEYS: tuple[tuple[str, Keys], ...] = (
    ("Salamander", {
        "kick": (35,), "snare": (40,), "crash": (55,), "ride": (48,), "ride_bell": (49,), "china": (60,),
    }),
    ("MuldjordKit", {"kick": (35,), "mid_tom": (45,), "crash": (57,), "ride": (59,), "ride_bell": (55,)}),
)  # fmt: skip
# keys of further openings of the hi-hat, by a part of the file's name: the opening, 0 closed to 1, and the key
_HALF_OPEN_KEYS = {"SamsSonor": ((0.6, 56),)}

_ROOM, _OVERHEAD = (re.compile(words, re.IGNORECASE) for words in (r"amb|room|far", r"^oh|over"))
_MAX_LAYERS, _MAX_TURNS = 6, 4  # of the strokes of a piece that are decoded; large kits have fifty


@dataclass(frozen=True)
class _Balance:
    """How an engineer balances a kit's microphones.

    Attributes:
        room_db: level of those in the room.
        overhead_db: level of those above the kit.
        room_delay_seconds: further delay of those in the room.
    """

    room_db: float = 0.0
    overhead_db: float = 0.0
    room_delay_seconds: float = 0.0


_BALANCES = {"": _Balance(), ", close": _Balance(-14.0, -5.0), ", room": _Balance(6.0, 1.0, 0.012)}


def kits_of(instrument: Instrument) -> Iterator[Kit]:
    """Yield the kits of an SFZ file.

    One for each balance of its microphones, where it has several, and for its second set of drums or of hand drums.

    Args:
        instrument: the file.

    Raises:
        DssganError: it cannot be read.
    """
    regions = read_regions(instrument.path)
    several = any(_ROOM.search(region.microphone) for region in regions)
    keys, second = (_named(table, instrument.name) for table in (_OWN_KEYS, _SECOND_KEYS))
    pieces = _struck(regions, keys or DRUM_KEYS)
    made = [(name, pieces, balance) for name, balance in (_BALANCES if several else {"": _Balance()}).items()]
    if second:
        made.append((", second", pieces | _struck(regions, second), _Balance()))
    if not keys and (bongos := _struck(regions, BONGO_KEYS)):
        made.append((", bongos", bongos, _Balance()))
    microphones = tuple(sorted({region.microphone for region in regions})) if several else ()
    electronic = is_electronic(instrument.name)
    for name, struck, balance in made:
        closed, hats = _hats(regions, struck, instrument.name, balance)
        loaders = {piece: partial(_read_regions, closed.get(piece, hits), balance) for piece, hits in struck.items()}
        yield Kit(
            f"{instrument.name}{name}", instrument.credit, electronic, loaders, hats, _mutes(struck),
            {piece: max(one.mute_seconds for one in hits) for piece, hits in struck.items()
             if any(one.muted_by for one in hits)}, microphones,
        )  # fmt: skip


def _named(table: tuple[tuple[str, Keys], ...], name: str) -> Keys:
    return next((keys for words, keys in table if words in name), {})


def _struck(regions: Sequence[Region], keys: Keys) -> dict[str, tuple[Region, ...]]:
    """Return the regions of each piece that a file has."""
    pieces = {}
    for piece, wanted in keys.items():
        for key in wanted:
            struck = tuple(region for region in regions if region.keys[0] <= key <= region.keys[1])
            if struck:
                pieces[piece] = struck
                break
    return pieces


def _hats(
    regions: Sequence[Region], struck: Mapping[str, tuple[Region, ...]], name: str, balance: _Balance
) -> tuple[dict[str, tuple[Region, ...]], tuple[tuple[float, Loader], ...]]:
    """Return what sounds of each piece while the hi-hat is closed, and the hi-hat's other openings."""
    closed = {piece: tuple(one for one in hits if one.opening[0] == 0) or hits for piece, hits in struck.items()}
    openings: dict[float, tuple[Region, ...]] = {}
    for piece in ("closed_hat", "open_hat"):
        for one in struck.get(piece, ()):
            if one.opening != (0.0, 1.0):  # else whatever the pedal does
                openings[one.opening[1]] = (*openings.get(one.opening[1], ()), one)
    for words, keys in _HALF_OPEN_KEYS.items():
        for opening, key in keys if words in name else ():
            openings[opening] = tuple(one for one in regions if one.keys[0] <= key <= one.keys[1])
            openings.setdefault(opening / 2, closed.get("closed_hat", ()))
    if "open_hat" in struck and 1.0 not in openings:
        openings[1.0] = struck["open_hat"]
    if len(openings) < 3:  # closed and open, which are pieces
        return closed, ()
    return closed, tuple((most, partial(_read_regions, hits, balance)) for most, hits in sorted(openings.items()))


def _mutes(struck: Mapping[str, tuple[Region, ...]]) -> dict[str, frozenset[str]]:
    """Return for each piece those whose groups mute it; a closed hi-hat and its pedal always mute an open one."""
    groups = {piece: {one.group for one in hits} - {0} for piece, hits in struck.items()}
    muted = {
        piece: frozenset(
            other for other, group in groups.items() if other != piece and group & {one.muted_by for one in hits}
        ) for piece, hits in struck.items()
    }  # fmt: skip
    muted["open_hat"] = muted.get("open_hat", frozenset()) | {"closed_hat", "pedal_hat"}
    return muted


def _read_regions(regions: tuple[Region, ...], balance: _Balance) -> tuple[Layer, ...]:
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
            Layer(velocity / 127, tuple(_add_microphones(strokes[velocity][turn], balance) for turn in turns))
        )
    return tuple(layers)


def _add_microphones(regions: list[Region], balance: _Balance) -> Audio:
    parts = []
    for region in regions:
        room, overhead = (bool(words.search(region.microphone)) for words in (_ROOM, _OVERHEAD))
        gain = region.gain * mixing.decibels(room * balance.room_db + overhead * balance.overhead_db)
        recording = read(region.sample, region.first_frame)
        audio = to_channels(resample(recording, probe(region.sample).sample_rate, SAMPLE_RATE), 2)
        delay = round((region.delay_seconds + room * balance.room_delay_seconds) * SAMPLE_RATE)
        parts.append(np.pad(audio * (mixing.pan(region.pan) * np.float32(gain)), ((0, 0), (delay, 0))))
    total = np.zeros((2, max(part.shape[1] for part in parts)), np.float32)
    for part in parts:
        total[:, : part.shape[1]] += part
    return trimmed(total)
