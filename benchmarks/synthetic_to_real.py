"""Whether real music without labels helps where all labels are of synthetic songs, for equal steps and several seeds.

Every arm starts from a supervised phase on synthetic songs and then takes the same number of steps: on these pairs
alone; against the paper's critics or modern ones, which hear real drums and real music without drums; with the sum of
the estimates held to real mixes alone (additivity); with consistency between the separator and its average on real
mixes (RemixIT); on mixtures of two real mixes; or on the best two together. "longer" takes as much time on pairs alone
as the slowest of them. Nothing but synthetic songs is ever given with its sources. Real songs are scored after the last
epoch, or with `--best` after the epoch that other real songs chose, of both phases. What was trained already is not
trained again.

`dssgan sweep benchmarks/synthetic_to_real_space.py` on the same songs draws alpha, beta and the kind of critics; what
it finds best is written into `CHOSEN`, which the arms take.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from machine import describe
from semi_supervised import Scored, print_differences, print_scores, score_arms
from synthetic_to_real_space import CRITICS, SETTINGS

from dssgan.data.loading import load_dataset
from dssgan.training.settings import make_config, parse_overrides

CHOSEN: dict[str, dict[str, float]] = {
    "paper": {"alpha": 0.84, "beta": 83.0},
    "modern": {"alpha": 0.011, "beta": 23.0},
}
SLOTS = {"separator.slots": 2}
MIXIT = {"mixit": 1.0}
CONSISTENCY = {"consistency": 1.0}
ARMS: dict[str, Mapping[str, Any]] = {
    "supervised": {"phase_two.epochs": 0},
    "continued": {},
    "longer": {"phase_two.epochs": 3 * SETTINGS["phase_two.epochs"]},
    "consistency": CONSISTENCY,
    "modern": {**CRITICS["modern"], **CHOSEN["modern"]},
    "paper": {**CRITICS["paper"], **CHOSEN["paper"]},
    "additivity": {"beta": CHOSEN["paper"]["beta"]},
    "consistency, paper": {**CONSISTENCY, **CRITICS["paper"], **CHOSEN["paper"]},
    # mixture invariant training needs more estimates than sources, which have to be compared with the same
    "slots": SLOTS,
    "mixit": {**SLOTS, **MIXIT},
    "consistency, mixit": {**SLOTS, **MIXIT, **CONSISTENCY},
}
BASELINES = {"mixit": "slots", "consistency, mixit": "slots"}  # what an arm is compared with; "continued" by default


def main() -> None:
    """Train what is not trained yet, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="labels of synthetic songs, with train_unsup")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=ARMS, action="append", help="only these arms; may be given again")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, one thread each if more than one")
    parser.add_argument("--best", action="store_true", help="score the best epoch by validation, not the last one")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/synthetic_to_real"))
    parser.add_argument("settings", nargs="*", help="KEY=VALUE for all trainings")
    arguments = parser.parse_args()
    dataset = load_dataset(arguments.data)
    configs = {
        (arm, seed): make_config(SETTINGS, parse_overrides(arguments.settings), settings, {"seed": seed})
        for arm, settings in ARMS.items()
        if arm in (arguments.only or ARMS)
        for seed in range(arguments.seeds)
    }
    scored: Scored = "best" if arguments.best else "last"
    results = score_arms(configs, dataset, list(dataset.test), arguments.output, arguments.jobs, scored)
    print(f"\nfrom synthetic songs to real ones, {arguments.seeds} seeds, {len(dataset.test)} songs, {describe()}\n")
    print_scores(results)
    print_differences(results, {arm: BASELINES.get(arm, "continued") for arm in results})


if __name__ == "__main__":
    main()
