"""Drum kits in SFZ: what sounds when, and the kits made of it."""

from pathlib import Path

import numpy as np
import pytest

from dssgan.audio.files import write
from dssgan.errors import DssganError
from dssgan.synthesis import instruments
from dssgan.synthesis.sfz import read_regions
from dssgan.synthesis.sfz_kits import kits_of

RATE = 44100


def stroke(path: Path, level: float, seconds: float = 0.1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    decay = np.exp(-30 * np.arange(round(seconds * RATE)) / RATE)
    write(path, (level * decay * np.sin(np.arange(len(decay)) * 0.3))[None].astype(np.float32), RATE)
    return path


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    """A kit of two pieces: a snare of two layers, two turns and three microphones, and a bass drum."""
    for number, level in enumerate((0.2, 0.25, 0.5, 0.6), 1):
        for microphone, share in (("Top", 1.0), ("OHL", 0.5), ("AmbL", 0.25)):
            stroke(tmp_path / f"Samples/Snare/{number}-Snare-{microphone}.flac", level * share)
    stroke(tmp_path / "Samples/Kick/1-Kick-Top.flac", 0.5)
    data = tmp_path / "Data"
    data.mkdir()
    (data / "macro.txt").write_text("#define $dir ../Samples\n#define $v 6\n#define $vel 127\n#define $wide 100\n")
    (data / "snare.txt").write_text(
        "#define $instr Snare\nkey=d2 // of the snare\n"
        "<region> lovel=1 hivel=$v3 sample=$instr/1-$instr-$mic.flac seq_length=2 seq_position=1\n"
        "<region> lovel=1 hivel=$v3 sample=$instr/2-$instr-$mic.flac seq_length=2 seq_position=2\n"
        "<region> lovel=64 hivel=$vel sample=$instr/3-$instr-$mic.flac seq_length=2 seq_position=1\n"
        "<region> lovel=64 hivel=$vel sample=$instr/4-$instr-$mic.flac seq_length=2 seq_position=2\n"
    )
    (tmp_path / "Stereo").mkdir()
    path = tmp_path / "Stereo" / "Small kit.sfz"
    path.write_text(
        '#include "../Data/macro.txt"\n<control>\ndefault_path=$dir/\nset_hdcc40=0.5 set_hdcc41=1 set_cc43=0\n'
        '<global> loop_mode=one_shot\n<master> #define $mic Top #include "../Data/snare.txt"\n'
        "<global> volume=-6 pan_oncc41=-$wide amplitude_oncc40=200 locc40=1\n"
        '<master> #define $mic OHL #include "..\\Data\\snare.txt"\n'
        '<global> pan=50 locc43=1\n<master> #define $mic OHL <group> #include "../Data/snare.txt"\n'
        '<global>\n<master> #define $mic AmbL <group> #include "../Data/snare.txt"\n'
        "<global> <group> key=36 <region> sample=Kick/1-Kick-Top.flac amplitude=50\n"
        "<region> sample=*silence key=44\n<region> key=36 sample=Kick/missing.flac\n"
    )
    return path


def test_regions_have_what_all_above_them_say(kit: Path) -> None:
    regions = read_regions(kit)
    assert len(regions) == 4 * 3 + 1  # neither silence, nor what is missing, nor what a controller turns off
    top, overhead = regions[0], regions[4]
    assert (top.sample.name, top.keys, top.velocities, top.turn) == ("1-Snare-Top.flac", (38, 38), (1, 63), 1)
    assert (top.gain, top.pan) == (1.0, 0.0)
    assert overhead.microphone == "OHL"
    assert overhead.gain == pytest.approx(10 ** (-6 / 20))  # -6 dB, and 200 % of half a controller's way
    assert overhead.pan == -1.0
    assert regions[8].pan == 0.0  # a new <global> forgets the one before
    assert (regions[-1].gain, regions[-1].velocities) == (0.5, (0, 127))


def test_microphones_add_up_to_strokes(kit: Path) -> None:
    made = list(kits_of(instruments.Instrument(kit.stem, kit, "CC0")))
    assert [one.name for one in made] == ["Small kit", "Small kit, close", "Small kit, room"]
    assert set(made[0].loaders) == {"snare", "kick"}
    soft, hard = made[0].layers("snare")
    assert (soft.most, hard.most) == (63 / 127, 1.0)
    assert (len(soft.strokes), len(hard.strokes)) == (2, 2)
    assert np.abs(hard.strokes[1]).max() == 1.0
    assert np.abs(soft.strokes[0]).max() == pytest.approx(0.2 / 0.6, rel=0.01)
    sides = [np.abs(one.layers("snare")[1].strokes[1]).max(axis=1) for one in made]
    # the overhead is on the left; close and room balances change its share by -5 and +1 dB
    ratios = [side[1] / side[0] for side in sides]
    half = 0.5 * 10 ** (-6 / 20) * np.sqrt(2)
    assert ratios[0] == pytest.approx(1.25 / (1.25 + half), rel=0.02)
    room = 0.25 * 10 ** (-14 / 20)
    assert ratios[1] == pytest.approx((1 + room) / (1 + room + half * 10 ** (-5 / 20)), rel=0.02)


def test_strokes_drawn_by_chance_are_turns(tmp_path: Path) -> None:
    for number, level in enumerate((0.2, 0.4), 1):
        stroke(tmp_path / f"{number}.flac", level)
    path = tmp_path / "Some kit.sfz"
    path.write_text(
        "<group> key=36 <region> sample=1.flac lorand=0 hirand=0.5 <region> sample=2.flac lorand=0.5 hirand=1\n"
    )
    (layer,) = next(kits_of(instruments.Instrument(path.stem, path, "CC0"))).layers("kick")
    assert [float(np.abs(one).max()) for one in layer.strokes] == pytest.approx([0.5, 1.0], rel=0.01)  # never their sum


def test_a_file_may_have_a_second_pair_of_hand_drums(tmp_path: Path) -> None:
    stroke(tmp_path / "a.flac", 0.5)
    path = tmp_path / "Some kit.sfz"
    path.write_text("<region> key=60 sample=a.flac <region> key=61 sample=a.flac <region> key=63 sample=a.flac\n")
    congas, bongos = kits_of(instruments.Instrument(path.stem, path, "CC0"))
    assert set(congas.loaders) == {"high_conga"}
    assert set(bongos.loaders) == {"high_conga", "low_conga"}


@pytest.mark.parametrize("name", ["Cajon", "Bobobo"])
def test_hand_drums_are_known_by_name(tmp_path: Path, name: str) -> None:
    stroke(tmp_path / "a.flac", 0.5)
    path = tmp_path / f"{name}.sfz"
    path.write_text("<region> lokey=36 hikey=57 sample=a.flac\n")
    made = next(kits_of(instruments.Instrument(path.stem, path, "CC0")))
    assert set(made.loaders) == {"low_conga", "high_conga", "timbale"}


def test_numbers_end_where_a_space_is_missing(tmp_path: Path) -> None:
    stroke(tmp_path / "a.flac", 0.5)
    path = tmp_path / "kit.sfz"
    path.write_text("<region> lokey=36 hikey=38offset=320 volume=-6.0dB sample=a.flac\n")
    (region,) = read_regions(path)
    assert (region.keys, region.gain) == ((36, 38), pytest.approx(10 ** (-6 / 20)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('#include "kit.sfz"', "without end"),
        ('#include "away.txt"', "No such file"),
        ("<region> key=36 lovel=soft sample=a.flac", "soft"),
    ],
)
def test_broken_kits_give_one_line(tmp_path: Path, text: str, reason: str) -> None:
    stroke(tmp_path / "a.flac", 0.5)
    path = tmp_path / "kit.sfz"
    path.write_text(text)
    with pytest.raises(DssganError, match=reason) as caught:
        read_regions(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_named_folder_gives_its_kits(
    played: instruments.Instruments, kit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Small kit" not in [one.name for one in played.sfz]
    monkeypatch.setenv(instruments.VARIABLE, str(kit.parent))
    instruments.find.cache_clear()
    try:
        assert [one.name for one in instruments.find().sfz] == ["Small kit"]
    finally:
        instruments.find.cache_clear()


def test_a_hi_hat_opens_with_its_pedal_whichever_way_the_pedal_counts(tmp_path: Path) -> None:
    for name, seconds in (("closed", 0.05), ("half", 0.1), ("open", 0.2)):
        stroke(tmp_path / f"{name}.flac", 0.5, seconds)
    down = tmp_path / "Down kit.sfz"
    down.write_text(
        "<control> set_cc4=127\n<master> key=42\n<group> locc4=90 <region> sample=closed.flac\n"
        "<group> locc4=40 hicc4=89 <region> sample=half.flac\n<group> hicc4=39 <region> sample=open.flac\n"
    )
    up = tmp_path / "Up kit.sfz"
    up.write_text(
        "<master> key=42\n<group> hicc4=37 <region> sample=closed.flac\n"
        "<group> locc4=38 hicc4=87 <region> sample=half.flac\n<group> locc4=88 <region> sample=open.flac\n"
    )
    for path in (down, up):
        (made,) = kits_of(instruments.Instrument(path.stem, path, "CC0"))
        lengths = [made.layers("closed_hat", opening)[0].strokes[0].shape[1] / RATE for opening in (0.0, 0.5, 1.0)]
        assert lengths == pytest.approx([0.05, 0.1, 0.2], abs=0.01)
        assert made.layers("closed_hat")[0].strokes[0].shape[1] / RATE == pytest.approx(0.05, abs=0.01)


def test_groups_mute_each_other(tmp_path: Path) -> None:
    stroke(tmp_path / "a.flac", 0.5)
    path = tmp_path / "Some kit.sfz"
    path.write_text(
        "<region> key=49 sample=a.flac group=1 off_by=2 off_mode=normal ampeg_release=0.3\n"
        "<region> key=52 sample=a.flac group=2\n<region> key=36 sample=a.flac\n"
        "<region> key=51 sample=a.flac off_by=2 off_time=0.5\n<region> key=46 sample=a.flac\n"
    )
    (made,) = kits_of(instruments.Instrument(path.stem, path, "CC0"))
    assert made.muted_by["crash"] == {"china"}
    assert made.muted_by["kick"] == frozenset()
    assert made.muted_by["open_hat"] == {"closed_hat", "pedal_hat"}  # as on any kit
    assert (made.fade_seconds("crash"), made.fade_seconds("ride"), made.fade_seconds("open_hat")) == (0.3, 0.5, 0.03)


def test_delays_and_offsets_follow_the_files_own_curves(tmp_path: Path) -> None:
    stroke(tmp_path / "a.flac", 0.5)
    path = tmp_path / "kit.sfz"
    path.write_text(
        "<control> set_cc9=127\n<region> key=36 sample=a.flac delay=0.01 delay_oncc9=0.02 delay_curvecc9=20 "
        "offset_cc9=100 group_volume=-6 master_volume=-6\n<curve> curve_index=20 v000=1 v127=0.5\n"
    )
    (region,) = read_regions(path)
    assert region.delay_seconds == pytest.approx(0.02)  # the curve follows the region that it bends
    assert region.first_frame == 100
    assert region.gain == pytest.approx(10 ** (-12 / 20))


def test_a_room_is_farther_away_in_its_own_balance(kit: Path) -> None:
    recorded, _, room = kits_of(instruments.Instrument(kit.stem, kit, "CC0"))
    assert recorded.microphones == room.microphones == ("AmbL", "OHL", "Top")
    lengths = [one.layers("snare")[1].strokes[0].shape[1] for one in (recorded, room)]
    assert lengths[1] - lengths[0] == pytest.approx(0.012 * RATE, abs=2)


@pytest.mark.parametrize(
    ("name", "key", "piece"), [("Salamander Drumkit", 50, None), ("Salamander Drumkit", 47, "cowbell"),
                               ("SamsSonor", 56, None), ("SamsSonor", 45, "high_tom"), ("Any kit", 50, "high_tom")]
)  # fmt: skip
def test_kits_have_keys_of_their_own(tmp_path: Path, name: str, key: int, piece: str | None) -> None:
    stroke(tmp_path / "a.flac", 0.5)
    path = tmp_path / f"{name}.sfz"
    path.write_text(f"<region> key={key} sample=a.flac\n")
    made = next(kits_of(instruments.Instrument(path.stem, path, "CC0")))
    assert set(made.loaders) == ({piece} if piece else set())
