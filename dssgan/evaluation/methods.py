"""What can be evaluated: anything that gives estimates for a track."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dssgan.data.audio_file import AudioFile
from dssgan.data.dataset import Track
from dssgan.data.learnt_from import LearntFrom
from dssgan.errors import ConfigError, DataError
from dssgan.evaluation.oracles import ORACLES, OracleMethod
from dssgan.inference.separator import Separator
from dssgan.separators.external import parse_reference
from dssgan.separators.loading import learnt_from, locate, shipped_ensembles

Audio = npt.NDArray[np.float32]
Estimator = Callable[[Track, Audio], Audio]  # a track and its mix (channels, samples) to (sources, channels, samples)


class Method(Protocol):
    """A way to estimate the sources of a track. It is small, hashable and picklable; `open` loads what is large."""

    def open(self, sources: tuple[str, ...], sample_rate: int) -> Estimator:
        """Make ready to estimate tracks.

        Args:
            sources: names, in the order in which estimates are wanted.
            sample_rate: Hz of mixes and estimates.
        """
        ...

    def learnt_from(self) -> LearntFrom:
        """Give the recordings that it learnt from, which it cannot be tested on."""
        ...

    def paths(self) -> tuple[Path, ...]:
        """Give the files and folders that must be there on whatever machine it is opened on."""
        ...

    def __hash__(self) -> int: ...


@dataclass(frozen=True)
class MixMethod:
    """The mix as its own estimate of every source: what no separation at all scores.

    Every estimate is the whole mix, as in SiSEC 2018's description of its method MIX and in musdb's example; the code
    of SiSEC's oracles divides it by the number of sources.
    """

    def open(self, sources: tuple[str, ...], sample_rate: int) -> Estimator:  # noqa: ARG002
        return lambda _track, mix: np.repeat(mix[None], len(sources), axis=0)

    def learnt_from(self) -> LearntFrom:
        return LearntFrom()

    def paths(self) -> tuple[Path, ...]:
        return ()


@dataclass(frozen=True)
class ModelMethod:
    """A model bundle or an ensemble, run as `dssgan separate` runs it.

    Args:
        reference: as `load_model` takes it.
        device: where it runs: "auto", "cpu", "cuda" or "mps".
        precision: as for `SeparationSettings`.
    """

    reference: str
    device: str = "cpu"
    precision: str = "float32"

    def open(self, sources: tuple[str, ...], sample_rate: int) -> Estimator:
        separator = Separator.load(self.reference, device=self.device, precision=self.precision)
        if set(separator.sources) != set(sources):
            raise DataError(
                f"{self.reference}: separates {', '.join(separator.sources)} but the tracks hold {', '.join(sources)}; "
                "evaluate it on a data set with its own sources"
            )

        def estimate(track: Track, mix: Audio) -> Audio:
            estimates = separator.separate(mix, sample_rate, song=track.name)
            return np.stack([estimates[source] for source in sources])

        return estimate

    def learnt_from(self) -> LearntFrom:
        return learnt_from(self.reference)

    def paths(self) -> tuple[Path, ...]:
        return locate(self.reference).paths()


@dataclass(frozen=True)
class FolderMethod:
    """Estimates that some other system has written, as FOLDER/TRACK/SOURCE.wav.

    Args:
        path: FOLDER. Files of another sample rate are resampled; of another length they are refused.
    """

    path: Path

    def open(self, sources: tuple[str, ...], sample_rate: int) -> Estimator:
        def estimate(track: Track, mix: Audio) -> Audio:
            estimates = []
            for source in sources:
                file = self.path / track.name / f"{source}.wav"
                if not file.is_file():
                    raise DataError(f"{file}: this estimate is missing; separate {track.name} again")
                sample = AudioFile.of(file)
                audio = sample.read(sample_rate=sample_rate, channels=sample.channels)
                if audio.shape != mix.shape:
                    raise DataError(
                        f"{file}: has {audio.shape[0]} channels of {audio.shape[1]} samples at {sample_rate} Hz where "
                        f"the mix has {mix.shape[0]} of {mix.shape[1]}; export it as long as the mix"
                    )
                estimates.append(audio)
            return np.stack(estimates)

        return estimate

    def learnt_from(self) -> LearntFrom:
        return LearntFrom()

    def paths(self) -> tuple[Path, ...]:
        return (self.path,)


WITHOUT_A_MODEL: dict[str, Method] = {"mix": MixMethod(), **{name: OracleMethod(name) for name in ORACLES}}


def parse_methods(texts: Iterable[str], *, device: str = "cpu", precision: str = "float32") -> dict[str, Method]:
    """Turn what a user wrote on the command line into methods by name.

    Args:
        texts: each "mix", an oracle of `dssgan.evaluation.oracles.ORACLES`, a model as `load_model` takes it, or a
            folder of estimates; "NAME=TEXT" names it, otherwise its file's name does.
        device: where models run.
        precision: in which precision.

    Returns:
        Methods by name, in order.

    Raises:
        ConfigError: two have the same name.
        ModelError: there is no such model.
    """
    shipped = shipped_ensembles()
    methods: dict[str, Method] = {}
    for text in texts:
        # what exists is meant, also where its path has a "=" in it, as folders named after settings have
        given_name, equals, rest = ("", "", "") if Path(text).exists() else text.partition("=")
        reference = rest if equals else text
        path = Path(reference)
        name = given_name if equals else (path.resolve().name if path.is_dir() else path.stem)
        if name in methods:
            raise ConfigError(f"{name}: two methods have this name; write NAME={reference} to give one another")
        if reference in WITHOUT_A_MODEL:
            methods[name] = WITHOUT_A_MODEL[reference]
        elif (
            reference not in shipped
            and parse_reference(reference) is None
            and path.is_dir()
            and not (path / "model.json").exists()
        ):
            methods[name] = FolderMethod(path.resolve())
        else:  # workers may run in another folder
            methods[name] = ModelMethod(locate(reference).reference, device, precision)
    return methods
