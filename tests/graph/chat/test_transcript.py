"""What a reader of a chat sees: one thought or all, blocks, the vote; never a control token."""

from typing import Any

import pytest

from peerleap.graph import InputError, Settings, SettingsError
from peerleap.graph.chat import Piece, Transcript, areply, check_reply, cut_at, merged, reply, transcript_of
from peerleap.graph.chat.marks import Unmarked

MESSAGES = [{"role": "user", "content": "What is 2 + 2?"}]


def text_of(pieces: list[Any]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Piece))


def block_writer(call: Any) -> str:
    if call.stage == "summary":
        return f"I have {call.path}.</summarize>"
    if call.stage == "thought" and call.round == 0:
        return "So it goes on. " * 200
    return "So </think>it is \\boxed{4}" if call.stage == "thought" else "It is \\boxed{4}"


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (["a <thi", "nk> b"], "a  b"),
        (["a </th", "ink", "> b<"], "a  b<"),
        (["x < y", " and </thi"], "x < y and </thi"),
        (["<|im_end|>"], ""),
        (["a<|im", "_end|>b<|im_end|", ">"], "ab"),
        (["<<think>"], "<"),
    ],
)
def test_marks_are_cut_out_however_the_text_is_split(pieces: list[str], expected: str) -> None:
    clean = Unmarked(["<think>", "</think>", "<|im_end|>"])
    assert "".join(map(clean.feed, pieces)) + clean.end() == expected


def test_without_marks_nothing_is_held_back() -> None:
    assert Unmarked([]).feed("a <think>") == "a <think>"


def test_one_thought_with_its_blocks_and_the_vote(team: Any, small: Any) -> None:
    graph = team(block_writer, paths=3, thinking=True).graph.compile()
    pieces: list[Any] = list(
        reply(graph, MESSAGES, Settings(**{**small, "rounds": 1, "top_k": 1}), transcript_of(graph, "one"))
    )
    text, out = text_of(pieces), pieces[-1]
    assert {piece.path for piece in pieces[:-1] if piece.path} == {"solver_1"}
    assert text.startswith("So it goes on.")
    assert "\n\n\n" not in text
    assert "> LeaP block 1: solver_1 reads solver_" in text
    assert "> - solver_1: I have solver_1." in text
    assert text.index("LeaP block 1") < text.index("solver_1 answers 4") < text.index("Vote: 4 (3 of 3)")
    assert "think>" not in text
    assert "im_end" not in text
    assert out["answer"] == "4"
    thought = "".join(s["text"] for s in out["histories"]["solver_1"] if s["kind"] == "thought")
    shown = "".join(piece.text for piece in pieces[:-1] if piece.path)
    assert shown == thought.replace("</think>", "")


async def test_all_thoughts_have_their_paths_names(team: Any, small: Any) -> None:
    graph = team(block_writer, paths=3, thinking=True).graph.compile()
    settings = Settings(**{**small, "rounds": 1})
    pieces = [piece async for piece in areply(graph, MESSAGES, settings, transcript_of(graph, "all"))]
    text = text_of(pieces)
    for path in ("solver_1", "solver_2", "solver_3"):
        assert f"\n\n{path}: So it goes on." in f"\n\n{text}"
        assert f"> {path} sums up: I have {path}." in text
        assert f"> {path} answers 4" in text
    assert "> LeaP block 1: solver_1 reads " in text


def test_no_thoughts(team: Any, small: Any) -> None:
    graph = team(block_writer, thinking=True).graph.compile()
    pieces = list(reply(graph, MESSAGES, Settings(**small), transcript_of(graph, "none")))
    assert len(pieces) == 1


def event(type_: str, **fields: Any) -> Any:
    return {"v": 1, "type": type_, **fields}


def fed(transcript: Transcript, *events: Any) -> str:
    return "".join(piece.text for one in events for piece in transcript.feed(one))


