"""Search spaces: Python files with `space(trial)`, Optuna's define-by-run."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution

from dssgan.errors import ConfigError, unknown
from dssgan.training.config import TrainConfig
from dssgan.training.settings import lay_out, make_config, merge
from dssgan.tuning.search.storage import DATABASE_ERRORS

# Draws that check a space before a sweep begins: enough to meet every branch of a few categorical choices.
NUM_CHECKS = 20
MAX_CHECKS = 1000  # draws, where the space forbids some
# settings that define what a score measures
_COMPARED_BY = ("monitor", "validation_seconds", "score_rate")


@dataclass(frozen=True)
class SearchSpace:
    """A search space, small and picklable: it travels to the searcher as its text.

    Args:
        name: the file it came from, for error messages.
        text: the file's content.
    """

    name: str
    text: str

    @classmethod
    def load(cls, path: Path) -> "SearchSpace":
        """Read a search space.

        Args:
            path: a Python file with a function `space(trial)`.

        Returns:
            The space.

        Raises:
            ConfigError: the file is missing, is no Python, or has no such function.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read ({error}); give a Python file with space(trial)") from error
        space = cls(str(path), text)
        space._function()
        return space

    def _function(self) -> Any:
        names: dict[str, Any] = {"__name__": "search_space", "__file__": self.name}
        try:
            exec(compile(self.text, self.name, "exec"), names)  # the user's own code, like any script they run
        except Exception as error:
            raise ConfigError(f"{self.name}: {type(error).__name__}: {error}; fix the file") from error
        if not callable(names.get("space")):
            raise ConfigError(f"{self.name}: has no function space(trial); add one that calls trial.suggest_...")
        return names["space"]

    def __call__(self, trial: optuna.Trial) -> dict[str, Any]:
        """Let Optuna draw a trial's settings.

        Args:
            trial: asked for values under settings' dotted keys.

        Returns:
            Settings that are the same for every trial, by dotted key.
        """
        return self._function()(trial) or {}

    def draw(self, trial: optuna.Trial) -> dict[str, Any]:
        """Draw a trial's settings, again the same ones where it has some already.

        Args:
            trial: a trial of a study.

        Returns:
            What is drawn and what is the same for every trial, by dotted key. Draws whose names begin with an
            underscore are the space's own, no settings.

        Raises:
            ConfigError: the space fails.
            optuna.TrialPruned: the space forbids what was drawn.
        """
        try:
            constants = self(trial)
        except (ConfigError, optuna.TrialPruned, *DATABASE_ERRORS):
            raise
        except Exception as error:
            raise ConfigError(f"{self.name}: space(trial) failed: {type(error).__name__}: {error}") from error
        drawn = {**constants, **trial.params}
        return {key: value for key, value in drawn.items() if not key.startswith("_")}

    def check(self, settings: Mapping[str, Any]) -> list[TrainConfig]:
        """Draw some trials and make a configuration of each, before any is trained.

        Args:
            settings: nested settings that the trials start from.

        Returns:
            The configurations.

        Raises:
            ConfigError: the space fails, or gives something that is no setting or does not fit.
        """
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        configs = []
        for drawn, _ in self.samples():
            try:
                configs.append(make_config(combine(settings, drawn)))
            except ConfigError as error:
                raise ConfigError(f"{self.name}: {error}") from error
        optuna.logging.set_verbosity(verbosity)
        for key in _COMPARED_BY:
            if len(values := {getattr(config.phase_one, key) for config in configs}) > 1:
                raise ConfigError(
                    f"{self.name}: draws {key} ({', '.join(sorted(map(str, values)))}), so that trials would be ranked "
                    "by different measures; give all trials the same"
                )
        rates = {config.build_separator().sample_rate for config in configs if config.phase_one.score_rate is None}
        if len(rates) > 1:
            raise ConfigError(
                f"{self.name}: draws separators of {', '.join(map(str, sorted(rates)))} Hz, whose scores would be of "
                f"different bands; add score_rate={max(rates)}"
            )
        return configs

    def samples(self) -> Iterator[tuple[dict[str, Any], dict[str, BaseDistribution]]]:
        """Draw some trials at random, without those that the space forbids.

        Yields:
            Settings, and the distributions that they were drawn from, by dotted key.

        Raises:
            ConfigError: the space fails, or forbids every one of them.
        """
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        num_drawn = 0
        for _ in range(MAX_CHECKS):
            trial = study.ask()
            with suppress(optuna.TrialPruned):
                yield self.draw(trial), trial.distributions
                num_drawn += 1
            if num_drawn == NUM_CHECKS:
                return
        if num_drawn == 0:
            raise ConfigError(f"{self.name}: raises TrialPruned for each of {MAX_CHECKS} draws; allow some settings")


def shipped_spaces() -> dict[str, Path]:
    """List the search spaces that come with dssgan, by name."""
    package = Path(__file__).parents[2]
    folders = (package / "shipped" / "search_spaces", package.parent / "search_spaces")  # in a wheel, in a checkout
    folder = next((folder for folder in folders if folder.is_dir()), folders[0])
    return {path.stem: path for path in sorted(folder.glob("*.py"))}


def find_space(reference: str) -> SearchSpace:
    """Load a search space by path or by the name of a shipped one.

    Args:
        reference: a path ending in .py, or a name.

    Returns:
        The space.

    Raises:
        ConfigError: there is none, or it cannot be used.
    """
    shipped = shipped_spaces()
    if reference in shipped:
        return SearchSpace.load(shipped[reference])
    if not reference.endswith(".py"):
        raise ConfigError(f"{unknown('search space', reference, shipped)}, or give a path to a .py file")
    return SearchSpace.load(Path(reference))


def combine(base: Mapping[str, Any], drawn: Mapping[str, Any]) -> dict[str, Any]:
    """Lay a trial's drawn settings under those the user gave for all trials.

    Args:
        base: nested settings; they win, so that any space can be run smaller or on other terms.
        drawn: settings by dotted key.

    Returns:
        Nested settings.
    """
    return merge(lay_out(drawn), lay_out(base))
