"""Which ensemble to make of some candidates: each step beyond the best of them has to prove itself on songs left out.

A step is one more member of an average, or weights that are fitted. It is taken where leaving each group of songs in
turn out of all that is chosen and fitted gains more than the standard error of that gain, and costs no more SI-SAR than
`TOLERANCE_DB` says: little data otherwise buys a gain on the songs at hand with a loss on all others.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls
from torch import Tensor

from dssgan.ensembling.product_scores import error_map, monitored_source
from dssgan.ensembling.products import SongProducts

FEWEST_GROUPS = 3  # of fewer nothing can be learnt about songs left out
# what a step may cost of other scores, dB
TOLERANCE_DB = {"si_sar": 0.3, "onset_sdr": 0.1, "attack_error": 0.2}

_PICKS_A_MEMBER = 3  # repeating a member is how the average gets weights
_CLEAR_GAIN_DB = 0.1  # of an average over the best candidate where groups are too few to fit on
_RIDGES = (0.03, 0.3, 3.0)
_SHARES = (0.0, 0.5, 1.0)  # of the average in what weights are drawn to; the rest is the best candidate
_USUAL = (0.3, 0.5)  # where groups are too few to choose a ridge and a share
_SILENCE = 1e-6  # energy of a source in a band

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """A kind of ensemble.

    Attributes:
        kind: "best", "average" or "fitted".
        num_members: how many different candidates at most.
    """

    kind: str
    num_members: int = 1


BEST = Plan("best")


@dataclass(frozen=True)
class Decision:
    """What to make of the candidates.

    Attributes:
        steps: the plans that were taken one after the other; the first is `BEST`.
        weights: of each of them, fitted on all songs: (sources, candidates, bands).
        left_out: uSDR of each of them on groups left out in turn, (steps, groups), dB; None where there are too few
            groups to fit on, or nothing was asked of them.
        num_groups: groups of songs in which a scored source sounds.
    """

    steps: tuple[Plan, ...]
    weights: tuple[Tensor, ...]
    left_out: Array | None
    num_groups: int


class FittingSongs:
    """Validation songs as what choosing and fitting needs: how every error depends on the weights.

    Args:
        songs: products of songs, all with the same candidates.
        groups: the group of each.
        sources: numbers of the sources whose mean is scored; None for the first that sounds.

    Raises:
        DataError: all sources are silent in all songs.
    """

    def __init__(
        self, songs: Sequence[SongProducts], groups: Sequence[str], sources: Sequence[int] | None = None
    ) -> None:
        scored = (monitored_source(songs),) if sources is None else tuple(sources)
        self.num_sources, self.num_candidates = songs[0].num_sources, songs[0].num_candidates
        self.num_bands = len(songs[0].gram)
        self._songs = [_Song(one, group, scored) for one, group in zip(songs, groups, strict=True)]
        self.groups = tuple(dict.fromkeys(song.group for song in self._songs if song.sounds))
        self._known: dict[tuple[int, ...], list[tuple[Array, Array]]] = {}

    def subset(self, groups: Iterable[str]) -> "FittingSongs":
        """Return the songs of some groups alone."""
        kept = set(groups)
        part = object.__new__(FittingSongs)
        part.__dict__.update(self.__dict__, groups=tuple(group for group in self.groups if group in kept), _known={})
        part._songs = [song for song in self._songs if song.group in kept]
        return part

    def without(self, group: str) -> "FittingSongs":
        """Return the songs of all other groups."""
        return self.subset(one for one in self.groups if one != group)

    def _scores(self, weights: Array, score: Callable[["_Song", Array], float]) -> Array:
        flat = weights.transpose(2, 1, 0).reshape(self.num_bands, -1)
        return self._by_group([score(song, flat) for song in self._songs if song.sounds])

    def usdr(self, weights: Array) -> Array:
        """Return the uSDR of weights, (sources, candidates, bands), on each group, (groups,), dB."""
        return self._scores(weights, _Song.usdr)

    def si_sar(self, weights: Array) -> Array:
        """Return the SI-SAR of weights, likewise."""
        return self._scores(weights, _Song.si_sar)

    def _by_group(self, of_songs: Sequence[Any]) -> Array:
        sounding = [song for song in self._songs if song.sounds]
        return np.array([
            np.mean([one for one, song in zip(of_songs, sounding, strict=True) if song.group == group], axis=0)
            for group in self.groups
        ])  # fmt: skip

    def _equations(self, columns: tuple[int, ...]) -> list[tuple[Array, Array]]:
        """Return A and c of w A w - 2 c w, the sum over songs, for each band; each group counts as one."""
        if columns not in self._known:
            sizes = Counter(song.group for song in self._songs)
            shares = np.array([1 / sizes[song.group] for song in self._songs])
            rows, across = np.ix_(columns, columns)
            matrices = np.einsum(
                "s,sbij->bij", shares, np.stack([song.normal[:, rows, across] for song in self._songs])
            )
            targets = -np.einsum("s,sbi->bi", shares, np.stack([song.pull[:, columns] for song in self._songs]))
            self._known[columns] = list(zip(matrices, targets, strict=True))
        return self._known[columns]

    def _average_usdr(self, shares: Array) -> Array:
        """Return the uSDR of averages, (averages, candidates) of shares, mean over groups, (averages,), dB."""
        means: Array = self._by_group([song.average_usdr(shares) for song in self._songs if song.sounds]).mean(axis=0)
        return means

    def best_candidate(self) -> int:
        """Return the candidate that scores best alone, mean over groups."""
        return int(self._average_usdr(np.eye(self.num_candidates)).argmax())

    def best_pair(self) -> tuple[int, int]:
        """Return the best candidate and the one that averages best with it, of two candidates at least."""
        each, best = np.eye(self.num_candidates), self.best_candidate()
        scores = self._average_usdr((each + each[best]) / 2)
        scores[best] = -np.inf
        return best, int(scores.argmax())

    def greedy(self, num_members: int) -> list[int]:
        """Pick candidates greedily: each time the one whose addition raises the average's score most.

        Source: Caruana et al., "Ensemble selection from libraries of models", ICML 2004, sections 2 and 2.1, with
        replacement: a candidate that is picked twice counts twice in the average.

        Args:
            num_members: how many different ones at most.

        Returns:
            Numbers of the candidates in the order they were picked.
        """
        picks: list[int] = []
        counts = np.zeros(self.num_candidates)
        best = -np.inf
        while len(picks) < _PICKS_A_MEMBER * num_members:
            full = len(set(picks)) >= num_members
            allowed = np.array([not full or index in picks for index in range(self.num_candidates)])
            tried = (counts + np.eye(self.num_candidates)) / (len(picks) + 1)
            means = self._average_usdr(tried)
            means[~allowed] = -np.inf
            index = int(means.argmax())
            if means[index] <= best:
                break
            picks.append(index)
            counts[index] += 1
            best = float(means[index])
        return picks

    def average(self, picks: Sequence[int]) -> Array:
        """Return the weights of an average in which a candidate counts as often as it was picked."""
        share = np.bincount(list(picks), minlength=self.num_candidates) / len(picks)
        return np.broadcast_to(share[None, :, None], (self.num_sources, self.num_candidates, self.num_bands)).copy()

    def fit(self, members: Sequence[int], prior: Array, ridge: float) -> Array:
        """Fit members' weights in each band by non-negative ridge regression on the sources.

        For one band, with w the weights of all members' estimates of all sources and e_s(w) the error of source s after
        mixture consistency, minimise over w >= 0

            sum_s |e_s(w)|^2 / |s|^2 + r trace(A) / n |w - w_0|^2

        where A is the first term's matrix and n its size. A band with little to go by keeps w_0. Every group and source
        counts alike. Source: Breiman, "Stacked regressions", 1996.

        Args:
            members: candidates that may have a weight.
            prior: w_0, (sources, candidates, bands).
            ridge: r.

        Returns:
            Weights, (sources, candidates, bands); 0 for all that are no members.
        """
        columns = [member * self.num_sources + source for member in members for source in range(self.num_sources)]
        weights = np.zeros((self.num_bands, self.num_candidates * self.num_sources))
        before = prior.transpose(2, 1, 0).reshape(self.num_bands, -1)
        for band, (matrix, target) in enumerate(self._equations(tuple(columns))):
            scale = np.trace(matrix) / len(columns)
            if scale <= 0:
                weights[band] = before[band]  # this band is silent
                continue
            ridged = max(ridge, 1e-9) * scale  # a trace of ridge parts members that are the same
            # |L^T w - L^-1 c|^2 has the same minimum as w^T A w - 2 c^T w where A = L L^T
            lower = np.linalg.cholesky(matrix + ridged * np.eye(len(columns)))
            found = nnls(lower.T, np.linalg.solve(lower, target + ridged * before[band][columns]))[0]
            weights[band, columns] = found
        return weights.reshape(self.num_bands, self.num_candidates, self.num_sources).transpose(2, 1, 0)


class _Song:
    """How a song's errors depend on weights, flat by band: candidate by candidate, source by source."""

    def __init__(self, products: SongProducts, group: str, sources: Sequence[int]) -> None:
        self.group = group
        self._sources = [source for source in sources if products.energy[source] > 0]
        self.sounds = bool(self._sources)
        self._energy = products.energy.tolist()
        self._gram = products.gram.double().numpy()  # (bands, signals, signals)
        self._num_sources, self._num_candidates = products.num_sources, products.num_candidates
        maps = [error_map(self._num_sources, self._num_candidates, index) for index in range(self._num_sources)]
        self._maps = [(transform.numpy(), offset.numpy()) for transform, offset in maps]
        count = self._num_sources * self._num_candidates
        size = self._gram.shape[0], count
        self.normal, self.pull = np.zeros((*size, count)), np.zeros(size)
        for index in range(self._num_sources):
            of_source = self._gram[:, count + index, count + index]
            heard = of_source > _SILENCE  # silence says nothing about weights
            scale = np.where(heard, 1 / np.maximum(of_source, _SILENCE), 0)
            matrix, vector, _ = self._form(index)
            self.normal += scale[:, None, None] * matrix
            self.pull += scale[:, None] * vector
        self._own = [self._form(source) for source in self._sources]

    def _form(self, source: int) -> tuple[Array, Array, Array]:
        """Return a source's error as w A w + 2 b w + c for each band."""
        transform, offset = self._maps[source]
        mapped = self._gram @ transform  # (bands, signals, weights)
        return transform.T @ mapped, offset @ mapped, (self._gram @ offset) @ offset

    @cached_property
    def _average_forms(self) -> list[tuple[Array, Array, float]]:
        """Return the errors as forms of one weight for each candidate."""
        shape = (self._num_candidates, self._num_sources)
        forms = []
        for own in self._own:
            matrix, vector, constant = (part.sum(axis=0) for part in own)
            summed = matrix.reshape(*shape, *shape).sum(axis=(1, 3)), vector.reshape(shape).sum(axis=1)
            forms.append((*summed, float(constant)))
        return forms

    def average_usdr(self, shares: Array) -> Array:
        """Score averages, (averages, candidates) of shares, dB."""
        scores = []
        for source, (matrix, vector, constant) in zip(self._sources, self._average_forms, strict=True):
            error = np.einsum("ai,ij,aj->a", shares, matrix, shares) + 2 * shares @ vector + constant
            scores.append(10 * np.log10(self._energy[source] / np.maximum(error, 1e-30)))
        means: Array = np.mean(scores, axis=0)
        return means

    def usdr(self, flat: Array) -> float:
        """Score weights, (bands, weights), dB."""
        scores = []
        for source, (matrix, vector, constant) in zip(self._sources, self._own, strict=True):
            error = np.einsum("bi,bij,bj->", flat, matrix, flat) + 2 * (flat * vector).sum() + constant.sum()
            scores.append(10 * np.log10(self._energy[source] / max(float(error), 1e-30)))
        return float(np.mean(scores))

    def si_sar(self, flat: Array) -> float:
        """Score weights, (bands, weights), as `dssgan.metrics.scale_invariant` does, dB."""
        return float(np.mean([self._si_sar_of(source, flat) for source in self._sources]))

    def _si_sar_of(self, source: int, flat: Array) -> float:
        transform, offset = self._maps[source]
        count = self._num_candidates * self._num_sources
        truth = slice(count, count + self._num_sources)
        row = flat @ transform.T + offset  # the error; the estimate has the source on top
        row[:, count + source] += 1
        mapped = np.einsum("bi,bij->bj", row, self._gram)
        energy, across = float((mapped * row).sum()), mapped[:, truth].sum(axis=0)
        among = self._gram[:, truth, truth].sum(axis=0)
        explained = across @ np.linalg.lstsq(among, across, rcond=None)[0]
        target = across[source] ** 2 / among[source, source]
        return float(10 * np.log10(max(target, 1e-30) / max(energy - explained, 1e-12 * energy, 1e-30)))


