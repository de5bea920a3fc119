"""One step of training, for the separator and for its critics."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from dssgan.errors import DivergedError
from dssgan.losses.adversarial import CriticsLoss
from dssgan.separators import SeparatorModel
from dssgan.training.config import TrainConfig
from dssgan.training.world import World


class GAN:
    """A separator, one critic per source, their optimisers and the moving average of the separator's weights.

    Args:
        config: the configuration.
        world: the processes that train together.
        device: where to compute.
        bf16: run the separator's layers in bfloat16; transforms and losses stay in float32.
    """

    def __init__(self, config: TrainConfig, world: World, device: torch.device, *, bf16: bool) -> None:
        self.config = config
        self.device = device
        self.bf16 = bf16
        # the same fresh weights in every process and for every value of alpha and beta
        torch.manual_seed(config.seed)
        self.separator: SeparatorModel = config.build_separator().to(device)
        critics = [config.build_critic(self.separator.channels) for _ in self.separator.sources]
        self.critics = CriticsLoss(critics).to(device)
        self.supervised_loss = config.build_supervised_loss().to(device)
        self.additivity_loss = config.build_additivity_loss().to(device)
        # forwards go through the wrapped modules: calling the bare ones would skip the averaging without a word
        self._separate = world.wrap(self.separator)
        self._criticise = world.wrap(self.critics)
        self.average = AveragedModel(self.separator, avg_fn=self._average)
        self.separator_optimiser = torch.optim.Adam(self.separator.parameters(), config.learning_rate)
        self.critic_optimiser = torch.optim.Adam(self.critics.parameters(), config.critic_learning_rate)

    @property
    def averaged_separator(self) -> SeparatorModel:
        """The separator with averaged weights: the one that is validated and kept."""
        return cast(SeparatorModel, self.average.module)

    def _average(self, average: Tensor, current: Tensor, num_averaged: Tensor | int) -> Tensor:
        # early on the average follows closely, or a short run would keep its first, random weights
        decay = min(self.config.ema_decay, (1 + int(num_averaged)) / (10 + int(num_averaged)))
        return torch.lerp(average, current, 1 - decay)

    def start_phase_two(self, weights: dict[str, Tensor] | None) -> None:
        """Begin the semi-supervised phase: new optimiser, new average, given or fresh weights.

        Args:
            weights: phase one's best, or None to start from scratch.
        """
        if weights is None:
            torch.manual_seed(self.config.seed)
            weights = self.config.build_separator().state_dict()
        self.separator.load_state_dict(weights)
        self.averaged_separator.load_state_dict(weights)
        self.average.n_averaged.zero_()
        rate = self.config.adversarial_learning_rate
        self.separator_optimiser = torch.optim.Adam(self.separator.parameters(), rate)

    def supervised_step(self, mix: Tensor, sources: Tensor) -> dict[str, float]:
        """Teach the separator on pairs.

        Args:
            mix: (batch, channels, samples).
            sources: (batch, sources, channels, samples).

        Returns:
            Losses by name.

        Raises:
            DivergedError: the loss is not a finite number.
        """
        loss = self.supervised_loss(self._estimate(mix), sources)
        norm = self._step_separator(loss)
        return {"supervised": loss.item(), "gradient_norm": norm}

    def critic_step(self, unpaired_mix: Tensor, real: Tensor) -> dict[str, float]:
        """Teach the critics to tell unpaired sources from estimates.

        Args:
            unpaired_mix: (batch, channels, samples).
            real: unpaired sources, (batch, sources, channels, samples).

        Returns:
            Losses by name.

        Raises:
            DivergedError: the loss is not a finite number.
        """
        with torch.no_grad(), self._autocast():
            fake = self.separator(unpaired_mix)
        position = torch.rand(real.shape[:2]).to(self.device)
        loss, distance, penalty = self._criticise(real, fake, position)
        _require_finite(loss, "critics'")
        self.critic_optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.critic_optimiser.step()
        return {"critic": loss.item(), "wasserstein": distance.item(), "gradient_penalty": penalty.item()}

    def semi_supervised_step(self, mix: Tensor, sources: Tensor, unpaired_mix: Tensor) -> dict[str, float]:
        """Teach the separator on pairs, and against its critics on unpaired mixes.

        Source: Stoller, Ewert, Dixon 2017, equation 6, arXiv 1711.00048.

        Args:
            mix: (batch, channels, samples).
            sources: (batch, sources, channels, samples).
            unpaired_mix: (batch, channels, samples).

        Returns:
            Losses by name.

        Raises:
            DivergedError: the loss is not a finite number.
        """
        # one forward for both batches: data-parallel training allows one a step
        paired, fake = self._estimate(torch.cat([mix, unpaired_mix])).split([len(mix), len(unpaired_mix)])
        supervised = self.supervised_loss(paired, sources)
        additivity = self.additivity_loss(fake, unpaired_mix)
        loss = supervised + self.config.beta * additivity
        losses = {"supervised": supervised.item(), "additivity": additivity.item()}
        if self.config.alpha > 0:
            with _frozen(self.critics):
                adversarial = self.critics.separator_loss(fake)
                losses["adversarial"] = adversarial.item()
                losses["gradient_norm"] = self._step_separator(loss + self.config.alpha * adversarial)
        else:
            losses["gradient_norm"] = self._step_separator(loss)
        return losses

    def _estimate(self, mix: Tensor) -> Tensor:
        with self._autocast():
            return self._separate(mix)  # type: ignore[no-any-return]

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16)

    def _step_separator(self, loss: Tensor) -> float:
        _require_finite(loss, "separator's")
        self.separator_optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.separator.parameters(), self.config.gradient_clip)
        self.separator_optimiser.step()
        self.average.update_parameters(self.separator)
        return norm.item()

    def state_dict(self) -> dict[str, Any]:
        """Everything a later process needs to go on exactly from here."""
        return {
            "separator": self.separator.state_dict(),
            "critics": self.critics.state_dict(),
            "average": self.average.state_dict(),
            "separator_optimiser": self.separator_optimiser.state_dict(),
            "critic_optimiser": self.critic_optimiser.state_dict(),
            "rng": torch.get_rng_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state that `state_dict` gave."""
        self.separator.load_state_dict(state["separator"])
        self.critics.load_state_dict(state["critics"])
        self.average.load_state_dict(state["average"])
        self.separator_optimiser.load_state_dict(state["separator_optimiser"])
        self.critic_optimiser.load_state_dict(state["critic_optimiser"])
        torch.set_rng_state(state["rng"].cpu())


def _require_finite(loss: Tensor, whose: str) -> None:
    if not torch.isfinite(loss):
        raise DivergedError(
            f"the {whose} loss became {loss.item()}: lower learning_rate, alpha or beta, or set precision=float32"
        )


@contextmanager
def _frozen(module: nn.Module) -> Iterator[None]:
    """Let gradients pass through a module without reaching its weights."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)
