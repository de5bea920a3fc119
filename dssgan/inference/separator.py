"""The separator that users call."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dssgan.audio.files import probe, read_blocks
from dssgan.audio.tags import read_tags
from dssgan.errors import AudioError
from dssgan.inference.device import choose_device, make_forks_safe
from dssgan.inference.drum_score import DrumScore
from dssgan.inference.engines import with_engine
from dssgan.inference.level import Level, measure_level
from dssgan.inference.live import LiveSeparator
from dssgan.inference.one_shots import OneShots
from dssgan.inference.output import MIDI, OutputSettings
from dssgan.inference.overlap_add import SeparationSettings
from dssgan.inference.precision import choose_precision
from dssgan.inference.stem_writer import write_stems
from dssgan.inference.stream import separate_array, separate_stream
from dssgan.separators.base import SeparatorModel
from dssgan.separators.flips import Flips
from dssgan.separators.loading import StoredCascade, find_model
from dssgan.separators.two_stems import TwoStems
from dssgan.types import Audio, Progress

_BLOCK_SAMPLES = 1 << 16
_MAX_CHANNELS = 32  # more than any format of loudspeakers, fewer than the samples of any music


@dataclass(frozen=True)
class SeparatedFile:
    """Result of separating one file.

    Attributes:
        track: the file.
        paths: file of each stem that was written, one and the same where it holds all; and of the drums as MIDI.
        seconds: its length.
        sample_rate: samples per second of the file.
        stem_rate: sample rate of its stems: the file's, wherever their format supports it.
        channels: channels of the file and of its stems.
        peak: highest magnitude in any stem before the gain.
        gain: what all stems were multiplied by so that none clips; they sum to this times the mix.
        model: name of the model.
        elapsed_seconds: how long it took.
        promised_seconds: length that its header promises, where the file ends earlier; None where it is whole.
        note: remarks on the sound from its container, such as which of several audio tracks it is, and on what was
            found in it; "" for none.
    """

    track: Path
    paths: dict[str, Path]
    seconds: float
    sample_rate: int
    stem_rate: int
    channels: int
    peak: float
    gain: float
    model: str
    elapsed_seconds: float
    promised_seconds: float | None = None
    note: str = ""

    def as_record(self) -> dict[str, Any]:
        """Return the result as plain values for JSON."""
        return asdict(self) | {
            "track": str(self.track),
            "paths": {name: str(path) for name, path in self.paths.items()},
        }


class Separator:
    """A model together with how it is run.

    >>> from dssgan import Separator, load_dataset
    >>> separator = Separator.load("default", "cpu", overlap=0.1)
    >>> mix = load_dataset().test[0].sources[0].read(duration_seconds=2.0)
    >>> stems = separator.separate(mix, 44100)
    >>> sorted(stems), stems["drums"].shape == mix.shape
    (['drums', 'other'], True)

    Args:
        model: a separator or an ensemble.
        name: what to call it in records.
        device: "auto", "cpu", "cuda" or "mps".
        two_stems: one of the model's sources: it and the sum of all others, called "no_" and its name, are the stems.
        channel_swap: whether to run the model a second time with the channels swapped, and average.
        polarity: likewise with the polarity inverted.
        audio_track: which audio track of a file that holds several, from 1; None for the one that it calls its default.
        engine: what runs the networks: "torch", "onnxruntime", "openvino", or "auto" for the fastest that is installed.
        fingerprint: fingerprint of the model, under which it is remembered whether it may run in bf16.
        settings: settings of `SeparationSettings`.

    Raises:
        ConfigError: no such device or source, or a setting out of range.
    """

    def __init__(
        self, model: SeparatorModel, name: str, *, device: str = "cpu", two_stems: str | None = None,
        channel_swap: bool = False, polarity: bool = False, engine: str = "torch", fingerprint: str | None = None,
        audio_track: int | None = None, **settings: Any,
    ) -> None:  # fmt: skip
        if channel_swap or polarity:
            model = Flips(model, channel_swap=channel_swap, polarity=polarity)
        if two_stems is not None:
            model = TwoStems(model, two_stems)
        self.settings = SeparationSettings(**settings)
        self.settings.in_samples(model)  # refused here, once, and not with every file
        where = choose_device(device)
        make_forks_safe()
        self.model = model.to(where).eval()
        if self.settings.precision == "auto":
            precision = choose_precision(self.model, self.settings, where, fingerprint)
            self.settings = replace(self.settings, precision=precision)
        self.model = with_engine(self.model, engine, self.settings.precision, where)
        self.name = name
        self.audio_track = audio_track
        self._live: LiveSeparator | None = None

    @classmethod
    def load(
        cls, reference: str | Path = "default", device: str = "auto", *, then: str | Path | None = None, **settings: Any
    ) -> "Separator":
        """Load a model.

        Args:
            reference: a bundle's folder, an ensemble's file, or the name of a shipped ensemble.
            device: "auto", "cpu", "cuda" or "mps".
            then: a model that takes apart a stem of the first one's, such as "pieces"; None for none.
            settings: as for the constructor; with `precision="auto"` whether bf16 is as good is measured once.

        Raises:
            ModelError: there is no such model, or it cannot be loaded.
            ConfigError: no such device.
        """
        stored = find_model(reference)
        if then is not None:
            stored = StoredCascade(stored, find_model(then))
        fingerprint = stored.fingerprint() if settings.get("precision") == "auto" else None
        return cls(stored.load(), str(reference), device=device, fingerprint=fingerprint, **settings)

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the estimates, in order; together they are the mix."""
        return self.model.sources

    @property
    def stems(self) -> tuple[str, ...]:
        """Names of the stems that can be written: the sources, and what was taken apart into some of them."""
        return (*self.model.sources, *self.model.sums)

    @property
    def wholes(self) -> tuple[str, ...]:
        """Names of the stems without those that are parts of another one."""
        parts = {part for names in self.model.sums.values() for part in names}
        return tuple(name for name in self.stems if name not in parts)

    @property
    def sample_rate(self) -> int:
        """The model's own rate, samples per second."""
        return self.model.sample_rate

    @property
    def channels(self) -> int:
        """The model's own channels."""
        return self.model.channels

    def separate(self, mix: Audio | torch.Tensor, sample_rate: int, *, song: str | None = None) -> dict[str, Audio]:
        """Separate music held in memory.

        Args:
            mix: (channels, samples) or (samples,), floats in [-1, 1], an array or a tensor.
            sample_rate: its rate, samples per second; any.
            song: its name, for models that hold stems of songs by name.

        Returns:
            One array of the mix's shape and rate for each of `stems`, float32; those of `sources` sum to the mix.

        Raises:
            AudioError: the mix is empty, misshapen, not of floats, or holds a sample that is not finite.
            ConfigError: a setting out of range.
            ModelError: the model's output is misshapen or holds a number that is not finite.
        """
        audio = _as_mix(mix, sample_rate)
        model = self.model if song is None else self.model.for_song(song)
        estimates = separate_array(model, audio, sample_rate=int(sample_rate), settings=self.settings)
        stems = dict(zip(self.sources, estimates, strict=True))
        stems |= {
            name: np.sum([stems[part] for part in parts], axis=0, dtype=np.float32)
            for name, parts in self.model.sums.items()
        }
        return {name: stem.reshape(np.shape(mix)) for name, stem in stems.items()}

    @property
    def latency_seconds(self) -> float:
        """How much later `stream` gives a sample than it got it, seconds.

        Raises:
            ConfigError: the model depends on more than a window ahead.
        """
        return self._live_separator().latency_seconds

    def stream(self, block: Audio) -> dict[str, Audio]:
        """Separate a block of a stream as soon as it is there; only causal models can.

        Args:
            block: (channels, samples), floats in [-1, 1], at the model's own rate and channels.

        Returns:
            One array of the block's shape for each source: what went in `latency_seconds` ago. They sum to the mix.

        Raises:
            ConfigError: the model depends on more than a window ahead.
            AudioError: the block is misshapen or holds a sample that is not finite.
            ModelError: the model's output holds a number that is not finite.
        """
        return dict(zip(self.sources, self._live_separator().push(_as_array(block)), strict=True))

    def end_stream(self) -> dict[str, Audio]:
        """Return the remaining `latency_seconds` of the stems; the next block begins another stream."""
        rest = self._live_separator().flush()
        self._live = None
        return dict(zip(self.sources, rest, strict=True))

    def _live_separator(self) -> LiveSeparator:
        if self._live is None:
            self._live = LiveSeparator(self.model)
        return self._live

    def separate_file(
        self,
        path: str | Path,
        folder: str | Path,
        output: OutputSettings = OutputSettings(),  # noqa: B008
        *,
        track: str | None = None,
        paths: Mapping[str, Path] | None = None,
        progress: Progress | None = None,
    ) -> SeparatedFile:
        """Separate a file of any length into one file a source, with the file's own rate, channels and samples.

        Of a truncated file the part that exists is separated; `promised_seconds` of the result is set.

        The stems sum to the mix within one step of their format. All of them appear when all are complete; on failure
        what was there before stays.

        Args:
            path: any audio file.
            folder: where the stems are written; made if it is missing.
            output: which stems, as what kind of file, under which name.
            track: its name, for file names that hold it; the file's own by default.
            paths: path of each stem, where they have been worked out already; `folder` and `track` then count for
                nothing.
            progress: called with seconds done and seconds in all.

        Raises:
            AudioError: the file cannot be read, or the stems cannot be written.
            ConfigError: a setting out of range, or no such stem.
            ModelError: the model's output is misshapen or holds a number that is not finite.
        """
        path = Path(path)
        if paths is None:
            paths = output.paths(Path(folder), track or path.stem, self.stems)
        files = {name: file for name, file in paths.items() if name != MIDI}
        begun = time.monotonic()
        stream = None if self.audio_track is None else self.audio_track - 1
        info = probe(path, stream)
        output.check(path, info.channels)
        for target in paths.values():
            if target.is_dir() or (target.exists() and target.samefile(path)):
                raise AudioError(f"{target}: is {'a folder' if target.is_dir() else 'the mix itself'}; write elsewhere")

        model = self.model.for_song(path.stem)
        level = Level()
        if model.separates_by_sound:
            blocks_to_measure = read_blocks(path, _BLOCK_SAMPLES, stem=stream, on_truncated=lambda *_: None)
            level = measure_level(blocks_to_measure, info.sample_rate)
        promised: list[float] = []
        wants_strokes = MIDI in paths or output.samples is not None
        score = DrumScore(self.sources, info.sample_rate) if wants_strokes else None
        one_shots = None
        if output.samples is not None:
            kit = output.samples / (track or path.stem)
            if kit.exists() and not output.replaces:
                raise AudioError(f"{kit}: is there already; add --overwrite, or choose another --samples")
            one_shots = OneShots(kit, self.sources, info.sample_rate, info.channels)

        def reporting() -> Iterator[tuple[Audio, Audio]]:
            num_frames = 0
            blocks = read_blocks(
                path, _BLOCK_SAMPLES, stem=stream, on_truncated=lambda _there, stated: promised.append(stated)
            )
            stems = separate_stream(
                model, blocks, sample_rate=info.sample_rate, channels=info.channels, settings=self.settings,
                level=level,
            )  # fmt: skip
            for mix, estimates in stems:
                if score is not None:
                    score.push(estimates)
                if one_shots is not None:
                    one_shots.push(mix, estimates)
                yield mix, estimates
                num_frames += mix.shape[-1]
                if progress is not None:
                    progress(min(num_frames / info.sample_rate, info.seconds), info.seconds)

        found = ""
        try:
            written = write_stems(
                reporting(),
                files,
                self.sources,
                sums=model.sums,
                sample_rate=info.sample_rate,
                channels=info.channels,
                output=output,
                tags=read_tags(path) if output.tags else None,
                beside={paths[MIDI]: score.write} if score is not None and MIDI in paths else {},
                expected_frames=info.num_frames,
            )
            if one_shots is not None and score is not None:
                found = f"{len(one_shots.write(score.strokes))} samples"
        finally:
            if one_shots is not None:
                one_shots.close()
        return SeparatedFile(
            track=path,
            paths=dict(paths),
            seconds=written.num_frames / info.sample_rate,
            sample_rate=info.sample_rate,
            stem_rate=output.format.nearest_rate(info.sample_rate),
            channels=info.channels,
            peak=written.peak,
            gain=written.gain,
            model=self.name,
            elapsed_seconds=time.monotonic() - begun,
            promised_seconds=promised[0] if promised else None,
            note="; ".join(filter(None, (info.note, "" if score is None else score.summary, found))),
        )


