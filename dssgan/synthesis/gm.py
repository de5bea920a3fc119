"""General MIDI: families of programs, 0 to 127, and the keys of drums."""

Keys = dict[str, tuple[int, ...]]

PIANO = (0, 1, 2)
ELECTRIC_PIANO = (4, 5)
CLAVINET = (7,)
VIBRAPHONE = (11, 12)
ORGAN = (16, 17, 18)
ACOUSTIC_GUITAR = (24, 25)
JAZZ_GUITAR = (26,)
CLEAN_GUITAR = (27,)
MUTED_GUITAR = (28,)
DISTORTED_GUITAR = (29, 30)
DOUBLE_BASS = (32, 35)
ELECTRIC_BASS = (33, 34, 36)
SYNTH_BASS = (38, 39)
STRINGS = (48, 49, 50)
BRASS = (56, 57, 61, 62, 63)
TUBA = (58,)
SAXOPHONE = (65, 66)
FLUTES = (73, 74, 75)
SYNTH_LEAD = (80, 81, 84, 87)
SYNTH_PAD = (88, 89, 90, 94, 95)
PLUCKED = (45, 46, 108, 114)

# keys of each piece of a drum kit; the first is the usual one
DRUM_KEYS: Keys = {
    "kick": (36, 35), "sidestick": (37,), "snare": (38, 40), "clap": (39,), "closed_hat": (42,), "pedal_hat": (44,),
    "open_hat": (46,), "low_tom": (43, 41), "mid_tom": (47, 45), "high_tom": (50, 48), "crash": (49, 57),
    "ride": (51, 59), "china": (52,), "ride_bell": (53,), "tambourine": (54,), "splash": (55,), "cowbell": (56,),
    "high_conga": (63, 62), "low_conga": (64,), "timbale": (65,), "shaker": (70, 82), "clave": (75,),
}  # fmt: skip
# ... of a second pair of hand drums, another timbale and a cabasa
BONGO_KEYS: Keys = {"high_conga": (60,), "low_conga": (61,), "timbale": (66,), "shaker": (69,)}
# ... and of Roland's electronic kits, whose rims and edges have keys of their own
ELECTRONIC_KIT_KEYS: Keys = {
    "kick": (36, 35), "sidestick": (37,), "snare": (38, 40), "closed_hat": (42, 22), "pedal_hat": (44,),
    "open_hat": (46, 26), "low_tom": (43, 58), "mid_tom": (45, 47), "high_tom": (48, 50), "crash": (49, 55, 57, 52),
    "ride": (51, 59), "ride_bell": (53,), "clap": (39,), "tambourine": (54,), "cowbell": (56,),
}  # fmt: skip
