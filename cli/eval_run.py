"""An eval, from its team and its checked plan to its printed results."""

import shlex
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from peerleap.cli.display import one_line
from peerleap.cli.interrupt import run_until_interrupted
from peerleap.cli.listening_notes import listening_note

if TYPE_CHECKING:
    from peerleap.agents import Peer


def run_plan(
    plan: Any,
    model: str | None,
    arguments: dict[str, Any],
    target: Path,
    report: Path | None,
    matched: Any,
    *,
    server: str | None = None,
    quiet: bool = False,
) -> int:
    """Run what is not done yet, show the results and write the report.

    Args:
        plan: the eval.
        model: hub id or folder, or `None` for the default.
        arguments: engine arguments.
        target: the results file.
        report: a report in Markdown, or `None`.
        matched: results whose cost is the budget, or `None`.
        server: base URLs of the servers that run the model, or `None`.
        quiet: show no progress.

    Returns:
        How many questions have failed twice.
    """
    from peerleap.cli.display import show_methods, write_whole
    from peerleap.evals import Results, markdown, read_records
    from peerleap.evals.report import short_budgets

    failed = run_to_file(plan, model, arguments, target, matched, server=server, quiet=quiet)
    results = Results.read(target)
    show_methods([results], Console())
    for warning in short_budgets([results]):
        say(warning, quiet=quiet)
    if report is not None:
        text = markdown(f"{plan.task}: {results.name}", [results], [], [read_records(target, texts=False)[0]])
        write_whole(text, report)
    return failed


def run_to_file(
    plan: Any,
    model: str | None,
    arguments: dict[str, Any],
    target: Path,
    matched: Any = None,
    *,
    server: str | None = None,
    quiet: bool = False,
) -> int:
    """Run what is not in the results file yet; arguments and result as in `run_plan`."""
    from peerleap.engine import get_engine
    from peerleap.evals import Grader
    from peerleap.evals.report import check_same

    with Grader(plan.grader) as grader:
        check_questions(plan, grader)
        engine = get_engine(model, server=server, **arguments)
        head = checked_header(plan, engine, arguments, partial(say, quiet=quiet))
        if matched is not None:
            # Ids alone say little: two files may call their questions 1, 2, 3.
            check_same(matched, head.config, "this eval", ("data", "model", "model_hash"))
        talks = plan.method in {"leap", "leap_s"} and plan.config.team is None and not (server or quiet)
        note = listening_note(model) if talks else None
        failed = fill(plan, engine, head, target, grader, matched=matched, note=note, quiet=quiet)
    if failed:
        say(f"{failed} questions failed twice; they are recorded as wrong", quiet=quiet)
    return failed


def check_questions(plan: Any, grader: Any) -> None:
    """Refuse questions that cannot be graded.

    Raises:
        DataError: a gold answer would not be graded right itself.
        MissingExtra: a package is not installed.
    """
    from peerleap.evals.data import check_golds

    grader.require({problem.kind for problem in plan.problems})
    if plan.grader == "peerleap":
        check_golds(plan.problems, grader)


def checked_header(plan: Any, engine: Any, arguments: dict[str, Any], notice: Callable[[str], None]) -> Any:
    """The header of an eval's results, once its longest questions are known to fit the context.

    Args:
        plan: the eval.
        engine: would run it.
        arguments: engine arguments.
        notice: told where LeaP blocks would be taken off the budget.

    Raises:
        SettingsError, InputError: they do not.
        EngineError, ModelError: the engine could not start.
    """
    from peerleap.evals import check_fits, header

    if note := check_fits(plan, engine):
        notice(note)
    return header(plan, engine, arguments)


