"""What each part of an ensemble contributes: its members, its weights per band, its steps."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dssgan.data.dataset import Dataset, unchanged
from dssgan.data.guard import guarded
from dssgan.ensembling.product_scores import band_sdr_of, judged_sources, mean_alone, scored_name, usdr_of
from dssgan.ensembling.validation_songs import ValidationSongs, count_two_passes, products_of, score, validation_alone
from dssgan.errors import DataError, ModelError
from dssgan.inference.device import choose_device
from dssgan.inference.overlap_add import DEFAULT_SETTINGS, SeparationSettings
from dssgan.separators import SeparatorModel
from dssgan.separators.ensemble import Ensemble
from dssgan.separators.loading import StoredEnsemble, find_model
from dssgan.separators.postprocess import STEPS, MixtureConsistency
from dssgan.types import Progress

_STEP_NAMES = {step: name for name, step in STEPS.items()}


@dataclass(frozen=True)
class Explanation:
    """What each part of an ensemble contributes to one source, in dB of SDR.

    Args:
        members: their names in the ensemble's file.
        sources: what the ensemble gives.
        scored: the source that all scores are of; "mean" where they are means over all.
        edges_hz: lower edges of the bands, Hz.
        weights: what each member counts, (sources, members, bands).
        alone: uSDR of each member by itself.
        without: uSDR of the weighted sum where a member is left out and its weights go to the others in proportion.
        weighted_sum: uSDR of the weighted sum with mixture consistency and no other step, the measure of `without`.
        bands: SDR in each band of each member by itself and, last, of the weighted sum, (members + 1, bands).
        steps: uSDR after each stage: the best member, the members' average, the weights, and each post-processing step.
        songs: names of the songs that it sounds in.
        by_song: uSDR of each song after each of `steps` but the first, (songs, steps - 1).
    """

    members: tuple[str, ...]
    sources: tuple[str, ...]
    scored: str
    edges_hz: tuple[float, ...]
    weights: Tensor
    alone: tuple[float, ...]
    without: tuple[float, ...]
    weighted_sum: float
    bands: Tensor
    steps: tuple[tuple[str, float], ...]
    songs: tuple[str, ...]
    by_song: Tensor


def explain_ensemble(
    reference: str | Path,
    dataset: Dataset,
    *,
    device: str = "cpu",
    settings: SeparationSettings = DEFAULT_SETTINGS,
    progress: Progress | None = None,
) -> Explanation:
    """Measure on validation songs what each member, band and step of an ensemble contributes.

    >>> from dssgan import explain_ensemble, load_dataset
    >>> explain_ensemble("default", load_dataset()).members
    ('default/member_1', 'default/member_2')

    Args:
        reference: an ensemble's YAML file, or the name of one that comes with dssgan.
        dataset: its validation partition is used, and only that.
        device: where the members run: "auto", "cpu", "cuda" or "mps".
        settings: how they run.
        progress: called with the songs done and all there are, in both passes.

    Returns:
        The contributions.

    Raises:
        DataError: there is nothing to validate on.
        ModelError: it is no ensemble, or cannot be loaded.
    """
    stored = find_model(reference)
    if not isinstance(stored, StoredEnsemble):
        raise ModelError(f"{reference}: is no ensemble; give its YAML file, or score it: dssgan evaluate {reference}")
    if not dataset.valid:
        raise DataError(f"data set {dataset.name} has no validation tracks (valid) to explain an ensemble on: add some")
    ensemble = stored.assemble()
    dataset = guarded(dataset)
    validation = ValidationSongs(validation_alone(dataset), unchanged, choose_device(device), settings)
    report = count_two_passes(progress, len(dataset.valid))
    bundles = [member.reference for member in stored.members()]
    products = products_of(bundles, validation, map, report, ensemble.edges_hz)
    sources = judged_sources(products, ensemble.sources)
    weights = ensemble.weights.double()
    stages = _stages(ensemble)
    by_song = score(list(stages.values()), validation, sources, map, report, ("usdr",))[1]["usdr"]
    alone = tuple(mean_alone(products, index, sources) for index in range(len(bundles)))

    def usdr(of: Tensor) -> float:
        return float(np.mean([usdr_of(products, of, source) for source in sources]))

    def bands(of: Tensor) -> Tensor:
        return torch.stack([band_sdr_of(products, of, source) for source in sources]).nanmean(dim=0)

    singles = [bands(_only(weights, index)) for index in range(len(bundles))]
    best = max(range(len(bundles)), key=lambda index: alone[index])
    names = tuple(stored.content["members"])
    return Explanation(
        members=names,
        sources=ensemble.sources,
        scored=scored_name(sources, ensemble.sources),
        edges_hz=ensemble.edges_hz,
        weights=ensemble.weights,
        alone=alone,
        without=tuple(usdr(without(weights, index)) for index in range(len(bundles))),
        weighted_sum=usdr(weights),
        bands=torch.stack([*singles, bands(weights)]),
        steps=(
            (f"best member ({names[best]})", alone[best]),
            *zip(stages, by_song.mean(dim=0).tolist(), strict=True),
        ),
        songs=tuple(
            track.name
            for track, song in zip(dataset.valid, products, strict=True)
            if any(song.energy[source] > 0 for source in sources)
        ),
        by_song=by_song,
    )  # fmt: skip


def without(weights: Tensor, member: int) -> Tensor:
    """Take a member's weights away and give them to the others in proportion to their own.

    Args:
        weights: (sources, members, bands).
        member: its number.

    Returns:
        Weights with the same sum over the members; where the others have none, they share equally.
    """
    left = weights.clone()
    left[:, member] = 0
    others = left.sum(dim=1, keepdim=True)
    num_others = weights.shape[1] - 1
    if num_others == 0:
        return left
    equal = torch.ones_like(left)
    equal[:, member] = 0
    shares = torch.where(others > 0, left / others.clamp_min(1e-12), equal / num_others)
    return shares * weights.sum(dim=1, keepdim=True)


def _only(weights: Tensor, member: int) -> Tensor:
    single = torch.zeros_like(weights)
    single[:, member] = 1
    return single


def _stages(ensemble: Ensemble) -> dict[str, Ensemble]:
    """Make the ensembles that differ by one stage each; each ends in mixture consistency, as `dssgan separate` does."""
    members: list[SeparatorModel] = list(ensemble.members)  # type: ignore[arg-type]
    stages = {"members' average": Ensemble(members, steps=[MixtureConsistency()])}
    average = stages["members' average"].weights[..., 0:1]
    if not torch.equal(ensemble.weights, average.expand_as(ensemble.weights)):
        stages["weights"] = Ensemble(
            members, edges_hz=ensemble.edges_hz, weights=ensemble.weights, steps=[MixtureConsistency()]
        )
    steps = [step for step in ensemble.steps if not isinstance(step, MixtureConsistency)]
    for number, step in enumerate(steps, 1):
        stages[f"step {number}: {_STEP_NAMES[type(step)]}"] = Ensemble(
            members, edges_hz=ensemble.edges_hz, weights=ensemble.weights,
            steps=[*steps[:number], MixtureConsistency()],
        )  # fmt: skip
    return {name: stage.eval() for name, stage in stages.items()}
