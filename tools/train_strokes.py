"""Train what finds strokes: `python tools/train_strokes.py --train TRAIN --valid VALID --test TEST`.

TRAIN, VALID and TEST are folders that `dssgan data synth --pieces` wrote, with kits and drummers of their own. The
network hears the true pieces of the songs, and what `--pieces MODEL` makes of their drums, as they were played and as
they were separated, where `tools/train_pieces.py` has kept that. The validation songs choose thresholds, the training
songs fit the velocities, and the test songs are scored at the end, by mir_eval with a tolerance of 50 ms.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mir_eval
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from train_pieces import SEPARATED

from dssgan.audio.files import read
from dssgan.errors import DataError
from dssgan.inference.separator import Separator
from dssgan.separators.loading import PIECES
from dssgan.synthesis.midi_file import read_midi
from dssgan.synthesis.performances import strokes_of as strokes_written
from dssgan.synthesis.score import STEM_OF, STEMS, Hit
from dssgan.transcription.network import KINDS, STEM_NAMES, StrokeNetwork
from dssgan.transcription.spectra import FRAME_RATE, SAMPLE_RATE, SpectrumStream
from dssgan.transcription.strokes import Candidate, StrokeModel, StrokeStream, strokes_of, velocity_features
from dssgan.types import Audio

WINDOW_FRAMES, BATCH_SIZE = 400, 8
TOLERANCE_SECONDS = 0.05
GAIN_RANGE = (-0.25, 0.15)  # of log spectra: -17 to 10 dB
THRESHOLDS = np.arange(0.1, 0.95, 0.05)
RIDGE = 1e-2


@dataclass(frozen=True)
class Song:
    """A song in one condition.

    Attributes:
        name: its folder.
        condition: "true", "drums" or "mix": what its pieces were made of.
        spectra: (frames, stems, bands), half precision.
        hits: the strokes.
    """

    name: str
    condition: str
    spectra: NDArray[np.float16]
    hits: tuple[Hit, ...]


def main() -> None:
    """Train, choose, fit, score and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    for part in ("train", "valid", "test"):
        parser.add_argument(f"--{part}", type=Path, required=True, help="folder of `dssgan data synth --pieces`")
    parser.add_argument("--pieces", default=PIECES, help="model that takes drums apart")
    parser.add_argument(
        "--network", type=Path, help="strokes.safetensors whose network is kept; the rest is fitted anew"
    )
    parser.add_argument("--songs", type=int, default=10**6, help="training songs at most")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=Path("ensembles/pieces/strokes.safetensors"))
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    separator = Separator.load(arguments.pieces, "cpu", precision="auto")
    train, valid, test = (
        read_songs(folder, separator, most)
        for folder, most in (
            (arguments.train, arguments.songs), (arguments.valid, arguments.songs), (arguments.test, arguments.songs),
        )
    )  # fmt: skip
    if arguments.network is None:
        network = train_network(train, arguments.steps, arguments.seed)
    else:
        network = StrokeModel.load(arguments.network).network
    heard = {id(song): listen(network, song) for song in (*train[:: max(len(train) // 120, 1)], *valid, *test)}
    judged = [song for song in valid if song.condition == "drums"] or valid
    thresholds = {stem: best_threshold(stem, judged, heard) for stem in STEM_NAMES}
    velocities = fit_velocities([song for song in train if id(song) in heard], heard, thresholds)
    about = {"songs": len(train), "steps": arguments.steps, "seed": arguments.seed, "test": {}}
    model = StrokeModel(network, thresholds, velocities, about)
    for condition in dict.fromkeys(song.condition for song in test):
        scores = score([song for song in test if song.condition == condition], heard, model)
        about["test"][condition] = scores
        print(f"test, from {condition}: {json.dumps(scores)}", flush=True)
    model.save(arguments.output)
    print(f"wrote {arguments.output}, {arguments.output.stat().st_size} bytes; thresholds {thresholds}")


def read_songs(folder: Path, separator: Separator, most: int) -> list[Song]:
    """Read the songs of a folder in every condition that there is."""
    songs = []
    folders = sorted(path.parent for path in folder.glob("*/drums.mid"))[:most]
    for number, place in enumerate(folders):
        try:
            hits = strokes_written(read_midi(place / "drums.mid"))
        except DataError:
            continue  # a song without drums
        drums = read(place / "drums.wav")
        stems = [place / f"{stem}.wav" for stem in STEM_NAMES]
        pieces = {"true": np.stack([read(path) if path.exists() else 0 * drums for path in stems])}
        for condition, path in (("drums", place / "drums.wav"), ("mix", place / SEPARATED)):
            if path.exists():
                found = separator.separate(read(path), SAMPLE_RATE)
                pieces[condition] = np.stack([found[stem] for stem in STEM_NAMES])
        songs += [Song(place.name, condition, spectra_of(audio), hits) for condition, audio in pieces.items()]
        if number % 20 == 0:
            print(f"{folder}: {number} of {len(folders)} songs", flush=True)
    return songs


def spectra_of(pieces: Audio) -> NDArray[np.float16]:
    """Return the spectra of pieces, (stems, channels, samples)."""
    stream = SpectrumStream(len(STEM_NAMES))
    return np.concatenate([stream.push(pieces.mean(axis=1)), stream.flush()]).astype(np.float16)


def train_network(songs: Sequence[Song], steps: int, seed: int) -> StrokeNetwork:
    """Train on excerpts of all songs."""
    generator = np.random.default_rng(seed)
    targets = [targets_of(song) for song in songs]
    network = StrokeNetwork()
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    total = 0.0
    for step in range(1, steps + 1):
        chosen = generator.integers(len(songs), size=BATCH_SIZE)
        items = [excerpt(songs[index], targets[index], generator) for index in chosen]
        spectra, onsets, kinds, velocities = (torch.from_numpy(np.stack(parts)) for parts in zip(*items, strict=True))
        heard = network(spectra)
        struck = onsets == 1
        loss = functional.binary_cross_entropy_with_logits(heard.onsets, onsets, pos_weight=torch.tensor(2.0)) * 20
        loss = loss + 2 * (heard.velocities - velocities)[struck].square().mean()
        for index, stem in enumerate(STEM_NAMES):
            span = [KINDS.index(piece) for piece in STEMS[stem]]
            where = struck[..., index]
            if len(span) > 1 and where.any():
                wanted = kinds[..., index][where] - span[0]
                loss = loss + 0.3 * functional.cross_entropy(heard.kinds[..., span][where], wanted)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        total += loss.item()
        if step % 200 == 0:
            print(f"step {step}: loss {total / 200:.3f}", flush=True)
            total = 0.0
    return network.eval()


def targets_of(song: Song) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """Return onsets (1 where a stroke begins, less in the frames beside it), kinds and velocities by frame and stem."""
    shape = len(song.spectra), len(STEM_NAMES)
    onsets, kinds, velocities = np.zeros(shape, np.float32), np.zeros(shape, np.int64), np.zeros(shape, np.float32)
    for hit in song.hits:
        index, frame = STEM_NAMES.index(STEM_OF[hit.piece]), round(hit.start_seconds * FRAME_RATE)
        if frame >= shape[0]:
            continue
        for beside in (frame - 1, frame + 1):
            if 0 <= beside < shape[0]:
                onsets[beside, index] = max(onsets[beside, index], 0.3)
        onsets[frame, index] = 1
        kinds[frame, index] = KINDS.index(hit.piece)
        velocities[frame, index] = hit.velocity
    return onsets, kinds, velocities


def excerpt(song: Song, targets: tuple[NDArray[np.generic], ...], generator: np.random.Generator) -> list[np.ndarray]:
    """Cut an excerpt, at another level; quiet bands stay quiet."""
    start = int(generator.integers(max(len(song.spectra) - WINDOW_FRAMES, 0) + 1))
    parts = [np.asarray(part[start : start + WINDOW_FRAMES]) for part in (song.spectra, *targets)]
    missing = WINDOW_FRAMES - len(parts[0])
    parts = [np.pad(part, [(0, missing), *[(0, 0)] * (part.ndim - 1)]) for part in parts]
    spectra = parts[0].astype(np.float32)
    shift = generator.uniform(*GAIN_RANGE) + generator.normal(0, 0.02, (1, spectra.shape[1], 1))
    parts[0] = np.maximum(spectra + shift * np.minimum(spectra / 0.1, 1), 0).astype(np.float32)
    return parts


def listen(network: StrokeNetwork, song: Song) -> list[Candidate]:
    """Return the candidates of a song, from its spectra as they are kept."""
    stream = StrokeStream(network, SAMPLE_RATE)
    return stream.of_spectra(song.spectra.astype(np.float32))


def best_threshold(stem: str, songs: Sequence[Song], heard: dict[int, list[Candidate]]) -> float:
    """Return the threshold with the best F1 over all strokes of the songs on a stem."""

    def f1(threshold: float) -> float:
        counts = []
        for song in songs:
            seconds = [one.seconds for one in heard[id(song)] if one.stem == stem and one.strength >= threshold]
            written = written_on(song, stem)
            counts.append((len(pairs(written, seconds)), len(written), len(seconds)))
        return counted_f1(counts)

    return float(max(THRESHOLDS, key=f1))


def written_on(song: Song, stem: str) -> list[Hit]:
    """Return the written strokes on a stem."""
    return [hit for hit in song.hits if STEM_OF[hit.piece] == stem]


def pairs(written: Sequence[Hit], seconds: Sequence[float]) -> list[tuple[int, int]]:
    """Return which written strokes match which of those found, by their numbers; times are in order."""
    if not written or not seconds:
        return []
    times = np.array([hit.start_seconds for hit in written]), np.array(seconds)
    return [(int(a), int(b)) for a, b in mir_eval.util.match_events(*times, TOLERANCE_SECONDS)]


def counted_f1(counts: Sequence[tuple[int, int, int]]) -> float:
    """Return F1 over songs of their matches, written and found strokes."""
    matched, written, found = np.sum(counts, axis=0)
    return 2 * matched / max(written + found, 1)


def fit_velocities(
    songs: Sequence[Song], heard: dict[int, list[Candidate]], thresholds: dict[str, float]
) -> dict[str, list[float]]:
    """Fit each stem's velocities by ridge regression on the strokes that were found."""
    weights = {}
    for stem in STEM_NAMES:
        features, velocities = [], []
        for song in songs:
            chosen = [one for one in heard[id(song)] if one.stem == stem and one.strength >= thresholds[stem]]
            if chosen:
                rows = velocity_features(chosen)
                written = written_on(song, stem)
                for a, b in pairs(written, [one.seconds for one in chosen]):
                    features.append(rows[b])
                    velocities.append(written[a].velocity)
        x, y = np.array(features), np.array(velocities)
        weights[stem] = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ y).tolist()
    return weights


def score(songs: Sequence[Song], heard: dict[int, list[Candidate]], model: StrokeModel) -> dict[str, dict[str, float]]:
    """Score songs by stem: F1, share of the found strokes of the right kind, mean errors of velocity and time."""
    scores = {}
    for stem in STEM_NAMES:
        counts, errors, late, right = [], [], [], []
        for song in songs:
            hits = [hit for hit in strokes_of(heard[id(song)], model) if STEM_OF[hit.piece] == stem]
            written = written_on(song, stem)
            matched = pairs(written, [hit.start_seconds for hit in hits])
            counts.append((len(matched), len(written), len(hits)))
            for a, b in matched:
                errors.append(abs(hits[b].velocity - written[a].velocity))
                late.append(abs(hits[b].start_seconds - written[a].start_seconds))
                right.append(hits[b].piece == written[a].piece)
        scores[stem] = {
            "f1": round(float(counted_f1(counts)), 4), "strokes": int(np.sum(counts, axis=0)[1]),
            "velocity_error": round(float(np.mean(errors)), 4), "late_ms": round(1000 * float(np.median(late)), 2),
            "right_kind": round(float(np.mean(right)), 4),
        }  # fmt: skip
    return scores


if __name__ == "__main__":
    main()
