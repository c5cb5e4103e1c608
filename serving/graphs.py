"""The graph of a request: one for each number of paths, all on the same engines."""

from collections import OrderedDict
from collections.abc import Callable

from peerleap.engine import Engine, each_once
from peerleap.graph import CompiledLeapGraph, LeapGraph
from peerleap.serving.errors import RequestError

_MOST = 32

Build = Callable[[int | None, str], CompiledLeapGraph]
"""Makes the graph of so many paths (`None`: as many as the team has) for a question; without a checkpointer."""


class Graphs:
    """Graphs by number of paths; the least used are forgotten."""

    def __init__(self, build: Build, *, paths: int | None = 4, choose: Callable[[str], str] = lambda _: "") -> None:
        """Keep what makes a graph.

        Args:
            build: called with a number of paths and what `choose` has chosen.
            paths: of a request that names none; `None` where a team says how many.
            choose: names, for a question, which of several models answers; the same name, the same graph.
        """
        self._build, self._choose = build, choose
        self.paths = paths
        self._made: OrderedDict[tuple[int | None, str], CompiledLeapGraph] = OrderedDict()

    def graph(self, paths: int | None = None, question: str = "") -> CompiledLeapGraph:
        """The graph for a request.

        Args:
            paths: number of paths; `None` for the server's own number.
            question: the last message.

        Raises:
            RequestError: 400, the number is not usable, or a team says how many.
        """
        if paths is not None and self.paths is None:
            raise RequestError(400, f"paths={paths!r}: this server's team says how many paths", param="leap.paths")
        key = (paths or self.paths, self._choose(question))
        if key not in self._made:
            try:
                self._made[key] = self._build(*key)
            except ValueError as error:
                raise RequestError(400, str(error), param="leap.paths") from error
            while len(self._made) > _MOST:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return self._made[key]


def engines_of(graph: CompiledLeapGraph) -> list[Engine]:
    """The engines that run a graph's paths, each once."""
    assert isinstance(graph.builder, LeapGraph)
    return each_once(graph.builder.run.engines.values())


def paths_of(graph: CompiledLeapGraph) -> int:
    """How many paths a graph has."""
    assert isinstance(graph.builder, LeapGraph)
    return len(graph.builder.run.team)
