"""A records file as a comparison sees it: paths by question and run, what they cost, and any part of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from peerleap.evals.methods import GROWING
from peerleap.evals.records import PathRecord, RecordsError, read_records
from peerleap.evals.report.votes import RECORD_METRICS, WIDTHLESS, elected_right
from peerleap.evals.stats import (
    Estimate,
    Tokens,
    cluster_bootstrap,
    clustered,
    wilson,
)

Key = tuple[str, int]
"""Question id and run seed."""


def _generated(tokens: Tokens) -> int:
    return tokens.generated


_LEAP = ("talk", "router", "top_k", "interval", "rounds", "communicate_at", "block_as")


def label(config: Mapping[str, Any]) -> str:
    """Name a configuration after its method and the settings that describe it best.

    Args:
        config: The `config` of a results file's header.

    Returns:
        A name such as `leap (router random, top_k 2)`.
    """
    method, settings = str(config["method"]), config.get("settings", {})
    details = [f"{key} {settings[key]}" for key in (_LEAP if method in {"leap", "leap_s"} else ()) if key in settings]
    details += [str(settings["preset"])] if "preset" in settings else []
    details += [_peer_label(peer) for peer in config.get("peers") or ()]
    details += [f"matched {config.get('matched_unit', 'tokens')}"] if config.get("matched") else []
    details += [str(config["budget"])] if config.get("budget") else []
    return with_details(method, details)


def with_details(name: str, details: Sequence[str]) -> str:
    """`leap (router random)` with more details inside its brackets."""
    if not details:
        return name
    return f"{name[:-1]}, {', '.join(details)})" if name.endswith(")") else f"{name} ({', '.join(details)})"


def _peer_label(peer: Mapping[str, Any]) -> str:
    tools = " and ".join(peer.get("tools", ()))
    return f"{peer['count']} x {peer['name']}{f' with {tools}' if tools else ''}"


@dataclass(frozen=True)
class Results:
    """All paths of one file, without their texts."""

    name: str
    file: Path
    config: Mapping[str, Any]
    config_hash: str
    paths: Mapping[Key, Sequence[PathRecord]]
    versions: Mapping[str, str] = field(default_factory=dict)
    hardware: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, file: str | Path) -> "Results":
        """Read a finished or running file.

        Raises:
            RecordsError: not a records file, damaged, or without a single question.
        """
        file = Path(file)
        if not file.exists():
            raise RecordsError(f"{file}: no such file")
        header, records = read_records(file, texts=False)
        paths: dict[Key, list[PathRecord]] = {}
        for record in records:
            paths.setdefault((record.question, record.run), []).append(record)
        if not paths:
            raise RecordsError(f"{file}: no question is done yet")
        return cls(
            label(header.config), file, header.config, header.config_hash, paths, header.versions, header.hardware
        )

    @property
    def questions(self) -> list[str]:
        """Ids of the questions, in order."""
        return sorted({question for question, _ in self.paths})

    @property
    def runs(self) -> list[int]:
        """Seeds of the runs."""
        return sorted({run for _, run in self.paths})

    @property
    def complete(self) -> bool:
        """Whether every run has every question of the data set."""
        return len(self.paths) == len(self.runs) * int(self.config["questions"])

    def voting(self, key: Key) -> list[PathRecord]:
        """The paths of one question's run that vote."""
        return [path for path in self.paths[key] if path.meta.get("counted", True)]

    @property
    def voters(self) -> list[PathRecord]:
        """The paths of all questions' runs that vote."""
        return [path for key in self.paths for path in self.voting(key)]

    def generated(self, key: Key) -> int:
        """Tokens that one question's run decoded, those of the paths that do not vote too."""
        return sum(path.tokens.generated for path in self.paths[key])

    def computed(self, key: Key) -> int:
        """Tokens of one question's run that went through the model: generated, and prompt tokens not in the cache."""
        return sum(path.tokens.computed for path in self.paths[key])

    @property
    def flops(self) -> tuple[float, float] | None:
        """Floating-point operations of the weights and, beside them, of attention; `None` for a model of unknown size.

        Weights: 2 x parameters x computed tokens. Attention: 4 x layers x width for each token that a token attends to.
        """
        size = self.hardware.get("model") or {}
        if not size.get("parameters"):
            return None
        attended = sum(path.meta.get("attended", 0) for paths in self.paths.values() for path in paths)
        attention = 4.0 * size.get("layers", 0) * size.get("width", 0) * attended
        return 2.0 * size["parameters"] * self.tokens.computed, attention

    def lasted(self, key: Key) -> float:
        """Seconds that one question's run took, those of processes that were killed in it too."""
        return sum(length for _, length in _spans(self.paths[key][0]))

    @property
    def tokens(self) -> Tokens:
        """Everything that was spent."""
        return sum((path.tokens for paths in self.paths.values() for path in paths), Tokens())

    @property
    def seconds(self) -> float:
        """Wall-clock during which a question was running: pauses between a kill and its resumption do not count."""
        spans = sorted(span for paths in self.paths.values() for span in _spans(paths[0]))
        total, reached = 0.0, float("-inf")
        for start, length in spans:
            total += max(0.0, start + length - max(start, reached))
            reached = max(reached, start + length)
        return total

    def by_question(self, metric: str) -> dict[str, float]:
        """A metric's mean over the runs, for each question.

        Where a budget decides how many paths there are, a mean over them would depend on when it was spent: it is
        taken over the first N.
        """
        values: dict[str, list[float]] = {}
        width = self.width if metric in WIDTHLESS else None
        for key in sorted(self.paths):
            values.setdefault(key[0], []).append(RECORD_METRICS[metric](self.voting(key)[:width]))
        return {question: sum(of) / len(of) for question, of in values.items()}

    @property
    def width(self) -> int | None:
        """N, where paths are added one by one; else `None`."""
        return int(self.config["paths"]) if self.config["method"] in GROWING else None

    def elections(self, metric: str) -> dict[str, bool]:
        """For each question, whether all of its runs' paths together elected the right answer."""
        whole = self.pooled()
        return {key[0]: elected_right(metric, whole.voting(key)) for key in sorted(whole.paths)}

    def estimate(self, metric: str) -> Estimate:
        """The metric with its 95 % interval over questions: Wilson's for votes of a single run, else clustered.

        Where all questions are wholly right or wholly wrong, nothing is left to cluster: Wilson's too.
        """
        values = list(self.by_question(metric).values())
        votes = len(self.runs) == 1 and metric not in {"pass@1", "no_answer"}
        if votes or set(values) in ({0.0}, {1.0}):
            return wilson(sum(values), len(values))
        return clustered(values)

    def resampled(self, metric: str) -> Estimate:
        """The metric with the 95 % interval over resamplings of whole questions, drawn with a fixed seed."""
        return cluster_bootstrap(list(self.by_question(metric).values()))

    def only(self, keys: set[Key]) -> "Results":
        """These questions' runs."""
        return replace(self, paths={key: paths for key, paths in self.paths.items() if key in keys})

    def within(self, budgets: Mapping[Key, float], spent: Callable[[Tokens], int] = _generated) -> "Results":
        """Of each question's run the first paths that its budget pays for, at least one; `spent` is a path's price.

        What is left of a budget goes on to the next question, in the order of ids and runs: whole paths alone would
        leave half a path of each unspent. Together they spend no more than the budgets, unless first paths alone do.
        """
        first = {key: [paths[0]] for key, paths in self.paths.items()}
        over = {key: budgets[key] - spent(paths[0].tokens) for key, paths in first.items()}
        # A first path that its own budget does not pay for is paid by others, from the first on.
        left = sum(min(0.0, rest) for rest in over.values())
        for key in sorted(self.paths):
            left += max(0.0, over[key])
            for path in self.paths[key][1:]:
                if spent(path.tokens) > left:
                    break
                left -= spent(path.tokens)
                first[key].append(path)
        return replace(self, paths=first)

    def first(self, width: int) -> "Results":
        """The first `width` paths of each question's run."""
        return replace(self, paths={key: paths[:width] for key, paths in self.paths.items()})

    def pooled(self) -> "Results":
        """All runs of a question as one: M runs of width N vote like M x N paths."""
        together: dict[Key, list[PathRecord]] = {}
        for (question, _), paths in sorted(self.paths.items()):
            together.setdefault((question, 0), []).extend(paths)
        return replace(self, paths=together)


def _spans(path: PathRecord) -> list[tuple[float, float]]:
    """Start and length in seconds of each process that worked on the path's question."""
    meta = path.meta
    last = (float(meta.get("started", 0.0)), float(meta.get("seconds", 0.0)))
    return [*((float(start), float(length)) for start, length in meta.get("earlier", ())), last]
