"""Chain sums: questions, and traces that add in the head, alone and with peers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from peerleap.training.miniature import blocks
from peerleap.training.miniature.blocks import Part
from peerleap.training.miniature.tokenizer import CHAIN_WORDINGS, LABELS, LAST

MOST_TERMS = 14
MODULUS = 1000
"""Running values are 0 to 999; a path that has slipped may leave them, and goes on modulo 1,000."""
_PEERS = 4
_SLIPS = 0.1
"""Share of the steps that a trace gets wrong *and trains on*: a reasoner that errs by itself, as real ones do.

Trained on right steps alone, it adds without a fault at any temperature, and then there is nothing to mend. A slip
makes one digit one too high or too low (carries go on from it), so that each of the six has 1.7 %: with `min_p` 0.01
they come at a temperature of 1, and the rarer faults, which no peer can mend (a term copied wrongly, a lost place),
do not. At 0.6 none comes. The same share with peers and without, so that it does not learn to be right only where
there are blocks.
"""
_BY_ONE, _BY_ANY = (-1, 1), tuple(range(1, 10))


@dataclass(frozen=True)
class ChainSum:
    """First term, then signs and terms."""

    first: int
    steps: tuple[tuple[str, int], ...]

    @property
    def text(self) -> str:
        """The sum as it is written."""
        return str(self.first) + "".join(f" {sign} {term}" for sign, term in self.steps)

    @property
    def answer(self) -> int:
        """Its value."""
        value = self.first
        for sign, term in self.steps:
            value = add(value, sign, term)
        return value


def add(value: int, sign: str, term: int) -> int:
    """One step, modulo 1,000."""
    return (value + term if sign == "+" else value - term) % MODULUS


def draw(random: Random, terms: int, digits: int | None = None) -> ChainSum:
    """A sum of that many terms, of so many digits each (0: of any), whose running values are all 0 to 999."""
    digits = random.choice((1, 2, 2, 3, 3, 0)) if digits is None else digits
    value = first = _term(random, digits)
    steps: list[tuple[str, int]] = []
    while len(steps) < terms - 1:
        term, sign = _term(random, digits), random.choice("+-")
        if not 0 <= (value + term if sign == "+" else value - term) < MODULUS:
            sign = "-" if sign == "+" else "+"
        if 0 <= (value + term if sign == "+" else value - term) < MODULUS:
            value = add(value, sign, term)
            steps.append((sign, term))
    return ChainSum(first, tuple(steps))


def _term(random: Random, digits: int) -> int:
    digits = digits or random.randint(1, 3)
    return random.randint(1 if digits == 1 else 10 ** (digits - 1), 10**digits - 1)


def ask(total: ChainSum, random: Random) -> str:
    """The question, in one of its wordings; the first is reasoning-gym's."""
    wording = random.choice((CHAIN_WORDINGS[0], *CHAIN_WORDINGS))
    return (
        f"{wording}{total.text} =" if wording == CHAIN_WORDINGS[0] else wording + total.text + random.choice(("?", ""))
    )


def plan(total: ChainSum) -> str:
    """The first line of a thought: the sum, each term with the letter of its step, the last one marked."""
    terms = "".join(f" {LABELS[i]}: {sign}{term}" for i, (sign, term) in enumerate(total.steps))
    return f"{total.first:03}{terms}{LAST}\n\n"


def line(total: ChainSum, k: int, value: int, slip: int = 0) -> tuple[str, int]:
    """Step `k` from `value`, wrong by `slip`, and its result, written from its last digit on."""
    sign, term = total.steps[k]
    got = (add(value, sign, term) + slip) % MODULUS
    last = LAST if k + 1 == len(total.steps) else ""
    return f"Step {LABELS[k]}: {sign}{term}{last} on {value:03} = {got % 10}, {got % 100:02}, {got:03}\n\n", got


def _slip(random: Random, amounts: Sequence[int] = _BY_ONE) -> int:
    return random.choice((1, 10, 100)) * random.choice(amounts)


def lone(total: ChainSum, random: Random) -> list[Part]:
    """A trace without peers; now and then one that the budget ends."""
    cut = random.randint(1, len(total.steps)) if random.random() < 0.02 else None
    value, text = total.first, plan(total)
    for k in range(len(total.steps)):
        if k == cut:
            return [(text, True), blocks.forced(), (f"{value}}}.", True)]
        step, value = line(total, k, value, _slip(random) if random.random() < _SLIPS else 0)
        text += step
    return [(f"{text}</think>{blocks.final(str(value))}", True)]


@dataclass(frozen=True)
class Claim:
    """What a path says of itself: the value after its step."""

    step: int
    value: int


