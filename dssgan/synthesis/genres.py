"""Genres as data: how each is drummed, what its band plays, over which chords.

Patterns are written in sixteenths of a 4/4 bar; other metres take as many steps as they need, going round.
Drums: X accent, x stroke, o soft, g ghost, ? sometimes, . rest.
Chords: x struck, - held on, . rest; capitals are accents. Bass: r root, f fifth, o octave, t third, s seventh,
a a semitone below the next root, - held on; the word "kick" follows the bass drum.
"""

from dataclasses import dataclass

from dssgan.synthesis.gm import (
    ACOUSTIC_GUITAR, BRASS, CLEAN_GUITAR, CLAVINET, DISTORTED_GUITAR, DOUBLE_BASS, ELECTRIC_BASS, ELECTRIC_PIANO,
    FLUTES, JAZZ_GUITAR, MUTED_GUITAR, ORGAN, PIANO, PLUCKED, SAXOPHONE, STRINGS, SYNTH_BASS, SYNTH_LEAD, SYNTH_PAD,
    VIBRAPHONE,
)  # fmt: skip

Groove = dict[str, str]


@dataclass(frozen=True)
class Musician:
    """A player of a genre's band.

    Attributes:
        role: one of `dssgan.synthesis.score.ROLES`.
        programs: General MIDI programs to choose from.
        figure: what is played, a key of `dssgan.synthesis.band.FIGURES`.
        patterns: rhythms to choose from.
        chance: probability to be in the band at all.
        octave: middle of the register, MIDI note number.
    """

    role: str
    programs: tuple[int, ...]
    figure: str
    patterns: tuple[str, ...] = ()
    chance: float = 1.0
    octave: int = 60


@dataclass(frozen=True)
class Genre:
    """A genre: its tempo, grooves, players, harmony and timing.

    Attributes:
        tempo: lowest and highest, quarter notes a minute.
        grooves: the drummer's patterns, a rhythm for each piece.
        players: the band.
        progressions: chords as degrees of the scale, 0 the tonic, one a bar.
        modes: scales to choose from, keys of `dssgan.synthesis.harmony.SCALES`.
        metres: beats a bar and their note value, the usual one first and most often.
        swing: least and most, 0 straight to 1 triplets.
        swung: the swung note value, 8 or 16.
        looseness_seconds: standard deviation of the players' timing.
        acoustic: played by people: two hands and two feet, a drifting tempo.
        chord_tones: 2 power chords, 3 triads, 4 sevenths.
        fills: how often a section ends in a fill.
        percussion: patterns of a percussionist who joins at times.
    """

    tempo: tuple[float, float]
    grooves: tuple[Groove, ...]
    players: tuple[Musician, ...]
    progressions: tuple[tuple[int, ...], ...]
    modes: tuple[str, ...]
    metres: tuple[tuple[int, int], ...] = ((4, 4),)
    swing: tuple[float, float] = (0.0, 0.0)
    swung: int = 8
    looseness_seconds: float = 0.008
    acoustic: bool = True
    chord_tones: int = 3
    fills: float = 0.7
    percussion: tuple[Groove, ...] = ()


_POP = ((0, 4, 5, 3), (5, 3, 0, 4), (0, 5, 3, 4), (0, 3, 4, 3))
_MINOR = ((0, 5, 2, 6), (0, 0, 5, 6), (0, 3, 5, 4), (0, 6, 5, 6))
_VOCALS = Musician("vocals", (52,), "phrases", ("x-x-x-x-x---....", "..x-x-x---x-x---", "x--x--x-x-x-----"), 0.7, 64)
_RISER = Musician("noise", (122,), "riser", (), 0.6)
_SYNTH_LEAD = Musician(
    "lead", SYNTH_LEAD, "phrases", ("x-x-..x-x---x-..", "x..x..x.x..x..x.", "xxx.xxx.xx.x.x.."), 0.5, 76
)
_SYNTH_ARPEGGIO = Musician(
    "arpeggio", SYNTH_LEAD + PLUCKED, "arpeggio", ("xxxxxxxxxxxxxxxx", "x.xx.x.xx.xx.x.x", "x.x.x.x.x.x.x.x."), 0.6, 67
)
_SYNTH_PAD = Musician("pad", SYNTH_PAD + STRINGS, "chords", ("x---------------",), 0.8, 60)
_SHAKER = {"shaker": "xgogxgogxgogxgog"}
_TAMBOURINE = {"tambourine": "....x.......x..."}
_CONGAS = {"low_conga": "......x.......xx", "high_conga": "x.gox.g.x.gox.g."}
# what hands play on two or three drums where there is no kit
HAND_DRUMS: tuple[Groove, ...] = (
    _CONGAS,
    {"high_conga": "x.g.o.g.x.g.o.g.", "low_conga": "..............x."},
    {"low_conga": "X..x..x.X..x..x.", "high_conga": ".gx.gx.x.gx.gx.x"},
    {"low_conga": "x..x..x...x...x.", "high_conga": "ogxoogxoogxoogxo"},
    {"low_conga": "X.......x.x.....", "high_conga": "..o.X..o..o.X.g."},
    {"low_conga": "X.....x.X.......", "timbale": "....x.......x..?", "high_conga": "..g...g...g..og."},
    {"low_conga": "x...", "high_conga": "..o."},
)

