"""The listening test: models that believe everything, nothing, or what is right are told apart."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from peerleap.evals import Plan, Problem, RecordsError, read_records
from peerleap.evals.stats import Estimate
from peerleap.evals.studies import ARMS, Listening, TakeUp, listening_plan, listening_verdict, read_listening
from peerleap.evals.studies.wrong_answers import wrong_answer

SETTINGS = {"interval": 60, "cut": "exact", "max_tokens": 600, "answer_tokens": 30, "summary_tokens": 80}
Sums = Callable[[int], list[Problem]]


def plan(sums: Sums, count: int = 12, **fields: Any) -> Plan:
    return listening_plan("sums", sums(count), paths=3, settings=SETTINGS, **fields)


@pytest.mark.parametrize(
    ("believes", "right", "wrong", "words"),
    [
        (lambda answer, seed: True, 1, 1, "takes up what it hears, right or wrong"),
        (lambda answer, seed: False, 0, 0, "takes up little of what it hears"),
        (lambda answer, seed: answer == "4", 1, 0, "tells right peers from wrong ones"),
        (lambda answer, seed: answer != "4", 0, 1, "takes up wrong answers more often"),
    ],
    ids=["credulous", "deaf", "discerning", "perverse"],
)
async def test_what_a_model_makes_of_its_peers(
    believes: Callable[[str, int], bool], right: int, wrong: int, words: str, sums: Sums, listener: Any, run_study: Any
) -> None:
    found = read_listening(await run_study(plan(sums), listener(believes)))
    assert (found.questions, found.paths, found.ended) == (12, 36, 0)
    up = found.take_up
    assert up.right is not None
    assert up.wrong is not None
    assert up.discrimination is not None
    assert (up.right.value, up.wrong.value, up.discrimination.value) == (right, wrong, right - wrong)
    assert up.right.low < up.right.high
    assert up.discrimination.low < right - wrong < up.discrimination.high or up.discrimination.value in {-1, 1}
    assert words in listening_verdict(found)


@pytest.mark.parametrize(
    ("believes", "wrong", "words"),
    [
        (lambda answer, seed: True, 1, "but goes by several who agree (100 % ["),
        (lambda answer, seed: answer == "4", 0, "but right ones of several who agree (100 % ["),
    ],
    ids=["majority", "discerning"],
)
async def test_a_model_that_goes_by_several_peers_and_not_by_one_is_no_deaf_one(
    believes: Callable[[str, int], bool], wrong: int, words: str, sums: Sums, listener: Any, run_study: Any
) -> None:
    found = read_listening(await run_study(plan(sums), listener(believes, many=2)))
    assert found.of_several is not None
    rates = [
        up.value for of in (found.take_up, found.of_several) for up in (of.right, of.wrong) if up is not None
    ]  # fmt: skip
    assert rates == [0, 0, 1, wrong]
    assert words in listening_verdict(found)


async def test_where_a_path_reads_one_peer_at_most_there_are_no_several(
    sums: Sums, listener: Any, run_study: Any
) -> None:
    one = listening_plan("sums", sums(4), paths=3, settings={**SETTINGS, "top_k": 1})
    found = read_listening(await run_study(one, listener(lambda answer, seed: True)))
    assert found.of_several is None
    assert {row.arm for row in found.arms} == set(ARMS) - {"right peers", "wrong peers"}


async def test_a_model_that_believes_at_random_has_take_up_between_and_an_interval_around_it(
    sums: Sums, listener: Any, run_study: Any
) -> None:
    found = read_listening(await run_study(plan(sums), listener(lambda _, seed: seed % 3 == 0)))
    up = found.take_up.wrong
    assert up is not None
    assert 0 < up.low < up.value < up.high < 1


async def test_what_any_comment_costs_is_no_take_up(sums: Sums, listener: Any, run_study: Any) -> None:
    found = read_listening(await run_study(plan(sums), listener(lambda answer, seed: False, own="4", shaken="5")))
    assert (found.take_up.right, found.take_up.wrong) != (None, None)
    assert found.take_up.right is not None
    assert found.take_up.discrimination is not None
    assert (found.take_up.right.value, found.take_up.discrimination.value) == (0, 0)
    assert found.differences["a comment, whatever it says"].value == -1
    assert "takes up little of what it hears" in listening_verdict(found)


async def test_what_would_have_come_anyway_is_no_take_up(sums: Sums, listener: Any, run_study: Any) -> None:
    file = await run_study(plan(sums), listener(lambda answer, seed: True, own="4"))
    found = read_listening(file)
    assert found.take_up.right is None
    assert found.take_up.wrong is not None
    verdict = listening_verdict(found)
    assert "right without any help in nearly all paths" in verdict
    assert "takes up 100 %" in verdict


async def test_all_arms_go_on_from_the_same_tokens_and_read_what_they_should(
    sums: Sums, listener: Any, run_study: Any
) -> None:
    engine = listener(lambda answer, seed: True)
    _, records = read_records(await run_study(plan(sums, 4), engine))
    arms: dict[tuple[str, str], dict[str, Any]] = {}
    for record in records:
        arms.setdefault((record.question, record.meta["member"]), {})[record.meta["arm"]] = record
    assert len(arms) == 12
    for (question, _), found in arms.items():
        assert set(found) == set(ARMS)
        thoughts = {tuple(record.segments[1]["token_ids"]) for record in found.values()}
        assert len(thoughts) == 1, "one half-done path"
        written = {tuple(record.segments[3]["token_ids"]) for arm, record in found.items() if arm != "no block"}
        assert len(written) == 1, "one summary"
        reads = {
            arm: "".join(s.get("text", "") for s in r.segments if s["kind"] == "comment") for arm, r in found.items()
        }
        assert not reads["no block"]
        assert not reads["own summary"]
        own = engine.tokenizer.decode(found["peers"].segments[3]["token_ids"]).partition("<")[0].strip()
        assert own in reads["sham comment"]
        assert reads["peers"].count("Peer ") == 2
        assert f"at time {question[1]}" in reads["peers"]
        assert "My answer is 4." in reads["right peer"]
        assert f"My answer is {found['wrong peer'].meta['heard']}." in reads["wrong peer"]
        for word in ("right", "wrong"):
            assert found[f"{word} peers"].meta["heard"] == found[f"{word} peer"].meta["heard"]
            assert reads[f"{word} peer"].count("Peer ") == 1
            assert reads[f"{word} peers"].count(f"My answer is {found[f'{word} peer'].meta['heard']}.") == 2
        assert found["wrong peer"].meta["heard"] != "4"
        other = str((int(question[1]) + 1) % 4)
        assert reads["placebo"].count(f"at time {other}") == 2
        assert f"at time {question[1]}" not in reads["placebo"]
        # What was copied is nobody's work; the no-block arm has written the rest of one path, and nothing else.
        assert found["no block"].tokens.summary == found["right peer"].tokens.summary == 0
        assert found["peers"].tokens.summary > 0
    assert {record.meta["arm"] for record in records if record.meta["counted"]} == {"no block"}


async def test_imitation_and_boxes_are_counted(sums: Sums, listener: Any, run_study: Any) -> None:
    found = read_listening(await run_study(plan(sums, 4), listener(lambda answer, seed: True, imitates=True)))
    rows = {row.arm: row for row in found.arms}
    assert rows["no block"].imitates.value == 0
    assert all(rows[arm].imitates.value == 1 for arm in ARMS if arm != "no block")
    assert all(row.boxed.value == 1 for row in rows.values())
    assert rows["right peer"].took is not None
    assert rows["right peer"].took.value == 1


async def test_a_finished_test_is_not_run_again(sums: Sums, listener: Any, run_study: Any) -> None:
    await run_study(plan(sums, 3), listener(lambda answer, seed: True))
    again = listener(lambda answer, seed: True)
    await run_study(plan(sums, 3), again)
    assert again.requests == []


async def test_paths_that_end_before_the_block_are_told_apart(sums: Sums, listener: Any, run_study: Any) -> None:
    late = listening_plan("sums", sums(3), paths=3, settings={**SETTINGS, "interval": 300})
    file = await run_study(late, listener(lambda answer, seed: True))
    with pytest.raises(RecordsError, match=r"no path reached the LeaP block \(9 paths ended before it\); give a small"):
        read_listening(file)


@pytest.mark.parametrize(
    ("count", "paths", "settings", "words"),
    [
        (1, 3, {}, "1 question: the listening test needs two at least"),
        (3, 1, {}, "paths=1: give 2 to 64 paths"),
        (3, 3, {"communicate_at": (64,)}, "the listening test has one LeaP block"),
        (3, 3, {"rounds": 3}, "rounds=3: the listening test has one LeaP block"),
    ],
)
def test_bad_input(count: int, paths: int, settings: dict[str, Any], words: str, sums: Sums) -> None:
    with pytest.raises(ValueError, match=words):
        listening_plan("sums", sums(count), paths=paths, settings=settings)


def problem(answer: str, kind: str, choices: tuple[str, ...] | None = None) -> Problem:
    return Problem(id=answer, question="?", answer=answer, kind=kind, choices=choices)


@pytest.mark.parametrize("seed", range(20))
def test_a_wrong_answer_is_wrong_and_of_the_same_form(seed: int) -> None:
    random = Random(seed)
    assert wrong_answer(problem("B", "choice", ("x", "y", "z")), [], random) in {"A", "C"}
    slip = wrong_answer(problem("3", "integer"), [], random)
    assert slip is not None
    assert 0 <= int(slip) <= 23
    assert slip != "3"
    fractions = [problem("1/2", "math"), problem("0.5", "math"), problem("\\sqrt{2}", "math"), problem("7", "integer")]
    assert wrong_answer(fractions[0], fractions, random) == "\\sqrt{2}"
    assert wrong_answer(fractions[0], fractions[:2], random) is None


async def test_another_file_is_refused(tmp_path: Any) -> None:
    from peerleap.evals import Header, Records

    with Records.open(tmp_path / "eval.jsonl", Header({"method": "leap", "model": "m"})):
        pass
    with pytest.raises(RecordsError, match=r"results of 'leap', not of a listening test; `peerleap study listening`"):
        read_listening(tmp_path / "eval.jsonl")


def estimate(low: float, high: float) -> Estimate:
    return Estimate((low + high) / 2, 0.1, low, high, 10)


@pytest.mark.parametrize(
    ("low", "words"),
    [
        (0.1, "what its peers have worked out gives it 20 [10, 30] points of Pass@1: LeaP can help it"),
        (-0.1, "LeaP costs tokens and can hardly help it"),
    ],
)
def test_a_model_whose_peers_help_it_on_their_way_is_no_deaf_one(low: float, words: str) -> None:
    deaf = TakeUp(estimate(0, 0.1), estimate(0, 0.1), estimate(-0.1, 0.1))
    effects = {"what peers say": estimate(low, 0.3)}
    assert listening_verdict(Listening("m", 10, 40, 0, [], effects, deaf)).endswith(words)


async def test_a_block_that_comes_before_anybody_has_something_to_say_is_no_test(
    sums: Sums, listener: Any, run_study: Any
) -> None:
    found = read_listening(await run_study(plan(sums, 4), listener(lambda answer, seed: True, claims=False)))
    assert (found.silent, found.paths) == (12, 12)
    verdict = listening_verdict(found)
    assert verdict.startswith("no peer had anything to say to 12 of 12 paths")
    assert verdict.endswith("give a larger --interval")


def test_costs_are_named_only_where_the_interval_says_so() -> None:
    def verdict(low: float, high: float) -> str:
        cost = {"the interruption": estimate(low, high)}
        return listening_verdict(Listening("m", 10, 40, 0, [], cost, TakeUp(None, None, None)))

    assert "the interruption alone, with nothing to read, costs it 20 [10, 30] points" in verdict(-0.3, -0.1)
    assert "costs" not in verdict(-0.3, 0.1)
