"""From bundles to an ensemble's file."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from dssgan.data.dataset import Dataset
from dssgan.ensembling import build
from dssgan.ensembling import validation_songs as validation_songs
from dssgan.ensembling.build import build_ensemble
from dssgan.ensembling.explain import explain_ensemble
from dssgan.ensembling.fitting import BEST, Plan
from dssgan.errors import DataError, WriteError
from dssgan.inference.separator import Separator
from dssgan.metrics.sdr import usdr
from dssgan.parallel.cluster import cluster_map
from dssgan.separators import build_separator
from dssgan.separators.bundle import save_bundle
from dssgan.separators.ensemble import Ensemble

TINY = {"num_initial_filters": 2, "num_layers": 2, "n_fft": 512, "hop_samples": 256}


@pytest.fixture
def bundles(tmp_path: Path) -> list[Path]:
    folders = []
    for seed in range(3):
        torch.manual_seed(seed)
        folders.append(tmp_path / f"candidate_{seed}")
        save_bundle(folders[-1], "unet", build_separator("unet", TINY), metadata={})
    return folders


@pytest.fixture
def songs(bundled: Dataset) -> Dataset:
    """Four validation songs that stand alone."""
    tracks = (*bundled.valid, bundled.train_sup[0])
    return replace(bundled, train_sup=(), test=(), valid=tuple(replace(track, group=None) for track in tracks))


def score(model: Path, dataset: Dataset, sources: tuple[int, ...] = (0,)) -> float:
    """Score what `dssgan separate` gives: the mean over songs of the mean over sources."""
    separator = Separator.load(model)
    scores = []
    for track in dataset.valid:
        mix, references = track.load(44100, 2)
        stems = separator.separate(mix, 44100)
        scores.append(
            usdr(torch.from_numpy(np.stack(list(stems.values()))), torch.from_numpy(references))[list(sources)].mean()
        )
    return float(torch.stack(scores).mean())


def test_where_nothing_is_called_drums_the_mean_of_all_sources_decides(
    bundles: list[Path], songs: Dataset, tmp_path: Path
) -> None:
    names = ("kick", "snare")
    for bundle in bundles:
        torch.manual_seed(int(bundle.name[-1]))
        save_bundle(
            bundle, "unet", build_separator("unet", {**TINY, "sources": list(names)}), metadata={"from": "drums"}
        )
    pieces = replace(songs, sources=names, takes="drums")
    built = build_ensemble(bundles, pieces, tmp_path / "kit.yaml")
    assert built.source == "mean"
    assert built.gate_threshold_db is None
    for model, found in (*built.candidates.items(), (built.path, built.fitted)):
        assert found == pytest.approx(score(Path(model), pieces, sources=(0, 1)), abs=1e-4)
    explained = explain_ensemble(built.path, pieces)
    assert explained.scored == "mean"
    assert explained.steps[-1][1] == pytest.approx(built.fitted, abs=1e-4)


def test_scores_are_those_of_separate(bundles: list[Path], songs: Dataset, tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    built = build_ensemble(bundles, songs, tmp_path / "mine.yaml", progress=lambda *pair: done.append(pair))
    for bundle in bundles:
        assert built.candidates[str(bundle)] == pytest.approx(score(bundle, songs), abs=1e-4)
    assert built.fitted == pytest.approx(score(built.path, songs), abs=1e-4)
    assert built.best == pytest.approx(max(built.candidates.values()), abs=1e-9)
    assert built.fitted >= built.best - 1e-6
    assert (built.source, built.num_groups) == ("drums", 4)
    assert done == [(number, 8) for number in range(1, 9)]
    plain = build_ensemble(bundles, songs, tmp_path / "plain.yaml", plain=True)
    assert plain.fitted == pytest.approx(score(plain.path, songs), abs=1e-4)
    assert len(plain.members) >= 2


def test_excerpts_of_one_song_are_too_few_to_fit_on(bundles: list[Path], bundled: Dataset, tmp_path: Path) -> None:
    excerpts = replace(bundled, valid=tuple(replace(track, group="one song") for track in bundled.valid))
    built = build_ensemble(bundles, excerpts, tmp_path / "mine.yaml")
    assert built.num_groups == 1
    assert built.left_out is None
    assert built.gate_threshold_db is None
    assert "1 song to fit on, where 3 are the fewest" in built.verdict
    recipe = yaml.safe_load(built.path.read_text())
    assert recipe["edges_hz"] == [0.0]  # the best alone, or an average


def test_members_without_a_weight_are_left_out(bundles: list[Path], songs: Dataset, tmp_path: Path) -> None:
    built = build_ensemble(bundles, songs, tmp_path / "mine.yaml")
    recipe = yaml.safe_load(built.path.read_text())
    assert len(recipe["members"]) == len(built.members)
    for number in range(len(built.members)):
        assert any(any(weights[number]) for weights in recipe["weights"].values())


def test_separators_with_the_same_weights_are_one_candidate(
    bundles: list[Path], bundled: Dataset, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(bundles[0], tmp_path / "copy"))
    built = build_ensemble([bundles[0], copy, bundles[1]], bundled, tmp_path / "mine.yaml", plain=True)
    assert set(built.candidates) == {str(bundles[0]), str(bundles[1])}
    assert len(set(built.members.values())) == len(built.members)


def test_a_second_choice_separates_nothing_again(
    bundles: list[Path], bundled: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build_ensemble(bundles, bundled, tmp_path / "first.yaml")

    def refuse(*_: object) -> None:
        raise AssertionError("the products are known")

    monkeypatch.setattr(validation_songs, "song_products", refuse)
    again = build_ensemble(bundles[::-1], bundled, tmp_path / "again.yaml")
    assert again.candidates == pytest.approx(first.candidates, abs=1e-9)
    assert set(again.members.values()) == set(first.members.values())
    build_ensemble(bundles[:2], bundled, tmp_path / "fewer.yaml")


def test_it_is_fitted_on_validation_alone(bundles: list[Path], bundled: Dataset, tmp_path: Path) -> None:
    built = build_ensemble(bundles, bundled, tmp_path / "mine.yaml")
    others = replace(bundled, test=(), train_sup=())
    assert build_ensemble(bundles, others, tmp_path / "others.yaml").fitted == built.fitted
    elsewhere = replace(bundled, valid=bundled.train_sup[:1], train_sup=())
    assert build_ensemble(bundles, elsewhere, tmp_path / "elsewhere.yaml").fitted != built.fitted
    with pytest.raises(DataError, match="valid"):
        build_ensemble(bundles, replace(bundled, valid=()), tmp_path / "nothing.yaml")


def test_nothing_that_was_there_is_replaced(bundles: list[Path], bundled: Dataset, tmp_path: Path) -> None:
    sweep = tmp_path / "first"
    sweep.mkdir()
    (sweep / "study.db").write_text("a week of work")
    with pytest.raises(WriteError, match=r"first: .*holds something else \(study.db\); choose another name"):
        build_ensemble(bundles, bundled, tmp_path / "first.yaml")
    assert [path.name for path in sweep.iterdir()] == ["study.db"]
    (tmp_path / "second").write_text("a file")
    with pytest.raises(WriteError, match=r"second: .*holds something else; choose another name"):
        build_ensemble(bundles, bundled, tmp_path / "second.yaml")
    for name in ("third", "third.txt"):
        with pytest.raises(WriteError, match=r"ends in \.yaml"):
            build_ensemble(bundles, bundled, tmp_path / name)
    # an ensemble of its own is replaced
    for _ in range(2):
        build_ensemble(bundles, bundled, tmp_path / "fourth.yaml", plain=True)


@pytest.mark.slow
@pytest.mark.xdist_group("ray")  # one Ray at a time
def test_a_cluster_builds_the_same(
    bundles: list[Path], bundled: Dataset, tmp_path: Path, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = build_ensemble(bundles, bundled, tmp_path / "here.yaml")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty cache"))
    steps: list[tuple[int, int]] = []
    with cluster_map(cluster) as map_unordered:
        there = build_ensemble(
            bundles, bundled, tmp_path / "there.yaml", map_unordered=map_unordered,
            progress=lambda done, total: steps.append((done, total)),
        )  # fmt: skip
    assert list(there.members.values()) == list(here.members.values())
    assert there.fitted == pytest.approx(here.fitted, abs=1e-3)
    assert there.candidates == pytest.approx(here.candidates, abs=1e-3)
    total = 2 * len(bundled.valid)
    assert steps == [(done, total) for done in range(1, total + 1)]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        # gate at -20 helps every song, and about alike: it is worth what it gives
        ([[5.0, 5.2, 5.1], [7.0, 7.21, 7.1], [6.0, 6.19, 6.1]], (1, 0.2)),
        # each gate helps the song that would choose it, and hurts the other: worth -1 on songs that did not choose
        ([[5.0, 6.0, 4.0], [7.0, 6.0, 8.0]], (0, 0.0)),
        # +0.2 dB on average, by one song that would not have chosen it without itself: worth -0.17 dB on the others
        ([[5.0, 6.0, 4.9], [5.0, 4.8, 5.5], [5.0, 4.8, 5.1]], (0, 0.0)),
        # +0.3 dB on average, with a standard error of 0.4
        ([[5.0, 6.0, 4.0], [5.0, 4.6, 4.0], [5.0, 6.0, 4.0], [5.0, 4.6, 4.0]], (0, 0.0)),
        ([[5.0, 5.3, 4.8]], (0, 0.0)),  # of one song nothing can be left out
    ],
)
def test_a_gate_must_help_songs_that_did_not_choose_it(scores: list[list[float]], expected: tuple[int, float]) -> None:
    ensemble = Ensemble([build_separator("unet", TINY)])
    variants = [build._Variant(ensemble, 0, threshold_db) for threshold_db in (None, -20.0, -12.0)]
    index, gain = build._choose_variant(variants, judged(scores))
    assert (index, pytest.approx(gain, abs=1e-5)) == expected


def judged(usdr: list[list[float]], **others: list[list[float]]) -> dict[str, torch.Tensor]:
    """Scores of groups and variants; what is not given is the same for all."""
    scores = {name: torch.zeros(len(usdr), len(usdr[0])) for name in validation_songs.JUDGED}
    return scores | {name: torch.tensor(values) for name, values in {"usdr": usdr, **others}.items()}


@pytest.mark.parametrize(
    ("metric", "cost", "expected"),
    [("si_sar", -0.4, 0), ("si_sar", -0.2, 1), ("onset_sdr", -0.2, 0), ("attack_error", 0.3, 0),
     ("attack_error", -0.3, 1), ("onset_sdr", float("nan"), 1)],
)  # fmt: skip
def test_a_step_may_cost_little_of_other_scores(metric: str, cost: float, expected: int) -> None:
    ensemble = Ensemble([build_separator("unet", TINY)])
    variants = [build._Variant(ensemble, 0), build._Variant(ensemble, 1)]
    scores = judged([[5.0, 6.0]] * 3, **{metric: [[1.0, 1.0 + cost]] * 3})
    assert build._choose_variant(variants, scores)[0] == expected


def test_the_file_tells_both_scores(bundles: list[Path], songs: Dataset, tmp_path: Path) -> None:
    built = build_ensemble(bundles, songs, tmp_path / "mine.yaml")
    assert built.left_out is not None
    told = yaml.safe_load(built.path.read_text())["origin"]["validation_usdr_db"]
    assert told["each group left out"] == round(built.left_out[0], 2)
    assert told["best candidate"] == round(built.best, 2)
    average = replace(built, plan=Plan("average", 2), gate_threshold_db=None, left_out=(5.25, 5.0), num_groups=4)
    assert average.verdict.endswith("+0.25 dB against the best candidate on songs left out, of 4 groups")
    alone = replace(average, plan=BEST)
    assert alone.verdict.endswith("alone: nothing that was added to it was better on songs left out, of 4 groups")
