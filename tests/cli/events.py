"""Events of a run, as the custom stream carries them, for the tests of what a person sees."""

from typing import Any

RUN: dict[str, Any] = {
    "type": "run",
    "paths": ["solver_1", "solver_2"],
    "settings": {"max_tokens": 2000, "task": "math"},
}


def tokens(text: str, kind: str = "thought", path: str = "solver_1") -> dict[str, Any]:
    return {"type": "tokens", "path": path, "round": 0, "kind": kind, "text": text}


def segment(kind: str, count: int, text: str = "", path: str = "solver_1", round_: int = 0) -> dict[str, Any]:
    return {"type": "segment", "path": path, "round": round_, "kind": kind, "text": text, "tokens": count}


def summary(text: str, path: str = "solver_1", round_: int = 0) -> dict[str, Any]:
    return {"type": "summary", "path": path, "round": round_, "text": text, "tokens": 5}


def route(round_: int = 0, **sources: list[str]) -> dict[str, Any]:
    return {"type": "route", "round": round_, "sources": sources}


def end(answer: str | None, path: str = "solver_1", status: str = "finished") -> dict[str, Any]:
    return {"type": "path_end", "path": path, "status": status, "answer": answer, "tokens": 30}


def vote(**votes: int) -> dict[str, Any]:
    return {"type": "vote", "answer": next(iter(votes), None), "votes": votes}


SUMMARY = summary("It is\n\nfour.")
EVIDENCE = [{"tool": "python", "calls": 1, "digest": "0", "output": "x = 4"}]
ROUTE = route(solver_1=["solver_2"], solver_2=[])
END = end("[bold]4")
VOTE = {"type": "vote", "answer": "4", "votes": {"4": 2}}
# Escape, C1's CSI, OSC 52 (writes the clipboard), a bell, and a mark that turns the reading direction.
HOSTILE = "\x1b[2J\x9b2J\x1b]52;c;aGk=\x07 \u202edone\u2066"


def steers_a_terminal(text: str) -> bool:
    """Whether there is a character in the text that a terminal obeys, other than a line break."""
    return any(not char.isprintable() and char not in "\n\t" for char in text)