def make(songs: FittingSongs, plan: Plan) -> Array:
    """Choose and fit on songs what a plan says.

    Returns:
        Weights, (sources, candidates, bands).
    """
    best = [songs.best_candidate()]
    if plan.kind == "best":
        return songs.average(best)
    picks = songs.greedy(plan.num_members)
    average = songs.average(picks)
    if plan.kind == "average":
        return average
    members = list(dict.fromkeys([*picks, *best]))[: plan.num_members]
    targets = {share: share * average + (1 - share) * songs.average(best) for share in _SHARES}
    ridge, share = _choose_ridge(songs, members, targets)
    return songs.fit(members, targets[share], ridge)


def _choose_ridge(songs: FittingSongs, members: Sequence[int], targets: dict[float, Array]) -> tuple[float, float]:
    """Choose how far weights are drawn, and where to, by groups left out."""
    if len(songs.groups) < FEWEST_GROUPS:
        return _USUAL
    folds = [(songs.without(group), songs.subset([group])) for group in songs.groups]

    def left_out(choice: tuple[float, float]) -> float:
        ridge, share = choice
        scores = [one.usdr(others.fit(members, targets[share], ridge)) for others, one in folds]
        return float(np.concatenate(scores).mean())

    return max(product(_RIDGES, _SHARES), key=left_out)