def test_where_the_shown_path_has_ended_another_goes_on() -> None:
    transcript = Transcript("one", {"a": (), "b": (), "c": ()})
    fed(transcript, event("run", paths=["a", "b", "c"], thinking={}))
    end = event("path_end", path="a", status="finished", answer="4", tokens=3)
    text = fed(transcript, event("tokens", path="b", kind="thought", text="unseen"), end,
               event("tokens", path="b", kind="thought", text="more "), event("tokens", path="b", kind="thought",
               text="x" * 300), event("tokens", path="c", kind="thought", text="y" * 300))  # fmt: skip
    assert text == f"> a answers 4\n\n> b goes on\n\nmore {'x' * 300}"


def test_a_block_shows_what_the_shown_path_reads() -> None:
    transcript = Transcript("one", {"a": (), "b": (), "c": ()})
    said = [event("summary", path=path, text=f"I am {path},\nx >") for path in "abc"]
    text = fed(transcript, *said, event("route", round=1, sources={"a": ["c"], "b": []}))
    assert text == "> LeaP block 2: a reads c\n>\n> - a: I am a, x >\n> - c: I am c, x >\n\n"
    assert fed(transcript, event("route", round=2, sources={"b": ["a"]})) == ""
    assert fed(Transcript("one", {"a": ()}), event("route", round=0, sources={"a": []})) == (
        "> LeaP block 1: a reads no peer\n\n"
    )


def test_a_failed_path_is_named() -> None:
    transcript = Transcript("one", {"a": (), "b": ()})
    failed = event("segment", path="a", kind="error", text="EngineDead: /secret/path", tokens=0)
    text = fed(transcript, failed, event("path_end", path="a", status="failed", answer=None, tokens=0))
    assert text == "> a failed\n\n"


def test_a_vote_names_the_winner_first_and_few_others() -> None:
    votes = {str(n): 1 for n in range(9)} | {"x" * 500: 1}
    text = fed(Transcript("one", {"a": ()}), event("vote", answer="3", votes=votes))
    assert text.startswith("> Vote: 3 (1 of 10), ")
    assert text.endswith(" and 6 more answers\n\n")
    assert "no path" in fed(Transcript("one", {"a": ()}), event("vote", answer=None, votes={}))


def test_tokens_are_counted_whatever_is_shown() -> None:
    transcript = Transcript("none", {"a": ()})
    for kind, tokens in (("prompt", 9), ("thought", 5), ("comment", 7), ("answer", 2), ("summary", 1)):
        transcript.feed(event("segment", path="a", kind=kind, text="", tokens=tokens))
    assert transcript.generated == 8


def test_tools_are_shown() -> None:
    done = event("tool_end", path="a", tool="python", text="4\n" * 500, status="ok", seconds=0.1, round=0)
    assert fed(Transcript("one", {"a": ()}), done).startswith("> a used python: 4 4 4")


@pytest.mark.parametrize(
    ("stops", "expected"),
    [((), "one two three"), (("two",), "one "), (("three", "o"), ""), (("", "x"), "one two three")],
)
def test_an_answer_ends_before_the_first_stop(stops: tuple[str, ...], expected: str) -> None:
    assert cut_at("one two three", stops) == expected


def test_settings_are_merged_field_by_field() -> None:
    base = {"top_k": 3, "sampling": {"temperature": 0.5, "top_p": 0.9}}
    settings = merged(base, {"interval": 50, "sampling": {"temperature": 0}})
    assert settings.model_dump(exclude_unset=True) == {
        "top_k": 3, "interval": 50, "sampling": {"temperature": 0, "top_p": 0.9}
    }  # fmt: skip
    with pytest.raises(SettingsError, match="topk"):
        merged(base, {"topk": 1})


def test_a_bad_conversation_is_refused_before_a_run(team: Any, say: Any, small: Any) -> None:
    made = team(say(), context_length=700)
    graph = made.graph.compile()
    with pytest.raises(InputError, match="person"):
        check_reply(graph, [*MESSAGES, {"role": "assistant", "content": "4"}], Settings())
    with pytest.raises((InputError, SettingsError)):
        check_reply(graph, [{"role": "user", "content": "x" * 5000}], Settings())
    assert made.engine.requests == []
