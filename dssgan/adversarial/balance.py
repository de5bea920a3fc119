"""How strongly the critics' gradient acts beside the supervised one."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

_STEPS_BETWEEN_MEASUREMENTS = 5
_MIN_RATIO = 1e-3  # so that what hardly reaches the weights is not amplified without bound
_MOMENTUM = 0.8


class GradientBalancer:
    """Scale the adversarial gradient to a given part of the supervised one, measured at the separator's weights.

    Critics respond to every corner of a spectrogram, while a mask changes little where the mix is quiet: gradients of
    one norm at the estimates can differ tenfold at the weights. The ratio of the two norms at the weights drifts
    slowly, so it is measured at some steps, and its moving average is used at all of them. After Defossez et al. 2022,
    section 3.4, arXiv 2210.13438, which balances at the estimates.

    Args:
        weights: weights of the separator.
        gather: gives the values of all processes that train together.
    """

    def __init__(self, weights: Sequence[nn.Parameter], gather: Callable[[float], list[float]]) -> None:
        self._weights = weights
        self._gather = gather
        self.weight_grad_ratio = 0.0  # 0 before the first measurement

    def reset(self) -> None:
        """Forget what was measured, as at the beginning of a phase."""
        self.weight_grad_ratio = 0.0

    def scale(
        self, adversarial_grad: Tensor, supervised_grad: Tensor, estimates: Tensor, *, step: int | None
    ) -> Tensor:
        """Scale the adversarial gradient so that its norm at the weights is the supervised one's.

        Args:
            adversarial_grad: gradient of the adversarial loss at the estimates, (batch, sources, channels, samples).
            supervised_grad: likewise.
            estimates: estimates with their graph back to the weights, the same shape.
            step: number of the step, which decides whether the ratio is measured again; None never measures.

        Returns:
            The scaled gradient, of the same shape.
        """
        balanced = equalise(adversarial_grad, supervised_grad.norm())
        if step is not None and (not self.weight_grad_ratio or step % _STEPS_BETWEEN_MEASUREMENTS == 0):
            self._measure(balanced, supervised_grad, estimates)
        return balanced / max(self.weight_grad_ratio, _MIN_RATIO)

    def _measure(self, adversarial_grad: Tensor, supervised_grad: Tensor, estimates: Tensor) -> None:
        def norm_at_weights(at_estimates: Tensor) -> float:
            parts = torch.autograd.grad(estimates, self._weights, at_estimates, retain_graph=True, allow_unused=True)
            return float(torch.stack([part.norm() for part in parts if part is not None]).norm())

        ratio = norm_at_weights(adversarial_grad) / max(norm_at_weights(supervised_grad), 1e-12)
        measured = [max(value, _MIN_RATIO) for value in self._gather(ratio) if value > 0]
        if measured:  # not silence in every process
            mean = sum(measured) / len(measured)
            before = self.weight_grad_ratio or mean
            self.weight_grad_ratio = before + (1 - _MOMENTUM) * (mean - before)

    def state_dict(self) -> dict[str, Any]:
        """Return the state from which a later process resumes exactly."""
        return {"weight_grad_ratio": self.weight_grad_ratio}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state that `state_dict` gave."""
        self.weight_grad_ratio = state["weight_grad_ratio"]


def equalise(grad: Tensor, norm: Tensor) -> Tensor:
    """Scale the gradients of all estimates to the same norm.

    Critics receive all estimates at one level, so their gradient for a soft one is many times as strong; with one
    factor for the whole batch, the softest estimate's gradient would dominate.

    Args:
        grad: gradient at the estimates, (batch, sources, channels, samples); 0 where an estimate is silent.
        norm: norm of the result as a whole.

    Returns:
        The gradient with equal norms, of the same shape.
    """
    norms = grad.flatten(2).norm(dim=2)
    each = norm / (norms > 0).sum().clamp(min=1).sqrt()
    equalised: Tensor = grad * (each / norms.clamp(min=1e-12))[..., None, None]
    return equalised
