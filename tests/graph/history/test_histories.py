"""Token ids are the truth, and histories only grow: what was sent is what is kept."""

from itertools import pairwise
from typing import Any

import pytest
from tokenizers import normalizers

from peerleap.agents import Peer
from peerleap.engine import ScriptedEngine
from peerleap.engine.scripted import byte_tokenizer
from peerleap.graph.defaults import COMMON, INSTRUCT
from peerleap.graph.history.segments import GENERATED, append_segments, dropped_tokens, grown, history_ids
from peerleap.graph.path.path import Path
from peerleap.graph.settings import Settings, complete


def eventful(call: Any) -> str:
    """Every way a round can go, over four paths of a thinking model."""
    if call.stage == "summary":
        return {1: "It is 4 – ça va.</summarize>", 2: "z" * 300, 3: "Fine</think>", 4: ""}[call.number]
    if call.stage == "ask":
        return "4}\n"
    if call.stage == "answer":
        return "Nothing yet." if call.number == 2 else "\\boxed{4}"
    if call.number == 3 and call.round == 1 and "Nobody" not in call.prompt:
        return "What? <comment>\nPeer 7"
    if call.round < 2:
        return "日本 und so weiter " * 20
    return {1: "Ende.</think>", 2: "Ende.</think>", 3: "Ende.", 4: "w" * 9000}[call.number]


SETTINGS: dict[str, Any] = {"paths": 4, "thinking": True, "max_tokens": 4000, "interval": 41}


def test_an_inserted_text_is_what_its_ids_say() -> None:
    engine = ScriptedEngine(lambda _prompt, _params: "")
    engine.tokenizer = byte_tokenizer.__wrapped__(False)
    engine.tokenizer.backend_tokenizer.normalizer = normalizers.NFC()
    path = Path("solver_1", 1, Peer(name="solver"), engine, complete(Settings(), {**COMMON, **INSTRUCT}), "math")
    inserted = path.insert("comment", 0, "cafe\u0301")
    assert inserted["text"] == path.decode(inserted["token_ids"]) == "caf\u00e9"


def test_the_run_is_as_eventful_as_it_should_be(leap: Any) -> None:
    run = leap(eventful, **SETTINGS)
    finishes = {s.get("finish") for name in run.out["histories"] for s in run.history(name)} - {None}
    assert finishes >= {
        "interval", "think_end", "turn_end", "invented", "summary_end", "cut", "answer",
    }  # fmt: skip


@pytest.mark.parametrize("thinking", [False, True])
def test_every_request_is_all_that_came_before(leap: Any, thinking: bool) -> None:
    run = leap(eventful, **{**SETTINGS, "thinking": thinking})
    for path in run.out["histories"]:
        expected = [
            history_ids(run.history(path)[:place])
            for place, segment in enumerate(run.history(path))
            if segment["kind"] in GENERATED
        ]
        assert [call.ids for call in run.engine.of(path)] == expected


def test_every_request_starts_with_the_one_before(leap: Any) -> None:
    run = leap(eventful, **SETTINGS)
    for path in run.out["histories"]:
        calls = run.engine.of(path)
        assert len(calls) > 4
        for earlier, later in pairwise(calls):
            assert later.ids[: len(earlier.ids)] == earlier.ids
            assert len(later.ids) > len(earlier.ids)


@pytest.mark.parametrize("thinking", [False, True])
def test_text_is_the_ids_decoded(leap: Any, thinking: bool) -> None:
    run = leap(eventful, **{**SETTINGS, "thinking": thinking})
    for path in run.out["histories"]:
        for segment in run.history(path):
            assert segment["text"] == run.engine.tokenizer.decode(segment["token_ids"])


