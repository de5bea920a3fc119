"""JSON that strict readers take: what is no number is null."""

import json
import math
from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    """Replace numbers that are not finite, which JSON has no words for, by None.

    Args:
        value: dicts, lists, tuples and what they hold.

    Returns:
        The same, with lists for tuples.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def to_json(value: Any, *, indent: int | None = None) -> str:
    """Write a value as JSON, in letters of all scripts; in ASCII where a file's name is no text at all.

    Args:
        value: dicts, lists, tuples, strings, numbers, booleans and None.
        indent: indent of nested values, for people to read; None for one line.
    """
    text = json.dumps(plain(value), indent=indent, ensure_ascii=False, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(plain(value), indent=indent, allow_nan=False)
    return text


def as_read_back(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as JSON gives them back, with lists for tuples, so that they compare equal to recorded ones."""
    result: dict[str, Any] = json.loads(json.dumps(dict(settings)))
    return result
