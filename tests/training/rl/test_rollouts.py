"""Rows for RL: masks and log-probabilities are those of the requests that the engine has answered."""

from typing import Any

import pytest

from peerleap.agents import Peer
from peerleap.engine import Completion, SamplingParams, ScriptedEngine
from peerleap.graph import build_graph
from peerleap.training.rl import Rollout, RolloutError, Sampled, as_grpo, make_rollouts

SETTINGS = {"interval": 40, "cut": "exact", "summary_tokens": 64, "max_tokens": 6000, "answer_tokens": 60, "rounds": 1}


def script(text: str, params: SamplingParams) -> str:
    if "</summarize>" in params.stop:
        return f"I have {(params.seed or 0) % 9}.</summarize>"
    if not (params.stop or params.stop_token_ids):
        return "\\boxed{4}"
    return "It is four.</think>" if "</comment>" in text.rpartition("<think>")[2] else "So it goes on. " * 40


class Priced(ScriptedEngine):
    """An engine whose log-probabilities tell the token and its place: what a row holds can be checked."""

    async def generate(self, token_ids: Any, params: SamplingParams, **more: Any) -> Any:
        from dataclasses import replace

        assert params.logprobs == 0
        done = await super().generate(token_ids, params, **more)
        return replace(done, token_logprobs=[price(len(token_ids) + i, t) for i, t in enumerate(done.token_ids)])


def price(place: int, token: int) -> float:
    return -(place + token / 1000)


def rolled(engine: Priced) -> tuple[list[Rollout], dict[str, Any], Sampled]:
    sampled = Sampled(engine)
    graph: Any = build_graph(peers=[Peer(name="solver", count=2)], engine=sampled).compile()
    out = graph.invoke({"question": "What is 2 + 2?"}, context=SETTINGS)
    rows = make_rollouts(out["histories"], {"solver_1": 1.0, "solver_2": 0.5}, sampled, team="q/0")
    return rows, out["histories"], sampled


def test_own_tokens_have_the_probability_that_they_were_sampled_with() -> None:
    rows, histories, _ = rolled(Priced(script, thinking=True))
    assert [(row.path, row.reward, row.team) for row in rows] == [("solver_1", 1.0, "q/0"), ("solver_2", 0.5, "q/0")]
    for row in rows:
        history = histories[row.path]
        kinds = [segment["kind"] for segment in history for _ in segment["token_ids"]]
        assert {"trigger", "summary", "comment", "answer"} <= set(kinds)
        # The end of the turn, which the history leaves out, was the path's own choice.
        assert len(row.input_ids) == len(row.loss_mask) == len(row.logprobs) == len(kinds) + 1
        assert row.loss_mask == [int(kind in {"thought", "summary", "answer"}) for kind in kinds] + [1]
        for place, (token, own, logprob) in enumerate(zip(row.input_ids, row.loss_mask, row.logprobs, strict=True)):
            assert logprob == (price(place, token) if own else 0.0)


def test_a_failed_path_has_no_trained_token() -> None:
    engine = Priced(script, thinking=True)
    history: Any = [
        {"kind": "prompt", "token_ids": [1, 2]},
        {"kind": "thought", "token_ids": [3], "finish": "interval"},
        {"kind": "error", "token_ids": []},
    ]
    (row,) = make_rollouts({"solver_1": history}, {"solver_1": 1.0}, Sampled(engine), team="t")
    assert row == Rollout([1, 2, 3], [0, 0, 0], [0.0, 0.0, 0.0], 0.0, "t", "solver_1", 2)


def test_the_form_of_trl_leaves_the_prompt_out() -> None:
    rows, _, _ = rolled(Priced(script, thinking=True))
    found = as_grpo(rows, 0)
    for index, row in enumerate(rows):
        assert found["prompt_ids"][index] + found["completion_ids"][index] == row.input_ids
        assert len(found["completion_ids"][index]) == len(found["logprobs"][index]) == len(found["env_mask"][index])
        assert 1 not in row.loss_mask[: row.prompt_tokens]
    assert found["path"] == ["solver_1", "solver_2"]


def test_what_was_not_sampled_here_is_refused() -> None:
    _, histories, sampled = rolled(Priced(script, thinking=True))
    sampled.forget()
    with pytest.raises(RolloutError, match="no request of"):
        make_rollouts(histories, {}, sampled, team="t")


def test_an_answer_that_begins_another_one_keeps_its_own_end() -> None:
    """Two paths with the same ids so far: one ends its turn where the other goes on."""
    sampled = Sampled(Priced(script, thinking=True))
    end = 9

    def done(*ids: int) -> Completion:
        return Completion(
            token_ids=[*ids, end], text="", finish_reason="stop", stop_reason=None, prompt_tokens=2, cached_tokens=0,
            token_logprobs=[price(2 + n, token) for n, token in enumerate((*ids, end))],
        )  # fmt: skip

    sampled._completions[(1, 2)] = [done(5, 6), done(5), done()]
    prompt: Any = {"kind": "prompt", "token_ids": [1, 2]}
    for ids in ([5], [5, 6], []):
        history: Any = [prompt, {"kind": "answer", "token_ids": ids, "finish": "turn_end"}]
        (row,) = make_rollouts({"a": history}, {"a": 1.0}, sampled, team="t")
        assert row.input_ids == [1, 2, *ids, end]
        assert row.logprobs[2:] == [price(2 + n, token) for n, token in enumerate((*ids, end))]


def test_a_path_that_failed_at_once_is_a_row_that_trl_takes() -> None:
    rows = [
        Rollout([1, 2], [0, 0], [0.0, 0.0], 0.0, "t", "a", 2),
        Rollout([1, 3], [0, 1], [0.0, -1.0], 0.0, "t", "b", 1),
    ]
    found = as_grpo(rows, 7)
    assert found["completion_ids"] == [[7], [3]]
    assert found["env_mask"] == [[0], [1]]
    assert found["logprobs"] == [[0.0], [-1.0]]
    assert found["reward"] == [None, 0.0]
