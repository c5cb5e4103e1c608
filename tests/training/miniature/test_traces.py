"""Traces that programs write: what they say is true, and only what a path wrote itself is trained."""

import re
from collections import Counter
from random import Random

import pytest

from peerleap.evals.grading.expression import same_puzzle
from peerleap.training.miniature import chain_sums, countdown
from peerleap.training.miniature.blocks import Part
from peerleap.training.miniature.chain_sums import ChainSum, Claim
from peerleap.training.miniature.corpus import IGNORED, Corpus
from peerleap.training.miniature.puzzles import evaluate
from peerleap.training.miniature.questions import questions
from peerleap.training.miniature.tokenizer import build_tokenizer

_STEP = re.compile(r"^Step ([a-m]): ([+-])(\d{1,3})(?: \(last\))? on (\d{3}) = (\d), (\d\d), (\d{3})$", re.MULTILINE)
SEEDS = range(60)


def boxed(parts: list[Part]) -> str:
    return "".join(text for text, _ in parts).rpartition("\\boxed{")[2].partition("}")[0]


def test_a_step_is_written_with_the_letter_that_the_plan_gives_it() -> None:
    total = ChainSum(415, (("+", 91), ("-", 7)))
    assert chain_sums.plan(total) == "415 a: +91 b: -7 (last)\n\n"
    assert chain_sums.line(total, 0, 415) == ("Step a: +91 on 415 = 6, 06, 506\n\n", 506)
    assert chain_sums.line(total, 1, 506) == ("Step b: -7 (last) on 506 = 9, 99, 499\n\n", 499)


def test_a_slip_is_wrong_and_a_running_value() -> None:
    total = ChainSum(415, (("+", 91), ("-", 7)))
    assert chain_sums.line(total, 0, 415, -10) == ("Step a: +91 on 415 = 6, 96, 496\n\n", 496)
    assert chain_sums.line(total, 1, 7, -1) == ("Step b: -7 (last) on 007 = 9, 99, 999\n\n", 999)


def results(parts: list[Part]) -> list[tuple[bool, bool]]:
    """Of every step: whether its result is right, and whether it is trained."""
    found = []
    for text, trained in parts:
        for _, sign, term, value, units, tens, result in _STEP.findall(text):
            assert result.endswith(tens)
            assert tens.endswith(units)
            right = (int(value) + int(term) if sign == "+" else int(value) - int(term)) % 1000
            found.append((int(result) == right, trained))
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_a_lone_sum_without_slips_is_right(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_sums, "_SLIPS", 0)
    random = Random(seed)
    total = chain_sums.draw(random, random.randint(2, 14))
    value = total.first
    for sign, term in total.steps:
        value += term if sign == "+" else -term
        assert 0 <= value <= 999
    parts = chain_sums.lone(total, random)
    if "I have to stop here" not in "".join(text for text, _ in parts):
        assert boxed(parts) == str(value)


def test_a_reasoner_slips_as_often_with_peers_as_without() -> None:
    random = Random(0)
    shares = []
    for write in (chain_sums.lone, chain_sums.leap):
        steps = [step for _ in range(400) for step in results(write(chain_sums.draw(random, 12), random))]
        trained = [right for right, trained in steps if trained]
        shares.append(trained.count(False) / len(trained))
    assert shares == pytest.approx([0.1, 0.1], abs=0.015)


def test_a_reasoner_is_wrong_by_one_in_one_digit_and_what_is_put_in_by_anything() -> None:
    by = {True: Counter[int](), False: Counter[int]()}
    for seed in range(400):
        random = Random(seed)
        parts = chain_sums.leap(chain_sums.draw(random, 12), random)
        for text, trained in parts:
            if not (trained or text.startswith("Step")):
                continue  # of a block
            for _, sign, term, value, _, _, result in _STEP.findall(text):
                right = int(value) + int(term) if sign == "+" else int(value) - int(term)
                by[trained][(int(result) - right + 500) % 1000 - 500] += 1
    assert set(by[True]) == {0, 1, -1, 10, -10, 100, -100}
    assert min(by[True].values()) > 0.5 * max(count for slip, count in by[True].items() if slip)
    assert len(by[False]) > 20
    assert 0 not in by[False]


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_put_into_a_path_is_in_its_history_and_not_trained(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_sums, "_SLIPS", 0)
    random = Random(seed)
    parts = chain_sums.leap(chain_sums.draw(random, 12), random)
    steps = results(parts)
    assert len(steps) >= 11
    assert all(right for right, trained in steps if trained)
    for text, trained in parts:
        assert not (trained and "<comment>" in text)
        assert not (trained and "<summarize>" in text)


