"""LeaP against independent paths of the same model on a file of questions, at equal tokens."""

import asyncio
import json
import tempfile
from pathlib import Path

from peerleap.engine import get_engine
from peerleap.evals import Grader, MethodConfig, Plan, Records, Results, compare, header, load, markdown, run_eval

folder = Path(tempfile.mkdtemp())
questions = folder / "sums.jsonl"
rows = [{"id": str(n), "question": f"What is {n} + {2 * n}?", "answer": str(3 * n)} for n in range(2, 6)]
questions.write_text("".join(json.dumps(row) + "\n" for row in rows))

engine = get_engine()
results, headers = [], []
for method in ("independent", "leap"):
    plan = Plan(str(questions), load(str(questions)), method, MethodConfig(paths=2))
    file = folder / f"{method}.jsonl"
    # What a killed process has finished is in the file; the same lines go on from there.
    headers.append(header(plan, engine))
    with Grader() as grader, Records.open(file, headers[-1]) as records:
        asyncio.run(run_eval(plan, engine, records, grader))
    results.append(Results.read(file))
print(markdown("Sums", results, compare(results), headers))
