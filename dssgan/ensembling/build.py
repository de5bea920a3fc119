"""Making an ensemble's file from trained separators."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from dssgan.atomic import replacing_folder
from dssgan.data.dataset import Dataset, Localise, unchanged
from dssgan.data.guard import guarded
from dssgan.data.rights import share_alike
from dssgan.data.seen_recordings import FILE as LEARNT_FROM
from dssgan.ensembling.fitting import FEWEST_GROUPS, TOLERANCE_DB, Decision, FittingSongs, Plan, decide, make
from dssgan.ensembling.product_scores import judged_sources, mean_alone, scored_name
from dssgan.ensembling.products import SongProducts
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
from dssgan.metrics.catalogue import Monitored
from dssgan.parallel.processes import MapUnordered
from dssgan.separators import SeparatorModel
from dssgan.separators.ensemble import Ensemble, Recipe, in_step, save_recipe
from dssgan.separators.loading import StoredEnsemble, StoredExternal, find_model, is_kept, without_copies
from dssgan.separators.postprocess import BleedGate, MixtureConsistency
from dssgan.types import DRUMS, Progress

# A gate changes every quiet passage, so it must improve the score clearly.
SMALLEST_GAIN_DB = 0.01
GATE_THRESHOLDS_DB = (-30.0, -24.0, -20.0, -16.0, -12.0)


@dataclass(frozen=True)
class EnsembleReport:
    """An ensemble's file and how its parts scored on validation, uSDR in dB.

    It is of the drums, or of the first source that has any sound where they have none; where no source is called drums,
    the mean over all.

    Scores are means over groups of songs.

    Args:
        path: the YAML file.
        members: the chosen candidates, by their names in the file.
        candidates: score of every candidate by its path, as `dssgan separate` runs it.
        best: score of the best candidate alone, likewise.
        fitted: score of the ensemble as written, likewise; what was chosen and fitted was on these very songs.
        left_out: score of the ensemble and of the best candidate where each group is left out in turn from all that is
            chosen and fitted; None where there are too few groups to fit on.
        source: that source, or "mean".
        num_groups: groups of songs in which it sounds.
        plan: what was made: the best candidate, an average, or fitted weights.
        gate_threshold_db: threshold of the bleed gate; None where none helped.
    """

    path: Path
    members: dict[str, str | Path]
    candidates: dict[str, float]
    best: float
    fitted: float
    left_out: tuple[float, float] | None
    source: str
    num_groups: int
    plan: Plan
    gate_threshold_db: float | None

    @property
    def verdict(self) -> str:
        """A sentence on what was made of the candidates, and why."""
        made = {
            "best": "the best candidate alone", "average": f"the average of {len(self.members)} members",
            "fitted": f"fitted weights of {len(self.members)} members",
        }[self.plan.kind]  # fmt: skip
        gate = "" if self.gate_threshold_db is None else f", with a gate at {self.gate_threshold_db:.0f} dB"
        if self.left_out is None:
            groups = f"{self.num_groups} song{'' if self.num_groups == 1 else 's or records'}"
            return f"{made}: {groups} to fit on, where {FEWEST_GROUPS} are the fewest; so it is the best or the average"
        groups = f"on songs left out, of {self.num_groups} groups"
        if self.plan.kind == "best" and not gate:
            return f"{made}: nothing that was added to it was better {groups}"
        gain = self.left_out[0] - self.left_out[1]
        return f"{made}{gate}: {gain:+.2f} dB against the best candidate {groups}"


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
    groups = [track.sample for track in dataset.valid]
    sources = judged_sources(songs, dataset.sources)
    sounding = [number for number, song in enumerate(songs) if any(song.energy[source] > 0 for source in sources)]
    alone = [[mean_alone([songs[number]], index, sources) for index in range(len(bundles))] for number in sounding]
    of_groups = _by_group(torch.tensor(alone, dtype=torch.float64), [groups[number] for number in sounding])
    single = dict(zip(map(str, bundles), of_groups.mean(dim=0).tolist(), strict=True))
    decision = (
        _plain_average(songs, groups, sources, max_members) if plain else decide(songs, groups, max_members, sources)
    )
    chosen = _members_of(decision)
    members = in_step([validation.load_model(bundles[index]) for index in chosen])
    # a gate is for what leaked into drums; pieces of a kit are struck together
    gates = not plain and decision.num_groups >= FEWEST_GROUPS and DRUMS in dataset.sources
    variants = _variants(members, [weights[:, chosen].float() for weights in decision.weights], gates=gates)
    numbers, scores = score([variant.ensemble for variant in variants], validation, sources, map_unordered, report)
    judged = {name: _by_group(values, [groups[number] for number in numbers]) for name, values in scores.items()}
    best, gate_gain = _choose_variant(variants, judged)
    means = judged["usdr"].mean(dim=0).tolist()
    step = variants[best].step
    honest = None
    if decision.left_out is not None:
        left_out = decision.left_out.mean(axis=1)
        honest = float(left_out[step]) + gate_gain, float(left_out[0])
    chosen, variant = _without_idle(chosen, variants[best])

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
            "best candidate": round(means[0], 2),
            "ensemble": round(means[best], 2),
            **({} if honest is None else {"each group left out": round(honest[0], 2)}),
        },
    }
    third_party = {name: one.origins()[0] for name, one in stored.items() if isinstance(one, StoredExternal)}
    if third_party:
        origin["by_others"] = {name: {key: of[key] for key in ("name", "licence")} for name, of in third_party.items()}
    with replacing_folder(folder) as temporary:
        members_at = [one.keep(temporary / name, f"{folder.name}/{name}") for name, one in stored.items()]
        # what it was fitted on; what the members learnt from is recorded in their own folders
        guarded(validation.dataset).learnt_from.save(temporary)
    recipe = _recipe(variant, members_at)
    recipe.origin = origin
    save_recipe(output, recipe)
    StoredEnsemble(output).load()  # what was written must load
    return EnsembleReport(
        output, names, single, means[0], means[best], honest,
        scored_name(sources, dataset.sources), decision.num_groups,
        decision.steps[step], variant.gate_threshold_db,
    )  # fmt: skip


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


def _plain_average(
    songs: Sequence[SongProducts], groups: Sequence[str], sources: Sequence[int], max_members: int
) -> Decision:
    """Return the average of the candidates that average best, at least two of them, whatever it gains."""
    fitting = FittingSongs(songs, groups, sources)
    plan = Plan("average", min(max_members, fitting.num_candidates))
    weights = make(fitting, plan)
    if np.count_nonzero(weights[0, :, 0]) < 2 <= plan.num_members:
        weights = fitting.average(fitting.best_pair())
    return Decision((plan,), (torch.from_numpy(weights),), None, len(fitting.groups))


def _members_of(decision: Decision) -> list[int]:
    """Return the candidates that have a weight in any step, the first step's first."""
    used = [step.abs().sum(dim=(0, 2)) > 0 for step in decision.weights]
    return list(dict.fromkeys(int(index) for step in used for index in step.nonzero().flatten()))


