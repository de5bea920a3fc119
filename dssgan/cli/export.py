"""`dssgan export`: a separator's network as an ONNX graph."""

from pathlib import Path

import click

from dssgan.cli.options import quiet_option


@click.command()
@click.argument("model")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Graph to write, NAME.onnx.")
@quiet_option
def command(model: str, output: Path, quiet: bool) -> None:
    """Write the network of MODEL, a bundle, as an ONNX graph of real numbers, and compare the two.

    The Fourier transform stays outside the graph. `dssgan separate -m onnx:NAME.onnx` runs it.
    """
    from dssgan.cli.terminal import Terminal
    from dssgan.errors import ModelError
    from dssgan.separators.external.onnx import export_onnx
    from dssgan.separators.loading import load_model
    from dssgan.separators.masking import MaskingSeparator

    if output.suffix != ".onnx":
        raise ModelError(f"{output}: is no name for a graph; give one that ends in .onnx")
    loaded = load_model(model)
    if not isinstance(loaded, MaskingSeparator):
        raise ModelError(
            f"{model}: is no network that masks a spectrogram; give the bundle of a tdf_unet, band_split or sc_lite, "
            "or one member of an ensemble"
        )
    difference = export_onnx(loaded, output)
    terminal = Terminal(quiet=quiet)
    terminal.say(f"Wrote {output}; its masks differ from the separator's by at most {difference:.1e}")
    terminal.say(f"To use it: dssgan separate SONG -m onnx:{output}")