def fill(
    plan: Any,
    engine: Any,
    head: Any,
    target: Path,
    grader: Any,
    *,
    matched: Any = None,
    note: str | None = None,
    timed: bool = True,
    quiet: bool = False,
) -> int:
    """Run what a results file does not have yet, with progress; Ctrl-C says how to go on.

    Args:
        plan: the eval, checked.
        engine: runs it.
        head: its file's header.
        target: the results file.
        grader: open.
        matched: results whose cost is the budget, or `None`.
        note: a line to show before it begins.
        timed: whether its speed is that of an eval: estimated from the last one, and noted for the next.
        quiet: show no progress.

    Returns:
        How many questions have failed twice.
    """
    from peerleap.cli.display import progress_view
    from peerleap.evals import Records, Results, forecast, remember, run_eval

    notice = partial(say, quiet=quiet)
    with Records.open(target, head) as records:
        wanted, done = len(plan.problems) * plan.runs, len(records.done)
        left = wanted - min(done, wanted)
        estimate = forecast(plan, head, left, matched) if timed else f"{left} of {wanted} questions to ask"
        notice(f"{estimate}; results go into {target}")
        if note:
            notice(note)
        if done:
            notice(f"continuing: {min(done, wanted)} of {wanted} are done")
        try:
            with progress_view(Console(stderr=True, quiet=quiet), wanted, min(done, wanted)) as (events, tokens):
                failed = run_until_interrupted(
                    run_eval(plan, engine, records, grader, on_progress=events, on_tokens=tokens), notice
                )
        except KeyboardInterrupt:
            again = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
            notice(f"nothing is lost; to continue: {again}")
            raise
    if timed:
        remember(Results.read(target))
    return failed


def say(text: str, *, quiet: bool = False) -> None:
    """One line on the error output."""
    Console(stderr=True, quiet=quiet).print(Text(one_line(text)), soft_wrap=True)


def team_from(team: str | None, tools: list[str] | None, paths: int | None) -> "tuple[Peer, ...] | None":
    """The peers of `--team`, or the paths of one kind that `--tools` names tools for; `None` without either.

    Raises:
        ValueError: both, a team with `--paths`, an unknown tool, or tools that this machine cannot run.
    """
    if team is None and not tools:
        return None
    from peerleap.agents import TOOLS, Peer, ToolFileError, load_team, make_tool

    names = [name for text in tools or [] for name in text.replace(" ", "").split(",")]
    if team is not None and (names or paths is not None):
        raise ValueError(f"--team {team!r}: the team names its paths and tools; leave out --paths and --tools")
    if unknown := [name for name in names if name not in TOOLS]:
        raise ValueError(f"--tools {unknown[0]!r}: none of {', '.join(sorted(TOOLS))}")
    try:
        made = [make_tool(name, {}) for name in dict.fromkeys(names)]
    except ToolFileError as error:
        raise ValueError(f"--tools{error}") from error
    peers = load_team(team) if team is not None else [Peer(name="solver", count=paths or 4, tools=made)]
    if any(tool.name == "python" for peer in peers for tool in peer.tools):
        _check_walls()
    return tuple(peers)


def _check_walls() -> None:
    """Refuse a team whose tool would refuse every call on this machine."""
    from peerleap.tools.sandbox import SandboxUnavailable, choose, probe

    try:
        choose(probe(), 2, allow_unsandboxed=False)
    except SandboxUnavailable as error:
        raise ValueError(f"the tool 'python': {error}") from error


def with_engines(peers: Any, model: str | None, arguments: dict[str, Any], server: str | None = None) -> Any:
    """The team, with engines of their own for the peers that ask for another model."""
    from peerleap.engine import get_engine
    from peerleap.evals import Team

    other = [peer for peer in peers if peer.model or peer.engine_args]
    engines = {
        peer.name: get_engine(peer.model or model, server=server, **{**arguments, **peer.engine_args}) for peer in other
    }
    return Team(peers, engines)


def budgets(matched: Any, questions: list[str], runs: int, seed: int, unit: str) -> dict[tuple[str, int], float]:
    """What `matched` spent, in tokens or seconds, by question and run.

    Raises:
        ValueError: a question of a run is not in it.
    """
    found: dict[tuple[str, int], float] = {}
    for run in range(seed, seed + runs):
        for question in questions:
            if (question, run) not in matched.paths:
                raise ValueError(
                    f"--match-{unit} {str(matched.file)!r}: question {question!r} of run {run} is not in it; "
                    f"finish that eval first, or ask for its runs {matched.runs}"
                )
            spent = matched.generated if unit == "tokens" else matched.lasted
            found[question, run] = spent((question, run))
    return found
