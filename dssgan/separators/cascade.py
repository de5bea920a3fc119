"""Separators one after another: each takes apart a stem of those before it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from dssgan.errors import ModelError
from dssgan.separators.base import SeparatorModel, Starts
from dssgan.separators.consistency import mixture_consistency
from dssgan.separators.ensemble import common_segments, in_step


class Cascade(SeparatorModel):
    """Separate a song, then a stem of it into parts, which stand in the stem's place and sum to it.

    The stem itself is among `sums`.

    Args:
        first: separates songs.
        stem: one of its sources.
        second: separates that stem. Where it is of a lower rate or fewer channels, or the first one is, that one is
            adapted.

    Raises:
        ModelError: there is no such stem, a part has the name of another stem, or their channels do not go together.
    """

    def __init__(self, first: SeparatorModel, stem: str, second: SeparatorModel) -> None:
        sources = with_parts(first.sources, stem, second.sources)
        first, second = in_step([first, second])
        super().__init__(sources, first.sample_rate, first.channels)
        self.first, self.stem, self.second = first, stem, second
        self._position = first.sources.index(stem)
        self.segment_seconds, self.max_segment_seconds = common_segments([first, second])
        self.separates_by_sound = first.separates_by_sound and second.separates_by_sound
        self.sums = {name: _with(parts, stem, second.sources) for name, parts in first.sums.items()}
        self.sums |= {stem: second.sources, **second.sums}

    def forward(self, mix: Tensor) -> Tensor:
        """Separate; see `SeparatorModel.forward`."""
        return self.separate_at(mix, [0] * len(mix))

    def separate_at(self, mix: Tensor, starts: Starts) -> Tensor:
        """Separate at a position; see `SeparatorModel.separate_at`."""
        # what they leave of the mix is theirs, as where they are the last: so a stem is the same with and without parts
        stems = mixture_consistency(self.first.separate_at(mix, starts), mix)
        whole = stems[:, self._position]
        parts = mixture_consistency(self.second.separate_at(whole, starts), whole)
        return torch.cat([stems[:, : self._position], parts, stems[:, self._position + 1 :]], dim=1)

    def for_song(self, name: str) -> SeparatorModel:
        """Return the separator for one song; see `SeparatorModel.for_song`."""
        first, second = self.first.for_song(name), self.second.for_song(name)
        return self if (first, second) == (self.first, self.second) else Cascade(first, self.stem, second).eval()


def with_parts(sources: Sequence[str], stem: str, parts: Sequence[str]) -> tuple[str, ...]:
    """Put the parts of a stem in its place among the sources.

    Raises:
        ModelError: there is no such stem, or a part has the name of another one.
    """
    if stem not in sources:
        raise ModelError(f"separates {stem}, which is none of the stems before it: {', '.join(sources)}")
    if twice := (set(sources) - {stem}) & set(parts):
        raise ModelError(f"two stems would be called {', '.join(sorted(twice))}; rename one of them")
    return _with(sources, stem, parts)


def _with(sources: Sequence[str], stem: str, parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for source in sources for name in (parts if source == stem else (source,)))
