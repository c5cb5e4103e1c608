"""Where every setting's value comes from."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from peerleap.agents import Peer, Sampling
from peerleap.engine import EMBEDDED, MINIATURE, SETTINGS_FILE, ModelError, ScriptedEngine
from peerleap.graph import Settings, SettingsError
from peerleap.graph.defaults import INSTRUCT, PAPER, SMALL, THINKING, model_defaults, resolve_settings
from peerleap.graph.settings import as_run_settings, as_settings


def engine(*, thinking: bool = False, model: str = "scripted") -> ScriptedEngine:
    return ScriptedEngine(lambda prompt, params: "", thinking=thinking, model=model)


ENGINES = [engine(), engine(thinking=True), engine(model=EMBEDDED)]
# What may stay open: no schema, no preset, blocks without number, no points, the kind told from the question.
OPEN = {"json_schema", "logprobs", "preset", "rounds", "communicate_at", "task"}


@pytest.mark.parametrize("made", ENGINES, ids=["instruct", "thinking", "embedded"])
@pytest.mark.parametrize("context", [None, {}, {"preset": "paper"}, {"top_k": 9}])
def test_every_setting_has_a_value(made: ScriptedEngine, context: Any) -> None:
    settings = resolve_settings(context, made)
    unset = {name for name in Settings.model_fields if getattr(settings, name) is None}
    assert unset <= OPEN
    # Of a request, penalties are zero and nothing is the model's where nobody says so.
    assert None not in settings.sampling.model_dump(exclude={"presence_penalty", "frequency_penalty", "base"}).values()
    # What is stored in the state comes back as it was.
    assert as_run_settings(settings.model_dump(mode="json")) == settings


@pytest.mark.parametrize(("made", "family"), list(zip(ENGINES, [INSTRUCT, THINKING, SMALL], strict=True)))
def test_defaults_suit_the_model(made: ScriptedEngine, family: dict[str, Any]) -> None:
    settings = resolve_settings(None, made)
    for name in set(family) - {"sampling"}:
        assert getattr(settings, name) == family[name]


def test_a_model_that_thinks_gets_the_papers_numbers() -> None:
    settings = resolve_settings(None, engine(thinking=True))
    assert (settings.interval, settings.top_k, settings.summary_tokens, settings.max_tokens) == (4096, 4, 256, 16384)
    assert (settings.sampling.temperature, settings.sampling.top_p, settings.sampling.top_k) == (0.6, 0.95, 40)
    assert (settings.router, settings.similarity, settings.alumni, settings.cut) == (
        "dispersed", "levenshtein", True, "paragraph",
    )  # fmt: skip


@pytest.mark.parametrize("made", ENGINES, ids=["instruct", "thinking", "embedded"])
def test_the_paper_preset(made: ScriptedEngine) -> None:
    settings = resolve_settings({"preset": "paper"}, made)
    unset = {"preset", "sampling", "logprobs", "seed", "task", "communicate_at", "human_peer", "thinking"}
    assert settings.model_dump(exclude={*unset, "json_schema"}) == {
        "router": "dispersed", "top_k": 4, "similarity": "indel", "interval": 4096, "cut": "exact", "grace": 256,
        "rounds": None, "trigger": "interval", "block_as": "thought", "summary_tokens": 256, "alumni": False,
        "max_tokens": 16384, "answer_tokens": 2048, "vote": "majority", "prompt": "paper", "budget_counts": "own",
        "talk": "always", "stable": 2,
    }  # fmt: skip
    assert settings.sampling == Sampling(temperature=0.6, top_p=0.95, top_k=40, min_p=0.05, repetition_penalty=1.0)


@pytest.mark.parametrize("name", sorted(set(PAPER) - {"sampling"}))
def test_what_is_asked_for_beats_the_preset(name: str) -> None:
    other: dict[str, Any] = {
        "similarity": "levenshtein",
        "cut": "paragraph",
        "alumni": True,
        "prompt": "peers",
        "budget_counts": "all",
    }
    value = other.get(name, 7)
    assert getattr(resolve_settings({"preset": "paper", name: value}, ENGINES[0]), name) == value


def test_zero_and_false_are_values() -> None:
    settings = resolve_settings({"rounds": 0, "grace": 0, "alumni": False, "sampling": {"temperature": 0}}, ENGINES[2])
    assert (settings.rounds, settings.grace, settings.alumni, settings.sampling.temperature) == (0, 0, False, 0)
    assert settings.sampling.repetition_penalty == 1.1


def test_points_take_the_place_of_interval_and_rounds() -> None:
    settings = resolve_settings({"communicate_at": [10, 20]}, ENGINES[2])
    assert (settings.interval, settings.rounds, settings.communicate_at) == (None, None, (10, 20))
    assert model_defaults(Settings(), model=EMBEDDED, thinks=False)["rounds"] == 2


def test_a_peers_sampling_beats_the_runs_which_beats_the_models(leap: Any, say: Any) -> None:
    peers = [Peer(name="cool", sampling=Sampling(temperature=0.1, top_k=0)), Peer(name="warm")]
    run = leap(say(), peers=peers, sampling={"temperature": 0.9, "min_p": 0.2})
    cool, warm = (run.engine.of(path)[0].params for path in ("cool_1", "warm_1"))
    assert (cool.temperature, cool.top_k, cool.min_p, cool.top_p) == (0.1, 0, 0.2, 0.95)
    assert (warm.temperature, warm.top_k, warm.min_p, warm.top_p) == (0.9, 40, 0.2, 0.95)


def test_a_default_budget_shrinks_to_the_context(team: Any, say: Any) -> None:
    made = team(say(), paths=2, context_length=3000)
    events = list(made.graph.compile().stream({"question": "What is 2 + 2?"}, stream_mode="custom"))
    prompt = len(made.engine.calls[0].ids)
    settings = events[0]["settings"]
    # Beside the budget: an answer, the frame of a block, a summary of one's own and one of the peer's with its label.
    assert settings["max_tokens"] == 3000 - prompt - (512 + 256 + 256 + 256 + 16)


def test_the_budget_that_fits_all_peers_is_the_smallest(team: Any, say: Any) -> None:
    peers = [Peer(name="a"), Peer(name="b", instructions="Be thorough. " * 20), Peer(name="c")]
    made = team(say(), peers=peers, context_length=3500)
    budget = next(iter(made.graph.compile().stream({"question": "What is 2 + 2?"}, stream_mode="custom")))["settings"]
    list(made.graph.compile().stream({"question": "What is 2 + 2?"}))
    longest = max(len(call.ids) for call in made.engine.calls)
    assert budget["max_tokens"] == 3500 - longest - (512 + 256 + 256 + 2 * (256 + 16))


def test_a_default_budget_stays_where_it_fits(team: Any, say: Any) -> None:
    events = list(team(say()).graph.compile().stream({"question": "What is 2 + 2?"}, stream_mode="custom"))
    assert events[0]["settings"]["max_tokens"] == 4096


def test_the_task_is_told_from_the_question_unless_given(leap: Any, say: Any) -> None:
    assert "letter" in leap(say("\\boxed{A}"), task="choice", paths=1).texts("solver_1", "prompt")[0]
    assert "\\boxed" in leap(say(), paths=1).texts("solver_1", "prompt")[0]


def test_settings_from_whatever_a_caller_has() -> None:
    from types import MappingProxyType

    assert as_settings(None) == Settings()
    assert as_settings(Settings(top_k=3)) == Settings(top_k=3)
    assert as_settings(MappingProxyType({"top_k": 3})) == Settings(top_k=3)
    assert as_settings({"sampling": Sampling(top_k=3)}).sampling.top_k == 3


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().seed = 3


def test_the_context_schema_is_a_form() -> None:
    schema = Settings.model_json_schema()
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(Settings.model_fields)


def test_a_models_folder_brings_its_settings(tmp_path: Path) -> None:
    (tmp_path / SETTINGS_FILE).write_text('{"interval": 64, "rounds": 4, "sampling": {"temperature": 1.0}}')
    settings = resolve_settings({"rounds": 2}, engine(thinking=True, model=str(tmp_path)))
    assert (settings.interval, settings.rounds, settings.sampling.temperature) == (64, 2, 1.0)
    assert (settings.max_tokens, settings.sampling.top_p) == (THINKING["max_tokens"], 0.95), "what it leaves out"
    shipped = resolve_settings(None, engine(thinking=True, model=MINIATURE))
    assert (shipped.interval, shipped.max_tokens) == (45, 640)


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("{", ModelError, "cannot be read"),
        ("[]", ModelError, "no JSON object"),
        ('{"interval": 0}', SettingsError, "its own settings: interval"),
        ('{"intervall": 9}', SettingsError, "its own settings: .*intervall"),
    ],
)
def test_settings_of_a_folder_that_are_none(tmp_path: Path, text: str, error: type[Exception], words: str) -> None:
    (tmp_path / SETTINGS_FILE).write_text(text)
    with pytest.raises(error, match=f"{tmp_path.name}.*{words}"):
        resolve_settings(None, engine(model=str(tmp_path)))
