"""Ask one question, and watch the paths think and learn from each other."""

from peerleap.graph import build_graph

graph = build_graph(paths=4).compile()
question = {"question": "What is the sum of the first 10 odd numbers?"}

for event in graph.stream(question, stream_mode="custom"):
    if event["type"] == "summary":
        print(f"{event['path']} sums up: {event['text']}")
    elif event["type"] == "route":
        print(f"block {event['round'] + 1}: who reads whom: {event['sources']}")
    elif event["type"] == "path_end":
        print(f"{event['path']} is {event['status']} with the answer {event['answer']}")
    elif event["type"] == "vote":
        print(f"answer: {event['answer']}, votes: {event['votes']}")
