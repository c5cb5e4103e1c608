"""What an aggregating path reads: the question with what others have written."""

from collections.abc import Sequence

from peerleap.agents import prompts
from peerleap.engine import Engine, control_texts
from peerleap.evals.data import Problem
from peerleap.evals.methods.base import PathResult
from peerleap.graph.history import OWN
from peerleap.tools import LEAP_TAGS, neutralise


def aggregate_question(problem: Problem, engine: Engine, sources: Sequence[PathResult], tokens: int) -> str:
    """The problem with what each source came to; failed sources are left out.

    Args:
        problem: The question.
        engine: The one whose tokenizer reads the sources' ids.
        sources: The paths to read.
        tokens: Maximum number of tokens of a thought that came to no answer.

    Returns:
        The prompt's text; the problem's own where there is nothing to read.
    """
    solutions = []
    for number, source in enumerate((path for path in sources if path.outcome != "failed"), start=1):
        text = neutralise(excerpt(engine, source, tokens), (*LEAP_TAGS, *control_texts(engine.tokenizer)))
        solutions.append(f"{prompts.SOLUTION.format(number=number)}\n{text}")
    if not solutions:
        return problem.text
    return prompts.AGGREGATE.format(question=problem.text, solutions="\n\n".join(solutions))


def revise_question(problem: Problem, engine: Engine, source: PathResult, tokens: int) -> str:
    """The problem with a path's own earlier solution, if it has any; arguments as for `aggregate_question`."""
    if source.outcome == "failed":
        return problem.text
    own = neutralise(excerpt(engine, source, tokens), (*LEAP_TAGS, *control_texts(engine.tokenizer)))
    return prompts.REVISE.format(question=problem.text, solution=own)


def excerpt(engine: Engine, path: PathResult, tokens: int) -> str:
    """What others are shown of a path: its whole answer; of a thought that came to no answer, the end of it.

    Args:
        engine: The one whose tokenizer reads the path's ids.
        path: The path.
        tokens: Maximum number of tokens of an unfinished thought.

    Returns:
        The text, with `[...]` where its beginning is left out.
    """
    kinds = {segment["kind"] for segment in path.history if segment["kind"] in OWN and segment["token_ids"]}
    shown = {"answer"} if "answer" in kinds and path.outcome == "finished" else OWN
    ids = [token for segment in path.history if segment["kind"] in shown for token in segment["token_ids"]]
    # A chat model's reply is its answer; only a thought that was cut off is none.
    cut = path.outcome != "finished" and len(ids) > tokens
    text = str(engine.tokenizer.decode(ids[-tokens:] if cut else ids, skip_special_tokens=True)).strip()
    text = f"[...] {text}" if cut else text
    forced = path.outcome == "forced" and path.answer
    return f"{text}\n\\boxed{{{path.answer}}}" if forced else text
