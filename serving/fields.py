"""OpenAI's fields that a team of paths cannot honour: refused by name, with what to do instead; and harmless ones."""

from difflib import get_close_matches
from typing import Any

from peerleap.agents import Sampling
from peerleap.graph import Settings
from peerleap.serving.errors import RequestError, shown

# By name: the values that ask for nothing, and the cure for others. `null` always asks for nothing.
REFUSED: dict[str, tuple[tuple[Any, ...], str]] = {
    "n": ((1,), "one answer a request, which several paths vote on; for more paths: leap={'paths': 8}"),
    "tools": (([],), "the paths call the server's own tools while they think (`peerleap serve --team`)"),
    "tool_choice": (("none", "auto"), "there are no tools for a client to run"),
    "functions": (([],), "the paths call the server's own tools while they think (`peerleap serve --team`)"),
    "function_call": (("none", "auto"), "there are no functions for a client to run"),
    "logprobs": ((False,), "an answer is voted on, so it has no log-probabilities"),
    "top_logprobs": ((0,), "an answer is voted on, so it has no log-probabilities"),
    "logit_bias": (({},), "not available; sampling: temperature, top_p, leap={'sampling': {...}}"),
    "presence_penalty": ((0,), "not available; leap={'sampling': {'repetition_penalty': 1.1}} is"),
    "frequency_penalty": ((0,), "not available; leap={'sampling': {'repetition_penalty': 1.1}} is"),
    "store": ((False,), "nothing is stored"),
    "reasoning_effort": ((), "say it in tokens: max_completion_tokens, leap={'interval': 2048, 'rounds': 4}"),
    "verbosity": ((), "not available"),
    "modalities": ((["text"],), "text only"),
    "audio": ((), "text only"),
    "prediction": ((), "not available"),
    "web_search_options": ((), "a team with search tools searches by itself (`peerleap serve --team`)"),
}
# These have no effect on an answer.
IGNORED = (
    "user", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "service_tier",
    "parallel_tool_calls",
)  # fmt: skip


def check_fields(body: dict[str, Any], known: set[str]) -> dict[str, Any]:
    """The fields of a request that have an effect.

    Args:
        body: the whole request.
        known: names of the fields that are honoured.

    Raises:
        RequestError: 400, a field that cannot be honoured, or one that nobody knows.
    """
    for name, value in body.items():
        if name in REFUSED and value is not None and not _is_one_of(value, REFUSED[name][0]):
            raise RequestError(
                400, f"{name}={shown(value)}: {REFUSED[name][1]}", param=name, code="unsupported_parameter"
            )
        if name not in known and name not in REFUSED and name not in IGNORED:
            raise RequestError(400, f"{name!r} is no field of this server{_hint(name, value, known)}", param=name)
    return {name: value for name, value in body.items() if name in known and value is not None}


def _is_one_of(value: Any, harmless: tuple[Any, ...]) -> bool:
    # `True == 1` in Python: a truth value is none of the numbers.
    return any(value == one and (isinstance(value, bool) == isinstance(one, bool)) for one in harmless)


def _hint(name: str, value: Any, known: set[str]) -> str:
    if name in Sampling.model_fields:
        return f"; leap={{'sampling': {{{name!r}: {shown(value)}}}}} is"
    if name in Settings.model_fields or name in {"paths", "thoughts"}:
        return f"; leap={{{name!r}: {shown(value)}}} is"
    close = get_close_matches(name, known, n=1, cutoff=0.7)
    return f"; did you mean {close[0]!r}?" if close else ""
