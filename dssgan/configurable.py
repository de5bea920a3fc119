"""Building a component from its name and plain settings, with errors that a user can correct.

A component owns its configuration: the keyword arguments of its constructor, with their types and defaults, are the
settings it has. So there is no second list of settings to keep in step.
"""

import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ConfigDict, ValidationError, create_model

from dssgan.errors import ConfigError, unknown

Component = TypeVar("Component")


def settings_of(component: type) -> dict[str, inspect.Parameter]:
    """List a component's settings.

    Args:
        component: a class whose constructor takes its settings by name.

    Returns:
        The constructor's parameters by name, in order.
    """
    parameters = inspect.signature(component).parameters.values()
    # a class without a constructor of its own shows its base's *args and **kwargs
    catch_all = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {parameter.name: parameter for parameter in parameters if parameter.kind not in catch_all}


def validate(kind: str, component: type, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Check settings against a component's constructor and fill in the defaults.

    Args:
        kind: what the component is, for the error message, such as "separator".
        component: the class to be built.
        arguments: settings by name; text is turned into numbers where a number is wanted.

    Returns:
        Every setting by name, of the constructor's types.

    Raises:
        ConfigError: a setting does not exist, is missing or has a wrong type.
    """
    settings = settings_of(component)
    for name in arguments:
        if name not in settings:
            raise ConfigError(f"{kind} {component.__name__}: {unknown('setting', name, settings)}")
    fields: dict[str, Any] = {
        name: (parameter.annotation, ... if parameter.default is inspect.Parameter.empty else parameter.default)
        for name, parameter in settings.items()
    }
    model = create_model(component.__name__, __config__=ConfigDict(extra="forbid"), **fields)
    try:
        return dict(model(**arguments))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{kind}.{where}={first['input']!r}: {first['msg'].lower()}") from error


def lookup(kind: str, table: Mapping[str, Component], name: str) -> Component:
    """Find a component by name.

    Args:
        kind: what the components are, for the error message.
        table: every component by name.
        name: the wanted one.

    Returns:
        The component.

    Raises:
        ConfigError: there is none of that name; the message lists the near ones.
    """
    if name not in table:
        raise ConfigError(unknown(kind, name, table))
    return table[name]


def build(
    kind: str, table: Mapping[str, type[Component]], name: str, arguments: Mapping[str, Any], preset: str | None = None
) -> Component:
    """Build the component of a name from plain settings.

    Args:
        kind: what the components are, for the error message.
        table: every class by name.
        name: the wanted one.
        arguments: settings of its constructor; they win over the preset's.
        preset: a named set of settings, a key of the class's `presets`.

    Returns:
        The component.

    Raises:
        ConfigError: an unknown name, preset or setting, or a value that does not fit.
    """
    component = lookup(kind, table, name)
    presets: Mapping[str, Mapping[str, Any]] = getattr(component, "presets", {})
    chosen = lookup(f"preset of {name}", presets, preset) if preset else {}
    return component(**validate(kind, component, {**chosen, **arguments}))
