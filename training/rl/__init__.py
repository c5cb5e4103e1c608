"""Rows and rewards for reinforcement learning of LeaP, for any trainer; the training itself is not here yet.

In reading order:

- `rollouts`: one question's paths as rows: ids, mask, log-probabilities, reward
- `rewards`: what a path is rewarded for, and how much better than its team it was
"""

from peerleap.training.rl.rewards import ADVANTAGES, REWARDS, Outcome, Read, advantages, reward
from peerleap.training.rl.rollouts import Rollout, RolloutError, Sampled, as_grpo, make_rollouts

__all__ = [
    "ADVANTAGES",
    "REWARDS",
    "Outcome",
    "Read",
    "Rollout",
    "RolloutError",
    "Sampled",
    "advantages",
    "as_grpo",
    "make_rollouts",
    "reward",
]
