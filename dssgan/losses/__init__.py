"""Losses by name, where a configuration chooses among them."""

from torch import nn

from dssgan.losses.additivity import AdditivityLoss
from dssgan.losses.games import Game, HingeGame, LeastSquaresGame, RelativisticGame, WassersteinGame
from dssgan.losses.supervised import LogMagnitudeLoss, WaveAndSTFTLoss

__all__ = ["ADDITIVITY_LOSSES", "GAMES", "SUPERVISED_LOSSES"]

SUPERVISED_LOSSES: dict[str, type[nn.Module]] = {
    "log_magnitude": LogMagnitudeLoss,
    "wave_stft": WaveAndSTFTLoss,
}

ADDITIVITY_LOSSES: dict[str, type[nn.Module]] = {
    "additivity": AdditivityLoss,
}

GAMES: dict[str, type[Game]] = {
    "hinge": HingeGame,
    "lsgan": LeastSquaresGame,
    "relativistic": RelativisticGame,
    "wgan_gp": WassersteinGame,
}
