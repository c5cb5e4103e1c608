import asyncio
import itertools
import re
from pathlib import Path

import pytest

from peerleap.engine import Completion, SamplingParams, ScriptedEngine
from peerleap.evals import Plan, Problem
from peerleap.evals.methods import METHODS, PATHS, MethodConfig, PathResult, method_options
from peerleap.evals.methods.aggregate import excerpt
from peerleap.graph import Segment

PROBLEM = Problem(id="q1", question="What is 2 + 2?", answer="4", kind="integer")
SETTINGS = {"interval": 60, "cut": "exact", "rounds": 2, "max_tokens": 600, "answer_tokens": 30, "summary_tokens": 80}


def script(text: str, params: SamplingParams) -> str:
    if "<summarize>" in text[-120:]:
        return f"I have {(params.seed or 0) % 7}.</summarize>"
    if text.endswith("\\boxed{"):
        return "4}"
    return "thinking about it " * (5 + (params.seed or 0) % 5) + "\n\nso \\boxed{4}."


def ids(paths: list[PathResult]) -> list[list[list[int]]]:
    """Without how much was cached, which depends on who came first."""
    return [[segment["token_ids"] for segment in path.history] for path in paths]


def config(method: str, paths: int = 3, **fields: object) -> MethodConfig:
    small = {"rsa": {"steps": 4, "subset": 2}, "leap_s": {"peers": 2}}.get(method, {})
    settings = {key: value for key, value in SETTINGS.items() if method != "leap_s" or key != "rounds"}
    return MethodConfig(paths=paths, settings=settings, options=method_options(method, small), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", METHODS)
async def test_every_method_gives_answered_paths_and_is_decided_by_its_seed(method: str) -> None:
    first = await METHODS[method](PROBLEM, ScriptedEngine(script), config(method), 7)
    again = await METHODS[method](PROBLEM, ScriptedEngine(script), config(method), 7)
    other = await METHODS[method](PROBLEM, ScriptedEngine(script), config(method), 8)
    assert ids(first) == ids(again) != ids(other)
    counted = [path for path in first if path.counted]
    assert len(counted) == (1 if method == "moa" else 3)
    assert {path.answer for path in counted} == {"4"}
    assert len({path.name for path in first}) == len(first)


@pytest.mark.parametrize("method", METHODS)
async def test_tokens_add_up_to_what_the_engine_generated(method: str) -> None:
    engine = Counting(script)
    paths = await METHODS[method](PROBLEM, engine, config(method), 0)
    assert sum(path.tokens.generated for path in paths) == engine.generated
    assert sum(path.tokens.prefill for path in paths) == engine.prefill
    assert sum(path.tokens.cached for path in paths) == engine.cached > 0
    assert (sum(path.tokens.summary for path in paths) > 0) == (method in {"leap", "leap_s"})


class Counting(ScriptedEngine):
    generated = prefill = cached = 0

    async def generate(self, *args: object, **kwargs: object) -> Completion:
        done = await super().generate(*args, **kwargs)  # type: ignore[arg-type]
        self.generated += len(done.token_ids)
        self.prefill += done.prompt_tokens
        self.cached += done.cached_tokens
        return done


async def test_independent_paths_are_promised_no_peers_and_leap_paths_are() -> None:
    for method, told in (("independent", False), ("leap", True)):
        engine = ScriptedEngine(script)
        await METHODS[method](PROBLEM, engine, config(method), 0)
        assert ("<comment>" in engine.tokenizer.decode(engine.requests[0][0])) == told


async def test_a_budget_adds_independent_paths_until_it_is_spent() -> None:
    few = await METHODS["independent"](PROBLEM, ScriptedEngine(script), config("independent"), 0)
    budget = 3 * sum(path.tokens.generated for path in few)
    many = await METHODS["independent"](PROBLEM, ScriptedEngine(script), config("independent", budget=budget), 0)
    assert ids(many[:3]) == ids(few)
    assert budget <= sum(path.tokens.generated for path in many) < budget * 1.5


async def test_a_budget_makes_a_few_paths_longer() -> None:
    few = await METHODS["independent"](PROBLEM, ScriptedEngine(script), config("independent"), 0)
    spent = sum(path.tokens.generated for path in few)
    for share in (0.5, 1.4, 2.6):
        engine = ScriptedEngine(script)
        asked = config("revise", budget=int(share * spent))
        paths = await METHODS["revise"](PROBLEM, engine, asked, 0)
        assert ids(paths[:3]) == ids(few)
        assert len([path for path in paths if path.counted]) == 3
        used = sum(path.tokens.generated for path in paths)
        assert max(1.0, share) * spent - 1 <= used <= (max(1.0, share) + 0.5) * spent
        revised = [engine.tokenizer.decode(ids) for ids, _ in engine.requests[3:]]
        assert len(revised) == len(paths) - 3
        assert all("your own earlier solution" in text and "thinking about it" in text for text in revised)


@pytest.mark.parametrize("method", ["independent", "deepconf", "revise"])
async def test_seconds_are_a_budget_too(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count()  # a second between any two looks at it: at the start, and before more paths begin
    monkeypatch.setattr("peerleap.evals.methods.budget._now", lambda: float(next(clock)))
    for seconds, batches in ((0.5, 1), (2.5, 3)):
        paths = await METHODS[method](PROBLEM, ScriptedEngine(script), config(method, seconds=seconds), 0)
        assert len(paths) == 3 * batches
        assert len([path for path in paths if path.counted]) == (3 if method == "revise" else 3 * batches)


async def test_later_layers_and_steps_read_the_earlier_ones() -> None:
    for method, read in (("moa", [0] * 3 + [3] * 7), ("rsa", [0] * 3 + [2] * 9)):
        engine = ScriptedEngine(script)
        paths = await METHODS[method](PROBLEM, engine, config(method), 0)
        assert len(paths) == len(read)
        prompts = [engine.tokenizer.decode(prompt) for prompt, _ in engine.requests]
        assert [len(re.findall(r"Candidate solution \d+:", prompt)) for prompt in prompts] == read


async def test_an_aggregator_reads_whole_answers_and_the_end_of_what_is_none() -> None:
    engine = ScriptedEngine(script)
    text = "word " * 900
    ids = list(engine.tokenizer.encode(text, add_special_tokens=False))
    history = (Segment(kind="thought", round=0, token_ids=ids, text=text),)
    whole = excerpt(engine, PathResult("a", "finished", history, "4"), 100)
    cut = excerpt(engine, PathResult("a", "forced", history, "4"), 100)
    assert whole == text.strip()
    assert cut.startswith("[...] ")
    assert cut.endswith("\\boxed{4}")
    assert len(cut) < 130


async def test_one_path_of_each_group_goes_on_in_leap_s() -> None:
    engine = ScriptedEngine(script)
    paths = await METHODS["leap_s"](PROBLEM, engine, config("leap_s"), 0)
    assert [path.name for path in paths if path.counted] == [f"group{n}_solver_1" for n in (1, 2, 3)]
    ended = [path for path in paths if not path.counted]
    assert [path.name for path in ended] == [f"group{n}_solver_2" for n in (1, 2, 3)]
    assert {path.outcome for path in ended} == {"dropped"}
    for path in ended:
        # T tokens, a summary, and what it would have read; nothing after it.
        assert [segment["kind"] for segment in path.history if segment["round"] > 0] == []
        assert path.tokens.own == 60
    for path in paths:
        if path.counted:
            assert path.tokens.own > 60
            assert sum(segment["kind"] == "comment" for segment in path.history) == 1


def test_leap_s_has_one_block() -> None:
    for settings in ({"rounds": 2}, {"communicate_at": (10, 20)}):
        with pytest.raises(ValueError, match="leap_s has one LeaP block"):
            Plan("t", [PROBLEM], "leap_s", MethodConfig(settings=settings))
    assert Plan("t", [PROBLEM], "leap_s", MethodConfig(settings={"interval": 50})).config.options == {"peers": 4}


async def test_leap_s_goes_on_after_a_kill_wherever_it_falls(tmp_path: Path) -> None:
    whole = ScriptedEngine(script)
    calm = await METHODS["leap_s"](PROBLEM, whole, config("leap_s", paths=1), 0)
    for most in range(1, len(whole.requests)):

        class Dying(ScriptedEngine):
            async def generate(self, *args: object, **kwargs: object) -> Completion:
                if len(self.requests) >= most:  # noqa: B023
                    stopped[0].cancel()  # noqa: B023
                    await asyncio.sleep(60)
                return await super().generate(*args, **kwargs)  # type: ignore[arg-type]

        kept = config("leap_s", paths=1, checkpoint=tmp_path / f"{most}.sqlite")
        stopped = [asyncio.ensure_future(METHODS["leap_s"](PROBLEM, Dying(script), kept, 0))]
        with pytest.raises(asyncio.CancelledError):
            await stopped[0]
        again = await METHODS["leap_s"](PROBLEM, ScriptedEngine(script), kept, 0)
        assert ids(again) == ids(calm)
        assert [path.counted for path in again] == [True, False]


def test_rsa_refuses_a_subset_that_is_the_population() -> None:
    with pytest.raises(ValueError, match=r"rsa: subset=4 with 4 paths: .* its paper has 16 paths and subset 4"):
        Plan("t", [PROBLEM], "rsa", MethodConfig(paths=4))
    assert Plan("t", [PROBLEM], "rsa", MethodConfig(paths=PATHS["rsa"])).config.options["steps"] == 10


@pytest.mark.parametrize("method", METHODS)
async def test_a_checkpoint_file_saves_all_that_was_done(method: str, tmp_path: Path) -> None:
    kept = config(method, checkpoint=tmp_path / "q1.sqlite")
    first = await METHODS[method](PROBLEM, ScriptedEngine(script), kept, 3)
    engine = ScriptedEngine(script)
    again = await METHODS[method](PROBLEM, engine, kept, 3)
    assert [path.history for path in again] == [path.history for path in first]
    assert engine.requests == []


def broken(text: str, params: SamplingParams) -> str:
    raise RuntimeError("out of paper")


@pytest.mark.parametrize("method", METHODS)
async def test_paths_that_fail_are_results(method: str) -> None:
    paths = await METHODS[method](PROBLEM, ScriptedEngine(broken), config(method), 0)
    assert {path.outcome for path in paths} == {"failed"}
    assert {path.error for path in paths} == {"RuntimeError: out of paper"}


def test_unknown_methods_and_options_are_refused() -> None:
    with pytest.raises(ValueError, match="method='lepa' is not one of independent"):
        method_options("lepa", {})
    with pytest.raises(ValueError, match="option 'layer': 'moa' has layers, agents"):
        method_options("moa", {"layer": 3})
    with pytest.raises(ValueError, match="option layers=0"):
        method_options("moa", {"layers": 0})
