"""Which processes there are, read from `/proc`."""

from pathlib import Path


def engine_processes(host: int) -> set[int]:
    """Process ids of the engine processes below a process, grandchildren too."""
    parents: dict[int, int] = {}
    commands: dict[int, str] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
            commands[int(folder.name)] = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:  # it ended while we looked
            continue
        if stat[0] != "Z":
            parents[int(folder.name)] = int(stat[1])
    below, found = {host}, set[int]()
    while below:
        below = {pid for pid, parent in parents.items() if parent in below}
        found |= {pid for pid in below if "VLLM" in commands[pid] or "spawn_main" in commands[pid]}
    return found


def alive(pids: set[int]) -> set[int]:
    """Those of some processes that still run; a process that nobody has reaped is dead."""
    return {pid for pid in pids if _state(pid) not in {"", "Z"}}


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
