from pathlib import Path
from typing import Any

import pytest

from peerleap.evals import Header, MethodConfig, PathRecord, Plan, Problem, Results, Verdict, forecast, remember
from peerleap.evals.duration import spoken
from peerleap.evals.stats import Tokens

CONFIG: dict[str, Any] = {"method": "leap", "model": "m", "model_hash": "h", "paths": 2}
PLAN = Plan("t", [Problem("a", "?", "1", "integer")], "leap", MethodConfig(paths=2))


def done(seconds: float) -> Results:
    right = Verdict(correct=True, extracted="1", how="integer")
    meta = {"started": 0.0, "seconds": seconds, "counted": True}
    paths = [PathRecord("a", 0, "leap", name, 2, "finished", right, Tokens(own=1000), meta=meta) for name in "xy"]
    return Results("leap", Path("leap.jsonl"), CONFIG, "", {("a", 0): paths})


def test_the_time_is_said_before_an_eval_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEERLEAP_CACHE", str(tmp_path / "cache"))
    head = Header(CONFIG)
    assert "no eval of this model has run on this machine yet" in forecast(PLAN, head, 30)
    assert "about 10 min, as long as leap.jsonl took" in forecast(PLAN, head, 30, done(20.0))
    remember(done(20.0))
    text = forecast(PLAN, head, 30)
    assert text.startswith("30 questions to run, 2 paths each: about 10 min, at 100 tokens/s and 1,000 tokens a path")
    assert forecast(PLAN, head, 0) == "every question is done"
    (tmp_path / "cache" / "eval_speeds.json").write_text("torn")
    assert "no eval of this model" in forecast(PLAN, head, 1)


def test_times_are_spoken() -> None:
    assert [spoken(seconds) for seconds in (0.2, 40, 720, 7800)] == ["1 s", "40 s", "12 min", "2 h 10 min"]
