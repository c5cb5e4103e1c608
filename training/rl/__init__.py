"""Reinforcement learning of LeaP: paths are rewarded for what they learn, and for what they teach.

In reading order:

- `options`: how a run learns; `plan`: a run, checked before anything is loaded; `costs`: what it takes here
- `team`: one team on one question, through the real LeaP graph; `teams`: all teams of a step
- `rollouts`: one question's paths as rows: ids, mask, log-probabilities, reward
- `probes`: what a path would have answered before and after it read
- `rewards`: what a path is rewarded for, and how much better than its team it was
- `trainer`: TRL's `GRPOTrainer` on these rows
- `weights`: from the trainer to the engine
- `steps`, `picture`: what is known of each step
- `run`: all of it
- `skyrl`: the same rows for SkyRL, on a cluster
"""

from typing import TYPE_CHECKING

from peerleap import lazy_face
from peerleap.training.rl.rewards import ADVANTAGES, REWARDS, Outcome, Read, advantages, reward
from peerleap.training.rl.rollouts import Rollout, RolloutError, Sampled, as_grpo, make_rollouts

if TYPE_CHECKING:
    from peerleap.training.rl.costs import Needs, check_memory, needs
    from peerleap.training.rl.options import RlOptions
    from peerleap.training.rl.plan import RlPlan, rl_plan
    from peerleap.training.rl.run import RlResult, train_rl
    from peerleap.training.rl.skyrl import LeapGenerator

__all__ = [
    "ADVANTAGES",
    "REWARDS",
    "LeapGenerator",
    "Needs",
    "Outcome",
    "Read",
    "RlOptions",
    "RlPlan",
    "RlResult",
    "Rollout",
    "RolloutError",
    "Sampled",
    "advantages",
    "as_grpo",
    "check_memory",
    "make_rollouts",
    "needs",
    "reward",
    "rl_plan",
    "train_rl",
]

_LATER = {
    "Needs": "costs",
    "check_memory": "costs",
    "needs": "costs",
    "RlOptions": "options",
    "RlPlan": "plan",
    "rl_plan": "plan",
    "RlResult": "run",
    "train_rl": "run",
    "LeapGenerator": "skyrl",
}

__getattr__ = lazy_face(__name__, _LATER)
