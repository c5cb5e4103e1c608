"""LeaP as a tool of an agent: here a small LangGraph graph that asks the team and checks what came back."""

from langchain_core.messages import HumanMessage
from langgraph.graph import END, START, MessagesState, StateGraph

from peerleap.graph import build_graph, leap_tool

ask_peers = leap_tool(build_graph(paths=4).compile(), context={"rounds": 1})


def think(state: MessagesState) -> MessagesState:
    """Give the person's question to the team; a real agent's model would decide when to."""
    question = state["messages"][-1].text
    return {"messages": [HumanMessage(f"The team says: {ask_peers.invoke({'question': question})}")]}


agent = StateGraph(MessagesState)
agent.add_node("think", think)
agent.add_edge(START, "think")
agent.add_edge("think", END)

out = agent.compile().invoke({"messages": [HumanMessage("What is 12 + 30?")]})
print(out["messages"][-1].text)
