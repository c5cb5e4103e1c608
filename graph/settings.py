from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from peerleap.agents import MOST, Sampling, form_schema
from peerleap.engine import MAX_LOGPROBS
from peerleap.graph.errors import SettingsError

RouterName = Literal["dispersed", "clustered", "hybrid", "random", "all", "evidence"]
VoteName = Literal["majority", "shortest_majority"]
TaskName = Literal["math", "choice", "free"]


def _count(logprobs: Any) -> Any:
    # Runs that were stored when this was a switch: on meant the sampled token only.
    return {True: 0, False: None}[logprobs] if isinstance(logprobs, bool) else logprobs


class Settings(BaseModel):
    """What may differ from run to run; the graph's `context_schema`.

    A field that is not set takes the value of the preset, then the one that suits the model (see `graph/defaults.py`).
    """

    # The docstrings below are the descriptions in the form that a server offers.
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, json_schema_extra=form_schema)

    preset: Literal["paper"] | None = None
    """`paper` follows the authors' code where we depart from it."""
    router: RouterName | None = None
    """Which peers' summaries a path reads (paper, section 2.2); `evidence` prefers what was checked with a tool, then
    dispersed. Default: dispersed."""
    top_k: Annotated[int | None, Field(ge=1, le=1024)] = None
    """Most summaries that a path reads in one LeaP block. The paper: 4."""
    similarity: Literal["levenshtein", "indel"] | None = None
    """Equation 4, or the ratio that the authors' code uses instead. Default: levenshtein."""
    interval: Annotated[int | None, Field(ge=1, le=MOST)] = None
    """T: tokens that a path thinks between two LeaP blocks. The paper: 4,096."""
    cut: Literal["paragraph", "exact"] | None = None
    """After T tokens, run on to the next paragraph break, or stop at once. Default: paragraph."""
    grace: Annotated[int | None, Field(ge=0, le=MOST)] = None
    """Most tokens that a path runs on to reach a paragraph break."""
    rounds: Annotated[int | None, Field(ge=0, le=MOST)] = None
    """Most LeaP blocks; after the last one, paths run to their end. Default: as many as the budget holds."""
    communicate_at: tuple[Annotated[int, Field(ge=1, le=MOST)], ...] | None = None
    """LeaP blocks only after these numbers of thought tokens, increasing; `(4096,)` is the paper's LeaP-S."""
    trigger: Literal["interval", "model"] | None = None
    """`model` also starts a path's summary where it writes `<summarize>` itself, as LeaP-T models do."""
    summary_tokens: Annotated[int | None, Field(ge=1, le=4096)] = None
    """Most tokens of a summary. The paper: 256."""
    block_as: Literal["thought", "turns"] | None = None
    """A LeaP block is written into the path's own text, between the paper's tags, or, for chat models without a
    `<think>` section, held as turns of the conversation, without tags. Default: thought."""
    alumni: bool | None = None
    """Finished paths keep sharing their conclusion. Default: yes."""
    max_tokens: Annotated[int | None, Field(ge=1, le=MOST)] = None
    """A path's budget: tokens after its prompt, its own and the inserted ones. The paper: 16,384."""
    answer_tokens: Annotated[int | None, Field(ge=1, le=MOST)] = None
    """Most tokens of an answer section, on top of the budget."""
    human_peer: bool = False
    """Every LeaP block waits for a comment of a person, which is routed like a peer's summary. Needs a checkpointer."""
    vote: VoteName | None = None
    """How answers are counted. Default: majority."""
    task: TaskName | None = None
    """What kind of question it is. Default: told from the question."""
    sampling: Sampling = Sampling()
    """How all paths sample, where their peer says nothing else."""
    logprobs: Annotated[int | None, Field(ge=0, le=MAX_LOGPROBS), BeforeValidator(_count)] = None
    """Number of alternatives whose log-probabilities are read for every generated token, as in vLLM. A segment then has
    its log-probability, and with at least 1 the confidence of each token."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Same seed, same engine: same run."""

    @model_validator(mode="after")
    def _increasing(self) -> "Settings":
        points = self.communicate_at
        if points is not None and (not points or any(a >= b for a, b in pairwise(points))):
            raise ValueError(f"communicate_at={list(points)!r}: give token counts, each larger than the last")
        if points is not None and (self.interval is not None or self.rounds is not None):
            raise ValueError("communicate_at: give either this or interval and rounds")
        return self

    def over(self, base: Mapping[str, Any]) -> "Settings":
        """These values where they are set, those of `base` elsewhere."""
        own = self.model_dump(exclude_none=True)
        sampling = self.sampling.over(Sampling(**base.get("sampling", {})))
        return Settings.model_construct(**{**base, **own, "sampling": sampling})


def as_settings(context: object, *, nested: bool = False) -> Settings:
    """Settings from what a caller or a server passes as context; of a parent graph's, what is ours.

    Raises:
        SettingsError: a field is unknown or out of range; the message names the field, the value and the rule.
    """
    if isinstance(context, Settings):
        return context
    if context is None:
        return Settings()
    if isinstance(context, BaseModel):
        context = context.model_dump()
    if nested:
        given = context if isinstance(context, Mapping) else getattr(context, "__dict__", {})
        context = {key: value for key, value in given.items() if key in Settings.model_fields}
    if not isinstance(context, Mapping):
        raise SettingsError(f"context={context!r}: give a mapping of settings, or a peerleap.graph.Settings")
    try:
        return Settings.model_validate(dict(context))
    except ValidationError as error:
        raise SettingsError(explain(error, Settings)) from error


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """The errors of a pydantic model in one line: field, value, what would be right."""
    told = []
    for item in error.errors():
        field = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden" and model is Settings and field in Sampling.model_fields:
            told.append(f"{field!r} is a field of sampling: give sampling={{{field!r}: {item['input']!r}}}")
        elif item["type"] == "extra_forbidden":
            known = Sampling if len(item["loc"]) > 1 and item["loc"][0] == "sampling" else model
            told.append(f"{field!r} is not a setting; there are {', '.join(sorted(known.model_fields))}")
        elif item["type"] == "value_error":
            told.append(str(item["ctx"]["error"]))
        else:
            told.append(f"{field}={item['input']!r}: {item['msg'][0].lower()}{item['msg'][1:]}")
    return "; ".join(told)
