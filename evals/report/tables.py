"""What an eval or a comparison came to, as rows of a table and as Markdown."""

from collections import Counter
from collections.abc import Sequence

from peerleap.evals.records import Header
from peerleap.evals.report.cautions import cautions, forced_share, short_budgets
from peerleap.evals.report.comparison import Comparison
from peerleap.evals.report.paper import paper_differences, paper_number
from peerleap.evals.report.results import Results
from peerleap.evals.stats import Estimate, clustered

METHOD_HEAD = ("method", "questions x runs x paths", "Pass@1, %", "Cons@N, %", "Conf@N, %", "Shortest@N, %",
               "Any@N (a perfect verifier), %", "Verified@N, %", "paper, %", "paper not shown because",
               "Pass@1: SE, bootstrap", "Cons@N: SE, bootstrap",
               "own tokens", "summary tokens", "probe tokens", "inserted tokens", "prefill tokens", "cached tokens",
               "computed tokens", "FLOPs of the weights", "FLOPs of attention",
               "wall-clock", "had to be asked", "ended early", "no answer", "aha words a path", "tool calls",
               "failed paths")  # fmt: skip
COMPARISON_HEAD = ("", "new - old", "metric", "at", "new", "old", "tokens new/old", "McNemar",
                   "SE, bootstrap", "result")  # fmt: skip


def method_rows(results: Sequence[Results]) -> list[tuple[str, ...]]:
    """A row for each file: values in percent with 95 % intervals over questions, tokens, wall-clock."""
    return [_method_row(result) for result in results]


def shown_columns(rows: Sequence[Sequence[str]]) -> list[int]:
    """The columns that say anything."""
    return [column for column in range(len(METHOD_HEAD)) if any(row[column] != "-" for row in rows)]


def comparison_rows(comparisons: Sequence[Comparison]) -> list[tuple[str, ...]]:
    """A row for each comparison, the primary one first."""
    return [_comparison_row(comparison) for comparison in comparisons]


def verdict(comparisons: Sequence[Comparison]) -> str:
    """What the primary comparison says, in a sentence."""
    first = next(c for c in comparisons if c.primary)
    others = len(comparisons) - 1
    note = f"; {first.note}" if first.note else ""
    declared = f"{first.metric} at {first.cost}, by {first.test}"
    return f"primary: {declared}: {first.sentence}{note}; the other {others} rows are exploratory"


def markdown(
    title: str, results: Sequence[Results], comparisons: Sequence[Comparison], headers: Sequence[Header]
) -> str:
    """The whole report; `headers` are the files' first lines."""
    parts = [f"# {title}\n"]
    if comparisons:
        parts.append(f"{verdict(comparisons)[0].upper()}{verdict(comparisons)[1:]}.\n")
    parts += [f"{caution}.\n" for caution in (cautions if comparisons else short_budgets)(results)]
    rows = method_rows(results)
    shown = shown_columns(rows)
    parts.append(table([METHOD_HEAD[column] for column in shown], [[row[column] for column in shown] for row in rows]))
    if METHOD_HEAD.index("paper, %") in shown:
        parts.append("Paper: arXiv 2505.07787, the table in brackets; shown where model, data and setting match.\n")
    if comparisons:
        parts.append("## Comparisons\n")
        parts.append(
            "New minus old over the same questions, points with 95 % intervals (by t, and from resampling "
            "questions); p from sign flips of questions; McNemar on the vote of all runs of a question together. Equal "
            "tokens and equal wall-clock keep the first independent paths that the other method's cost pays for.\n"
        )
        parts.append(table(COMPARISON_HEAD, comparison_rows(comparisons)))
    parts.append("## How it was run\n")
    for result, header in zip(results, headers, strict=True):
        machine = ", ".join(f"{key} {value}" for key, value in {**header.versions, **header.hardware}.items())
        settings = ", ".join(f"{key}={value}" for key, value in result.config.get("settings", {}).items()) or "defaults"
        done = "" if result.complete else " (not finished)"
        parts.append(
            f"- {result.name}{done}: model {_model(result)}, data {str(result.config['data'])[:12]}, "
            f"seeds {result.runs}, {settings}; configuration {result.config_hash[:12]}; {machine}\n"
        )
    return "\n".join(parts)


def _model(result: Results) -> str:
    """Name of the model, the beginning of its hash, and how the engine was started."""
    model_hash, arguments = result.config.get("model_hash"), result.config.get("engine_args") or {}
    started = "".join(f", {key}={value!r}" for key, value in arguments.items())
    return f"{result.config['model']}{f' ({model_hash[:12]})' if model_hash else ''}{started}"


