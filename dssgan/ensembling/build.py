"""Making an ensemble's file from trained separators."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from dssgan.atomic import replacing_folder
from dssgan.data.dataset import Dataset
from dssgan.ensembling.ensemble import Ensemble, Recipe, load_ensemble, save_recipe
from dssgan.ensembling.postprocess import BleedGate
from dssgan.ensembling.stacking import TrackEstimates, choose_members, estimate_tracks, fit_weights, mean_score
from dssgan.errors import ModelError
from dssgan.inference.loading import load_model

# Kick, snare body, snare and tom attack, presence, cymbals.
EDGES_HZ: tuple[float, ...] = (0.0, 150.0, 500.0, 2000.0, 6000.0)
MIN_MEMBERS = 2  # one is no ensemble
GATE_THRESHOLDS_DB = (-30.0, -24.0, -20.0, -16.0, -12.0)
# A gate changes every quiet passage, so it must earn its place.
SMALLEST_GAIN_DB = 0.01


@dataclass(frozen=True)
class Built:
    """An ensemble's file and how its parts scored on validation, first source's uSDR in dB.

    Args:
        path: the YAML file.
        members: the chosen bundles, by their names in the file.
        candidates: score of every candidate by its path.
        average: score of the members' plain average.
        fitted: score of the ensemble as written.
        gate_threshold_db: of the bleed gate, or None where none helped.
    """

    path: Path
    members: dict[str, Path]
    candidates: dict[str, float]
    average: float
    fitted: float
    gate_threshold_db: float | None


def build_ensemble(
    bundles: Sequence[Path],
    dataset: Dataset,
    output: Path,
    *,
    max_members: int = 3,
    plain: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Built:
    """Choose members, fit weights and gate on validation, and write the ensemble beside copies of its members.

    Args:
        bundles: folders of the candidates.
        dataset: its validation partition is used, and only that.
        output: the YAML file; the members are copied into a folder of the same name without the suffix.
        max_members: how many at most.
        plain: average the members and leave it at that.
        progress: called with the separations done and all there are.

    Returns:
        What was written, with its scores.

    Raises:
        DataError: there is nothing to validate on.
        DssganError: the file or the folder cannot be written.
        ModelError: a candidate cannot be loaded, or they do not fit together.
    """
    if not bundles:
        raise ModelError("an ensemble needs at least one trained separator: give bundles or a sweep's folder")
    candidates = [load_model(bundle) for bundle in bundles]
    Ensemble(candidates)  # says at once when they do not fit together
    tracks = estimate_tracks(candidates, dataset, progress=progress)
    single = {
        str(bundle): mean_score(tracks, lambda track, index=index: track.estimates[index])  # type: ignore[misc]
        for index, bundle in enumerate(bundles)
    }
    chosen, average = choose_members(tracks, max_members, min_members=min(MIN_MEMBERS, max_members))
    first = candidates[0]
    edges_hz: tuple[float, ...] = (0.0,) if plain else EDGES_HZ
    weights, threshold_db = None, None
    if not plain:
        weights = fit_weights(tracks, chosen, edges_hz, first.sample_rate)
        fitted_members = Ensemble([candidates[index] for index in chosen], edges_hz=edges_hz, weights=weights)
        threshold_db = _choose_gate(tracks, fitted_members, chosen)

    names = {f"member_{place}": bundles[index] for place, index in enumerate(chosen, 1)}
    folder = output.with_suffix("")
    steps: list[dict[str, object]] = []
    if threshold_db is not None:
        steps.append({"name": "bleed_gate", "threshold_db": threshold_db, "sample_rate": first.sample_rate})
    steps.append({"name": "mixture_consistency"})
    by_source = None
    if weights is not None:
        by_source = {
            source: [[round(weight, 4) for weight in member] for member in of_members]
            for source, of_members in zip(first.sources, weights.tolist(), strict=True)
        }
    recipe = Recipe.model_validate({
        "members": [f"{folder.name}/{name}" for name in names],
        "edges_hz": list(edges_hz),
        "weights": by_source,
        "postprocess": steps,
    })  # fmt: skip
    ensemble = recipe.assemble([candidates[index] for index in chosen])
    fitted = mean_score(tracks, lambda track: _combine(ensemble, track, chosen))
    recipe.origin = {
        "data": dataset.name,
        "data_fingerprint": dataset.fingerprint,
        "licence": dataset.licence,
        "rights": [asdict(rights) for rights in dataset.rights],
        "validation_usdr_db": {
            **{name: round(single[str(bundle)], 2) for name, bundle in names.items()},
            "average": round(average, 2),
            "ensemble": round(fitted, 2),
        },
    }
    with replacing_folder(folder) as temporary:
        for name, bundle in names.items():
            shutil.copytree(bundle, temporary / name)
    save_recipe(output, recipe)
    load_ensemble(output)  # what was written must load
    return Built(output, names, single, average, fitted, threshold_db)


def _choose_gate(tracks: Sequence[TrackEstimates], ensemble: Ensemble, chosen: Sequence[int]) -> float | None:
    best, best_threshold = mean_score(tracks, lambda track: _combine(ensemble, track, chosen)), None
    for threshold_db in GATE_THRESHOLDS_DB:
        gate = BleedGate(threshold_db=threshold_db, sample_rate=ensemble.sample_rate)
        gated = Ensemble(list(ensemble.members), edges_hz=ensemble.edges_hz, weights=ensemble.weights, steps=[gate])  # type: ignore[arg-type]
        score = mean_score(tracks, lambda track, gated=gated: _combine(gated, track, chosen))  # type: ignore[misc]
        if score > best + SMALLEST_GAIN_DB:
            best, best_threshold = score, threshold_db
    return best_threshold


def _combine(ensemble: Ensemble, track: TrackEstimates, chosen: Sequence[int]) -> Tensor:
    """Combine estimates that are there already."""
    with torch.inference_mode():
        return ensemble.combine(track.estimates[list(chosen)].unsqueeze(1), track.mix.unsqueeze(0))[0]
