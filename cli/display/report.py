"""What is printed and written when a run is over."""

import json
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from peerleap.cli.display.plain import clip, plain

_WIDTH = 40


def result_json(result: dict[str, Any], *, histories: bool) -> dict[str, Any]:
    """The object that `--json` prints and, with the histories, `--save` writes."""
    keys = ["question", "answer", "votes", "paths", "rounds", "usage", "settings"]
    return {key: result.get(key) for key in [*keys, "histories"][: None if histories else -1]}


def print_json(value: Any) -> None:
    """Print a value as one line of JSON, without characters that a terminal would obey, also behind a pipe."""
    utf8 = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
    text = json.dumps(value, ensure_ascii=not utf8, allow_nan=False)
    # Such a character can only stand in a string, where an escape means the same.
    print(text if text.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text))


def check_target(target: Path | None, option: str = "--save") -> None:
    """Say before a run whether its file could be written.

    Raises:
        ValueError: the target is a folder or a device, or its folder does not exist or cannot be written to.
    """
    if target is None:
        return
    folder = Path(os.path.realpath(target)).parent
    if not folder.is_dir():
        raise ValueError(f"{option} {str(target)!r}: there is no folder {str(folder)!r}")
    try:
        special = target.exists() and not target.is_file()
    except OSError as error:
        raise ValueError(f"{option} {str(target)!r}: {error.strerror}") from error
    if target.is_dir():
        raise ValueError(f"{option} {str(target)!r}: this is a folder; give the name of a file")
    if special:
        raise ValueError(f"{option} {str(target)!r}: this is a device or a pipe; give the name of a file")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"{option} {str(target)!r}: the folder {str(folder)!r} cannot be written to")


def check_apart(targets: Mapping[str, Path | None], sources: Iterable[str | Path | None] = ()) -> None:
    """Refuse to write two things into one file, or anything into a file that is read.

    Args:
        targets: the files that would be written, by their options.
        sources: files that are read; names of something else, such as a data set's, do no harm.

    Raises:
        ValueError: names the option and the file.
    """
    used = {os.path.realpath(source): "this file is read" for source in sources if source is not None}
    for option, target in targets.items():
        if target is None:
            continue
        place = os.path.realpath(target)
        if place in used:
            raise ValueError(f"{option} {str(target)!r}: {used[place]}; give another name")
        used[place] = f"{option} would be written there, too"


def save(result: dict[str, Any], target: Path) -> None:
    """Write the whole run as JSON; the file appears complete or not at all."""
    write_whole(json.dumps(result_json(result, histories=True), ensure_ascii=False, allow_nan=False), target)


def write_whole(text: str, target: Path) -> None:
    """Write a file that appears complete or not at all.

    Raises:
        OSError: it cannot be written.
    """
    target = Path(os.path.realpath(target))  # a link stays one
    handle, name = tempfile.mkstemp(prefix=".peerleap-", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(_mode(target))
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_or_say(option: str, target: Path | None, write: Callable[[Path], None]) -> bool:
    """Write an option's file, or say on the error output why it cannot be written.

    Args:
        option: the option that names the file.
        target: the file; `None` where none is wanted.
        write: writes it.

    Returns:
        Whether all went well.
    """
    if target is not None:
        try:
            write(target)
        except OSError as error:
            print(f"peerleap: {option} {str(target)!r}: {error}", file=sys.stderr)
            return False
    return True


def _mode(target: Path) -> int:
    """The file's permissions: as they were, else as a new file gets them."""
    if target.exists():
        return stat.S_IMODE(target.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def print_result(result: dict[str, Any], out: Console, messages: Console, *, quiet: bool = False) -> None:
    """Print the answer on `out`; unless `quiet`, the paths, the votes and the token counts on `messages`."""
    if not quiet:
        _print_paths(result, messages)
    if result["answer"] is None:
        messages.print("answer: no path gave one", style="bold")
        return
    text = "".join(char for char in result["answer"] if char.isprintable() or char in "\n\t")
    if not quiet:
        # Where the answer goes elsewhere, the label would stay on the terminal without an end.
        messages.print("answer:", style="bold", end=" " if out.is_terminal and messages.is_terminal else "\n")
    out.print(Text(text), soft_wrap=True)  # a model can write a terminal's escape codes


def early_end(result: dict[str, Any]) -> str:
    """In one sentence, why talk or the run ended early; empty where neither did (`talk`)."""
    last = (result.get("rounds") or [{}])[-1]
    if last.get("stop") == "agreement":
        held = f"{last['share']:.0%} of the paths held {clip(str(last['majority']), _WIDTH)!r}"
        return f"ended early at LeaP block {last['round'] + 1}: {held}"
    if last.get("stop") == "novelty":
        return f"talk ended at LeaP block {last['round'] + 1}: no summary had anything new for anybody"
    return ""


def _print_paths(result: dict[str, Any], messages: Console) -> None:
    columns = ("status", "answer", "own", "summaries", "inserted", "cached")
    table = Table(Column("path", no_wrap=True), *(Column(name, overflow="fold") for name in columns))
    if messages.width < _WIDTH * 2:
        table.box, table.padding = None, (0, 1, 0, 0)
    for name, path in result["paths"].items():
        usage = path["usage"]
        own, share = usage["thought"] + usage["answer"], usage["cached"] / max(usage["prefill"], 1)
        answer = path["error"] if path["status"] == "failed" else path["answer"] or "none"
        counts = (str(own), str(usage["summary"]), str(usage["inserted"]), f"{share:.0%}")
        table.add_row(Text(plain(name)), Text(plain(path["status"])), Text(clip(answer, _WIDTH)), *counts)
    messages.print(table)
    if stopped := early_end(result):
        messages.print(Text(stopped))
    usage = result["usage"]
    votes = ", ".join(f"{clip(vote['answer'], _WIDTH)!r} {vote['votes']}" for vote in result["votes"]) or "none"
    messages.print(Text(f"votes: {votes}"))
    probes = f", {usage['probe']} probes" if "probe" in usage else ""
    messages.print(
        Text(
            f"tokens: {usage['generated']} generated ({usage['thought']} thought, {usage['summary']} summaries, "
            f"{usage['answer']} answers{probes}), {usage['inserted']} inserted; "
            f"{usage['prefill']} sent in {usage['requests']} requests, {usage['cached']} of them cached"
        )
    )
