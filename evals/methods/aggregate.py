"""What an aggregating path reads: the question with what others have written."""

from collections.abc import Sequence

from peerleap.agents import prompts
from peerleap.engine import Engine, control_texts
from peerleap.evals.data import Problem
from peerleap.evals.methods.base import PathResult
from peerleap.graph.history.segments import OWN
from peerleap.tools.untrusted import LEAP_TAGS, neutralise


def aggregate_question(problem: Problem, engine: Engine, sources: Sequence[PathResult], tokens: int) -> str:
    """The problem with the last `tokens` tokens of each source's own text; failed sources are left out."""
    solutions = []
    for number, source in enumerate((path for path in sources if path.outcome != "failed"), start=1):
        text = neutralise(excerpt(engine, source, tokens), (*LEAP_TAGS, *control_texts(engine.tokenizer)))
        solutions.append(f"{prompts.SOLUTION.format(number=number)}\n{text}")
    if not solutions:
        return problem.text
    return prompts.AGGREGATE.format(question=problem.text, solutions="\n\n".join(solutions))


def revise_question(problem: Problem, engine: Engine, source: PathResult, tokens: int) -> str:
    """The problem with the last `tokens` tokens of a path's own earlier text, if it has any."""
    if source.outcome == "failed":
        return problem.text
    own = neutralise(excerpt(engine, source, tokens), (*LEAP_TAGS, *control_texts(engine.tokenizer)))
    return prompts.REVISE.format(question=problem.text, solution=own)


def excerpt(engine: Engine, path: PathResult, tokens: int) -> str:
    """What others are shown of a path: its answer section if it wrote one, else its thought; the end of it."""
    kinds = {segment["kind"] for segment in path.history if segment["kind"] in OWN and segment["token_ids"]}
    shown = {"answer"} if "answer" in kinds and path.outcome == "finished" else OWN
    ids = [token for segment in path.history if segment["kind"] in shown for token in segment["token_ids"]]
    text = str(engine.tokenizer.decode(ids[-tokens:], skip_special_tokens=True)).strip()
    forced = path.outcome == "forced" and path.answer
    return f"{text}\n\\boxed{{{path.answer}}}" if forced else text
