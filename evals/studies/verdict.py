"""The listening test in one sentence: what LeaP will do to this model, by intervals and not by points."""

from peerleap.evals.stats import Estimate
from peerleap.evals.studies.hearing import Listening

# Take-up below which a model hardly listens, and above which it does.
_LITTLE, _MUCH = 0.25, 0.1
_COSTS = {
    "the interruption": "the interruption alone, with nothing to read,",
    "words on another question": "reading summaries of another question",
}


def listening_verdict(found: Listening) -> str:
    """What a model makes of what it hears, in one sentence without its full stop."""
    return _taking(found) + _costs(found)


def _taking(found: Listening) -> str:
    if 2 * found.silent > found.paths:
        return (
            f"no peer had anything to say to {found.silent} of {found.paths} paths, since the block came too early: "
            "give a larger --interval"
        )
    right, wrong, difference = found.take_up.right, found.take_up.wrong, found.take_up.discrimination
    if wrong is None:
        return "this model is wrong in the same way in nearly all paths: nothing can be told from these questions"
    if right is None or difference is None:
        start = "this model is right without any help in nearly all paths, so taking up right answers cannot be seen"
        if wrong.low > _MUCH:
            return (
                f"{start}; it takes up {_percent(wrong)} of wrong answers: LeaP will harm it where most paths are wrong"
            )
        return f"{start}; ask harder questions"
    rates = f"{_percent(right)} of right answers and {_percent(wrong)} of wrong ones"
    if difference.low > 0 and wrong.high < _LITTLE:
        return f"this model tells right peers from wrong ones (it takes up {rates}): LeaP can help it"
    if difference.low > 0:
        return (
            f"this model takes up right answers more often than wrong ones ({rates}): LeaP can help it where most "
            "paths are right, and can harm it where most are wrong"
        )
    if difference.high < 0 and wrong.low > _MUCH:
        return f"this model takes up wrong answers more often than right ones ({rates}): LeaP will harm it"
    if right.low > _MUCH and wrong.low > _MUCH:
        return (
            f"this model takes up what it hears, right or wrong ({rates}): LeaP will harm it where most paths are wrong"
        )
    if right.high < _LITTLE and wrong.high < _LITTLE:
        several = _of_several(found)
        if several:
            return f"this model takes up little of what one finished peer answers ({rates}), {several}"
        return f"this model takes up little of what it hears ({rates}): LeaP costs tokens and can hardly help it"
    if wrong.high < _LITTLE:
        return (
            f"this model takes up few wrong answers ({_percent(wrong)}), and {found.paths} paths do not say whether it "
            f"takes up right ones ({_percent(right)}): test more questions, or harder ones"
        )
    return f"{found.paths} paths do not say what this model makes of its peers ({rates}): test more questions"


def _of_several(found: Listening) -> str:
    """What moves a model that does not go by one finished peer's word: several who agree, or peers on their way."""
    several, effect = found.of_several, found.differences.get("what peers say")
    right, wrong = (None, None) if several is None else (several.right, several.wrong)
    if right is not None and wrong is not None and right.low > _MUCH:
        rates = f"{_percent(right)} of right answers and {_percent(wrong)} of wrong ones"
        if wrong.high < _LITTLE:
            return f"but right ones of several who agree ({rates}): LeaP can help it"
        return (
            f"but goes by several who agree ({rates}): LeaP can help it where most paths are right, and can harm it "
            "where most are wrong"
        )
    if effect is not None and effect.low > 0:
        gain = _points(effect.value, effect.low, effect.high)
        return f"but what its peers have worked out gives it {gain} points of Pass@1: LeaP can help it"
    return ""


def _costs(found: Listening) -> str:
    """What costs the model right paths by itself, where the interval says so."""
    sentence = ""
    for effect, words in _COSTS.items():
        cost = found.differences.get(effect)
        if cost is not None and cost.high < 0:
            sentence += f"; {words} costs it {_points(-cost.value, -cost.high, -cost.low)} points of Pass@1"
    return sentence


def _points(value: float, low: float, high: float) -> str:
    return f"{100 * value:.0f} [{100 * low:.0f}, {100 * high:.0f}]"


def _percent(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.0f} % [{100 * estimate.low:.0f}, {100 * estimate.high:.0f}]"