def leave_one_out(songs: FittingSongs, plan: Plan) -> tuple[Array, Array]:
    """Score a plan on groups that nothing of it was chosen or fitted on.

    Returns:
        uSDR and SI-SAR of each group, left out in turn, (groups,) each, dB.
    """
    usdr, si_sar = [], []
    for group in songs.groups:
        weights, one = make(songs.without(group), plan), songs.subset([group])
        usdr.append(one.usdr(weights))
        si_sar.append(one.si_sar(weights))
    return np.concatenate(usdr), np.concatenate(si_sar)


def decide(
    products: Sequence[SongProducts], groups: Sequence[str], max_members: int, sources: Sequence[int] | None = None
) -> Decision:
    """Decide what to make of the candidates.

    Args:
        products: products of the validation songs, as `song_products` returns them.
        groups: the group of each song.
        max_members: how many members at most.
        sources: numbers of the sources whose mean is scored; None for the first that sounds.

    Returns:
        The decision; its last step is the ensemble to make.

    Raises:
        DataError: all sources are silent in all songs.
    """
    songs = FittingSongs(products, groups, sources)
    sizes = range(2, min(max_members, songs.num_candidates) + 1)
    steps = [BEST]
    if len(songs.groups) < FEWEST_GROUPS:
        steps += _average_of_few(songs, sizes)
        return _decision(songs, steps, None)
    scores = {BEST: leave_one_out(songs, BEST)}
    for plan in [Plan("average", size) for size in sizes] + [Plan("fitted", size) for size in sizes]:
        scores[plan] = leave_one_out(songs, plan)
        if _is_better(scores[plan], scores[steps[-1]]) and _is_better(scores[plan], scores[BEST]):
            steps.append(plan)
    return _decision(songs, steps, np.stack([scores[plan][0] for plan in steps]))


def _is_better(scores: tuple[Array, Array], before: tuple[Array, Array]) -> bool:
    """Whether a plan gains more than its gain's standard error, and loses no more SI-SAR than is allowed."""
    gain, cost = scores[0] - before[0], before[1] - scores[1]
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    return bool(gain.mean() > error and cost.mean() <= TOLERANCE_DB["si_sar"])


def _average_of_few(songs: FittingSongs, sizes: range) -> list[Plan]:
    """Return the average, where it is clearly better than the best candidate on every group; else nothing."""
    if not sizes:
        return []
    plan = Plan("average", sizes[-1])
    weights, best = (make(songs, one) for one in (plan, BEST))
    gain, cost = songs.usdr(weights) - songs.usdr(best), songs.si_sar(best) - songs.si_sar(weights)
    return [plan] if gain.min() > _CLEAR_GAIN_DB and cost.mean() <= TOLERANCE_DB["si_sar"] else []


def _decision(songs: FittingSongs, steps: Sequence[Plan], left_out: Array | None) -> Decision:
    weights = tuple(torch.from_numpy(make(songs, plan)) for plan in steps)
    return Decision(tuple(steps), weights, left_out, len(songs.groups))
