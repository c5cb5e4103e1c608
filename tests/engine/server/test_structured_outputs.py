"""A constraint on what a server generates: sent, or found out to be dropped or refused."""

from collections.abc import Callable

import pytest

from peerleap.engine import RequestRefused, SamplingParams, ScriptedEngine, ServerEngine, StructuredOutputsParams
from peerleap.graph import SchemaError, build_graph
from tests.engine.server.wire_server import WireServer

Serve = Callable[..., WireServer]
Connect = Callable[..., ServerEngine]

SCHEMA = '{"type": "object"}'
PARAMS = SamplingParams(max_tokens=40, seed=7, structured_outputs=StructuredOutputsParams(json=SCHEMA))


def script(_prompt: str, params: SamplingParams) -> str:
    if params.structured_outputs is None:
        return "It is \\boxed{42}."
    return "7" if "const" in params.structured_outputs.json else '{"answer": 42}'


def unable(_prompt: str, _params: SamplingParams) -> str:
    return "words"


async def test_the_schema_is_sent_as_vllm_wants_it(serve_wire: Serve, connect: Connect) -> None:
    wire = serve_wire(ScriptedEngine(script))
    engine = connect(wire)
    for _ in range(2):
        done = await engine.generate([1], PARAMS)
        assert done.text == '{"answer": 42}<|im_end|>'
    first, *others = [body["structured_outputs"] for _, body in wire.requests]
    assert first == {"json": '{"const": 7}'}, "once, whether the server keeps a constraint"
    assert others == [{"json": SCHEMA}] * 2


async def test_a_server_that_drops_the_field_is_found_out(serve_wire: Serve, connect: Connect) -> None:
    wire = serve_wire(ScriptedEngine(script))
    wire.constrains = False
    with pytest.raises(RequestRefused, match="does not know `structured_outputs`"):
        await connect(wire).generate([1], PARAMS)
    assert len(wire.requests) == 1


async def test_a_server_that_refuses(serve_wire: Serve, connect: Connect) -> None:
    with pytest.raises(RequestRefused, match="the script writes 'words'"):
        await connect(serve_wire(ScriptedEngine(unable))).generate([1], PARAMS)


async def test_a_run_begins_only_where_its_end_is_possible(serve_wire: Serve, connect: Connect) -> None:
    wire = serve_wire(ScriptedEngine(unable))
    graph = build_graph(paths=2, engine=connect(wire)).compile()
    with pytest.raises(SchemaError, match="json_schema: a request for JSON") as caught:
        await graph.ainvoke({"question": "What is 6 * 7?"}, context={"json_schema": SCHEMA})
    assert wire.url not in str(caught.value), "a client of `peerleap serve` reads it"
    assert len(wire.requests) == 1
    graph = build_graph(paths=2, engine=connect(serve_wire(ScriptedEngine(script)))).compile()
    out = await graph.ainvoke({"question": "What is 6 * 7?"}, context={"json_schema": SCHEMA})
    assert (out["answer"], out["messages"][-1].content) == ("42", '{"answer": 42}')
