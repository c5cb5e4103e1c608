import html
import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerleap.evals import Header, PathRecord, Records, RecordsError, Verdict, read_records
from peerleap.evals.report import COSTS, Comparison, compare, with_distinct_names
from peerleap.evals.report.cautions import cautions, few_runs, short_budgets
from peerleap.evals.report.paper import paper_number
from peerleap.evals.report.results import Results
from peerleap.evals.report.tables import METHOD_HEAD, markdown, method_rows, shown_columns, verdict
from peerleap.evals.stats import Tokens

PAPER_MODEL = "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"


def config(method: str, **fields: Any) -> dict[str, Any]:
    return {"task": "aime2024", "questions": 30, "data": "d", "method": method, "paths": 32, "settings": {},
            "model": PAPER_MODEL, "model_hash": "0123456789abcdef", "grader": "peerleap",
            "seed": 0} | fields  # fmt: skip


def results(
    folder: Path, method: str, right: Sequence[int], *, tokens: int = 100, seconds: float = 1.0, paths: int = 8,
    runs: int = 2, turned: Collection[int] = (), forced: int = 0, **fields: Any,
) -> Results:  # fmt: skip
    """`right[question]` of `paths` paths are right, the last ones; in the runs `turned` the wrong ones are.

    The first `forced` paths had to be asked for their answer.
    """
    file = folder / f"{method}{len(list(folder.iterdir()))}.jsonl"
    with Records.open(file, Header(config(method, **fields), {"python": "3.11.9"})) as records:
        for run in range(runs):
            for question, of in enumerate(right):
                correct = paths - of if run in turned else of
                meta = {"started": 1000.0 * run + question * seconds, "seconds": seconds, "counted": True}
                records.append([
                    PathRecord(f"q{question}", run, method, f"solver_{n}", paths,
                               "forced" if n < forced else "finished",
                               Verdict(n >= paths - correct, "1" if n >= paths - correct else "0", "integer"),
                               Tokens(own=tokens), aha={"laser": n, "reflection": 1}, meta=meta)
                    for n in range(paths)
                ])  # fmt: skip
    return Results.read(file)


def named(comparisons: Sequence[Comparison], cost: str, metric: str = "cons@n") -> Comparison:
    return next(c for c in comparisons if (c.cost, c.metric) == (cost, metric))


def test_a_better_method_is_found_and_one_comparison_is_primary(tmp_path: Path) -> None:
    leap = results(tmp_path, "leap", [7] * 12)
    alone = results(tmp_path, "independent", [3] * 12)
    found = compare([leap, alone])
    assert [c.primary for c in found] == [True] + [False] * (len(found) - 1)
    assert (found[0].metric, found[0].cost, found[0].new) == ("cons@n", "equal tokens", "leap")
    assert verdict(found).startswith(
        "primary: cons@n at equal tokens, by sign-flip: leap is better than independent (+100.0 points"
    )
    assert found[0].votes is not None
    assert (found[0].votes.gained, found[0].votes.lost) == (12, 0)
    assert {c.cost for c in found} == {*COSTS, "first N paths"}


def test_no_difference_is_called_so(tmp_path: Path) -> None:
    leap = results(tmp_path, "leap", [5, 3, 5, 3, 5, 3])
    alone = results(tmp_path, "independent", [3, 5, 3, 5, 4, 4])
    assert "no difference shown" in verdict(compare([leap, alone], "pass@1"))


def test_equal_tokens_keep_the_first_paths_that_the_budget_pays_for(tmp_path: Path) -> None:
    # The right paths come last: four of eight are cut off.
    leap = results(tmp_path, "leap", [4] * 6, tokens=50)
    alone = results(tmp_path, "independent", [4] * 6, tokens=100)
    found = compare([leap, alone])
    equal = named(found, "equal tokens")
    assert (equal.new_tokens, equal.old_tokens, equal.old_value, equal.note) == (4800, 4800, 0.0, "")
    assert named(found, "as run").old_value == 0.5
    assert named(found, "as run").note == "unequal: 0.50 times the tokens"


