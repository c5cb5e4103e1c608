"""The house keeps its plan: packages, folders and type links agree, and imports go one way."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("agents", "cli", "engine", "evals", "graph", "tools")
MAY_IMPORT = {
    "engine": {"engine"},
    "tools": {"tools"},
    "agents": {"agents", "tools"},
    "graph": {"graph", "agents", "tools", "engine"},
    "evals": {"evals", "graph", "agents", "tools", "engine"},
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
    assert packages() == found


def test_type_links_name_every_top_folder() -> None:
    links = ROOT / ".typings" / "peerleap"
    assert {link.name for link in links.iterdir() if not link.name.startswith("__")} == set(FOLDERS)
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


@pytest.mark.parametrize("module", ["peerleap.graph", "peerleap.engine", "peerleap.cli.main"])
def test_import_is_light(module: str) -> None:
    code = f"import sys, {module}; print(*sorted({{'torch', 'vllm', 'transformers'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == []
