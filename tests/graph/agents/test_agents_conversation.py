"""A conversation that a supervisor or a swarm hands over: what reaches the models, and what comes back."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage
from langgraph.checkpoint.memory import InMemorySaver

from peerleap.graph import InputError, Settings

agents = pytest.importorskip("langchain.agents", reason="pip install langchain")

CONFIG: Any = {"configurable": {"thread_id": "1"}}
HANDOVER: Any = [("transfer_to_leap", {})]
TALK: list[AnyMessage] = [
    SystemMessage("Use SI units."),
    HumanMessage("What is 4 x 5?"),
    AIMessage("It is 20."),
    HumanMessage("And x 2?"),
    AIMessage("Then it is 40."),
    HumanMessage("And times 3?"),
]
HEARD = ["Use SI units.", "What is 4 x 5?", "It is 20.", "And x 2?", "Then it is 40.", "Question: And times 3?"]
IMAGE: Any = [
    {"type": "text", "text": "What is this?"},
    {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}},
]

Around = Callable[[Any], Any]


def under_supervisor(chat: Any, *others: Any, lines: Any = (), **options: Any) -> Around:
    """Puts a graph under a supervisor that hands every question over, and reports its answer."""
    lines = lines or (HANDOVER, "They say 120.", HANDOVER, "They say 119.")

    def make(graph: Any) -> Any:
        pytest.importorskip("langgraph_supervisor", reason="pip install langgraph-supervisor")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it uses what LangGraph has deprecated
            from langgraph_supervisor import create_supervisor

            made = create_supervisor(
                [*others, graph], model=chat(*lines), prompt="You lead.", context_schema=Settings, **options
            )
        return made.compile(checkpointer=InMemorySaver())

    return make


def in_swarm(chat: Any) -> Around:
    """Puts a graph into a swarm whose host hands the first question over."""

    def make(graph: Any) -> Any:
        swarm = pytest.importorskip("langgraph_swarm", reason="pip install langgraph-swarm")
        host = agents.create_agent(
            chat(HANDOVER), [swarm.create_handoff_tool(agent_name="leap")], system_prompt="You lead.", name="host"
        )
        made = swarm.create_swarm([host, graph], default_active_agent="host", context_schema=Settings)
        return made.compile(checkpointer=InMemorySaver())

    return make


@pytest.fixture(params=["supervisor", "full history", "no handoff messages", "no way back", "swarm"])
def around(request: Any, chat: Any) -> Around:
    options: dict[str, Any] = {
        "supervisor": {},
        "full history": {"output_mode": "full_history"},
        "no handoff messages": {"add_handoff_messages": False},
        "no way back": {"add_handoff_messages": False, "add_handoff_back_messages": False},
    }
    return in_swarm(chat) if request.param == "swarm" else under_supervisor(chat, **options[request.param])


def in_order(prompt: str, parts: list[str]) -> None:
    places = [prompt.index(part) for part in parts]
    assert places == sorted(places), prompt


def answers(out: Any) -> list[str]:
    """What the peers said, without what the supervisor makes them say."""
    return [m.content for m in out["messages"] if m.type == "ai" and m.name == "leap" and not m.tool_calls]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_it_reaches_the_models_turn_after_turn(team: Any, small: Any, around: Around, asynchronous: bool) -> None:
    made = team(lambda call: "\\boxed{119}" if "minus 1" in call.prompt else "\\boxed{120}")
    graph = around(made.graph.compile())

    async def ask(*messages: AnyMessage) -> Any:
        given: Any = {"messages": [*messages]}
        context = {**small, "rounds": 1}
        if asynchronous:
            return await graph.ainvoke(given, CONFIG, context=context)
        return graph.invoke(given, CONFIG, context=context)

    out = await ask(*TALK)
    first = made.engine.calls[0].prompt
    in_order(first, HEARD)
    assert answers(out) == ["120"]
    begun = len(made.engine.calls)
    out = await ask(HumanMessage("And minus 1?"))
    second = made.engine.calls[begun].prompt
    in_order(second, [*HEARD[:-1], "And times 3?", "120", "Question: And minus 1?"])
    assert answers(out) == ["120", "119"]
    for prompt in (first, second):
        assert "transferr" not in prompt.lower(), "the agents' words to each other are no turn"
        assert "You lead." not in prompt
        assert prompt.count("Use SI units.") == 1
    texts = [message.content for message in out["messages"] if message.type in {"system", "human"}]
    assert texts == ["Use SI units.", "What is 4 x 5?", "And x 2?", "And times 3?", "And minus 1?"]


@pytest.mark.parametrize("messages", [True, False])
def test_the_question_stays_the_persons_whoever_spoke_since(
    team: Any, say: Any, small: Any, chat: Any, messages: bool
) -> None:
    """Without messages of its own about the handover, a supervisor leaves another agent's last."""
    made = team(say())
    guesser = agents.create_agent(chat("99 perhaps."), name="guesser")
    graph = under_supervisor(
        chat, guesser, lines=([("transfer_to_guesser", {})], HANDOVER, "They say 4."),
        add_handoff_messages=messages, add_handoff_back_messages=messages,
    )(made.graph.compile())  # fmt: skip
    out = graph.invoke({"messages": TALK}, CONFIG, context=small)
    in_order(made.engine.calls[0].prompt, HEARD)
    assert "99" not in made.engine.calls[0].prompt
    assert answers(out) == ["4"]


