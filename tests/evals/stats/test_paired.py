from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerleap.evals.stats import (
    Design,
    mcnemar,
    paired_difference,
    questions_needed,
    questions_needed_for_votes,
    sign_flip,
)


@given(st.lists(st.integers(-8, 8), min_size=1, max_size=8))
def test_the_exact_p_counts_every_flip(differences: list[int]) -> None:
    sums = [
        sum(s * d for s, d in zip(signs, differences, strict=True))
        for signs in product((1, -1), repeat=len(differences))
    ]
    p = sum(abs(total) >= abs(sum(differences)) for total in sums) / len(sums)
    value, exact = sign_flip([d / 32 for d in differences])
    assert exact
    assert value == pytest.approx(p)


def test_monte_carlo_agrees_with_exact() -> None:
    data = np.random.default_rng(5).normal(0.05, 0.1, size=19)
    exact, _ = sign_flip(data)
    generator = np.random.default_rng(6)
    tiny = np.concatenate([data, generator.choice([-1e-6, 1e-6], size=10)])
    drawn, is_exact = sign_flip(tiny, draws=40_000)
    assert not is_exact
    assert drawn == pytest.approx(exact, abs=0.01)
    assert sign_flip(tiny, seed=1) == sign_flip(tiny, seed=1)


def test_type_one_error_is_kept() -> None:
    generator = np.random.default_rng(7)
    trials, rejected, covered = 400, 0, 0
    for trial in range(trials):
        p = generator.beta(0.45, 0.40, size=30)
        new, old = (generator.binomial(32, p) / 32 for _ in range(2))
        result = paired_difference(dict(enumerate_ids(new)), dict(enumerate_ids(old)), seed=trial, draws=400)
        rejected += result.p <= 0.05
        covered += result.low <= 0 <= result.high
    assert 0.02 <= rejected / trials <= 0.075
    assert 0.92 <= covered / trials <= 0.985


def enumerate_ids(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[tuple[str, float]]:
    return [(f"q{index}", float(value)) for index, value in enumerate(values)]


def test_a_real_difference_is_found() -> None:
    old = {f"q{n}": (n % 8) / 10 for n in range(30)}
    new = {question: value + 0.05 + (0.02 if question.endswith("3") else 0) for question, value in old.items()}
    result = paired_difference(new, old)
    assert result.value == pytest.approx(0.052)
    assert result.p < 0.001
    assert result.bootstrap_low > 0
    assert (result.questions, result.exact) == (30, False)


def test_different_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="question 'b' and 1 more are in one method only"):
        paired_difference({"a": 1.0, "b": 0.0}, {"a": 1.0, "c": 0.0})
    with pytest.raises(ValueError, match="question 'b'"):
        mcnemar({"a": True}, {"a": True, "b": False})
    with pytest.raises(ValueError, match="at least 2"):
        paired_difference({"a": 1.0}, {"a": 0.0})


def test_mcnemar_is_a_sign_test_on_the_changed_questions() -> None:
    old = {f"q{n}": n < 10 for n in range(30)}
    new = {f"q{n}": 1 <= n < 19 for n in range(30)}
    result = mcnemar(new, old)
    assert (result.gained, result.lost) == (9, 1)
    assert result.p == pytest.approx(2 * 11 / 1024)
    assert mcnemar(old, old).p == 1.0


def test_the_design_says_what_it_can_show() -> None:
    few, many = Design(30, runs=4).sentence(), Design(198, runs=4, paths=8).sentence()
    assert few.startswith("30 questions x 4 runs can show 9 points of Pass@1 between two methods with 80 % power, not")
    assert many.startswith("198 questions x 4 runs can show 4 points of Pass@1 between two methods (power for 5: 9")
    votes = (
        "; 5 points of Cons@N, the default metric of a comparison, take 785 to 1256 questions where 25% to 40% of them "
        "change"
    )
    assert few.endswith(f"{votes}, not 30")
    assert Design(1319).sentence().endswith(votes)
    assert Design(100, sd=0.2).detectable() == pytest.approx(0.056, abs=1e-3)
    assert Design(62, sd=0.14).power(0.05) == pytest.approx(0.80, abs=0.01)
    assert Design(30, sd=0.2).power(0.0) == pytest.approx(0.05)
    with pytest.raises(ValueError, match="runs=0"):
        Design(30, runs=0)


@pytest.mark.parametrize(("questions", "design"), [(1, "1 question x 1 run"), (2, "2 questions x 1 run")])
def test_too_few_questions_show_nothing(questions: int, design: str) -> None:
    told = Design(questions, paths=1).sentence()
    assert told.startswith(f"{design} can show no difference of Pass@1 between two methods (")
    assert "questions would show 5 points); 5 points of Cons@N" in told


def test_the_rule_of_thumb() -> None:
    for sd, questions in ((0.14, 62), (0.20, 125), (0.25, 196)):
        assert abs(questions_needed(0.05, sd) - questions) <= 1
    assert abs(questions_needed_for_votes(0.05, 0.15) - 470) <= 2
    with pytest.raises(ValueError, match="difference=0"):
        questions_needed(0, 0.1)


def test_the_power_formula_against_simulation() -> None:
    design = Design(40, sd=0.2)
    generator = np.random.default_rng(8)
    found = 0
    for trial in range(400):
        data = generator.normal(0.08, 0.2, size=40)
        found += sign_flip(data, seed=trial, draws=400)[0] <= 0.05
    assert found / 400 == pytest.approx(design.power(0.08), abs=0.07)
