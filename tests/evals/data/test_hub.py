import socket
import sys
import threading
import time
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from peerleap.evals import DataError, MissingExtra, load
from peerleap.evals.data import hub

ROWS: dict[str, list[dict[str, Any]]] = {
    "HuggingFaceH4/aime_2024": [{"id": 60, "problem": "1 + 1?", "answer": "2", "url": "-", "year": "2024"}],
    "MathArena/aime_2025": [{"problem_idx": 1, "problem": "2 + 2?", "answer": 4}],
    "openai/gsm8k": [{"question": "3 + 3?", "answer": "Add: <<3+3=6>>\n#### 1,006"}],
    "HuggingFaceH4/MATH-500": [{"unique_id": "test/a/1.json", "problem": "Root of 8?", "answer": r"2\sqrt{2}"}],
    "Idavidrein/gpqa": [
        {
            "Record ID": f"rec{n}",
            "Question": "Which number is even? ",
            "Correct Answer": "two\n",
            **{f"Incorrect Answer {k}": word for k, word in enumerate(("one", "three", "five"), 1)},
            "High-level domain": "Arithmetic",
        }
        for n in range(40)
    ],
}


def module(monkeypatch: pytest.MonkeyPatch, name: str, **names: object) -> None:
    made = ModuleType(name)
    made.__spec__ = ModuleSpec(name, None)
    made.__dict__.update(names)
    monkeypatch.setitem(sys.modules, name, made)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    calls: list[tuple[object, ...]] = []

    def load_dataset(repo: str, config: str | None, *, split: str, revision: str | None) -> list[dict[str, Any]]:
        calls.append((repo, config, split, revision))
        return ROWS[repo]

    module(monkeypatch, "datasets", load_dataset=load_dataset)
    info = SimpleNamespace(sha="0123456789abcdef")
    api = SimpleNamespace(dataset_info=lambda _repo, **_: info)
    module(monkeypatch, "huggingface_hub", HfApi=lambda: api)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("PEERLEAP_DATA", raising=False)
    return calls


def test_rows_of_every_shape_become_problems(asked: list[tuple[object, ...]]) -> None:
    (aime,), (later,), (gsm,), (maths,) = (load(name) for name in ("aime2024", "aime2025", "gsm8k", "math500"))
    assert (aime.id, aime.question, aime.answer, aime.kind) == ("aime2024-60", "1 + 1?", "2", "integer")
    assert (aime.source, later.id, later.answer) == ("HuggingFaceH4/aime_2024@01234567", "aime2025-1", "4")
    assert (gsm.id, gsm.answer, gsm.kind) == ("gsm8k-0000", "1,006", "integer")
    assert (maths.answer, maths.kind) == (r"2\sqrt{2}", "math")
    assert asked[2] == ("openai/gsm8k", "main", "test", "0123456789abcdef")


def test_gpqa_is_shuffled(asked: list[tuple[object, ...]]) -> None:
    problems = load("gpqa_diamond")
    assert asked[0][:3] == ("Idavidrein/gpqa", "gpqa_diamond", "train")
    assert {problem.answer for problem in problems} == set("ABCD")
    assert all(p.choices is not None and p.choices["ABCD".index(p.answer)] == "two" for p in problems)


@pytest.mark.usefixtures("asked")
def test_offline_one_message_names_the_local_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError

    module(monkeypatch, "huggingface_hub", HfApi=lambda: SimpleNamespace(dataset_info=refuse))
    with pytest.raises(DataError, match=r"ConnectionError.*put the rows into aime2024.jsonl.*PEERLEAP_DATA"):
        load("aime2024")


@pytest.mark.usefixtures("asked")
def test_a_silent_network_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "REACH_SECONDS", 0.2)
    hang = SimpleNamespace(dataset_info=lambda *_, **__: time.sleep(1))
    module(monkeypatch, "huggingface_hub", HfApi=lambda: hang)
    with pytest.raises(DataError, match="no reply in"):
        load("aime2024")


@pytest.mark.usefixtures("asked")
def test_a_gated_set_says_what_to_accept(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        msg = "Access to dataset is gated"
        raise PermissionError(msg)

    module(monkeypatch, "datasets", load_dataset=refuse)
    with pytest.raises(DataError, match=r"gpqa_diamond.jsonl \(id, question, answer, choices\)"):
        load("gpqa_diamond")
    with pytest.raises(DataError, match=r"it is gated: accept its terms .* `hf auth login`"):
        load("gpqa_diamond")


def test_with_offline_set_only_the_cache_is_used(
    asked: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert load("aime2024")[0].source == "HuggingFaceH4/aime_2024@cache"
    assert asked[0][3] is None


def test_the_real_client_gives_up_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    module(monkeypatch, "datasets")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("PEERLEAP_DATA", raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    with pytest.raises(DataError, match="PEERLEAP_DATA"):
        load("aime2024")


def test_the_real_client_is_given_up_where_looking_up_a_name_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("huggingface_hub").HfApi()  # imported before the clock starts
    released = threading.Event()

    def hang(*_: object, **__: object) -> None:
        released.wait()
        raise socket.gaierror(-2, "Name or service not known")

    module(monkeypatch, "datasets")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("PEERLEAP_DATA", raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    # It would hang for good; the command needs some 2 seconds for its imports besides, and has 5.
    with pytest.raises(DataError, match=r"no reply in 2 seconds.*PEERLEAP_DATA"):
        load("aime2024")
    released.set()


def test_without_datasets_the_message_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "installed", lambda _name: False)
    monkeypatch.delenv("PEERLEAP_DATA", raising=False)
    with pytest.raises(MissingExtra, match=r"pip install 'peerleap\[evals\]'"):
        load("aime2024")
    with pytest.raises(DataError, match=r"aimo2025\.jsonl"):
        load("aimo2025")
