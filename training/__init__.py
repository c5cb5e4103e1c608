"""How a model learns to listen: LeaP traces, their selection, supervised fine-tuning (the paper's LeaP-T).

In reading order:

- `synthesize`: LeaP over training questions, every token id kept
- `selection`: which paths are worth learning from
- `lone_prompt`: the prompt that the trained model needs
- `rows`: a row, and which of its tokens are trained
- `row_file`: the file of rows
- `show`: a row for a person's eyes
- `recipes`: the paper's hyperparameters
- `plan`: a fine-tuning, checked before a weight is read
- `costs`: the memory and the time that it takes here
- `sft`: the fine-tuning, by TRL
- `trial`: its result on one question

- `architecture`: sizes of a model, from its configuration
- `machine`: the device at hand
- `data`: rows as a trainer takes them, and their order
- `checkpoints`: the folder of a run, and what it goes on from
- `progress`: what happens beside the steps
- `curve`: the loss as a picture

- `rl/`: rows and rewards for reinforcement learning
- `miniature/`: the whole of it with a model that is made from nothing
"""

from peerleap.training.costs import Estimate, check_memory, estimate
from peerleap.training.data import dataset
from peerleap.training.machine import Machine, this_machine
from peerleap.training.plan import SftPlan, load_tokenizer, need_packages, sft_plan
from peerleap.training.recipes import RECIPES, Lora, Recipe, SftOptions
from peerleap.training.row_file import RowsError, RowsHeader, read_rows, write_rows
from peerleap.training.rows import Row, Span, make_row
from peerleap.training.selection import Rules, Selection, select
from peerleap.training.sft import SftResult, Stopped, fine_tune
from peerleap.training.show import READ, TRAINED, show_row
from peerleap.training.synthesize import outlook, trace_plan
from peerleap.training.trial import Trial, opens_by_itself, try_model

__all__ = [
    "READ",
    "RECIPES",
    "TRAINED",
    "Estimate",
    "Lora",
    "Machine",
    "Recipe",
    "Row",
    "RowsError",
    "RowsHeader",
    "Rules",
    "Selection",
    "SftOptions",
    "SftPlan",
    "SftResult",
    "Span",
    "Stopped",
    "Trial",
    "check_memory",
    "dataset",
    "estimate",
    "fine_tune",
    "load_tokenizer",
    "make_row",
    "need_packages",
    "opens_by_itself",
    "outlook",
    "read_rows",
    "select",
    "sft_plan",
    "show_row",
    "this_machine",
    "trace_plan",
    "try_model",
    "write_rows",
]
