"""Chain sums: questions, and traces that add digit by digit, alone and with peers."""

from dataclasses import dataclass
from random import Random

from peerleap.training.miniature import blocks
from peerleap.training.miniature.blocks import Part
from peerleap.training.miniature.tokenizer import CHAIN_WORDINGS, LABELS

MOST_TERMS = 14
MODULUS = 1000
"""Running values are 0 to 999; a path that has slipped may leave them, and goes on modulo 1,000."""
_PEERS = 4


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


def draw(random: Random, terms: int) -> ChainSum:
    """A sum of that many terms whose running values are all 0 to 999."""
    digits = random.choice((1, 2, 2, 3, 3, 0))
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
    """The first line of a thought: the sum, each term with the letter of its step."""
    terms = "".join(f"{LABELS[i]} {sign} {term}" for i, (sign, term) in enumerate(total.steps))
    return f"{total.first}{terms}\n\n"


def line(total: ChainSum, k: int, value: int, slip: Random | None = None) -> tuple[str, int]:
    """Step `k` from `value`, digit by digit from the right, and its result; with `slip`, one digit is wrong."""
    sign, term = total.steps[k]
    wrong = slip.randrange(3) if slip else -1
    digits, marks, carry = [], [], 0
    for place in range(3):
        a, b = value // 10**place % 10, term // 10**place % 10
        raw = a + b + carry if sign == "+" else a - b - carry
        carry = int(raw > 9 or raw < 0)
        digits.append((raw + (slip.randint(1, 9) if slip and place == wrong else 0)) % 10)
        marks.append("'" if carry else "")
    got = sum(digit * 10**place for place, digit in enumerate(digits))
    work = f"{digits[0]}{marks[0]}{digits[1]}{marks[1]}{digits[2]}"
    return f"{LABELS[k]}: {value} {sign} {term}: {work} = {got}\n\n", got


def lone(total: ChainSum, random: Random) -> list[Part]:
    """A trace without peers; now and then one that the budget ends."""
    cut = random.randint(1, len(total.steps)) if random.random() < 0.02 else None
    value, text = total.first, plan(total)
    for k in range(len(total.steps)):
        if k == cut:
            return [(text, True), blocks.forced(), (f"{value}}}.", True)]
        step, value = line(total, k, value)
        text += step
    return [(f"{text}</think>{blocks.final(str(value))}", True)]


class _Peer:
    """A simulated path."""

    def __init__(self, number: int, total: ChainSum) -> None:
        self.number, self.total = number, total
        self.done, self.value = 0, total.first
        self.base = (0, total.first)  # where its last stretch began
        self.answer: int | None = None

    def think(self, random: Random, tokens: int, slips: float, text: str = "") -> list[Part]:
        parts: list[Part] = [(text, True)] if text else []
        self.base = (self.done, self.value)
        used = len(text) * 0.6
        while used < tokens and self.done < len(self.total.steps):
            slip = random if random.random() < slips else None
            step, self.value = line(self.total, self.done, self.value, slip)
            parts.append((step, slip is None))
            self.done += 1
            used += len(step) - 8
        if self.done == len(self.total.steps):
            self.answer = self.value
        return parts

    @property
    def summary(self) -> str:
        if self.answer is not None:
            return blocks.conclusion(str(self.answer))
        return f"After step {LABELS[self.done - 1]} the value is {self.value}."


def leap(total: ChainSum, random: Random) -> list[Part]:
    """A trace with peers: some have slipped, some are elsewhere, have finished, lie or talk nonsense."""
    peers = [_Peer(i + 1, total) for i in range(_PEERS)]
    me, parts = random.choice(peers), []
    slips = random.choice((0.03, 0.08, 0.15, 0.25, 0.35))
    # Short sums have short rounds: a judgement every 100 tokens, which is what takes longest to learn.
    tokens = random.choice((40, 55, 70) if len(total.steps) < 8 else (60, 80, 100, 120))
    openings = {peer.number: plan(total) for peer in peers}
    while True:
        for peer in peers:
            if peer.answer is None:
                jitter = random.choice((0, 0, 0, 0, 0, 0, -18, 18))
                mine = peer.think(random, tokens + jitter, slips, openings[peer.number])
                if peer is me:
                    parts += mine
        if me.answer is not None:
            return [*parts, (f"</think>{blocks.final(str(me.answer))}", True)]
        parts += [blocks.trigger(random), blocks.summary(me.summary)]
        heard = random.sample([peer for peer in peers if peer is not me], random.choice((1, 2, 2, 3, 3, 3, 3)))
        quotes, values = [], []
        for peer in heard:
            text, value = _heard(peer, random)
            quotes.append((peer.number, text))
            if peer.answer is None and peer.done == me.done and value is not None:
                values.append(value)
        parts.append(blocks.comment(quotes, parts_line(parts), random))
        for peer in peers:
            if peer.answer is None and peer is not me:
                others = [p.value for p in peers if p is not peer and p.answer is None and p.done == peer.done]
                openings[peer.number] = _judge(peer, others)
        openings[me.number] = _judge(me, values)


def parts_line(parts: list[Part]) -> str:
    """The last line of a path's own text before the trigger."""
    return parts[-3][0].rstrip().rpartition("\n")[2]


def _heard(peer: _Peer, random: Random) -> tuple[str, int | None]:
    """What is heard of a peer, and the value that it names; some peers lie, some talk nonsense."""
    chance = random.random()
    if chance < 0.03:
        return random.choice(
            ("I am not sure yet.", "...", "After step", f"The value is {random.randint(0, 999)}.")
        ), None
    if chance < 0.1 and peer.answer is None:
        lie = random.randint(0, 999)
        return f"After step {LABELS[peer.done - 1]} the value is {lie}.", lie
    return peer.summary, peer.value


def _judge(peer: _Peer, values: list[int]) -> str:
    """What a path thinks after it has read; keeps, adopts, or does its stretch again."""
    label, mine = LABELS[peer.done - 1], peer.value
    if not values:
        return f"Nobody else is at step {label}. I go on from {mine}.\n\n"
    counts = {value: values.count(value) + (value == mine) for value in values}
    best = max(counts.values())
    winners = [value for value, count in counts.items() if count == best]
    begin = f"Step {label}: mine {mine}, theirs {', '.join(map(str, values))}."
    if best == 1:
        k, value = peer.base
        text = f"{begin} We differ. Again from step {LABELS[k]}.\n\n"
        for step in range(k, peer.done):
            redone, value = line(peer.total, step, value)
            text += redone
        peer.value = value
        return text
    if mine in winners:
        return f"{begin} It agrees. I go on from {mine}.\n\n"
    peer.value = winners[0]
    return f"{begin} They agree. I go on from {peer.value}.\n\n"
