"""Tools with options in team files: what they make, and what is said about what is wrong."""

from pathlib import Path
from typing import Any

import pytest

from peerleap.agents import TeamError, load_team
from peerleap.tools.sandbox import Sandbox
from peerleap.tools.sandbox.monty import MontySandbox

TOML = """
[[peers]]
name = "coder"
tools = [
  "python",
  {name = "web_search", backend = "searxng", url = "http://127.0.0.1:8888", language = "de", count = 3},
]

[[peers]]
name = "scout"
[[peers.tools]]
name = "web_search"
backend = "searxng"
url = "http://127.0.0.1:8888"
language = "de"
count = 3
[[peers.tools]]
name = "read_page"
seconds = 2

[[peers]]
name = "careful"
tools = [{name = "python", timeout_s = 3, memory_mb = 512, min_tier = 1}]
"""


def written(folder: Path, text: str, name: str = "team.toml") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def test_options_reach_the_tools(tmp_path: Path) -> None:
    coder, scout, careful = load_team(written(tmp_path, TOML))
    plain, search = coder.tools
    assert [tool.name for tool in (plain, search)] == ["python", "web_search"]
    client: Any = search._client  # type: ignore[attr-defined]
    assert (client.backend.name, client.backend.base_url, client.backend.language, client.count) == (
        "searxng", "http://127.0.0.1:8888", "de", 3,
    )  # fmt: skip
    assert scout.tools[0] is search  # told twice, made once: cache and pace are shared
    assert scout.tools[1].seconds == 2  # type: ignore[attr-defined]
    (walled,) = careful.tools
    assert walled is not plain
    assert walled._options == {"timeout_s": 3.0, "memory_mb": 512, "min_tier": 1}  # type: ignore[attr-defined]
    assert walled._kind is Sandbox  # type: ignore[attr-defined]


def test_ddgs_and_its_options(tmp_path: Path) -> None:
    pytest.importorskip("ddgs")
    text = "[[peers]]\nname='a'\ntools=[{name='web_search', region='de-de', engines='brave,mojeek', cache='%s'}]"
    (peer,) = load_team(written(tmp_path, text % (tmp_path / "kept.sqlite3")))
    client: Any = peer.tools[0]._client  # type: ignore[attr-defined]
    assert (client.backend.region, client.backend.engines) == ("de-de", "brave,mojeek")
    assert (tmp_path / "kept.sqlite3").exists()
    client.cache.close()


def test_monty(tmp_path: Path) -> None:
    pytest.importorskip("pydantic_monty")
    (peer,) = load_team(
        written(tmp_path, "[[peers]]\nname='a'\ntools=[{name='python', backend='monty', memory_mb=32}]")
    )
    assert peer.tools[0]._kind is MontySandbox  # type: ignore[attr-defined]
    assert "without numpy" in peer.tools[0].description


WRONG = [
    ("{name = 'rm'}", "tools[0]: 'rm' is none of python, read_page, web_search; other tools need Python"),
    ("{backend = 'x'}", "tools[0]={'backend': 'x'}: give a name, or a table with a 'name'"),
    ("3", "tools[0]=3: give a name, or a table"),
    ("'python', {name = 'python', timeout_s = 3}", "tools: two are named 'python'"),
    ("{name = 'python', timeout = 3}", "tools[0].timeout=3: 'python' has no such option; there are backend, grace_s,"),
    ("{name = 'python', timeout_s = -1}", "tools[0].timeout_s=-1: input should be greater than 0"),
    ("{name = 'python', timeout_s = 'x'}", "tools[0].timeout_s='x': input should be a valid number"),
    ("{name = 'python', memory_mb = 100}", "tools[0]: memory_mb=100 is too little for numpy and sympy"),
    ("{name = 'python', backend = 'docker'}", "tools[0].backend='docker': input should be 'sandbox' or 'monty'"),
    ("{name = 'python', min_tier = 3}", "tools[0].min_tier=3: input should be 1 or 2"),
    ("{name = 'python', backend = 'monty', min_tier = 1}", "tools[0]: min_tier=1: backend='monty' has no such option"),
    ("{name = 'python', allow_unsandboxed = true}", "tools[0].allow_unsandboxed=True: a file cannot take the walls"),
    ("{name = 'read_page', allow_hosts = ['x']}", "tools[0].allow_hosts=['x']: a file cannot open private hosts"),
    ("{name = 'web_search', backend = 'searxng'}", "tools[0]: backend='searxng': give the server's url, such as"),
    ("{name = 'web_search', backend = 'searxng', url = 'ftp://x'}", "tools[0].url='ftp://x': give an address"),
    ("{name = 'web_search', url = 'http://x'}", "tools[0]: url='http://x': backend='ddgs' has no such option"),
    (
        "{name = 'web_search', backend = 'searxng', url = 'http://x', region = 'us-en'}",
        "tools[0]: region='us-en': backend",
    ),
    ("{name = 'web_search', count = 0}", "tools[0].count=0: input should be greater than or equal to 1"),
    ("'read_page', {name = 'web_search', seconds = 'long'}", "tools[1].seconds='long': input should be a valid number"),
]


@pytest.mark.parametrize(("tools", "told"), WRONG)
def test_what_is_wrong_is_named(tmp_path: Path, tools: str, told: str) -> None:
    file = written(tmp_path, f"[[peers]]\nname = 'a'\ntools = [{tools}]")
    with pytest.raises(TeamError) as error:
        load_team(file)
    assert str(error.value).startswith(f"{file}: peers[0]")
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_package_is_told_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    for tools, extra in (("{name='python', backend='monty'}", "monty"), ("'web_search'", "search")):
        file = written(tmp_path, f"[[peers]]\nname = 'a'\ntools = [{tools}]")
        with pytest.raises(TeamError, match=rf"tools\[0\]: .*pip install 'peerleap\[{extra}\]'"):
            load_team(file)
