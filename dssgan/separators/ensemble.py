"""Several separators as one: their estimates added with a weight per frequency band, then post-processed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from torch import Tensor, nn

from dssgan.atomic import write_text
from dssgan.audio.stft import STFT, bands_of_bins
from dssgan.configurable import build
from dssgan.errors import ModelError
from dssgan.separators.adapted import adapt
from dssgan.separators.base import SeparatorModel, Starts
from dssgan.separators.postprocess import STEPS

# Bands are weighted on a long window: it parts low frequencies, and no mask changes with time, so nothing smears.
N_FFT, HOP_SAMPLES = 4096, 1024


class Ensemble(SeparatorModel):
    """Add up the estimates of several separators, then post-process.

    It is a separator like any other: it may be a member of another ensemble, or a teacher.

    Args:
        members: separators of the same sources. Those of a lower sample rate or fewer channels than others hear what
            `adapt` makes of the mix.
        edges_hz: lower edges of the bands, Hz, rising from 0.
        weights: what each member counts, (sources, members, bands); None averages them.
        steps: post-processing, in order; each maps (estimates, mix) to estimates.

    Raises:
        ModelError: the members do not fit together, or the weights do not fit the members.
    """

    weights: Tensor
    band_of_bin: Tensor

    def __init__(
        self,
        members: Sequence[SeparatorModel],
        *,
        edges_hz: tuple[float, ...] = (0.0,),
        weights: Tensor | None = None,
        steps: Sequence[nn.Module] = (),
    ) -> None:
        if not members:
            raise ModelError("an ensemble needs at least one member")
        first = members[0]
        for member in members[1:]:
            if member.sources != first.sources:
                raise ModelError(
                    f"members differ in sources: {first.sources} and {member.sources}; combine models of one kind"
                )
        members = in_step(members)
        super().__init__(first.sources, members[0].sample_rate, members[0].channels)
        self.members = nn.ModuleList(members)
        self.segment_seconds, self.max_segment_seconds = common_segments(members)
        self.separates_by_sound = all(member.separates_by_sound for member in members)
        self.edges_hz = edges_hz
        self.stft = STFT(N_FFT, HOP_SAMPLES)
        self.register_buffer("band_of_bin", bands_of_bins(edges_hz, N_FFT, self.sample_rate), persistent=False)
        shape = (len(self.sources), len(members), len(edges_hz))
        if weights is None:
            weights = torch.full(shape, 1 / len(members))
        if tuple(weights.shape) != shape or not torch.isfinite(weights).all():
            raise ModelError(
                f"weights of shape {tuple(weights.shape)}: give finite numbers for {shape[0]} sources, {shape[1]} "
                f"members and {shape[2]} bands"
            )
        self.register_buffer("weights", weights.float(), persistent=False)
        self.steps = nn.ModuleList(steps)

    def forward(self, mix: Tensor) -> Tensor:
        """Separate; see `SeparatorModel.forward`."""
        return self.combine(torch.stack([member(mix) for member in self.members]), mix)

    def separate_at(self, mix: Tensor, starts: Starts) -> Tensor:
        """Separate at a position; see `SeparatorModel.separate_at`."""
        return self.combine(self.estimates_at(mix, starts), mix)

    def estimates_at(self, mix: Tensor, starts: Starts) -> Tensor:
        """Return the members' estimates, (members, batch, sources, channels, samples); see `separate_at`."""
        return torch.stack([member.separate_at(mix, starts) for member in self.members])  # type: ignore[operator]

    def for_song(self, name: str) -> SeparatorModel:
        """Return the separator for one song; see `SeparatorModel.for_song`."""
        members = [member.for_song(name) for member in self.members]  # type: ignore[operator]
        if all(one is member for one, member in zip(members, self.members, strict=True)):
            return self
        return Ensemble(members, edges_hz=self.edges_hz, weights=self.weights, steps=list(self.steps)).eval()

    def combine(self, estimates: Tensor, mix: Tensor) -> Tensor:
        """Add up the members' estimates with their weights, then post-process.

        Args:
            estimates: (members, batch, sources, channels, samples).
            mix: (batch, channels, samples).

        Returns:
            (batch, sources, channels, samples).
        """
        # members may run in bfloat16; sums and post-processing stay in float32
        with torch.autocast(mix.device.type, enabled=False):
            combined = self._add_up(estimates.float())
            for step in self.steps:
                combined = step(combined, mix)
        return combined

    def _add_up(self, estimates: Tensor) -> Tensor:
        if (self.weights == self.weights[..., :1]).all():  # the same in every band: no transform is needed
            return torch.einsum("mbsct,sm->bsct", estimates, self.weights[..., 0])
        of_bins = self.weights[..., self.band_of_bin]  # (S, M, F)
        total = sum(self.stft(estimate) * of_bins[:, index, None, :, None] for index, estimate in enumerate(estimates))
        assert isinstance(total, Tensor)
        return self.stft.inverse(total, estimates.shape[-1])


