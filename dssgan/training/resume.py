"""The settings that a resumed training may change, and those that it must not."""

from collections.abc import Mapping
from typing import Any

from dssgan.runs.agreement import require_agreement
from dssgan.training.settings import lay_out

# They change how a training runs and not its result.
FREE = frozenset({
    "device", "num_workers", "media", "keep_checkpoints", "validation_metrics", "phase_one.accumulate",
})  # fmt: skip
# They may become more: a training that has ended continues.
EXTENDABLE = frozenset({"phase_one.epochs", "phase_two.epochs", "phase_one.patience"})


def require_resumable(run: str, recorded: Mapping[str, Any], wanted: Mapping[str, Any], *, phase: int) -> None:
    """Refuse to resume a training with other settings than it was begun with.

    Args:
        run: the training's folder, for the message.
        recorded: its settings, nested; those of earlier versions had no sections.
        wanted: the settings that it is to be resumed with, nested.
        phase: phase of its checkpoint. The first phase can only be extended while it lasts.

    Raises:
        ConfigError: a setting differs that must not; the message names it with both values.
    """
    extendable, advice = EXTENDABLE, {}
    if phase_to_resume(recorded, phase) == 2:
        extendable = EXTENDABLE - {"phase_one.epochs"}
        advice = {"phase_one.epochs": "that phase is over; extend phase_two.epochs"}
    require_agreement(
        run, lay_out(recorded), lay_out(wanted), free=FREE, extendable=extendable, is_complete=True, advice=advice
    )


def phase_to_resume(recorded: Mapping[str, Any], phase: int) -> int:
    """Return the phase in which a training continues: without a second phase it is still in its first, which may grow.

    Args:
        recorded: its settings, nested.
        phase: phase of its checkpoint.

    Returns:
        1 or 2.
    """
    return phase if lay_out(recorded).get("phase_two", {}).get("epochs", 1) else 1
