"""What a training that goes on may change."""

import pytest

from dssgan.errors import ConfigError
from dssgan.training.resume import phase_to_resume, require_resumable

SETTINGS = {
    "alpha": 0.1,
    "adversarial_epochs": 5,
    "supervised_epochs": 5,
    "device": "cpu",
    "separator": {"name": "unet"},
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"device": "cuda"},
        {"validation_metrics": ["si_sar"]},
        {"adversarial_epochs": 6},
        {"supervised_epochs": 6, "adversarial_epochs": 9},
    ],
)
def test_more_epochs_and_other_devices_are_fine(changes: dict[str, object]) -> None:
    require_resumable("run", SETTINGS, {**SETTINGS, **changes}, phase=1)


@pytest.mark.parametrize(
    ("changes", "phase", "message"),
    [
        ({"alpha": 0.2}, 1, "run: was begun with phase_two.alpha=0.1, not 0.2; leave it out"),
        ({"adversarial_epochs": 4}, 2, "phase_two.epochs=5, not 4; only more extends it"),
        ({"supervised_epochs": 6}, 2, "phase_one.epochs=5, not 6"),
        ({"separator": {"name": "unet", "num_layers": 3}}, 1, "separator.num_layers=None, not 3"),
    ],
)
def test_what_would_be_another_training_is_refused(changes: dict[str, object], phase: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        require_resumable("run", SETTINGS, {**SETTINGS, **changes}, phase=phase)


@pytest.mark.parametrize(
    ("recorded", "phase", "expected"),
    [
        ({"adversarial_epochs": 0}, 2, 1),
        ({"adversarial_epochs": 5}, 2, 2),
        ({"adversarial_epochs": 5}, 1, 1),
        ({}, 2, 2),
    ],
)
def test_a_training_without_a_second_phase_is_still_in_its_first(
    recorded: dict[str, object], phase: int, expected: int
) -> None:
    assert phase_to_resume(recorded, phase) == expected
