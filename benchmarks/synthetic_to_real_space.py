"""A sweep's space for `synthetic_to_real.py`: kind of critics, alpha and beta; all trials have one phase one."""

from typing import Any

import optuna

SETTINGS: dict[str, Any] = {
    # independent heads: where the rest is what the drums leave of the mix, beta has nothing to act on
    "separator": {"name": "tdf_unet", "preset": "tiny", "heads": "independent"},
    "segment_seconds": 1.5, "batch_size": 2, "steps_per_epoch": 100, "phase_one.epochs": 15, "phase_two.epochs": 4,
    "learning_rate": 3e-3, "phase_two.learning_rate": 5e-4, "ema_decay": 0.99, "patience": 1000, "media": False,
    "alpha_mode": "gradient_ratio", "alpha_ramp_steps": 50,
}  # fmt: skip
CRITICS: dict[str, dict[str, Any]] = {
    "paper": {
        "critic.name": "strided", "critic.preset": "tiny", "critic_steps": 2, "feature_matching": 0.0,
        "critic_augment": {"loudness": False, "augment": False, "silence_db": -400.0},
    },
    "modern": {
        "critic.name": "multi_resolution", "critic.preset": "tiny", "critic_steps": 1, "feature_matching": 1.0,
        "critic_learning_rate": 3e-4, "adversarial_loss.name": "hinge",
    },
}  # fmt: skip
BY_CRITIC = {critics["critic.name"]: critics for critics in CRITICS.values()}


def space(trial: optuna.Trial) -> dict[str, object]:
    """Draw what phase two depends on."""
    trial.suggest_float("alpha", 0.003, 1.0, log=True)
    trial.suggest_float("beta", 1e-3, 1e2, log=True)
    return {**SETTINGS, **BY_CRITIC[trial.suggest_categorical("critic.name", list(BY_CRITIC))]}
