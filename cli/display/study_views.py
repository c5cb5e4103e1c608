"""What a person sees of a study."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from peerleap.cli.display.plain import plain


def percent(estimate: Any, *, signed: bool = False) -> str:
    """A share with its interval, in percent; `-` where there is none."""
    if estimate is None:
        return "-"
    sign = "+" if signed else ""
    return f"{100 * estimate.value:{sign}.0f} [{100 * estimate.low:{sign}.0f}, {100 * estimate.high:{sign}.0f}]"


def show_listening(found: Any, verdict: str, out: Console) -> None:
    """The arms, the differences between them, take-up and discrimination, and the verdict."""
    from peerleap.evals.studies import DIFFERENCES

    ended = f", and {found.ended} that had ended before it" if found.ended else ""
    arms = _table("arm", "paths", "right, %", "took answer, %", "boxed, %", "imitates, %")
    for row in found.arms:
        arms.add_row(row.arm, str(row.paths), *map(percent, (row.right, row.took, row.boxed, row.imitates)))
    arms.title = Text(f"{plain(found.model)}: {found.paths} half-done paths of {found.questions} questions{ended}")
    effects = _table("effect of", "arms", "points of right paths")
    for name, estimate in found.differences.items():
        effects.add_row(name, " - ".join(DIFFERENCES[name]), percent(estimate, signed=True))
    effects.add_section()
    effects.add_row("take-up of a right answer, %", "", percent(found.take_up.right))
    effects.add_row("take-up of a wrong answer, %", "", percent(found.take_up.wrong))
    effects.add_row("discrimination", "", percent(found.take_up.discrimination, signed=True), style="bold")
    out.print(arms)
    out.print(effects)
    out.print(Text(plain(f"{verdict[0].upper()}{verdict[1:]}.")), style="bold", soft_wrap=True)


def _table(*heads: str) -> Table:
    return Table(*heads, title_justify="left")
