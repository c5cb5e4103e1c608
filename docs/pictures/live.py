"""Draw the live view of one run as SVG pictures, at its last LeaP block and at its end.

python docs/pictures/live.py                          # a scripted run: the pictures of docs/cli.md
python docs/pictures/live.py --model MODEL "..." --name own    # a model's own run, as own-block-80.svg, ...
python docs/pictures/live.py --model MODEL "..." --block 2 --words "I take"    # when all have written that behind it
python docs/pictures/live.py --watch                  # the same in this terminal, as it happens
"""

import argparse
import asyncio
import os
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.terminal_theme import MONOKAI

from peerleap.cli.display.live import LiveView
from peerleap.engine import Completion, ScriptedEngine
from peerleap.graph import build_graph

HERE = Path(__file__).parent
QUESTION = "How many primes are below 100?"
# What each path thinks before and after the first LeaP block, and how it sums up.
SCRIPT = {
    "solver_1": (
        "Counting by tens: 4, 4, 2, 2, 3, 2, 2, 3, 2 and then 91 and 97 for the nineties. That makes 26: \\boxed{26}",
        "My list has 26 primes below 100: I counted 91 as a prime in the last ten.\nThe answer is \\boxed{26}.",
        "solver_3 says that 91 = 7 * 13, so it is no prime. Without it I have 25. \\boxed{25}",
    ),
    "solver_2": (
        "I sieve: cross out the multiples of 2, 3 and 5 first. Of the 99 numbers from 2 to 100 that leaves 24 and then",
        "I sieve the numbers up to 100; 2, 3 and 5 are done, 7 is not.\nI have no answer yet.",
        "The multiples of 7 that are left are 49, 77 and 91. What stays are 25 numbers. \\boxed{25}",
    ),
    "solver_3": (
        "The primes: 2 3 5 7 11 13 17 19 23 29 31 37 41 43 47 53 59 61 67 71 73 79 83 89 97. That is 25: \\boxed{25}",
        "I have listed them one by one: 25; note that 91 = 7 * 13 is not one of them.\nThe answer is \\boxed{25}.",
        "One peer counts 91, but 7 divides it. I stay with my list of 25. \\boxed{25}",
    ),
    "solver_4": (
        "The prime number theorem gives 100 / ln 100, which is about 21.7, so I would guess that it is \\boxed{22}",
        "The estimate 100 / ln 100 is about 22, but it is only an estimate.\nMy answer is \\boxed{22}.",
        "An estimate is no count: two peers have counted, and solver_3's list has 25. \\boxed{25}",
    ),
}


class Actors(ScriptedEngine):
    """Each path plays its part of `SCRIPT`, a word at a time."""

    def __init__(self, words_per_second: float) -> None:
        super().__init__(lambda _prompt, _params: self._line, context_length=32_768)
        self._pause, self._line = 1 / words_per_second, ""

    async def generate(self, token_ids: Any, params: Any, *, session: Any = None, on_text: Any = None) -> Completion:
        """Answer by the path's name in `session` and by whether it has written its summary."""
        first, summary, second = SCRIPT[next(name for name in SCRIPT if name in str(session))]
        read = summary.partition("\n")[0] in self.tokenizer.decode(token_ids)
        self._line = f"{summary}</summarize>" if "</summarize>" in params.stop else second if read else first
        done = await super().generate(token_ids, params, session=session)
        for word in done.text.split(" ") if on_text else ():
            on_text(f"{word} ")
            await asyncio.sleep(self._pause)
        return done


def draw(view: LiveView, width: int, name: str) -> None:
    """Write the view as it is now."""
    console = Console(file=StringIO(), record=True, width=width, height=30, force_terminal=True)
    view.console = console
    console.print(view.draw())
    target = HERE / f"{name}-{width}.svg"
    target.write_text(console.export_svg(title="peerleap ask", theme=MONOKAI), encoding="utf-8")


async def run(graph: Any, options: argparse.Namespace, settings: dict[str, Any]) -> None:
    """Feed a run's events to the view, and draw it when a block is closed and at the end."""
    question, watch = options.question, options.watch
    view = LiveView(Console(file=None if watch else StringIO()), question)
    if watch:
        view.__enter__()
    done = False
    async for event in graph.astream({"question": question}, context=settings, stream_mode="custom"):
        view.show(event)
        blocks, lanes = view.board.blocks, view.board.lanes.values()
        here = blocks and options.block in {None, blocks[-1].number}
        if options.words is None:
            drawn = event["type"] == "route" and here
        else:
            written = event["type"] == "tokens" and all(options.words in lane.words[-60:] for lane in lanes)
            drawn = here and written and not done
            done |= bool(drawn)
        for width in () if watch else options.width or [60, 80, 120]:
            if drawn or event["type"] == "vote":
                draw(view, width, f"{options.name}-{'block' if drawn else 'end'}")
    if watch:
        view.__exit__(None, None, None)


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", nargs="?", default=QUESTION)
    parser.add_argument("--model")
    parser.add_argument("--paths", type=int, default=4)
    parser.add_argument("--width", type=int, action="append")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--name", default="live", help="how the files begin")
    parser.add_argument("--block", type=int, help="its number, from 1; the last one, if not given")
    parser.add_argument("--words", help="draw it when every path's last words have this text")
    parser.add_argument("--watch", action="store_true")
    options = parser.parse_args()
    scripted = options.model is None
    engine = Actors(float(os.environ.get("WORDS_PER_SECOND", "6" if options.watch else "30"))) if scripted else None
    settings = (
        {"interval": 90, "cut": "exact", "rounds": 1, "top_k": 3, "max_tokens": 2000, "task": "math"}
        if scripted
        else {"seed": options.seed}
    )
    graph = build_graph(options.model, paths=options.paths, engine=engine).compile()
    asyncio.run(run(graph, options, settings))


if __name__ == "__main__":
    main()
