"""The house keeps its plan: packages, folders and type links agree, and imports go one way."""

import ast
import re
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path
from typing import get_args

import pytest

from peerleap.engine.orphans import HOST
from peerleap.engine.phases import ADDRESS
from peerleap.graph.settings import RouterName
from tests.imports import loaded

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("agents", "cli", "engine", "evals", "graph", "serving", "tools", "training", "viewer")
MAY_IMPORT = {
    "engine": {"engine"},
    "tools": {"tools"},
    "agents": {"agents", "tools"},
    "graph": {"graph", "agents", "tools", "engine"},
    "evals": {"evals", "graph", "agents", "tools", "engine"},
    "serving": {"serving", "graph", "agents", "tools", "engine"},
    "training": {"training", "evals", "graph", "agents", "tools", "engine"},
    "viewer": {"viewer", "evals", "graph", "agents", "tools", "engine"},
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


def modules_of(node: ast.Import | ast.ImportFrom) -> list[tuple[str, str | None]]:
    """What an import statement names: module and, for `from`, the name; modules of ours only."""
    if isinstance(node, ast.Import):
        return [(alias.name, None) for alias in node.names if alias.name.startswith("peerleap.")]
    module = node.module or ""
    if node.level or not (module == "peerleap" or module.startswith("peerleap.")):
        return []  # a relative import cannot leave its folder
    return [(module, alias.name) for alias in node.names]


def imports(file: Path) -> list[tuple[str, str | None]]:
    """What a file imports, also inside its functions."""
    nodes = ast.walk(ast.parse(file.read_text()))
    return [found for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for found in modules_of(node)]


def place(module: str) -> Path:
    """A module's file, or a package's face."""
    path = ROOT.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def resolved(module: str, name: str | None) -> Path:
    """The file that `from module import name` reads: a module of that name, unless the face exports the name."""
    inside = place(module).with_name(f"{name}.py")
    face = place(module).name == "__init__.py"
    return inside if name and face and inside.is_file() and name not in exported(place(module)) else place(module)


def exported(face: Path) -> list[str]:
    """`__all__` of a face."""
    for node in ast.parse(face.read_text()).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return list(ast.literal_eval(node.value))
    return []


FILES = sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py") if "worker" not in file.parts)


@pytest.mark.parametrize("folder", FOLDERS)
def test_imports_go_one_way(folder: str) -> None:
    for file in sorted((ROOT / folder).rglob("*.py")):
        named = {name if module == "peerleap" else module.split(".")[1] for module, name in imports(file)}
        foreign = {name for name in named if name in FOLDERS} - MAY_IMPORT[folder]
        assert not foreign, f"{file.relative_to(ROOT)} imports {sorted(foreign)}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_other_folders_are_entered_by_their_face(file: Path) -> None:
    """A file imports modules of its own folder and of the folders around it, else faces."""
    top = file.relative_to(ROOT).parts[0]
    behind = [
        f"{module}.{name}" if name else module
        for module, name in imports(file)
        if module != "peerleap"
        and not module.startswith("peerleap.tools.sandbox.worker")  # runs without the package, and has no face
        and (target := resolved(module, name)).name != "__init__.py"
        and not (target.parent in file.parents and target.relative_to(ROOT).parts[0] == top)
    ]
    assert behind == []


# From the top down; a room imports rooms below its own floor, or of its own folder.
FLOORS = {
    "graph": [
        {"server", "as_tool", "runs", "chat"},
        {"build"},
        {"compiled"},
        {"nodes", "call", "checked_states"},
        {"state_check"},
        {"prepare", "vote"},
        {"leap_block", "budget", "inputs"},
        {"path"},
        {"answers", "events", "checkpoints"},
        {"state", "defaults"},
        {"settings"},
        {"history", "errors", "seeds", "langgraph_keys"},
    ],
    "evals": [
        {"studies"},
        {"runner"},
        {"question", "counting", "machine", "duration", "fits", "sweep"},
        {"plan", "report"},
        {"records"},
        {"methods"},
        {"data", "stats"},
        {"grading"},
        {"extras", "clock"},
    ],
}


@pytest.mark.parametrize("folder", FLOORS)
def test_floors_go_one_way(folder: str) -> None:
    floor = {room: number for number, rooms in enumerate(FLOORS[folder]) for room in rooms}
    found = {path.stem for path in (ROOT / folder).iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert found - {"__init__"} == set(floor)
    climbing = []
    for file in (ROOT / folder).rglob("*.py"):
        room = file.relative_to(ROOT / folder).parts[0].removesuffix(".py")
        for module, name in imports(file) if room != "__init__" else ():
            parts = (*module.split("."), name or "")
            other = parts[2] if module.startswith("peerleap.") and parts[1] == folder else None
            if other in floor and other != room and floor[other] <= floor[room]:
                climbing.append(f"{file.relative_to(ROOT)} imports {module}.{name}")
    assert climbing == []


def test_no_import_goes_in_a_circle() -> None:
    """Not even one that is made late, in a function, or for types only."""

    def source(module: str, name: str | None) -> Path:
        face = place(module)
        inside = face.with_name(f"{name}.py")
        return inside if face.name == "__init__.py" and inside.is_file() else face

    graph = {
        str(file.relative_to(ROOT)): {
            str(source(module, name).relative_to(ROOT))
            for module, name in imports(file)
            if module != "peerleap" and source(module, name) != file
        }
        for file in FILES
    }
    assert tuple(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize(
    "folder", sorted({file.parent for file in FILES}), ids=lambda path: str(path.relative_to(ROOT))
)
def test_no_folder_is_crowded(folder: Path) -> None:
    assert len(list(folder.glob("*.py"))) <= 19


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_files_are_short_and_say_what_they_are_for(file: Path) -> None:
    text = file.read_text()
    assert len(text.splitlines()) <= 250
    assert ast.get_docstring(ast.parse(text)), "no module docstring"


DIALECT = {"told", "said", "asked", "given", "kept", "nobody"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_names_are_plain_english(file: Path) -> None:
    names = {
        name
        for node in ast.walk(ast.parse(file.read_text()))
        if (name := getattr(node, "name", None) or getattr(node, "arg", None) or _stored(node))
    }
    assert [name for name in sorted(names) if DIALECT & set(name.strip("_").lower().split("_"))] == []


def _stored(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) else None


README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_readmes_tree_names_every_top_folder(folder: str) -> None:
    tree = README.partition("```text\n")[2].partition("```")[0]
    assert re.search(rf"^{folder}/ ", tree, re.MULTILINE)


def test_the_readme_names_every_router_and_environment_variable() -> None:
    table = README.partition("| router | a path reads |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == set(get_args(RouterName))
    read = {
        name
        for folder in FOLDERS
        for file in (ROOT / folder).rglob("*.py")
        for name in re.findall(r"\b(?:PEERLEAP_[A-Z_]+|LANGGRAPH_AES_KEY)\b", file.read_text())
    }
    named = README.partition("environment variables:")[2].partition("\n\n")[0]
    assert read - {HOST, ADDRESS} == set(re.findall(r"`([A-Z_]+)`", named))


@pytest.mark.parametrize("module", ["peerleap.graph", "peerleap.engine", "peerleap.cli.main"])
def test_import_is_light(module: str) -> None:
    assert not {"torch", "vllm", "transformers"} & loaded(module)
