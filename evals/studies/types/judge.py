"""The types by a judge model and by a person, and how far probes, judge and person agree."""

import asyncio
import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from peerleap.agents import prompts
from peerleap.engine import Engine, SamplingParams, detect_thinking, render_prompt
from peerleap.evals.data import Problem
from peerleap.evals.methods import MethodConfig, PathResult, Study
from peerleap.evals.plan import Plan
from peerleap.evals.records import RecordsError, read_records
from peerleap.evals.stats import Agreement, agreement
from peerleap.evals.studies.types.places import next_words
from peerleap.evals.studies.types.probes import AFTER
from peerleap.evals.studies.types.sources import Source, problems_of
from peerleap.evals.studies.types.steps import TYPES, Step
from peerleap.graph import Segment, derive_random, derive_seed

NAME = "judge"
LABELS = TYPES[:3]
"""What a judge and a person may say: the paper's types."""
COLUMNS: tuple[str, ...] = ("question", "run", "path", "block", "summary", "comment", "after", "type")
SHARE = 0.1
_JSON = re.compile(r"\{[^{}]*\}")
_TOKENS, _THINKING_TOKENS = 160, 4096

StepKey = tuple[str, int, str, int]


def readers(steps: Sequence[Step]) -> list[Step]:
    """The steps in which a path read peers: what can be judged."""
    return [step for step in steps if step.peers]


def judge_plan(leap: Source, steps: Sequence[Step], tokenizer: Any, *, servers: int = 0) -> Plan:
    """A judge's verdicts on all steps in which peers were read, as a plan that the runner of evals takes.

    Args:
        leap: The eval of LeaP.
        steps: What `read_steps` returns.
        tokenizer: Of the model that wrote the paths.
        servers: Number of servers that run the judge.
    """
    runs = sorted(leap.runs)
    texts: dict[int, list[tuple[str, str]]] = {}
    for step in readers(steps):
        question = prompts.JUDGE.format(**excerpt(leap, step, tokenizer))
        texts.setdefault(derive_seed(step.run, step.question), []).append((_name(step), question))
    at_once = max((len(of) for of in texts.values()), default=1)
    config = MethodConfig(paths=int(leap.config["paths"]), options={"leap": leap.config_hash, "after": AFTER})
    return Plan(
        str(leap.config["task"]), problems_of(leap), NAME, config, runs=runs[-1] - runs[0] + 1, seed=runs[0],
        servers=servers, study=Study(_Judge(texts).run, at_once=at_once),
    )  # fmt: skip


class _Judge:
    def __init__(self, texts: Mapping[int, Sequence[tuple[str, str]]]) -> None:
        self._texts = texts

    async def run(self, _problem: Problem, engine: Engine, _config: MethodConfig, seed: int) -> list[PathResult]:
        """A verdict for each step of one question's run; one empty path where there is none."""
        found = await asyncio.gather(*(_ask(engine, name, text) for name, text in self._texts.get(seed, ())))
        return list(found) or [PathResult("none", "finished", (), None)]


async def _ask(engine: Engine, name: str, text: str) -> PathResult:
    thinking = detect_thinking(engine.tokenizer)
    ids = render_prompt(engine.tokenizer, text, thinking)
    limit = min(_THINKING_TOKENS if thinking.thinks else _TOKENS, engine.context_length - len(ids))
    if limit < 1:
        error = f"{len(ids)} tokens do not fit the judge's context of {engine.context_length}"
        return PathResult(name, "failed", (Segment(kind="error", round=0, token_ids=[], text=error),), None)
    done = await engine.generate(ids, SamplingParams(max_tokens=limit, temperature=0.0), session=name)
    prompt = Segment(kind="prompt", round=0, token_ids=ids, text=text)
    reply = Segment(kind="answer", round=0, token_ids=done.token_ids, text=done.text,
                    prompt_tokens=done.prompt_tokens, cached_tokens=done.cached_tokens)  # fmt: skip
    return PathResult(name, "finished", (prompt, reply), None)


