"""Whether unlabelled music helps: the same separator trained with and without it, for equal steps, over several seeds.

Every arm starts from the same supervised phase (one a seed) and then takes the same number of separator steps: on pairs
alone, also against the paper's critics, also against modern ones, on a teacher's labels, or on both; against the
paper's critics with a gradient that is a part of the pairs', as modern ones are weighed; and on mixtures of two mixes
(mixture invariant training), with two estimates a source. Validation songs
choose each arm's epoch; the test songs, which chose nothing, are scored. Differences are paired by song, averaged over
the seeds first; intervals are bootstrapped over songs, and p is Wilcoxon's signed-rank test. What was trained already
is not trained again.
"""

import argparse
import json
import multiprocessing
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from machine import describe

from dssgan.atomic import write_text
from dssgan.data.dataset import Dataset, Track
from dssgan.data.loading import load_dataset
from dssgan.evaluation import statistics
from dssgan.inference.separator import Separator
from dssgan.metrics.drums import score_drums
from dssgan.metrics.sdr import csdr, usdr
from dssgan.separators.bundle import load_bundle
from dssgan.training.checkpoint import averaged_weights, has_checkpoint, read_checkpoint
from dssgan.training.config import TrainConfig
from dssgan.training.phases import train
from dssgan.training.settings import make_config, parse_overrides
from dssgan.training.shared_phases import SharedPhases

Scored = Literal["best", "last"]

PAPER = {"alpha": 0.001, "critic_augment": {"loudness": False, "augment": False, "silence_db": -400.0}}
BALANCED = {"alpha": 0.5, "alpha_mode": "gradient_ratio"}
MODERN = {
    **BALANCED, "alpha_ramp_steps": 100, "critic_steps": 1, "feature_matching": 1.0,
    "critic": {"name": "multi_resolution", "preset": "tiny"}, "adversarial_loss": {"name": "hinge"},
    "critic_learning_rate": 3e-4,
}  # fmt: skip
SLOTS = {"separator.slots": 2}
BOOST = {"self_boost": {"share": 0.3}}
ARMS: dict[str, Mapping[str, Any]] = {
    "supervised": {"phase_two.epochs": 0},
    "continued": {},
    "paper": PAPER,
    "modern": MODERN,
    "self-boost": BOOST,
    "both": {**MODERN, **BOOST},
    "paper, balanced": {**PAPER, **BALANCED, "critic_steps": 2},
    # mixture invariant training needs more estimates than sources, which have to be compared with the same
    "slots": SLOTS,
    "mixit": {**SLOTS, "mixit": 0.002},
}
BASELINES = {"mixit": "slots"}  # what each arm is compared with; "continued" where none is named
SETTINGS = {
    "separator": {"name": "tdf_unet", "preset": "tiny"}, "alpha": 0.0, "beta": 0.0, "patience": 1000, "media": False,
    "steps_per_epoch": 100, "phase_one.epochs": 12, "phase_two.epochs": 4,
    "supervised_loss": {"name": "wave_stft"},  # what the documented figures were measured with
}  # fmt: skip
MEASURES = ("csdr", "usdr", "onset_sdr_db", "bleed_db", "kick", "snare", "cymbals")


