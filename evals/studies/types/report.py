"""A study of communication as tables and as Markdown: types, transitions, agreement, cases, and what asking cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from peerleap.evals.report import table
from peerleap.evals.stats import Agreement, Difference, Estimate, Tokens
from peerleap.evals.studies.types.changes import CASES, TRANSITIONS, Span, cases, over_questions, spans, type_shares
from peerleap.evals.studies.types.judge import StepKey, agreements, readers
from peerleap.evals.studies.types.sources import Source
from peerleap.evals.studies.types.steps import TYPES, Step

TYPE_HEAD = ("block", "by", "steps", *(f"{name}, %" for name in TYPES))
SPAN_HEAD = ("between", "of", "steps", *(f"{name}, %" for name in TRANSITIONS))
GAIN_HEAD = ("between", "steps", "I->C more", "C->I more", "I->C minus C->I")
CASE_HEAD = ("case", "steps", "of all, %", "what it is")
_SHOWN = 5
_RIGHT_AND_WRONG = (
    "C is right, I is wrong or no answer yet. *Alone* is the same path without peers, probed at the same numbers of "
    "own tokens: what it repairs there, LeaP cannot claim.\n"
)
_TYPES = (
    "Against the answer that most of the peers that a path read held when the block began: consistent, unaffected and "
    "influenced as in section 5.1.3 of the paper; left: agreed, and then neither with that nor with "
    "what they held by then; moved on: differed, and changed to an answer that no peer held, as a path does "
    "that is in the middle of its work.\n"
)
_CASES = (
    "Cases are for reading (cases.md), not evidence: a path that was rescued may have come to be right alone, as the "
    "table of transitions says of many.\n"
)
_TEXTS = {"Its summary": "summary", "What it read": "comment", "Then": "after"}
_LONGEST = 1200


@dataclass(frozen=True)
class Types:
    """What a study of communication has found."""

    steps: Sequence[Step]
    spans: Sequence[Span]
    cases: Mapping[str, Sequence[Step]]
    raters: Mapping[str, Mapping[StepKey, str]]
    """Labels of judge and person, where there are any."""
    agreements: Mapping[str, Agreement]
    tokens: Tokens
    """Of the probes."""
    generated: int
    """Tokens that the two evals generated."""


def find_types(
    steps: Sequence[Step], sources: Sequence[Source], tokens: Tokens, raters: Mapping[str, Mapping[StepKey, str]]
) -> Types:
    """Put a study together.

    Args:
        steps: What `read_steps` returns.
        sources: The two evals.
        tokens: What the probes have cost.
        raters: Labels of judge and person, by rater.
    """
    generated = sum(
        record.tokens.generated for source in sources for of in source.paths.values() for record in of.values()
    )
    return Types(steps, spans(steps), cases(steps), raters, agreements(steps, raters), tokens, generated)


def type_rows(found: Types) -> list[tuple[str, ...]]:
    """A row for each block and each rater, under `TYPE_HEAD`."""
    rows = []
    read = readers(found.steps)
    raters: dict[str, Mapping[StepKey, Any]] = {"probes": {step.key: step.type for step in read}, **found.raters}
    for name, labels in raters.items():
        for number, shares in type_shares(read, _by(labels)).items():
            count = sum(step.block.number == number and labels.get(step.key) is not None for step in read)
            rows.append((str(number + 1), name, str(count), *(_share(shares[kind]) for kind in TYPES)))
    return sorted(rows, key=lambda row: (int(row[0]), list(raters).index(row[1])))


def _by(labels: Mapping[StepKey, str | None]) -> Callable[[Step], str | None]:
    return lambda step: labels.get(step.key)


def span_rows(found: Types) -> list[tuple[str, ...]]:
    """Two rows for each span, LeaP and alone, under `SPAN_HEAD`."""
    rows: list[tuple[str, ...]] = []
    for span in found.spans:
        for name, count, shares in (("LeaP", span.steps, span.leap), ("alone", span.matched, span.alone)):
            if shares:
                rows.append((span.name, name, str(count), *(_share(shares[kind]) for kind in TRANSITIONS)))
    return rows


def gain_rows(found: Types) -> list[tuple[str, ...]]:
    """LeaP minus alone for each span that has a counterpart, under `GAIN_HEAD`."""
    return [
        (span.name, str(span.matched), *(_points(span.gain[kind]) for kind in ("I->C", "C->I", "net")))
        for span in found.spans
        if span.gain
    ]


def case_rows(found: Types) -> list[tuple[str, ...]]:
    """How many steps of each kind there are, under `CASE_HEAD`."""
    rows: list[tuple[str, ...]] = []
    for name, members in found.cases.items():
        keys = {step.key for step in members}
        share = over_questions([(step.question, float(step.key in keys)) for step in found.steps])
        rows.append((name, str(len(members)), _share(share), CASES[name]))
    return rows


def cost_sentence(found: Types) -> str:
    """What asking has cost, without the full stop."""
    tokens = found.tokens
    share = tokens.generated / max(1, found.generated)
    return (
        f"probes: {tokens.generated:,} generated tokens, {share:.1%} of what the two evals generated, and "
        f"{tokens.prefill - tokens.cached:,} prompt tokens that were not cached "
        f"({tokens.cached / max(1, tokens.prefill):.0%} of theirs were)"
    )


def agreement_sentences(found: Types) -> list[str]:
    """How far the raters agree, each without its full stop."""
    sentences = []
    for name, one in found.agreements.items():
        kappa = "no kappa: one label is all there is"
        if one.kappa is not None:
            interval = "" if one.low != one.low else f" [{one.low:.2f}, {one.high:.2f}]"
            kappa = f"Cohen's kappa {one.kappa:.2f}{interval}"
        sentences.append(f"{name}: {one.pairs} steps, agree in {_share(one.share)} %, {kappa}")
    return sentences


def panels(found: Types) -> dict[str, dict[str, dict[str, float]]]:
    """The study as stacked bars: types by block, transitions in LeaP and alone."""
    kinds = {
        f"block {number + 1}": {kind: shares[kind].value for kind in TYPES}
        for number, shares in type_shares(readers(found.steps)).items()
    }
    changes = {}
    for span in found.spans:
        if not span.alone:
            continue
        name = span.name.removeprefix("before to later, ").replace("first block to the end", "to the end")
        changes[f"{name}, LeaP"] = {kind: span.leap[kind].value for kind in TRANSITIONS}
        changes[f"{name}, alone"] = {kind: span.alone[kind].value for kind in TRANSITIONS}
    return {title: panel for title, panel in {"types, by probes": kinds, "transitions": changes}.items() if panel}


def types_markdown(found: Types, leap: Source, alone: Source, after: int) -> str:
    """The whole report."""
    questions = len({step.question for step in found.steps})
    intro = (
        f"{len(found.steps)} steps (a path at a LeaP block) of {questions} questions, runs {leap.runs}; model "
        f"{leap.config['model']}; LeaP from {leap.file.name}, alone from {alone.file.name}. Probed when a block began, "
        f"behind what the path read, and {after} own tokens later or where its next block began. Intervals are 95 %, "
        "over questions; p from sign flips of questions; all rows are exploratory.\n"
    )
    parts = [
        f"# {leap.config['task']}: what communication did\n",
        intro,
        f"{cost_sentence(found)[0].upper()}{cost_sentence(found)[1:]}.\n",
        "## Right and wrong\n",
        _RIGHT_AND_WRONG,
        table(SPAN_HEAD, span_rows(found)),
        *_gains(found),
        "## Types\n",
        _TYPES,
        table(TYPE_HEAD, type_rows(found)),
        *(f"- {sentence}." for sentence in agreement_sentences(found)),
        "\n## Cases\n",
        _CASES,
        table(CASE_HEAD, case_rows(found)),
    ]
    return "\n".join(parts)


def _gains(found: Types) -> list[str]:
    rows = gain_rows(found)
    if not rows:
        return ["Too few paths alone were still thinking at these places to be compared; block earlier (--interval).\n"]
    return ["LeaP minus alone, in points, over the steps that have a counterpart:\n", table(GAIN_HEAD, rows)]


def cases_markdown(found: Types, leap: Source, excerpts: Mapping[StepKey, Mapping[str, str]]) -> str:
    """Up to five steps of each kind, with what was written and read."""
    parts = [f"# Cases of {leap.file.name}\n"]
    for name, members in found.cases.items():
        parts.append(f"## {name[0].upper()}{name[1:]} ({len(members)})\n\n{CASES[name][0].upper()}{CASES[name][1:]}.\n")
        for step in members[:_SHOWN]:
            question, run, path, block = step.key
            held = ", ".join(_answer(peer) for peer in step.peers) or "read nobody"
            parts.append(
                f"### {question}, run {run}, {path}, block {block + 1}\n\nBefore {_answer(step.before)}, behind the "
                f"comment {_answer(step.read)}, later {_answer(step.later)}, at the end {_answer(step.final)}; "
                f"peers: {held}.\n"
            )
            parts += [f"{title}:\n\n{_quoted(excerpts[step.key][key])}\n" for title, key in _TEXTS.items()]
    return "\n".join(parts)


def shown_cases(found: Types) -> list[Step]:
    """The steps that `cases_markdown` shows."""
    return [step for members in found.cases.values() for step in members[:_SHOWN]]


def _answer(held: tuple[bool, str] | None) -> str:
    return "none" if held is None else "right" if held[0] else f"wrong (`{held[1]}`)"


def _quoted(text: str) -> str:
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]} [...]"
    return "\n".join(f"    {line}" for line in short.splitlines()) or "    (nothing)"


def _share(estimate: Estimate) -> str:
    interval = "" if estimate.low != estimate.low else f" [{100 * estimate.low:.0f}, {100 * estimate.high:.0f}]"
    return f"{100 * estimate.value:.0f}{interval}"


def _points(d: Difference) -> str:
    return f"{100 * d.value:+.0f} [{100 * d.low:+.0f}, {100 * d.high:+.0f}], {d.p_text}"
