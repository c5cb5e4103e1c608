"""What may differ from run to run: `Settings`, the form that a user fills in; `RunSettings`, every value of a run."""

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from peerleap.agents import MOST, Sampling, ThinkingChoice, form_schema
from peerleap.engine import MAX_LOGPROBS
from peerleap.graph.errors import SettingsError
from peerleap.graph.history import storable

RouterName = Literal["dispersed", "clustered", "hybrid", "random", "all", "evidence", "none"]
VoteName = Literal["majority", "shortest_majority"]
TaskName = Literal["math", "choice", "free"]
SimilarityName = Literal["levenshtein", "indel"]
CutName = Literal["paragraph", "exact"]
TriggerName = Literal["interval", "model"]
BlockForm = Literal["thought", "turns"]
BudgetName = Literal["own", "all"]
PromptName = Literal["peers", "plain", "paper"]
TalkName = Literal["always", "disagree", "novel", "probe", "off"]

# The schema is a part of a prompt, and an engine compiles it.
_SCHEMA_CHARACTERS = 32_768


# Errors that one message names.
_NAMED = 5


def _count(logprobs: Any) -> Any:
    # Runs that were stored when this was a switch: on meant the sampled token only.
    return {True: 0, False: None}[logprobs] if isinstance(logprobs, bool) else logprobs