def test_what_whole_paths_leave_of_a_budget_goes_on_to_the_next_question(tmp_path: Path) -> None:
    leap = results(tmp_path, "leap", [4] * 6, tokens=45)
    alone = results(tmp_path, "independent", [4] * 6, tokens=100)
    equal = named(compare([leap, alone]), "equal tokens")
    # 12 runs of 360: three paths each would spend 3600.
    assert (equal.new_tokens, equal.old_tokens, equal.note) == (4320, 4300, "")
    widths = [len(paths) for _, paths in sorted(alone.within(dict.fromkeys(alone.paths, 360.0)).paths.items())]
    assert widths == [3, 4, 3, 4, 4, 3, 4, 3, 4, 4, 3, 4]


@given(st.data())
def test_a_budget_is_never_exceeded_but_by_first_paths(data: st.DataObject) -> None:
    costs = data.draw(st.lists(st.lists(st.integers(1, 50), min_size=1, max_size=6), min_size=1, max_size=6))
    budgets = {("q", n): data.draw(st.integers(0, 120)) for n in range(len(costs))}
    right = Verdict(correct=True, extracted="1", how="integer")
    paths = {
        ("q", run): [PathRecord("q", run, "m", str(n), len(of), "finished", right, Tokens(own=cost))
                     for n, cost in enumerate(of)]
        for run, of in enumerate(costs)
    }  # fmt: skip
    whole = Results("m", Path("m"), config("independent"), "", paths)
    cut = whole.within(budgets)
    assert all(list(paths[key][: len(kept)]) == list(kept) for key, kept in cut.paths.items())
    assert cut.tokens.generated <= max(sum(budgets.values()), sum(of[0] for of in costs))
    backwards = replace(whole, paths=dict(reversed(paths.items())))
    assert {key: len(kept) for key, kept in backwards.within(budgets).paths.items()} == {
        key: len(kept) for key, kept in cut.paths.items()
    }


def test_what_cannot_be_cut_off_is_said_to_be_unequal(tmp_path: Path) -> None:
    leap = results(tmp_path, "leap", [4] * 6, tokens=200)
    found = compare([leap, results(tmp_path, "independent", [4] * 6)])
    assert found[0].note == "unequal: 2.00 times the tokens"
    assert "unequal" in verdict(found)


def test_equal_wall_clock_cuts_the_slower_one(tmp_path: Path) -> None:
    leap = results(tmp_path, "leap", [4] * 6, seconds=1.0)
    alone = results(tmp_path, "independent", [4] * 6, seconds=2.0)
    assert alone.seconds == 24.0
    equal = named(compare([leap, alone]), "equal wall-clock")
    assert (equal.new_value, equal.old_value) == (0.5, 0.0)
    assert equal.note == ""


def test_unequal_times_are_named(tmp_path: Path) -> None:
    leap = results(tmp_path, "leap", [4] * 6, seconds=0.06)
    revise = results(tmp_path, "revise", [4] * 6, seconds=0.1)
    assert named(compare([leap, revise]), "equal wall-clock").note == "unequal: 1.2 s against 0.72 s"


def test_pooled_runs_vote_together(tmp_path: Path) -> None:
    leap = results(tmp_path, "leap", [5] * 6, runs=3)
    assert {len(paths) for paths in leap.pooled().paths.values()} == {24}
    found = compare([leap, results(tmp_path, "independent", [3] * 6, runs=3)])
    assert named(found, "pooled runs", "cons@n").difference.value == 1.0


def test_deepconf_is_compared_by_its_own_vote_too(tmp_path: Path) -> None:
    sure, alone = results(tmp_path, "deepconf", [5] * 6), results(tmp_path, "independent", [5] * 6)
    found = compare([sure, alone, results(tmp_path, "leap", [5] * 6)])
    assert {c.new for c in found if c.metric == "conf@n"} == {"deepconf"}
    assert {c.cost for c in found if c.metric == "conf@n"} == set(COSTS)
    assert (found[0].metric, found[0].primary) == ("cons@n", True)


