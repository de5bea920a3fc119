"""Where what can be computed again is kept between runs."""

from pathlib import Path

import platformdirs


def cache_folder(name: str) -> Path:
    """Return a folder of the user's cache: below $XDG_CACHE_HOME on Linux, where it is set.

    Args:
        name: name of the folder.

    Returns:
        Its path; it may not exist yet.
    """
    return platformdirs.user_cache_path("dssgan") / name
