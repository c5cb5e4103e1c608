"""Team files that somebody else wrote: each ends in one clear line, soon and in little memory, or in a team."""

import sqlite3
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peerleap.agents import MOST_PATHS, TeamError, load_team, path_peers, read_team, rebuild_team

PEER = "[[peers]]\nname = 'a'\n"
DEEP = ".".join(f"k{n}" for n in range(9))


def team(folder: Path, text: str | bytes) -> Path:
    file = folder / "team.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def refusal(source: str | Path) -> str:
    """The one line that `source` is refused with, by both readers."""
    with pytest.raises(TeamError) as error:
        load_team(source)
    with pytest.raises(TeamError):
        read_team(source)
    line = str(error.value)
    assert len(line) < 2000
    assert "\n" not in line
    return line


ATTACKS: dict[str, tuple[str | bytes, str]] = {
    # size and shape, before anything is parsed
    "a file over 64 KB": (PEER + "#" * 65_536, "over 65536 bytes"),
    "a dotted key": (f"{DEEP} = 1", "line 1: a key of more than 8 parts"),
    "a dotted key with blanks": (DEEP.replace(".", " .\t") + " = 1", "line 1: a key of more than 8 parts"),
    "a dotted key of quoted parts": (".".join(["'a'", '"b"'] * 5) + " = 1", "a key of more than 8 parts"),
    "a dotted table": (f"{PEER}[{DEEP}]", "line 3: a key of more than 8 parts"),
    "a dotted list of tables": (f"[[{DEEP}]]", "a key of more than 8 parts"),
    "a dotted key in an inline table": (f"x = {{ {DEEP} = 1 }}", "a key of more than 8 parts"),
    "a dotted key behind a string": (f'x = """ a """\n{DEEP} = 1', "line 2: a key of more than 8 parts"),
    "a dotted key behind an escaped quote": (f'x = "\\""\n{DEEP} = 1', "a key of more than 8 parts"),
    "a dotted key behind a comment with a quote": (f"# it's\n{DEEP} = 1", "a key of more than 8 parts"),
    "a dotted key of 60 KB": (".".join(["a"] * 30_000) + "=1", "a key of more than 8 parts"),
    "dotted keys again and again": (f"{'.'.join(['a'] * 7)}.b=1\n" * 3000, "not TOML"),
    "nested lists": ("x = " + "[" * 60_000, "not TOML"),
    "nested tables": ("x = " + "{a=" * 20_000, "not TOML"),
    "nested tables that close": (f"{PEER}engine_args = {'{a=' * 9}1{'}' * 9}", "nested more than 8 levels deep"),
    "tables below tables": (f"{PEER}[peers.a.b.c.d.e.f]\ng.h.i = 1", "nested more than 8 levels deep"),
    "unterminated strings": ('"""\\"' * 13_000, "not TOML"),
    "escaped quotes": ("x = " + '"\\' * 30_000, "not TOML"),
    "no UTF-8": (b"\xff\xfe\x00", "not UTF-8 text (byte 0)"),
    "UTF-16": ("[[peers]]".encode("utf-16"), "not UTF-8"),
    # numbers
    "an integer of 5,000 digits": (f"{PEER}count = {'9' * 5000}", "not TOML"),
    "a hexadecimal of 10,000 digits": (f"{PEER}count = 0x{'f' * 10_000}", "peers[0].count: an integer of 40000 bits"),
    "a hexadecimal where a tool is": (f"{PEER}tools = [0x{'f' * 10_000}]", "peers[0].tools[0]: an integer of"),
    "a hexadecimal where the peers are": (f"peers = 0x{'f' * 10_000}", "peers: an integer of"),
    "an integer beyond 64 bits": (f"{PEER}engine_args = {{seed = {2**63}}}", "peers[0].engine_args.seed: an integer"),
    "nan": (f"{PEER}sampling = {{temperature = nan}}", "peers[0].sampling.temperature=nan: give a finite number"),
    "inf": (f"{PEER}limits = {{seconds = inf}}", "peers[0].limits.seconds=inf: give a finite number"),
    "-inf as an engine argument": (f"{PEER}engine_args = {{seed = -inf}}", "give a finite number"),
    # characters
    "NUL in a value": (f'{PEER}model = "a\\u0000b"', "peers[0].model: holds a NUL character"),
    "NUL in a key": ('"a\\u0000" = 1', "holds a NUL character"),
    "NUL as it is": (f"{PEER}model = 'a\0'", "not TOML"),
    "a line break in a key": (f'{PEER}"a\\nb" = 1', "no such field"),
    "a key of 60 KB": (f"{PEER}{'k' * 60_000} = 1", "no such field"),
    "a name with a line break": ('[[peers]]\nname = "a\\n"', "give small letters"),
    # values that are too large for anything
    "memory": (f"{PEER}tools = [{{name='python', memory_mb=1000000000}}]", "tools[0].memory_mb=1000000000: input"),
    "seconds of a call": (
        f"{PEER}limits = {{seconds = 1e300}}",
        "limits.seconds=1e+300 is too large: 86400 at most",
    ),
    "seconds of a path": (f"{PEER}limits = {{path_seconds = 86401}}", "path_seconds=86401 is too large"),
    "characters": (f"{PEER}limits = {{chars = 1000001}}", "chars=1000001 is too large: 1000000 at most"),
    "calls": (f"{PEER}limits = {{calls = {2**62}}}", "is too large: 100000 at most"),
    "paths of a peer": (f"{PEER}count = 1025", "peers[0].count=1025"),
    "paths of a team": (
        "".join(f"[[peers]]\nname = 'p{n}'\ncount = 1024\n" for n in range(50)),
        "peers: 51200 paths in all; a team has at most 1024",
    ),
    "instructions": (f"{PEER}instructions = '{'x' * 4001}'", "peers[0].instructions="),
    # paths
    "a model of no user": (f"{PEER}model = '~nosuchuser/m'", "peers[0].model='~nosuchuser/m': "),
    "a cache of no user": (
        f"{PEER}tools = [{{name='read_page', cache='~nosuchuser/c.db'}}]",
        "tools[0]: cache='~nosuchuser/c.db'",
    ),
    "a cache in a start-up file": (
        f"{PEER}tools = [{{name='read_page', cache='~/.bashrc'}}]",
        "cache='~/.bashrc': its name must end in .sqlite3",
    ),
    "a cache of 2 KB of path": (f"{PEER}tools = [{{name='read_page', cache='{'a/' * 1000}c.db'}}]", "over 1024"),
    "a cache that is no text": (f"{PEER}tools = [{{name='read_page', cache=3}}]", "tools[0].cache=3"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_hostile_file_is_one_line(tmp_path: Path, name: str) -> None:
    text, line = ATTACKS[name]
    tracemalloc.start()
    try:
        assert line in refusal(team(tmp_path, text))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 64 << 20


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("~nosuchuser/team.toml", "'~nosuchuser/team.toml': "),
        ("a\0b.toml", "'a\\x00b.toml': "),
        ("/nonexistent/team.toml", "No such file or directory; give a TOML file, or one of experts, paper"),
        ("x" * 5000, "File name too long"),
    ],
)
def test_a_hostile_name_is_one_line(source: str, line: str) -> None:
    assert line in refusal(source)


