"""What a report says, beside what was measured."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from dssgan.audio import files
from dssgan.cli.report import command
from dssgan.data.audio_file import AudioFile
from dssgan.data.dataset import Track
from dssgan.data.loading import load_dataset
from dssgan.errors import ConfigError, DataError
from dssgan.evaluation.campaign import run_campaign
from dssgan.evaluation.methods import MixMethod
from dssgan.evaluation.oracles import OracleMethod
from dssgan.evaluation.ranking import summarise, verdict
from dssgan.evaluation.results import load_results
from dssgan.report.build import write_report
from dssgan.report.page import Players, PlotMenu, Section, Table, render
from dssgan.report.results import results_section
from dssgan.report.sweeps import sweep_section
from dssgan.report.training import training_section

pytestmark = pytest.mark.xdist_group("report")  # what is reported on is made once
RATE = 16000


@pytest.fixture(scope="module")
def evaluation(results: Path) -> Section:
    return results_section(results)


def test_results_come_back_as_they_were_measured(results: Path) -> None:
    result = load_results(results)
    assert (result.mix, result.bounds) == ("mix", ("mix", "irm1"))
    assert list(dict.fromkeys(result.frame["method"])) == ["mix", "second", "first", "irm1"]
    stored = pd.read_csv(results / "summary.csv")
    pd.testing.assert_frame_equal(summarise(result.scores), stored, check_dtype=False)


def test_the_verdict_comes_first_and_names_what_it_stands_on(results: Path, evaluation: Section) -> None:
    result, section = load_results(results), evaluation
    assert section.verdict[0] == verdict(result.scores, "drums", leave_out=("mix", "irm1"))
    assert section.verdict[0].startswith("first: drums uSDR")
    assert "better than second" in section.verdict[0]
    assert section.verdict[1].startswith("By SI-SAR")
    assert "3 songs of songs, partition test, at 16000 Hz with BSS Eval v4" in section.verdict[2]
    assert "few songs" in section.verdict[2]


def test_of_several_sources_each_can_be_listened_to(tmp_path: Path) -> None:
    sources = ("kick", "snare", "other")
    song = load_dataset(None).partition("test")[0].load(RATE)[1][..., : 4 * RATE]
    parts = []
    for source, wave in zip(sources, (song[0] / 2, song[0] / 2, song[1]), strict=True):
        files.write(tmp_path / "songs" / f"{source}.wav", wave, RATE, "float32")
        parts.append(AudioFile.of(tmp_path / "songs" / f"{source}.wav", with_fingerprint=True))
    methods = {"mix": MixMethod(), "irm1": OracleMethod("irm1")}
    tracks = [Track("song", None, tuple(parts))]
    run_campaign(methods, tracks, tmp_path / "out", dataset_name="songs", sources=sources, sample_rate=RATE)
    section = results_section(tmp_path / "out")
    players = next(part for part in section.parts if isinstance(part, Players))
    assert players.parts == {source: source for source in sources}
    mix, reference, oracle = players.songs[0].signals
    assert (list(mix.sounds), list(reference.sounds), list(oracle.sounds)) == (["kick"], [*sources], [*sources])
    page = render("pieces", [section])
    assert [f'data-what="{source}" aria-pressed' in page for source in sources] == [True] * 3
    assert "Spectrogram of song: irm1 (oracle), snare" in page


def test_the_table_has_the_means(results: Path, evaluation: Section) -> None:
    table = next(part for part in evaluation.parts if isinstance(part, Table))
    assert table.header[:2] == ["method", "uSDR [dB]"]
    assert [row[0] for row in table.rows] == ["first", "irm1 (oracle)", "second", "mix"]
    usdr = load_results(results).usdr
    mean = usdr[(usdr["method"] == "first") & (usdr["target"] == "drums")]["score"].mean()
    assert table.rows[0][1].startswith(f"{mean:.2f} (")


def test_the_hardest_song_is_named(results: Path, evaluation: Section) -> None:
    usdr = load_results(results).usdr
    means = usdr[usdr["target"] == "drums"].groupby("track")["score"].mean()
    assert means.max() - means.min() > 0.1
    heatmaps = next(
        part for part in evaluation.parts if isinstance(part, PlotMenu) and part.title == "drums, song by song"
    )
    plot = heatmaps.plots["uSDR [dB]"]
    assert plot.caption.endswith(f"for all together: {means.idxmin()}.")
    assert list(plot.figure["data"][0]["y"])[-1] == means.idxmin()  # plotly counts from the bottom


def test_a_sweep_says_what_it_found_and_spent(sweep: Path) -> None:
    section = sweep_section(sweep)
    assert re.match(r"Trial \d+ is the best: .* with alpha 0\.0\d+, beta", section.verdict[0])
    assert section.verdict[1] == "60 of 60 trials: 30 complete, 30 pruned."
    # 60 times 36 s on one core; 30 trials had 700 of 1000 steps left, at 36 s for 300
    assert section.verdict[2].startswith(
        "0.60 core-hours spent; 0.00 saved by sharing supervised phases, 0.70 by early"
    )
    assert [part.title for part in section.parts] == [  # type: ignore[attr-defined]
        "The best 10 trials", "How the search went", "What early stopping did", "Which settings matter",
        "Alpha and beta", "All settings at once",
    ]  # fmt: skip


def test_a_training_marks_where_phase_two_begins(training: Path) -> None:
    section = training_section(training)
    assert section.verdict[0] == "12 steps; phase two began after step 6."
    titles = [part.title for part in section.parts]  # type: ignore[attr-defined]
    assert titles == [
        "Validation", "Losses of the separator", "Critics and Wasserstein distance", "mix over time",
        "drums over time", "other over time",
    ]  # fmt: skip


def test_the_file_needs_nothing_else(report: Path) -> None:
    text = report.read_text("utf-8")
    without_scripts = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    links = re.findall(r"""(?:src|href)\s*=\s*["']?([^"'\s>]*)""", without_scripts)
    assert links
    assert {link.partition(":")[0] if not link.startswith("#") else "#" for link in links} == {"data", "#"}
    assert "@import" not in without_scripts
    assert report.stat().st_size < 15e6


def test_names_are_text(report: Path) -> None:
    text = report.read_text("utf-8")
    assert "<b>bold" not in text
    assert "&lt;b&gt;bold" in text
    page = render("</script><script>", [Section("a", ["</p><script>"], [Table("t", ["</td>"], [["<i>"]])], {})])
    assert page.count("<script>") == 3


def test_without_excerpts_there_is_nothing_to_listen_to(results: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(results, tmp_path / "copy")
    shutil.rmtree(copy / "excerpts")
    path = tmp_path / "report.html"
    write_report([copy], path)
    assert 'class="players"' not in path.read_text("utf-8")


def test_a_folder_of_folders_is_looked_through(results: Path, tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    shutil.copytree(results, tmp_path / "demo" / "test")
    assert write_report([tmp_path / "demo"], tmp_path / "report.html") == [tmp_path / "demo" / "test"]


def test_bad_input_is_one_line(results: Path, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("kept")
    with pytest.raises(ConfigError, match="no such folder"):
        write_report([tmp_path / "missing"], path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="holds no evaluation, sweep or training"):
        write_report([tmp_path / "empty"], path)
    copy = shutil.copytree(results, tmp_path / "copy")
    for name, content in (
        ("run.json", '{"kind": "evaluation"}'),
        ("songs.parquet", "cut"),
        ("whole_track.csv", "a,b\n1,2\n"),
    ):
        kept = (copy / name).read_bytes()
        (copy / name).write_text(content)
        with pytest.raises(DataError, match="holds no finished evaluation; run dssgan evaluate"):
            write_report([copy], path)
        (copy / name).write_bytes(kept)
    song = next((copy / "first" / "excerpts").rglob("drums.opus"))
    song.write_bytes(b"OggS")
    with pytest.raises(DataError, match=r"drums\.opus: cannot be read .*evaluate again"):
        write_report([copy], path)
    assert path.read_text() == "kept"


def test_the_command_says_what_it_wrote(results: Path, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    done = CliRunner().invoke(command, [str(results), "-o", str(path), "--title", "Two systems"])
    assert done.exit_code == 0, done.output
    assert path.name in done.output.replace("\n", "")
    assert "<title>Two systems</title>" in path.read_text("utf-8")
    assert json.loads((results / "run.json").read_text("utf-8"))["settings"]["bss"] == "v4"