def test_mcnemar_is_there_for_several_runs_which_vote_together(tmp_path: Path) -> None:
    # A question's runs may disagree: its mean over them is no vote.
    leap = results(tmp_path, "leap", [8] * 6, runs=4, turned={3})
    found = named(compare([leap, results(tmp_path, "independent", [1] * 6, runs=4)]), "as run", "cons@n")
    assert found.new_value == 0.75
    assert found.won_lost == "+6 -0, p = 0.0312 (runs vote together)"
    assert named(compare([leap, replace(leap)]), "first N paths", "pass@1").votes is None
    one = results(tmp_path, "leap", [8] * 6, runs=1)
    assert named(compare([one, replace(one)]), "as run", "cons@n").won_lost == "+0 -0, p = 1"


def test_fewer_than_four_runs_are_warned_of(tmp_path: Path) -> None:
    four, two = (results(tmp_path, "leap", [8] * 6, runs=runs) for runs in (4, 2))
    assert few_runs([four, four]) is None
    assert few_runs([four, two]) == (
        "2 runs in common: a difference may be one run's luck; run all methods with --runs 4"
    )
    headers = [read_records(r.file)[0] for r in (four, two)]
    assert "2 runs in common" in markdown("t", [four, two], compare([four, two]), headers)


def test_budgets_that_were_too_small_are_warned_of(tmp_path: Path) -> None:
    enough, short = (results(tmp_path, "leap", [8] * 6, forced=forced) for forced in (2, 3))
    assert short_budgets([enough]) == []
    (warning,) = short_budgets([enough, short])
    assert warning.startswith("leap: 38% of the paths had no answer when budget or turn ended")
    assert cautions([enough, short]) == [few_runs([enough, short]), warning]
    headers = [read_records(r.file)[0] for r in (enough, short)]
    for read, compared in (([short], []), ([enough, short], compare([enough, short]))):
        assert f"\n{warning}.\n" in markdown("t", read, compared, headers[: len(read)])


def test_files_of_one_name_get_distinct_names(tmp_path: Path) -> None:
    short, long, unset = (
        results(tmp_path, "leap", [8] * 6, settings={"router": "random", **more})
        for more in ({"max_tokens": 512}, {"max_tokens": 1024, "sampling": {"top_k": 5}}, {})
    )
    other = results(tmp_path, "independent", [8] * 6)
    assert [result.name for result in with_distinct_names([short, other, long, unset])] == [
        "leap (router random, max_tokens 512, sampling top_k by default)",
        "independent",
        "leap (router random, max_tokens 1024, sampling top_k 5)",
        "leap (router random, max_tokens by default, sampling top_k by default)",
    ]
    twice = with_distinct_names([other, results(tmp_path, "independent", [7] * 6)])
    assert [result.name for result in twice] == ["independent (independent3.jsonl)", "independent (independent4.jsonl)"]


def test_files_that_cannot_be_compared_are_refused(tmp_path: Path) -> None:
    one = results(tmp_path, "leap", [1] * 4)
    with pytest.raises(RecordsError, match="needs at least 2"):
        compare([one])
    with pytest.raises(RecordsError, match="data='other'"):
        compare([one, results(tmp_path, "independent", [1] * 4, data="other")])
    with pytest.raises(RecordsError, match=r"model_hash='other', but .* has '0123456789abcdef'"):
        compare([one, results(tmp_path, "independent", [1] * 4, model_hash="other")])
    with pytest.raises(ValueError, match="primary='acc' is not one of pass@1"):
        compare([one, one], "acc")
    with pytest.raises(RecordsError, match="no such file"):
        Results.read(tmp_path / "none.jsonl")


