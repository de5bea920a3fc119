"""The methods that can be evaluated: the mix, models, folders of estimates and oracles."""

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dssgan.audio.files import probe
from dssgan.data.audio_file import AudioFile, Sum, fit_length
from dssgan.data.dataset import Track
from dssgan.data.seen_recordings import SeenRecordings
from dssgan.errors import AudioError, ConfigError, DataError
from dssgan.evaluation.method import Estimator, Method
from dssgan.evaluation.oracles import ORACLES, OracleMethod
from dssgan.inference.separator import Separator
from dssgan.separators.external import parse_reference
from dssgan.separators.external.stems_folder import StemsFamily, files_of_rest, stem_files
from dssgan.separators.loading import find_model, is_shipped
from dssgan.types import DRUMS, OTHER, Audio

_STEMS = f"{StemsFamily.name}:"
_LOGGER = logging.getLogger(__name__)
_FORGIVEN_SECONDS = 0.01  # by which an estimate may be longer or shorter than its song, as encoders leave it


@dataclass(frozen=True)
class MixMethod(Method):
    """The mix as its own estimate of every source: what no separation at all scores.

    Every estimate is the whole mix, as in SiSEC 2018's description of its method MIX and in musdb's example; the code
    of SiSEC's oracles divides it by the number of sources.
    """

    def open(self, sources: tuple[str, ...], sample_rate: int) -> Estimator:  # noqa: ARG002
        return lambda _track, mix: np.repeat(mix[None], len(sources), axis=0)


@dataclass(frozen=True)
class ModelMethod(Method):
    """A model bundle or an ensemble, run as `dssgan separate` runs it.

    Args:
        reference: as `find_model` takes it.
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

    def learnt_from(self) -> SeenRecordings:
        return find_model(self.reference).learnt_from()

    def paths(self) -> tuple[Path, ...]:
        return find_model(self.reference).paths()

    def fingerprint(self) -> str:
        return find_model(self.reference).fingerprint()


@dataclass(frozen=True)
class FolderMethod(Method):
    """Estimates that some other system has written, as FOLDER/TRACK/SOURCE.wav or in any other format.

    They are scored as they are. The rest of a song without its drums may be called `no_drums`, or consist of several
    stems, which are added. Where a source has no file, it is not scored. Files of another sample rate are resampled,
    mono is used on both sides, and a difference in length of a few milliseconds is forgiven.

    Args:
        path: FOLDER.
    """

    path: Path

    def open(self, sources: tuple[str, ...], sample_rate: int) -> Estimator:
        def estimate(track: Track, mix: Audio) -> Audio:
            files = self._files(track, sources)
            if faults := self._faults_of(track, files):
                raise DataError(faults[0])
            estimates = {
                source: fit_length(
                    Sum(tuple((AudioFile.of(file), 1.0) for file in parts)).read(
                        sample_rate=sample_rate, channels=mix.shape[0]
                    ),
                    mix.shape[1],
                )
                for source, parts in files.items()
            }
            missing = [source for source in sources if source not in estimates]
            rest = (mix - sum(estimates.values())) / np.float32(max(1, len(missing)))
            return np.stack([estimates.get(source, rest) for source in sources])

        return estimate

    def paths(self) -> tuple[Path, ...]:
        return (self.path,)

    def fingerprint(self) -> str:
        files = sorted(file for file in self.path.rglob("*") if file.is_file())
        facts = [(str(file.relative_to(self.path)), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
        return hashlib.sha256(repr(facts).encode(errors="surrogateescape")).hexdigest()

    def faults(self, tracks: Sequence[Track], sources: Sequence[str]) -> list[str]:
        found = []
        for track in tracks:
            found += self._faults_of(track, self._files(track, sources), warns=True)
        return found

    def targets(self, track: Track, sources: tuple[str, ...]) -> tuple[str, ...]:
        files = self._files(track, sources)
        return tuple(source for source in sources if source in files)

    def _files(self, track: Track, sources: Sequence[str]) -> dict[str, list[Path]]:
        """Find the files of each source that has any."""
        files = stem_files(self.path / track.name)
        if tuple(sources) != (DRUMS, OTHER):
            return {source: [files[source.lower()]] for source in sources if source.lower() in files}
        found = {DRUMS: [files[DRUMS]]} if DRUMS in files else {}
        return {**found, OTHER: rest} if (rest := files_of_rest(files)) else found

    def _faults_of(self, track: Track, files: Mapping[str, list[Path]], *, warns: bool = False) -> list[str]:
        if not files:
            return [f"{self.path / track.name}: holds no estimate of this track; write its stems there"]
        faults = []
        for file in (file for parts in files.values() for file in parts):
            try:
                seconds = probe(file).seconds
            except AudioError as error:
                faults.append(str(error))
                continue
            if abs(seconds - track.duration) > _FORGIVEN_SECONDS:
                faults.append(f"{file}: lasts {seconds:.3f} s, and its track {track.duration:.3f} s; export it as long")
            elif warns and round(seconds * 44100) != round(track.duration * 44100):
                _LOGGER.warning("%s: lasts %.4f s, and its track %.4f s; forgiven", file, seconds, track.duration)
        return faults


WITHOUT_A_MODEL: dict[str, Method] = {"mix": MixMethod(), **{name: OracleMethod(name) for name in ORACLES}}


def parse_methods(texts: Iterable[str], *, device: str = "cpu", precision: str = "float32") -> dict[str, Method]:
    """Turn what a user wrote on the command line into methods by name.

    Args:
        texts: each "mix", an oracle of `dssgan.evaluation.oracles.ORACLES`, a model as `find_model` takes it, or a
            folder of estimates; "NAME=TEXT" names it, otherwise its file's name does.
        device: where models run.
        precision: precision that models compute in.

    Returns:
        Methods by name, in order.

    Raises:
        ConfigError: two have the same name.
        ModelError: there is no such model.
    """
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
        elif reference.startswith(_STEMS):  # scored as they are, without a step that would have them sum to the mix
            methods[name] = FolderMethod(Path(reference.removeprefix(_STEMS)).resolve())
        elif (
            not is_shipped(reference)
            and parse_reference(reference) is None
            and path.is_dir()
            and not (path / "model.json").exists()
        ):
            methods[name] = FolderMethod(path.resolve())
        else:  # workers may run in another folder
            methods[name] = ModelMethod(find_model(reference).reference, device, precision)
    return methods
