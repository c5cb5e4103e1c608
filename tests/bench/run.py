"""`make bench`: run the benchmarks, print a table, write `bench.json` (`name -> {value, unit, goal, ok}`).

    python tests/bench/run.py            # all of them
    python tests/bench/run.py leap graph # only these
"""

import argparse
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).parent
NAMES = sorted(file.stem.removesuffix("_bench") for file in FOLDER.glob("*_bench.py"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all of them unless given")
    parser.add_argument("--out", type=Path, default=Path("bench.json"), help="where the figures go")
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - set(NAMES)):
        parser.error(f"{unknown[0]!r} is no benchmark; there are {', '.join(NAMES)}")
    figures: dict[str, dict[str, Any]] = {}
    for name in options.names or NAMES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        figures |= _load(name).run()
        _write(options.out, figures)
    table = Table("figure", "value", "unit", "goal", "ok")
    for name, figure in figures.items():
        table.add_row(name, f"{figure['value']:.4g}", figure["unit"], figure["goal"], "yes" if figure["ok"] else "NO")
    Console().print(table)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; written to {options.out}")


def _load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"{name}_bench", FOLDER / f"{name}_bench.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _write(target: Path, figures: dict[str, dict[str, Any]]) -> None:
    beside = target.with_name(f".{target.name}.new")
    beside.write_text(json.dumps(figures, indent=2) + "\n")
    beside.replace(target)


if __name__ == "__main__":
    main()
