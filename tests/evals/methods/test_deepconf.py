import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from peerleap.engine import Completion, OnText, SamplingParams, ScriptedEngine
from peerleap.evals import Plan, Problem
from peerleap.evals.methods import METHODS, MethodConfig, method_options
from peerleap.evals.methods.confidence import group_confidences, measures, threshold
from peerleap.evals.methods.online import CHUNK, OnlineEngine
from peerleap.evals.stats import Graded, confidence_vote

PROBLEM = Problem(id="q1", question="What is 2 + 2?", answer="4", kind="integer")
SETTINGS = {"max_tokens": 3000, "answer_tokens": 30}


def test_groups_are_means_over_windows() -> None:
    assert group_confidences([1.0, 2.0, 3.0, 6.0], 2) == [1.5, 2.5, 4.5]
    assert group_confidences([1.0, 2.0], 8) == [1.5]
    assert group_confidences([], 8) == []


def test_measures_are_those_of_the_paper() -> None:
    tokens = [4.0] * 50 + [1.0] * 10 + [4.0] * 40
    found = measures(tokens, 10)
    assert found["mean"] == pytest.approx(3.7)
    assert found["tail"] == 4.0
    assert found["lowest"] == 1.0
    # The nine least sure of 91 groups: one of 10 unsure tokens, two each of 9, 8, 7 and 6.
    assert found["bottom"] == pytest.approx((1.0 + 2 * (1.3 + 1.6 + 1.9 + 2.2)) / 9)
    assert measures([], 10) == {"bottom": 0.0, "tail": 0.0, "mean": 0.0, "lowest": 0.0}


def test_the_surest_part_of_the_paths_votes_by_weight() -> None:
    paths = [Graded(answer, correct=answer == "4") for answer in ("5", "5", "5", "4", "4")]
    weights = [1.0, 1.0, 1.0, 9.0, 8.0]
    assert confidence_vote(paths, weights).correct  # type: ignore[union-attr]
    assert not confidence_vote(paths, [5.0, 1.0, 1.0, 3.0, 2.0], keep=10).correct  # type: ignore[union-attr]
    assert confidence_vote([Graded(None, correct=False)], [1.0], keep=10) is None
    assert threshold([float(value) for value in range(101)], 10) == 90.0
    assert threshold([float(value) for value in range(101)], 90) == 10.0


class Scored(ScriptedEngine):
    """Tokens of a `q` are unsure, all others sure."""

    async def generate(
        self, token_ids: Sequence[int], params: SamplingParams, *, session: str | None = None,
        on_text: OnText | None = None,
    ) -> Completion:  # fmt: skip
        done = await super().generate(token_ids, params, session=session, on_text=on_text)
        assert params.logprobs == 20
        values = [1.0 if sign == "q" else 9.0 for sign in self.tokenizer.decode(done.token_ids)]
        fitting = (values + [9.0] * len(done.token_ids))[: len(done.token_ids)]
        object.__setattr__(done, "token_confidences", fitting)
        return done


def options(**values: Any) -> dict[str, Any]:
    return method_options("deepconf", values)


async def test_offline_paths_carry_their_measures() -> None:
    unsure = Scored(lambda _, params: ("q" if (params.seed or 0) % 2 else "y") * 90 + "\n\n\\boxed{4}.")
    config = MethodConfig(paths=6, settings=SETTINGS, options=options(window=20, keep=10, confidence="lowest"))
    paths = await METHODS["deepconf"](PROBLEM, unsure, config, 0)
    assert {path.meta["confidence"] for path in paths} == {1.0, 9.0}
    assert all(path.counted and path.meta["keep"] == 10 for path in paths)
    assert all(path.meta["confidences"]["lowest"] == path.meta["confidence"] for path in paths)


def wavering(text: str, params: SamplingParams) -> str:
    """Sure at first; one path in two goes on unsurely for 2,000 tokens. Chunks go on where the last one ended."""
    written = text.rpartition("assistant\n")[2]
    if written.endswith("\\boxed{"):
        return "4}"
    full = "y" * 300 + ("q" * 2000 if "q" in written or (params.seed or 0) % 2 else "y" * 100) + " \\boxed{4}."
    return full[len(written) :]


async def test_online_paths_end_once_they_are_unsure(tmp_path: Path) -> None:
    engine = Scored(wavering)
    config = MethodConfig(
        paths=24, settings=SETTINGS, checkpoint=tmp_path / "q.sqlite",
        options=options(window=50, keep=10, online=1, warmup=8, consensus=100, confidence="mean"),
    )  # fmt: skip
    paths = await METHODS["deepconf"](PROBLEM, engine, config, 3)
    dropped = [path for path in paths if path.outcome == "dropped"]
    assert dropped
    assert all(not path.counted for path in dropped)
    assert [path for path in paths if path.counted]
    late = [path for path in paths[8:] if path.outcome == "dropped"]
    assert all(path.tokens.own <= 300 + 2 * CHUNK for path in late)
    assert all(path.meta["keep"] == 100 for path in paths)
    again = await METHODS["deepconf"](PROBLEM, Scored(wavering), config, 3)
    assert [(path.name, path.outcome, path.counted) for path in again] == [
        (path.name, path.outcome, path.counted) for path in paths
    ]


async def test_online_stops_sampling_when_the_vote_is_clear() -> None:
    engine = Scored(lambda text, _: "4}" if text.endswith("{") else "y" * 60 + " \\boxed{4}.")
    config = MethodConfig(paths=100, settings=SETTINGS, options=options(window=20, online=1, warmup=4))
    assert len(await METHODS["deepconf"](PROBLEM, engine, config, 0)) == 4


async def test_a_chunk_sees_a_stop_string_that_began_in_the_one_before() -> None:
    text = "y" * (CHUNK - 2) + "<comment>and more"

    def goes_on(prompt: str, _: SamplingParams) -> str:
        return text[len(prompt) - 1 :]

    engine = Scored(goes_on)
    online = OnlineEngine(engine)
    start = list(engine.tokenizer.encode("?", add_special_tokens=False))
    from peerleap.evals.methods.online import WATCH, Watch

    async def watched() -> Completion:
        WATCH.set(Watch(0.0, 10))
        return await online.generate(start, SamplingParams(max_tokens=600, logprobs=20, stop=("<comment>",)))

    done = await asyncio.create_task(watched())
    assert done.stop_reason == "<comment>"
    assert done.text == "y" * (CHUNK - 2) + "<comment>"
    assert len(done.token_ids) == len(done.token_confidences or [])


def test_what_online_cannot_do_is_refused() -> None:
    with pytest.raises(ValueError, match="give more paths"):
        Plan("t", [PROBLEM], "deepconf", MethodConfig(paths=16, options={"online": 1}))
    with pytest.raises(ValueError, match="takes no budget"):
        Plan("t", [PROBLEM], "deepconf", MethodConfig(paths=32, options={"online": 1}), budget=100)
    with pytest.raises(ValueError, match="confidence='best' is not one of bottom, tail, mean, lowest"):
        options(confidence="best")
    with pytest.raises(ValueError, match="option keep=0: give a whole number from 1 to 100"):
        options(keep=0)
