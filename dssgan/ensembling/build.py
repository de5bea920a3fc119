"""Making an ensemble's file from trained separators."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import Tensor, nn

from dssgan.atomic import replacing_folder
from dssgan.data.dataset import Dataset, Localise, unchanged
from dssgan.data.guard import guarded
from dssgan.data.rights import share_alike
from dssgan.data.seen_recordings import FILE as LEARNT_FROM
from dssgan.ensembling.stacking import choose, leave_one_out, monitored_source, score_alone
from dssgan.ensembling.validation_songs import (
    EDGES_HZ,
    ValidationSongs,
    count_two_passes,
    products_of,
    score,
    validation_alone,
)
from dssgan.errors import DataError, ModelError, WriteError
from dssgan.inference.device import choose_device
from dssgan.inference.overlap_add import DEFAULT_SETTINGS, SeparationSettings
from dssgan.parallel.processes import MapUnordered
from dssgan.separators import SeparatorModel
from dssgan.separators.ensemble import Ensemble, Recipe, in_step, save_recipe
from dssgan.separators.loading import StoredEnsemble, StoredExternal, find_model, is_kept, without_copies
from dssgan.separators.postprocess import BleedGate, MixtureConsistency
from dssgan.types import Progress

MIN_MEMBERS = 2  # one is no ensemble
GATE_THRESHOLDS_DB = (-30.0, -24.0, -20.0, -16.0, -12.0)
# A gate changes every quiet passage, so it must improve the score clearly.
SMALLEST_GAIN_DB = 0.01


@dataclass(frozen=True)
class EnsembleReport:
    """An ensemble's file and how its parts scored on validation, uSDR in dB of the first source that has any sound.

    Args:
        path: the YAML file.
        members: the chosen candidates, by their names in the file.
        candidates: score of every candidate by its path, as `dssgan separate` runs it.
        average: score of the members' average, likewise.
        fitted: score of the ensemble as written, likewise; its weights were fitted on these very songs.
        left_out: its score where each song is left out in turn from all that is chosen and fitted; None where there are
            fewer than two songs.
        gate_threshold_db: threshold of the bleed gate; None where none helped.
    """

    path: Path
    members: dict[str, str | Path]
    candidates: dict[str, float]
    average: float
    fitted: float
    left_out: float | None
    gate_threshold_db: float | None


def build_ensemble(
    bundles: Sequence[str | Path],
    dataset: Dataset,
    output: Path | str,
    *,
    max_members: int = 3,
    plain: bool = False,
    map_unordered: MapUnordered = map,
    localise: Localise = unchanged,
    device: str = "cpu",
    settings: SeparationSettings = DEFAULT_SETTINGS,
    progress: Progress | None = None,
) -> EnsembleReport:
    """Choose members, fit weights and gate on validation, and write the ensemble beside copies of its members.

    One song is in memory at a time, and of its estimates a few seconds; what is kept of a song is a small matrix.

    >>> from dssgan import build_ensemble, load_dataset, make_config, train
    >>> small = {"name": "unet", "num_layers": 2, "num_initial_filters": 2, "n_fft": 512, "hop_samples": 256}
    >>> one_step = {"steps_per_epoch": 1, "phase_one.epochs": 1, "phase_two.epochs": 0, "segment_seconds": 1.0}
    >>> settings = {"separator": small, "validation_seconds": 2.0, "media": False, **one_step}
    >>> configs = [make_config(settings, {"seed": seed}) for seed in range(2)]
    >>> bundles = [train(config, load_dataset(), f"runs/{config.phase_one.seed}").bundle for config in configs]
    >>> build_ensemble(bundles, load_dataset(), "mine.yaml").path.as_posix()
    'mine.yaml'

    Args:
        bundles: the candidates: bundles' folders, or third-party separators such as "demucs:htdemucs". Of those that
            compute the same, the first is one.
        dataset: its validation partition is used, and only that.
        output: the YAML file; the members are copied into a folder of the same name without the suffix, but for those
            that can be downloaded by name, and stems.
        max_members: how many at most.
        plain: average the members and leave it at that.
        map_unordered: how to work on the songs, such as `cluster_map("auto")`.
        localise: returns the data set with files of the machine that works on a song.
        device: where the separators run: "auto", "cpu", "cuda" or "mps".
        settings: how they run; `dssgan separate` is best run alike.
        progress: called with the songs done and all there are, in both passes.

    Returns:
        What was written, with its scores.

    Raises:
        DataError: there is nothing to validate on.
        WriteError: the file or the folder cannot be written, or the folder holds something else.
        ModelError: a candidate cannot be loaded, or they do not fit together.
    """
    if not bundles:
        raise ModelError("an ensemble needs at least one trained separator: give bundles or a sweep's folder")
    if not dataset.valid:
        raise DataError(f"data set {dataset.name} has no validation tracks (valid) to fit an ensemble on: add some")
    output = Path(output)
    folder = _members_folder(output)
    dataset = guarded(dataset)
    bundles = list(without_copies(bundles))
    report = count_two_passes(progress, len(dataset.valid))
    validation = ValidationSongs(validation_alone(dataset), localise, choose_device(device), settings)
    songs = products_of(bundles, validation, map_unordered, report)
    source = monitored_source(songs)
    single = {str(bundle): score_alone(songs, index, source) for index, bundle in enumerate(bundles)}
    choice = choose(songs, max_members, min_members=MIN_MEMBERS)
    chosen = list(choice.members)
    members = in_step([validation.load_model(bundles[index]) for index in chosen])
    left_out = leave_one_out(songs, max_members, min_members=MIN_MEMBERS)
    # fitted weights must be better on songs that they were not fitted on
    fits = not plain and (left_out is None or left_out[1] > left_out[0])
    variants = _variants(
        members, choice.average[:, chosen].float(), choice.fitted[:, chosen].float() if fits else None, gates=not plain
    )
    scores = score([variant.ensemble for variant in variants], validation, source, map_unordered, report)
    means = scores.mean(dim=0).tolist()
    best, gate_gain = _best(variants, scores)
    honest = None if left_out is None else left_out[fits] + gate_gain

    names = {f"member_{number}": bundles[index] for number, index in enumerate(chosen, 1)}
    stored = {name: find_model(bundle) for name, bundle in names.items()}
    origin: dict[str, object] = {
        "data": dataset.name,
        "data_fingerprint": dataset.fingerprint,
        "licence": dataset.licence,
        "credits": list(dataset.credits),
        "share_alike": list(share_alike((dataset.licence or "", *dataset.credits))),
        "rights": [asdict(rights) for rights in dataset.rights],
        "validation_usdr_db": {
            **{name: round(single[str(bundle)], 2) for name, bundle in names.items()},
            "average": round(means[0], 2),
            "ensemble": round(means[best], 2),
            **({} if honest is None else {"each song left out": round(honest, 2)}),
        },
    }
    third_party = {name: one.origins()[0] for name, one in stored.items() if isinstance(one, StoredExternal)}
    if third_party:
        origin["by_others"] = {name: {key: of[key] for key in ("name", "licence")} for name, of in third_party.items()}
    with replacing_folder(folder) as temporary:
        members_at = [one.keep(temporary / name, f"{folder.name}/{name}") for name, one in stored.items()]
        # what it was fitted on; what the members learnt from is recorded in their own folders
        guarded(validation.dataset).learnt_from.save(temporary)
    recipe = _recipe(variants[best], members_at)
    recipe.origin = origin
    save_recipe(output, recipe)
    StoredEnsemble(output).load()  # what was written must load
    threshold_db = variants[best].gate_threshold_db
    return EnsembleReport(output, names, single, means[0], means[best], honest, threshold_db)


def _members_folder(output: Path) -> Path:
    """Return the folder that the members are copied into, if nothing else is lost by that.

    Raises:
        WriteError: it holds something else than an ensemble's members, or the file's name does not end in .yaml.
    """
    if output.suffix not in (".yaml", ".yml"):
        raise WriteError(f"{output}: is no name for an ensemble's file; give one that ends in .yaml")
    folder = output.with_suffix("")
    if folder.exists():
        others = [] if not folder.is_dir() else [path.name for path in folder.iterdir() if not _is_ours(path)]
        if others or not folder.is_dir():
            raise WriteError(
                f"{folder}: the members would be copied there, and it holds something else"
                f"{f' ({sorted(others)[0]})' if others else ''}; choose another name for the file"
            )
    return folder


def _is_ours(path: Path) -> bool:
    return path.name == LEARNT_FROM or (path.name.startswith("member_") and is_kept(path))


@dataclass(frozen=True)
class _Variant:
    """One of the ensembles to choose from.

    Args:
        ensemble: the ensemble.
        gate_threshold_db: threshold of its bleed gate; None where it has none.
    """

    ensemble: Ensemble
    gate_threshold_db: float | None = None


def _variants(
    members: Sequence[SeparatorModel], average: Tensor, fitted: Tensor | None, *, gates: bool
) -> list[_Variant]:
    """Make the ensembles to choose from: the average, the fitted weights if any, and the last of these with gates."""

    def ensemble(edges_hz: tuple[float, ...], weights: Tensor, *gates: nn.Module) -> Ensemble:
        return Ensemble(members, edges_hz=edges_hz, weights=weights, steps=[*gates, MixtureConsistency()])

    weightings: list[tuple[tuple[float, ...], Tensor]] = [((0.0,), average[..., :1])]
    if fitted is not None:
        weightings.append((EDGES_HZ, fitted))
    variants = [_Variant(ensemble(*weighting)) for weighting in weightings]
    for threshold_db in GATE_THRESHOLDS_DB if gates else ():
        gate = BleedGate(threshold_db=threshold_db, sample_rate=members[0].sample_rate)
        variants.append(_Variant(ensemble(*weightings[-1], gate), threshold_db))
    return variants


def _best(variants: Sequence[_Variant], scores: Tensor) -> tuple[int, float]:
    """Choose the last variant without a gate, or the gate that helps most, if gates chosen on other songs help.

    Args:
        variants: as `_variants` makes them.
        scores: (songs, variants), dB.

    Returns:
        Index of a variant, and the gain by its gate on songs that did not choose it, dB.
    """
    gated = [index for index, variant in enumerate(variants) if variant.gate_threshold_db is not None]
    plain = len(variants) - len(gated) - 1
    if not gated:
        return plain, 0.0
    gains = scores[:, gated] - scores[:, [plain]]  # (songs, gates)
    gate = int(gains.mean(dim=0).argmax())
    gain = float(gains[:, gate].mean())
    if len(gains) > 1:
        others = (gains.sum(dim=0) - gains) / (len(gains) - 1)  # the mean without each song
        gain = float(gains.gather(1, others.argmax(dim=1, keepdim=True)).mean())
    if min(gain, float(gains[:, gate].mean())) > SMALLEST_GAIN_DB:
        return gated[gate], gain
    return plain, 0.0


def _recipe(variant: _Variant, members: list[str]) -> Recipe:
    ensemble, threshold_db = variant.ensemble, variant.gate_threshold_db
    steps: list[dict[str, object]] = []
    if threshold_db is not None:
        steps.append({"name": "bleed_gate", "threshold_db": threshold_db, "sample_rate": ensemble.sample_rate})
    steps.append({"name": "mixture_consistency"})
    weights = {
        source: [[round(weight, 4) for weight in member] for member in of_members]
        for source, of_members in zip(ensemble.sources, ensemble.weights.tolist(), strict=True)
    }
    return Recipe.model_validate({
        "members": members, "edges_hz": list(ensemble.edges_hz), "weights": weights, "postprocess": steps,
    })  # fmt: skip
