"""The recipe of a stored run: nothing that somebody else has stored makes an engine run foreign code."""

import io
import json
from contextlib import redirect_stderr, suppress
from typing import Any

import pytest
import typer
from hypothesis import example, given, settings
from hypothesis import strategies as st

from peerleap.agents import ENGINE_ARGS
from peerleap.cli.errors import usage_errors
from peerleap.cli.recipe import read_recipe, recipe_model


def stored(**engine_args: Any) -> str:
    return json.dumps({"model": "m", "paths": 2, "engine_args": engine_args})


FOREIGN = [
    ("trust_remote_code", True), ("trust_remote_code", "yes"), ("worker_cls", "os.system"), ("worker_extension_cls", "x.Y"),  # noqa: E501
    ("distributed_executor_backend", "evil.Executor"), ("hf_overrides", {"auto_map": {"AutoConfig": "a.b"}}),
    ("hf_config_path", "evil/model"), ("tokenizer", "evil/tokenizer"), ("load_format", "pt"), ("scheduler_cls", "x.Y"),
    ("logits_processors", ["x.Y"]), ("speculative_config", {"model": "evil"}), ("additional_config", {}),
    ("kv_transfer_config", {"kv_connector_module_path": "evil"}), ("download_dir", "/"), ("config_format", "x"),
    ("tokenizer_mode", "custom"), ("model_impl", "transformers"), ("compilation_config", {}), ("allowed_local_media_path", "/"),  # noqa: E501
    ("model_loader_extra_config", {"x": 1}), ("io_processor_plugin", "evil"), ("reasoning_parser_plugin", "/evil.py"),
    ("generation_config", "/"), ("override_attention_dtype", "x"), ("dtype", {"a": 1}), ("max_model_len", [1]),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), FOREIGN)
def test_what_can_run_code_has_to_be_given_again(key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{key}.*give it again") as caught:
        read_recipe(stored(dtype="float32", **{key: value}) if key != "dtype" else stored(dtype=value), again={})
    assert str(value) not in str(caught.value) or len(str(value)) < 4, "the cure is not the attacker's value"
    assert read_recipe(stored(**{key: value}), again={key: 1}).engine_args == {key: 1}
    assert read_recipe(stored(**{key: value})).engine_args == {}, "to show a run, no engine starts"


def test_what_a_team_file_may_set_is_taken() -> None:
    arguments: dict[str, Any] = {"dtype": "float32", "max_model_len": 512, "enforce_eager": True}
    assert arguments.keys() <= ENGINE_ARGS
    assert read_recipe(stored(**arguments), again={}).engine_args == arguments
    assert read_recipe(stored(**arguments), again={"dtype": "auto"}).engine_args == {**arguments, "dtype": "auto"}


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", "7", "[" * 100_000, '{"a":' * 20_000, "1" * 5000, '{"model": 7}', '{"paths": "2"}',
        '{"paths": 0}', '{"paths": 1000000000}', '{"paths": true}', '{"engine_args": []}', '{"team": []}',
        '{"team": {"name": 7}}', '{"team": {"name": ["a"]}}', '{"other": 1}', '{"model": "' + "m" * 5000 + '"}',
        None, 7, b"\xff", {"model": None},
    ],
)  # fmt: skip
def test_a_damaged_recipe_is_one_line(text: Any) -> None:
    reads: list[Any] = [lambda: read_recipe(text), lambda: read_recipe(text, again={})]
    for read in reads:
        with pytest.raises(ValueError, match="damaged") as caught:
            read()
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 400


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_recipes = st.fixed_dictionaries({}, optional=dict.fromkeys(("model", "paths", "team", "engine_args", "other"), _json))


@settings(max_examples=200, deadline=None)
@given(_json | _recipes)
@example({"\n": None})
def test_any_recipe_is_read_or_one_line(data: Any) -> None:
    """A key may hold a line break: the command's error output makes one line of it, as of any message."""
    printed = io.StringIO()
    with redirect_stderr(printed), suppress(typer.Exit), usage_errors():
        assert read_recipe(json.dumps(data), again={}).engine_args.keys() <= ENGINE_ARGS
    if message := printed.getvalue():
        assert message.startswith("peerleap: ")
        assert message.endswith("\n")
        assert message[:-1].isprintable()


def test_the_model_to_be_shown() -> None:
    assert recipe_model(None) is None
    assert recipe_model(stored(trust_remote_code=True)) == "m"