def in_step(models: Sequence[SeparatorModel]) -> list[SeparatorModel]:
    """Return separators at the highest sample rate and number of channels among them.

    Args:
        models: the separators, at least one.

    Returns:
        Those that have these as they are, the others adapted.

    Raises:
        ModelError: numbers of channels that cannot be turned into each other.
    """
    rate, channels = (max(getattr(model, quality) for model in models) for quality in ("sample_rate", "channels"))
    return [adapt(model, rate, channels) for model in models]


def common_segments(models: Sequence[SeparatorModel]) -> tuple[float, float | None]:
    """Return the segment that suits separators which run on the same one, and the most that all of them take, seconds.

    The longest of theirs is taken as far as each takes it; see `SeparatorModel`.
    """
    limits = [model.max_segment_seconds for model in models if model.max_segment_seconds is not None]
    return min([max(model.segment_seconds or 8.0 for model in models), *limits]), min(limits, default=None)


class _Step(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str


class Recipe(BaseModel):
    """An ensemble as its YAML file holds it.

    Args:
        members: paths of bundles or of other ensembles' files, relative to the file.
        edges_hz: lower edges of the bands, Hz.
        weights: by source, one list of band weights a member; None averages.
        postprocess: steps by name with their settings, in order.
        then: models that take apart a stem of what comes before, in order; each states which one it takes.
        takes: what it separates: None for songs, or the name of a stem of songs; `from` in the file.
        origin: what it was made from and how it scored; for people, not for loading.
    """

    model_config = ConfigDict(extra="forbid")

    takes: str | None = Field(
        default=None, min_length=1, validation_alias=AliasChoices("from", "takes"), serialization_alias="from"
    )
    members: list[str]
    edges_hz: list[float] = [0.0]
    weights: dict[str, list[list[float]]] | None = None
    postprocess: list[_Step] = []
    then: list[str] = []
    origin: dict[str, Any] = {}

    def assemble(self, members: Sequence[SeparatorModel]) -> Ensemble:
        """Build the ensemble from its members.

        Args:
            members: members in the recipe's order.

        Returns:
            The ensemble, in evaluation mode.

        Raises:
            ConfigError: an unknown step or a setting that does not fit.
            ModelError: members or weights do not fit together.
        """
        weights = None
        if self.weights is not None and members:
            sources = members[0].sources
            if set(self.weights) != set(sources):
                raise ModelError(f"weights for {', '.join(self.weights)}, but the sources are {', '.join(sources)}")
            try:
                weights = torch.tensor([self.weights[source] for source in sources])
            except ValueError as error:
                raise ModelError("weights: give each source one list a member, each with one number a band") from error
        steps = [build("postprocess", STEPS, step.name, step.model_extra or {}) for step in self.postprocess]
        return Ensemble(members, edges_hz=tuple(self.edges_hz), weights=weights, steps=steps).eval()


def save_recipe(path: Path, recipe: Recipe) -> None:
    """Write an ensemble's YAML file, whole or not at all.

    Args:
        path: the file.
        recipe: its content.

    Raises:
        DssganError: the file cannot be written.
    """
    content = recipe.model_dump(exclude_none=True, by_alias=True)
    if not recipe.then:
        del content["then"]
    write_text(path, yaml.safe_dump(content, sort_keys=False, default_flow_style=None))
