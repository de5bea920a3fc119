"""A whole training: supervised, then semi-supervised, each until validation stops improving."""

import copy
import logging
import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dssgan.data.cache import num_samples_of
from dssgan.data.dataset import Dataset
from dssgan.data.guard import guarded
from dssgan.data.rights import share_alike
from dssgan.errors import ModelError, TrainingInterruptedError
from dssgan.inference.device import choose_device, keep_freed_memory, make_forks_safe
from dssgan.runs.agreement import describe_changes, require_same_data
from dssgan.runs.record import TRAINING, RecordedData, RunRecord, find_record, this_command, write_record
from dssgan.runs.store import FolderStore
from dssgan.separators import SeparatorModel
from dssgan.separators.bundle import save_bundle
from dssgan.separators.loading import find_model
from dssgan.training.batches import Batches
from dssgan.training.checkpoint import BUNDLE, SONGS, Position, read_checkpoint, write_checkpoint
from dssgan.training.config import TrainConfig, phase_one_key, resolved_precision
from dssgan.training.gan import GAN
from dssgan.training.logbook import Logbook
from dssgan.training.memory import require_memory
from dssgan.training.resume import phase_to_resume, require_resumable
from dssgan.training.self_boost import SelfBoosting
from dssgan.training.shared_phases import SharedPhases
from dssgan.training.validation import Validation
from dssgan.training.world import World

_LOGGER = logging.getLogger(__name__)

Report = Callable[[dict[str, float], Path], None]


@dataclass(frozen=True)
class TrainingResult:
    """Result of a training.

    Args:
        bundle: the best separator of both phases.
        score: its validation score, dB.
        best_phase: the phase that it comes from, 1 or 2.
        phase_one_score: phase one's best, dB.
        epochs: position on the epoch axis at the end.
        separator_steps: steps of the separator, both phases.
        seconds: training and validation, without what was reused.
    """

    bundle: Path
    score: float
    best_phase: int
    phase_one_score: float
    epochs: int
    separator_steps: int
    seconds: float


def train(
    config: TrainConfig,
    dataset: Dataset,
    folder: Path | str,
    *,
    report: Report = lambda _metrics, _folder: None,
    world: World | None = None,
    resume_from: Path | None = None,
    shared_phases: SharedPhases | None = None,
    notice: Callable[[], bool] = lambda: False,
    command: str | None = None,
) -> TrainingResult:
    """Train a separator, first on pairs, then also against one critic per source.

    The same code runs alone, inside a search's trial and in each of several processes. Source: Stoller, Ewert, Dixon
    2017, section 3, arXiv 1711.00048.

    >>> from dssgan import load_dataset, make_config, train
    >>> small = {"name": "unet", "num_layers": 2, "num_initial_filters": 2, "n_fft": 512, "hop_samples": 256}
    >>> one_step = {"steps_per_epoch": 1, "phase_one.epochs": 1, "phase_two.epochs": 0, "segment_seconds": 1.0}
    >>> config = make_config({"separator": small, "validation_seconds": 2.0, "media": False, **one_step})
    >>> train(config, load_dataset(), "runs/mine").bundle.as_posix()
    'runs/mine/bundle'

    Args:
        config: the configuration.
        dataset: what to learn from; its test partition is never touched.
        folder: where the checkpoint, the best bundle, the record and TensorBoard's logs go.
        report: called in every process after each validation with its metrics and the folder of the checkpoint, which
            only the leading process has written.
        world: the processes that train together; None for this one alone.
        resume_from: folder of a checkpoint to resume from, exactly.
        shared_phases: where trainings share their supervised phases; None keeps it to this one. A phase that is
            taken over is reported again, validation by validation, as `reused`.
        notice: asked after each step whether to end, with a checkpoint of that step. It is for a process that trains
            alone.
        command: the command that repeats the training, for its record; None for this process's.

    Returns:
        What came of it.

    Raises:
        DataError: the data set lacks what the phases need.
        DivergedError: a loss is not a finite number.
        ModelError: the checkpoint to resume from is missing or damaged.
        TrainingInterruptedError: `notice` said so; what was done is in the checkpoint.
    """
    training = _Training(config, dataset, Path(folder), report, world or World(), shared_phases, notice, command)
    try:
        return training.run(resume_from)
    finally:
        training.logbook.close()


