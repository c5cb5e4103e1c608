"""User ids that only sessions have, where the host is root.

The kernel exempts root from its limit on threads (`RLIMIT_NPROC`), so each session gets a real user id that no account
has. Inside bubblewrap's user namespace such ids exist only if somebody maps them: `IdMap` does.
"""

import os
import select
from contextlib import suppress
from pathlib import Path
from typing import Self

_TIMEOUT_S = 20
_INSIDE = 70_000  # the first id as the worker sees it
_COUNT = 60_000
# Outside: above all that systems give out, or, in a container that has 65,536 ids, above its ordinary accounts.
_OUTSIDE = ((0x7000_0000, _COUNT), (60_000, 1_000))
_UNPRIVILEGED = 65_534


def ranges(*, mapped: bool) -> tuple[tuple[int, int], ...]:
    """The ids that sessions may take.

    Args:
        mapped: whether an `IdMap` makes them.

    Returns:
        Ranges as first id and size, to be tried in this order; none where the host is not root.
    """
    if os.geteuid():
        return ()
    return ((_INSIDE, _COUNT), (_INSIDE, 1_000)) if mapped else _OUTSIDE


def exempt() -> bool:
    """Whether the kernel's limit on threads does not bind this process's user: root, outside of user namespaces."""
    try:
        first = Path("/proc/self/uid_map").read_text().split()[:2]
    except OSError:
        first = ["0", "0"]
    return os.geteuid() == 0 and first == ["0", "0"]


class IdMap:
    """Writes the map of bubblewrap's user namespace while bubblewrap waits; use it as a `with` block."""

    def __init__(self) -> None:
        self._info, self.info_fd = os.pipe()
        self.block_fd, self._block = os.pipe()

    @property
    def options(self) -> tuple[str, ...]:
        """Bubblewrap's options."""
        return ("--info-fd", str(self.info_fd), "--userns-block-fd", str(self.block_fd), "--cap-add", "CAP_SETUID")

    @property
    def inherited(self) -> tuple[int, int]:
        """The descriptors that bubblewrap needs."""
        return self.info_fd, self.block_fd

    def write(self) -> None:
        """Map the ids, as many as this machine has, and let bubblewrap go on.

        It does nothing where bubblewrap has ended before it had a namespace.
        """
        for descriptor in self.inherited:
            os.close(descriptor)
        self.info_fd = self.block_fd = -1
        if (process := self._process()) is None:
            return
        folder = Path(f"/proc/{process}")
        for first, count in (*_OUTSIDE, (0, 0)):
            more = f"{_INSIDE} {first} {count}\n" if count else ""
            with suppress(OSError):  # these are not mapped in the container that we run in
                folder.joinpath("uid_map").write_text(f"{_UNPRIVILEGED} {os.geteuid()} 1\n{more}")
                break
        with suppress(OSError):  # what is missing now, bubblewrap complains about
            folder.joinpath("setgroups").write_text("deny")
            folder.joinpath("gid_map").write_text(f"{_UNPRIVILEGED} {os.getegid()} 1\n")
            os.write(self._block, b"\0")

    def _process(self) -> int | None:
        """The first process of the namespace, in bubblewrap's own words (JSON in several writes)."""
        text = b""
        while b"}" not in text and select.select([self._info], [], [], _TIMEOUT_S)[0]:
            if not (more := os.read(self._info, 4096)):
                break
            text += more
        digits = text.partition(b'"child-pid":')[2].partition(b",")[0].strip(b" \n}")
        return int(digits) if digits.isdigit() else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in {self._info, self._block, self.info_fd, self.block_fd} - {-1}:
            os.close(descriptor)
