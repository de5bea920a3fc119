"""YAML from outside, without what lets a small file become a large one."""

from typing import Any

import yaml

_MAX_GROWTH = 4  # values for each character of the document: without aliases there is less than one


class PlainLoader(yaml.SafeLoader):
    """PyYAML's safe loader, to be given to `load_yaml` with tags of its own."""


def load_yaml(text: str, loader: type[PlainLoader] = PlainLoader) -> Any:
    """Parse a YAML document into plain values.

    Aliases of aliases multiply: 500 bytes can stand for billions of values, which cost nothing until something goes
    through them. So what a document stands for is counted before it is built.

    Args:
        text: the document.
        loader: reads tags of its own, where there are some.

    Returns:
        Dicts, lists, strings, numbers, dates, booleans and None.

    Raises:
        yaml.YAMLError: it is no YAML, stands for far more than it holds, holds a value that cannot be, or is nested too
            deeply.
    """
    reader = loader(text)
    try:
        node = reader.get_single_node()
        if node is None:
            return None
        if _count(node, {}) > _MAX_GROWTH * len(text):
            raise yaml.YAMLError("its aliases stand for far more than the file holds")
        return reader.construct_document(node)
    except RecursionError as error:
        raise yaml.YAMLError("it is nested too deeply") from error
    except ValueError as error:  # a date or a number that cannot be
        raise yaml.YAMLError(str(error)) from error
    finally:
        reader.dispose()


def _count(node: yaml.Node, known: dict[int, int | None]) -> int:
    """Count the values that a node stands for, each as often as aliases repeat it."""
    if id(node) in known:
        number = known[id(node)]
        if number is None:
            raise yaml.YAMLError("an alias leads back to itself")
        return number
    known[id(node)] = None  # on its way
    inside = node.value if isinstance(node, yaml.CollectionNode) else []
    pairs = (pair if isinstance(pair, tuple) else (pair,) for pair in inside)
    number = known[id(node)] = 1 + sum(_count(each, known) for pair in pairs for each in pair)
    return number