def percent(estimate: Estimate) -> str:
    """A share in percent with its interval."""
    if estimate.low != estimate.low:
        return f"{100 * estimate.value:.1f}"
    return f"{100 * estimate.value:.1f} [{max(0.0, 100 * estimate.low):.1f}, {min(100.0, 100 * estimate.high):.1f}]"


def _method_row(result: Results) -> tuple[str, ...]:
    tokens = result.tokens
    weighted = result.config["method"] == "deepconf"
    paper = [(name, paper_number(result.config, name)) for name in ("pass@1", "cons@n", "shortest@n")]
    published = ", ".join(f"{name} {number.value:.2f} (table {number.table})" for name, number in paper if number)
    failed = sum(path.outcome == "failed" for paths in result.paths.values() for path in paths)
    return (
        result.name,
        f"{len(result.questions)} x {len(result.runs)} x {_widths(result)}",
        percent(result.estimate("pass@1")),
        percent(result.estimate("cons@n")),
        percent(result.estimate("conf@n")) if weighted else "-",
        percent(result.estimate("shortest@n")),
        percent(result.estimate("any@n")),
        percent(result.estimate("verified@n")) if any(path.meta.get("checked") for path in result.voters) else "-",
        published or "-",
        "; ".join(paper_differences(result.config)) or "-",
        _spread(result, "pass@1"),
        _spread(result, "cons@n"),
        f"{tokens.own:,}",
        f"{tokens.summary:,}",
        f"{tokens.probe:,}" if tokens.probe else "-",
        *(f"{count:,}" for count in (tokens.inserted, tokens.prefill, tokens.cached)),
        f"{tokens.computed:,}",
        *([f"{part:.3g}" for part in result.flops] if result.flops else ["-", "-"]),
        f"{result.seconds:,.0f} s",
        f"{forced_share(result):.1%}",
        _early_ends(result),
        f"{result.estimate('no_answer').value:.1%}",
        _aha(result),
        _tool_calls(result),
        str(failed),
    )


def _spread(result: Results, metric: str) -> str:
    """The standard error over questions beside the bootstrap interval, in points; `-` where the questions are alike."""
    values = result.by_question(metric).values()
    if len(set(values)) < 2:
        return "-"
    drawn = result.resampled(metric)
    return f"{100 * clustered(list(values)).se:.1f}, [{100 * drawn.low:.1f}, {100 * drawn.high:.1f}]"


def _early_ends(result: Results) -> str:
    """Of how many questions the run or the talk ended early (`talk`), by why."""
    found = Counter(paths[0].meta.get("stopped") for paths in result.paths.values())
    shares = [f"{why} {count / len(result.paths):.1%}" for why, count in sorted(found.items(), key=str) if why]
    return ", ".join(shares) or "-"


def _widths(result: Results) -> str:
    """Paths that vote on a question; from the fewest to the most, where a budget decides."""
    widths = [len(result.voting(key)) for key in result.paths]
    return f"{min(widths)}" if min(widths) == max(widths) else f"{min(widths)}-{max(widths)}"


def _aha(result: Results) -> str:
    """Words of doubt by each list, of the paths that vote."""
    counts = [path.aha for path in result.voters if path.aha]
    lists = dict.fromkeys(name for count in counts for name in count)
    return ", ".join(f"{name} {sum(c.get(name, 0) for c in counts) / len(counts):.2f}" for name in lists) or "-"


def _tool_calls(result: Results) -> str:
    """Calls a path, where there are tools, and the share of them that failed."""
    if not any(peer.get("tools") for peer in result.config.get("peers") or ()):
        return "-"
    paths = [path for of in result.paths.values() for path in of]
    used = [path.meta.get("tools", {"calls": 0, "failed": 0}) for path in paths]
    calls, failed = sum(use["calls"] for use in used), sum(use["failed"] for use in used)
    return f"{calls / len(paths):.2f} a path, {failed / max(1, calls):.0%} failed"


def _comparison_row(c: Comparison) -> tuple[str, ...]:
    return (
        "primary" if c.primary else "exploratory",
        f"{c.new} - {c.old}",
        c.metric,
        c.at,
        f"{100 * c.new_value:.1f}",
        f"{100 * c.old_value:.1f}",
        f"{c.new_tokens:,} / {c.old_tokens:,}",
        c.won_lost,
        c.spread,
        c.sentence,
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
