"""The folder of a fine-tuning: what it is a run of, its whole checkpoints, and its result.

`run.json` says what decides the result; `checkpoints/` holds the last two states that a stopped run goes on from;
`model/` is the result. A checkpoint counts once a file in it says that it is whole: a kill may fall between its files.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peerleap.training.row_file import RowsError

WHOLE = "whole"


class RunFolder:
    """The folder of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.model = path / "model"
        """The trained model, or its adapters."""
        self.log = path / "log.json"
        self.curve = path / "loss.png"

    def open(self, fingerprint: Mapping[str, Any]) -> None:
        """Make the folder, or check that it is one of the same run.

        Raises:
            RowsError: it holds something else, or a run that differs; the message names where.
        """
        note = self.path / "run.json"
        if note.is_file():
            there = json.loads(note.read_text(encoding="utf-8"))
            differing = sorted(key for key in {*there, *fingerprint} if there.get(key) != fingerprint.get(key))
            if differing:
                raise RowsError(
                    f"--out {str(self.path)!r} holds a run of other {', '.join(differing)}: give another folder"
                )
            return
        if self.path.is_dir() and any(self.path.iterdir()):
            raise RowsError(f"--out {str(self.path)!r} holds other files: give the name of a new folder")
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(note, fingerprint)

    @property
    def done(self) -> bool:
        """Whether the result is there."""
        return self.model.is_dir()

    def last_checkpoint(self) -> Path | None:
        """The newest whole checkpoint; what a kill left half-written is removed."""
        found: list[tuple[int, Path]] = []
        for folder in self.checkpoints.glob("checkpoint-*"):
            if (folder / WHOLE).is_file():
                found.append((int(folder.name.rpartition("-")[2]), folder))
            else:
                shutil.rmtree(folder)
        return max(found)[1] if found else None

    def finish(self, new: Path) -> None:
        """Put the result in its place; the checkpoints are not needed any more."""
        new.replace(self.model)
        shutil.rmtree(self.checkpoints, ignore_errors=True)


def write_json(target: Path, value: Any) -> None:
    """Write a file as a whole."""
    new = target.with_name(f"{target.name}.new")
    new.write_text(json.dumps(value, indent=1, ensure_ascii=True) + "\n", encoding="utf-8")
    new.replace(target)