def _schema_text(schema: Any) -> Any:
    """A JSON schema as JSON text: what a form, a state and an engine take."""
    if schema is None:
        return None
    try:
        found = json.loads(schema) if isinstance(schema, str) else schema
        text = json.dumps(found, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"json_schema={_short(schema)}: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"json_schema={_short(schema)}: give a JSON schema that is an object, or its text")  # noqa: TRY004
    if storable(text) != text:
        raise ValueError("json_schema: it has half a character")
    if len(text) > _SCHEMA_CHARACTERS:
        raise ValueError(f"json_schema: {len(text):,} characters; give at most {_SCHEMA_CHARACTERS:,}")
    return text


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


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
    dispersed; `none` is a control without peers. Default: dispersed."""
    top_k: Annotated[int | None, Field(ge=1, le=1024)] = None
    """Maximum number of summaries that a path reads in one LeaP block. The paper: 4."""
    similarity: SimilarityName | None = None
    """Equation 4, or the ratio that the authors' code uses instead. Default: levenshtein."""
    interval: Annotated[int | None, Field(ge=1, le=MOST)] = None
    """T: tokens that a path thinks between two LeaP blocks. The paper: 4,096."""
    cut: CutName | None = None
    """After T tokens, run on to the next paragraph break, or stop at once. Default: paragraph."""
    grace: Annotated[int | None, Field(ge=0, le=MOST)] = None
    """Maximum number of tokens that a path continues after T to reach a paragraph break."""
    rounds: Annotated[int | None, Field(ge=0, le=MOST)] = None
    """Maximum number of LeaP blocks; after the last one, paths run to their end. Default: as the budget allows."""
    communicate_at: tuple[Annotated[int, Field(ge=1, le=MOST)], ...] | None = None
    """LeaP blocks only after these numbers of thought tokens, increasing; `(4096,)` is the paper's LeaP-S."""
    trigger: TriggerName | None = None
    """`model` also starts a path's summary where it writes `<summarize>` itself, as LeaP-T models do."""
    talk: TalkName | None = None
    """Which paths a LeaP block interrupts. `always`: all of them, as in the paper. `disagree`: each path is asked,
    beside its history, what it would answer; holders of the most frequent answer go on undisturbed, others read the
    best summary for each answer that is not theirs, and the run ends early where three quarters agree `stable` times.
    `novel`: all, but a path reads only what is new to it, and there are no more blocks once nothing is new to anybody.
    `probe`: nobody; all are asked, and the run ends early where the most frequent answer stays the same `stable` times.
    `off`: there are no blocks. Default: always."""
    stable: Annotated[int | None, Field(ge=2, le=MOST)] = None
    """Number of successive LeaP blocks at which the paths must agree before the run ends early, with `talk` `disagree`
    or `probe`. Default: 2."""
    summary_tokens: Annotated[int | None, Field(ge=1, le=4096)] = None
    """Maximum number of tokens of a summary. The paper: 256."""
    prompt: PromptName | None = None
    """What the prompt says of the peers. `peers`: how LeaP blocks work; `plain`: nothing, as LeaP-T models are trained;
    `paper`: a worked example and a prefilled beginning of the thought, as in the authors' code. Default: peers."""
    block_as: BlockForm | None = None
    """A LeaP block is written into the path's own text, between the paper's tags, or, for chat models without a
    `<think>` section, held as turns of the conversation, without tags. Default: thought."""
    alumni: bool | None = None
    """Finished paths keep sharing their conclusion. Default: yes."""
    max_tokens: Annotated[int | None, Field(ge=1, le=MOST)] = None
    """A path's budget in tokens. The paper: 16,384."""
    budget_counts: BudgetName | None = None
    """What counts against the budget. `own`: what the path thinks, as in the paper; `all`: inserted tokens and
    summaries, too. Default: own for models that think, all for others."""
    answer_tokens: Annotated[int | None, Field(ge=1, le=MOST)] = None
    """Maximum number of tokens of an answer section, on top of the budget."""
    human_peer: bool = False
    """Every LeaP block waits for a comment of a person, which is routed like a peer's summary. Needs a checkpointer."""
    vote: VoteName | None = None
    """How answers are counted. Default: majority."""
    thinking: ThinkingChoice | None = None
    """How the model marks its thought: `auto` finds out, `off` lets it answer at once, and two marks with a blank
    between them, such as `<think> </think>`, are taken as they are. Default: auto."""
    task: TaskName | None = None
    """What kind of question it is. Default: inferred from the question."""
    sampling: Sampling = Sampling()
    """How all paths sample, where their peer says nothing else; `model`: as the model's makers recommend."""
    logprobs: Annotated[int | None, Field(ge=0, le=MAX_LOGPROBS), BeforeValidator(_count)] = None
    """Number of alternatives whose log-probabilities are read for every generated token, as in vLLM. A segment then has
    its log-probability, and with at least 1 the confidence of each token."""
    json_schema: Annotated[str | None, BeforeValidator(_schema_text)] = None
    """A JSON schema: the message of the answer is then JSON that fits it. The paths think and vote as ever; one more
    request, which the engine constrains, goes on from the answer of a path that gave the elected one."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Same seed, same engine: same run."""

    @model_validator(mode="after")
    def _increasing(self) -> "Settings":
        points = self.communicate_at
        if points is not None and (not points or any(a >= b for a, b in pairwise(points))):
            raise ValueError(f"communicate_at={_short(list(points))}: give token counts, each larger than the last")
        if points is not None and (self.interval is not None or self.rounds is not None):
            raise ValueError("communicate_at: give either this or interval and rounds")
        if self.human_peer and self.talk in {"probe", "off"}:
            raise ValueError(
                f"human_peer: with talk={self.talk!r} no path reads a person's comment; leave one of them out"
            )
        return self


class RunSettings(Settings):
    """The settings of a run: every value is there. `interval`, `rounds` and `communicate_at` may mean "none"."""

    router: RouterName
    top_k: Annotated[int, Field(ge=1, le=1024)]
    similarity: SimilarityName
    cut: CutName
    grace: Annotated[int, Field(ge=0, le=MOST)]
    trigger: TriggerName
    talk: TalkName = "always"
    """Runs stored by earlier versions had no other."""
    stable: Annotated[int, Field(ge=2, le=MOST)] = 2
    summary_tokens: Annotated[int, Field(ge=1, le=4096)]
    prompt: PromptName = "peers"
    """Runs stored by earlier versions had no other."""
    block_as: BlockForm
    alumni: bool
    max_tokens: Annotated[int, Field(ge=1, le=MOST)]
    budget_counts: BudgetName = "all"
    """Runs stored by earlier versions counted all tokens."""
    answer_tokens: Annotated[int, Field(ge=1, le=MOST)]
    vote: VoteName
    thinking: ThinkingChoice = "auto"
    """Runs stored by earlier versions had no other."""

    @model_validator(mode="after")
    def _blocks_have_a_rule(self) -> "RunSettings":
        if self.interval is None and self.communicate_at is None:
            raise ValueError("interval=None: a run needs either interval or communicate_at")
        return self


def complete(settings: Settings, defaults: Mapping[str, Any]) -> RunSettings:
    """The settings of a run: the user's values where they are set, those of `defaults` elsewhere.

    Raises:
        SettingsError: a value is missing in both, or two of them exclude each other.
    """
    own = settings.model_dump(exclude_none=True)
    sampling = settings.sampling
    if sampling.base is None:
        sampling = sampling.over(Sampling(**defaults.get("sampling", {})))
    return as_run_settings({**defaults, **own, "sampling": sampling})


def as_run_settings(params: Mapping[str, Any]) -> RunSettings:
    """The settings of a run from `params` of its state; a person who edits a state may have left some out.

    Raises:
        SettingsError: a setting is missing, unknown or out of range.
    """
    try:
        return RunSettings.model_validate(dict(params))
    except ValidationError as error:
        raise SettingsError(explain(error, RunSettings)) from error


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
        outer = context if isinstance(context, Mapping) else getattr(context, "__dict__", {})
        context = {key: value for key, value in outer.items() if key in Settings.model_fields}
    if not isinstance(context, Mapping):
        raise SettingsError(f"context={context!r}: give a mapping of settings, or a peerleap.graph.Settings")
    try:
        return Settings.model_validate(dict(context))
    except ValidationError as error:
        raise SettingsError(explain(error, Settings)) from error


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """The errors of a pydantic model in one line: field, value, what would be right."""
    messages = []
    for item in error.errors(include_url=False)[:_NAMED]:
        field = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden" and issubclass(model, Settings) and field in Sampling.model_fields:
            messages.append(f"{field!r} is a field of sampling: give sampling={{{field!r}: {_short(item['input'])}}}")
        elif item["type"] == "extra_forbidden":
            known = Sampling if len(item["loc"]) > 1 and item["loc"][0] == "sampling" else model
            messages.append(f"{_short(field)} is not a setting; there are {', '.join(sorted(known.model_fields))}")
        elif item["type"] == "missing":
            messages.append(f"params: {field!r} is missing; an edited state must hold every setting of the run")
        elif item["type"] == "value_error":
            messages.append(str(item["ctx"]["error"]))
        else:
            messages.append(f"{field}={_short(item['input'])}: {item['msg'][0].lower()}{item['msg'][1:]}")
    more = error.error_count() - len(messages)
    return "; ".join([*messages, *([f"and {more:,} more"] if more else [])])
