"""Schemas as forms read them."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from peerleap.agents import Sampling
from peerleap.agents.sampling import form_schema
from peerleap.graph import Settings


class Inner(BaseModel):
    model_config = ConfigDict(json_schema_extra=form_schema)
    size: int | None = None


class Example(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True, json_schema_extra=form_schema)

    count: Annotated[int | None, Field(ge=1)] = None
    """How
    many."""
    kind: Literal["a", "b"] | None = None
    flag: bool = True
    inner: Inner = Inner()
    needed: str


def test_fields_are_described_by_their_value() -> None:
    schema = Example.model_json_schema()
    assert schema["properties"] == {
        "count": {"type": "integer", "minimum": 1, "title": "Count", "description": "How many."},
        "kind": {"type": "string", "enum": ["a", "b"], "title": "Kind"},
        "flag": {"type": "boolean", "default": True, "title": "Flag"},
        "inner": {"$ref": "#/$defs/Inner", "default": {}},
        "needed": {"type": "string", "title": "Needed"},
    }
    assert schema["$defs"]["Inner"]["properties"]["size"] == {"type": "integer", "title": "Size"}
    assert schema["required"] == ["needed"]


@pytest.mark.parametrize("model", [Settings, Sampling])
def test_every_setting_is_described(model: type[BaseModel]) -> None:
    for name, field in model.model_json_schema()["properties"].items():
        assert field.get("description"), f"{model.__name__}.{name} has no docstring"
        assert "anyOf" not in field, name