def test_the_papers_number_stands_beside_ours_where_the_setting_matches(tmp_path: Path) -> None:
    number = paper_number(config("leap", settings={"top_k": 4, "preset": "paper"}), "pass@1")
    assert number is not None
    assert (number.value, number.table) == (60.52, 1)
    baseline = paper_number(config("independent"), "pass@1")
    assert baseline is not None
    assert baseline.value == 51.35
    asked = {"temperature": 0.6, "top_p": 0.95, "top_k": 40, "min_p": 0.05}
    assert paper_number(config("leap", settings={"sampling": asked, "preset": "paper"}), "pass@1") == number
    for other in (
        {"paths": 16}, {"model": "m"}, {"task": "gsm8k"}, {"matched": "x"}, {"questions": 2},
        {"grader": "leap-official"},
    ):  # fmt: skip
        assert paper_number(config("leap", settings={"preset": "paper"}, **other), "pass@1") is None
    for setting in (
        {"interval": 512}, {"block_as": "turns"}, {"trigger": "model"}, {"rounds": 2}, {"communicate_at": [4096]},
        {"sampling": {"top_p": 1.0}}, {"sampling": {"top_k": 20}}, {"sampling": {"temperature": 1.0}},
        {"sampling": {"min_p": 0.1}},
    ):  # fmt: skip
        assert paper_number(config("leap", settings={"preset": "paper", **setting}), "pass@1") is None, setting


def test_the_report_says_what_was_run(tmp_path: Path) -> None:
    both = [results(tmp_path, "leap", [7] * 6, engine_args={"max_model_len": 4096}, settings={"preset": "paper"}),
            results(tmp_path, "independent", [3] * 6)]  # fmt: skip
    text = markdown("AIME", both, compare(both), [read_records(r.file)[0] for r in both])
    assert text.startswith("# AIME\n\nPrimary: cons@n at equal tokens, by sign-flip: leap (paper) is better")
    assert "pass@1 60.52 (table 1)" in text
    assert "(not finished)" in text
    assert f"model {PAPER_MODEL} (0123456789ab), max_model_len=4096, data d, seeds [0, 1], preset=paper" in text
    assert text.count("exploratory") > 5


def described(picture: Path) -> list[dict[str, Any]]:
    """What the file of a picture says about itself."""
    if picture.suffix == ".svg":
        text = html.unescape(picture.read_text())
        found = text[text.index("<dc:description>") + len("<dc:description>") : text.index("</dc:description>")]
    else:
        found = pytest.importorskip("PIL.Image").open(picture).text["Description"]
    return list(json.loads(found))


