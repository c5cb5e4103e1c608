"""Summary stage: at most `summary_tokens` tokens, and closed whatever the model does."""

from typing import Any

import pytest

from peerleap.agents import prompts


def summing(text: str) -> Any:
    def write(call: Any) -> str:
        if call.stage == "summary":
            return text if call.number == 1 else "4: fine.</summarize>"
        return "x" * 99 if call.round == 0 else "\\boxed{4}"

    return write


def block(run: Any, path: str = "solver_1") -> list[Any]:
    """Segments from the trigger to the comment."""
    kinds = run.kinds(path)
    return list(run.history(path)[kinds.index("trigger") : kinds.index("comment") + 1])


def test_a_summary_that_is_closed(leap: Any) -> None:
    run = leap(summing(" It is 4.\n</summarize> and more"))
    trigger, summary, comment = block(run)
    assert trigger["text"].endswith(prompts.TEMPLATES)
    assert f"\n{prompts.SUMMARIZE}\n" in trigger["text"]
    assert summary["text"] == " It is 4.\n</summarize>"
    assert summary["finish"] == "summary_end"
    assert comment["kind"] == "comment"
    assert run.out["rounds"][0]["summaries"]["solver_1"] == {
        "text": "It is 4.", "tokens": len(summary["token_ids"]), "cut": False,
    }  # fmt: skip


@pytest.mark.parametrize("limit", [1, 10, 64])
def test_a_summary_that_is_cut(leap: Any, limit: int) -> None:
    run = leap(summing("4" * 500), summary_tokens=limit)
    _, summary, nudge, _ = block(run)
    assert len(summary["token_ids"]) == limit
    assert summary["finish"] == "cut"
    assert nudge["text"] == " ...\n</summarize>"
    assert run.out["rounds"][0]["summaries"]["solver_1"] == {"text": "4" * limit, "tokens": limit, "cut": True}


@pytest.mark.parametrize("limit", [3, 4, 5])
def test_a_summary_that_is_cut_within_a_character(leap: Any, limit: int) -> None:
    """A character of Chinese is three tokens here: what is left of the second one is kept, but not shared."""
    run = leap(summing("数学" * 99), summary_tokens=limit, task="free")
    _, summary, _, _ = block(run)
    assert len(summary["token_ids"]) == limit
    assert summary["text"] == run.engine.tokenizer.decode(summary["token_ids"])
    assert run.out["rounds"][0]["summaries"]["solver_1"]["text"] == "数"
    assert "\ufffd" not in run.texts("solver_2", "comment")[0]


def test_a_summary_that_ends_the_turn(leap: Any) -> None:
    run = leap(summing("It is 4."))
    _, summary, nudge, _ = block(run)
    assert (summary["text"], summary["finish"], nudge["text"]) == ("It is 4.", "turn_end", "\n</summarize>")
    assert run.engine.tokenizer.eos_token_id not in summary["token_ids"]
    assert run.out["rounds"][0]["summaries"]["solver_1"]["text"] == "It is 4."
    assert not run.out["rounds"][0]["summaries"]["solver_1"]["cut"]


@pytest.mark.parametrize("spelled", [False, True])
def test_a_summary_that_ends_the_thought_goes_on_inside_it(leap: Any, spelled: bool) -> None:
    def prepare(engine: Any) -> None:
        if spelled:
            from peerleap.engine.scripted import byte_tokenizer

            engine.tokenizer = byte_tokenizer.__wrapped__(False)
            engine.tokenizer.chat_template = byte_tokenizer(True).chat_template

    run = leap(summing("It is 4.</think>"), thinking=True, prepare=prepare)
    _, summary, nudge, _ = block(run)
    assert (summary["text"], summary["finish"], nudge["text"]) == ("It is 4.", "think_end", "\n</summarize>")
    assert "</think>" not in run.engine.of("solver_1")[-1].prompt.rpartition("assistant")[2]
    assert run.engine.tokenizer.decode(summary["token_ids"]) == "It is 4."
    written = len(run.engine.tokenizer.encode("It is 4.</think>", add_special_tokens=False))
    assert run.out["paths"]["solver_1"]["usage"]["summary"] == written, "what is dropped was generated, too"


