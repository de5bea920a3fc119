"""A training's state as a folder: everything to go on exactly, and the best separator so far.

`checkpoint.pt` holds tensors and plain numbers alone and is read with `weights_only=True`; `bundle/` is the best
separator, ready for use.
"""

import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from dssgan.atomic import replacing
from dssgan.errors import ModelError, WriteError

FILE = "checkpoint.pt"
BUNDLE = "bundle"


@dataclass
class Position:
    """Where a training stands; always between two epochs.

    Args:
        epoch: the last finished one on the axis that all trainings share: phase one's are 1 .. supervised_epochs, phase
            two's begin after supervised_epochs even where phase one stopped early.
        phase: 1 supervised, 2 semi-supervised.
        separator_steps: of the separator so far, both phases.
        best_score: of this phase, dB.
        best_epoch: the epoch of that score.
        num_bad_epochs: validations since then.
        phase_one_score: phase one's best, dB, once it is over.
        seconds: of training and validation so far, whoever spent them.
        reused_seconds: how many of them another training spent, whose supervised phase this one took over.
        history: metrics of every validation.
    """

    epoch: int = 0
    phase: int = 1
    separator_steps: int = 0
    best_score: float = -float("inf")
    best_epoch: int = 0
    num_bad_epochs: int = 0
    phase_one_score: float = -float("inf")
    seconds: float = 0.0
    reused_seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)

    @property
    def own_seconds(self) -> float:
        """Seconds that this training spent itself."""
        return self.seconds - self.reused_seconds


def write_checkpoint(folder: Path, state: dict[str, Any], position: Position) -> None:
    """Write a state, whole or not at all.

    Args:
        folder: the checkpoint's folder.
        state: tensors and plain values.
        position: where the training stands.

    Raises:
        WriteError: the file cannot be written.
    """
    with replacing(folder / FILE) as temporary:
        try:
            torch.save({**state, "position": asdict(position)}, temporary)
        except RuntimeError as error:  # what torch makes of a full disk
            raise WriteError(f"{folder / FILE}: cannot be written; make space or choose another place") from error


def read_checkpoint(folder: Path) -> tuple[dict[str, Any], Position]:
    """Read a state, without running any code it might hold.

    Args:
        folder: the checkpoint's folder.

    Returns:
        The state and the position.

    Raises:
        ModelError: there is none, or it is damaged.
    """
    file = folder / FILE
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
        position = Position(**state.pop("position"))
    except FileNotFoundError as error:
        raise ModelError(f"{folder}: holds no {FILE} to resume from; start without --resume") from error
    except (RuntimeError, UnpicklingError, EOFError, OSError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise ModelError(f"{file}: truncated or damaged; delete it and start without --resume") from error
    return state, position
