"""Who holds the rights in recordings, and on what terms they may be learnt from."""

from dataclasses import dataclass


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
