"""A training's state as a folder: everything to resume exactly, and the best separator so far.

`checkpoint.pt` holds tensors and plain numbers alone and is read with `weights_only=True`; `checkpoint.previous.pt`,
`checkpoint.previous-2.pt` and so on are those before it, in case the newest is damaged; `bundle/` is the best
separator, ready for use.
"""

import logging
import os
import shutil
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from dssgan.atomic import replacing
from dssgan.errors import ModelError, WriteError

CHECKPOINT_FILE = "checkpoint.pt"
PREVIOUS_FILE = "checkpoint.previous.pt"
BUNDLE = "bundle"
SONGS = "songs"  # the latest synthetic ones, while it trains

# What truncated, altered or foreign files make torch and zipfile raise.
_DAMAGED = (
    RuntimeError, UnpicklingError, EOFError, OSError, LookupError, TypeError, ValueError, AttributeError,
    NotImplementedError, zipfile.BadZipFile,
)  # fmt: skip

_LOGGER = logging.getLogger(__name__)


@dataclass
class Position:
    """Position of a training: between two epochs, or within one where it was asked to stop.

    Args:
        epoch: the last finished one on the axis that all trainings share: phase one's are 1 .. supervised_epochs, phase
            two's begin after supervised_epochs even where phase one stopped early.
        phase: 1 supervised, 2 semi-supervised.
        separator_steps: steps of the separator so far, in both phases.
        best_score: best score of both phases so far, dB.
        best_epoch: the epoch of that score.
        phase_best_score: best score of this phase so far, dB, by which it stops early.
        num_bad_epochs: validations since then.
        phase_one_score: phase one's best, dB, once it is over.
        seconds: seconds of training and validation so far, including another training's that were taken over.
        reused_seconds: how many of them another training spent, whose supervised phase this one took over.
        history: metrics of every validation.
        steps_done: steps done in the current epoch.
        losses: losses of these steps, by name.
    """

    epoch: int = 0
    phase: int = 1
    separator_steps: int = 0
    best_score: float = -float("inf")
    best_epoch: int = 0
    phase_best_score: float = -float("inf")
    num_bad_epochs: int = 0
    phase_one_score: float = -float("inf")
    seconds: float = 0.0
    reused_seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    steps_done: int = 0
    losses: dict[str, list[float]] = field(default_factory=dict)

    @property
    def own_seconds(self) -> float:
        """Seconds that this training spent itself."""
        return self.seconds - self.reused_seconds


def has_checkpoint(folder: Path) -> bool:
    """Return whether a folder has a checkpoint to resume from."""
    return bool(_checkpoints(folder))


def _previous(folder: Path, age: int) -> Path:
    """Name the checkpoint that is `age` older than the newest."""
    return folder / (PREVIOUS_FILE if age == 1 else f"checkpoint.previous-{age}.pt")


def _checkpoints(folder: Path) -> list[Path]:
    """List what is there, the newest first."""
    found = {0: folder / CHECKPOINT_FILE, 1: folder / PREVIOUS_FILE}
    for path in folder.glob("checkpoint.previous-*.pt"):
        age = path.name.removeprefix("checkpoint.previous-").removesuffix(".pt")
        if age.isdecimal():
            found[int(age)] = path
    return [path for _, path in sorted(found.items()) if path.exists()]


def write_checkpoint(folder: Path, state: dict[str, Any], position: Position, keep: int = 2) -> None:
    """Write a state, whole or not at all, and keep those before it.

    Args:
        folder: the checkpoint's folder.
        state: tensors and plain values.
        position: position of the training.
        keep: number of checkpoints that stay, this one counted.

    Raises:
        WriteError: the file cannot be written; those that are there stay.
    """
    with replacing(folder / CHECKPOINT_FILE) as temporary:
        try:
            torch.save({**state, "position": asdict(position)}, temporary)
        except RuntimeError as error:  # what torch raises on a full disk
            raise WriteError(
                f"{folder / CHECKPOINT_FILE}: cannot be written; make space or choose another place"
            ) from error
        _keep_previous(folder, keep)


def _keep_previous(folder: Path, keep: int) -> None:
    # each step leaves every checkpoint under some name, so that a kill between two loses none but the oldest
    for age in range(keep - 1, 1, -1):
        younger = _previous(folder, age - 1)
        if younger.exists():
            younger.replace(_previous(folder, age))
    newest = folder / CHECKPOINT_FILE
    if newest.exists() and keep > 1:
        with replacing(folder / PREVIOUS_FILE) as temporary:
            temporary.unlink(missing_ok=True)
            try:
                os.link(newest, temporary)
            except OSError:  # a file system without hard links
                shutil.copyfile(newest, temporary)
    kept = {folder / CHECKPOINT_FILE, *(_previous(folder, age) for age in range(1, keep))}
    for path in set(_checkpoints(folder)) - kept:
        path.unlink(missing_ok=True)


def averaged_weights(state: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Return the averaged weights of the separator out of the state that `read_checkpoint` gives."""
    prefix = "module."  # of torch's AveragedModel
    return {name.removeprefix(prefix): each for name, each in state["average"].items() if name.startswith(prefix)}


def read_checkpoint(folder: Path) -> tuple[dict[str, Any], Position]:
    """Read the newest undamaged state, without running any code it might hold.

    Args:
        folder: the checkpoint's folder.

    Returns:
        The state and the position.

    Raises:
        ModelError: there is none, or all there are are damaged.
    """
    files = _checkpoints(folder)
    if not files:
        raise ModelError(f"{folder}: holds no {CHECKPOINT_FILE} to resume from; start without --resume")
    for file in files:
        try:
            return _read(file)
        except _DAMAGED as error:
            _LOGGER.debug("%s", error)
            if file != files[-1]:
                before = files[files.index(file) + 1]
                _LOGGER.warning("%s: truncated or damaged; going on from the one before, %s", file, before.name)
    names = " and ".join(file.name for file in files)
    raise ModelError(f"{folder}: {names} truncated or damaged; delete them and start without --resume")


def find_position(folder: Path) -> Position | None:
    """Find the position to resume from without asking a user: where every checkpoint is damaged, training starts over.

    Args:
        folder: the checkpoint's folder.

    Returns:
        The position of the newest undamaged checkpoint; None where there is none, logged where there are damaged ones.
    """
    if not has_checkpoint(folder):
        return None
    try:
        _, position = read_checkpoint(folder)
    except ModelError:
        _LOGGER.warning("%s: every checkpoint is truncated or damaged; the training starts over", folder)
        return None
    return position


def _read(file: Path) -> tuple[dict[str, Any], Position]:
    with zipfile.ZipFile(file) as archive:
        damaged = archive.testzip()  # torch itself does not compare the checksums that it writes
    if damaged is not None:
        raise ValueError(f"{file}: the checksum of {damaged} differs")
    state = torch.load(file, map_location="cpu", weights_only=True)
    return state, Position(**state.pop("position"))
