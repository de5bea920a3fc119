"""Trying again while something is away for a while: a database, a bucket."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from dssgan.errors import ConfigError

Result = TypeVar("Result")

_FIRST_SECONDS, _MAX_SECONDS = 0.4, 10.0


@dataclass(frozen=True)
class Patience:
    """How long to wait for what does not answer.

    Pauses grow and are drawn at random, so that a hundred processes do not come back all at once.

    Args:
        minutes: from the first failure on; 0 tries once.

    Raises:
        ConfigError: a negative number.
    """

    minutes: float = 15.0

    def __post_init__(self) -> None:
        if not self.minutes >= 0:
            raise ConfigError(f"patience={self.minutes}: give a number of minutes, 0 or more")

    def attempt(
        self, function: Callable[[], Result], *passing: type[Exception],
        what: str = "", say: Callable[[str], None] = lambda _: None,
    ) -> Result:  # fmt: skip
        """Do something again and again while it fails in a way that passes.

        Args:
            function: must do no harm when it is done twice.
            passing: kinds of errors that pass.
            what: is away, as the messages name it.
            say: told once when it does not answer, and once when it does again.

        Returns:
            What the function gives.

        Raises:
            Exception: the function's own, of another kind, or the last one when patience ends.
        """
        import tenacity

        def announce(state: "tenacity.RetryCallState") -> None:
            if state.attempt_number == 1:
                say(f"{what} does not answer; waiting for it")

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(passing),
            stop=tenacity.stop_after_delay(60 * self.minutes),
            wait=tenacity.wait_random_exponential(multiplier=_FIRST_SECONDS, max=_MAX_SECONDS),
            before_sleep=announce,
            reraise=True,
        )
        result: Result = retrying(function)
        if retrying.statistics.get("attempt_number", 1) > 1:
            say(f"{what} answers again")
        return result


USUAL = Patience()