def test_a_closed_summary_keeps_an_end_of_thought_for_later(leap: Any) -> None:
    run = leap(summing("It is 4.</summarize></think>"), thinking=True)
    assert block(run)[1]["finish"] == "summary_end"


@pytest.mark.parametrize("empty", ["</summarize>", " \n</summarize>", "", "  ", "</think>"])
def test_an_empty_summary_is_no_source_but_its_path_reads(leap: Any, empty: str) -> None:
    run = leap(summing(empty), paths=3, thinking=True, top_k=2)
    record = run.out["rounds"][0]
    assert record["summaries"]["solver_1"]["text"] == ""
    assert record["routes"] == {
        "solver_1": ["solver_2", "solver_3"], "solver_2": ["solver_3"], "solver_3": ["solver_2"],
    }  # fmt: skip
    assert run.segments("solver_1", "comment")[0]["sources"] == ["solver_2", "solver_3"]


def test_all_summaries_empty_leaves_a_nudge(leap: Any, block_then: Any) -> None:
    run = leap(block_then("\\boxed{4}", summary="</summarize>"))
    assert "comment" not in run.kinds("solver_1")
    (nudge,) = run.texts("solver_1", "nudge")
    assert nudge.startswith(f"\n\n{prompts.NO_COMMENT} I was here:\n")
    assert run.out["rounds"][0]["routes"] == {"solver_1": [], "solver_2": []}


def test_the_summary_request_stops_where_it_must(leap: Any) -> None:
    run = leap(summing("It is 4.</summarize>"), thinking=True, summary_tokens=33)
    (call,) = run.engine.of("solver_1", "summary")
    assert call.params.max_tokens == 33
    assert prompts.SUMMARIZE_END in call.params.stop
    assert call.params.stop_token_ids == tuple(run.engine.tokenizer.encode("</think>"))


@pytest.mark.parametrize(("thinking", "triggers"), [(True, "TRIGGERS_THINKING"), (False, "TRIGGERS_ANSWERING")])
def test_the_voice_of_the_trigger_fits_the_model(leap: Any, thinking: bool, triggers: str) -> None:
    run = leap(summing("It is 4.</summarize>"), thinking=thinking)
    assert any(words in block(run)[0]["text"] for words in getattr(prompts, triggers))


def test_the_trigger_starts_a_paragraph_once(leap: Any) -> None:
    def write(call: Any) -> str:
        return summing("4</summarize>")(call) if call.round or call.stage == "summary" else "x" * 30 + "\n\n" + LONG

    LONG = "y" * 99
    run = leap(write, interval=32, cut="exact")
    assert not block(run)[0]["text"].startswith("\n")
    run = leap(write, interval=33, cut="exact")
    assert block(run)[0]["text"].startswith("\n\n")


@pytest.mark.parametrize(
    ("summary", "stated"),
    [
        ("I have 4.", True),
        ("x must be even, so it is four.", True),
        ("Case \\frac{1}{2} is left.", True),
        ("a = b", True),
        ("Calculate the number for each box and sum them up.", False),
        ("After I go on, here is where I stand.", False),
        ("What is 2 + 2?", False),
        ("<comment>", False),
        ("...", False),
    ],
)
def test_only_a_summary_that_states_something_is_read(leap: Any, summary: str, stated: bool) -> None:
    run = leap(summing(f"{summary}</summarize>"))
    record = run.out["rounds"][0]
    assert record["summaries"]["solver_1"].get("no_claim", False) is not stated
    assert record["routes"]["solver_2"] == (["solver_1"] if stated else [])
    (event,) = [e for e in run.events if e["type"] == "summary" and e["path"] == "solver_1"]
    assert event.get("no_claim", False) is not stated


def test_any_words_are_a_finding_where_the_task_is_free(leap: Any) -> None:
    run = leap(summing("The author meant the sea.</summarize>"), task="free")
    assert run.out["rounds"][0]["routes"]["solver_2"] == ["solver_1"]


def test_the_papers_preset_shares_the_template_too(leap: Any) -> None:
    run = leap(summing("It is 4.</summarize>"), preset="paper", thinking=True)
    text = run.out["rounds"][0]["summaries"]["solver_1"]["text"]
    assert text.endswith(" It is 4.")
    assert text.removesuffix(" It is 4.") in prompts.TEMPLATES
