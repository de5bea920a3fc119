"""The demo's space: what phase two learns from unlabelled music by, and the length of a small separator's windows."""

import optuna


def space(trial: optuna.Trial) -> dict[str, object]:
    """Draw the weights of phase two and the architecture."""
    trial.suggest_float("alpha", 0.003, 0.3, log=True)
    trial.suggest_float("beta", 0.01, 10.0, log=True)
    trial.suggest_categorical("consistency", [0.0, 0.3, 1.0])
    # short windows for attacks, long ones for tone
    n_fft = trial.suggest_categorical("separator.n_fft", [2048, 4096])
    return {
        "separator.name": "tdf_unet",
        "separator.preset": "tiny",
        "separator.heads": "independent",  # or estimates would sum to the mix by construction, whatever beta is
        "separator.hop_samples": n_fft // 2,
        "alpha_mode": "gradient_ratio",
        "segment_seconds": 2.0,
        "batch_size": 4,
        "steps_per_epoch": 16,
        "phase_one.epochs": 6,
        "phase_two.epochs": 4,
        "patience": 3,
        "critic_steps": 1,
        "learning_rate": 3e-3,
        "phase_two.learning_rate": 1e-3,
        "ema_decay": 0.95,
        "validation_seconds": 20.0,
        "media": False,
    }
