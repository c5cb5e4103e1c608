"""Ready-made teams and team files: what is read, and what is said about what is wrong."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from peerleap.agents import TEAMS, Peer, TeamError, load_team, path_peers, read_team, rebuild_team
from peerleap.agents.team_file import ENGINE_ARGS
from peerleap.tools import ToolLimits, python

EXAMPLE = """
[[peers]]
name = "solver"
count = 2

[[peers]]
name = "coder"
model = "org/model"
instructions = "You compute."
tools = ["python"]
limits = { calls = 4, seconds = 5 }
sampling = { temperature = 0.2 }

[[peers]]
name = "second"
tools = ["python"]
protocol = "retool"
"""


def written(folder: Path, text: str, name: str = "team.toml") -> Path:
    file = folder / name
    file.write_text(text)
    return file


@pytest.mark.parametrize("name", sorted(TEAMS))
def test_ready_made_teams_are_teams(name: str) -> None:
    assert path_peers(load_team(name))
    assert load_team(name) is not load_team(name)


def test_the_experts_differ() -> None:
    team = {peer.name: peer for peer in load_team("experts")}
    assert [tool.name for tool in team["coder"].tools] == ["python"]
    assert team["solver"].tools == []


def test_a_file_says_all_of_a_peer(tmp_path: Path) -> None:
    solver, coder, second = load_team(written(tmp_path, EXAMPLE))
    assert solver.count == 2
    assert coder.limits == ToolLimits(calls=4, seconds=5)
    assert (coder.model, coder.sampling.temperature) == ("org/model", 0.2)
    assert coder.tools[0] is second.tools[0]
    assert second.protocol == "retool"


WRONG = [
    ("peers = 3", "peers=3: give a list"),
    ("", "peers=None: give a list"),
    ("[[peers]]\nname = 'a'\n[rounds]\nx = 1", "'rounds' is unknown; there is only 'peers'"),
    ("peers = [3]", "peers[0]=3: give a table with a 'name'"),
    ("[[peers]]\ncount = 2", "peers[0].name: missing"),
    ("[[peers]]\nname = 'A B'", "peers[0].name='A B': give small letters"),
    ("[[peers]]\nname = 'a'\n[[peers]]\nname = 'b'\ncount = 0", "peers[1].count=0: input should be greater"),
    ("[[peers]]\nname = 'a'\ntemprature = 1", "peers[0].temprature=1: no such field; there are count,"),
    (
        "[[peers]]\nname = 'a'\nsampling = {temp = 1}",
        "peers[0].sampling.temp=1: no such field; there are base, frequency_penalty,",
    ),
    ("[[peers]]\nname = 'a'\nsampling = {temperature = 9}", "peers[0].sampling.temperature=9: input should be"),
    ("[[peers]]\nname = 'a'\ntools = ['rm']", "peers[0].tools[0]: 'rm' is none of python, read_page, web_search"),
    ("[[peers]]\nname = 'a'\ntools = 'python'", "peers[0].tools='python': give a list of names"),
    ("[[peers]]\nname = 'a'\nprotocol = 'x'", "protocol='x' is none of fence,"),
    (
        "[[peers]]\nname = 'a'\ntools = ['python']\nprotocol = 'search-r1'",
        "protocol='search-r1' has no call for the tool 'python'; there are fence, harmony, hermes, openmath, retool",
    ),
    (
        "[[peers]]\nname = 'a'\ntools = ['read_page', 'python']\nprotocol = 'retool'",
        "peers[0]: peer 'a': protocol='retool' has no call for the tool 'read_page'",
    ),
    ("[[peers]]\nname = 'a'\nlimits = {cals = 1}", "limits: 'cals' is none of calls,"),
    ("[[peers]]\nname = 'a'\nlimits = {calls = -1}", "calls=-1 is negative"),
    ("[[peers]]\nname = 'a'\nlimits = 3", "peers[0].limits=3: give a table of calls,"),
    ("[[peers]]\nname = 'a'\nnudge = true", "needs the tool 'python'"),
    ("[[peers]]\nname = 'a'\n[[peers]]\nname = 'a'", "two peers are named 'a'"),
    ("[[peers]\n", "not TOML"),
]


@pytest.mark.parametrize(("text", "told"), WRONG)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, told: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(TeamError) as error:
        load_team(file)
    assert str(error.value).startswith(str(file))
    assert told in str(error.value)
    assert "\n" not in str(error.value).replace("\\n", "")


def test_files_that_are_no_teams(tmp_path: Path) -> None:
    with pytest.raises(TeamError, match=r"No such file.*experts, paper"):
        load_team("expert")
    with pytest.raises(TeamError, match=r"must end in .toml"):
        load_team(written(tmp_path, "x", "team.json"))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(TeamError, match="not UTF-8"):
        load_team(tmp_path / "bytes.toml")


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        (
            "trust_remote_code",
            "true",
            "=True: set it from Python: Peer(engine_args=...); a file can set async_scheduling,",
        ),
        ("worker_cls", "'os.system'", "='os.system': set it from Python"),
        ("hf_overrides", "{ architectures = ['a'] }", "set it from Python"),
        ("distributed_executor_backend", "'os.system'", "='os.system': give one of mp, ray, uni"),
        ("dtype", "{ a = 1 }", "={'a': 1}: give a number, a text, or true or false"),
    ],
)
def test_a_file_loads_no_code(tmp_path: Path, key: str, value: str, told: str) -> None:
    file = written(tmp_path, f"[[peers]]\nname = 'a'\nengine_args = {{ {key} = {value} }}\n")
    with pytest.raises(TeamError) as error:
        load_team(file)
    assert f"peers[0].engine_args.{key}" in str(error.value)
    assert told in str(error.value)


def test_a_file_sets_plain_engine_arguments(tmp_path: Path) -> None:
    given = "max_model_len = 4096, dtype = 'float16', enforce_eager = true, distributed_executor_backend = 'mp'"
    (peer,) = load_team(written(tmp_path, f"[[peers]]\nname = 'a'\nengine_args = {{ {given} }}\n"))
    assert peer.engine_args["max_model_len"] == 4096
    assert Peer(name="a", engine_args={"trust_remote_code": True}).engine_args


def test_every_engine_argument_of_a_file_is_one_of_vllm() -> None:
    if (vllm := find_spec("vllm")) is None or vllm.origin is None:
        pytest.skip("vLLM is not installed")
    source = Path(vllm.origin).with_name("engine").joinpath("arg_utils.py").read_text()
    there = re.findall(r"^    (\w+):", source.partition("class EngineArgs")[2], re.MULTILINE)
    assert set(there) >= ENGINE_ARGS - {"lora_path"}


def test_tools_of_a_peer() -> None:
    def halve(number: float) -> float:
        """Halves a number."""
        return number / 2

    peer = Peer(name="a", tools=[halve, python()])  # type: ignore[list-item]  # plain functions become tools
    assert [tool.name for tool in peer.tools] == ["halve", "python"]
    assert "tools" not in peer.model_dump()
    with pytest.raises(ValueError, match="two are named 'python'"):
        Peer(name="a", tools=[python(), python()])


def test_a_team_outlives_its_file(tmp_path: Path) -> None:
    file = written(tmp_path, EXAMPLE)
    loaded, told = load_team(file), json.loads(json.dumps(read_team(file)))
    file.unlink()
    rebuilt = rebuild_team(told)
    assert [peer.model_dump() for peer in rebuilt] == [peer.model_dump() for peer in loaded]
    assert [[tool.name for tool in peer.tools] for peer in rebuilt] == [[], ["python"], ["python"]]


def test_a_models_folder_is_found_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models" / "mine").mkdir(parents=True)
    file = written(tmp_path, '[[peers]]\nname = "a"\nmodel = "models/mine"\n')
    monkeypatch.chdir(tmp_path)
    told = read_team(file)
    monkeypatch.chdir("/")
    assert rebuild_team(told)[0].model == str(tmp_path / "models" / "mine")
    (tmp_path / "models" / "mine").rmdir()
    with pytest.raises(TeamError, match="peer 'a': the folder of its model is gone"):
        rebuild_team(told)


def test_ready_made_teams_are_kept_by_name() -> None:
    assert read_team("experts") == {"name": "experts"}
    assert [peer.name for peer in rebuild_team({"name": "experts"})] == ["solver", "coder", "sceptic"]
    with pytest.raises(TeamError, match="'wizards': there is no such ready-made team"):
        rebuild_team({"name": "wizards"})


def test_a_value_without_a_form_in_json_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, '[[peers]]\nname = "a"\ninstructions = 1979-05-27\n')
    with pytest.raises(TeamError, match=r"peers\[0\].instructions=.*: input should be a valid string"):
        read_team(file)


@pytest.mark.parametrize("name", ["team.yaml", "team.yml"])
def test_yaml_is_refused_with_one_line(tmp_path: Path, name: str) -> None:
    file = written(tmp_path, "peers:\n  - name: solver\n", name)
    with pytest.raises(TeamError, match=r"YAML is not read any more; write the team as TOML") as error:
        load_team(file)
    assert "\n" not in str(error.value)
