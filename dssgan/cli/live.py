"""`dssgan live`: separation of a sound card's input as it comes."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dssgan.cli.options import quiet_option
from dssgan.errors import AudioError, ConfigError

if TYPE_CHECKING:
    from dssgan.cli.terminal import Terminal
    from dssgan.inference.separator import Separator
    from dssgan.types import Audio

SWITCH_SECONDS = 0.0005


@click.command()
@click.argument("track", required=False, type=click.Path(path_type=Path))
@click.option("-m", "--model", required=True, help="Bundle of a causal separator, such as band_split's preset causal.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Wav file to write in place of playing.")
@click.option("--stem", default="drums", show_default=True, help="Stem to play or write.")
@click.option("--block", default=512, show_default=True, type=click.IntRange(16, 65536), help="Samples at a time.")
@click.option("--input-device", help="Sound card to record from, by name or number.")
@click.option("--output-device", help="Sound card to play to, by name or number.")
@click.option("--real-time", is_flag=True, help="With --output: read TRACK no faster than it plays, as a rehearsal.")
@click.option("--overwrite", is_flag=True, help="Replace an output that is there.")
@quiet_option
def command(
    track: Path | None,
    model: str,
    output: Path | None,
    stem: str,
    block: int,
    input_device: str | None,
    output_device: str | None,
    real_time: bool,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Separate the input of a sound card, or TRACK, and play one stem, until Ctrl-C or the track's end.

    Without a sound card name TRACK and --output: the blocks are then separated one after another as they would be live.
    The summary shows the latency and how many blocks took longer than they last.
    """
    from dssgan.cli.terminal import Terminal
    from dssgan.errors import unknown
    from dssgan.inference.device import keep_freed_memory
    from dssgan.inference.separator import Separator

    keep_freed_memory()
    # the thread that separates hands over at once when the sound card calls, even on one core
    sys.setswitchinterval(SWITCH_SECONDS)
    separator = Separator.load(model, "cpu")
    latency = separator.latency_seconds  # refuses what is not causal before a sound card is opened
    if stem not in separator.sources:
        raise ConfigError(unknown("stem", stem, separator.sources))
    if output is not None and output.exists() and not overwrite:
        raise ConfigError(f"{output}: is there already; add --overwrite or choose another -o")
    terminal = Terminal(quiet=quiet)
    clock = _Clock(block / separator.sample_rate)

    def separate(mix: "Audio") -> "Audio":
        return clock.time(lambda: separator.stream(mix)[stem])

    terminal.print(
        f"Latency {1000 * latency:.0f} ms, and that of the sound card; blocks of {1000 * clock.limit:.1f} ms"
    )
    try:
        if track is None:
            _through_sound_card(separator, separate, block, input_device, output_device)
        else:
            blocks = _blocks(track, separator, block)
            if real_time:
                blocks = _paced(blocks, separator.sample_rate)
            _through_file(blocks, separator, separate, block, output, output_device, stem)
    except KeyboardInterrupt:
        pass
    finally:
        clock.report(terminal)


class _Clock:
    """Count blocks that take longer than they last.

    Args:
        limit: how long a block lasts, seconds.
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.seconds: list[float] = []

    def time(self, work: "Callable[[], Audio]") -> "Audio":
        begun = time.perf_counter()
        result = work()
        self.seconds.append(time.perf_counter() - begun)
        return result

    def report(self, terminal: "Terminal") -> None:
        if not self.seconds:
            return
        ordered = sorted(self.seconds)
        late = sum(seconds > self.limit for seconds in ordered)
        median, most = 1000 * ordered[len(ordered) // 2], 1000 * ordered[-1]
        terminal.print(
            f"{len(ordered)} blocks, {late} too late; they took {median:.1f} ms (median), at most {most:.1f} ms"
        )


def _blocks(track: Path, separator: "Separator", size: int) -> "Iterator[Audio]":
    """Cut a file into blocks at the model's rate and channels."""
    import numpy as np

    from dssgan.audio.files import probe, read_blocks
    from dssgan.audio.resample import StreamResampler, to_channels

    info = probe(track)
    resampler = StreamResampler(info.sample_rate, separator.sample_rate, separator.channels)
    waiting = np.zeros((separator.channels, 0), np.float32)
    for part in read_blocks(track, 1 << 16):
        waiting = np.concatenate([waiting, resampler.push(to_channels(part, separator.channels))], axis=1)
        while waiting.shape[1] >= size:
            yield waiting[:, :size]
            waiting = waiting[:, size:]
    if info.sample_rate != separator.sample_rate:
        waiting = np.concatenate([waiting, resampler.flush()], axis=1)
    for start in range(0, waiting.shape[1], size):
        yield waiting[:, start : start + size]


def _paced(blocks: "Iterator[Audio]", sample_rate: int) -> "Iterator[Audio]":
    """Yield each block at the moment when a sound card would have recorded it."""
    begun, num_frames = time.perf_counter(), 0
    for block in blocks:
        num_frames += block.shape[1]
        time.sleep(max(0.0, begun + num_frames / sample_rate - time.perf_counter()))
        yield block


def _through_file(
    blocks: "Iterator[Audio]", separator: "Separator", separate: "Callable[[Audio], Audio]", block: int,
    output: Path | None, device: str | None, stem: str,
) -> None:  # fmt: skip
    from dssgan.audio.writer import Writer

    if output is None:
        with _sound_card().OutputStream(
            separator.sample_rate, block, _device(device), separator.channels, "float32"
        ) as player:
            for mix in blocks:
                player.write(separate(mix).T.copy())
        return
    waiting = round(separator.latency_seconds * separator.sample_rate)
    with Writer(output, separator.sample_rate, separator.channels, "float32") as writer:
        for mix in blocks:
            given = separate(mix)
            dropped = min(waiting, given.shape[1])  # the file begins with the song, not with the latency
            waiting -= dropped
            writer.write(given[:, dropped:])
        writer.write(separator.end_stream()[stem][:, waiting:])


def _through_sound_card(
    separator: "Separator",
    separate: "Callable[[Audio], Audio]",
    block: int,
    input_device: str | None,
    output_device: str | None,
) -> None:
    def callback(recorded: Any, given: Any, _frames: int, _time: Any, _status: Any) -> None:
        given[:] = separate(recorded.T).T

    devices = (_device(input_device), _device(output_device))
    with _sound_card().Stream(separator.sample_rate, block, devices, separator.channels, "float32", callback=callback):
        while True:
            time.sleep(0.1)


def _sound_card() -> Any:
    try:
        import sounddevice
    except OSError as error:  # the library PortAudio, which pip does not install
        raise ConfigError("sound cards need PortAudio: install it (apt-get install libportaudio2)") from error
    if not sounddevice.query_devices():
        raise ConfigError("this machine has no sound card: name a track and --output")

    class Guarded:
        """Sound card errors as one line each."""

        def __getattr__(self, name: str) -> Any:
            def opened(*arguments: Any, **settings: Any) -> Any:
                try:
                    return getattr(sounddevice, name)(*arguments, **settings)
                except (sounddevice.PortAudioError, ValueError) as error:
                    raise AudioError(f"sound card: cannot be opened ({error}); choose another device") from error

            return opened

    return Guarded()


def _device(name: str | None) -> str | int | None:
    return int(name) if name is not None and name.isdecimal() else name