def test_generated_ids_are_the_engines_but_for_what_is_said_to_be_dropped(leap: Any) -> None:
    run = leap(eventful, **SETTINGS)
    for path in run.out["histories"]:
        generated = [s for s in run.history(path) if s["kind"] in GENERATED]
        for call, segment in zip(run.engine.of(path), generated, strict=True):
            whole = run.engine.tokenizer.encode(eventful(call), add_special_tokens=False)
            whole.append(run.engine.tokenizer.eos_token_id)
            kept = len(segment["token_ids"])
            assert segment["token_ids"] == whole[:kept]
            assert kept + dropped_tokens(segment) <= call.params.max_tokens


def test_blocks_come_in_their_order(leap: Any) -> None:
    run = leap(eventful, **SETTINGS)
    for path in run.out["histories"]:
        rounds = [s["round"] for s in run.history(path)]
        assert rounds == sorted(rounds)
        kinds = run.kinds(path)
        assert kinds[0] == "prompt"
        assert kinds.count("prompt") == 1
        for place, kind in enumerate(kinds):
            if kind == "summary":
                assert kinds[place - 1] == "trigger"
            if kind == "comment":
                assert kinds[place - 1] in {"summary", "nudge"}


def test_usage_is_the_sum_of_the_history(leap: Any) -> None:
    run = leap(eventful, **SETTINGS)
    total = dict.fromkeys(run.out["usage"], 0)
    for path, outcome in run.out["paths"].items():
        usage, history = outcome["usage"], run.history(path)
        assert usage["prompt"] == len(history[0]["token_ids"])
        for kind in ("thought", "summary", "answer"):
            assert usage[kind] == sum(len(s["token_ids"]) + dropped_tokens(s) for s in history if s["kind"] == kind)
        assert usage["generated"] == usage["thought"] + usage["summary"] + usage["answer"]
        assert usage["inserted"] == sum(
            len(s["token_ids"]) for s in history if s["kind"] in {"trigger", "comment", "nudge"}
        )
        assert usage["requests"] == len(run.engine.of(path))
        assert usage["prefill"] == sum(len(call.ids) for call in run.engine.of(path))
        total = {key: total[key] + value for key, value in usage.items()}
    assert run.out["usage"] == total


def test_a_continued_prompt_is_cached(leap: Any) -> None:
    run = leap(eventful, **SETTINGS)
    for path in run.out["histories"]:
        generated = [s for s in run.history(path) if s["kind"] in GENERATED]
        for earlier, later in pairwise(generated):
            assert later["cached_tokens"] >= earlier["prompt_tokens"] // 32 * 32


@pytest.mark.parametrize("logprobs", [None, False, True, 0, 3])
def test_log_probabilities_where_requested(leap: Any, logprobs: int | None) -> None:
    run = leap(eventful, **SETTINGS, logprobs=logprobs)
    on = logprobs is not None and logprobs is not False  # `True` is the switch of older runs
    for segment in run.history("solver_1"):
        assert ("logprob" in segment) == (on and segment["kind"] in GENERATED)
        assert ("confidences" in segment) == (logprobs == 3 and segment["kind"] in GENERATED)
        if "confidences" in segment:
            assert len(segment["confidences"]) == len(segment["token_ids"])


def test_the_reducer_only_appends() -> None:
    a, b, c = ([{"kind": "thought", "round": 0, "token_ids": [i], "text": str(i)}] for i in range(3))
    before: Any = [*a]
    assert append_segments(before, [b, c]) == [*a, *b, *c]  # type: ignore[list-item]
    assert before == a
    assert append_segments(append_segments(None, [a]), [b, c]) == append_segments(None, [a, b, c])  # type: ignore[list-item]


def test_what_has_grown_is_all_but_the_prompt() -> None:
    history: Any = [
        {"kind": "prompt", "token_ids": [1, 2]},
        {"kind": "thought", "token_ids": [3]},
        {"kind": "nudge", "token_ids": [4, 5]},
    ]
    assert grown(history) == 3
    assert history_ids(history) == [1, 2, 3, 4, 5]
