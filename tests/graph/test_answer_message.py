from typing import Any


def test_reasoning_and_usage_are_where_langchain_puts_them(team: Any, block_then: Any, small: Any) -> None:
    made = team(block_then("So it is \\boxed{4}."), paths=2)
    out = made.graph.compile().invoke({"messages": [("user", "What is 2 + 2?")]}, context=small)
    message = out["messages"][-1]
    assert message.content == "4"
    reasoning, text = message.content_blocks
    assert reasoning["type"] == "reasoning"
    thoughts = [s["text"] for s in out["histories"]["solver_1"] if s["kind"] == "thought"]
    assert reasoning["reasoning"] == "".join(thoughts)
    assert (text["type"], text["text"]) == ("text", "4")
    usage = out["usage"]
    assert message.usage_metadata["input_tokens"] == usage["prefill"]
    assert message.usage_metadata["output_tokens"] == usage["generated"]
    assert message.usage_metadata["input_token_details"] == {"cache_read": usage["cached"]}
    assert message.response_metadata == {"model_name": "scripted"}
