"""What the machine can do, what is refused, and what a result says."""

import hashlib
import re
from pathlib import Path

import pytest

import peerleap.tools.sandbox
from peerleap.tools.sandbox import CellError, CellResult, Sandbox, SandboxUnavailable, probe
from peerleap.tools.sandbox.launch import Walls, launch
from peerleap.tools.sandbox.worker.capture import Capture, excerpt
from peerleap.tools.sandbox.worker.plan import Plan


def test_public_names() -> None:
    names = peerleap.tools.sandbox.__all__
    assert len(set(names)) == len(names)
    assert all(hasattr(peerleap.tools.sandbox, name) for name in names)


def test_probe_finds_walls_here() -> None:
    report = probe()
    assert report.tier in (0, 1, 2)
    assert report.tier == report.walls.tier
    assert report.tier == 1 or report.reasons
    assert report.netns == bool(report.walls.bwrap)


def test_probe_says_why_bwrap_does_not_work() -> None:
    report = probe("/bin/false")
    assert report.tier == 2 or not report.landlock_abi
    assert any("bwrap '/bin/false' does not work" in reason for reason in report.reasons)
    report = probe("/nowhere/bwrap")
    assert any("No such file" in reason for reason in report.reasons)


@pytest.mark.parametrize(
    ("walls", "tier", "label", "shared"),
    [
        (Walls("bwrap", landlock=True, seccomp=True), 1, "1", True),
        (Walls(None, landlock=True, seccomp=True), 2, "2", True),
        (Walls("bwrap", landlock=False, seccomp=True), 2, "2b", False),
        (Walls("bwrap", landlock=True, seccomp=False), 0, "none", True),
        (Walls(None, landlock=False, seccomp=True), 0, "none", True),
        (Walls(None, landlock=False, seccomp=False), 0, "none", True),
    ],
)
def test_tiers(walls: Walls, tier: int, label: str, shared: bool) -> None:
    assert (walls.tier, walls.label, walls.shared) == (tier, label, shared)


def test_a_broken_bwrap_is_told() -> None:
    broken = Sandbox(_walls=Walls("/bin/false", landlock=True, seccomp=True))
    with broken, pytest.raises(SandboxUnavailable, match="the worker did not start"):
        broken.session("never")
    missing = Sandbox(_walls=Walls("/nowhere/bwrap", landlock=True, seccomp=True))
    with missing, pytest.raises(SandboxUnavailable, match="No such file"):
        missing.session("never")


@pytest.mark.parametrize(
    "settings",
    [
        {"timeout_s": 0},
        {"timeout_s": float("inf")},
        {"timeout_s": 1e19},
        {"grace_s": -1},
        {"memory_mb": 10},
        {"max_output": 0},
        {"max_output": 10**6},
        {"min_tier": 0},
        {"min_tier": 3},
    ],
)
def test_senseless_settings_are_refused(settings: dict[str, float]) -> None:
    ((name, value),) = settings.items()
    with pytest.raises(ValueError, match=re.escape(f"{name}={value!r}")):
        Sandbox(**settings)  # type: ignore[arg-type]


def test_the_plan_travels() -> None:
    start = launch("serve", Walls(None, landlock=True, seccomp=True), preload=("numpy",))
    plan = Plan.from_json(start.command[-1])
    assert plan.packages["numpy"].endswith("numpy")
    assert plan == Plan.from_json(plan.to_json())


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SandboxUnavailable, match="pip install numpy"):
        launch("serve", Walls(None, landlock=True, seccomp=True), preload=("numpy",))


def test_a_folder_with_the_name_of_a_package_is_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("flint", "gmpy2"):
        (tmp_path / name).mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    start = launch("serve", Walls(None, landlock=True, seccomp=True), preload=("numpy",))
    assert str(tmp_path) not in start.command[-1]


def test_the_environment_is_not_passed_on() -> None:
    start = launch("serve", Walls("bwrap", landlock=True, seccomp=True))
    assert "PEERLEAP_TEST_SECRET" not in start.environment
    assert "--clearenv" in start.command


def result(**changes: object) -> CellResult:
    fields: dict[str, object] = {
        "stdout": "",
        "value": None,
        "error": None,
        "timed_out": False,
        "state_lost": False,
        "duration_s": 0.0,
        "truncated": False,
    }
    return CellResult(**(fields | changes))  # type: ignore[arg-type]


def test_text() -> None:
    error = CellError("E", "m", ('File "<cell 1>", line 1, in <module>\n    f()',))
    shown = 'Traceback (most recent call last):\n  File "<cell 1>", line 1, in <module>\n    f()\nE: m'
    assert result().text() == "(no output; use print)"
    assert result(stdout="a\n", value="1").text() == "a\nOut: 1"
    assert result(stdout="a\n", error=error).text() == f"a\n{shown}"
    assert result(error=CellError("KeyboardInterrupt", "")).text() == "KeyboardInterrupt"
    assert result(value="1", state_lost=True).text().startswith("SandboxRestarted: ")
    long = CellError("E", "m" * 10, ("f" * 2000,))
    assert len(result(error=long).text(100)) == 76
    assert result(error=long).text(100).endswith("E: mmmmmmmmmm")


@pytest.mark.parametrize("pieces", [["abc"], ["a" * 7, "b" * 7], ["a" * 100], ["", "a" * 10, "b", "c" * 20]])
def test_capture_keeps_both_ends(pieces: list[str]) -> None:
    capture = Capture(10)
    for piece in pieces:
        assert capture.write(piece) == len(piece)
    whole = "".join(pieces)
    digest = hashlib.sha256(whole.encode()).hexdigest()
    expected = {"head": whole[:10], "tail": whole[10:][-10:], "total": len(whole), "sha256": digest}
    assert capture.excerpt() == excerpt(whole, 10) == expected
