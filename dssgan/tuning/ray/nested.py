"""Validations of a training in several processes, passed on to Ray Tune."""

from typing import Any

from ray.tune.integration.ray_train import TuneReportCallback

from dssgan.tuning.ray.messages import Validated


class ValidationCallback(TuneReportCallback):  # type: ignore[misc]
    """Reports what the leading process of Ray Train has reported as a message of the trial."""

    def after_report(self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Any) -> None:
        """Report a validation; Ray Train calls this with the metrics of every process."""
        super().after_report(run_context, [Validated(metrics[0]).as_result()], checkpoint)
