"""What a person sees of a study."""

from math import isnan
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
    if isnan(estimate.low):  # of a single question
        return f"{100 * estimate.value:{sign}.0f} [?]"
    return f"{100 * estimate.value:{sign}.0f} [{100 * estimate.low:{sign}.0f}, {100 * estimate.high:{sign}.0f}]"


def show_listening(found: Any, verdict: str, out: Console) -> None:
    """The arms, the differences between them, take-up and discrimination, and the verdict."""
    from peerleap.evals.studies import DIFFERENCES

    ended = f", and {found.ended} that had ended before it" if found.ended else ""
    title = Text(f"{plain(found.model)}: {found.paths} half-done paths of {found.questions} questions{ended}")
    arms = _table("arm", "paths", "right, %", "took answer, %", "boxed, %", "imitates, %", title=title)
    for row in found.arms:
        arms.add_row(row.arm, str(row.paths), *map(percent, (row.right, row.took, row.boxed, row.imitates)))
    effects = _table("effect of", "arms", "points of right paths")
    for name, estimate in found.differences.items():
        effects.add_row(name, " - ".join(DIFFERENCES[name]), percent(estimate, signed=True))
    for peers, up in (("one peer's", found.take_up), ("all peers'", found.of_several)):
        if up is not None:
            effects.add_section()
            effects.add_row(f"take-up of {peers} right answer, %", "", percent(up.right))
            effects.add_row(f"take-up of {peers} wrong answer, %", "", percent(up.wrong))
            effects.add_row("discrimination", "", percent(up.discrimination, signed=True), style="bold")
    out.print(arms)
    out.print(effects)
    out.print(Text(plain(f"{verdict[0].upper()}{verdict[1:]}.")), style="bold", soft_wrap=True)


def show_beginnings(found: Any, verdict: str, out: Console) -> None:
    """Pass@1 behind each beginning, by independent paths and by LeaP; the gaps to none; the verdict."""
    done = "" if found.questions == found.wanted else f" (of {found.wanted})"
    title = (
        f"{plain(found.model)}: {found.questions}{done} questions, {found.paths} continuations each; a beginning has "
        f"{found.tokens} tokens, {100 * found.fraction:.0f} % of the average response"
    )
    table = _table("beginning", "independent, %", "LeaP, %", "LeaP - independent", title=Text(title))
    gaps = _table("gap to none", "independent", "LeaP", "LeaP - independent")
    for row in found.rows:
        table.add_row(row.arm, *(percent(row.pass_at_1[by]) for by in ("independent", "leap")), _points(row.leap))
        if row.gaps:
            gaps.add_row(row.arm, *(_points(row.gaps[by]) for by in ("independent", "leap")), _points(row.narrowed))
    out.print(table)
    out.print(gaps)
    out.print(Text(plain(f"{verdict[0].upper()}{verdict[1:]}.")), style="bold", soft_wrap=True)


def _points(one: Any) -> str:
    """A paired difference in points, with its interval, and the p of sign flips in a line of its own."""
    return f"{percent(one, signed=True)}\np {one.p:.2g}"


def _table(*heads: str, title: Text | None = None) -> Table:
    return Table(*heads, title=title, title_justify="left")
