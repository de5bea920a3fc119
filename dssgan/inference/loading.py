"""Models by path or by name."""

from collections.abc import Callable
from pathlib import Path

from dssgan.errors import ModelError, unknown
from dssgan.separators.base import SeparatorModel
from dssgan.separators.bundle import load_bundle

Loader = Callable[[Path], SeparatorModel]

# Suffix of a model's file -> what loads it. Upper layers add theirs: dssgan.ensembling adds ".yaml".
LOADERS: dict[str, Loader] = {".json": lambda path: load_bundle(path.parent)}


def register(suffix: str, loader: Loader) -> None:
    """Say what loads models whose file has this suffix.

    Args:
        suffix: with its dot, in small letters.
        loader: maps the file's path to the model, or raises ModelError.
    """
    LOADERS[suffix] = loader


def shipped_ensembles() -> dict[str, Path]:
    """List the ensembles that come with dssgan, by name."""
    package = Path(__file__).parents[1]
    folders = (package / "shipped" / "ensembles", package.parent / "ensembles")  # in a wheel, in a checkout
    folder = next((folder for folder in folders if folder.is_dir()), folders[0])
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find_model(reference: str | Path) -> Path:
    """Find a model without loading it.

    Args:
        reference: as `load_model` takes it.

    Returns:
        A bundle's folder or an ensemble's file.

    Raises:
        ModelError: there is no such model.
    """
    shipped = shipped_ensembles()
    path = shipped.get(str(reference), Path(reference))
    if path.exists():
        return path
    if path.name == str(reference) and not path.suffix:
        raise ModelError(f"{unknown('model', str(reference), shipped or ['(none is shipped)'])}, or give a path")
    raise ModelError(
        f"{path}: there is no such model; give a bundle's folder, an ensemble's file, "
        f"or one of the shipped: {', '.join(shipped) or 'none'}"
    )


def load_model(reference: str | Path) -> SeparatorModel:
    """Load a model bundle or an ensemble.

    Args:
        reference: a bundle's folder, an ensemble's file, or the name of a shipped ensemble. A bare name means the
            shipped one even where a file of that name exists; write "./name" for the file.

    Returns:
        The model, in evaluation mode, on the CPU.

    Raises:
        ModelError: there is no such model, or it cannot be loaded.
    """
    path = find_model(reference)
    if path.is_dir():
        return load_bundle(path).eval()
    if path.suffix.lower() not in LOADERS:
        raise ModelError(f"{path}: {unknown('kind of model file', path.suffix, LOADERS)}")
    return LOADERS[path.suffix.lower()](path).eval()
