"""Small checkpoints of third-party separators, each written by its own package in its own format."""

import json
import sys
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
import yaml
from demucs.hdemucs import HDemucs
from demucs.htdemucs import HTDemucs
from demucs.states import get_state, save_with_checksum
from safetensors.torch import save_file

SOURCES = ["drums", "bass", "other", "vocals"]
SEGMENT = Fraction(3, 2)


def openunmix() -> Any:
    """Import Open-Unmix, also where torchaudio does not go with the build of torch: it only resamples with it."""
    stand_in = None
    try:
        import torchaudio  # noqa: F401
    except (ImportError, OSError):
        for name in [name for name in sys.modules if name.startswith("torchaudio")]:
            del sys.modules[name]
        stand_in = sys.modules["torchaudio"] = ModuleType("torchaudio")
    import openunmix.model
    import openunmix.utils

    if stand_in is not None:  # others that look for it in this process would take it for the real one
        del sys.modules["torchaudio"]
    return openunmix


def htdemucs(seed: int = 0, sources: list[str] = SOURCES) -> HTDemucs:
    torch.manual_seed(seed)
    network = HTDemucs(
        sources, channels=8, growth=2, nfft=1024, depth=4, t_layers=1, t_heads=2, bottom_channels=32, samplerate=8000,
        segment=SEGMENT,
    )  # fmt: skip
    return network.eval()


def hdemucs(seed: int = 0) -> HDemucs:
    torch.manual_seed(seed)
    return HDemucs(SOURCES, channels=8, nfft=1024, depth=4, samplerate=8000, segment=2).eval()


def write_demucs(folder: Path, name: str, network: Any) -> Path:
    """Write a checkpoint as Demucs's training does, NAME-HASH.th."""
    args, kwargs = network._init_args_kwargs
    package = {
        "klass": type(network),
        "args": args,
        "kwargs": kwargs,
        "state": get_state(network, None),
        "training_args": {},
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_with_checksum(package, folder / f"{name}.th")
    return next(folder.glob(f"{name}-*.th"))


def write_demucs_safetensors(file: Path, network: Any) -> Path:
    """Write a checkpoint in the layout that Demucs reads from the Hugging Face hub."""

    def encoded(value: Any) -> Any:
        if isinstance(value, Fraction):
            return {"_type": "fraction", "numerator": value.numerator, "denominator": value.denominator}
        return value

    args, kwargs = network._init_args_kwargs
    metadata = {
        "klass": f"{type(network).__module__}.{type(network).__name__}",
        "args": json.dumps([encoded(value) for value in args]),
        "kwargs": json.dumps({key: encoded(value) for key, value in kwargs.items()}),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, file, metadata)
    return file


def write_bag(folder: Path, name: str, networks: list[Any], weights: list[list[float]] | None) -> Path:
    for number, network in enumerate(networks):
        write_demucs_safetensors(folder / f"net{number}.safetensors", network)
    bag: dict[str, Any] = {"models": [f"net{number}" for number in range(len(networks))]}
    if weights is not None:
        bag["weights"] = weights
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(bag))
    return folder


def write_openunmix(folder: Path, *, hidden_size: int = 16) -> Path:
    """Write a folder as Open-Unmix's training does: drums.pth, drums.json and separator.json."""
    package = openunmix()
    torch.manual_seed(0)
    network = package.model.OpenUnmix(nb_bins=513, nb_channels=2, hidden_size=hidden_size, nb_layers=3, max_bin=400)
    with torch.no_grad():  # what training would have moved
        for name in ("input_mean", "input_scale", "output_scale", "output_mean"):
            parameter = getattr(network, name)
            parameter.add_(0.3 * torch.rand_like(parameter))
        for norm in (network.bn1, network.bn2, network.bn3):
            norm.running_mean.normal_(std=0.1)
            norm.running_var.uniform_(0.5, 2)
    folder.mkdir(parents=True, exist_ok=True)
    package.utils.save_checkpoint({"state_dict": network.state_dict()}, True, str(folder), "drums")
    args = {"nfft": 1024, "nb_channels": 2, "hidden_size": hidden_size}
    (folder / "drums.json").write_text(json.dumps({"args": args}))
    (folder / "separator.json").write_text(
        json.dumps({"nfft": 1024, "nhop": 256, "nb_channels": 2, "sample_rate": 8000.0})
    )
    return folder


MSST: dict[str, dict[str, Any]] = {
    "bs_roformer": {
        "audio": {"chunk_size": 12000, "num_channels": 2, "sample_rate": 8000},
        "model": {"dim": 16, "depth": 1, "stereo": True, "num_stems": 4, "time_transformer_depth": 1,
                  "freq_transformer_depth": 1, "freqs_per_bands": (2, 4, 8, 16, 35), "dim_head": 8, "heads": 2,
                  "flash_attn": False, "stft_n_fft": 128, "stft_hop_length": 32, "stft_win_length": 128},
        "training": {"instruments": SOURCES, "target_instrument": None},
    },
    "mel_band_roformer": {
        "audio": {"chunk_size": 64 * 188, "num_channels": 2, "sample_rate": 8000},
        "model": {"dim": 16, "depth": 1, "stereo": True, "num_stems": 1, "time_transformer_depth": 1,
                  "freq_transformer_depth": 1, "num_bands": 12, "dim_head": 8, "heads": 2, "flash_attn": False,
                  "sample_rate": 8000, "stft_n_fft": 256, "stft_hop_length": 64, "stft_win_length": 256},
        "training": {"instruments": ["drums", "other"], "target_instrument": "drums"},
    },
    "scnet": {
        "audio": {"chunk_size": 12000, "num_channels": 2, "sample_rate": 8000},
        "model": {"sources": SOURCES, "audio_channels": 2, "dims": [4, 8, 16], "nfft": 512, "hop_size": 128,
                  "win_size": 512, "normalized": True, "band_SR": [0.175, 0.392, 0.433], "band_stride": [1, 4, 16],
                  "band_kernel": [3, 4, 16], "conv_depths": [3, 2, 1], "compress": 4, "conv_kernel": 3,
                  "num_dplayer": 2, "expand": 1},
        "training": {"instruments": SOURCES, "target_instrument": None},
    },
    "mdx23c": {
        "audio": {"chunk_size": 64 * 63, "dim_f": 128, "dim_t": 64, "hop_length": 64, "n_fft": 256, "num_channels": 2,
                  "sample_rate": 8000},
        "model": {"act": "gelu", "bottleneck_factor": 2, "growth": 4, "norm": "InstanceNorm",
                  "num_blocks_per_scale": 1, "num_channels": 8, "num_scales": 2, "num_subbands": 2, "scale": [2, 2]},
        "training": {"instruments": SOURCES, "target_instrument": None},
    },
}  # fmt: skip


def write_msst(folder: Path, kind: str, suffix: str = ".ckpt", **training: Any) -> tuple[Path, torch.nn.Module]:
    """Write a checkpoint with its YAML file; give it and the network of pymss-core that made it."""
    from pymss_core import get_model_from_config

    folder.mkdir(parents=True, exist_ok=True)
    description = folder / f"{kind}.yaml"
    settings = {**MSST[kind], "training": {**MSST[kind]["training"], **training}}
    # with Python's tuples, as the family's own files have them
    description.write_text(yaml.dump(settings))
    torch.manual_seed(0)
    network, _ = get_model_from_config(kind, str(description))
    file = folder / f"{kind}{suffix}"
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    if suffix == ".safetensors":
        save_file(state, file)
    else:
        torch.save({"state_dict": state}, file)
    return file, network.eval()
