"""Losses by name, where a configuration chooses among them."""

from torch import nn

from dssgan.losses.additivity import AdditivityLoss
from dssgan.losses.snr import SNRLoss
from dssgan.losses.supervised import LogMagnitudeLoss, WaveAndSTFTLoss

__all__ = ["ADDITIVITY_LOSSES", "SUPERVISED_LOSSES"]

SUPERVISED_LOSSES: dict[str, type[nn.Module]] = {
    "log_magnitude": LogMagnitudeLoss,
    "snr": SNRLoss,
    "wave_stft": WaveAndSTFTLoss,
}

ADDITIVITY_LOSSES: dict[str, type[nn.Module]] = {
    "additivity": AdditivityLoss,
}