def read_judge(file: Path) -> dict[StepKey, str]:
    """The judge's types; what it did not say in the form that it was asked for is left out.

    Raises:
        RecordsError: another kind of file.
    """
    header, records = read_records(file)
    if header.config.get("method") != NAME:
        raise RecordsError(f"{file}: not a judge's verdicts")
    found = {}
    for record in records:
        label = parse_verdict(record.text or "")
        if label is not None:
            path, _, block = record.path.rpartition(", block ")
            found[record.question, record.run, path, int(block)] = label
    return found


def parse_verdict(text: str) -> str | None:
    """The type in the last JSON object of a judge's reply; `None` where there is none that names one."""
    for part in reversed(_JSON.findall(text)):
        try:
            label = str(json.loads(part)["type"]).strip().casefold()
        except (ValueError, KeyError, TypeError):
            continue
        return label if label in LABELS else None
    return None


def excerpt(leap: Source, step: Step, tokenizer: Any) -> dict[str, str]:
    """What a judge or a person reads of a step: the summary, what was read, and how the path went on."""
    record = leap.paths[step.question, step.run][step.path]
    after = next_words(record, step.block, AFTER, tokenizer)
    return {"summary": step.block.summary.strip(), "comment": step.block.comment.strip(), "after": after.strip()}


def sample_csv(leap: Source, steps: Sequence[Step], tokenizer: Any, *, seed: int = 0) -> str:
    """A tenth of the steps, at least 10, for a person: CSV with an empty last column `type`.

    Probes' and judge's labels are not in it: a person who saw them would agree with them.
    """
    found = readers(steps)
    size = min(len(found), max(10, round(SHARE * len(found))))
    drawn = sorted(derive_random(seed, "sample").sample(found, size), key=lambda step: step.key)
    text = io.StringIO()
    rows = csv.DictWriter(text, COLUMNS)
    rows.writeheader()
    for step in drawn:
        question, run, path, block = step.key
        texts = {name: _as_text(cell) for name, cell in excerpt(leap, step, tokenizer).items()}
        rows.writerow({"question": question, "run": run, "path": path, "block": block + 1, **texts, "type": ""})
    return text.getvalue()


def read_person(file: Path) -> dict[StepKey, str]:
    """The types that a person has filled in.

    Raises:
        RecordsError: a column is missing, or a label is none of the three.
    """
    found = {}
    with file.open(newline="", encoding="utf-8") as content:
        rows = csv.DictReader(content)
        if missing := set(COLUMNS) - set(rows.fieldnames or ()):
            raise RecordsError(f"{file}: no column {min(missing)!r}; remove the file to have it written again")
        for number, row in enumerate(rows, start=2):
            label = (row["type"] or "").strip().casefold()
            if label and label not in LABELS:
                raise RecordsError(f"{file}, row {number}: type {row['type']!r} is none of {', '.join(LABELS)}")
            if label:
                found[row["question"], int(row["run"]), row["path"], int(row["block"]) - 1] = label
    return found


def agreements(steps: Sequence[Step], raters: Mapping[str, Mapping[StepKey, str]]) -> dict[str, Agreement]:
    """Agreement of each two raters, over the steps that both have labelled.

    Args:
        steps: All steps; their own type is the rater `probes`, where it is one of the paper's three.
        raters: Labels by rater.
    """
    own = {step.key: step.type for step in readers(steps) if step.type in LABELS}
    everyone: dict[str, Mapping[StepKey, Any]] = {"probes": own, **raters}
    names, found = list(everyone), {}
    for number, first in enumerate(names):
        for second in names[number + 1 :]:
            pairs: dict[str, list[tuple[str, str]]] = {}
            for key in sorted(everyone[first].keys() & everyone[second].keys()):
                pairs.setdefault(key[0], []).append((everyone[first][key], everyone[second][key]))
            if pairs:
                found[f"{first} and {second}"] = agreement(pairs)
    return found


def _as_text(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: a model wrote it."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell


def _name(step: Step) -> str:
    return f"{step.path}, block {step.block.number}"
