"""What `peerleap models` lists."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peerleap.engine.shipped import embedded

Invoke = Callable[..., Any]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(autouse=True)
def empty_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import huggingface_hub.utils._cache_manager as manager

    monkeypatch.setenv("PEERLEAP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "500")
    monkeypatch.setattr(manager, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path


def folder_of(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "config.json").write_text('{"max_position_embeddings": 64}')
    (path / "tokenizer.json").touch()
    (path / "model.safetensors").write_bytes(bytes(3_000_000))
    return path


def test_nothing_is_prepared_by_looking(invoke: Invoke, empty_caches: Path) -> None:
    done = invoke("models")
    assert done.exit_code == 0, done.output
    assert "smollm2-135m" in done.stdout
    assert "not prepared" in done.stdout
    assert "embedded, default" in done.stdout
    assert str(empty_caches / "cache") in done.stdout
    assert not (empty_caches / "cache").exists()


def test_prepared_model_is_shown_with_its_size(invoke: Invoke, empty_caches: Path) -> None:
    folder = folder_of(empty_caches / "cache" / "models" / embedded.EMBEDDED)
    done = invoke("models", "--prepare")
    assert done.exit_code == 0, done.output
    assert "3 MB" in done.stdout
    assert str(folder) in done.stdout.replace("\n", "")


def test_default_of_the_environment(invoke: Invoke, empty_caches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of(empty_caches / "mine")
    monkeypatch.setenv("PEERLEAP_MODEL", str(folder))
    done = invoke("models")
    assert done.exit_code == 0, done.output
    assert "embedded, default" not in done.stdout
    assert str(folder) in done.stdout


def test_default_that_does_not_exist(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEERLEAP_MODEL", "/no/where")
    done = invoke("models")
    assert done.exit_code == 0, done.output
    assert "smollm2-135m" in done.stdout
    assert "default" in done.stdout
    assert "model='/no/where': no such folder" in done.stdout


@pytest.mark.parametrize("columns", [80, 120])
def test_names_are_whole(invoke: Invoke, empty_caches: Path, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    snapshot = empty_caches / "hub" / "models--deepseek-ai--DeepSeek-R1-Distill-Qwen-7B" / "snapshots" / "1"
    folder_of(snapshot)
    done = invoke("models")
    assert done.exit_code == 0, done.output
    assert "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B" in done.stdout


def test_installed_command(start: Start, tmp_path: Path) -> None:
    process = start("models", env={"PEERLEAP_CACHE": str(tmp_path / "cache"), "HF_HOME": str(tmp_path / "hf")})
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    assert "not prepared" in out
