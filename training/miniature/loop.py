"""The training loop: two processes with a thread each, gradients averaged, resumable, the same for the same seed."""

import multiprocessing
import os
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
import torch.distributed as dist
from torch.nn import functional

from peerleap.training.miniature.corpus import IGNORED, STAGES, Corpus, stage_at
from peerleap.training.miniature.network import Llama, Shape
from peerleap.training.miniature.optimizer import Muon
from peerleap.training.miniature.tokenizer import build_tokenizer

_SAVE_SECONDS, _REPORT_SECONDS = 90, 15
_WARM_UP, _COOL_DOWN = 40, 0.6


@dataclass(frozen=True)
class Plan:
    """A training run."""

    tokens: int
    seed: int = 0
    width: int = 192
    layers: int = 4
    heads: int = 6
    hidden: int = 512
    batch: int = 8192
    """Tokens of a step, of all processes."""
    workers: int = 2
    rate: float = 0.012
    """Muon's; Adam's is a sixth of it."""
    minutes: float | None = None
    """Where the tokens would take longer: the curriculum and the rates go by the clock, and end with it."""
    stages: tuple[tuple[float, float, float, int], ...] = STAGES
    start: Path | None = None
    """Checkpoint of an earlier phase to begin with."""


def train(plan: Plan, folder: Path) -> None:
    """Train, or go on with what `folder` holds, until all tokens are seen or the time is over.

    Raises:
        KeyboardInterrupt: Ctrl-C; the state is saved.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if plan.workers == 1:
        worker = _Worker(0, plan, folder)
        usual = signal.getsignal(signal.SIGINT)
        try:
            worker.run()
        finally:
            signal.signal(signal.SIGINT, usual)
        if worker.stopped:
            raise KeyboardInterrupt
        return
    with tempfile.TemporaryDirectory() as scratch:
        context = torch.multiprocessing.spawn(
            _work, (plan, folder, f"file://{scratch}/meet"), nprocs=plan.workers, join=False
        )
        assert context is not None
        try:
            _wait(context)
        except KeyboardInterrupt:
            # A terminal tells the whole group; who tells this process only means the others, too.
            for pid in context.pids():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGINT)
            _wait(context)
            raise


def _wait(context: torch.multiprocessing.ProcessContext) -> None:
    while not context.join():
        pass


def _work(rank: int, plan: Plan, folder: Path, meet: str) -> None:
    dist.init_process_group("gloo", init_method=meet, rank=rank, world_size=plan.workers)
    _Worker(rank, plan, folder).run()
    dist.destroy_process_group()


class _Worker:
    def __init__(self, rank: int, plan: Plan, folder: Path) -> None:
        torch.set_num_threads(1)
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        self.rank, self.plan, self.folder = rank, plan, folder
        tokenizer = build_tokenizer()
        self.corpus = Corpus(tokenizer)
        shape = Shape(tokenizer.get_vocab_size(), plan.width, plan.layers, plan.heads, plan.hidden)
        self.model = Llama(shape, plan.seed)
        matrices = [self.model.qkv, self.model.out, self.model.gate_up, self.model.down]
        rest = [self.model.embed, self.model.norms, self.model.last_norm]
        self.optimizers: list[Any] = [
            Muon(matrices, lr=plan.rate),
            torch.optim.Adam(rest, lr=plan.rate / 6, betas=(0.9, 0.95), eps=1e-10),
        ]
        self.step, self.tokens, self.earlier, self.stopped = 0, 0, 0, False
        self.finished = False
        self._progress = 0.0  # by the clock, where the plan has one
        self.counts = torch.zeros(4)  # loss, right, trained tokens, all tokens since the last report
        self.exact: dict[str, list[bool]] = {}
        own = folder / "checkpoint.pt"
        if own.exists() or plan.start is not None:
            begun: Any = own if own.exists() else plan.start
            state = torch.load(begun, weights_only=True)
            if Shape(**state["shape"]) != shape:
                raise ValueError(f"--out {str(folder)!r}: holds a run of another shape; name another folder")
            self.model.load_state_dict(state["model"])
            if own.exists():
                for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
                    optimizer.load_state_dict(saved)
                self.step, self.tokens, self.earlier = state["step"], state["tokens"], state["earlier"]
                self.finished = state.get("finished", False)
            else:
                self.earlier = state["earlier"] + state["tokens"]

    def run(self) -> None:
        if self.finished and self.plan.minutes is not None:  # the clock would begin anew
            return
        signal.signal(signal.SIGINT, self._stop)
        host = multiprocessing.parent_process()
        self.begun = saved = reported = time.monotonic()
        stopped = False
        while self.tokens < self.plan.tokens:
            self._step()
            now = time.monotonic()
            self.stopped |= host is not None and not host.is_alive()  # nothing outlives its host
            # Both processes go by the slower clock.
            flag = self._sum(torch.tensor([float(self.stopped), self._clock() / self.plan.workers]))
            self._progress = flag[1].item()
            if self.rank == 0 and now - reported > _REPORT_SECONDS:
                self._report(now - reported)
                reported = now
            stopped = flag[0].item() > 0
            if stopped or self._progress >= 1:
                break
            if self.rank == 0 and now - saved > _SAVE_SECONDS:
                self._save()
                saved = now
        if self.rank == 0:
            self.finished = not stopped
            self._save()
            self._report(max(1e-9, time.monotonic() - reported))

    def _clock(self) -> float:
        """The share of the minutes that are used up."""
        return 0.0 if self.plan.minutes is None else (time.monotonic() - self.begun) / self.plan.minutes / 60

    def _stop(self, *_: object) -> None:
        self.stopped = True

    def _sum(self, tensor: torch.Tensor) -> torch.Tensor:
        if self.plan.workers > 1:
            dist.all_reduce(tensor)
        return tensor

    def _step(self) -> None:
        plan, progress = self.plan, min(1.0, max(self.tokens / self.plan.tokens, self._progress))
        stage = stage_at(progress, plan.stages)
        small = progress < 0.15
        random, kinds = (Random(f"{plan.seed}:{name}:{self.step}") for name in (self.rank, "kinds"))  # noqa: S311 - reproducible on purpose
        size = plan.batch // plan.workers // (2 if small else 1)
        batches = [self.corpus.batch(random, stage, max(512, size // 2), kinds) for _ in range(2)]
        masks = [labels[:, 1:] != IGNORED for _, labels in batches]
        own = sum(int(keep.sum()) for keep in masks)
        totals = self._sum(torch.tensor([float(own), float(sum(ids.numel() for ids, _ in batches))]))
        for (ids, labels), keep in zip(batches, masks, strict=True):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = self.model.logits(self.model(ids)[:, :-1][keep]).float()
            target = labels[:, 1:][keep]
            loss = functional.cross_entropy(logits, target, reduction="sum")
            (loss / totals[0]).backward()
            self._count(loss.detach(), logits.detach().argmax(-1) == target, keep, ids)
        params = [param for param in self.model.parameters() if param.grad is not None]
        flat = self._sum(torch.cat([param.grad.flatten() for param in params]))  # type: ignore[union-attr]
        flat *= min(1.0, 1.0 / (flat.norm().item() + 1e-6))
        for param, grad in zip(params, flat.split([param.numel() for param in params]), strict=True):
            param.grad = grad.view_as(param)
        rate = plan.rate * min(1.0, (self.step + 1) / _WARM_UP, max(0.01, (1 - progress) / _COOL_DOWN))
        for optimizer, factor in zip(self.optimizers, (1.0, 1 / 6), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
            optimizer.step()
            optimizer.zero_grad()
        self.step += 1
        self.tokens += int(totals[1])

    def _count(self, loss: torch.Tensor, right: torch.Tensor, keep: torch.Tensor, ids: torch.Tensor) -> None:
        self.counts += torch.tensor([float(loss), float(right.sum()), float(len(right)), float(ids.numel())])
        rows = torch.arange(len(ids)).unsqueeze(1).expand_as(keep)[keep]
        wrong = set(rows[~right].tolist())
        kind = f"{ids.shape[1]:3}"
        self.exact.setdefault(kind, []).extend(row not in wrong for row in range(len(ids)))

    def _report(self, seconds: float) -> None:
        loss, right, trained, every = self.counts.tolist()
        speed = every * self.plan.workers / seconds
        left = max(0.0, (self.plan.tokens - self.tokens) / max(1.0, speed) / 60)
        exact = " ".join(f"{kind.strip()}:{sum(x)}/{len(x)}" for kind, x in sorted(self.exact.items()))
        print(
            f"{time.strftime('%H:%M:%S')} step {self.step}  {self.tokens / 1e6:.2f}M tokens  {speed:,.0f}/s  "
            f"{left:.0f} min left  loss {loss / max(1, trained):.4f}  wrong tokens "
            f"{100 * (1 - right / max(1, trained)):.2f} %  whole traces by length {exact}",
            flush=True,
        )
        self.counts.zero_()
        self.exact = {}

    def _save(self) -> None:
        state = {
            "model": self.model.state_dict(), "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step": self.step, "tokens": self.tokens, "earlier": self.earlier, "shape": asdict(self.model.shape),
            "finished": self.finished,
        }  # fmt: skip
        beside = self.folder / ".checkpoint.pt"
        torch.save(state, beside)
        beside.replace(self.folder / "checkpoint.pt")
