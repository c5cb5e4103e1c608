"""The pages say what there is: every command and option of theirs exists, and the site shows every page."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer
from typer.core import TyperCommand, TyperGroup

from peerleap.cli.main import app
from peerleap.engine.arguments import known_arguments

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted({*(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*.md"), *ROOT.glob("*.md")})
PAGES.remove(ROOT / "CHANGELOG.md")  # it names what is gone
COMMAND: TyperGroup = typer.main.get_command(app)  # type: ignore[assignment]

# Options of other programs that the pages name.
OTHERS = {
    "docker": "--target --rm --gpus --ipc",
    "uvicorn": "--workers",
    "inspect": "--scorer --log-buffer --max-samples",
    "vllm serve": "--api-key --enable-prompt-tokens-details --port",
    "vllm-router": "--cb-timeout-duration-secs --health-check-interval-secs --intra-node-data-parallel-size --policy"
    " --worker-urls",
    "production-stack": "--routing-logic --session-key",
    "replicas_bench.py": "--kills --record --way",
    "langgraph dev": "--no-browser --allow-blocking --n-jobs-per-worker",
}


def blocks(page: Path) -> Iterator[str]:
    """The code blocks of a page, with continued lines joined."""
    for block in re.findall(r"^```\w*\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        yield block.replace("\\\n", " ")


def commands(page: Path) -> Iterator[list[str]]:
    """The arguments of every `peerleap` command in a page's blocks, with the variables that the page has set."""
    variables: dict[str, str] = {}

    def value(found: re.Match[str]) -> str:
        return variables.get(found[1], "1")

    for line in "\n".join(blocks(page)).splitlines():
        variables |= dict(re.findall(r"""(?<!\S)([A-Z]+)=["'](.*?)["'](?!\S)""", line))
        if re.match(r"(\$ )?([A-Z_]+=\S+ )*(accelerate launch -m )?peerleap ", line):
            text = re.sub(r"\$(\w+)", value, line.partition("peerleap ")[2])
            yield shlex.split(re.split(r"\s[|>]\s", text)[0], comments=True)


def subcommand(args: list[str]) -> tuple[TyperCommand | TyperGroup, list[str]]:
    """The subcommand that arguments name, and the rest of them."""
    found: TyperCommand | TyperGroup = COMMAND
    while isinstance(found, TyperGroup) and args and not args[0].startswith("-"):
        assert args[0] in found.commands, f"peerleap has no subcommand {args[0]!r}"
        found, args = found.commands[args[0]], args[1:]  # type: ignore[assignment]
    return found, args


def options(command: TyperCommand | TyperGroup) -> set[str]:
    own = {name for param in command.params for name in (*param.opts, *param.secondary_opts) if name.startswith("-")}
    below = command.commands.values() if isinstance(command, TyperGroup) else ()
    return own.union({"--help", "-h"}, *(options(part) for part in below))  # type: ignore[arg-type]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_blocks_are_accepted(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for args in commands(page):
        command, rest = subcommand(list(args))
        for name in re.findall(r"[\w.-]+\.(?:jsonl|toml)", " ".join(rest)):  # files that must be there
            (tmp_path / name).touch()
        context = command.make_context("peerleap", rest)  # parses; unknown options and bad values raise
        context.close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_sentences_exist(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for code in re.findall(r"`peerleap ([^`]+)`", text):
        command, rest = subcommand(code.split())
        assert {word.partition("=")[0] for word in rest if word.startswith("-") and len(word) > 1} <= options(command)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_options_exist(page: Path) -> None:
    engine = {f"--{no}{name.replace('_', '-')}" for name in known_arguments() for no in ("", "no-")}
    known = options(COMMAND).union(engine, *(names.split() for names in OTHERS.values()))
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page.read_text())) <= known


def test_targets_and_modules_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        named = set(re.findall(r"(?:`|\$ )make ([a-z]+)", page.read_text()))
        assert named <= targets, page
        for module in re.findall(r"python -m (peerleap[\w.]*)", page.read_text()):
            assert find_spec(module), page


def test_the_site_shows_every_page() -> None:
    settings = (ROOT / "zensical.toml").read_text()
    named = set(re.findall(r"[\w/.-]+\.md", str(tomllib.loads(settings)["project"]["nav"])))
    assert named == {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
