"""Where beginnings come from: many independent paths of each question, with their token ids, right and wrong ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from peerleap.engine import Engine
from peerleap.evals.data import Problem
from peerleap.evals.plan import data_hash, model_config
from peerleap.evals.records import Header, RecordsError, read_records

_COMMAND = "peerleap eval TASK --method independent --paths 32 --keep-ids"


@dataclass(frozen=True, slots=True)
class Sample:
    """One independent path."""

    path: str
    thought: tuple[int, ...]
    """Token ids of its thought, from behind the prompt."""
    correct: bool


@dataclass(frozen=True, slots=True)
class Samples:
    """The paths of a results file, by question."""

    file: Path
    header: Header
    questions: Mapping[str, Sequence[Sample]]
    mean_tokens: float
    """Own tokens of a path, on average over all of them: the length of a response."""

    def beginning(self, fraction: float) -> int:
        """How many tokens a share of the average response is, at least one."""
        return max(1, int(fraction * self.mean_tokens))

    def usable(self, question: str, tokens: int) -> tuple[list[Sample], list[Sample]]:
        """The right and the wrong paths of a question whose thought goes on behind its first `tokens` tokens."""
        long = [path for path in self.questions[question] if len(path.thought) > tokens]
        return [path for path in long if path.correct], [path for path in long if not path.correct]


def read_samples(file: Path) -> Samples:
    """Read the results of independent paths.

    Raises:
        RecordsError: it cannot be read, has another method's paths, or no token ids; says what would do.
    """
    if not file.exists():
        raise RecordsError(f"{file}: no such file; `{_COMMAND} --out {file}` makes it")
    header, records = read_records(file)
    if header.config.get("method") != "independent":
        raise RecordsError(
            f"{file}: results of {header.config.get('method')!r}; beginnings are cut from independent paths: {_COMMAND}"
        )
    if not header.config.get("keep_ids"):
        raise RecordsError(f"{file}: it keeps no token ids, so no beginning can be cut from its paths: {_COMMAND}")
    questions: dict[str, list[Sample]] = {}
    own = []
    for record in records:
        if record.outcome == "failed":
            continue
        thought = [token for part in record.segments if part["kind"] == "thought" for token in part["token_ids"]]
        name = f"{record.path} of run {record.run}"
        questions.setdefault(record.question, []).append(Sample(name, tuple(thought), record.verdict.correct))
        own.append(record.tokens.own)
    if not own:
        raise RecordsError(f"{file}: no path in it is done yet; run the same eval to its end")
    return Samples(file, header, questions, sum(own) / len(own))


def check_samples(samples: Samples, problems: Sequence[Problem], engine: Engine) -> None:
    """Refuse samples of other questions, or of another model.

    Raises:
        RecordsError: says what differs.
    """
    config = samples.header.config
    if config.get("data") != data_hash(problems):
        raise RecordsError(
            f"{samples.file}: its questions (task {config.get('task')!r}) are not those that this study was asked for; "
            "give the same TASK, --limit and --data-seed, or another --samples"
        )
    here = model_config(engine)
    if (config.get("model"), config.get("model_hash")) != (here["model"], here["model_hash"]):
        raise RecordsError(
            f"{samples.file}: paths of the model {config.get('model')!r}, not of this {here['model']!r}; a beginning "
            "is continued by the model that wrote it"
        )
    done = len(samples.questions)
    if done < len(problems):
        raise RecordsError(
            f"{samples.file}: {done} of {len(problems)} questions are done; run the same eval to its end"
        )
