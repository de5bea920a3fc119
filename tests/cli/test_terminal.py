"""What the commands show."""

from contextlib import suppress

import pytest

from dssgan.cli.terminal import Terminal


def work(done: int, *, fails: bool) -> None:
    with Terminal(quiet=False).progress("Working") as bar:
        bar.advance_to(done, 4)
        if fails:
            raise ValueError("no such file")


@pytest.mark.parametrize(("done", "fails", "lines"), [(4, False, 1), (2, True, 1), (0, True, 0)])
def test_a_bar_is_shown_where_something_was_done(
    capsys: pytest.CaptureFixture[str], done: int, fails: bool, lines: int
) -> None:
    with suppress(ValueError):
        work(done, fails=fails)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == lines
    assert all(f"{done}/4" in line for line in told)


def test_brackets_stay_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """In a plain string rich would drop "[ft]", and stop at "[/x]"."""
    terminal = Terminal(quiet=False)
    terminal.table("runs[/x]", ["method [dB]", "score"], [["demucs [ft]", "1.0"], ["a[/b]", "2.0"]])
    terminal.heading("[1] of 2")
    with terminal.progress("Separating") as bar:
        bar.describe("live [set] [/x].wav")
        bar.advance_to(1, 1)
    told = capsys.readouterr().err
    for text in ("runs[/x]", "method [dB]", "demucs [ft]", "a[/b]", "[1] of 2", "live [set] [/x].wav"):
        assert text in told
