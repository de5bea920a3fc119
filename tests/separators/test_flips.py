"""Separators that listen several times, and those brought down to two stems."""

import pytest
import torch
from torch import Tensor

from dssgan.errors import ConfigError
from dssgan.separators.base import SeparatorModel
from dssgan.separators.external.stems_folder import StemsFolder
from dssgan.separators.flips import Flips
from dssgan.separators.two_stems import TwoStems


class Crooked(SeparatorModel):
    """Errors that depend on the side and on the sign: the left of the drums is louder, and all has an offset."""

    def __init__(self, channels: int = 2, sources: tuple[str, ...] = ("drums", "other")) -> None:
        super().__init__(sources, 8000, channels)

    def forward(self, mix: Tensor) -> Tensor:
        gains = torch.tensor([0.75, 0.25][: self.channels])
        drums = mix * gains[:, None] + 0.5
        rest = [mix * (number + 2) for number in range(len(self.sources) - 1)]
        return torch.stack([drums, *rest], dim=1)


MIX = torch.randn(3, 2, 100, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("channel_swap", "polarity", "expected"),
    [
        (True, False, MIX * 0.5 + 0.5),  # the sides are as loud, the offset stays
        (False, True, MIX * torch.tensor([0.75, 0.25])[:, None]),  # the offset is gone
        (True, True, MIX * 0.5),
    ],
)
def test_errors_of_side_and_sign_average_out(channel_swap: bool, polarity: bool, expected: Tensor) -> None:
    flips = Flips(Crooked(), channel_swap=channel_swap, polarity=polarity)
    torch.testing.assert_close(flips(MIX)[:, 0], expected)
    torch.testing.assert_close(flips(MIX)[:, 1], MIX * 2)


def test_mono_has_no_sides() -> None:
    assert len(Flips(Crooked(channels=1), channel_swap=True, polarity=True).flips) == 2


def test_stems_of_others_cannot_be_flipped(tmp_path) -> None:
    with pytest.raises(ConfigError, match="stems of another program are what they are"):
        Flips(StemsFolder(tmp_path), channel_swap=True, polarity=False)
    with pytest.raises(ConfigError, match="leave these out"):
        Flips(TwoStems(StemsFolder(tmp_path), "drums"), channel_swap=False, polarity=True)


def test_two_stems_sum_to_what_all_do() -> None:
    model = Crooked(sources=("drums", "bass", "vocals", "other"))
    two = TwoStems(model, "bass")
    assert two.sources == ("bass", "no_bass")
    torch.testing.assert_close(two(MIX)[:, 0], model(MIX)[:, 1])
    torch.testing.assert_close(two(MIX).sum(dim=1), model(MIX).sum(dim=1))
    with pytest.raises(ConfigError, match="unknown stem 'basses': did you mean bass"):
        TwoStems(model, "basses")