def main() -> None:
    """Train what is not trained yet, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="with train_unsup; the bundled songs by default")
    parser.add_argument("--also", type=Path, action="append", default=[], help="another data set; its test songs count")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=ARMS, action="append", help="only these arms; may be given again")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, one thread each if more than one")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/semi_supervised"))
    parser.add_argument("settings", nargs="*", help="KEY=VALUE for all trainings")
    arguments = parser.parse_args()
    dataset = load_dataset(arguments.data)
    tracks = list(dataset.test)
    for path in arguments.also:
        tracks.extend(load_dataset(path).test)
    arms = [arm for arm in ARMS if arm in (arguments.only or ARMS)]
    # arm by arm, so that no training waits for a supervised phase that another one is at
    configs = {
        (arm, seed): make_config(SETTINGS, parse_overrides(arguments.settings), ARMS[arm], {"seed": seed})
        for arm in arms
        for seed in range(arguments.seeds)
    }
    results = score_arms(configs, dataset, tracks, arguments.output, arguments.jobs)
    print(f"\nsemi-supervised training, {arguments.seeds} seeds, {len(tracks)} songs, {describe()}\n")
    print_scores(results)
    print_differences(results, {arm: BASELINES.get(arm, "continued") for arm in results})


def score_arms(
    configs: Mapping[tuple[str, int], TrainConfig], dataset: Dataset, tracks: list[Track], output: Path, jobs: int,
    scored: Scored = "best",
) -> dict[str, list[dict[str, Any]]]:  # fmt: skip
    """Train every arm with every seed, unless that was done, and score them: results by arm, one for each seed."""
    tasks = [(arm, seed, config, dataset, tracks, output, jobs, scored) for (arm, seed), config in configs.items()]
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        found = list(pool.map(_score_arm, tasks))
    results: dict[str, list[dict[str, Any]]] = {}
    for (arm, _), result in zip(configs, found, strict=True):
        results.setdefault(arm, []).append(result)
    return results


def _score_arm(task: tuple[str, int, TrainConfig, Dataset, list[Track], Path, int, Scored]) -> dict[str, Any]:
    arm, seed, config, dataset, tracks, output, jobs, scored = task
    if jobs > 1:
        torch.set_num_threads(1)
    return train_and_score(
        f"{arm} {seed}", config, dataset, tracks, output / f"{arm}-{seed}", SharedPhases.in_folder(output), scored
    )


def train_and_score(
    name: str, config: TrainConfig, dataset: Dataset, tracks: Sequence[Track], folder: Path,
    shared_phases: SharedPhases | None = None, scored: Scored = "best",
) -> dict[str, Any]:  # fmt: skip
    """Train unless that was done, going on with what was begun, and score the result on every track.

    What is scored is the best epoch by validation, or the last one, which no validation chose.
    """
    record = folder / {"best": "scores.json", "last": "scores-last.json"}[scored]
    if record.exists():
        loaded: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
        return loaded

    def report(metrics: dict[str, float], _folder: Path) -> None:
        kept = f", {metrics['teacher/kept']:.0%} labelled" if "teacher/kept" in metrics else ""
        told = f"epoch {metrics['epoch']:.0f}, {metrics['score']:.2f} dB, {metrics['seconds']:.0f} s"
        print(f"{name}: {told}{kept}", flush=True)

    begun = folder if has_checkpoint(folder) else None
    outcome = train(config, dataset, folder, report=report, shared_phases=shared_phases, resume_from=begun)
    model = load_bundle(outcome.bundle)
    if scored == "last":
        model.load_state_dict(averaged_weights(read_checkpoint(folder)[0]))
    separator = Separator(model, name)
    result = {
        "steps": outcome.separator_steps,
        "minutes": outcome.seconds / 60,
        "tracks": {track.name: score_track(separator, track) for track in tracks},
    }
    write_text(record, json.dumps(result, indent=2))
    return result


def score_track(separator: Separator, track: Track) -> dict[str, float]:
    """Score the drums of one track by every measure, dB."""
    mix, references = track.load(separator.sample_rate, separator.channels)
    stems = separator.separate(mix, separator.sample_rate)
    estimates = np.stack([stems[source] for source in separator.sources])
    drums = separator.sources.index("drums")
    estimate, reference = torch.from_numpy(estimates), torch.from_numpy(references)
    aware = asdict(score_drums(estimates[drums], references[drums], mix, separator.sample_rate))
    bands = aware.pop("band_sdr_db")
    return {
        "csdr": float(csdr(estimate, reference, separator.sample_rate)[drums]),
        "usdr": float(usdr(estimate, reference)[drums]),
        **aware,
        **bands,
    }


def of_measure(results: list[dict[str, Any]], measure: str) -> statistics.Scores:
    """Lay one measure out as (seeds, tracks), the tracks by name; what is not a finite number is NaN."""
    rows = [[tracks[name][measure] for name in sorted(tracks)] for tracks in (result["tracks"] for result in results)]
    scores = np.asarray(rows, np.float64)
    return np.where(np.isfinite(scores), scores, np.nan)


def print_scores(results: dict[str, list[dict[str, Any]]]) -> None:
    """Print every arm's scores: means over tracks and seeds, of cSDR the median over tracks."""
    print("| arm | steps | minutes | " + " | ".join(MEASURES) + " |")
    print("|---|---|---|" + "---|" * len(MEASURES))
    for arm, rows in results.items():
        cells = []
        for measure in MEASURES:
            scores = of_measure(rows, measure)
            over_tracks = np.nanmedian(scores, axis=1) if measure == "csdr" else np.nanmean(scores, axis=1)
            cells.append(f"{over_tracks.mean():.2f}")
        minutes = np.mean([row["minutes"] for row in rows])
        print(f"| {arm} | {rows[0]['steps']} | {minutes:.1f} | " + " | ".join(cells) + " |")


def print_differences(results: dict[str, list[dict[str, Any]]], baselines: Mapping[str, str]) -> None:
    """Print what each arm gains over the one it is compared with."""
    print("\n| arm | against | measure | mean difference, dB [95 %] | p | songs | spread over seeds |")
    print("|---|---|---|---|---|---|---|")
    for arm, rows in results.items():
        baseline = baselines[arm]
        if arm == baseline or baseline not in results:
            continue
        for measure in MEASURES:
            one, other = of_measure(rows, measure), of_measure(results[baseline], measure)
            found = statistics.compare(one, other)
            mean = f"{found.mean:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"
            print(
                f"| {arm} | {baseline} | {measure} | {mean} | {found.p_value:.3f} | {found.num_tracks} "
                f"| {found.seed_spread:.2f} |"
            )


if __name__ == "__main__":
    main()
