"""One replica of a model, simulated: a continuous batch, and the KV caches of the paths that wait.

The speeds are those of DeepSeek-R1-Distill-Qwen-7B in bfloat16 on H100s, put together from published figures:
- a step reads all weights (15.2 GB) and the KV cache of its batch (28 layers, 4 KV heads of 128, 2 bytes each for key
  and value: 57,344 bytes a token) at 77 % of 3.35 TB/s: that share was measured with vLLM 0.23 for Llama-3.1-8B in
  bfloat16 on an A100 (johnmusgrave.com/p/vllm-throughput-latency-sweep-on);
- 0.03 ms for each sequence of a batch: with it, the same sum for Llama-3.1-8B is 12,500 tokens/s at 256 sequences, as
  is published for an H100 (12,500, morphllm.com/vllm-benchmarks; 12,965 at 250 requests, NVIDIA's table for NIM,
  docs.nvidia.com/nim/benchmarking/llm/1.0.0/performance);
- prefill at 30,000 tokens/s, half of the GPU's arithmetic; it halts the decoding of its replica (chunks share a step).
"""

import heapq
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class GPU:
    """One replica: seconds of a step are `weights + sequences * each + tokens in their KV caches * kv`."""

    weights: float = 15.2e9 / (0.77 * 3.35e12)
    each: float = 0.03e-3
    kv: float = 57_344 / (0.77 * 3.35e12)
    prefill: float = 30_000.0
    """Tokens a second."""
    room: int = 950_000
    """Tokens of KV cache: 90 % of 80 GB, without the weights and 2 GB of activations."""
    sequences: int = 256


class Replica:
    """One continuous batch. Its clock `v` counts the tokens that each of its sequences has written."""

    def __init__(self, gpu: GPU) -> None:
        self.gpu, self.v, self.last, self.debt, self.version = gpu, 0.0, 0.0, 0.0, 0
        self.waiting: deque[tuple[int, int, int, Callable[[float], None]]] = deque()
        self.running: list[tuple[float, int, int, int, Callable[[float], None]]] = []
        self.begun = 0.0
        """Tokens in the caches of what runs, less `v` for each sequence."""
        self.planned = 0
        """The same when all of it is written."""
        self.idle: OrderedDict[int, int] = OrderedDict()
        self.idle_tokens = 0
        self.busy = self.decoded = self.prefilled = self.cached = 0.0

    def _step(self) -> float:
        gpu, n = self.gpu, len(self.running)
        return gpu.weights + n * gpu.each + (self.begun + n * self.v) * gpu.kv

    def advance(self, now: float) -> None:
        seconds, self.last = now - self.last, now
        if self.running and seconds > 0:
            self.busy += seconds
            paid = min(seconds, self.debt)
            self.debt -= paid
            self.v += (seconds - paid) / self._step()

    def admit(self, number: int) -> None:
        while self.waiting and len(self.running) < self.gpu.sequences:
            name, prompt, generated, done = self.waiting[0]
            if self.running and self.planned + prompt + generated > self.gpu.room:
                return
            self.waiting.popleft()
            held = self.idle.pop(name, 0)
            self.idle_tokens -= held
            new = prompt - min(held, prompt - 1)
            self.debt += new / self.gpu.prefill
            self.prefilled += new
            self.cached += prompt - new
            self.planned += prompt + generated
            self.begun += prompt - self.v
            heapq.heappush(self.running, (self.v + generated, number, name, prompt + generated, done))
            self._evict()

    def finish(self) -> Callable[[float], None]:
        end, _, name, length, done = heapq.heappop(self.running)
        self.v = max(self.v, end)
        self.planned -= length
        self.begun -= length - end
        self.idle_tokens += length - self.idle.pop(name, 0)
        self.idle[name] = length
        self._evict()
        return done

    def _evict(self) -> None:
        while self.idle and self.planned + self.idle_tokens > self.gpu.room:
            self.idle_tokens -= self.idle.popitem(last=False)[1]

    def next(self) -> float:
        return self.last + self.debt + max(0.0, self.running[0][0] - self.v) * self._step()
