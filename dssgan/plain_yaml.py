"""YAML from outside, without what lets a small file become a large one."""

from typing import Any

import yaml


class PlainLoader(yaml.SafeLoader):
    """PyYAML's safe loader, which refuses aliases.

    Aliases of aliases multiply: 500 bytes can stand for billions of values, which cost nothing until something goes
    through them.
    """

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Build the next node of the document."""
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(
                None, None, f"the alias *{event.anchor} is not supported; write its value out", event.start_mark
            )
        return super().compose_node(parent, index)


def load_yaml(text: str, loader: type[PlainLoader] = PlainLoader) -> Any:
    """Parse a YAML document into plain values.

    Args:
        text: the document.
        loader: reads tags of its own, where there are some.

    Returns:
        Dicts, lists, strings, numbers, dates, booleans and None.

    Raises:
        yaml.YAMLError: it is no YAML, holds an alias or a value that cannot be, or is nested too deeply.
    """
    try:
        return yaml.load(text, Loader=loader)
    except RecursionError as error:
        raise yaml.YAMLError("it is nested too deeply") from error
    except ValueError as error:  # a date or a number that cannot be
        raise yaml.YAMLError(str(error)) from error
