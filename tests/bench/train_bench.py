"""Fine-tuning against the plain forward and backward passes of the same model on the same rows; wall time."""

import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

from peerleap.engine import vocabulary_hash
from peerleap.engine.scripted import byte_tokenizer
from peerleap.training import Row, RowsHeader, SftOptions, Span, fine_tune, sft_plan, write_rows

GOAL = 0.8
ROWS, LENGTH, STEPS = 64, (256, 512), 12
"""Rows of random bytes, their tokens, and optimizer steps of 16 rows."""


def run() -> dict[str, dict[str, Any]]:
    """Tokens a second of `fine_tune`, from its third step on, over those of the plain passes before and after it."""
    with tempfile.TemporaryDirectory() as folder:
        model, rows = _model(Path(folder) / "model"), _rows(Path(folder) / "rows.jsonl")
        plan = sft_plan(
            rows, str(model), SftOptions(epochs=STEPS * 16 // ROWS, learning_rate=1e-4), Path(folder) / "run"
        )
        before = _plain(plan)
        seen: list[tuple[float, int]] = []
        start = time.perf_counter()

        def note(step: Any) -> None:
            seen.append((time.perf_counter() - start, step.step))

        fine_tune(plan, on_step=note)
        floor = (before + _plain(plan)) / 2
    # The first two steps pay for memory.
    tokens = plan.tokens * 16 / ROWS * (seen[-1][1] - seen[1][1])
    speed = tokens / (seen[-1][0] - seen[1][0])
    return {
        "train_tokens_per_s": {"value": round(speed), "unit": "tokens/s", "goal": "-", "ok": True},
        "train_over_floor": {
            "value": round(speed / floor, 3),
            "unit": "of plain forward and backward",
            "goal": f">= {GOAL:g}",
            "ok": speed / floor >= GOAL,
        },
    }


def _plain(plan: Any) -> float:
    """Tokens a second of forward and backward passes in micro-batches of eight rows, without an optimizer."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(plan.folder, dtype=torch.float32)
    tokens, took = 0, 0.0
    for start in range(0, 48, 8):
        rows = sorted(plan.rows[start : start + 8], key=lambda row: len(row.input_ids))
        longest = -(-len(rows[-1].input_ids) // 32) * 32
        ids, labels = torch.zeros(8, longest, dtype=torch.long), torch.full((8, longest), -100)
        for place, row in enumerate(rows):
            ids[place, : len(row.input_ids)] = torch.tensor(row.input_ids)
            labels[place, : len(row.input_ids)] = torch.tensor(row.labels())
        began = time.perf_counter()
        model(input_ids=ids, labels=labels, attention_mask=(ids != 0).long()).loss.backward()
        model.zero_grad()
        if start >= 16:
            took += time.perf_counter() - began
            tokens += sum(len(row.input_ids) for row in rows)
    return tokens / took


def _model(folder: Path) -> Path:
    """A Llama of some 3 million parameters with random weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = byte_tokenizer(True)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=192, num_hidden_layers=6, num_attention_heads=6, intermediate_size=512,
        max_position_embeddings=1024, tie_word_embeddings=True, bos_token_id=None, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _rows(file: Path) -> Path:
    random = Random(0)
    rows = []
    for number in range(ROWS):
        ids = [random.randrange(1, 250) for _ in range(random.randint(*LENGTH))]
        spans = (Span("prompt", 64, False), Span("thought", len(ids) - 64, True))
        rows.append(Row(f"q{number}", 0, "solver_1", ids, spans))
    write_rows(file, RowsHeader("bench", vocabulary_hash(byte_tokenizer(True))), rows)
    return file
