"""A real model's own text makes a real sandbox run its code, and its peers are told of it."""

import copy
import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from peerleap.agents import Peer
from peerleap.engine import Engine, VLLMEngine, decode
from peerleap.graph import Segment, build_graph
from peerleap.graph.history.segments import ToolRecord
from peerleap.graph.path import tool_calls
from peerleap.tools import ToolLimits, python
from peerleap.tools.sandbox import Sandbox, probe
from tests.conftest import RecordingEngine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not probe().tier, reason="this machine can build no walls"),
]

QUESTION = "What is 17 * 23?"
# As START does, but with the first word of the code: a model of 135M parameters needs the push.
NUDGE = "Let me compute it with Python.\n```python\nprint("
SETTINGS = {
    "communicate_at": (2, 30),
    "cut": "exact",
    "grace": 64,
    "summary_tokens": 40,
    "answer_tokens": 16,
    "max_tokens": 420,
    "seed": 1,
    "sampling": {"temperature": 0},
}
OTHER = "{% for m in messages %}### {{ m.role }}\n{{ m.content }}\n{% endfor %}### assistant\n"


class Retold:
    """The same engine under another chat template."""

    def __init__(self, engine: Any, template: str) -> None:
        self._engine = engine
        self.model = f"{engine.model} retold"
        self.context_length = engine.context_length
        self.tokenizer = copy.deepcopy(engine.tokenizer)
        self.tokenizer.chat_template = template

    def check(self) -> None:
        self._engine.check()

    async def start(self) -> None:
        await self._engine.start()

    async def generate(self, token_ids: Any, params: Any, *, session: Any = None, on_text: Any = None) -> Any:
        return await self._engine.generate(token_ids, params, session=session, on_text=on_text)


def peers() -> list[Peer]:
    return [Peer(name="solver"), Peer(name="coder", tools=[python()], nudge=True, limits=ToolLimits(seconds=60))]


@pytest.fixture(scope="module")
def recorder(record: Callable[[Engine], RecordingEngine], chat_engine: VLLMEngine) -> RecordingEngine:
    return record(chat_engine)


@pytest.fixture(scope="module")
def ask() -> Callable[[Any], dict[str, Any]]:
    def run(engine: Any) -> dict[str, Any]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tool_calls, "START_NUDGE", NUDGE)
            graph: Any = build_graph(peers=peers(), engine=engine).compile()
            result: dict[str, Any] = graph.invoke({"question": QUESTION}, context=SETTINGS)
            return result

    return run


@pytest.fixture(scope="module")
def result(recorder: Any, ask: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    return ask(recorder)


def called(result: dict[str, Any]) -> int:
    """Where the first answer of the sandbox stands in the coder's history."""
    return next(at for at, segment in enumerate(result["histories"]["coder_1"]) if segment["kind"] == "tool")


def ids(history: list[Segment]) -> tuple[int, ...]:
    return tuple(token for segment in history for token in segment["token_ids"])


def test_the_models_own_words_are_the_code_that_ran(result: dict[str, Any], recorder: Any) -> None:
    history, at = result["histories"]["coder_1"], called(result)
    begin = max(place for place, segment in enumerate(history[:at]) if segment["kind"] == "nudge")
    assert history[begin]["text"] == NUDGE
    written = history[begin + 1 : at]
    assert {segment["kind"] for segment in written} == {"thought"}
    assert written[-1]["finish"] == "tool"  # the real engine stopped at the closing fence
    given = [(tuple(prompt), tuple(completion.token_ids)) for prompt, completion in recorder.completions]
    assert (ids(history[: at - 1]), tuple(written[-1]["token_ids"])) in given
    code = history[at]["tool"]["cell"]
    assert code.startswith("print(")
    assert NUDGE + "".join(segment["text"] for segment in written) == NUDGE.partition("print(")[0] + f"{code}\n```\n"


def test_what_the_sandbox_says_is_in_the_history_and_is_read(result: dict[str, Any], recorder: Any) -> None:
    history, at = result["histories"]["coder_1"], called(result)
    answer = history[at]
    assert answer["tool"]["status"] == "ok"
    with Sandbox() as sandbox, sandbox.session("again") as session:
        again = session.run(answer["tool"]["cell"]).text()
    assert answer["text"] == f"```output\n{again}\n[7 tool calls left]\n```\n"
    assert answer["tool"]["digest"] == hashlib.sha256(again.encode()).hexdigest()
    assert answer["tool"]["printed"] == " ".join(again.split())  # short, so all of it, as one line
    # The path thinks on from there, or sums up: the next request ends with what the sandbox said, to the token.
    assert history[at + 1]["kind"] in {"thought", "trigger"}
    inserted = at + 1 + (history[at + 1]["kind"] == "trigger")
    assert ids(history[:inserted]) in {tuple(prompt) for prompt in recorder.prompts}


def test_the_other_path_is_told_what_the_code_has_shown(result: dict[str, Any]) -> None:
    answer = result["histories"]["coder_1"][called(result)]
    record = next(record for record in result["rounds"] if record["round"] == answer["round"])
    summary = record["summaries"]["coder_1"]
    calls = ran(result, answer["round"])
    shown = calls[-1]["printed"]
    assert summary["evidence"] == [
        {"tool": "python", "calls": len(calls), "digest": calls[-1]["digest"], "output": shown}
    ]  # fmt: skip
    assert record["routes"]["solver_1"] == ["coder_1"]
    (heard,) = [
        segment
        for segment in result["histories"]["solver_1"]
        if segment["kind"] == "comment" and segment["round"] == answer["round"]
    ]
    assert f"Peer 2 (coder, ran code: {shown}): " in heard["text"]
    assert all(word in heard["text"] for word in summary["text"].split() if word.isalpha())
    assert not [segment for segment in result["histories"]["solver_1"] if segment["kind"] == "tool"]


def ran(result: dict[str, Any], last_round: int) -> list[ToolRecord]:
    """The coder's calls that went well, up to a round."""
    records = [(s["round"], s["tool"]) for s in result["histories"]["coder_1"] if s["kind"] == "tool"]
    return [tool for at, tool in records if at <= last_round and tool["status"] == "ok"]


def test_both_paths_end(result: dict[str, Any]) -> None:
    assert {path["status"] for path in result["paths"].values()} <= {"finished", "forced"}
    assert set(result["paths"]) == {"solver_1", "coder_1"}


def test_the_same_run_again(result: dict[str, Any], chat_engine: Any, ask: Callable[[Any], dict[str, Any]]) -> None:
    again = ask(chat_engine)
    for path, history in result["histories"].items():
        assert ids(again["histories"][path]) == ids(history)


def test_two_chat_templates_in_one_run(
    result: dict[str, Any], chat_engine: Any, ask: Callable[[Any], dict[str, Any]]
) -> None:
    out = ask({"solver": chat_engine, "coder": Retold(chat_engine, OTHER)})
    own, other = (out["histories"][path][0]["text"] for path in ("solver_1", "coder_1"))
    assert own == result["histories"]["solver_1"][0]["text"]
    assert other.startswith("### user\n")
    assert other.endswith("### assistant")  # Jinja drops a template's last line break
    assert {path["status"] for path in out["paths"].values()} <= {"finished", "forced"}
    for history in out["histories"].values():
        assert all(decode(chat_engine.tokenizer, s["token_ids"]) == s["text"] for s in history if s["token_ids"])
    comments = {p: [s["sources"] for s in h if s["kind"] == "comment"] for p, h in out["histories"].items()}
    assert comments["solver_1"][0] == ["coder_1"]
    assert comments["coder_1"][0] == ["solver_1"]
