"""An engine that samples from a `transformers` model in this process, token by token: exact and repeatable."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from peerleap.engine import Completion, SamplingParams, ScriptedEngine, decode


class TorchEngine(ScriptedEngine):
    """A model of `transformers` in float32; what it samples depends on the request's seed and ids alone."""

    def __init__(self, folder: Path) -> None:
        super().__init__(lambda *_: "", thinking=True, context_length=4096, model=str(folder))
        self.loaded: list[str] = []
        self._read(folder)

    def _read(self, folder: str | Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        self.torch_model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    async def load_weights(self, folder: str | Path) -> None:
        self.loaded.append(Path(folder).name)
        self._read(folder)

    async def generate(self, token_ids: Sequence[int], params: SamplingParams, **more: Any) -> Completion:
        import torch

        generator = torch.Generator().manual_seed(params.seed or 0)
        ids: list[int] = []
        logprobs: list[float] = []
        fed, cache = torch.tensor([list(token_ids)]), None
        reason: tuple[Any, Any] = ("length", None)
        with torch.no_grad():
            while len(ids) < params.max_tokens:
                out = self.torch_model(fed, past_key_values=cache, use_cache=True)
                cache = out.past_key_values
                found = torch.log_softmax(out.logits[0, -1].float() / (params.temperature or 1.0), -1)
                token = int(
                    torch.multinomial(found.exp(), 1, generator=generator) if params.temperature else found.argmax()
                )
                ids.append(token)
                logprobs.append(float(found[token]))
                fed = torch.tensor([[token]])
                text = decode(self.tokenizer, ids)
                stopped = [stop for stop in params.stop if stop in text]
                if token == self.tokenizer.eos_token_id:
                    reason = ("stop", None)
                    break
                if token in params.stop_token_ids or stopped:
                    reason = ("stop", token if token in params.stop_token_ids else stopped[0])
                    break
        return Completion(
            token_ids=ids, text=decode(self.tokenizer, ids), finish_reason=reason[0], stop_reason=reason[1],
            prompt_tokens=len(token_ids), cached_tokens=0, token_logprobs=logprobs,
        )  # fmt: skip


@pytest.fixture
def torch_engine(tiny_model: Path) -> TorchEngine:
    return TorchEngine(tiny_model)


@pytest.fixture
def questions(tmp_path: Path) -> str:
    path = tmp_path / "questions.jsonl"
    path.write_text(
        "".join(f'{{"id": "q{n}", "question": "What is {n} + 2?", "answer": "{n + 2}"}}\n' for n in range(5))
    )
    return str(path)