class _Training:
    def __init__(
        self, config: TrainConfig, dataset: Dataset, folder: Path, report: Report, world: World,
        shared_phases: SharedPhases | None, notice: Callable[[], bool], command: str | None,
    ) -> None:  # fmt: skip
        self.notice = notice
        self.config, self.folder, self.report, self.world = config, folder, report, world
        one, two = self.phase_one, self.phase_two = config.phase_one, config.phase_two
        self.dataset = dataset = guarded(dataset)
        device = choose_device(config.device)
        make_forks_safe()
        if device.type == "cpu":
            keep_freed_memory()
        self.arithmetic = {"precision": resolved_precision(config), "torch": str(torch.__version__)}
        self.gan = GAN(config, world, device, bf16=self.arithmetic["precision"] == "bf16")
        separator = self.gan.separator
        require_memory(
            separator, num_samples=num_samples_of(one.segment_seconds, separator.sample_rate),
            batch_size=one.batch_size, accumulate=one.accumulate, device=device,
        )  # fmt: skip
        self.batches = Batches(config, dataset, self.gan.separator, world.rank, device, folder / SONGS)
        self.validation = Validation(
            dataset,
            self.gan.averaged_separator,
            one.validation_seconds,
            one.monitor,
            config.validation_metrics,
            one.score_rate,
        )
        self.boosting: SelfBoosting | None = None
        if two.self_boost.share > 0 and two.epochs:
            # every process labels, and learns from, its own share of the mixes
            everything = dataset.train_unsup.mixes
            self.boosting = SelfBoosting(
                config.build_separator().to(device), two.self_boost,
                everything[world.rank % len(everything) :: world.size], folder / "labels" / str(world.rank),
            )  # fmt: skip
        self.logbook = Logbook(folder / "tensorboard" if world.is_main_process else None)
        self.position = Position()
        self.best_weights = self._averaged_weights()
        references = (one.start_from, two.self_boost.teacher)
        parents = [find_model(reference) for reference in references if reference is not None]
        self.learnt_from = dataset.learnt_from
        for parent in parents:
            self.learnt_from = self.learnt_from + parent.learnt_from()
        credits_ = list(dict.fromkeys((*dataset.credits, *self.batches.credits)))
        self.origin: dict[str, Any] = {
            "from": dataset.takes,
            "data": {
                "name": dataset.name,
                "fingerprint": dataset.fingerprint,
                "licence": dataset.licence,
                "credits": credits_,
                "share_alike": list(share_alike((dataset.licence or "", *credits_))),
                "rights": [asdict(rights) for rights in dataset.rights],
            },
            "parents": [data for parent in parents for data in parent.origins()],
            "config": config.as_settings(),
        }
        self.record = RunRecord(
            TRAINING, config.as_settings(), RecordedData.of(dataset), {"seed": one.seed, "workers": world.size},
            command=command or this_command(),
        )  # fmt: skip
        self.is_recorded = False
        self.shared = shared_phases
        self.key = "" if shared_phases is None else phase_one_key(config, dataset.fingerprint, world.size)

    def run(self, resume_from: Path | None) -> TrainingResult:
        self._seed()
        if resume_from != self.folder and self.world.is_main_process:
            shutil.rmtree(self.folder / SONGS, ignore_errors=True)  # they may be of other instruments
        if resume_from is not None:
            self._restore(resume_from)
        elif self.phase_one.start_from is not None:
            self.gan.load_weights(self._first_weights())
            self.best_weights = self._averaged_weights()
        if self.position.phase == 1:
            with self._claimed_phase_one():
                self._take_over_phase_one()
                if self.position.phase == 1:
                    if self.phase_one.start_from is not None and not self.position.separator_steps:
                        self._validate_start()
                    self._run_phase(self.phase_one.epochs, self._supervised_steps)
                    self._finish_phase_one()
        last_epoch = self.config.last_epoch
        steps = self._semi_supervised_steps if self.phase_two.learns_from_mixes else self._supervised_steps
        if self.boosting is not None and self.position.epoch < last_epoch:
            labelled = self.boosting.begin(self.best_weights, self.position.phase_one_score, self._decisive_score)
            self.batches.add_pseudo_labelled(labelled)
        self._run_phase(last_epoch, steps)
        if self.world.is_main_process:
            shutil.rmtree(self.folder / SONGS, ignore_errors=True)
        if self.boosting is not None:
            self.boosting.end()
        position = self.position
        return TrainingResult(
            self.folder / BUNDLE, position.best_score, self._best_phase, position.phase_one_score, position.epoch,
            position.separator_steps, position.own_seconds,
        )  # fmt: skip

    def _seed(self) -> None:
        torch.manual_seed(self.phase_one.seed + self.world.rank)  # each process draws its own

    def _run_phase(self, last_epoch: int, steps: Callable[[int], Iterator[dict[str, float]]]) -> None:
        while self.position.epoch < last_epoch and self.position.num_bad_epochs < self.phase_one.patience:
            self._epoch(steps)

    def _epoch(self, steps: Callable[[int], Iterator[dict[str, float]]]) -> None:
        """Take an epoch's steps, validate, keep the best, write a checkpoint and report."""
        started = time.monotonic()
        position = self.position
        epoch = position.epoch + 1
        means = self._take_steps(steps(epoch), started)
        if self.boosting is not None:
            means |= self.boosting.metrics  # of the teacher that this epoch learnt from
        scores = self._validated_scores()
        score = self.validation.decisive(scores)
        position.epoch = epoch
        if score > position.phase_best_score:
            position.phase_best_score, position.num_bad_epochs = score, 0
        else:
            position.num_bad_epochs += 1
        improved = score > position.best_score
        if improved:
            position.best_score, position.best_epoch = score, epoch
            self.best_weights = self._averaged_weights()
        position.seconds += time.monotonic() - started
        metrics = {
            "epoch": epoch, "phase": position.phase, "score": score, "best_score": position.best_score,
            "best_phase": self._best_phase, "separator_steps": position.separator_steps,
            "seconds": position.own_seconds, "reused_seconds": position.reused_seconds, **scores, **means,
        }  # fmt: skip
        position.history.append(metrics)
        self.logbook.scalars({"phase": position.phase, **scores, **means}, position.separator_steps)
        if self.config.media and self.world.is_main_process:
            separator = self.gan.separator
            self.logbook.media(
                *self.validation.shown(), separator.sources, self.validation.sample_rate, position.separator_steps
            )
        if self.boosting is not None and position.phase == 2:
            labelled = self.boosting.consider(self._averaged_weights(), score)
            if labelled is not None:
                self.batches.add_pseudo_labelled(labelled)
        self._save(write_bundle=improved)
        self.report(metrics, self.folder)

    def _take_steps(self, steps: Iterator[dict[str, float]], started: float) -> dict[str, float]:
        """Take the remaining steps of an epoch and return the means of its losses."""
        position = self.position
        for step_losses in steps:
            position.separator_steps += 1
            position.steps_done += 1
            for name, value in step_losses.items():
                position.losses.setdefault(name, []).append(value)
            if self.notice():
                position.seconds += time.monotonic() - started
                self._save(write_bundle=False)
                raise TrainingInterruptedError(
                    f"{self.folder}: asked to stop; step {position.separator_steps} is saved"
                )
        means = {f"loss/{name}": sum(values) / len(values) for name, values in position.losses.items()}
        position.steps_done, position.losses = 0, {}
        return means

    def _validate_start(self) -> None:
        """Validate what a fine-tuning starts from, as epoch 0: what comes after it is kept only where it is better."""
        started = time.monotonic()
        position = self.position
        scores = self._validated_scores()
        position.best_score = position.phase_best_score = self.validation.decisive(scores)
        position.seconds += time.monotonic() - started
        metrics = {
            "epoch": 0, "phase": 1, "score": position.best_score, "best_score": position.best_score, "best_phase": 1,
            "separator_steps": 0, "seconds": position.own_seconds, "reused_seconds": 0.0, **scores,
        }  # fmt: skip
        position.history.append(metrics)
        self.logbook.scalars({"phase": 1, **scores}, 0)
        self._save(write_bundle=True)
        self.report(metrics, self.folder)

    def _validated_scores(self, separator: SeparatorModel | None = None) -> dict[str, float]:
        # every process must take the same decisions, so the leader's scores count
        scores: dict[str, float] = self.world.gather(self.validation.run(separator))[0]
        return scores

    def _decisive_score(self, separator: SeparatorModel) -> float:
        return self.validation.decisive(self._validated_scores(separator))

    def _supervised_steps(self, epoch: int) -> Iterator[dict[str, float]]:
        done = self.position.steps_done
        pairs = self.batches.pairs(epoch, done)
        for _ in range(done, self.phase_one.steps_per_epoch):
            yield self.gan.supervised_step(*next(pairs))

    def _semi_supervised_steps(self, epoch: int) -> Iterator[dict[str, float]]:
        done = self.position.steps_done
        critic_steps = self.phase_two.critic_steps if self.phase_two.alpha > 0 else 0
        pairs, mixes = self.batches.pairs(epoch, done), self.batches.unpaired_mixes(epoch, done * (critic_steps + 1))
        sources = self.batches.unpaired_sources(epoch, done * critic_steps)
        before = (epoch - 1 - self.phase_one.epochs) * self.phase_one.steps_per_epoch
        for step in range(before + done, before + self.phase_one.steps_per_epoch):
            losses: dict[str, float] = {}
            real: Tensor | None = None
            alpha = self.phase_two.alpha * min(1.0, (step + 1) / max(1, self.phase_two.alpha_ramp_steps))
            for _ in range(critic_steps):
                real = next(sources)
                losses |= self.gan.critic_step(next(mixes), real)
            yield losses | self.gan.semi_supervised_step(*next(pairs), next(mixes), real, alpha=alpha)

    @contextmanager
    def _claimed_phase_one(self) -> Iterator[None]:
        """Hold other trainings off the supervised phase; who comes second waits here and finds the first one's."""
        with ExitStack() as stack:
            if self.shared is not None and self.world.is_main_process:
                stack.enter_context(self.shared.claim(self.key))
            self.world.gather(None)  # no process looks before the leader has the claim
            yield
        if self.shared is not None:
            self.shared.forget(self.key)

    def _finish_phase_one(self) -> None:
        """Close the supervised phase and leave its result for the trainings that share it."""
        position = self.position
        position.phase_one_score, position.phase, position.epoch = position.best_score, 2, self.phase_one.epochs
        if self.shared is not None and self.world.is_main_process:
            self._share({"best_weights": self.best_weights})
        self._start_phase_two()

    def _share(self, state: dict[str, Any]) -> None:
        assert self.shared is not None
        write_checkpoint(self.shared.folder(self.key), state, self.position, self.config.keep_checkpoints)
        self.shared.publish(self.key)

    def _take_over_phase_one(self) -> None:
        """Go on with the shared supervised phase if anybody has begun it; every process finds the same."""
        if self.shared is None or not self.world.gather(self.shared.fetch(self.key))[0]:
            return
        folder = self.shared.folder(self.key)
        try:
            state, self.position = read_checkpoint(folder)
        except ModelError:
            _LOGGER.warning("%s: truncated or damaged; the shared phase is trained again", folder)
            return
        position = self.position
        self.best_weights = self._on_device(state["best_weights"])
        position.reused_seconds = position.seconds
        if position.phase == 1:
            self.gan.load_supervised_state_dict({**state, "rng": state["rng"][self.world.rank]})
        self._save_bundle()
        last = max((metrics["epoch"] for metrics in position.history), default=0)
        for metrics in position.history:
            self.report(
                {**metrics, "seconds": 0.0, "reused_seconds": position.reused_seconds, "reused_until": last},
                self.folder,
            )
        if position.phase == 2:
            # writes this training's own checkpoint: a process that resumes from it reports nothing of the above again
            self._start_phase_two()

    def _start_phase_two(self) -> None:
        if self.phase_two.epochs:
            self._seed()  # the same phase two follows whether phase one was trained here or taken over
            self.gan.start_phase_two(self.best_weights if self.phase_two.init == "warm" else self._first_weights())
            self.position.phase_best_score, self.position.num_bad_epochs = -math.inf, 0
        self._save(write_bundle=True)

    def _first_weights(self) -> dict[str, Tensor]:
        """Return the weights that phase one starts from: a bundle's, or initial ones, the same in every process."""
        if self.phase_one.start_from is not None:
            return self._on_device(find_model(self.phase_one.start_from).load().state_dict())
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.phase_one.seed)
            return self._on_device(self.config.build_separator().state_dict())

    @property
    def _best_phase(self) -> int:
        return 1 if self.position.best_epoch <= self.phase_one.epochs else 2

    def _averaged_weights(self) -> dict[str, Tensor]:
        weights = self.gan.averaged_separator.state_dict()
        return {name: value.detach().clone() for name, value in weights.items()}

    def _on_device(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: value.to(self.gan.device) for name, value in weights.items()}

    def _save(self, *, write_bundle: bool) -> None:
        sharing = self.shared is not None and self.position.phase == 1
        state = self.gan.supervised_state_dict() if sharing else self.gan.state_dict()
        state["best_weights"] = self.best_weights
        if self.boosting is not None and not sharing:
            state["boosting"] = self.boosting.state_dict()
        state["rng"] = self.world.gather(state["rng"])
        state["settings"], state["data"] = self.origin["config"], self.origin["data"]["fingerprint"]
        state["arithmetic"] = self.arithmetic
        if write_bundle:
            self._save_bundle()
        if not self.world.is_main_process:
            return
        if not self.is_recorded:
            self._write_record()
        if sharing:
            self._share(state)  # instead of a checkpoint of its own: the next training resumes from there
        else:
            write_checkpoint(self.folder, state, self.position, self.config.keep_checkpoints)

    def _write_record(self) -> None:
        write_record(FolderStore(self.folder), self.record)
        self.is_recorded = True

    def _report_jump_of_rate(self) -> None:
        """Report that the learning rate rises, where a schedule that had come down is made longer."""
        before, after = self.gan.learning_rates
        if after > 1.01 * before and self.world.is_main_process:
            _LOGGER.warning(
                "%s: with more epochs the %s schedule goes on at a learning rate of %.2g, where it had fallen to %.2g",
                self.folder, self.phase_one.schedule, after, before,
            )  # fmt: skip

    def _save_bundle(self) -> None:
        if not self.world.is_main_process:
            return
        # a copy: fresh weights would be drawn from the generator whose state is part of the checkpoint
        best = copy.deepcopy(self.gan.averaged_separator)
        best.load_state_dict(self.best_weights)
        scores = next((m for m in reversed(self.position.history) if m["epoch"] == self.position.best_epoch), {})
        save_bundle(
            self.folder / BUNDLE, self.phase_one.separator.name, best,
            metadata={"validation": scores, **self.origin}, learnt_from=self.learnt_from,
        )  # fmt: skip

    def _restore(self, folder: Path) -> None:
        state, self.position = read_checkpoint(folder)
        if "settings" not in state:
            raise ModelError(f"{folder}: its checkpoint is of an earlier version of dssgan; start another training")
        require_resumable(str(folder), state["settings"], self.origin["config"], phase=self.position.phase)
        self.position.phase = phase_to_resume(state["settings"], self.position.phase)
        began = find_record(FolderStore(folder)) or self.record
        recorded = replace(began, data=replace(began.data, fingerprint=state["data"]))
        require_same_data(str(folder), recorded, self.dataset)
        if self.world.is_main_process:
            for line in describe_changes(str(folder), state.get("arithmetic", {}), self.arithmetic):
                _LOGGER.warning(line)
            self.record = began.resumed_with(self.record.settings, self.record.command)
            self._write_record()
        ranks, size, batch = state["rng"], self.world.size, self.phase_one.batch_size
        if len(ranks) != size and self.world.is_main_process:
            _LOGGER.warning(
                "%s: %d processes trained it, and %d go on: a step now learns from %d excerpts, not %d, and draws "
                "others; batch_size is per process", folder, len(ranks), size, size * batch, len(ranks) * batch,
            )  # fmt: skip
        rng = ranks[self.world.rank] if len(ranks) == size else torch.get_rng_state()  # as `_seed` left it
        self.gan.load_state_dict({**state, "rng": rng})
        self._report_jump_of_rate()
        self.best_weights = self._on_device(state["best_weights"])
        if self.boosting is not None and "boosting" in state:
            self.boosting.load_state_dict(state["boosting"])
        if folder != self.folder:
            self._save(write_bundle=True)
