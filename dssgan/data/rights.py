"""Who holds the rights in recordings, and on what terms they may be learnt from."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_SHARE_ALIKE = re.compile(
    r"Attribution-Share-?Alike(?: \d(?:\.\d)?)?|CC[ -]BY[ -]SA(?:[ -]\d(?:\.\d)?)?"
    r"|(?<![A-Za-z])A?GPL(?:[ -]?v?\d(?:\.\d)?)?"
)


def share_alike(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the licences in lines of credits that ask for the same terms for what is made of their material.

    Args:
        lines: licences, or credits that state them.

    Returns:
        Names as the lines have them, such as "CC BY-SA 3.0" and "GPL-3.0", each once, in order.
    """
    return tuple(sorted({found for line in lines for found in _SHARE_ALIKE.findall(line)}))


@dataclass(frozen=True)
class Rights:
    """The terms under which some tracks of a data set were given. They travel into every model trained on it.

    Attributes:
        tracks: names of the tracks, as the data set calls them.
        licence: SPDX licence identifier, such as "CC-BY-4.0".
        holder: who holds the rights.
        source: where the tracks come from: an address, an album, a shelf mark.
        consent: what the holder agreed to, and when; None where a public licence says all.
        archive: SHA-256 of the archive they came in; None where they came in none.
    """

    tracks: tuple[str, ...]
    licence: str
    holder: str
    source: str
    consent: str | None = None
    archive: str | None = None
