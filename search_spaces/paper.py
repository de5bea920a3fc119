"""The paper's system: its U-Net and critics at 8192 Hz, with alpha and beta to be found."""

import optuna


def space(trial: optuna.Trial) -> dict[str, object]:
    """Draw the adversarial and additivity weights."""
    trial.suggest_float("alpha", 1e-5, 1e-1, log=True)
    trial.suggest_float("beta", 1e-5, 1e-1, log=True)
    return {
        "separator.name": "unet",
        "separator.preset": "parity",
        "critic.preset": "parity",
        "gradient_clip": float("inf"),
        "ema_decay": 0.0,
        "augment.remix": 0.0,
        "augment.gain_db": [0.0, 0.0],
        "augment.channel_swap": 0.0,
        "augment.polarity": 0.0,
        "unpaired_augment": {"remix": 0.0, "gain": [0.2, 1.2], "channel_swap": 0.0, "polarity": 0.0},
        "critic_augment.loudness": False,
        "critic_augment.augment": False,
        "critic_augment.silence_db": -400.0,
        "supervised_loss.name": "log_magnitude",
        "segment_seconds": 10.0,
        "batch_size": 16,
        "steps_per_epoch": 1000,
        "phase_one.epochs": 30,
        "phase_two.epochs": 20,
        "critic_steps": 5,
        "learning_rate": 5e-5,
        "phase_two.learning_rate": 5e-5,
        "critic_learning_rate": 5e-5,
        "precision": "float32",
    }
