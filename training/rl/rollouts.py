"""One question's paths as rows that any RL trainer can take, made from the segments of their histories."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from peerleap.engine import Completion, Engine, EngineWrapper, OnText, SamplingParams
from peerleap.graph.history import GENERATED


class RolloutError(ValueError):
    """The segments of a path do not fit what its engine has sampled."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One path. `input_ids`, `loss_mask` and `logprobs` have the same length."""

    input_ids: list[int]
    loss_mask: list[int]
    """1 where the path sampled the token itself, summaries included; 0 where it was inserted, triggers included."""
    logprobs: list[float]
    """Natural log-probabilities as sampled; 0 where the token was inserted."""
    reward: float
    team: str
    """The paths of one team have read each other."""
    path: str
    prompt_tokens: int
    """How many of the ids are the prompt."""


class Sampled(EngineWrapper):
    """An engine that stores the log-probabilities of the tokens that it samples.

    A history has its tokens only: log-probabilities would make every stored run several times as large.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._completions: defaultdict[tuple[int, ...], list[Completion]] = defaultdict(list)

    async def generate(
        self,
        token_ids: Sequence[int],
        params: SamplingParams,
        *,
        session: str | None = None,
        on_text: OnText | None = None,
    ) -> Completion:
        """As in `Engine`, with log-probabilities."""
        if params.logprobs is None:
            params = replace(params, logprobs=0)
        done = await self.engine.generate(token_ids, params, session=session, on_text=on_text)
        self._completions[tuple(token_ids)].append(done)
        return done

    def completion(self, prompt: Sequence[int], ids: Sequence[int], *, ended: bool = False) -> Completion:
        """The completion of `prompt` that begins with `ids`; with `ended`, the one that ended its turn behind them.

        Paths whose tokens are the same up to here have the same log-probabilities, too.

        Raises:
            RolloutError: there is none.
        """
        for done in self._completions.get(tuple(prompt), ()):
            if ended and not (done.ended_turn and len(done.token_ids) == len(ids) + done.end_tokens):
                continue
            if done.token_ids[: len(ids)] == list(ids):
                return done
        raise RolloutError(f"no request of {len(prompt)} tokens was answered with these {len(ids)}")

    def forget(self) -> None:
        """Drop what was kept, once the rows are made."""
        self._completions.clear()


def make_rollouts(
    histories: Mapping[str, Sequence[Mapping[str, Any]]],
    rewards: Mapping[str, float],
    sampled: Sampled,
    *,
    team: str,
) -> list[Rollout]:
    """The rows of one team.

    A path that failed is a row without a trained token, never a wrong answer.

    Args:
        histories: segments by path, as a graph returns them.
        rewards: by path.
        sampled: the engine that the graph ran on.
        team: its name.

    Raises:
        RolloutError: a generated segment was not sampled by this engine, or came without log-probabilities.
    """
    return [_rollout(history, rewards.get(path, 0.0), sampled, team, path) for path, history in histories.items()]


def _rollout(history: Sequence[Mapping[str, Any]], reward: float, sampled: Sampled, team: str, path: str) -> Rollout:
    ids: list[int] = []
    mask: list[int] = []
    logprobs: list[float] = []
    prompt = sum(len(segment["token_ids"]) for segment in history if segment["kind"] == "prompt")
    failed = any(segment["kind"] == "error" for segment in history)
    for segment in history:
        added, values = list(segment["token_ids"]), [0.0] * len(segment["token_ids"])
        own = segment["kind"] in GENERATED and not failed
        ended = segment is history[-1] and segment.get("finish") == "turn_end"
        if own and (added or ended):
            done = sampled.completion(ids, added, ended=ended)
            if done.token_logprobs is None:
                raise RolloutError(f"path {path!r}: the engine gave no log-probabilities")
            if ended:
                added = list(done.token_ids)  # the history leaves the end of the turn out; the path did choose it
            values = done.token_logprobs[: len(added)]
        ids += added
        mask += [int(own)] * len(added)
        logprobs += values
    return Rollout(ids, mask, logprobs, 0.0 if failed else reward, team, path, prompt)


def as_grpo(rows: Sequence[Rollout], filler: int) -> dict[str, list[Any]]:
    """The rows as TRL's `GRPOTrainer` takes them from a `rollout_func`; what it does not know goes to the rewards.

    A row without a trained token has the reward `None`, which TRL leaves out of its group.

    Args:
        rows: as many as there were prompts.
        filler: id that stands, untrained, for what a path that failed at its first request did not write: TRL takes no
            empty completion.
    """
    own = [(row, max(1, len(row.input_ids) - row.prompt_tokens)) for row in rows]
    return {
        "prompt_ids": [row.input_ids[: row.prompt_tokens] for row in rows],
        "completion_ids": [[*row.input_ids, filler][row.prompt_tokens :][:length] for row, length in own],
        "logprobs": [[*row.logprobs, 0.0][row.prompt_tokens :][:length] for row, length in own],
        "env_mask": [[*row.loss_mask, 0][row.prompt_tokens :][:length] for row, length in own],
        "reward": [row.reward if any(row.loss_mask) else None for row in rows],
        "team": [row.team for row in rows],
        "path": [row.path for row in rows],
    }