@pytest.mark.parametrize("ending", ["png", "svg"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_plot_is_drawn(ending: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from peerleap.evals.report.plots import check_plot, plot

    both = [results(tmp_path, "leap", [7] * 6), results(tmp_path, "independent", [3] * 6)]
    target = tmp_path / f"p.{ending}"
    check_plot(target)
    plot(both, target)
    assert target.stat().st_size > 5000
    kept = [{key: line[key] for key in ("method", "data", "model", "model_hash", "seeds", "versions")}
            for line in described(target)]  # fmt: skip
    same = {"data": "d", "model": PAPER_MODEL, "model_hash": "0123456789abcdef", "seeds": [0, 1],
            "versions": {"python": "3.11.9"}}  # fmt: skip
    assert kept == [{"method": "leap", **same}, {"method": "independent", **same}]
    with pytest.raises(ValueError, match=r"ends in \.png or \.svg"):
        check_plot(tmp_path / "p.pdf")


@pytest.mark.parametrize("ending", ["png", "svg"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_routers_are_drawn_side_by_side(ending: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from peerleap.evals.report.plots import plot_routers

    routers = [results(tmp_path, "leap", [6] * 6, settings={"router": name}) for name in ("random", "hybrid", "random")]
    routers += [results(tmp_path, "leap", [7, 5] * 3), results(tmp_path, "independent", [3] * 6)]
    target = tmp_path / f"p.{ending}"
    plot_routers(routers, target)
    assert target.stat().st_size > 5000
    if ending == "svg":
        text = target.read_text()
        at = [text.index(f"<!-- {name} -->") for name in ("dispersed", "hybrid")]
        assert at == sorted(at)
        assert "<!-- independent, 37.5 -->" in text
    with pytest.raises(ValueError, match="none of the files is of the method 'leap'"):
        plot_routers(routers[-1:], target)


def test_tool_calls_and_missing_answers_are_in_the_table(tmp_path: Path) -> None:
    coders = [{"name": "solver", "count": 8, "tools": ["python"]}]
    read = [results(tmp_path, "leap", [5] * 6, peers=coders, forced=6), results(tmp_path, "independent", [5] * 6)]
    rows = [dict(zip(METHOD_HEAD, row, strict=True)) for row in method_rows(read)]
    assert [row["had to be asked"] for row in rows] == ["75.0%", "0.0%"]
    assert [row["tool calls"] for row in rows] == ["0.00 a path, 0% failed", "-"]
    assert [row["no answer"] for row in rows] == ["0.0%", "0.0%"]
    assert METHOD_HEAD.index("tool calls") not in shown_columns(method_rows(read[1:]))


def test_shortest_votes_and_words_of_doubt_are_in_the_table(tmp_path: Path) -> None:
    read = [results(tmp_path, "independent", [20] * 12, paths=32, runs=1)]
    row = dict(zip(METHOD_HEAD, method_rows(read)[0], strict=True))
    assert row["Shortest@N, %"].startswith("100.0 [")
    assert row["paper, %"].endswith("cons@n 73.33 (table 7), shortest@n 73.33 (table 7)")
    assert row["aha words a path"] == "laser 15.50, reflection 1.00"
    assert "| Shortest@N, % |" in markdown("t", read, [], [read_records(read[0].file)[0]])


def test_standard_errors_and_bootstrap_intervals_are_shown(tmp_path: Path) -> None:
    read = [results(tmp_path, "leap", [8, 4] * 3, runs=1), results(tmp_path, "independent", [2, 4] * 3, runs=1)]
    rows = [dict(zip(METHOD_HEAD, row, strict=True)) for row in method_rows(read)]
    # Means 1 and 1/2 of 6 questions: sd 0.274, se 0.112.
    assert rows[0]["Pass@1: SE, bootstrap"] == "11.2, [58.3, 91.7]"
    assert rows[0]["Pass@1, %"] == "75.0 [46.3, 100.0]"
    text = markdown("t", read, compare(read), [read_records(r.file)[0] for r in read])
    assert "11.2, [58.3, 91.7]" in text
    found = named(compare(read), "first N paths", "pass@1")
    assert found.spread == "16.8, [+12.5, +62.5]"
    assert found.spread in text


def test_questions_that_are_all_right_do_not_make_certain(tmp_path: Path) -> None:
    row = dict(zip(METHOD_HEAD, method_rows([results(tmp_path, "leap", [8] * 12)])[0], strict=True))
    assert row["Pass@1, %"] == row["Cons@N, %"] == "100.0 [75.8, 100.0]"
    assert row["Pass@1: SE, bootstrap"] == "-"


def test_tokens_of_paths_that_do_not_vote_count_too(tmp_path: Path) -> None:
    file = tmp_path / "moa.jsonl"
    right = Verdict(correct=True, extracted="1", how="integer")
    wrong = Verdict(correct=False, extracted="0", how="integer")
    with Records.open(file, Header(config("moa"))) as records:
        records.append([
            PathRecord("q0", 0, "moa", "layer1_agent1", 2, "finished", wrong, Tokens(own=5), meta={"counted": False}),
            PathRecord("q0", 0, "moa", "layer2_agent1", 2, "finished", right, Tokens(own=7), meta={"counted": True}),
        ])  # fmt: skip
    read = Results.read(file)
    assert read.by_question("pass@1") == {"q0": 1.0}
    assert read.generated(("q0", 0)) == 12
    assert json.loads(json.dumps(read.config))["method"] == "moa"