MINE, OTHER, AHEAD, BEHIND = Claim(5, 415), Claim(5, 404), Claim(6, 513), Claim(4, 300)


@pytest.mark.parametrize(
    ("claims", "value"),
    [
        ([], 415),
        ([OTHER], 415),  # one against one
        ([OTHER, MINE, OTHER], 415),  # two against two
        ([OTHER, Claim(5, 4), OTHER], 404),
        ([OTHER, OTHER], 404),
        ([OTHER, Claim(5, 4), None], 415),
        ([AHEAD, AHEAD, AHEAD], 415),
        ([BEHIND, OTHER, BEHIND], 415),
    ],
)
def test_a_path_goes_on_at_what_most_at_its_step_have(claims: list[Claim | None], value: int) -> None:
    assert chain_sums.judge(MINE, claims) == (f"I take e: {value:03}\n\n", Claim(5, value))


def test_some_blocks_are_held_behind_the_last_step() -> None:
    texts = []
    for seed in range(100):
        random = Random(seed)
        texts.append("".join(text for text, _ in chain_sums.leap(chain_sums.draw(random, 5), random)))
    behind = [text for text in texts if "I take d: " in text]
    assert 10 < len(behind) < 90
    assert all(re.search(r"I take d: \d+\n\n</think>", text) for text in behind)


def test_who_has_not_begun_has_nothing_to_take() -> None:
    assert chain_sums.judge(Claim(0, 82), [None, None]) == ("", Claim(0, 82))


def test_many_traces_adopt_what_their_peers_have() -> None:
    adopted = kept = 0
    for seed in range(200):
        random = Random(seed)
        parts = [text for text, _ in chain_sums.leap(chain_sums.draw(random, 10), random)]
        own = ""
        for text in parts:
            own = text.split()[3].rstrip(".") if text.startswith(" After step") else own
            if text.startswith("I take"):
                taken = text.split()[3]
                adopted, kept = adopted + (taken != own), kept + (taken == own)
    assert adopted > 0.25 * (adopted + kept)
    assert kept > 0.25 * (adopted + kept)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("peers", [False, True])
def test_a_puzzle_ends_with_a_solution_or_says_that_it_has_none(seed: int, peers: bool) -> None:
    random = Random(seed)
    question, parts = countdown.trace(random, peers=peers)
    target = int(re.findall(r"(?:make|equals) (\d+)", question)[0])
    text = "".join(part for part, _ in parts)
    if "I have to stop here" not in text:
        assert evaluate(boxed(parts)).number == target
    for said, trained in parts:
        if trained:
            for a, sign, b, c in re.findall(r"(\d+) ([-+*/]) (\d+) = (\d+)", said):
                assert {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b)}.get(
                    sign, int(a) // int(b)
                ) == int(c)


def test_a_lie_is_checked_and_refused() -> None:
    refused = taken = 0
    for seed in range(300):
        text = "".join(part for part, _ in countdown.trace(Random(seed), peers=True)[1])
        refused += "Wrong." in text or "It uses a number twice." in text
        taken += "Right. I take it." in text
    assert refused > 3
    assert taken > 3


def test_the_trained_tokens_are_what_the_path_wrote_itself() -> None:
    tokenizer = build_tokenizer()
    corpus = Corpus(tokenizer)
    for seed in range(20):
        random = Random(seed)
        total = chain_sums.draw(random, 9)
        parts = chain_sums.leap(total, random)
        ids, labels = corpus.row(chain_sums.ask(total, random), parts)
        trained = [token for token, label in zip(ids, labels, strict=True) if label != IGNORED]
        own = "".join(text for text, mine in parts if mine)
        assert tokenizer.decode(trained, skip_special_tokens=False) == own + "<|im_end|>"
        assert all(label in (token, IGNORED) for token, label in zip(ids, labels, strict=True))


def test_fresh_questions_have_right_answers_and_are_the_same_for_a_seed() -> None:
    rows = questions("countdown", 30, 7)
    assert rows == questions("countdown", 30, 7) != questions("countdown", 30, 8)
    for row in rows:
        assert same_puzzle(row["answer"], row["answer"])
    for row in questions("chain", 30, 7):
        numbers = re.findall(r"(?:^|([+-]) )(\d+)", row["question"].partition(":")[2] or row["question"])
        assert row["kind"] == "integer"
        assert numbers
