"""The host's description of a worker; it travels as JSON on the command line, so it holds no secret."""

import dataclasses
import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """One worker's walls, limits and packages. Paths are as the worker sees them."""

    control: int
    """Descriptor of the control socket; -1 for a self-test."""
    host_pid: int
    """The parent to die with; 0 where a namespace of its own takes care of that."""
    landlock: bool
    seccomp: bool
    readable: tuple[str, ...]
    """Files and folders that a session may read."""
    packages: dict[str, str]
    """Importable package -> its folder; nothing else outside the standard library is importable."""
    preload: tuple[str, ...]
    """Packages imported once, before the first session."""
    memory_bytes: int
    """Address space of one session."""
    cpu_s: int
    """Processor seconds of one session over its whole life."""
    uids: tuple[tuple[int, int], ...]
    """Ranges of real user ids for sessions, each as its first id and its size; the first that works is taken."""
    exempt: bool
    """Whether the kernel's limit on threads does not bind the host's user: root, outside of user namespaces."""
    max_output: int
    """Characters kept of a cell's output, of its value and of its error, each."""

    def to_json(self) -> str:
        """The plan as one JSON object."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        """The inverse of `to_json`."""
        fields = json.loads(text)
        for name in ("readable", "preload"):
            fields[name] = tuple(fields[name])
        fields["uids"] = tuple((first, count) for first, count in fields["uids"])
        return cls(**fields)
