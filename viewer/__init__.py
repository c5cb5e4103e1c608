"""What a run shows: who held which answer when, who read whom, what changed; as plain data and as one HTML file.

In reading order:

- `held`: the answer that each path holds at each LeaP block, and who changed it after reading whom
- `spread`: where an answer came from, and who took it up
- `segments`: a path's history as plain data
- `document`: a run as a document of plain JSON values, with a version
- `pieces`: token ids as pieces of text
- `timeline`: when each segment began
- `recorded`: a question's run as an eval's records hold it
- `inspect_lanes`: a run as events of inspect_ai
- `questions`: an eval's questions, against the paired baseline
- `page`: the document as one HTML file; its script and style are in `page/`
"""

from typing import TYPE_CHECKING

from peerleap import lazy_face
from peerleap.viewer.held import Change, ClosedBlock, HeldAnswers, replay

if TYPE_CHECKING:
    from peerleap.viewer.document import VERSION, run_document, run_rows
    from peerleap.viewer.inspect_lanes import emit_lanes, lane_events
    from peerleap.viewer.page import html_page
    from peerleap.viewer.questions import questions_document
    from peerleap.viewer.recorded import recorded_run

__all__ = [
    "VERSION",
    "Change",
    "ClosedBlock",
    "HeldAnswers",
    "emit_lanes",
    "html_page",
    "lane_events",
    "questions_document",
    "recorded_run",
    "replay",
    "run_document",
    "run_rows",
]

# Imported when they are first used: a command's first line needs none of them.
_LATER = {
    "VERSION": "document",
    "run_document": "document",
    "run_rows": "document",
    "html_page": "page",
    "questions_document": "questions",
    "recorded_run": "recorded",
    "emit_lanes": "inspect_lanes",
    "lane_events": "inspect_lanes",
}

__getattr__ = lazy_face(__name__, _LATER)
