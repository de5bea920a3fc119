"""One step of training, for the separator and for its critics."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from dssgan.adversarial.balance import GradientBalancer
from dssgan.adversarial.critic_augment import AugmentParams
from dssgan.adversarial.critics_loss import CriticsLoss
from dssgan.errors import DivergedError
from dssgan.losses.mixit import mixit_loss
from dssgan.separators import SeparatorModel
from dssgan.training.config import TrainConfig
from dssgan.training.micro_batches import Backward, MicroBatches
from dssgan.training.remixing import remix_estimates
from dssgan.training.schedules import learning_rate_factor
from dssgan.training.world import World

_OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


class GAN:
    """A separator, one critic per source, their optimisers and the moving average of the separator's weights.

    Args:
        config: the configuration.
        world: the processes that train together.
        device: where to compute.
        bf16: run the separator's layers in bfloat16; transforms and losses stay in float32.
    """

    def __init__(self, config: TrainConfig, world: World, device: torch.device, *, bf16: bool) -> None:
        self.phase_one, self.phase_two = config.phase_one, config.phase_two
        self.device = device
        self.bf16 = bf16
        # the same fresh weights in every process and for every value of alpha and beta
        torch.manual_seed(self.phase_one.seed)
        self.separator: SeparatorModel = config.build_separator().to(device)
        critics = [config.build_critic(self.separator.channels) for _ in self.separator.sources]
        self.critics = CriticsLoss(critics, config.build_adversarial_loss(), self.phase_two.critic_augment).to(device)
        self.supervised_loss = config.build_supervised_loss().to(device)
        self.additivity_loss = config.build_additivity_loss().to(device)
        # forwards go through the wrapped modules: calling the bare ones would silently skip the averaging
        self._separate = world.wrap(self.separator)
        self._criticise = world.wrap(self.critics)
        self.average = AveragedModel(self.separator, avg_fn=self._average)
        self._start_optimiser(self.phase_one.learning_rate, self.phase_one.epochs)
        self.critic_optimiser = torch.optim.Adam(self.critics.parameters(), self.phase_two.critic_learning_rate)
        self.balancer = GradientBalancer(
            [weight for weight in self.separator.parameters() if weight.requires_grad], world.gather
        )
        self._memory = MicroBatches(self.phase_one.accumulate, may_retry=world.size == 1)

    def _start_optimiser(self, learning_rate: float, num_epochs: int) -> None:
        """Make a fresh optimizer for a phase, with its schedule."""
        settings = self.phase_one
        optimiser = _OPTIMIZERS[settings.optimizer]
        self.separator_optimiser = optimiser(
            self.separator.parameters(), learning_rate, weight_decay=settings.weight_decay
        )
        num_steps = num_epochs * settings.steps_per_epoch

        def factor(step: int) -> float:
            return learning_rate_factor(
                step, schedule=settings.schedule, warmup_steps=settings.warmup_steps, num_steps=num_steps,
                final=settings.final_rate,
            )  # fmt: skip

        self.separator_schedule = torch.optim.lr_scheduler.LambdaLR(self.separator_optimiser, factor)

    @property
    def learning_rates(self) -> tuple[float, float]:
        """The separator's learning rate of the last step, and that of the next one by the schedule."""
        optimiser, schedule = self.separator_optimiser, self.separator_schedule
        (group,), (factor,) = optimiser.param_groups, schedule.lr_lambdas
        return float(group["lr"]), float(schedule.base_lrs[0]) * factor(schedule.last_epoch)

    @property
    def averaged_separator(self) -> SeparatorModel:
        """The separator with averaged weights: the one that is validated and kept."""
        return cast(SeparatorModel, self.average.module)

    def _average(self, average: Tensor, current: Tensor, num_averaged: Tensor | int) -> Tensor:
        # early on the average follows closely, or a short run would keep its first, random weights
        decay = min(self.phase_one.ema_decay, (1 + int(num_averaged)) / (10 + int(num_averaged)))
        return torch.lerp(average, current, 1 - decay)

    def load_weights(self, weights: dict[str, Tensor]) -> None:
        """Load the same weights into the separator and its average; the average starts again."""
        self.separator.load_state_dict(weights)
        self.averaged_separator.load_state_dict(weights)
        self.average.n_averaged.zero_()

    def start_phase_two(self, weights: dict[str, Tensor]) -> None:
        """Begin the semi-supervised phase: new optimizer, new average, given weights.

        Args:
            weights: phase one's best, or those that phase one started from.
        """
        self.load_weights(weights)
        self.balancer.reset()
        self._start_optimiser(self.phase_two.learning_rate, self.phase_two.epochs)

    def supervised_step(self, mix: Tensor, sources: Tensor) -> dict[str, float]:
        """Take a step of the separator on pairs.

        Args:
            mix: (batch, channels, samples).
            sources: (batch, sources, channels, samples).

        Returns:
            Losses by name.

        Raises:
            DivergedError: the loss is not a finite number.
            DssganError: memory does not suffice.
        """

        def backward(part: slice) -> dict[str, Tensor]:
            loss = self.supervised_loss(self._estimate(mix[part]), sources[part])
            _require_finite(loss, "separator's")
            (loss * _share(part, mix)).backward()
            return {"supervised": loss.detach()}

        return self._step_separator(backward, len(mix))

    def critic_step(self, unpaired_mix: Tensor, real: Tensor) -> dict[str, float]:
        """Take a step of the critics, which learn to distinguish unpaired sources from estimates.

        Args:
            unpaired_mix: (batch, channels, samples).
            real: unpaired sources, (batch, sources, channels, samples).

        Returns:
            Losses by name.

        Raises:
            DivergedError: the loss is not a finite number.
            DssganError: memory does not suffice.
        """
        position = torch.rand(real.shape[:2]).to(self.device)
        params = self.critics.critic_augment.sample_params(real.shape[0], real.shape[1], self.device)

        def backward(part: slice) -> dict[str, Tensor]:
            with torch.no_grad(), self._autocast():
                fake = self.separator(unpaired_mix[part])
            loss, distance, penalty = self._criticise(real[part], fake, position[part], _part(params, part))
            _require_finite(loss, "critics'")
            (loss * _share(part, real)).backward()
            return {"critic": loss.detach(), "wasserstein": distance, "gradient_penalty": penalty}

        losses = self._memory.run(backward, len(real), self._criticise, self.critic_optimiser)
        self.critic_optimiser.step()
        return losses

    def semi_supervised_step(
        self,
        mix: Tensor,
        sources: Tensor,
        unpaired_mix: Tensor,
        real: Tensor | None = None,
        *,
        alpha: float | None = None,
    ) -> dict[str, float]:
        """Take a step of the separator on pairs and on unpaired mixes.

        These are heard by its critics, added up by twos, or separated by its average and remixed to further pairs.
        Source: Stoller, Ewert, Dixon 2017, equation 6, arXiv 1711.00048. Where alpha is a ratio of gradients, see
        `dssgan.adversarial.balance`.

        Args:
            mix: (batch, channels, samples).
            sources: (batch, sources, channels, samples).
            unpaired_mix: as many, (batch, channels, samples).
            real: unpaired sources, (batch, sources, channels, samples); needed where the adversarial loss is relative.
            alpha: adversarial weight or ratio of this step; None takes the configured one.

        Returns:
            Losses by name.

        Raises:
            DivergedError: the loss is not a finite number.
            DssganError: memory does not suffice.
        """
        alpha = self.phase_two.alpha if alpha is None else alpha
        augment, (batch, num_sources) = self.critics.critic_augment, sources.shape[:2]
        params = [augment.sample_params(batch, num_sources, self.device) for _ in range(2)]
        mixit, consistency = self.phase_two.mixit, self.phase_two.consistency
        neighbour = unpaired_mix.roll(1, dims=0)
        mixtures = unpaired_mix + neighbour if mixit > 0 else unpaired_mix  # mixtures of two mixes, or one
        remixed = self._remixed(unpaired_mix) if consistency > 0 else None

        def backward(part: slice) -> dict[str, Tensor]:
            # one forward for all batches: data-parallel training allows one a step
            heard = {"pairs": mix[part]}
            if self.phase_two.judges_mixes:
                heard["mixes"] = mixtures[part]
            if remixed is not None:
                heard["remixed"] = remixed[0][part]
            outputs = self._estimate(torch.cat(list(heard.values())), apart=mixit > 0)
            leaf = outputs.detach().requires_grad_(True)
            in_slots = (leaf if mixit > 0 else leaf.unsqueeze(2)).chunk(len(heard))
            taken_apart = dict(zip(heard, in_slots, strict=True))
            estimates = {name: slots.sum(dim=2) for name, slots in taken_apart.items()}
            loss = self.supervised_loss(estimates["pairs"], sources[part])
            losses = {"supervised": loss}
            if self.phase_two.beta > 0:
                losses["additivity"] = self.additivity_loss(estimates["mixes"], mixtures[part])
                loss = loss + self.phase_two.beta * losses["additivity"]
            if mixit > 0:
                slots = taken_apart["mixes"].flatten(1, 2)
                losses["mixit"] = mixit_loss(slots, unpaired_mix[part], neighbour[part])
                loss = loss + mixit * losses["mixit"]
            if remixed is not None:
                losses["consistency"] = self.supervised_loss(estimates["remixed"], remixed[1][part])
                loss = loss + consistency * losses["consistency"]
            _require_finite(loss, "separator's")
            (gradient,) = torch.autograd.grad(loss, leaf)
            if alpha > 0:
                with _frozen(self.critics):
                    adversarial = losses["adversarial"] = self.critics.separator_loss(
                        estimates["mixes"], None if real is None else real[part], _part(params[0], part)
                    )
                    if self.phase_two.feature_matching > 0:
                        losses["feature_matching"] = self.critics.matching_loss(
                            estimates["pairs"], sources[part], _part(params[1], part)
                        )
                        adversarial = adversarial + self.phase_two.feature_matching * losses["feature_matching"]
                    _require_finite(adversarial, "adversarial")
                    (adversarial_grad,) = torch.autograd.grad(adversarial, leaf)
                losses["gradient_ratio"] = adversarial_grad.norm() / gradient.norm().clamp(min=1e-12)  # unscaled
                if self.phase_two.alpha_mode == "gradient_ratio":
                    step = int(self.average.n_averaged) if part.start == 0 else None
                    adversarial_grad = self.balancer.scale(adversarial_grad, gradient, outputs, step=step)
                gradient = gradient + alpha * adversarial_grad
            outputs.backward(gradient * _share(part, mix))
            return {name: value.detach() for name, value in losses.items()}

        return self._step_separator(backward, len(mix))

    @torch.no_grad()
    def _remixed(self, unpaired_mix: Tensor) -> tuple[Tensor, Tensor]:
        """Separate unpaired mixes with the averaged weights, and remix the estimates."""
        # in as many parts as the step itself
        parts = unpaired_mix.chunk(self._memory.num_parts)
        with self._autocast():
            estimates = [self.averaged_separator(part) for part in parts]
        return remix_estimates(torch.cat(estimates))

    def _estimate(self, mix: Tensor, *, apart: bool = False) -> Tensor:
        with self._autocast():
            # only separators with slots have this argument
            return self._separate(mix, apart=True) if apart else self._separate(mix)  # type: ignore[no-any-return]

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16)

    def _step_separator(self, backward: Backward, num_items: int) -> dict[str, float]:
        losses = self._memory.run(backward, num_items, self._separate, self.separator_optimiser)
        norm = nn.utils.clip_grad_norm_(self.separator.parameters(), self.phase_one.gradient_clip)
        self.separator_optimiser.step()
        self.separator_schedule.step()
        self.average.update_parameters(self.separator)
        return {**losses, "gradient_norm": norm.item()}

    def supervised_state_dict(self) -> dict[str, Any]:
        """Return the state that the supervised phase has changed so far; it does not depend on the critics."""
        return {
            "separator": self.separator.state_dict(),
            "average": self.average.state_dict(),
            "separator_optimiser": self.separator_optimiser.state_dict(),
            "separator_schedule": self.separator_schedule.state_dict(),
            "rng": torch.get_rng_state(),
        }

    def load_supervised_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with a supervised phase from a state that `supervised_state_dict` gave."""
        self.separator.load_state_dict(state["separator"])
        self.average.load_state_dict(state["average"])
        self.separator_optimiser.load_state_dict(state["separator_optimiser"])
        self.separator_schedule.load_state_dict(state["separator_schedule"])
        torch.set_rng_state(state["rng"].cpu())

    def state_dict(self) -> dict[str, Any]:
        """Return the state from which a later process resumes exactly."""
        return {
            **self.supervised_state_dict(),
            "critics": self.critics.state_dict(),
            "critic_optimiser": self.critic_optimiser.state_dict(),
            "balancer": self.balancer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state that `state_dict` gave."""
        self.load_supervised_state_dict(state)
        self.critics.load_state_dict(state["critics"])
        self.critic_optimiser.load_state_dict(state["critic_optimiser"])
        self.balancer.load_state_dict(state["balancer"])


def _require_finite(loss: Tensor, whose: str) -> None:
    if not torch.isfinite(loss):
        raise DivergedError(
            f"the {whose} loss became {loss.item()}: lower learning_rate, alpha or beta, or set precision=float32"
        )


def _share(part: slice, batch: Tensor) -> float:
    """Return the weight of a part's mean in the mean of its batch."""
    return len(batch[part]) / len(batch)


def _part(params: AugmentParams | None, part: slice) -> AugmentParams | None:
    return None if params is None else params.part(part)


@contextmanager
def _frozen(module: nn.Module) -> Iterator[None]:
    """Let gradients pass through a module without reaching its weights."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)
