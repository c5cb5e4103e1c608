"""Grade a results file again, from what its paths wrote: `python -m peerleap.evals.records.regrade OLD NEW`.

Nothing is generated. The new file has the old one's header, so that the eval goes on in it.
"""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from peerleap.evals.data import guess_kind
from peerleap.evals.extras import MissingExtra
from peerleap.evals.grading import Grader, GraderBroken
from peerleap.evals.records.file import Records, read_records
from peerleap.evals.records.path_record import graded_text
from peerleap.evals.records.schema import Header, PathRecord, RecordsError


def regrade(old: Path, new: Path) -> tuple[int, int]:
    """Write `new`; returns how many paths there are, and how many are judged otherwise than before.

    Raises:
        RecordsError: `old` is not a results file, or `new` is there already.
    """
    if new.exists():
        raise RecordsError(f"{new}: is there already; give a new name")
    header, records = read_records(old)
    return len(records), asyncio.run(_written(header, records, new))


async def _written(header: Header, records: Sequence[PathRecord], new: Path) -> int:
    changed = 0
    with Grader(str(header.config.get("grader", "peerleap"))) as grader, Records.open(new, header) as target:
        for _, paths in groupby(records, key=lambda record: record.key):
            again = [await _again(path, grader) for path in paths]
            changed += sum(before.verdict.correct != path.verdict.correct for before, path in again)
            target.append([path for _, path in again])
    return changed


async def _again(path: PathRecord, grader: Grader) -> tuple[PathRecord, PathRecord]:
    gold = str(path.meta["gold"])
    kind = path.meta.get("kind") or ("choice" if path.verdict.how == "choice" else guess_kind(gold, None))
    return path, replace(path, verdict=await graded_text(path.text or "", path.outcome, gold, kind, grader))


def main(arguments: Sequence[str]) -> None:
    """Grade the file that the first argument names into the one that the second names."""
    if len(arguments) != 2:
        raise SystemExit("usage: python -m peerleap.evals.records.regrade OLD.jsonl NEW.jsonl")
    try:
        paths, changed = regrade(Path(arguments[0]), Path(arguments[1]))
    except (RecordsError, MissingExtra, GraderBroken, OSError) as error:
        raise SystemExit(str(error)) from error
    print(f"{paths} paths graded again, {changed} of them judged otherwise; written to {arguments[1]}")


if __name__ == "__main__":
    main(sys.argv[1:])