GENRES: dict[str, Genre] = {
    "house": Genre(
        (118, 130),
        (
            {"kick": "X...X...X...X...", "clap": "....X.......X...", "open_hat": "..x...x...x...x.", "closed_hat": "g.g.g.g.g.g.g.g."},
            {"kick": "X...X...X...X..?", "snare": "....x.......x...", "closed_hat": "xgxgxgxgxgxgxgxg", "open_hat": "..x...x...x...x."},
            {"kick": "X...X...X...X...", "clap": "....X..?....X...", "ride": "x.x.x.x.x.x.x.x."},
        ),
        (
            Musician("bass", SYNTH_BASS, "bass", ("..r...r...r...r.", "..rr..ro..rr..ro", "r..r..r.r..r..o.", "r.--..r.r.--..o."), 1.0, 36),
            Musician("keys", PIANO + ORGAN + ELECTRIC_PIANO, "chords", ("x..x..x...x..x..", "..x...x...x...x.", "X..x..X..x..X.x."), 0.8, 62),
            _SYNTH_PAD, _SYNTH_ARPEGGIO, _SYNTH_LEAD, _VOCALS, _RISER,
            Musician("strings", STRINGS, "chords", ("x-------x-------",), 0.3, 67),
        ),
        _MINOR + _POP, ("minor", "dorian"), swing=(0.0, 0.35), swung=16, looseness_seconds=0.001, acoustic=False,
        chord_tones=4, percussion=(_SHAKER, _CONGAS, {"cowbell": "..x..x....x..x.."}),
    ),
    "techno": Genre(
        (126, 145),
        (
            {"kick": "X...X...X...X...", "closed_hat": "..x...x...x...x.", "clap": "............x..."},
            {"kick": "X...X...X...X...", "closed_hat": "xoxoxoxoxoxoxoxo", "open_hat": "..x...x...x...x.", "snare": "...........g...."},
            {"kick": "X...X...X...X.x.", "ride": "..x...x...x...x.", "clap": "....x.......x...", "low_tom": "...x..x....x..x."},
        ),
        (
            Musician("bass", SYNTH_BASS, "bass", (".rrr.rrr.rrr.rrr", "..r...r...r...r.", "rr.rr.rr.rr.rr.r"), 0.9, 33),
            Musician("lead", SYNTH_LEAD, "phrases", ("x..x..x..x..x.x.", "x.x..x.x.x..x.x."), 0.6, 64),
            _SYNTH_ARPEGGIO, _SYNTH_PAD, _RISER,
            Musician("keys", SYNTH_LEAD, "chords", ("...x.......x....", "x.....x........."), 0.5, 60),
        ),
        ((0,), (0, 0, 0, 5), (0, 1)), ("minor", "phrygian"), looseness_seconds=0.0, acoustic=False, fills=0.4,
        percussion=(_SHAKER, {"cowbell": "x..x..x..x..x..x"}),
    ),
    "drum_and_bass": Genre(
        (165, 178),
        (
            {"kick": "X.........x.....", "snare": "....X.......X...", "closed_hat": "x.x.x.x.x.x.x.x."},
            {"kick": "X.x.......x..x..", "snare": "....X..g.g..X..g", "ride": "x.x.x.x.x.x.x.x.", "closed_hat": "..o...o...o...o."},
            {"kick": "X.....x...x.....", "snare": "....X.g..g..X.g.", "closed_hat": "xoxoxoxoxoxoxoxo"},
        ),
        (
            Musician("bass", SYNTH_BASS, "bass", ("r-------....r-f-", "r---..r-..o-----", "r-----r-----f---"), 1.0, 31),
            _SYNTH_PAD, _SYNTH_LEAD, _VOCALS, _RISER,
            Musician("keys", ELECTRIC_PIANO + PIANO, "chords", ("x-----x---------", "x--x--x---......"), 0.6, 64),
            Musician("arpeggio", PLUCKED, "arpeggio", ("x.x.x.x.x.x.x.x.",), 0.4, 72),
        ),
        _MINOR, ("minor",), looseness_seconds=0.002, acoustic=False, chord_tones=4, percussion=(_SHAKER,),
    ),
    "trap": Genre(
        (65, 80),
        (
            {"kick": "X.....x...x.....", "snare": "........X.......", "closed_hat": "xoxoxoxoxoxoxoxo"},
            {"kick": "X..x......x..x..", "clap": "........X.......", "closed_hat": "x.xxx.x.x.xxx.xx", "open_hat": "..............x."},
            {"kick": "X......x..x.....", "clap": "........X......?", "closed_hat": "xoxoxxxoxoxoxxxx", "sidestick": "...?..?......?.."},
        ),
        (
            Musician("bass", SYNTH_BASS, "bass", ("r-----r---r-----", "r--r------r--o--", "kick"), 1.0, 28),
            Musician("keys", PIANO + ELECTRIC_PIANO + VIBRAPHONE, "arpeggio", ("x..x..x...x.x...", "x.x.x...x.x.x..."), 0.8, 72),
            _SYNTH_PAD, _VOCALS, _RISER,
            Musician("lead", FLUTES + PLUCKED, "phrases", ("x-x---..x-x---..",), 0.5, 76),
            Musician("brass", BRASS, "chords", ("x-..............", "x--x--x-........"), 0.2, 55),
        ),
        (*_MINOR, (0, 1)), ("minor", "phrygian"), swing=(0.0, 0.3), swung=16, looseness_seconds=0.002, acoustic=False,
    ),
    "hip_hop": Genre(
        (82, 98),
        (
            {"kick": "X......xx.......", "snare": "....X.......X...", "closed_hat": "x.x.x.x.x.x.x.x."},
            {"kick": "X.x....x..x.....", "snare": "....X..g....X.g.", "closed_hat": "x.xgx.x.x.xgx.x."},
            {"kick": "X..x..x...x..?..", "snare": "....X.......X...", "open_hat": "..............x.", "closed_hat": "x.x.x.x.x.x.x..."},
        ),
        (
            Musician("bass", ELECTRIC_BASS + SYNTH_BASS, "bass", ("kick", "r-----.rr-..f-a-", "r..r..r.f...r.a."), 1.0, 33),
            Musician("keys", ELECTRIC_PIANO + PIANO, "chords", ("x-----x---------", "x---..x-..x-....", "x..x..........x."), 0.9, 60),
            Musician("guitar", JAZZ_GUITAR + CLEAN_GUITAR, "chords", ("....x.......x...", "x..x....x..x...."), 0.4, 60),
            _SYNTH_PAD, _VOCALS,
            Musician("brass", BRASS + SAXOPHONE, "phrases", ("x-x---..........",), 0.3, 64),
        ),
        ((0, 3), (1, 4, 0, 0), (0, 5, 1, 4)), ("dorian", "minor"), swing=(0.2, 0.8), swung=16, looseness_seconds=0.006,
        chord_tones=4, fills=0.3, percussion=(_SHAKER, _TAMBOURINE),
    ),
    "synth_pop": Genre(
        (100, 126),
        (
            {"kick": "X...x...X...x...", "snare": "....X.......X...", "closed_hat": "x.x.x.x.x.x.x.x."},
            {"kick": "X.....x.X.x.....", "clap": "....X.......X...", "closed_hat": "xoxoxoxoxoxoxoxo", "mid_tom": "..............x?"},
            {"kick": "X...X...X...X...", "snare": "....X.......X...", "open_hat": "..x...x...x...x."},
        ),
        (
            Musician("bass", SYNTH_BASS, "bass", ("r.r.r.r.r.r.r.r.", "r.o.r.o.r.o.r.o.", "rrrrrrrrrrrrrrrr", "kick"), 1.0, 36),
            _SYNTH_PAD, _SYNTH_ARPEGGIO, _SYNTH_LEAD, _VOCALS, _RISER,
            Musician("guitar", CLEAN_GUITAR + MUTED_GUITAR, "chords", ("x.x.xx.xx.x.xx.x", "..x...x...x...x."), 0.5, 62),
            Musician("brass", BRASS[-2:], "chords", ("x--x--x.........", "x...x...x.......",), 0.4, 60),
        ),
        _POP + _MINOR, ("major", "minor"), looseness_seconds=0.002, acoustic=False, percussion=(_TAMBOURINE, _SHAKER),
    ),
    "rock": Genre(
        (95, 160),
        (
            {"kick": "X.......X.x.....", "snare": "....X.......X...", "closed_hat": "x.o.x.o.x.o.x.o."},
            {"kick": "X..x....X.x.....", "snare": "....X..g....X..g", "open_hat": "x.x.x.x.x.x.x.x."},
            {"kick": "X.x.....x.x...?.", "snare": "....X.......X...", "ride": "x.o.x.o.x.o.x.o."},
            {"kick": "X...x...X...x...", "snare": "..x...x...x...x.", "closed_hat": "x.x.x.x.x.x.x.x."},
            {"kick": "X.....x.X.....x.", "snare": "....X.......X...", "crash": "x...x...x...x..."},
        ),
        (
            Musician("bass", ELECTRIC_BASS, "bass", ("r.r.r.r.r.r.r.r.", "kick", "r-..r.r.r-..f.a."), 1.0, 33),
            Musician("guitar", DISTORTED_GUITAR, "power", ("x-------x-------", "x.xxx.xxx.xxx.xx", "x.x.x.x.x.x.x.x.", "x--x--x-x--x--x-"), 0.95, 48),
            Musician("guitar", CLEAN_GUITAR + ACOUSTIC_GUITAR, "chords", ("x.xxx.xxx.xxx.xx", "x...x.xx..xxx.xx"), 0.5, 57),
            _VOCALS,
            Musician("lead", DISTORTED_GUITAR, "phrases", ("x-x-x-x-x---x---", "xxxxx-x-x---x---"), 0.4, 72),
            Musician("keys", ORGAN + PIANO, "chords", ("x---------------", "x-x-x-x-x-x-x-x-"), 0.4, 60),
        ),
        (*_POP, (0, 6, 3, 0), (0, 3, 0, 4)), ("major", "minor", "mixolydian"), ((4, 4), (4, 4), (4, 4), (6, 8), (3, 4)),
        looseness_seconds=0.009, percussion=(_TAMBOURINE,),
    ),
    "metal": Genre(
        (105, 190),
        (
            {"kick": "XxxxXxxxXxxxXxxx", "snare": "....X.......X...", "crash": "x...x...x...x..."},
            {"kick": "X.xx..xxX.xx..x.", "snare": "....X.......X...", "china": "x...x...x...x..."},
            {"kick": "X.x.X.x.X.x.X.x.", "snare": ".x.x.x.x.x.x.x.x", "ride": "x.x.x.x.x.x.x.x."},
            {"kick": "X..xx..xx..xx.xx", "snare": "........X.......", "open_hat": "x...x...x...x..."},
        ),
        (
            Musician("bass", ELECTRIC_BASS[1:2], "bass", ("kick", "rrrrrrrrrrrrrrrr", "r.r.r.r.r.r.r.r."), 1.0, 30),
            Musician("guitar", DISTORTED_GUITAR, "power", ("kick", "x.xxx.xxx.xxx.xx", "xxxxxxxxxxxxxxxx", "x-------x-------"), 1.0, 42),
            Musician("guitar", DISTORTED_GUITAR, "power", ("kick", "x---------------", "x.x.x.x.x.x.x.x."), 0.8, 42),
            Musician("lead", DISTORTED_GUITAR, "phrases", ("xxxxxxxxxxxxxxxx", "x-x-xxxxx---x---"), 0.4, 76),
            Musician("vocals", (52,), "phrases", ("x-x-x---x-x-x---",), 0.5, 52),
            Musician("pad", STRINGS, "chords", ("x---------------",), 0.3, 60),
        ),
        ((0, 0, 1, 0), (0, 5, 6, 0), (0, 0, 0, 4)), ("phrygian", "minor", "harmonic"),
        ((4, 4), (4, 4), (4, 4), (7, 8), (5, 4)), looseness_seconds=0.006, chord_tones=2, fills=0.8,
    ),
    "funk": Genre(
        (92, 116),
        (
            {"kick": "X..x..x...x..x..", "snare": "....X..g.g..X..g", "closed_hat": "x.xox.xox.xox.xo"},
            {"kick": "X.x....x..x..x..", "snare": "....X.g..g.gX.g.", "closed_hat": "xoxoxoxoxoxoxo..", "open_hat": "..............x."},
            {"kick": "X.....x.x..x....", "snare": "g.g.X.g.g.g.X.gg", "ride": "x.x.x.x.x.x.x.x."},
        ),
        (
            Musician("bass", ELECTRIC_BASS, "bass", ("r..r..o...rf.s.o", "r.ro..r.s.r..f.a", "kick"), 1.0, 33),
            Musician("guitar", CLEAN_GUITAR + MUTED_GUITAR, "chords", (".xx.x.xx.xx.x.xx", "x.x..xx.x.x..xx.", "....x..x....x.xx"), 0.9, 64),
            Musician("keys", CLAVINET + ELECTRIC_PIANO + ORGAN, "chords", ("x..x..x...x..x..", "..x..x....x..x.x"), 0.8, 60),
            Musician("brass", BRASS, "chords", ("..........x.xx..", "x..x............", "X-............x."), 0.6, 64),
            _VOCALS, Musician("lead", SAXOPHONE, "phrases", ("x.xx..x-x-......",), 0.3, 67),
        ),
        ((0,), (0, 3), (0, 0, 3, 4)), ("dorian", "mixolydian"), swing=(0.0, 0.4), swung=16, looseness_seconds=0.007,
        chord_tones=4, percussion=(_CONGAS, _SHAKER, {"cowbell": "x...x...x...x..."}, _TAMBOURINE),
    ),
    "jazz": Genre(
        (110, 220),
        (
            {"ride": "x...x.x.x...x.x.", "pedal_hat": "....x.......x...", "kick": "o...o...o...o...", "snare": "...?..g.....?.g."},
            {"ride": "x...x.x.x...x.x.", "pedal_hat": "....x.......x...", "sidestick": "............o...", "kick": "?.....?...?....."},
            {"closed_hat": "x...x.x.x...x.x.", "open_hat": "o.......o.......", "snare": "g...o...g...o...", "kick": "o.......o......."},
        ),
        (
            Musician("bass", DOUBLE_BASS, "walking", (), 1.0, 36),
            Musician("keys", PIANO + ELECTRIC_PIANO, "chords", ("......x.....x...", "x.....x.........", "....x.....x...x."), 0.8, 58),
            Musician("guitar", JAZZ_GUITAR, "chords", ("x...x...x...x...", "..x.......x....."), 0.4, 58),
            Musician("lead", SAXOPHONE + BRASS[:2] + VIBRAPHONE, "phrases", ("x.x.x.x.x-..x.x-", "..x.x.x-x.x.x-..", "x-x.x-x.x.x.x---"), 0.9, 67),
            Musician("vocals", (52,), "phrases", ("x-x-x---..x-x---",), 0.25, 62),
        ),
        ((1, 4, 0, 0), (0, 5, 1, 4), (2, 5, 1, 4)), ("major", "dorian"), ((4, 4), (4, 4), (4, 4), (3, 4), (5, 4)),
        swing=(0.7, 1.0), looseness_seconds=0.011, chord_tones=4, fills=0.5, percussion=(_CONGAS, _SHAKER),
    ),
    "latin": Genre(
        (96, 150),
        (
            {"sidestick": "x..x..x...x..x..", "closed_hat": "x.x.x.x.x.x.x.x.", "kick": "x..xx..xx..xx..x"},
            {"ride_bell": "x.xx.xx.x.xx.xx.", "kick": "...x......x.....", "timbale": "....x..xx...x..x", "pedal_hat": "....x.......x..."},
            {"closed_hat": "x.xxx.xxx.xxx.xx", "snare": "...x..x....x..x.", "kick": "X.....x.X.....x."},
        ),
        (
            Musician("bass", DOUBLE_BASS + ELECTRIC_BASS, "bass", ("r-----f---f-----", "......f-----r---", "r--r--f-----f---"), 1.0, 36),
            Musician("keys", PIANO, "arpeggio", ("x.xx.xx.x.xx.xx.", "x.x.xx.xx.xx.xx."), 0.8, 67),
            Musician("guitar", ACOUSTIC_GUITAR, "chords", ("x..x..x...x..x..", "x.xx.x.xx.xx.x.x"), 0.7, 60),
            Musician("brass", BRASS, "chords", ("x.....x.x.......", "..x.x.......x.x."), 0.5, 66),
            _VOCALS, Musician("lead", FLUTES + BRASS[:1], "phrases", ("x-x-x-..x-x---..",), 0.4, 74),
        ),
        ((1, 4, 0, 0), (0, 3, 4, 3), (0, 5, 1, 4)), ("minor", "major", "harmonic"), looseness_seconds=0.008,
        chord_tones=4, fills=0.5,
        percussion=(_CONGAS, _SHAKER, {"clave": "x..x..x...x.x..."}, {"cowbell": "x.x.xx.xx.x.xx.x"}, {"timbale": "x.x.xx.x.xx.x.xx"}),
    ),
    "ballad": Genre(
        (60, 84),
        (
            {"kick": "X.......x.x.....", "snare": "....X.......X...", "closed_hat": "x.o.x.o.x.o.x.o."},
            {"kick": "X......x..x.....", "sidestick": "....X.......X...", "closed_hat": "x.o.x.o.x.o.x.o."},
            {"kick": "X.....x.x.......", "snare": "....X.......X..g", "ride": "x.o.x.o.x.o.x.o."},
        ),
        (
            Musician("bass", ELECTRIC_BASS + DOUBLE_BASS, "bass", ("r-------r---f---", "r-----r-r-------", "kick"), 0.9, 33),
            Musician("keys", PIANO + ELECTRIC_PIANO, "arpeggio", ("x-x-x-x-x-x-x-x-", "x---x-x-x---x-x-"), 0.9, 62),
            Musician("guitar", ACOUSTIC_GUITAR + CLEAN_GUITAR, "arpeggio", ("x.x.x.x.x.x.x.x.", "x..x..x.x..x..x."), 0.6, 60),
            Musician("strings", STRINGS, "chords", ("x---------------", "x-------x-------"), 0.7, 64),
            Musician("vocals", (52,), "phrases", ("x-x-x---x-x-----", "..x-x-x-x-------"), 0.9, 63),
            Musician("lead", SAXOPHONE + FLUTES, "phrases", ("x---x-x-x-------",), 0.3, 72),
        ),
        _POP, ("major", "minor"), ((4, 4), (4, 4), (6, 8), (3, 4)), looseness_seconds=0.012, fills=0.8,
        percussion=(_SHAKER, _TAMBOURINE),
    ),
    "reggae": Genre(
        (68, 92),
        (
            {"kick": "........X.......", "sidestick": "........X.......", "closed_hat": "x.o.x.o.x.o.x.o."},
            {"kick": "X...x...X...x...", "sidestick": "........X.......", "closed_hat": "xox.xox.xox.xox."},
            {"kick": "X.......x.......", "snare": "........X......g", "closed_hat": "x.x.x.x.x.x.x.x.", "open_hat": "..............?."},
        ),
        (
            Musician("bass", ELECTRIC_BASS, "bass", ("r-..r-f-....r-f-", "....r-r-f-..o-..", "r-r-..t-f-......"), 1.0, 31),
            Musician("guitar", CLEAN_GUITAR, "chords", ("....x.......x...", "....x..x....x..x"), 1.0, 64),
            Musician("keys", ORGAN, "chords", ("..x...x...x...x.", "..xx..xx..xx..xx"), 0.8, 62),
            Musician("brass", BRASS, "phrases", ("x-x-....x-x-....",), 0.4, 66),
            _VOCALS,
        ),
        ((0, 3), (0, 4, 3, 4), (0, 5, 3, 4)), ("major", "minor"), swing=(0.2, 0.7), swung=16, looseness_seconds=0.009,
        percussion=(_SHAKER, _CONGAS, {"cowbell": "....x.......x..."}),
    ),
    "country": Genre(
        (84, 130),
        (
            {"kick": "X.......X.......", "snare": "....X.......X...", "closed_hat": "x.x.x.x.x.x.x.x."},
            {"kick": "X.......X.......", "snare": "gogoXogogogoXogo"},
            {"kick": "X.....x.X.......", "sidestick": "....X.......X...", "ride": "x.x.x.x.x.x.x.x."},
        ),
        (
            Musician("bass", ELECTRIC_BASS + DOUBLE_BASS, "bass", ("r---....f---....", "r---..r-f---..a-"), 1.0, 33),
            Musician("guitar", ACOUSTIC_GUITAR, "chords", ("x...x.xxx...x.xx", "x.xxx.xxx.xxx.xx"), 1.0, 60),
            Musician("guitar", CLEAN_GUITAR, "phrases", ("x.x.xx.xx.x.x-..",), 0.5, 66),
            Musician("strings", (40, 110), "phrases", ("x-x-x---x-x-....",), 0.4, 72), _VOCALS,
            Musician("keys", PIANO, "chords", ("..x...x...x...x.",), 0.4, 62),
        ),
        (*_POP, (0, 3, 0, 4)), ("major", "mixolydian"), ((4, 4), (4, 4), (4, 4), (3, 4)), swing=(0.0, 0.5),
        looseness_seconds=0.009, percussion=(_TAMBOURINE, _SHAKER),
    ),
    "punk": Genre(
        (150, 215),
        (
            {"kick": "X...x.X.X...x.X.", "snare": "....X.......X...", "open_hat": "x.x.x.x.x.x.x.x."},
            {"kick": "X...X...X...X...", "snare": "..X...X...X...X.", "crash": "x...x...x...x..."},
            {"kick": "X..xX..xX..xX..x", "snare": "....X.......X...", "ride": "x.x.x.x.x.x.x.x."},
            {"kick": "X.....x.X.....x.", "snare": "....X.......X..g", "low_tom": "x.x.o.x.x.x.o.x."},
            {"kick": "X.x.....X.x.....", "snare": "....X.......X...", "closed_hat": "x.x.x.x.x.x.x.x."},
        ),
        (
            Musician("bass", ELECTRIC_BASS[1:2], "bass", ("rrrrrrrrrrrrrrrr", "r.r.r.r.r.r.r.r.", "kick"), 1.0, 33),
            Musician("guitar", DISTORTED_GUITAR, "power", ("xxxxxxxxxxxxxxxx", "x.xxx.xxx.xxx.xx", "x.x.x.x.x.x.x.x.", "x-------x---x---"), 1.0, 45),
            Musician("guitar", DISTORTED_GUITAR, "chords", ("xxxxxxxxxxxxxxxx", "x-------x-------", "x.xxx.xxx.xxx.xx"), 0.8, 55),
            Musician("vocals", (52,), "phrases", ("x-x-x-x-x-x-....", "x.x.x-x.x.x.x-..", "..x-x-x-x-x-x-x-"), 0.85, 66),
            Musician("lead", DISTORTED_GUITAR, "phrases", ("xxxxxxxxx---x---", "x-x-x-x-x-x-x-x-"), 0.3, 74),
        ),
        (*_POP, (0, 3, 4, 4), (0, 6, 3, 0)), ("major", "minor", "mixolydian"), looseness_seconds=0.011, chord_tones=3, fills=0.8,
    ),
    "blues": Genre(
        (78, 140),
        (
            {"kick": "X.......X.......", "snare": "....X.......X...", "closed_hat": "x.x.x.x.x.x.x.x."},
            {"kick": "X.....x.X.....x.", "snare": "....X..g....X..g", "ride": "x.o.x.o.x.o.x.o."},
            {"kick": "X.....x.X.x.....", "snare": "g.g.X.g.g.g.X.g.", "open_hat": "..............?.", "closed_hat": "x.x.x.x.x.x.x..."},
        ),
        (
            Musician("bass", ELECTRIC_BASS + DOUBLE_BASS, "walking", (), 1.0, 34),
            Musician("guitar", CLEAN_GUITAR + DISTORTED_GUITAR, "chords", ("x.x.x.x.x.x.x.x.", "....x.......x...", "x---....x---...."), 0.9, 55),
            Musician("lead", DISTORTED_GUITAR + CLEAN_GUITAR, "phrases", ("x-x-x-x-x---x---", "..x.x-x-x-x.x---"), 0.7, 67),
            Musician("keys", PIANO + ORGAN, "chords", ("x-------x-------", "..x...x...x...x.", "x.x.x.x.x.x.x.x."), 0.7, 60),
            Musician("lead", (*SAXOPHONE, 22), "phrases", ("x-x---..x-x---..",), 0.4, 67), _VOCALS,
        ),
        ((0, 0, 0, 0, 3, 3, 0, 0, 4, 3, 0, 4), (0, 3, 0, 0, 3, 3, 0, 0, 4, 3, 0, 0)), ("mixolydian", "dorian"),
        ((4, 4), (4, 4), (6, 8)), swing=(0.5, 1.0), looseness_seconds=0.012, chord_tones=4, fills=0.6,
        percussion=(_TAMBOURINE, _SHAKER),
    ),
    "soul": Genre(
        (74, 124),
        (
            {"kick": "X..x....X.x.....", "snare": "....X.......X...", "closed_hat": "x.o.x.o.x.o.x.o."},
            {"kick": "X.....x.x.......", "snare": "X...X...X...X...", "closed_hat": "x.x.x.x.x.x.x.x."},
            {"kick": "X.x...x..x......", "snare": "....X.g.g...X..g", "closed_hat": "xoxoxoxoxoxoxoxo", "open_hat": "..............?."},
        ),
        (
            Musician("bass", ELECTRIC_BASS, "bass", ("r..r..o...rf.s.a", "r-..r.f-s-..f.a.", "kick"), 1.0, 33),
            Musician("guitar", CLEAN_GUITAR + JAZZ_GUITAR, "chords", ("....x.......x...", "x..x..x.x..x..x.", "x.xxx.xxx.xxx.xx"), 0.8, 62),
            Musician("keys", ELECTRIC_PIANO + ORGAN + PIANO, "chords", ("x---x---x---x---", "x-------x-------", "..x...x...x...x."), 0.9, 60),
            Musician("brass", BRASS, "chords", ("............x.x.", "X-..x.......X-..", "x--x--x-........"), 0.6, 64),
            Musician("strings", STRINGS, "chords", ("x---------------", "x-------x-------"), 0.4, 66), _VOCALS,
        ),
        ((0, 5, 1, 4), (0, 2, 3, 4), (0, 3), (1, 4, 0, 0)), ("major", "dorian", "minor"), swing=(0.0, 0.6), swung=16,
        looseness_seconds=0.010, chord_tones=4, fills=0.5, percussion=(_TAMBOURINE, _CONGAS, _SHAKER),
    ),
}  # fmt: skip
