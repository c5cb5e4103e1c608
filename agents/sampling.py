"""How a path samples, and how a server's form shows such settings."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

MOST = 2**31 - 1
"""The largest number of tokens or rounds; numbers beyond 64 bits would break a checkpoint."""


def _thinking_choice(value: str) -> str:
    if value not in {"auto", "off"} and len(re.split(r"[\s,]+", value.strip())) != 2:
        raise ValueError(
            f"thinking={value!r}: give auto, off, or the two marks around a thought, as '<think> </think>'"
        )
    return value


ThinkingChoice = Annotated[str, AfterValidator(_thinking_choice)]
"""How a model marks its thought: `auto`, `off`, or two marks with a blank between them."""


def form_schema(schema: dict[str, Any]) -> None:
    """Describe each optional field by its value's type alone: forms have a widget for a number, none for `or null`.

    For `ConfigDict(json_schema_extra=form_schema)`.

    Args:
        schema: a model's JSON schema; changed in place.
    """
    for field in schema["properties"].values():
        if "description" in field:
            field["description"] = " ".join(field["description"].split())
        if isinstance(field.get("default"), dict):
            field["default"] = {name: value for name, value in field["default"].items() if value is not None}
        if field.get("default", ...) is None:
            del field["default"]
            value = next(choice for choice in field.pop("anyOf") if choice != {"type": "null"})
            field.update(value)


class Sampling(BaseModel):
    """How a path samples; the fields are those of vLLM's `SamplingParams`. `None` leaves a field to the settings.

    The word `model` in place of the fields is short for `Sampling(base="model")`.
    """

    # The docstrings below are the descriptions in the form that a server offers.
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, json_schema_extra=form_schema)

    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    """0 is greedy; the paper uses 0.6."""
    top_p: Annotated[float | None, Field(gt=0, le=1)] = None
    """The paper uses 0.95."""
    top_k: Annotated[int | None, Field(ge=0, le=MOST)] = None
    """0 considers all tokens; the paper uses 40."""
    min_p: Annotated[float | None, Field(ge=0, le=1)] = None
    """Minimum probability of a token, as a share of the most probable one's; 0 is off."""
    repetition_penalty: Annotated[float | None, Field(gt=0, le=2)] = None
    """Over 1: tokens that occurred before become less likely; 1 is off."""
    presence_penalty: Annotated[float | None, Field(ge=-2, le=2)] = None
    """Over 0: tokens that this request has written become less likely, however often; 0 is off."""
    frequency_penalty: Annotated[float | None, Field(ge=-2, le=2)] = None
    """Over 0: tokens that this request has written become less likely, the more the more often; 0 is off."""
    base: Literal["model"] | None = None
    """`model`: a field that is not set has the value that the model's makers recommend in its `generation_config.json`;
    `peerleap models MODEL` shows them."""

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: Any) -> Any:
        if isinstance(value, str):
            if value != "model":
                raise ValueError(f"sampling={value!r}: give 'model' or fields such as {{'top_p': 0.9}}")
            return {"base": "model"}
        return value

    def over(self, base: "Sampling") -> "Sampling":
        """Fill the fields that are not set.

        Args:
            base: where their values come from.

        Returns:
            These values where they are set, those of `base` elsewhere.
        """
        return base.model_copy(update=self.model_dump(exclude_none=True))
