"""Studies: experiments on what hearing its peers does to a model; each writes one file and can be continued.

In reading order:

- `listening`: the same half-done paths go on in seven ways
- `arms`: what a path reads in each
- `wrong_answers`: what a peer says who is wrong
- `hearing`: what the listening test has measured
- `verdict`: the same in one sentence
"""

from peerleap.evals.studies.arms import ARMS
from peerleap.evals.studies.hearing import DIFFERENCES, ArmRow, Listening, TakeUp, read_listening
from peerleap.evals.studies.listening import listening_plan
from peerleap.evals.studies.verdict import listening_verdict

__all__ = [
    "ARMS",
    "DIFFERENCES",
    "ArmRow",
    "Listening",
    "TakeUp",
    "listening_plan",
    "listening_verdict",
    "read_listening",
]
