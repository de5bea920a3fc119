"""`dssgan data check`: the doctor."""

import sys
from dataclasses import asdict
from pathlib import Path

import click

from dssgan.cli.options import quiet_option


@click.command()
@click.argument("dataset", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON on standard output.")
@click.option("--fix", type=click.Path(path_type=Path), help="Write fixed copies of songs into this folder.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Manifest of the fixed data set; dataset.json in the --fix folder by default.",
)
@click.option(
    "-j", "--jobs", type=click.IntRange(1), help="Number of songs examined in parallel; the number of cores by default."
)
@quiet_option
def command(
    dataset: Path | None, as_json: bool, fix: Path | None, output: Path | None, jobs: int | None, quiet: bool
) -> None:
    """Examine a data set before hours of training: sums, alignment, silence, clipping, codecs, swapped sources, songs
    that are in two partitions, decode speed.

    Exit code 1 if anything would spoil training, 0 otherwise. Without a name, the bundled songs are examined.
    """
    import os

    from dssgan.cli.terminal import Terminal
    from dssgan.curation.doctor import examine
    from dssgan.curation.doctor.fix import fix_dataset
    from dssgan.data.loading import load_dataset
    from dssgan.data.manifest import FILE_NAME, save_manifest
    from dssgan.parallel.processes import map_in_processes
    from dssgan.plain_json import to_json

    terminal = Terminal(quiet=quiet)
    loaded = load_dataset(dataset)
    with terminal.progress("Examining") as progress:
        findings = examine(
            loaded, map_unordered=map_in_processes(jobs or os.cpu_count() or 1), progress=progress.advance_to
        )
    errors = sum(finding.severity == "error" for finding in findings)
    if as_json:
        content = {
            "dataset": loaded.name, "errors": errors, "warnings": len(findings) - errors,
            "findings": [asdict(finding) for finding in findings],
        }  # fmt: skip
        click.echo(to_json(content, indent=1))
    elif findings:
        rows = [
            (
                finding.severity,
                finding.partition,
                finding.track,
                f"{Path(finding.file).name if finding.file else ''} {finding.message}".strip(),
                finding.advice,
            )
            for finding in findings
        ]
        terminal.table(
            loaded.name, ("", "partition", "song", "what is wrong", "what to do"), rows, num_left=len(rows[0])
        )
    terminal.print(f"{loaded.name}: {errors} errors, {len(findings) - errors} warnings")
    if fix is not None:
        output = output or fix / FILE_NAME
        with terminal.progress("Fixing") as progress:
            fixed, lines = fix_dataset(loaded, findings, fix.absolute(), progress=progress.advance_to)
        for line in lines:
            terminal.print(line)
        save_manifest(fixed, output)
        terminal.print(f"Wrote {output}. Next: dssgan data check {output}")
    sys.exit(1 if errors else 0)