def test_a_folder_is_no_team(tmp_path: Path) -> None:
    (tmp_path / "team.toml").mkdir()
    assert "Is a directory" in refusal(tmp_path / "team.toml")


@pytest.mark.parametrize("kind", ["text", "database", "folder"])
def test_a_cache_that_is_not_ours_is_left_alone(tmp_path: Path, kind: str) -> None:
    victim = tmp_path / "victim.db"
    if kind == "text":
        victim.write_text("do not touch\n" * 100)
    elif kind == "folder":
        victim.mkdir()
    else:
        with sqlite3.connect(victim) as database:
            database.execute("CREATE TABLE answer (key TEXT PRIMARY KEY, value TEXT, at REAL)")
        database.close()
    before = victim.read_bytes() if victim.is_file() else b""
    for tool in (
        "{name='read_page', cache='%s'}",
        "{name='web_search', backend='searxng', url='http://x', cache='%s'}",
    ):
        assert "the file is no search cache" in refusal(team(tmp_path, f"{PEER}tools = [{tool % victim}]"))
    assert (victim.read_bytes() if victim.is_file() else b"") == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["team.toml", "victim.db"]


PEERS: list[Any] = [
    *([], {}, [3], [[[[[[[[[[[]]]]]]]]]]]),
    [{"name": "a\0"}],
    [{"name": "a", "engine_args": {"trust_remote_code": True}}],
    [{"name": "a", "count": 10**5000}],
    [{"name": "a", "tools": [{}]}],
    [{"name": "a", "model": "~nosuchuser/x"}],
    [{"name": "a", "tools": [{"name": "python", "allow_unsandboxed": True}]}],
    [{"name": "a", "tools": [{"name": "read_page", "allow_hosts": ["10.0.0.1"]}]}],
]
STORED: list[Any] = [3, None, [], {"name": []}, {"name": {}}, {"name": 3, "peers": []}]
STORED += [{"name": "x", "peers": peers} for peers in PEERS]


