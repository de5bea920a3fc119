"""Every architecture and loss, with the settings that matter to each."""

import optuna

# architecture -> setting -> lowest, highest, step
_SIZES = {
    "band_split": {"width": (32, 64, 16), "num_layers": (2, 4, 1)},
    "sc_lite": {"num_layers": (2, 4, 1), "hidden": (48, 96, 16)},
    "tdf_unet": {"num_initial_filters": (16, 32, 8), "num_layers": (2, 4, 1)},
    "unet": {"num_layers": (3, 5, 1)},
}


def space(trial: optuna.Trial) -> dict[str, object]:
    """Draw the whole of a training."""
    trial.suggest_float("alpha", 0.01, 1.0, log=True)  # a ratio, or each critic would need a range of its own
    trial.suggest_categorical("consistency", [0.0, 0.3, 1.0])
    trial.suggest_categorical("init", ["warm", "scratch"])
    trial.suggest_int("critic_steps", 1, 5)
    trial.suggest_float("learning_rate", 3e-4, 1e-2, log=True)
    trial.suggest_float("phase_two.learning_rate", 2e-5, 5e-4, log=True)
    trial.suggest_categorical("schedule", ["constant", "cosine"])
    trial.suggest_categorical("warmup_steps", [0, 200, 1000])
    if trial.suggest_categorical("optimizer", ["adam", "adamw"]) == "adamw":
        trial.suggest_float("weight_decay", 1e-4, 1e-1, log=True)
    trial.suggest_categorical("supervised_loss.name", ["log_magnitude", "snr", "wave_stft"])
    n_fft = trial.suggest_categorical("separator.n_fft", [2048, 4096])
    trial.suggest_categorical("critic.name", ["multi_resolution", "strided"])
    trial.suggest_categorical("adversarial_loss.name", ["hinge", "lsgan", "relativistic", "wgan_gp"])
    trial.suggest_categorical("feature_matching", [0.0, 1.0])
    name = trial.suggest_categorical("separator.name", list(_SIZES))
    for setting, (low, high, step) in _SIZES[name].items():
        trial.suggest_int(f"separator.{setting}", low, high, step=step)
    heads = (
        "independent" if name == "unet" else trial.suggest_categorical("separator.heads", ["residual", "independent"])
    )
    # estimates that sum to the mix by construction leave nothing to additivity; beside decibels, whose gradient is
    # about a thousand times that of the other losses, it takes as much more weight
    beta = trial.suggest_float("beta", 1e-5, 1e2, log=True) if heads == "independent" else 0.0
    return {
        "alpha_mode": "gradient_ratio",
        "beta": beta,
        "critic.preset": "tiny",
        "separator.hop_samples": n_fft // 4,
        "segment_seconds": 4.0,
        "batch_size": 8,
        "steps_per_epoch": 500,
        "phase_one.epochs": 40,
        "phase_two.epochs": 20,
        "patience": 5,
    }
