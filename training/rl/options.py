"""How a run of reinforcement learning learns, and from what; what can bring nothing is refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from peerleap.training.rl.rewards import ADVANTAGES, PROBED, REWARDS
from peerleap.training.rl.rollouts import RolloutError

METHODS = ("leap", "independent")
_LEARNING_RATE, _LORA_LEARNING_RATE = 1e-6, 1e-5


@dataclass(frozen=True, slots=True)
class RlOptions:
    """How a run learns, and from what."""

    method: str = "leap"
    """`leap`, or `independent`: the same number of paths, which do not talk."""
    rewards: Mapping[str, float] = field(default_factory=lambda: {"own": 1.0})
    """Weights of the rewards by their name."""
    paths: int = 4
    """Of a team."""
    teams: int = 2
    """Teams that work on a question in one step; a row's advantage is over all their paths."""
    questions: int = 4
    """Of a step."""
    steps: int = 100
    learning_rate: float | None = None
    """Constant; `None` is 1e-6, and 1e-5 for adapters."""
    temperature: float = 1.0
    """At which paths are sampled and log-probabilities are taken. All tokens may be drawn: a cut-off distribution, as
    by top-p, is not the one that is trained."""
    kl: float = 0.001
    """Weight of the divergence from the model at the start (the default is that of DeepSeek-R1); at 0 there is no
    second model in memory, and no divergence in the table."""
    advantages: str = "grpo"
    """As in `rewards.advantages`."""
    lora_rank: int | None = None
    """Rank of the adapters; `None` trains all weights."""
    max_gap: float = 0.05
    """Most that engine and trainer may differ in a row's log-probabilities, in nats a token, on average."""
    device_batch: int | None = None
    """Rows at once on the device; `None` is as many as suit it. Changes nothing but rounding."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise RolloutError(f"method={self.method!r}: none of {', '.join(METHODS)}")
        if self.advantages not in ADVANTAGES:
            raise RolloutError(f"advantages={self.advantages!r}: none of {', '.join(ADVANTAGES)}")
        for name in ("paths", "teams", "questions", "steps", "lora_rank", "device_batch"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or not 1 <= value <= 1_000_000):
                raise RolloutError(f"{name}={value!r}: give a whole number from 1 to 1,000,000")
        if not 0 < self.rate < 1:
            raise RolloutError(f"learning_rate={self.learning_rate!r}: give a number such as 1e-6")
        if not 0 < self.temperature <= 2 or not 0 <= self.kl < 10 or not self.max_gap > 0:
            raise RolloutError(
                f"temperature={self.temperature!r}, kl={self.kl!r}, max_gap={self.max_gap!r}: "
                "0 < temperature <= 2, 0 <= kl < 10 and max_gap > 0 are needed"
            )
        if self.group < 2:
            raise RolloutError("paths=1, teams=1: a path is compared with others; give more of either")
        self._check_rewards()
        if self.device_batch is not None and self.rows % self.device_batch:
            raise RolloutError(
                f"device_batch={self.device_batch}: a step has {self.rows} rows ({self.questions} questions x "
                f"{self.teams} teams x {self.paths} paths), which this does not divide"
            )

    def _check_rewards(self) -> None:
        for name, weight in self.rewards.items():
            if name not in REWARDS:
                raise RolloutError(f"reward={name!r}: none of {', '.join(REWARDS)}")
            if not -100 <= weight <= 100:
                raise RolloutError(f"reward={name}={weight!r}: give a weight from -100 to 100")
        weighed = {name for name, weight in self.rewards.items() if weight}
        if not weighed:
            raise RolloutError("no reward has a weight: nothing would be learned")
        if (probed := sorted(weighed & PROBED)) and (self.method != "leap" or self.paths < 2):
            raise RolloutError(f"reward={probed[0]!r} is about what a path reads: it needs method='leap' and two paths")
        if weighed == {"team"} and self.teams == 1:
            raise RolloutError(
                "reward='team' is the same for all paths of a team, and there is one team a question: nothing would "
                "be learned; give two teams, or another reward beside it"
            )

    @property
    def rate(self) -> float:
        """The learning rate."""
        usual = _LEARNING_RATE if self.lora_rank is None else _LORA_LEARNING_RATE
        return usual if self.learning_rate is None else self.learning_rate

    @property
    def probes(self) -> bool:
        """Whether a reward needs to know what a path would have answered before and after it read."""
        return any(weight and name in PROBED for name, weight in self.rewards.items())

    @property
    def group(self) -> int:
        """Rows that are compared with each other: all of a question."""
        return self.teams * self.paths

    @property
    def rows(self) -> int:
        """Rows of one step."""
        return self.questions * self.group
