"""``python -m rnnlib.bench NAME [--json FILE]``."""

import argparse
import importlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

MODULES = {  # no module may be called numpy
    "context": "context",
    "gpu": "gpu",
    "grading": "grading",
    "growth": "growth",
    "layers": "layers",
    "numpy": "ladder",
    "scans": "scans",
    "training": "training",
}
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a benchmark; gives its exit status."""
    for variable in THREADS:  # before NumPy or torch are there
        os.environ.setdefault(variable, "1")
    parser = argparse.ArgumentParser(prog="python -m rnnlib.bench", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="NAME")
    for name, stem in MODULES.items():
        module = importlib.import_module(f"rnnlib.bench.{stem}")
        first = (module.__doc__ or "").partition("\n")[0]
        one = commands.add_parser(name, help=first, description=first)
        one.add_argument("--json", type=Path, help="write what was measured to this file")
        module.options(one)
        one.set_defaults(module=module)
    args = parser.parse_args(argv)
    try:
        found = args.module.measure(args, lambda line: print(line, file=sys.stderr, flush=True))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(args.module.say(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
