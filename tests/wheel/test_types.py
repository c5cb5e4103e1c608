"""A user's script type-checks against an installed wheel, without the links that this repository's checkers read."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHECKER = Path(sys.executable).with_name("basedpyright")
SCRIPT = Path(__file__).with_name("user_script.py")
# Their types reach no signature of ours, and they are half of a checker's time.
SKIPPED = "[mypy-torch.*,transformers.*,tokenizers.*,huggingface_hub.*,numba.*]\nfollow_imports = skip\n"


def run(*command: object, cwd: Path) -> str:
    text = [str(part) for part in command]
    done = subprocess.run(text, cwd=cwd, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def user_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel in it, on top of the packages that are installed here."""
    folder = tmp_path_factory.mktemp("user")
    source = folder / "source"
    tracked = run("git", "ls-files", "-z", "--", ":!tests", ":!docs", ":!.typings", cwd=ROOT).split("\0")
    for name in filter(None, tracked):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index", "-w", folder, "./source", cwd=folder)
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    run(*pip, "--python", python, "install", "-q", "--no-deps", "--no-index", *folder.glob("*.whl"), cwd=folder)
    packages = Path(run(python, "-c", "import site; print(site.getsitepackages()[0])", cwd=folder).strip())
    # Only paths: the editable install's import hook is not read from there.
    (packages / "parent.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    found = run(python, "-c", "import peerleap.graph; print(peerleap.graph.__file__)", cwd=folder)
    assert Path(found.strip()).is_relative_to(packages)
    return python


def test_mypy_strict(user_python: Path, tmp_path: Path) -> None:
    settings = tmp_path / "mypy.ini"
    settings.write_text(f"[mypy]\nstrict = True\n{SKIPPED}")
    cache = ROOT / ".mypy_cache" / "user"
    run(
        sys.executable, "-m", "mypy", "--config-file", settings, "--python-executable", user_python,
        "--cache-dir", cache, SCRIPT, cwd=tmp_path,
    )  # fmt: skip


def test_pyright(user_python: Path, tmp_path: Path) -> None:
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({"typeCheckingMode": "recommended"}))
    (tmp_path / SCRIPT.name).write_bytes(SCRIPT.read_bytes())
    run(CHECKER, "--level", "error", "--pythonpath", user_python, cwd=tmp_path)


def test_mistakes_are_found(user_python: Path, tmp_path: Path) -> None:
    wrong = ("graph.invoke(5)", "print(out['anser'])", "Peer(nam='x')", "build_graph(paths='4')")
    right = (
        "from peerleap.agents import Peer", "from peerleap.graph import build_graph",
        "graph = build_graph().compile()", "out = graph.invoke({'question': '?'})",
    )  # fmt: skip
    script = tmp_path / "script.py"
    script.write_text("\n".join((*right, *wrong)))
    command = (CHECKER, "--level", "error", "--pythonpath", user_python, script)
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=500, check=False)
    lines = {int(number) for number in re.findall(rf"{script}:(\d+):\d+ - error", done.stdout)}
    assert lines == {len(right) + n for n in range(1, len(wrong) + 1)}, done.stdout
