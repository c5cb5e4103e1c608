"""What the host tells a worker to be; it travels as JSON on the command line, so it holds no secret."""

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
        return cls(**fields)
