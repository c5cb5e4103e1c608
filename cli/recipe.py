"""What a stored run's graph is made of, and what of it is taken from a store that somebody else may have written."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator


class Recipe(BaseModel):
    """What a run's graph is made of."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: str | None = Field(default=None, max_length=4096)
    """Hub id or folder; the embedded model without it."""
    paths: int | None = Field(default=None, ge=1, le=1024)
    """Number of paths; `None` where there is a team."""
    team: dict[str, Any] | None = None
    """As `read_team` returns it."""
    server: str | None = Field(default=None, max_length=65_536)
    """Base URLs of the servers that ran the model, with commas; `None` where it ran in the command's process."""
    engine_args: dict[str, Any] = {}
    """vLLM's engine arguments."""

    @field_validator("team")
    @classmethod
    def _named(cls, team: dict[str, Any] | None) -> dict[str, Any] | None:
        if team is not None and not isinstance(team.get("name", ""), str):
            raise ValueError("its name is no text")
        return team


def read_recipe(stored: Any, *, again: Mapping[str, Any] | None = None, server: str | None = None) -> Recipe:
    """The recipe of a stored run.

    Of the engine arguments, the store's are taken only where a team file may set them, too: others can make vLLM run a
    model's or a plugin's code. Those have to be given again, and so have servers: they are sent the texts and the key.

    Args:
        stored: the recipe in the metadata of a checkpoint.
        again: engine arguments of this call, which come before the stored ones; `None` where no engine starts, so that
            none is needed.
        server: base URLs of this call; empty for a model in this process.

    Returns:
        The recipe.

    Raises:
        ValueError: the recipe is damaged, or an engine argument or the servers have to be given again.
    """
    from peerleap.agents import EngineFileError, check_engine_args

    try:
        recipe = Recipe.model_validate(json.loads(stored))
    except (ValueError, TypeError, RecursionError) as error:
        reason = str(error)
        if isinstance(error, ValidationError):
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            reason = f"{place:.80}={first['input']!r:.80}: {first['msg']}"
        raise ValueError(f"the stored recipe of this run is damaged: {reason}") from error
    if again is None:
        return recipe.model_copy(update={"engine_args": {}})
    if recipe.server and server is None:
        raise ValueError(
            f"this run was asked with --server {recipe.server}; an address is not taken from the store: give it again "
            "(--server), or set PEERLEAP_SERVER"
        )
    for key, value in recipe.engine_args.items():
        if key in again:
            continue
        try:
            check_engine_args({key: value})
        except EngineFileError as error:
            raise ValueError(
                f"engine argument {key!r}: this run was asked with it, and it can make the engine run foreign code, so "
                f"it is not taken from the store; if you set it yourself, give it again: --engine-arg {key}=..."
            ) from error
    return recipe.model_copy(update={"engine_args": {**recipe.engine_args, **again}})


def recipe_model(stored: Any) -> str | None:
    """The model in a stored recipe, to be shown.

    Args:
        stored: the recipe in the metadata of a checkpoint; `None` where another program made the run.

    Returns:
        The model's name; `None` where there is none.

    Raises:
        ValueError: the recipe is damaged.
    """
    return None if stored is None else read_recipe(stored).model
