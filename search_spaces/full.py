"""Every architecture and loss, with the settings that matter to each."""

import optuna


def space(trial: optuna.Trial) -> dict[str, object]:
    """Draw the whole of a training."""
    trial.suggest_float("alpha", 1e-5, 1e-1, log=True)
    trial.suggest_categorical("init", ["warm", "scratch"])
    trial.suggest_int("critic_steps", 1, 5)
    trial.suggest_float("learning_rate", 1e-4, 3e-3, log=True)
    trial.suggest_float("adversarial_learning_rate", 2e-5, 5e-4, log=True)
    trial.suggest_categorical("supervised_loss.name", ["log_magnitude", "wave_stft"])
    n_fft = trial.suggest_categorical("separator.n_fft", [2048, 4096])
    name = trial.suggest_categorical("separator.name", ["tdf_unet", "unet"])
    if name == "tdf_unet":
        trial.suggest_int("separator.num_initial_filters", 16, 32, step=8)
        trial.suggest_int("separator.num_layers", 2, 4)
        heads = trial.suggest_categorical("separator.heads", ["residual", "independent"])
    else:
        trial.suggest_int("separator.num_layers", 3, 5)
        heads = "independent"
    if heads == "independent":
        trial.suggest_float("beta", 1e-5, 1e-1, log=True)
    return {
        "separator.hop_samples": n_fft // 4,
        "segment_seconds": 4.0,
        "batch_size": 8,
        "steps_per_epoch": 500,
        "supervised_epochs": 40,
        "adversarial_epochs": 20,
        "patience": 5,
    }