def _by_group(scores: Tensor, groups: Sequence[str]) -> Tensor:
    """Return the means over the songs of each group, (groups, variants)."""
    names = list(dict.fromkeys(groups))
    return torch.stack([
        scores[[index for index, group in enumerate(groups) if group == name]].nanmean(dim=0) for name in names
    ])  # fmt: skip


@dataclass(frozen=True)
class _Variant:
    """One of the ensembles to choose from.

    Args:
        ensemble: the ensemble.
        step: number of the decision's step.
        gate_threshold_db: threshold of its bleed gate; None where it has none.
    """

    ensemble: Ensemble
    step: int
    gate_threshold_db: float | None = None


def _variants(members: Sequence[SeparatorModel], steps: Sequence[Tensor], *, gates: bool) -> list[_Variant]:
    """Make the ensembles to choose from: of each step, and of each with gates."""

    def ensemble(weights: Tensor, *gates: nn.Module) -> Ensemble:
        even = bool((weights == weights[..., :1]).all())
        edges_hz, weights = ((0.0,), weights[..., :1]) if even else (EDGES_HZ, weights)
        return Ensemble(members, edges_hz=edges_hz, weights=weights, steps=[*gates, MixtureConsistency()])

    variants = [_Variant(ensemble(weights), step) for step, weights in enumerate(steps)]
    for threshold_db in GATE_THRESHOLDS_DB if gates else ():
        gate = BleedGate(threshold_db=threshold_db, sample_rate=members[0].sample_rate)
        variants += [_Variant(ensemble(weights, gate), step, threshold_db) for step, weights in enumerate(steps)]
    return variants


def _choose_variant(variants: Sequence[_Variant], scores: Mapping[str, Tensor]) -> tuple[int, float]:
    """Choose the last step that costs no more than is allowed, and a gate if gates chosen on other groups help.

    Args:
        variants: as `_variants` makes them.
        scores: of `JUDGED`, (groups, variants), dB.

    Returns:
        Index of a variant, and the gain by its gate on groups that did not choose it, dB.
    """
    plain = [index for index, variant in enumerate(variants) if variant.gate_threshold_db is None]
    chosen = next((index for index in reversed(plain) if _is_harmless(scores, index, plain[0])), plain[0])
    step = variants[chosen].step
    gated = [index for index, one in enumerate(variants) if one.gate_threshold_db is not None and one.step == step]
    if not gated or len(scores["usdr"]) < 2:
        return chosen, 0.0
    gains = scores["usdr"][:, gated] - scores["usdr"][:, [chosen]]  # (groups, gates)
    gate = int(gains.mean(dim=0).argmax())
    others = (gains.sum(dim=0) - gains) / (len(gains) - 1)  # the mean without each group
    gained = gains.gather(1, others.argmax(dim=1, keepdim=True)).flatten()
    error = float(gained.std()) / len(gained) ** 0.5
    if float(gained.mean()) > max(error, SMALLEST_GAIN_DB) and _is_harmless(scores, gated[gate], chosen):
        return gated[gate], float(gained.mean())
    return chosen, 0.0


def _is_harmless(scores: Mapping[str, Tensor], index: int, before: int) -> bool:
    """Whether a variant costs no more than is allowed of any other score."""
    costs = {
        name: Monitored(name).sign * float((scores[name][:, before] - scores[name][:, index]).nanmean())
        for name in TOLERANCE_DB
    }
    return not any(costs[name] > limit for name, limit in TOLERANCE_DB.items())  # NaN where none has a score


def _without_idle(chosen: Sequence[int], variant: _Variant) -> tuple[list[int], _Variant]:
    """Leave out members that have no weight in what was chosen."""
    ensemble = variant.ensemble
    used = [index for index in range(len(chosen)) if bool(ensemble.weights[:, index].any())]
    steps = list(ensemble.steps)
    members = [ensemble.members[index] for index in used]
    smaller = Ensemble(members, edges_hz=ensemble.edges_hz, weights=ensemble.weights[:, used], steps=steps)  # type: ignore[arg-type]
    return [chosen[index] for index in used], replace(variant, ensemble=smaller)


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
