"""Entry of the sandbox worker: `python <this folder> <task> <plan as JSON>`.

The worker runs in a clean Python without site-packages, from wherever its folder is mounted,
so it imports itself by the folder's name and nothing else of peerleap.
"""

import importlib
import sys
from pathlib import Path

TASKS = {"serve": "fork_server", "probe": "selftest"}


def main() -> None:
    """Run the task named in `argv`."""
    task, plan = sys.argv[1:]
    folder = Path(__file__).absolute().parent
    sys.path.insert(0, str(folder.parent))
    module = importlib.import_module(f"{folder.name}.{TASKS[task]}")
    sys.path.remove(str(folder.parent))
    module.main(plan)


if __name__ == "__main__":
    main()