def test_a_task_that_a_supervisor_writes_itself(team: Any, say: Any, small: Any, chat: Any) -> None:
    """A handoff tool of one's own may send another conversation than the person's."""
    from langchain_core.tools import tool
    from langgraph.types import Command, Send

    @tool
    def transfer_to_leap(task: str) -> Command[Any]:
        """Give the peers a task."""
        sent = {"messages": [{"role": "user", "content": task}]}
        return Command(goto=[Send("leap", sent)], graph=Command.PARENT)

    transfer_to_leap.metadata = {"__handoff_destination": "leap"}
    made = team(say())
    lines = ([("transfer_to_leap", {"task": "Multiply 40 by 3."})], "They say 4.")
    graph = under_supervisor(chat, lines=lines, tools=[transfer_to_leap])(made.graph.compile())
    assert answers(graph.invoke({"messages": TALK}, CONFIG, context=small)) == ["4"]
    assert "Question: Multiply 40 by 3." in made.engine.calls[0].prompt
    assert "And times 3?" not in made.engine.calls[0].prompt


@pytest.mark.parametrize("place", [0, 1])
def test_an_image_is_refused_by_name(team: Any, say: Any, small: Any, around: Around, place: int) -> None:
    made = team(say())
    graph = around(made.graph.compile())
    messages: list[AnyMessage] = [HumanMessage("Hello"), AIMessage("Hi."), HumanMessage("And this?")]
    messages[2 * place] = HumanMessage(IMAGE)
    with pytest.raises(InputError, match="a part of type 'image_url' cannot be read"):
        graph.invoke({"messages": messages}, CONFIG, context=small)
    assert made.engine.calls == []


def test_over_a_budget_the_oldest_turns_go_with_a_word(
    team: Any, say: Any, small: Any, around: Around, caplog: pytest.LogCaptureFixture
) -> None:
    made = team(say(), context_length=9000)
    graph = around(made.graph.compile())
    turns = [m for n in range(40) for m in (HumanMessage(f"turn {n} " + "x" * 200), AIMessage(f"reply {n}"))]
    given: Any = {"messages": [TALK[0], *turns, TALK[-1]]}
    context = {**small, "max_tokens": 1000}
    parts = graph.stream(given, CONFIG, context=context, stream_mode="custom", subgraphs=True, version="v2")
    (begin,) = [part["data"] for part in parts if part["data"]["type"] == "run"]
    assert begin["dropped_turns"] > 0
    assert "oldest turns" in caplog.text
    in_order(made.engine.calls[0].prompt, ["Use SI units.", "turn 39", "reply 39", "Question: And times 3?"])
    assert "turn 0 " not in made.engine.calls[0].prompt
