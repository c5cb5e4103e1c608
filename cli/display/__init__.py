"""What a person sees.

In reading order:

- `plain`: a model's text made safe for a terminal
- `board`: a run as a person follows it: lanes, LeaP blocks, changed answers
- `views`: which view there is, and the plain log
- `live`: the live view
- `report`: what is printed and written when a run is over
- `pages`: a run, or an eval's questions, as an HTML file
- `eval_views`: an eval's progress and tables
- `study_views`: a study's tables
- `train_views`: a training's; `rl_views`: one by reward
"""

from peerleap.cli.display.eval_views import progress_view, show_comparisons, show_levels, show_methods
from peerleap.cli.display.pages import write_questions_page, write_run_page
from peerleap.cli.display.plain import clip, message_line, one_line, plain
from peerleap.cli.display.report import (
    check_apart,
    check_target,
    print_json,
    print_result,
    result_json,
    save,
    write_or_say,
    write_whole,
)
from peerleap.cli.display.rl_views import describe_rl, rl_view
from peerleap.cli.display.study_views import show_beginnings, show_listening
from peerleap.cli.display.train_views import describe_plan, show_rows, show_selection, step_view
from peerleap.cli.display.views import View, choose_view, watched

__all__ = [
    "View",
    "check_apart",
    "check_target",
    "choose_view",
    "clip",
    "describe_plan",
    "describe_rl",
    "message_line",
    "one_line",
    "plain",
    "print_json",
    "print_result",
    "progress_view",
    "result_json",
    "rl_view",
    "save",
    "show_beginnings",
    "show_comparisons",
    "show_levels",
    "show_listening",
    "show_methods",
    "show_rows",
    "show_selection",
    "step_view",
    "watched",
    "write_or_say",
    "write_questions_page",
    "write_run_page",
    "write_whole",
]
