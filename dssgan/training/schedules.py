"""How the learning rate changes within a phase."""

import math


def learning_rate_factor(step: int, *, schedule: str, warmup_steps: int, num_steps: int, final: float) -> float:
    """Return the factor of a step's learning rate.

    It grows linearly over the first `warmup_steps`, then stays, or falls along half a cosine to `final`. Source:
    Loshchilov and Hutter 2017, "SGDR: stochastic gradient descent with warm restarts", equation 5 without restarts,
    arXiv 1608.03983.

    Args:
        step: step of the phase, from 0.
        schedule: "constant" or "cosine".
        warmup_steps: steps in which it grows; the first step has 1 / warmup_steps.
        num_steps: number of steps of the whole phase.
        final: what cosine leaves at its end.

    Returns:
        The factor, 0 to 1.
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    if schedule == "constant":
        return 1.0
    done = min(1.0, (step - warmup_steps) / max(1, num_steps - warmup_steps))
    return final + (1 - final) * (1 + math.cos(math.pi * done)) / 2
