"""Teams described in a file: TOML that names peers, tools and plain engine arguments, and runs nothing."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langchain_core.tools import BaseTool
from pydantic import BaseModel, ValidationError

from peerleap.agents.peer import Peer, path_peers
from peerleap.agents.sampling import Sampling
from peerleap.agents.team_tools import TOOLS, ToolFileError, make_tool
from peerleap.agents.toml_file import TomlError, check_values, read_toml, shown_key
from peerleap.tools import ToolLimits

ENGINE_ARGS = frozenset(
    {
        *("attention_backend", "block_size", "dtype", "enforce_eager", "quantization", "revision", "seed"),
        *("cpu_offload_gb", "gpu_memory_utilization", "kv_cache_dtype", "kv_cache_memory_bytes"),
        *("async_scheduling", "enable_chunked_prefill", "enable_prefix_caching", "num_gpu_blocks_override"),
        *("max_logprobs", "max_model_len", "max_num_batched_tokens", "max_num_seqs", "tokenizer_revision"),
        *("data_parallel_size", "pipeline_parallel_size", "tensor_parallel_size", "enable_expert_parallel"),
        *("disable_custom_all_reduce", "distributed_executor_backend", "lora_path", "max_lora_rank"),
    }
)
"""vLLM's engine arguments that a file can set. Many others name classes or plugins that vLLM runs, or hold tables that
can do so."""

MOST_OF_LIMITS = {"calls": 100_000, "chars": 1_000_000, "seconds": 86_400, "path_seconds": 86_400}
"""The largest `limits` that a file can set; Python can set others."""

# Any other text is the name of a class that vLLM imports.
_EXECUTORS = ("mp", "ray", "uni")


class TeamError(ValueError):
    """A team is not usable; the message names the file, the field, its value and the cure."""


class EngineFileError(ValueError):
    """An engine argument of a file is refused; the message begins with its key behind `engine_args`."""


def read_peers(path: Path) -> list[dict[str, Any]]:
    """Read a team file and check it.

    Args:
        path: a TOML file with a list `peers`, each with the fields of `Peer`.

    Returns:
        The peers as the file describes them: what `make_peers` takes.

    Raises:
        TeamError: something in the file is not usable.
        OSError: the file cannot be read.
    """
    if path.suffix in {".yaml", ".yml"}:
        raise TeamError(f"{path}: YAML is not read any more; write the team as TOML (docs/teams.md)")
    if path.suffix and path.suffix != ".toml":
        raise TeamError(f"{path}: its name must end in .toml")
    try:
        document = read_toml(path)
    except TomlError as error:
        raise TeamError(f"{path}: {error}") from error
    if unknown := [key for key in document if key != "peers"]:
        raise TeamError(f"{path}: {unknown[0]!r:.80} is unknown; there is only 'peers'")
    peers: Any = document.get("peers")
    make_peers(peers, path)
    return peers  # type: ignore[no-any-return]  # checked by `make_peers`


def make_peers(peers: Any, path: Path) -> list[Peer]:
    """Make the peers that a file describes.

    Args:
        peers: the value of `peers`, of a file or of a stored run.
        path: the file, for messages.

    Returns:
        The team; peers that describe the same tool share it.

    Raises:
        TeamError: something is not usable; names the field, its value and the cure.
    """
    try:
        check_values({"peers": peers})
    except TomlError as error:
        raise TeamError(f"{path}: {error}") from error
    if not isinstance(peers, list) or not peers:
        raise TeamError(f"{path}: peers={peers!r:.80}: give a list of one or more peers ([[peers]] in TOML)")
    shared: dict[Any, BaseTool] = {}
    team = [_peer(fields, f"{path}: peers[{index}]", shared) for index, fields in enumerate(peers)]
    try:
        path_peers(team)
    except ValueError as error:
        raise TeamError(f"{path}: {error}") from error
    return team


def as_stored(peers: list[dict[str, Any]], path: Path) -> dict[str, Any]:
    """The form in which a run keeps its team, without what depends on the current folder.

    Args:
        peers: what `read_peers` has returned.
        path: the file that they come from.

    Returns:
        JSON with the file's name and the peers.

    Raises:
        TeamError: a value has no form in JSON, such as a date.
    """
    peers = [{**peer} for peer in peers]
    for peer in peers:
        if peer.get("model") and (folder := Path(peer["model"]).expanduser()).is_dir():
            peer["model"] = str(folder.absolute())  # it will be looked for from another folder
    try:
        return json.loads(json.dumps({"name": str(path), "peers": peers}, allow_nan=False))  # type: ignore[no-any-return]
    except (TypeError, ValueError) as error:
        raise TeamError(f"{path}: cannot be stored with a run: {error}") from error


def check_engine_args(engine_args: Mapping[Any, Any]) -> None:
    """Refuse engine arguments that a file must not set.

    Args:
        engine_args: arguments by vLLM's names.

    Raises:
        EngineFileError: one is none of `ENGINE_ARGS`, no plain value, or the name of a class.
    """
    for key, value in engine_args.items():
        field = f".{shown_key(key)}={value!r:.80}"
        if key not in ENGINE_ARGS:
            allowed = ", ".join(sorted(ENGINE_ARGS))
            raise EngineFileError(f"{field}: set it from Python: Peer(engine_args=...); a file can set {allowed}")
        if not isinstance(value, str | int | float):
            raise EngineFileError(f"{field}: give a number, a text, or true or false")
        if key == "distributed_executor_backend" and value not in _EXECUTORS:
            raise EngineFileError(f"{field}: give one of {', '.join(_EXECUTORS)}; others need Python")


def _peer(fields: Any, where: str, shared: dict[Any, BaseTool]) -> Peer:
    if not isinstance(fields, Mapping):
        raise TeamError(f"{where}={fields!r:.80}: give a table with a 'name'")
    names = fields.get("tools", [])
    if not isinstance(names, list):
        raise TeamError(f"{where}.tools={names!r:.80}: give a list of names, of {', '.join(sorted(TOOLS))}")
    tools = [_tool(tool, f"{where}.tools[{index}]", shared) for index, tool in enumerate(names)]
    if isinstance(engine_args := fields.get("engine_args"), Mapping):
        try:
            check_engine_args(engine_args)
        except EngineFileError as error:
            raise TeamError(f"{where}.engine_args{error}") from error
    if "server" in fields:  # whoever wrote the file would be sent the questions, and the key
        raise TeamError(
            f"{where}.server: name servers with --server, PEERLEAP_SERVER or in Python; a file names models"
        )
    if isinstance(model := fields.get("model"), str):
        try:
            Path(model).expanduser()
        except RuntimeError as error:  # ~nosuchuser
            raise TeamError(f"{where}.model={model!r:.80}: {error} Give the folder's full path") from error
    if isinstance(limits := fields.get("limits"), Mapping):
        for name, most in MOST_OF_LIMITS.items():
            if isinstance(value := limits.get(name), int | float) and value > most:
                raise TeamError(f"{where}.limits.{name}={value!r} is too large: {most} at most in a file")
    try:
        return Peer.model_validate({**fields, "tools": tools})
    except ValidationError as error:
        raise TeamError("; ".join(_field_error(item, where) for item in error.errors())) from error


def _tool(value: Any, where: str, shared: dict[Any, BaseTool]) -> BaseTool:
    try:
        return make_tool(value, shared)
    except ToolFileError as error:
        raise TeamError(f"{where}{error}") from error


def _field_error(item: Any, where: str) -> str:
    at = [shown_key(part) for part in item["loc"]]
    field = ".".join([where, *at])
    if item["type"] == "extra_forbidden":
        model: type[BaseModel] = Sampling if at[0] == "sampling" and len(at) > 1 else Peer
        known = ", ".join(sorted({*model.model_fields} - {"server"}))
        return f"{field}={item['input']!r:.80}: no such field; there are {known}"
    if item["type"] == "missing":
        return f"{field}: missing"
    if item["type"] == "value_error":
        return f"{field}: {item['ctx']['error']}"
    if item["type"] == "string_pattern_mismatch":
        return f"{field}={item['input']!r:.80}: give small letters, digits and _, a letter first, 32 at most"
    if at[0] == "limits" and len(at) == 1:
        return f"{field}={item['input']!r:.80}: give a table of {', '.join(ToolLimits.__dataclass_fields__)}"
    return f"{field}={item['input']!r:.80}: {item['msg'][0].lower()}{item['msg'][1:]}"
