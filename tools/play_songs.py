"""Play songs of Freedoom as drums and the rest: python tools/play_songs.py DOOM SONGS.

DOOM holds the files of Debian's freedoom 0.12.1, /usr/share/games/doom. They contain songs as MIDI files, which
fluidsynth plays on the recorded instruments of Debian's fluid-soundfont-gm (MIT): once the drums alone, once all
others. SONGS then holds SONG/{drums,other}.ogg, for `cut_bundled_songs.py`.
"""

import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import mido
import numpy as np
from cut_bundled_songs import SAMPLE_RATE, write_ogg

from dssgan.audio import files

SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
DRUM_CHANNEL = 9
PEAK = 0.9
# song -> the file that has it, its name there, and by how much its drums are raised, dB: the soundfont's are softer
# than in most mixes. Two songs keep drums below the rest, or a separator that calls everything drums would look good.
SONGS = {
    "realistic-approach": ("freedoom2.wad", "D_ROMERO", 9.0),
    "the-long-road": ("freedoom1.wad", "D_E3M2", 2.0),
    "underhalls-too": ("freedoom1.wad", "D_E1M2", 6.0),
    "e1m1": ("freedoom1.wad", "D_E1M1", 9.0),
}


def read_lump(wad: Path, name: str) -> bytes:
    """Read one part of a WAD file: a header, then parts, then a directory of positions, sizes and names."""
    content = wad.read_bytes()
    _, count, directory = struct.unpack("<4sii", content[:12])
    for entry in range(count):
        start, size, label = struct.unpack_from("<ii8s", content, directory + 16 * entry)
        if label.rstrip(b"\0").decode("ascii") == name:
            return content[start : start + size]
    raise SystemExit(f"{wad}: has no {name}; take it from freedoom 0.12.1")


def play(midi: Path, *, drums: bool) -> files.Audio:
    """Play the drums of a MIDI file, or everything else, (channels, samples)."""
    song = mido.MidiFile(midi)
    for track in song.tracks:
        for message in track:
            if message.type == "note_on" and (message.channel == DRUM_CHANNEL) is not drums:
                message.velocity = 0  # a note_on of no velocity ends a note
    with tempfile.TemporaryDirectory() as folder:
        part, played = Path(folder, "part.mid"), Path(folder, "part.wav")
        song.save(part)
        command = ["fluidsynth", "-ni", "-q", "-g", "0.5", "-r", str(SAMPLE_RATE), "-O", "float", "-F", str(played)]
        subprocess.run([*command, str(SOUNDFONT), str(part)], check=True, stdout=subprocess.DEVNULL)
        return files.read(played)


def main(doom: Path, songs: Path) -> None:
    """Play every song."""
    for song, (wad, lump, drums_db) in SONGS.items():
        with tempfile.TemporaryDirectory() as folder:
            midi = Path(folder, "song.mid")
            midi.write_bytes(read_lump(doom / wad, lump))
            drums, other = play(midi, drums=True), play(midi, drums=False)
        length = min(drums.shape[1], other.shape[1])
        parts = np.stack([10 ** (drums_db / 20) * drums[:, :length], other[:, :length]])
        parts *= PEAK / np.abs(parts.sum(axis=0)).max()
        for name, part in zip(("drums", "other"), parts, strict=True):
            write_ogg(songs / song / f"{name}.ogg", part)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
