"""What a training that goes on may change, and what it must not."""

from collections.abc import Iterator, Mapping
from typing import Any

from dssgan.errors import ConfigError
from dssgan.training.settings import lay_out

# They change how a training runs and not what comes of it.
FREE = frozenset({
    "device", "num_workers", "media", "keep_checkpoints", "validation_metrics", "phase_one.accumulate",
})  # fmt: skip
# They may grow: a training that is over goes on.
EXTENDABLE = frozenset({"phase_one.epochs", "phase_two.epochs", "phase_one.patience"})


def require_resumable(what: str, recorded: Mapping[str, Any], wanted: Mapping[str, Any], *, phase: int) -> None:
    """Refuse to go on with other settings than a training began with.

    Args:
        what: the training's folder, for the message.
        recorded: its settings, nested; those of earlier versions had no sections.
        wanted: those it is to go on with, nested.
        phase: that its checkpoint is in. The first can only be extended while it lasts.

    Raises:
        ConfigError: a setting differs that must not; the message names it with both values.
    """
    phase = phase_to_resume(recorded, phase)
    for key, before, after in differences(lay_out(recorded), lay_out(wanted)):
        if key in FREE:
            continue
        hint = "go on with that, or start another training"
        if key in EXTENDABLE:
            hint = "only more extends it"
            if _is_more(before, after):
                if key != "phase_one.epochs" or phase == 1:
                    continue
                hint = "that phase is over; extend phase_two.epochs"
        raise ConfigError(f"{what}: was trained with {key}={before}, not {after}; {hint}")


def phase_to_resume(recorded: Mapping[str, Any], phase: int) -> int:
    """Say in which phase a training goes on: one that had no second phase is still in its first, which may grow.

    Args:
        recorded: its settings, nested.
        phase: that its checkpoint is in.

    Returns:
        1 or 2.
    """
    return phase if lay_out(recorded).get("phase_two", {}).get("epochs", 1) else 1


def _is_more(before: Any, after: Any) -> bool:
    return isinstance(before, int) and isinstance(after, int) and after > before


def differences(
    first: Mapping[str, Any], second: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """List the settings in which two differ.

    Args:
        first: nested settings.
        second: nested settings.
        prefix: of the keys.

    Yields:
        Dotted key, the first's value and the second's; None where it has none.
    """
    for key in sorted({*first, *second}):
        one, other = first.get(key), second.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from differences(one, other, f"{prefix}{key}.")
        elif one != other:
            yield f"{prefix}{key}", one, other


def require_agreement(what: str, recorded: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse settings that are given again and differ from the recorded ones.

    Args:
        what: the sweep or training, for the message.
        recorded: nested settings.
        given: nested settings; those that are not given are taken as recorded.

    Raises:
        ConfigError: one differs; the message names it with both values.
    """
    for key, before, after in differences(lay_out(recorded), lay_out(given)):
        if after is not None:
            began_with = "its own" if before is None else f"{before}"
            raise ConfigError(f"{what}: was begun with {key}={began_with}, not {after}; leave it out, or start another")
