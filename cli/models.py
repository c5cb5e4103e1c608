"""`peerleap models`: the models at hand, and which of the embedded ones a question is for."""

import os
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from peerleap.cli.display import plain
from peerleap.cli.errors import usage_errors


def models(
    model: Annotated[
        str | None, typer.Argument(help="Describe this model: a hub id or a folder.", show_default=False)
    ] = None,
    *,
    prepare: Annotated[bool, typer.Option("--prepare", help="Download and convert the embedded model now.")] = False,
) -> None:
    """List the local models: the embedded one, the default, and the hub's cache; or describe one model.

    [bold]Examples[/bold]

    peerleap models

    peerleap models ./my-model    # how it thinks, what ends its turn, how its makers sample it

    peerleap models --prepare     # before going offline
    """
    from peerleap.engine import EMBEDDED, ModelError, cache_folder, is_prepared, resolve_model

    with usage_errors():
        if prepare:
            resolve_model(EMBEDDED)
        if model is not None:
            _describe(model)
            return
        table = Table(*(Column(name, overflow="fold") for name in ("model", "where", "size", "note")))
        default = os.environ.get("PEERLEAP_MODEL") or EMBEDDED
        size, where = "98 MB to fetch", "not prepared"
        if is_prepared():
            found = resolve_model(EMBEDDED)
            where, size = found.path, _size(found.weight_bytes or 0)
        table.add_row(*_cells(EMBEDDED, where, size, _note("embedded", default == EMBEDDED)))
        listed = {EMBEDDED}
        for name, path, stored in _hub_cache():
            table.add_row(*_cells(name, path, _size(stored), _note("hub cache", name == default)))
            listed.add(name)
        if default not in listed:
            try:
                found = resolve_model(default)
                row = found.path, _size(found.weight_bytes or 0), _note("", default=True)
            except ModelError as error:
                row = "", "", _note(str(error), default=True)
            table.add_row(*_cells(default, *row))
        console = Console()
        # A name is what a person copies from here, and a script looks for.
        table.columns[0].no_wrap = console.width >= 2 * max(map(len, (*listed, default)))
        console.print(table)
        console.print(Text(f"embedded models are stored in {cache_folder()} (PEERLEAP_CACHE)"), soft_wrap=True)


def model_for(question: str) -> tuple[str | None, str]:
    """The model of a question that names none, and a word on it: the miniature for its families, else the default."""
    from peerleap.engine import EMBEDDED, MINIATURE, MINIATURE_FAMILIES, default_model, family_of

    family = family_of(question)
    if default_model() != EMBEDDED:
        return None, ""
    if family in MINIATURE_FAMILIES:
        return MINIATURE, f"a {family}: {MINIATURE} answers; --model {EMBEDDED} asks the other embedded model"
    return None, f"{EMBEDDED} answers; it is small and often wrong: --model names a better one"


def _describe(name: str) -> None:
    from peerleap.engine import detect_thinking, get_engine, last_start, recommended_sampling, turn_end

    engine = get_engine(name, server="")
    found, tokenizer = engine.resolved, engine.tokenizer
    end, seconds = turn_end(tokenizer), last_start(found.name)
    if end.text is not None:
        ends = f"{end.text!r}, which is no token of its own"
    else:
        ends = repr(tokenizer.eos_token if end.token_id is None else tokenizer.decode([end.token_id]))
    sampling = ", ".join(f"{field}={value:g}" for field, value in recommended_sampling(name).items())
    rows = {
        "model": found.name,
        "where": found.path,
        "weights": "unknown" if found.weight_bytes is None else _size(found.weight_bytes),
        "context": f"{found.context_length:,} tokens",
        "thinking": detect_thinking(tokenizer).describe(),
        "a turn ends with": ends,
        "sampling its makers recommend": sampling or "none",
        "start of the engine, last time": "not started here yet" if seconds is None else f"{seconds:.0f} s",
    }
    width = max(map(len, rows))
    console = Console()
    for label, value in rows.items():
        console.print(f"{label:{width}}  {value}", markup=False, highlight=False, soft_wrap=True)


def _hub_cache() -> list[tuple[str, str, int]]:
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        found = scan_cache_dir().repos
    except CacheNotFound:
        return []
    return sorted((repo.repo_id, str(repo.repo_path), repo.size_on_disk) for repo in found if repo.repo_type == "model")


def _cells(*texts: str) -> tuple[Text, ...]:
    return tuple(Text(plain(text)) for text in texts)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _note(kind: str, default: bool) -> str:
    return ", ".join(part for part in (kind, "default" if default else "") if part)
