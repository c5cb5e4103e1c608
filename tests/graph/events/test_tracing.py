"""What tracers see of a run: paths, blocks, and requests to the engine with their token counts."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.langchain import LangChainTracer, wait_for_all_tracers
from langsmith import Client

QUESTION = {"question": "What is 2 + 2?"}


class Tracer(BaseTracer):
    """Keeps the tree of runs."""

    run_inline = True

    def __init__(self) -> None:
        super().__init__()
        self.roots: list[Any] = []

    def _persist_run(self, run: Any) -> None:
        self.roots.append(run)


def below(run: Any) -> list[Any]:
    return [run, *(found for child in run.child_runs for found in below(child))]


def traced(team: Any, write: Any, small: Any, **options: Any) -> tuple[Any, dict[str, Any]]:
    tracer = Tracer()
    out = team(write, **options).graph.compile().invoke(QUESTION, {"callbacks": [tracer]}, context=small)
    (root,) = tracer.roots
    return root, out


def test_paths_blocks_and_requests_are_runs(team: Any, block_then: Any, small: Any) -> None:
    root, out = traced(team, block_then("\\boxed{4}"), small, paths=2)
    assert root.name == "leap"
    nodes = [run.name for run in root.child_runs]
    assert sorted(nodes[1:3]) == sorted(nodes[4:6]) == ["solver_1", "solver_2"]
    assert [nodes[0], nodes[3], *nodes[6:]] == ["prepare", "leap_block", "leap_block", "vote"]
    first = next(run for run in root.child_runs if run.name == "solver_1")
    assert [run.name for run in first.child_runs if run.run_type == "llm"] == ["solver_1 thought", "solver_1 thought"]
    block = root.child_runs[3]
    summaries = [run for run in below(block) if run.run_type == "llm"]
    assert sorted(run.name for run in summaries) == ["solver_1 summary", "solver_2 summary"]
    assert {run.extra["metadata"]["leap_path"] for run in summaries} == {"solver_1", "solver_2"}
    assert all(run.end_time is not None and run.error is None for run in below(root))
    assert len([run for run in below(root) if run.run_type == "llm"]) == out["usage"]["requests"]


def test_token_counts_are_those_of_the_run(team: Any, block_then: Any, small: Any) -> None:
    root, out = traced(team, block_then("\\boxed{4}"), small, paths=3)
    usages = [
        run.outputs["generations"][0][0]["message"]["kwargs"]["usage_metadata"]
        for run in below(root)
        if run.run_type == "llm"
    ]
    assert sum(usage["input_tokens"] for usage in usages) == out["usage"]["prefill"]
    assert sum(usage["output_tokens"] for usage in usages) == out["usage"]["generated"]
    assert sum(usage["input_token_details"]["cache_read"] for usage in usages) == out["usage"]["cached"]


def test_prompts_add_up_to_the_history(team: Any, block_then: Any, small: Any) -> None:
    root, out = traced(team, block_then("\\boxed{4}"), small, paths=2)
    told = ""
    for run in sorted(below(root), key=lambda run: run.start_time):
        if run.run_type == "llm" and run.extra["metadata"]["leap_path"] == "solver_2":
            told += run.inputs["prompts"][0] + run.outputs["generations"][0][0]["text"]
            assert run.extra["invocation_params"]["temperature"] == 0.6
    history = out["histories"]["solver_2"]
    assert told.replace("<|im_end|>", "") == "".join(s["text"] for s in history).replace("<|im_end|>", "")


def test_nodes_record_no_token_ids(team: Any, block_then: Any, small: Any) -> None:
    root, _ = traced(team, block_then("\\boxed{4}", blocks=2), small, paths=3)
    for run in below(root)[1:]:
        inputs = run.inputs if run.run_type != "llm" else {}
        assert "token_ids" not in json.dumps([inputs], default=str), run.name
        if run.name != "summarize":
            assert "token_ids" not in json.dumps([run.outputs], default=str), run.name
    block = next(run for run in root.child_runs if run.name == "leap_block")
    assert set(block.inputs["tokens"]) == {"history_solver_1", "history_solver_2", "history_solver_3"}


def test_a_request_that_fails_is_a_run_that_failed(team: Any, small: Any) -> None:
    def write(call: Any) -> str:
        if call.number == 1:
            raise RuntimeError("gone")
        return "\\boxed{4}"

    root, _ = traced(team, write, small, paths=2)
    failed = [run for run in below(root) if run.error]
    assert [run.name for run in failed] == ["solver_1 thought"]
    assert "gone" in failed[0].error


def test_messages_mode_ends_with_the_answer(team: Any, block_then: Any, small: Any) -> None:
    graph = team(block_then("\\boxed{4}"), paths=2).graph.compile()
    parts = [*graph.stream(QUESTION, context=small, stream_mode="messages")]
    assert [message.content for message, meta in parts if meta["langgraph_node"] == "vote"] == ["4"]
    assert parts[-1][0].content == "4"


@pytest.fixture
def langsmith(serving: Any) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that takes what the LangSmith client sends, and its address."""
    posted: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            posted.append({"id": self.path.rpartition("/")[2], **body})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        do_PATCH = do_POST

    with serving(Handler) as address:
        yield address, posted


def test_langsmith_gets_the_tree(team: Any, block_then: Any, small: Any, langsmith: Any) -> None:
    address, posted = langsmith
    client = Client(api_url=address, api_key="none", auto_batch_tracing=False)
    tracer = LangChainTracer(client=client, project_name="test")
    graph = team(block_then("\\boxed{4}"), paths=2).graph.compile()
    out = graph.invoke(QUESTION, {"callbacks": [tracer]}, context=small)
    wait_for_all_tracers()
    client.close()
    runs: dict[str, dict[str, Any]] = {}
    for run in posted:
        runs.setdefault(run["id"], {}).update({key: value for key, value in run.items() if value is not None})
    names = [run["name"] for run in runs.values()]
    assert names.count("leap") == 1
    assert names.count("solver_1") == names.count("solver_2") == names.count("leap_block") == 2
    llms = [run for run in runs.values() if run["run_type"] == "llm"]
    assert len(llms) == out["usage"]["requests"]
    told = [run["extra"]["metadata"]["usage_metadata"] for run in llms]
    assert sum(usage["output_tokens"] for usage in told) == out["usage"]["generated"]
    assert {run["extra"]["metadata"]["ls_model_name"] for run in llms} == {"scripted"}


def test_opentelemetry_gets_the_spans(team: Any, block_then: Any, small: Any) -> None:
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    client = Client(api_url="http://127.0.0.1:1", api_key="none", tracing_mode="otel", otel_tracer_provider=provider)
    graph = team(block_then("\\boxed{4}"), paths=2).graph.compile()
    out = graph.invoke(QUESTION, {"callbacks": [LangChainTracer(client=client)]}, context=small)
    wait_for_all_tracers()
    client.flush()
    client.cleanup()
    spans = exporter.get_finished_spans()
    names = [span.name for span in spans]
    assert names.count("solver_1") == names.count("leap_block") == 2
    told = [dict(span.attributes or {}) for span in spans if span.name.endswith((" thought", " summary"))]
    assert len(told) == out["usage"]["requests"]
    assert sum(int(str(t["gen_ai.usage.output_tokens"])) for t in told) == out["usage"]["generated"]
    provider.shutdown()
