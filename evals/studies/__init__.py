"""Studies: experiments on what hearing its peers does to a model; each writes one file and can be continued.

In reading order:

- `listening`: the same half-done paths go on in seven ways
- `arms`: what a path reads in each
- `wrong_answers`: what a peer says who is wrong
- `hearing`: what the listening test has measured
- `verdict`: the same in one sentence
- `beginnings`: paths that begin as another path did, badly or well
- `samples`: where beginnings come from
- `gaps`: what a study of beginnings has measured
- `types/`: what communication did, step by step
"""

from peerleap.evals.studies.arms import ARMS
from peerleap.evals.studies.beginnings import KINDS, beginnings_plan, check_kind
from peerleap.evals.studies.gaps import BeginningRow, BeginningsFound, beginnings_verdict, read_beginnings
from peerleap.evals.studies.hearing import DIFFERENCES, ArmRow, Listening, TakeUp, read_listening
from peerleap.evals.studies.listening import listening_plan
from peerleap.evals.studies.samples import Samples, check_samples, read_samples
from peerleap.evals.studies.verdict import listening_verdict

__all__ = [
    "ARMS",
    "DIFFERENCES",
    "KINDS",
    "ArmRow",
    "BeginningRow",
    "BeginningsFound",
    "Listening",
    "Samples",
    "TakeUp",
    "beginnings_plan",
    "beginnings_verdict",
    "check_kind",
    "check_samples",
    "listening_plan",
    "listening_verdict",
    "read_beginnings",
    "read_listening",
    "read_samples",
]
