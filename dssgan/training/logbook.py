"""A training's log in TensorBoard."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from dssgan.audio.picture import spectrogram_image


class Logbook:
    """Scalars, spectrograms and sound of one training.

    Args:
        folder: where TensorBoard finds them; None writes nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._writer = None
        if folder is not None:
            # takes a second to import, and processes that do not lead never need it
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(folder))

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Write numbers by name at a separator step."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)

    def media(self, mix: Tensor, estimates: Tensor, names: Sequence[str], sample_rate: int, step: int) -> None:
        """Write spectrograms and sound of a mix and its estimates.

        Args:
            mix: (channels, samples).
            estimates: (sources, channels, samples).
            names: names of the sources.
            sample_rate: samples per second.
            step: separator step.
        """
        if self._writer is None:
            return
        for name, wave in zip(["mix", *names], [mix, *estimates], strict=True):
            mono = wave.mean(dim=0).cpu()
            self._writer.add_image(f"spectrogram/{name}", spectrogram_image(mono), step)
            self._writer.add_audio(f"sound/{name}", mono.clamp(-1, 1), step, sample_rate)

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()
