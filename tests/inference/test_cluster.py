"""`dssgan separate --address` gives what it gives on one machine."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from dssgan.audio.files import read, write
from dssgan.cli import main
from dssgan.separators import build_separator
from dssgan.separators.bundle import save_bundle

pytestmark = pytest.mark.xdist_group("ray")  # one Ray at a time


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["dssgan", "separate", *map(str, arguments)])
    try:
        main()
    except SystemExit as ending:
        return int(ending.code or 0)
    return 0


def test_songs_travel_and_come_back_as_stems(
    tmp_path: Path, song: tuple[NDArray[np.float32], NDArray[np.float32]], cluster: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    torch.manual_seed(0)
    model = tmp_path / "tiny"
    save_bundle(model, "tdf_unet", build_separator("tdf_unet", {}, preset="tiny"), metadata={})
    mix, _ = song
    one, two, bad = tmp_path / "one [live].wav", tmp_path / "two.flac", tmp_path / "bad.wav"
    write(one, mix, 44100)
    write(two, mix[:, :50000], 48000)
    bad.write_text("no audio")
    missing = tmp_path / "missing.wav"
    options = ("-m", model, "-d", "cpu", "--json", "-q")
    # other machines compute in float32 unless told otherwise
    assert run(monkeypatch, one, two, *options, "--precision", "float32", "-o", tmp_path / "here") == 0
    capsys.readouterr()
    assert run(monkeypatch, one, bad, two, missing, *options, "-o", tmp_path / "there", "--address", cluster) == 2
    output, errors = capsys.readouterr()
    records = {record["track"]: record for record in map(json.loads, output.splitlines())}
    assert set(records) == {str(one), str(two), str(bad), str(missing)}
    assert records[str(bad)]["error"].startswith(f"{bad}: not audio")
    assert records[str(missing)]["error"].startswith(f"{missing}: cannot be read (No such file")
    assert errors.splitlines()[-1] == "dssgan: 2 of 4 tracks failed"
    for track in (one, two):
        paths = {source: tmp_path / "there" / track.stem / f"{source}.wav" for source in ("drums", "other")}
        assert records[str(track)]["paths"] == {source: str(path) for source, path in paths.items()}
        for source, path in paths.items():
            expected = read(tmp_path / "here" / track.stem / f"{source}.wav")
            np.testing.assert_allclose(read(path), expected, atol=2**-15)  # threads sum in another order
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["one [live]", "two"]
