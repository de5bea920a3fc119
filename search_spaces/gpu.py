"""For nodes with GPUs: the base presets, long excerpts, and what decides how well a long training ends."""

import optuna


def space(trial: optuna.Trial) -> dict[str, object]:
    """Draw the architecture and how it is trained, then the weights of phase two."""
    name = trial.suggest_categorical("separator.name", ["band_split", "sc_lite", "tdf_unet"])
    if name == "tdf_unet":
        # short windows for attacks, long ones for tone
        n_fft = trial.suggest_categorical("separator.n_fft", [2048, 4096])
        architecture: dict[str, object] = {"separator.preset": "base", "separator.hop_samples": n_fft // 4}
    else:
        architecture = {"separator.preset": "base"}
    trial.suggest_float("learning_rate", 3e-4, 3e-3, log=True)
    trial.suggest_float("weight_decay", 1e-4, 1e-1, log=True)
    trial.suggest_float("augment.remix", 0.0, 1.0)
    trial.suggest_float("alpha", 0.003, 0.3, log=True)
    trial.suggest_categorical("adversarial_loss.name", ["hinge", "lsgan"])
    return {
        **architecture,
        "alpha_mode": "gradient_ratio",
        "critic.name": "multi_resolution",
        "critic.preset": "base",
        "optimizer": "adamw",
        "schedule": "cosine",
        "warmup_steps": 500,
        "precision": "auto",
        "segment_seconds": 6.0,
        "batch_size": 16,
        "steps_per_epoch": 1000,
        "phase_one.epochs": 60,
        "phase_two.epochs": 20,
        "patience": 8,
        "critic_steps": 1,
        "num_workers": 8,
        "media": False,
    }
