"""Store a run, read it back, and replay its tail with another router."""

from langchain_core.runnables import RunnableConfig

from peerleap.graph import build_graph, compare, fork, open_checkpointer, read_run

with open_checkpointer() as checkpointer:
    graph = build_graph(paths=4).compile(checkpointer=checkpointer)
    config: RunnableConfig = {"configurable": {"thread_id": "odd-numbers"}}
    checkpointer.delete_thread("odd-numbers")  # so that this script can be run again
    graph.invoke({"question": "What is the sum of the first 10 odd numbers?"}, config)

    run = read_run(graph, config)
    print(f"{run['question']} -> {run['answer']}, {run['round']} LeaP blocks")

    if run["rounds"]:
        # From the first block on, with other peers to read; all tokens before it are served by the prefix cache.
        forked = fork(graph, config, round=0, settings={"router": "random"})
        graph.invoke(None, forked)
        print(compare(run, read_run(graph, forked)))
