"""The house keeps its plan: packages, folders and type links agree, and imports go one way."""

import ast
import re
import subprocess
import sys
import tomllib
from fnmatch import filter as fnmatch_filter
from fnmatch import fnmatch
from pathlib import Path
from typing import get_args

import pytest

from peerleap.engine.orphans import HOST
from peerleap.graph.settings import RouterName

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("agents", "cli", "engine", "evals", "graph", "tools", "training")
MAY_IMPORT = {
    "engine": {"engine"},
    "tools": {"tools"},
    "agents": {"agents", "tools"},
    "graph": {"graph", "agents", "tools", "engine"},
    "evals": {"evals", "graph", "agents", "tools", "engine"},
    "training": {"training", "evals", "graph", "agents", "tools", "engine"},
    "cli": set(FOLDERS),
}


def packages() -> set[str]:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return set(configuration["tool"]["setuptools"]["packages"])


def test_package_list_names_every_folder_with_code() -> None:
    found = {
        ".".join(("peerleap", *file.parent.relative_to(ROOT).parts))
        for folder in FOLDERS
        for file in (ROOT / folder).rglob("*.py")
    }
    assert packages() == found | {"peerleap"}
    where = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-dir"]
    assert where == {"peerleap": "package", **{f"peerleap.{folder}": folder for folder in FOLDERS}}


def test_type_links_name_every_top_folder() -> None:
    links = ROOT / ".typings" / "peerleap"
    files = {"__init__.py", "__main__.py", "py.typed"}
    assert {link.name for link in links.iterdir()} - {"__pycache__"} == {*FOLDERS, *files}
    for name in files:
        assert (links / name).resolve() == ROOT / "package" / name
    for name in FOLDERS:
        assert (links / name).is_symlink()
        assert (links / name).resolve() == ROOT / name


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_folder_is_marked_as_typed(folder: str) -> None:
    assert (ROOT / folder / "py.typed").is_file()


def test_no_module_in_the_root_shadows_a_folder() -> None:
    assert [file.name for file in ROOT.glob("*.py")] == []


def imports(file: Path) -> set[str]:
    """Top folders of ours that a file imports, also inside its functions."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:  # a relative import cannot leave its folder
                continue
            names = [f"peerleap.{alias.name}" for alias in node.names] if module == "peerleap" else [module]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("peerleap.")}
    return found


@pytest.mark.parametrize("folder", FOLDERS)
def test_imports_go_one_way(folder: str) -> None:
    for file in sorted((ROOT / folder).rglob("*.py")):
        foreign = imports(file) - MAY_IMPORT[folder]
        assert not foreign, f"{file.relative_to(ROOT)} imports {sorted(foreign)}"


README = (ROOT / "README.md").read_text()


def named_in_the_tree() -> dict[str, set[str]]:
    """Names of files in the README's tree, by folder; a name may be a pattern."""
    tree = README.partition("```text\n")[2].partition("```")[0]
    named: dict[str, set[str]] = {}
    folders: list[str] = []
    for line in tree.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        first = line.split()[0]
        del folders[depth:]
        if first.endswith("/"):
            folders.append(first)
        named.setdefault("".join(folders), set()).update(re.findall(r"[\w*]+\.py\b", line))
    return named


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_readmes_tree_names_every_file(folder: str) -> None:
    named = named_in_the_tree()
    files: dict[str, set[str]] = {}
    for file in (ROOT / folder).rglob("*.py"):
        files.setdefault(f"{file.parent.relative_to(ROOT).as_posix()}/", set()).add(file.name)
    for where, names in files.items():
        patterns = named.get(where, set())
        missing = {name for name in names if not any(fnmatch(name, pattern) for pattern in patterns)}
        assert missing <= {"__init__.py"}, where
        assert [pattern for pattern in sorted(patterns) if not fnmatch_filter(names, pattern)] == [], where
    assert {where for where in named if where.startswith(f"{folder}/")} == set(files)


def test_the_readme_names_every_router_and_environment_variable() -> None:
    table = README.partition("| router | a path reads |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == set(get_args(RouterName))
    read = {
        name
        for folder in FOLDERS
        for file in (ROOT / folder).rglob("*.py")
        for name in re.findall(r"\b(?:PEERLEAP_[A-Z_]+|LANGGRAPH_AES_KEY)\b", file.read_text())
    }
    told = README.partition("environment variables:")[2].partition("\n\n")[0]
    assert read - {HOST} == set(re.findall(r"`([A-Z_]+)`", told))


@pytest.mark.parametrize("module", ["peerleap.graph", "peerleap.engine", "peerleap.cli.main"])
def test_import_is_light(module: str) -> None:
    code = f"import sys, {module}; print(*sorted({{'torch', 'vllm', 'transformers'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == []
