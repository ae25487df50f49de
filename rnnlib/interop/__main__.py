"""``python -m rnnlib.interop describe FILE`` or ``python -m rnnlib.interop table``."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rnnlib.interop import describe, table


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.

    Raises
    ------
    SystemExit
        If they are not understood, or the file is none that can be described.
    """
    parser = argparse.ArgumentParser(prog="python -m rnnlib.interop", description=__doc__)
    commands = parser.add_subparsers(dest="do", required=True)
    told = commands.add_parser("describe", help="say which convention a saved file looks like")
    told.add_argument("file", type=Path)
    commands.add_parser("table", help="print the table of conventions")
    chosen = parser.parse_args(arguments)
    if chosen.do == "table":
        print(table.markdown())
        return
    try:
        print(describe.describe(chosen.file))
    except (OSError, ValueError, ImportError) as error:
        parser.exit(1, f"{parser.prog}: {error}\n")


if __name__ == "__main__":
    main()
