"""`dssgan export`: a separator's network as a graph."""

from pathlib import Path

import click

from dssgan.cli.options import quiet_option

_FAMILIES = {".onnx": "onnx", ".xml": "openvino"}


@click.command()
@click.argument("model")
@click.option("--onnx", type=click.Path(path_type=Path), help="ONNX graph to write, NAME.onnx.")
@click.option("--openvino", type=click.Path(path_type=Path), help="Graph of OpenVINO to write, NAME.xml with NAME.bin.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Graph to write, as ONNX or OpenVINO by its suffix."
)
@quiet_option
def command(model: str, onnx: Path | None, openvino: Path | None, output: Path | None, quiet: bool) -> None:
    """Write the network of MODEL, a bundle, as a graph of real numbers, and compare the two.

    The Fourier transform stays outside the graph. `dssgan separate -m onnx:NAME.onnx` runs it, or openvino:NAME.xml.
    """
    from dssgan.cli.terminal import Terminal
    from dssgan.errors import ModelError
    from dssgan.separators.graphs.export import EXPORTS
    from dssgan.separators.graphs.export_record import ExportRecord
    from dssgan.separators.loading import find_model
    from dssgan.separators.masking import MaskingSeparator

    wanted = [(path, suffix) for path, suffix in ((onnx, ".onnx"), (openvino, ".xml")) if path is not None]
    if output is not None:
        wanted.append((output, output.suffix))
    if not wanted:
        raise click.UsageError("give the graph to write: --onnx NAME.onnx or --openvino NAME.xml")
    for path, suffix in wanted:
        if path.suffix != suffix or suffix not in EXPORTS:
            kinds = suffix if suffix in EXPORTS else " or ".join(EXPORTS)
            raise ModelError(f"{path}: is no name for a graph; give one that ends in {kinds}")
    stored = find_model(model)
    loaded = stored.load()
    if not isinstance(loaded, MaskingSeparator):
        raise ModelError(
            f"{model}: is no network that masks a spectrogram; give the bundle of a tdf_unet, band_split or sc_lite, "
            "or one member of an ensemble"
        )
    terminal = Terminal(quiet=quiet)
    record = ExportRecord(stored.learnt_from(), tuple(stored.origins()), stored.takes)
    recording = "SONG" if stored.takes is None else f"{stored.takes.upper()} --{stored.takes}"
    for path, suffix in wanted:
        difference = EXPORTS[suffix](loaded, path, record)
        terminal.print(f"Wrote {path}; its masks differ from the separator's by at most {difference:.1e}")
        terminal.print(f"To use it: dssgan separate {recording} -m {_FAMILIES[suffix]}:{path}")