def _as_array(mix: Audio | torch.Tensor) -> NDArray[Any]:
    if not isinstance(mix, torch.Tensor):
        return np.asarray(mix)
    # NumPy has no bfloat16
    return (mix.detach().float() if mix.is_floating_point() else mix.detach()).cpu().numpy()


def _as_mix(mix: Audio | torch.Tensor, sample_rate: int) -> Audio:
    """Check a user's array and convert it to audio.

    Args:
        mix: (channels, samples) or (samples,), floats, an array or a tensor.
        sample_rate: its rate, samples per second.

    Returns:
        (channels, samples), float32.

    Raises:
        AudioError: it is empty, misshapen, not of floats, or holds a sample that is not finite; or no such rate.
    """
    try:
        audio = _as_array(mix)
    except (TypeError, ValueError, RuntimeError) as error:  # a list of lists of different lengths, a sparse tensor
        raise AudioError(f"mix of {type(mix).__name__}: is no array of floats (channels, samples) ({error})") from error
    if audio.ndim not in (1, 2) or audio.size == 0:
        raise AudioError(f"mix of shape {audio.shape}: give (channels, samples) with at least one sample")
    if audio.ndim == 2 and audio.shape[0] > _MAX_CHANNELS:
        raise AudioError(f"mix of shape {audio.shape}: the mix must be (channels, samples); transpose it")
    if not np.issubdtype(audio.dtype, np.floating):
        raise AudioError(f"mix of {audio.dtype}: give floats in [-1, 1]; divide 16-bit integers by 32768")
    if not isinstance(sample_rate, int | float | np.number) or not 1 <= sample_rate < np.inf or sample_rate % 1:
        raise AudioError(f"sample rate {sample_rate}: give the mix's samples per second, such as 44100")
    audio = np.atleast_2d(audio).astype(np.float32)
    finite = np.isfinite(audio).all(axis=0)
    if not finite.all():
        seconds = int(finite.argmin()) / sample_rate
        raise AudioError(f"mix: holds a sample that is not a finite number at {seconds:.3f} s; fix it there")
    return audio
