"""A team of two kinds: solvers, and a coder that checks by running Python in a sandbox."""

from peerleap.agents import Peer
from peerleap.graph import build_graph
from peerleap.tools import python

team = [
    Peer(name="solver", count=3),
    Peer(name="coder", instructions="Check every step with a short program.", tools=[python()]),
]
graph = build_graph(peers=team).compile()
out = graph.invoke({"question": "What is 17 * 23 + 9?"}, context={"router": "evidence"})

print("answer:", out["answer"])
for name, path in out["paths"].items():
    print(f"{name} ({path['peer']}): {path['answer']}")
