"""vLLM in this process: one model, started at its first request, restarted once when it dies."""

import asyncio
import atexit
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from peerleap.engine.arguments import ADAPTER_FILE, LORA_PATH, check_arguments
from peerleap.engine.chat import load_tokenizer, turn_end
from peerleap.engine.device import check_fits, default_engine_args, set_environment, vllm_device
from peerleap.engine.errors import EngineDead, EngineError, is_death
from peerleap.engine.llm_thread import LLMThread
from peerleap.engine.models import Model, resolve_model
from peerleap.engine.orphans import mark_host
from peerleap.engine.progress import StartClock
from peerleap.engine.protocol import Completion, OnText, SamplingParams
from peerleap.engine.replicas import Replicas
from peerleap.engine.request import Generated, Replayed, completion
from peerleap.engine.spawn import no_collection
from peerleap.engine.starting import Starting, refuse_in_own_process


class VLLMEngine:
    """A model in vLLM, in this process (`AsyncLLM`), started at its first request.

    Any number of event loops and threads may call it. `engine_args` are vLLM's engine arguments (`dtype`,
    `tensor_parallel_size`, `gpu_memory_utilization`, `max_model_len`, ...) and `lora_path`, the folder of a LoRA
    adapter. Prefer `get_engine`, which shares one engine among all who ask for the same model.
    """

    def __init__(self, model: str | None = None, **engine_args: Any) -> None:
        self._requested = model
        self._engine_args = engine_args
        self._lock = threading.Lock()
        self._current: Starting[LLMThread] | None = None
        self._closed = False
        count = engine_args.get("data_parallel_size", 1)
        self._replicas = Replicas(count if isinstance(count, int) else 1)

    @cached_property
    def resolved(self) -> Model:
        """The model on disk; found at first use.

        Raises:
            ModelError: there is no such model, or its folder is not complete.
        """
        return resolve_model(self._requested)

    @property
    def model(self) -> str:
        """The model's name, as requested."""
        return self.resolved.name

    @property
    def tokenizer(self) -> Any:
        """The model's tokenizer, the one that vLLM takes with these engine arguments; loading it starts no engine.

        Raises:
            ModelError: its files are damaged or missing, or it needs `trust_remote_code`.
            TokenizerError: it garbles text, or a chat model has no template.
        """
        return self._loaded[0]

    @cached_property
    def _loaded(self) -> tuple[Any, str | None]:
        with no_collection():
            return load_tokenizer(self.resolved, self._engine_args)

    @property
    def context_length(self) -> int:
        """Most tokens of prompt and generated text: the model's, or `max_model_len` where that is less."""
        requested, length = self._engine_args.get("max_model_len"), self.resolved.context_length
        return min(length, requested) if isinstance(requested, int) and requested > 0 else length

    def check(self) -> None:
        """Say before anything is loaded why the engine could not start.

        Raises:
            ModelError: there is no such model, or its folder is not complete.
            EngineMissing: vLLM is not installed, or not the build that the model needs.
            EngineStartError: an engine argument is unknown, or has a value that it cannot have.
        """
        device = vllm_device()
        check_arguments(self._engine_args)
        check_fits(self.resolved, device, self._engine_args)

    async def generate(
        self,
        token_ids: Sequence[int],
        params: SamplingParams,
        *,
        session: str | None = None,
        on_text: OnText | None = None,
    ) -> Completion:
        """Continue `token_ids`; a dead engine is restarted once and the request replayed from its ids.

        Args:
            token_ids: the whole prompt.
            params: how to sample and when to stop.
            session: name of the path within its run. With `data_parallel_size` over 1, a session stays on one replica.
            on_text: receives the generated text while it is written.

        Returns:
            The generated ids, their text, and why the request ended.

        Raises:
            EngineError: the engine is missing, did not start, died twice, or refused the request.
        """
        self._refuse_if_closed()
        last_death: Exception | None = None
        await self._start()  # before the tokenizer is loaded, which can be done meanwhile
        replica = self._replicas.rank(session)
        stopping = turn_end(self.tokenizer).added_to(params)
        forward = None if on_text is None else Replayed(on_text)
        for _ in range(2):
            starting = await self._start()
            llm = await _ready(starting)
            try:
                deliver = None if forward is None else forward.next_life()
                return self._completion(await llm.generate(token_ids, stopping, deliver, replica), params)
            except Exception as error:
                if not is_death(error):
                    raise
                last_death = error
                self._bury(starting)
        raise EngineDead(
            f"the vLLM process of model={self.model!r} died, was restarted, and died again; "
            "vLLM's own log says why (VLLM_LOGGING_LEVEL=INFO)"
        ) from last_death

    async def finish_sessions(self, sessions: Sequence[str]) -> None:
        """Count sessions no more whose runs have ended: new ones go where the fewest are.

        Args:
            sessions: names of paths.
        """
        self._replicas.finish(sessions)

    def begin(self) -> None:
        """Begin to start, while the caller loads the tokenizer; `start`, or the first request, goes on with it.

        Raises:
            EngineError: the engine is missing, or an argument is wrong.
        """
        self._ensure_begun()

    async def start(self) -> None:
        """Start now, not at the first request, and wait until it runs; nothing happens where it does.

        Raises:
            EngineError: the engine is missing, or did not start.
        """
        await _ready(await self._start())

    async def load_weights(self, folder: str | Path) -> None:
        """Go on with other weights of the same architecture, while no request runs; a restarted engine has them, too.

        Args:
            folder: a model's, or an adapter's for an engine with `enable_lora`; it must stay until the next call.

        Raises:
            EngineError: the engine is missing, did not start, or requests were running.
        """
        name = LORA_PATH if (Path(folder) / ADAPTER_FILE).is_file() else "model"
        llm = await _ready(await self._start())
        self._engine_args = {"tokenizer": self._loaded[1] or self.resolved.path, **self._engine_args, name: str(folder)}
        await llm.load_weights(str(folder))

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def unfinished(self) -> int:
        """Requests that the engine is running or has waiting; 0 where it has not started."""
        current = self._current
        if current is None or not current.done() or current.exception():
            return 0
        return current.result().unfinished()

    def close(self) -> None:
        """Shut the engine down; its processes are gone when this returns. It cannot be used again."""
        with self._lock:
            self._closed = True
            starting, self._current = self._current, None
        atexit.unregister(self.close)
        if starting is None:
            return
        starting.call_off()
        if starting.done() and not starting.exception():
            starting.result().stop()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise EngineError(f"the engine of model={self._requested!r} was closed")

    async def _start(self) -> Starting[LLMThread]:
        # Finding a model may block, which an event loop must not.
        current = self._current
        if current is not None and current.going_on and not (current.done() and current.exception()):
            return current
        return await asyncio.to_thread(self._ensure_started)

    def _ensure_started(self) -> Starting[LLMThread]:
        starting = self._ensure_begun()
        folder = self._loaded[1]
        starting.go_on({} if folder is None else {"tokenizer": folder})
        return starting

    def _ensure_begun(self) -> Starting[LLMThread]:
        refuse_in_own_process()
        with self._lock:
            self._refuse_if_closed()
            if self._current is None or (self._current.done() and self._current.exception()):
                self.check()
                device = vllm_device()
                set_environment(device)
                defaults = {"model": self.resolved.path, **default_engine_args(device, self.resolved)}
                mark_host()
                self._current = LLMThread.begin(device, defaults | self._engine_args, StartClock(self.model))
                # Registered once multiprocessing has registered its own: handlers run last in, first out, and the
                # engine must end before multiprocessing kills its processes.
                self._current.add_done_callback(lambda _: atexit.register(self.close))
            return self._current

    def _bury(self, dead: Starting[LLMThread]) -> None:
        with self._lock:
            if self._current is not dead:
                return
            self._current = None
        # Its processes are reaped in the background: the replayed requests need not wait for that.
        threading.Thread(target=dead.result().stop, name="peerleap-engine-reaper", daemon=True).start()

    def _completion(self, generated: Generated, params: SamplingParams) -> Completion:
        output = generated.last
        last = output.outputs[0]
        return completion(
            self.tokenizer, params, generated.token_ids, finish_reason=last.finish_reason, stop_reason=last.stop_reason,
            prompt_tokens=len(output.prompt_token_ids), cached_tokens=output.num_cached_tokens or 0,
            logprobs=generated.logprobs, confidences=generated.confidences,
        )  # fmt: skip


async def _ready(starting: Starting[LLMThread]) -> LLMThread:
    # Who is cancelled leaves; the others still wait for it.
    return await asyncio.shield(asyncio.wrap_future(starting))
