"""``python -m rnnlib.experiments list|run NAME [--seeds N] [--out DIR]``."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rnnlib import experiments

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.

    Raises
    ------
    SystemExit
        If they are not understood.
    """
    parser = argparse.ArgumentParser(prog="python -m rnnlib.experiments", description=__doc__)
    commands = parser.add_subparsers(dest="do", required=True)
    commands.add_parser("list", help="say which experiments there are, and what they ask")
    run = commands.add_parser("run", help="make an experiment and write its result")
    run.add_argument("name", choices=experiments.names())
    run.add_argument("--seeds", type=int, help="how many; by default what the experiment says")
    run.add_argument("--out", type=Path, default=experiments.RESULTS, help="folder of the result")
    chosen = parser.parse_args(arguments)
    if chosen.do == "run" and chosen.seeds is not None and chosen.seeds < 1:
        parser.error(f"--seeds: got {chosen.seeds}, expected a positive integer")
    for variable in THREADS:  # before NumPy or torch are there
        os.environ.setdefault(variable, "1")
    from rnnlib.experiments import _record

    if chosen.do == "list":
        for name in experiments.names():
            print(f"{name:20} {_record.question(name)}")
    else:
        made = _record.run(chosen.name, chosen.seeds, log=sys.stderr, out=chosen.out)
        path = _record.write(made, chosen.out)
        print(f"{path} holds the result")


if __name__ == "__main__":
    main()
