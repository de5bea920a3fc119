"""Songs to listen to: the best, the middle and the worst of an evaluation."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path

import soundfile
import torch

from dssgan.audio.picture import spectrogram_image
from dssgan.errors import DataError
from dssgan.evaluation import listening_excerpts as excerpts
from dssgan.evaluation.results import EvaluationResult
from dssgan.report.page import PlayableSong, Players, Signal, Sound

_PICTURE = (720, 96)  # pixels
_HIGHEST_HZ = 16000
_DECISIVE = "usdr"


def make_players(result: EvaluationResult, names: Mapping[str, str]) -> Players | None:
    """Gather what can be listened to.

    Args:
        result: the evaluation.
        names: by method, the name under which it is shown.

    Returns:
        The songs; None where the evaluation kept no excerpts, or no song has a score.

    Raises:
        DataError: an excerpt cannot be read.
    """
    scores = result.scores
    target = str(scores["target"].iloc[0])
    chosen = scores[(scores["target"] == target) & (scores["metric"] == _DECISIVE)].dropna(subset="score")
    table = chosen.pivot(index="track", columns="method", values="score")
    table = table.loc[[track for track in table.index if excerpts.song_folder(result.folder, track).is_dir()]]
    if table.empty:
        return None
    usable = [name for name in names if name not in result.bounds and name in table.columns]
    judged = usable or list(table.columns)
    best = str(table[judged].mean().idxmax())
    order = [str(track) for track in table[best].sort_values(ascending=False, na_position="last").index]
    ranks = {"best": 0, "median": (len(order) - 1) // 2, "worst": len(order) - 1}
    why: dict[str, list[str]] = {}
    for name, rank in ranks.items():
        why.setdefault(order[rank], []).append(name)
    kept = [path.stem for path in sorted(excerpts.song_folder(result.folder, order[0]).glob("*.opus"))]
    if excerpts.REST in kept:
        parts = {target: target, excerpts.REST: f"without {target}"}
    else:  # more than two sources
        parts = {source: source for source in dict.fromkeys(scores["target"]) if source in kept}
    songs = []
    for track, reasons in why.items():
        folder = excerpts.song_folder(result.folder, track)
        first = next(iter(parts))
        signals = [
            Signal("mix", "", False, {first: _sound(folder / f"{excerpts.MIX}.opus")}),
            Signal("reference", "the truth", False, _sounds(folder, parts)),
        ]
        for method, shown in names.items():
            folder = excerpts.method_folder(result.folder, method, track)
            # the mix is in the list already
            if method == result.mix or not folder.is_dir():
                continue
            score = f"{table[method].to_dict()[track]:.1f} dB" if method in table.columns else ""
            signals.append(Signal(shown, score, method in usable, _sounds(folder, parts)))
        songs.append(PlayableSong(track, f"{' and '.join(reasons)} song of {names[best]} by {target} uSDR", signals))
    return Players("Listen", parts, songs)


def _sounds(folder: Path, parts: Mapping[str, str]) -> dict[str, Sound]:
    return {part: _sound(folder / f"{part}.opus") for part in parts}


def _sound(path: Path) -> Sound:
    try:
        content = path.read_bytes()
        audio, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise DataError(f"{path}: cannot be read ({error}); evaluate again") from error
    return Sound(data_uri("audio/ogg", content), _picture(torch.from_numpy(audio.mean(axis=1)), rate))


def _picture(mono: torch.Tensor, rate: int) -> str:
    pixels = spectrogram_image(mono).transpose(1, 2, 0)  # low frequencies at the bottom
    kept = round(len(pixels) * min(1.0, 2 * _HIGHEST_HZ / rate))
    return webp(pixels[len(pixels) - kept :].tobytes(), (pixels.shape[1], kept), _PICTURE)


def webp(rgb: bytes, size: tuple[int, int], shown: tuple[int, int]) -> str:
    """Encode a picture for the page.

    Args:
        rgb: bytes, row by row.
        size: their size, (width, height).
        shown: size of the result, (width, height).

    Returns:
        A data URI.
    """
    from PIL import Image

    stream = io.BytesIO()
    Image.frombytes("RGB", size, rgb).resize(shown, Image.Resampling.BOX).save(stream, "WEBP", quality=75)
    return data_uri("image/webp", stream.getvalue())


def data_uri(kind: str, content: bytes) -> str:
    """Write bytes as a URI that needs no file."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
