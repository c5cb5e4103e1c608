"""The two files that a study of communication reads, and why others do not do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from peerleap.engine import vocabulary_hash
from peerleap.evals.data import Problem
from peerleap.evals.plan import model_config
from peerleap.evals.records import PathRecord, RecordsError, read_records
from peerleap.evals.report import Results, check_same

Key = tuple[str, int]
"""Question id and run seed."""


@dataclass(frozen=True)
class Source:
    """An eval with its token ids."""

    file: Path
    config: Mapping[str, Any]
    config_hash: str
    paths: Mapping[Key, Mapping[str, PathRecord]]
    """By question's run, then by path."""

    @property
    def runs(self) -> list[int]:
        """Seeds of its runs."""
        return sorted({run for _, run in self.paths})


def read_sources(leap: Path, alone: Path | None) -> tuple[Source, Source]:
    """Read an eval of LeaP and one of independent paths on the same questions.

    Args:
        leap: Results of `leap`, with token ids.
        alone: Results of `independent`, with token ids.

    Returns:
        Both, with the runs that they have in common.

    Raises:
        RecordsError: What is missing, and the command that gives it.
    """
    first = _read(leap, "leap")
    records = [record for of in first.paths.values() for record in of.values()]
    if not any(segment["kind"] == "comment" for record in records for segment in record.segments):
        raise RecordsError(
            f"{leap}: no path has read a LeaP block; give --rounds, or an --interval below the length of its paths: "
            f"{_command(first.config, 'leap', '--rounds 3')}"
        )
    if alone is None:
        raise RecordsError(
            f"{leap}: this is one method; what paths do between the same two places alone is what it is held against: "
            f"{_command(first.config, 'independent')}, and give its file, too"
        )
    second = _read(alone, "independent")
    results = Results.read(alone)
    check_same(results, first.config, str(leap), ("data", "model", "model_hash", "grader"))
    runs = sorted(set(first.runs) & set(second.runs))
    if not runs:
        raise RecordsError(f"{leap} has the runs {first.runs}, {alone} has {second.runs}: none in common")
    both = [
        Source(of.file, of.config, of.config_hash, {key: paths for key, paths in of.paths.items() if key[1] in runs})
        for of in (first, second)
    ]
    return both[0], both[1]


def check_model(source: Source, engine: Any) -> None:
    """Refuse an engine whose model did not write the paths; nothing is started.

    Raises:
        RecordsError: It is another model, or its tokens are others.
    """
    found = model_config(engine)
    if vocabulary_hash(engine.tokenizer) != source.config.get("vocabulary"):
        raise RecordsError(f"{source.file}: its token ids are not those of {found['model']!r}; give its own --model")
    if found["model_hash"] != source.config.get("model_hash"):
        raise RecordsError(f"{source.file}: another model than {found['model']!r} wrote it; give its own --model")


def problems_of(source: Source) -> list[Problem]:
    """Its questions, with their golds: as text they are in the ids of its prompts."""
    found: dict[str, PathRecord] = {}
    for (question, _), paths in source.paths.items():
        found.setdefault(question, next(iter(paths.values())))
    return [_problem(question, record) for question, record in found.items()]


def _problem(question: str, record: PathRecord) -> Problem:
    choices = tuple(ascii_uppercase[:10]) if record.kind == "choice" else None
    return Problem(id=question, question=question, answer=str(record.meta["gold"]), kind=record.kind, choices=choices)


def _read(file: Path, method: str) -> Source:
    if not file.exists():
        raise RecordsError(f"{file}: no such file")
    header, records = read_records(file)
    config = header.config
    if config.get("method") != method:
        raise RecordsError(
            f"{file}: results of {config.get('method')!r}; the {'first' if method == 'leap' else 'second'} file is of "
            f"{method}: {_command(config, method)}"
        )
    if not config.get("keep_ids"):
        raise RecordsError(f"{file}: no token ids are kept in it, so no path can be asked again: "
                           f"{_command(config, method)}")  # fmt: skip
    if config.get("peers") or config.get("models"):
        raise RecordsError(f"{file}: its paths are a team; this study asks paths of one model without tools")
    paths: dict[Key, dict[str, PathRecord]] = {}
    for record in records:
        if record.outcome != "failed":
            paths.setdefault((record.question, record.run), {})[record.path] = record
    runs = {run for _, run in ((record.question, record.run) for record in records)}
    done = {(record.question, record.run) for record in records}
    if not paths or len(done) < len(runs) * int(config["questions"]):
        raise RecordsError(f"{file}: the eval is not finished; run its command again")
    return Source(file, config, header.config_hash, paths)


def _command(config: Mapping[str, Any], method: str, *more: str) -> str:
    """The command that makes such a file; settings that are not spelt out are the eval's own."""
    settings = config.get("settings", {})
    options: Sequence[str] = [
        f"--{name.replace('_', '-')} {settings[name]}"
        for name in ("interval", "top_k", "rounds", "max_tokens")
        if name in settings and not any(option.startswith(f"--{name}") for option in more)
    ]
    temperature = (settings.get("sampling") or {}).get("temperature")
    if temperature is not None:
        options = [*options, f"--temperature {temperature:g}"]
    shown = [*(options if method == "leap" else [o for o in options if "temp" in o or "max" in o]), *more]
    return " ".join(
        [f"peerleap eval {config['task']} --model {config['model']} --method {method} --paths {config['paths']}",
         *shown, "--keep-ids"]
    )  # fmt: skip