@pytest.mark.parametrize("stored", STORED, ids=lambda stored: f"{type(stored).__name__}")
def test_a_doctored_team_of_a_run_is_one_line(stored: Any) -> None:
    with pytest.raises(TeamError) as error:
        rebuild_team(stored)
    assert "\n" not in str(error.value)


def test_the_bounds_can_be_reached(tmp_path: Path) -> None:
    most = "calls = 100_000, seconds = 86_400, chars = 1_000_000, path_seconds = 86_400"
    (peer,) = load_team(team(tmp_path, f"{PEER}limits = {{{most}}}"))
    assert peer.limits.calls == 100_000


PIECES = st.sampled_from(
    [
        *(
            "[[peers]]\n",
            "name = 'a'\n",
            "[peers.sampling]\n",
            "[",
            "]",
            "[[",
            "]]",
            "{",
            "}",
            " = ",
            ".",
            ",",
            "\n",
            '"',
        ),
        *(
            '"""',
            "'",
            "'''",
            "#",
            "\\",
            "\0",
            "count = 2\n",
            "tools = ['python']\n",
            "limits = {calls = 1}\n",
            "a",
            "a.b",
        ),
        *("0x" + "f" * 4000, "9" * 4400, "nan", "1979-05-27", "temperature", "\ufeff", "\u202e", "model = '~x/y'\n"),
        *("engine_args = {dtype = 'auto'}\n", "k." * 9, "'k'." * 5, "true", "1e400"),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.lists(PIECES, max_size=30).map("".join).map(str.encode), st.binary(max_size=300)))
def test_any_file_is_a_team_or_one_line(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = team(tmp_path_factory.mktemp("fuzz", numbered=True), content)
    line, peers = "", []
    try:
        peers = load_team(file)
    except TeamError as error:
        line = str(error)
    assert "\n" not in line
    assert len(line) < 2000
    if not line:
        assert len(path_peers(peers)) <= MOST_PATHS
        assert rebuild_team(read_team(file))


TOML_VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=20,
)
FIELDS = st.sampled_from(["name", "count", "model", "tools", "limits", "sampling", "engine_args", "protocol", "nudge"])


@settings(max_examples=300, deadline=None)
@given(st.one_of(TOML_VALUES, st.lists(st.dictionaries(FIELDS, TOML_VALUES, max_size=6), max_size=3)))
def test_any_stored_team_is_a_team_or_one_line(peers: Any) -> None:
    line = ""
    try:
        assert rebuild_team({"name": "team.toml", "peers": peers})
    except TeamError as error:
        line = str(error)
    assert "\n" not in line
