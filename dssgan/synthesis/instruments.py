"""Which instruments this machine has: soundfonts, recorded drum kits, one-shots and a voice."""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dssgan.errors import DataError

VARIABLE = "DSSGAN_INSTRUMENTS"

_SHARE = Path("/usr/share")
# compressed fonts (.sf3) are left alone: FluidSynth decodes a whole one for each process, some 8 s
_SOUNDFONT_FOLDERS = (_SHARE / "sounds/sf2",)
_KIT_FOLDER = _SHARE / "hydrogen/data/drumkits"
_ONE_SHOT_FOLDER = _SHARE / "sonic-pi/samples"

# licences as the Debian packages state them; a kit of Hydrogen's states its own
_GENERAL_MIDI = {
    "FluidR3_GM": "MIT (fluid-soundfont-gm, Frank Wen)",
    "MuseScore_General_Full": "MIT (musescore-general-soundfont-lossless, S. Christian Collins)",
    "TimGM6mb": "GPL-2 (timgm6mb-soundfont, Tim Brechbill)",
    "sf_GMbank": "public domain (csound-soundfont)",
}
_DRUMS_ONLY = {
    "Black_Pearl_4_LV2": "CC BY-SA 3.0 (avldrums.lv2-soundfont, Glen MacArthur)",
    "Red_Zeppelin_4_LV2": "CC BY-SA 3.0 (avldrums.lv2-soundfont, Glen MacArthur)",
}
# by a part of the path, as their repositories name it
_SFZ = {
    "MuldjordKit": "CC BY 4.0 (drum samples provided by DrumGizmo.org, Lars Muldjord)",
    "gogodze-phu-vol-ii": "CC0 1.0 (Gogodze Phu Vol II by D. Smolken, Karoryfer)",
    "gogodze-phu-vol-i": "CC0 1.0 (Gogodze Phu Vol I by D. Smolken, Karoryfer)",
    "HeadroomPiano": "CC BY 4.0 (Headroom Piano by Bengt Nilsson)",
    "SplendidGrandPiano": "public domain (Splendid Grand Piano by AKAI)",
    "growlybass": "CC0 1.0 (Growlybass by D. Smolken, Karoryfer)",
    "swagbass": "CC0 1.0 (Swagbass by D. Smolken, Karoryfer)",
    "meatbass": "CC0 1.0 (Meatbass by D. Smolken, Karoryfer)",
    "emilyguitar": "CC0 1.0 (Emilyguitar by D. Smolken, Karoryfer)",
    "shinyguitar": "CC0 1.0 (Shinyguitar by D. Smolken, Karoryfer)",
    "black-and-green-guitars": "CC0 1.0 (Black And Green Guitars by D. Smolken, Karoryfer)",
    "pastabass": "CC0 1.0 (Pastabass by D. Smolken, Karoryfer)",
    "Salamander-Drumkit": "CC BY-SA 3.0 (Salamander Drumkit by Alexander Holm)",
    "SamsSonor": "CC BY-SA 4.0 (Sam's Sonor by Sam Greene)",
    "GregSullivan.E-Pianos": "CC BY 3.0 (Greg Sullivan)",
    "fashionbass": "CC0 1.0 (Fashionbass by D. Smolken, Karoryfer)",
    "war-tuba": "CC0 1.0 (War Tuba by D. Smolken, Karoryfer)",
    "MTG.SoloSax": "CC BY 4.0 (MTG Solo Saxophones, Music Technology Group, Universitat Pompeu Fabra)",
    "Ixox.Flute": "CC BY 4.0 (Ixox Flute by Xavier Hosxe)",
    "weresax": "CC0 1.0 (Weresax by D. Smolken, Karoryfer)",
}
# captured amplifiers, cabinets and recordings without an amplifier, by a part of the path
_GUITARS = {
    "NAM_models": "GPL-3.0 (captures by members of the Neural Amp Modeler group, github.com/pelennor2170/NAM_models)",
    "neural-amp-modeler-wasm": "MIT (TONE3000 and contributors, github.com/tone-3000/neural-amp-modeler-wasm)",
}
_RESPONSES, _DIRECT = ("irs", "cabinets"), ("inputs", "direct")  # names of folders
_UNKNOWN = "see its file"
_HYDROGEN_LICENCE = "GPL-2 or CC BY-SA, by kit (hydrogen-data, hydrogen-drumkits)"
_ONE_SHOT_LICENCE = "CC0 1.0 (sonic-pi-samples)"


