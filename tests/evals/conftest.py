from collections.abc import Iterator

import pytest

from peerleap.evals import Grader


@pytest.fixture(scope="session")
def grader() -> Iterator[Grader]:
    """One grader for the whole session: its child processes load sympy once."""
    pytest.importorskip("math_verify")
    with Grader(seconds=2.0) as grader:
        grader.warm()
        yield grader
