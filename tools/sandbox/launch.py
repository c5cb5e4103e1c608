"""The command that starts a worker: its Python, its packages and the folders it can see.

Nothing of the host's environment is passed on, and only the base Python, the C libraries and
the allowed packages are mounted. The worker's folder is mounted too, since it is what runs.
"""

import importlib.util
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from peerleap.tools.sandbox.errors import SandboxUnavailable
from peerleap.tools.sandbox.user_ids import IdMap, exempt, ranges
from peerleap.tools.sandbox.worker.plan import Plan

PRELOAD = ("numpy", "sympy")
_PACKAGES = (*PRELOAD, "mpmath", "gmpy2", "flint")
_WORKER = Path(__file__).parent / "worker"
_INSIDE = Path("/sandbox")
_CPU_S = 600

# One thread per session: 32 paths of 16 BLAS threads each would only wait for each other.
_ENVIRONMENT = {
    "PATH": "/usr/bin",
    "HOME": "/",
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
}


@dataclass(frozen=True)
class Walls:
    """What stands between a session and the machine."""

    bwrap: str | None
    """The bubblewrap program; None: no namespaces."""
    landlock: bool
    seccomp: bool

    @property
    def tier(self) -> int:
        """1: all three; 2: seccomp with one of the other two; 0: less than that."""
        if not self.seccomp:
            return 0
        return {0: 0, 1: 2, 2: 1}[bool(self.bwrap) + self.landlock]

    @property
    def shared(self) -> bool:
        """Whether sessions may share one mount: Landlock is what keeps them apart in it."""
        return self.landlock or self.tier == 0

    @property
    def label(self) -> str:
        """The tier as the documentation names it: `"1"`, `"2"`, `"2b"` or `"none"`."""
        if not self.tier:
            return "none"
        return "2b" if self.bwrap and not self.landlock else str(self.tier)


@dataclass(frozen=True)
class Launch:
    """A worker's command line and environment."""

    command: tuple[str, ...]
    environment: dict[str, str]


def launch(
    task: str,
    walls: Walls,
    *,
    control: int = -1,
    memory_mb: int = 896,
    max_output: int = 1000,
    preload: Sequence[str] = (),
    id_map: IdMap | None = None,
) -> Launch:
    """The command that starts a worker.

    Args:
        task: `"serve"` or `"probe"`.
        walls: what to build around it.
        control: descriptor of its end of the control socket; -1 for none.
        memory_mb: MiB of address space of a session.
        max_output: characters of a result.
        preload: packages to import before the first session.
        id_map: maps user ids for sessions into bubblewrap's namespace.

    Returns:
        Command line and environment.

    Raises:
        SandboxUnavailable: a package to preload is missing.
    """
    packages = _find_packages(preload)
    system = _system_paths()
    inside = {name: str(_INSIDE / "packages" / name) for name in packages}
    folders = inside if walls.bwrap else packages
    plan = Plan(
        control=control,
        host_pid=0 if walls.bwrap else os.getpid(),
        landlock=walls.landlock,
        seccomp=walls.seccomp,
        readable=(*system, *folders.values()),
        packages={name: folder for name, folder in folders.items() if not name.endswith(".libs")},
        preload=tuple(preload),
        memory_bytes=memory_mb << 20,
        cpu_s=_CPU_S,
        uids=() if walls.bwrap and id_map is None else ranges(mapped=bool(walls.bwrap)),
        exempt=exempt(),
        max_output=max_output,
    )
    worker = str(_INSIDE / "worker") if walls.bwrap else str(_WORKER)
    # Not -I: it would ignore the hash seed. The environment is ours, and -P keeps the path clean.
    python = (_interpreter(), "-P", "-s", "-S", "-B", "-X", "utf8", worker, task, plan.to_json())
    if not walls.bwrap:
        return Launch(python, _ENVIRONMENT)
    mounts = {folder: inside[name] for name, folder in packages.items()} | {str(_WORKER): worker}
    more = id_map.options if id_map is not None else ()
    return Launch((walls.bwrap, *_bubblewrap(system, mounts), *more, *python), _ENVIRONMENT)


def _bubblewrap(system: Sequence[str], mounts: dict[str, str]) -> list[str]:
    # No /proc, no /tmp, no /dev but the two files: a process that writes nothing needs none of it.
    options = [
        *("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
        *("--die-with-parent", "--new-session", "--cap-drop", "ALL", "--uid", "65534", "--gid", "65534"),
        *("--hostname", "sandbox", "--clearenv"),
    ]
    for name, value in _ENVIRONMENT.items():
        options += ["--setenv", name, value]
    for path in system:
        if Path(path).is_symlink():
            options += ["--symlink", str(Path(path).readlink()), path]
        else:
            options += ["--ro-bind", path, path]
    for source, target in mounts.items():
        options += ["--ro-bind", source, target]
    for device in ("/dev/null", "/dev/urandom"):
        options += ["--dev-bind", device, device]
    return [*options, "--remount-ro", "/", "--chdir", "/"]


def _interpreter() -> str:
    return str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())


def _system_paths() -> tuple[str, ...]:
    """Python's own files and the C libraries, parents before what lies in them."""
    prefix = Path(sys.base_prefix)
    libraries = [Path(root) / name for root in ("/usr", "/") for name in ("lib", "lib64", "lib32")]
    found = [*libraries, prefix / "lib", prefix / "lib64", Path(_interpreter())]
    return tuple(dict.fromkeys(str(path) for path in found if path.exists()))


def _find_packages(required: Sequence[str]) -> dict[str, str]:
    """Package (and its bundled libraries) -> folder; found without importing anything."""
    folders: dict[str, str] = {}
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        # Without an origin it is no package: a folder of that name where the host happens to stand.
        if spec is None or spec.origin is None or not spec.submodule_search_locations:
            if name in required:
                raise SandboxUnavailable(f"the sandbox preloads {name!r}, which is missing: pip install {name}")
            continue
        folder = Path(next(iter(spec.submodule_search_locations))).resolve()
        folders[name] = str(folder)
        libraries = folder.with_name(f"{name}.libs")
        if libraries.is_dir():
            folders[libraries.name] = str(libraries)
    return folders
