import os
import subprocess
import sys

import peerleap.evals


def test_the_public_names_exist_and_are_sorted() -> None:
    names = peerleap.evals.__all__
    assert sorted(names, key=lambda name: (not name.isupper(), name[0].islower(), name)) == list(names)
    assert all(hasattr(peerleap.evals, name) for name in names)


def test_importing_loads_no_optional_package() -> None:
    code = (
        "import sys, peerleap.evals; optional = {'math_verify', 'sympy', 'datasets', 'reasoning_gym', 'torch', "
        "'inspect_ai', 'transformers', 'huggingface_hub', 'scipy'}; print(sorted(optional & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[]"
