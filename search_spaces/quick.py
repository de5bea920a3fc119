"""The demo's space: small separators of two kinds, few settings that the supervised phase depends on."""

import optuna


def space(trial: optuna.Trial) -> dict[str, object]:
    """Draw the adversarial and additivity weights and the architecture."""
    trial.suggest_float("alpha", 0.01, 1.0, log=True)
    name = trial.suggest_categorical("separator.name", ["tdf_unet", "unet"])
    if name == "tdf_unet":
        # short windows for attacks, long ones for tone
        n_fft = trial.suggest_categorical("separator.n_fft", [2048, 4096])
        architecture: dict[str, object] = {"separator.preset": "tiny", "separator.hop_samples": n_fft // 2}
    else:
        trial.suggest_float("beta", 0.01, 10.0, log=True)  # acts on independent heads alone
        architecture = {"separator.preset": "tiny"}
    return {
        **architecture,
        "alpha_mode": "gradient_ratio",
        "segment_seconds": 2.0,
        "batch_size": 4,
        "steps_per_epoch": 16,
        "phase_one.epochs": 5,
        "phase_two.epochs": 2,
        "patience": 3,
        "critic_steps": 1,
        "learning_rate": 1e-3,
        "phase_two.learning_rate": 5e-4,
        "ema_decay": 0.97,
        "validation_seconds": 20.0,
        "media": False,
    }
