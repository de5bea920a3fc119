"""`dssgan ensemble`: combine trained separators."""

from pathlib import Path

import click

from dssgan.cli.options import data_option, quiet_option


@click.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SWEEP|BUNDLE...")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The ensemble's YAML file.")
@data_option
@click.option("--max-members", default=3, show_default=True, type=click.IntRange(1), help="Members at most.")
@click.option("--plain", is_flag=True, help="Average the members: no weights per band, no gate.")
@quiet_option
def command(
    sources: tuple[Path, ...], output: Path, data: Path | None, max_members: int, plain: bool, quiet: bool
) -> None:
    """Choose the best separators of a sweep, or among bundles, and combine them.

    Members, weights per frequency band and the bleed gate are chosen on the validation partition. The members are
    copied into a folder beside the YAML file, so both can be moved together.
    """
    from dssgan.cli.terminal import Terminal
    from dssgan.data.dataset import Dataset
    from dssgan.ensembling.build import build_ensemble

    bundles = [bundle for source in sources for bundle in find_bundles(source)]
    terminal = Terminal(quiet=quiet)
    dataset = Dataset.load(data)
    with terminal.progress("Separating the validation songs") as progress:
        built = build_ensemble(
            bundles, dataset, output, max_members=max_members, plain=plain, progress=progress.advance_to
        )
    rows = [[name, str(bundle), f"{built.candidates[str(bundle)]:.2f}"] for name, bundle in built.members.items()]
    rows += [["plain average", "", f"{built.average:.2f}"], ["ensemble", str(built.path), f"{built.fitted:.2f}"]]
    terminal.table("Validation", ["", "from", "drums uSDR [dB]"], rows)
    terminal.say(f"Wrote {built.path}. Next: dssgan separate SONG -m {built.path}")


def find_bundles(source: Path) -> list[Path]:
    """Find the bundles in a sweep's or a training's folder.

    Args:
        source: such a folder, or a bundle itself.

    Returns:
        The bundles' folders, in order.

    Raises:
        ModelError: there is none.
    """
    from dssgan.errors import ModelError

    if (source / "model.json").is_file():
        return [source]
    found = sorted(
        file.parent for pattern in ("bundle", "trials/*/bundle") for file in source.glob(f"{pattern}/model.json")
    )
    if not found:
        raise ModelError(f"{source}: holds no trained separator; give a bundle, a training's or a sweep's folder")
    return found
