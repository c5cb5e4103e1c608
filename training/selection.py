"""Which paths a model learns from: right ones whose summaries are whole (paper, section 4), and why others are not."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

from peerleap.engine import vocabulary_hash
from peerleap.evals import PathRecord, read_records
from peerleap.training.lone_prompt import lone_prompts
from peerleap.training.row_file import RowsError, RowsHeader
from peerleap.training.rows import Row, make_row


@dataclass(frozen=True, slots=True)
class Rules:
    """What a path must fulfil; the defaults are the paper's, where it names them."""

    max_tokens: int = 16_384
    """Most tokens of a row, its prompt included; a longer one is dropped, never cut."""
    summary_tokens: int = 256
    """Every summary has fewer tokens than this, and the path closed it itself."""
    per_question: int | None = 4
    """Most rows of one question."""
    forced: bool = False
    """Also paths that did not answer by themselves: they used up their budget, or ended without an answer."""
    min_blocks: int = 0
    """Fewest summaries of a row; 0 keeps paths that were right before they met a peer."""
    seed: int = 0
    """Which rows stay where a question has too many."""

    def __post_init__(self) -> None:
        for name, least in (("max_tokens", 1), ("summary_tokens", 1), ("min_blocks", 0)):
            if getattr(self, name) < least:
                raise RowsError(f"{name}={getattr(self, name)!r}: at least {least} is needed")
        if self.per_question is not None and self.per_question < 1:
            raise RowsError(f"per_question={self.per_question!r}: at least 1 is needed")


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows to train on, and what became of the others."""

    header: RowsHeader
    rows: list[Row]
    dropped: dict[str, int]
    """How many paths were left out, by reason, most frequent first."""

    @property
    def trained(self) -> int:
        """Tokens that are trained in one epoch."""
        return sum(row.trained() for row in self.rows)

    @property
    def questions(self) -> int:
        """How many questions have a row."""
        return len({row.question for row in self.rows})


def select(source: str | Path, tokenizer: Any, rules: Rules, *, match: int | None = None) -> Selection:
    """The rows of a file of traces.

    Args:
        source: records that keep ids, as `peerleap train synthesize` writes them.
        tokenizer: the tokenizer of the model that wrote the traces.
        rules: what a path must fulfil.
        match: stop at so many trained tokens, as a control set needs; questions come in turn, so that as many of them
            as possible have a row.

    Raises:
        RecordsError: it is no file of records.
        RowsError: it cannot be used, or nothing in it fulfils the rules.
    """
    header, records = read_records(source)
    _check(source, header.config, records, tokenizer)
    lone = lone_prompts(tokenizer)
    dropped: Counter[str] = Counter()
    rows: list[Row] = []
    for record in records:
        reason = why_not(record, rules)
        if reason is None:
            row = make_row(
                record.segments,
                question=record.question,
                run=record.run,
                path=record.path,
                end_of_turn=tokenizer.eos_token_id,
                prompt_ids=lone(record.segments[0]["token_ids"]),
                meta={"method": record.method},
            )
            reason = _why_no_row(row, rules)
            if reason is None:
                rows.append(row)
                continue
        dropped[reason] += 1
    stay, over = _capped(rows, rules)
    dropped.update(over)
    if match is not None:
        stay, left = _matched(stay, match)
        dropped.update(left)
    counted = dict(dropped.most_common())
    if not stay:
        raise RowsError(f"{str(source)!r}: none of {len(records)} paths can be trained on ({_counts(counted)})")
    made_from = {
        "traces": Path(source).name,
        "config_hash": header.config_hash,
        "config": dict(header.config),
        "rules": asdict(rules),
        "matched_tokens": match,
        "paths": len(records),
        "dropped": counted,
    }
    return Selection(RowsHeader(str(header.config["model"]), vocabulary_hash(tokenizer), made_from), stay, counted)


def why_not(record: PathRecord, rules: Rules) -> str | None:
    """Why a path is not trained on, before its row is made; `None` where nothing speaks against it."""
    if record.outcome == "failed":
        return "failed"
    if not record.meta.get("counted", True):
        return "of an early layer, does not vote"
    if not record.verdict.correct:
        return "wrong answer"
    if record.outcome == "forced" and not rules.forced:
        return "did not answer by itself"
    if (fault := block_fault(record.segments)) is not None:
        return fault
    summaries = [segment for segment in record.segments if segment["kind"] == "summary"]
    if any(segment["tokens"] >= rules.summary_tokens for segment in summaries):
        return f"a summary of {rules.summary_tokens} tokens or more"
    if len(summaries) < rules.min_blocks:
        return f"fewer than {rules.min_blocks} LeaP blocks"
    return None


def block_fault(segments: Iterable[Mapping[str, Any]]) -> str | None:
    """What a path did wrong in its LeaP blocks; `None` where nothing."""
    finishes = [(segment["kind"], segment.get("finish")) for segment in segments]
    if any(finish == "invented" for _, finish in finishes):
        return "invented a comment"
    if any(kind == "summary" and finish != "summary_end" for kind, finish in finishes):
        return "a summary that it did not close"
    return None


def _why_no_row(row: Row, rules: Rules) -> str | None:
    return f"longer than {rules.max_tokens} tokens" if len(row.input_ids) > rules.max_tokens else None


def _capped(rows: Iterable[Row], rules: Rules) -> tuple[list[Row], Counter[str]]:
    """At most `per_question` rows of each question, drawn by the seed; none twice."""
    by_question: defaultdict[str, dict[tuple[int, ...], Row]] = defaultdict(dict)
    total = 0
    for row in rows:
        by_question[row.question].setdefault(tuple(row.input_ids), row)
        total += 1
    dropped = Counter({"the same as another": total - sum(map(len, by_question.values()))})
    stay: list[Row] = []
    for question, found in by_question.items():
        several = list(found.values())
        Random(f"{rules.seed} {question}").shuffle(several)  # noqa: S311 - reproducible on purpose
        stay += several[: rules.per_question]
        dropped["enough of its question"] += len(several) - len(several[: rules.per_question])
    return stay, +dropped


def _matched(rows: Sequence[Row], tokens: int) -> tuple[list[Row], Counter[str]]:
    """The first rows, in turn by question, that have so many trained tokens together."""
    place: Counter[str] = Counter()
    order: list[tuple[int, int, Row]] = []
    for index, row in enumerate(rows):
        order.append((place[row.question], index, row))
        place[row.question] += 1
    stay: list[Row] = []
    for _, _, row in sorted(order, key=lambda item: item[:2]):
        if tokens <= 0:
            break
        stay.append(row)
        tokens -= row.trained()
    return stay, +Counter({"enough trained tokens": len(rows) - len(stay)})


def _check(source: str | Path, config: Any, records: Sequence[PathRecord], tokenizer: Any) -> None:
    where = repr(str(source))
    if not config.get("keep_ids"):
        raise RowsError(f"{where} keeps no token ids: make the traces with `peerleap train synthesize`")
    if not records:
        raise RowsError(f"{where} holds no finished question yet")
    if config.get("models"):
        raise RowsError(f"{where} has paths of several models: their ids belong to different vocabularies")
    if config["settings"].get("block_as") == "turns":
        raise RowsError(f"{where} has LeaP blocks as turns of a conversation: there is no <summarize> to learn")
    if config["vocabulary"] != vocabulary_hash(tokenizer):
        raise RowsError(f"{where} was written with the vocabulary of {config['model']!r}; --model has another one")


def _counts(dropped: dict[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in dropped.items())