@dataclass(frozen=True)
class Instrument:
    """An instrument of this machine: a soundfont, a kit, a folder of samples or a voice.

    Attributes:
        name: what it is called.
        path: its file or folder.
        licence: its terms, with the package and the author where they are known.
    """

    name: str
    path: Path
    licence: str

    @property
    def credit(self) -> str:
        """One line for a data set's credits."""
        return f"{self.name}: {self.licence}"


@dataclass(frozen=True)
class Instruments:
    """All instruments of this machine.

    Attributes:
        soundfonts: General MIDI sounds.
        drum_soundfonts: soundfonts that are one drum kit.
        kits: folders of Hydrogen drum kits.
        sfz: SFZ files of a drum kit or an instrument each.
        one_shots: folder of Sonic Pi's samples.
        voice: the speech synthesiser's program.
        captures: captured amplifiers.
        responses: impulse responses of cabinets and rooms.
        direct: recordings of guitars and basses without an amplifier.
    """

    soundfonts: tuple[Instrument, ...]
    drum_soundfonts: tuple[Instrument, ...]
    kits: tuple[Instrument, ...]
    sfz: tuple[Instrument, ...]
    one_shots: Instrument | None
    voice: Instrument | None
    captures: tuple[Instrument, ...] = ()
    responses: tuple[Instrument, ...] = ()
    direct: tuple[Instrument, ...] = ()


@cache
def find() -> Instruments:
    """Look for instruments where Debian's packages put them and in `DSSGAN_INSTRUMENTS`.

    Returns:
        What there is, in the order of names, so that a seed means the same song wherever the same packages are.

    Raises:
        DataError: there is no soundfont, or nothing to drum on.
    """
    extra = [Path(folder) for folder in os.environ.get(VARIABLE, "").split(os.pathsep) if folder]
    fonts = {path.stem: path for path in _soundfonts((*_SOUNDFONT_FOLDERS, *extra))}
    drums = {name for name in fonts if name in _DRUMS_ONLY}
    program = shutil.which("espeak-ng")
    found = Instruments(
        tuple(
            Instrument(name, fonts[name], _GENERAL_MIDI.get(name, _UNKNOWN)) for name in sorted(fonts.keys() - drums)
        ),
        tuple(Instrument(name, fonts[name], _DRUMS_ONLY[name]) for name in sorted(drums)),
        tuple(Instrument(path.name, path, _HYDROGEN_LICENCE) for path in _kits((_KIT_FOLDER, *extra))),
        tuple(Instrument(path.stem, path, _licence(path)) for path in _sfz(extra)),
        Instrument("Sonic Pi samples", _ONE_SHOT_FOLDER, _ONE_SHOT_LICENCE) if _ONE_SHOT_FOLDER.is_dir() else None,
        Instrument("eSpeak NG", Path(program), "GPL-3+ (espeak-ng)") if program else None,
        tuple(_guitars(extra, "*.nam", ())),
        tuple(_guitars(extra, "*.wav", _RESPONSES)),
        tuple(_guitars(extra, "*.wav", _DIRECT)),
    )
    if not found.soundfonts:
        raise DataError(
            "no General MIDI soundfont on this machine to play synthetic songs on: install instruments with "
            f"`make instruments`, or name a folder with a .sf2 file in {VARIABLE}"
        )
    return found


def _guitars(folders: Sequence[Path], pattern: str, names: tuple[str, ...]) -> Iterator[Instrument]:
    """Yield the files of folders of these names; of any where there are none. All of a repository have one credit."""
    for folder in folders:
        if folder.is_dir() and (not names or folder.name in names):
            known = next((name for name in _GUITARS if name in str(folder)), None)
            for path in sorted(folder.glob(pattern)):
                yield Instrument(known or folder.name, path, _GUITARS[known] if known else _UNKNOWN)


def _licence(path: Path) -> str:
    return next((licence for name, licence in _SFZ.items() if name in str(path)), _UNKNOWN)


def _soundfonts(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        for path in sorted(folder.glob("*.sf2")) if folder.is_dir() else ():
            # "default-GM" and its like are second names of a font that is listed under its own
            if not path.is_symlink():
                yield path


def _kits(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        if folder.is_dir():
            yield from (path.parent for path in sorted(folder.glob("*/drumkit.xml")))


def _sfz(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(path.glob("*.sfz"))
        elif path.suffix == ".sfz" and path.is_file():  # one of many in its folder
            yield path
