"""Repeated attempts while a database or a bucket does not answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from dssgan.errors import ConfigError

Result = TypeVar("Result")

_FIRST_SECONDS, _MAX_SECONDS = 0.4, 10.0


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server that does not answer.

    Pauses grow and are random, so that a hundred processes do not return all at once.

    Args:
        minutes: time from the first failure to the last attempt; 0 makes one attempt.

    Raises:
        ConfigError: a negative number.
    """

    minutes: float = 15.0

    def __post_init__(self) -> None:
        if not self.minutes >= 0:
            raise ConfigError(f"patience={self.minutes}: give a number of minutes, 0 or more")

    def attempt(
        self, function: Callable[[], Result], *temporary: type[Exception],
        what: str = "", on_message: Callable[[str], None] = lambda _: None,
    ) -> Result:  # fmt: skip
        """Call a function again and again while it fails with a temporary error.

        Args:
            function: function that does no harm when it is called twice.
            temporary: types of errors after which it is called again.
            what: name of the server in messages.
            on_message: called once when it does not answer, and once when it does again.

        Returns:
            The function's result.

        Raises:
            Exception: the function's own error, of another type, or the last one when patience ends.
        """
        import tenacity

        def announce(state: "tenacity.RetryCallState") -> None:
            if state.attempt_number == 1:
                on_message(f"{what} does not answer; waiting for it")

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(temporary),
            stop=tenacity.stop_after_delay(60 * self.minutes),
            wait=tenacity.wait_random_exponential(multiplier=_FIRST_SECONDS, max=_MAX_SECONDS),
            before_sleep=announce,
            reraise=True,
        )
        result: Result = retrying(function)
        if retrying.statistics.get("attempt_number", 1) > 1:
            on_message(f"{what} answers again")
        return result


DEFAULT_PATIENCE = Patience()