@dataclass
class _Path:
    """A simulated path: how many steps it has done, and its value."""

    number: int
    total: ChainSum
    slips: float
    """Share of its steps into which a slip is put."""
    value: int
    own_slips: float = 0.0
    """Share of the others in which it slips by itself."""
    done: int = 0
    finished: bool = False
    parts: list[Part] = field(default_factory=list)

    def think(self, random: Random, steps: int, opening: str) -> None:
        """Goes on by so many steps."""
        text, begun = opening, self.done
        for k in range(self.done, min(self.done + steps, len(self.total.steps))):
            put_in = random.random() < self.slips
            by_itself = not put_in and random.random() < self.own_slips
            slip = _slip(random, _BY_ANY) if put_in else _slip(random) if by_itself else 0
            step, self.value = line(self.total, k, self.value, slip)
            self.done = k + 1
            if put_in:
                self.parts += [(text, True)] * bool(text) + [(step, False)]
                text = ""
            else:
                text += step
        if text:
            self.parts.append((text, True))
        # There may be a block behind the last step, too.
        at_end = self.done == len(self.total.steps)
        self.finished = at_end and (begun == self.done or random.random() < 0.5)

    @property
    def summary(self) -> str:
        if self.finished:
            return blocks.conclusion(str(self.value))
        if self.done == 0:
            return "I have not begun."
        return f"After step {LABELS[self.done - 1]}: {self.value:03}."


def leap(total: ChainSum, random: Random) -> list[Part]:
    """A trace with peers: some have slipped, some are elsewhere, have finished, lie or talk nonsense."""
    # A path that is mostly right learns to repeat itself, and never to vote: so most of the time a slip is put into it,
    # which is not trained on.
    mine, theirs = random.choice(((0.75, 0.02), (0.75, 0.05), (0.75, 0.1), (0.5, 0.1), (0.0, 0.1)))
    paths = [_Path(i + 1, total, theirs, total.first) for i in range(_PEERS)]
    me = random.choice(paths)
    stride = random.choice((1, 1, 2) if len(total.steps) < 7 else (2, 2, 2, 3, 3))
    ragged = random.choice((0.0, 0.03, 0.1))
    me.own_slips = _SLIPS
    me.slips = 1 - (1 - mine) ** (1 / stride)  # `mine` is the chance that a block finds it wrong
    openings = {path.number: plan(total) for path in paths}
    until = random.choice((stride, stride, stride, 1, 0))
    while True:
        for path in paths:
            if not path.finished:
                jitter = random.choice((-1, 1)) if random.random() < ragged else 0
                path.think(random, max(0, until + jitter - path.done), openings[path.number])
        until += stride
        if me.finished:
            return [*me.parts, (f"</think>{blocks.final(str(me.value))}", True)]
        others = [path for path in paths if path is not me]
        heard = random.sample(others, random.choice((0, 1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3)))
        claimed = [(path.number, *_hear(path, random)) for path in heard]
        anchor = "".join(text for text, _ in me.parts).rstrip().rpartition("\n")[2]
        quotes = [(number, text) for number, text, _ in claimed]
        block = [blocks.trigger(random), blocks.summary(me.summary), blocks.comment(quotes, anchor, random)]
        claims = {path.number: Claim(path.done, path.value) for path in paths}
        for path in paths:
            if not path.finished:
                if path is me:
                    me.parts += block
                    read = [claim for _, _, claim in claimed]
                else:
                    read = [claims[other.number] for other in paths if other is not path and not other.finished]
                text, claim = judge(Claim(path.done, path.value), read)
                path.done, path.value = claim.step, claim.value
                openings[path.number] = text


def _hear(path: _Path, random: Random) -> tuple[str, Claim | None]:
    """What is heard of a path, and what it claims; some lie, some talk nonsense."""
    chance = random.random()
    if chance < 0.03:
        return random.choice(("I am not sure yet.", "...", "After step", f"It is {random.randint(0, 999):03}.")), None
    if path.done == 0 or path.finished:
        return path.summary, None
    if chance < 0.1:
        lie = random.choice((random.randint(0, 999), (path.value + random.choice((-100, -10, -1, 1, 10, 100))) % 1000))
        return f"After step {LABELS[path.done - 1]}: {lie:03}.", Claim(path.done, lie)
    return path.summary, Claim(path.done, path.value)


def judge(mine: Claim, claims: Sequence[Claim | None]) -> tuple[str, Claim]:
    """What a path thinks when it has read, and where it goes on: at the value that most at its step have.

    Its own counts as one; of values that as many have it keeps its own. Peers at other steps do not count.
    """
    if mine.step == 0:
        return "", mine
    values = [mine.value, *(claim.value for claim in claims if claim and claim.step == mine.step)]
    value = max(values, key=values.count)  # of equals the first: its own
    return f"I take {LABELS[mine.step - 1]}: {value:03}\n\n", Claim(mine.step, value)
