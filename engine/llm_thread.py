"""One life of a vLLM engine: an `AsyncLLM`, its worker processes, and the event loop and thread that drive it."""

import asyncio
import contextlib
import itertools
import signal
import threading
from collections.abc import Callable, Sequence
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, cast

from peerleap.engine.arguments import ADAPTER_FILE, LORA_PATH, refuse_unknown
from peerleap.engine.core_process import CoreProcess
from peerleap.engine.device import Device
from peerleap.engine.errors import EngineError, EngineStartError, LLMStopped, RequestRefused
from peerleap.engine.phases import listen
from peerleap.engine.processes import children, descendants, wait_until_gone
from peerleap.engine.progress import Phase, StartClock
from peerleap.engine.protocol import SamplingParams
from peerleap.engine.request import Generated, vllm_params
from peerleap.engine.spawn import no_collection, process_environment
from peerleap.engine.starting import Starting


class LLMThread:
    """A running `AsyncLLM` on a loop and thread of its own. Make one with `LLMThread.begin`."""

    def __init__(self, llm: Any, loop: asyncio.AbstractEventLoop, lora: Any) -> None:
        self._llm, self._loop, self._lora = llm, loop, lora
        self._thread = threading.current_thread()
        self._numbers, self._adapters = itertools.count(), itertools.count(2)
        self._gate = threading.Lock()
        self._stopped = False

    @classmethod
    def begin(cls, device: Device, engine_args: dict[str, Any], clock: StartClock) -> Starting["LLMThread"]:
        """Begin to start an engine in the background; it waits for `go_on`, and `clock` announces its phases.

        The future raises `EngineStartError` where vLLM refuses the arguments or the model.
        """
        started = Starting["LLMThread"]()
        started.thread = threading.Thread(
            target=cls._run, args=(device, engine_args, started, clock), name="peerleap-engine", daemon=True
        )
        started.thread.start()
        return started

    @classmethod
    def _run(
        cls, device: Device, engine_args: dict[str, Any], started: Starting["LLMThread"], clock: StartClock
    ) -> None:
        core: CoreProcess | None = None
        # vLLM is made on a plain thread, before its loop runs: it blocks, and blocking inside a coroutine is an error
        # under `langgraph dev`.
        try:
            # Ctrl-C reaches every process of the terminal; the workers must outlive it, or nothing could be finished.
            # The tracker's own start would unblock the signal again, so it comes first.
            resource_tracker.ensure_running()
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            clock.enter("importing vLLM")
            with listen(lambda phase: clock.enter(cast("Phase", phase))):
                core = CoreProcess(device, engine_args) if CoreProcess.suits(device, engine_args) else None
                engine_args = engine_args | started.wait_to_go_on()
                llm, lora = _make(device, engine_args, started, clock, core)
            clock.enter("ready")
        except BaseException as error:  # noqa: BLE001
            if core is not None:
                core.discard()
            if not isinstance(error, EngineStartError):
                error = EngineStartError(f"vLLM did not start: {type(error).__name__}: {_first_line(error)}")
            clock.enter("failed")
            started.set_exception(error)
            return
        loop = asyncio.new_event_loop()
        running = cls(llm, loop, lora)
        loop.call_soon(started.set_result, running)
        try:
            loop.run_forever()
        finally:
            processes = _engine_processes()
            with contextlib.suppress(Exception):  # the processes may be dead already
                llm.shutdown(timeout=1)  # an idle vLLM on a CPU sits out any grace period
            wait_until_gone(processes)  # vLLM waits for its core, not for the core's workers
            _drain(loop)
            # The last reference goes here: collected at the interpreter's end, vLLM prints a traceback.
            del running._llm, llm

    async def generate(
        self,
        token_ids: Sequence[int],
        params: SamplingParams,
        on_text: Callable[[str], None] | None,
        replica: int | None = None,
    ) -> Generated:
        """Run one request from any event loop.

        Args:
            token_ids: the whole prompt.
            params: how to sample and when to stop.
            on_text: receives new text on the caller's loop.
            replica: the data-parallel rank that the request goes to; `None` leaves it to vLLM.

        Raises:
            LLMStopped: the engine was shut down before the request was done.
            RequestRefused: vLLM does not take the request.
        """
        here = asyncio.get_running_loop()
        deliver = None if on_text is None else (lambda text: here.call_soon_threadsafe(on_text, text))
        with self._gate:  # what is handed over before the stop is cancelled by it, and nothing comes after it
            if self._stopped:
                raise LLMStopped("the engine was shut down")
            running = asyncio.run_coroutine_threadsafe(
                self._request(list(token_ids), params, deliver, replica), self._loop
            )
        try:
            return await asyncio.wrap_future(running)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if self._stopped and not (caller and caller.cancelling()):
                raise LLMStopped("the engine was shut down") from None
            raise

    async def _request(
        self,
        token_ids: list[int],
        params: SamplingParams,
        deliver: Callable[[str], object] | None,
        replica: int | None,
    ) -> Generated:
        from vllm import TokensPrompt
        from vllm.exceptions import VLLMClientError

        generated = Generated(params.logprobs)
        try:
            async for output in self._llm.generate(
                TokensPrompt(prompt_token_ids=token_ids),
                vllm_params(params, stream=deliver is not None),
                f"peerleap-{next(self._numbers)}",
                lora_request=self._lora,
                data_parallel_rank=replica,
            ):
                generated.add(output)
                if deliver is not None and (text := output.outputs[0].text):
                    deliver(text)
        except (VLLMClientError, ValueError) as error:
            raise RequestRefused(f"vLLM refused a request of {len(token_ids)} tokens: {_first_line(error)}") from error
        return generated

    async def load_weights(self, folder: str) -> None:
        """Read other weights in place, from any event loop, and forget what was computed with the old ones.

        Adapters are read as new ones, since vLLM keeps those that it knows by their number.
        """
        with self._gate:
            if self._stopped:
                raise LLMStopped("the engine was shut down")
            running = asyncio.run_coroutine_threadsafe(self._load(folder), self._loop)
        await asyncio.wrap_future(running)

    async def _load(self, folder: str) -> None:
        if (Path(folder) / ADAPTER_FILE).is_file():
            old, self._lora = self._lora, _adapter(folder, next(self._adapters))
            if old is not None:
                await self._llm.remove_lora(old.lora_int_id)
        else:
            await self._llm.collective_rpc("reload_weights", kwargs={"weights_path": folder})
        if not await self._llm.reset_prefix_cache():
            raise EngineError("weights were changed while requests ran: their caches are of both")

    def unfinished(self) -> int:
        """Requests that are running or waiting."""
        return int(self._llm.get_num_unfinished_requests())

    def stop(self) -> None:
        """Shut the engine down and wait until its processes are gone."""
        with self._gate, contextlib.suppress(RuntimeError):  # the loop is closed already
            self._stopped = True
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


def _make(
    device: Device,
    engine_args: dict[str, Any],
    starting: Starting[Any],
    clock: StartClock,
    core: CoreProcess | None = None,
) -> tuple[Any, Any]:
    with no_collection():
        from vllm.config import StructuredOutputsConfig
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

    lora = None
    if lora_path := engine_args.pop(LORA_PATH, None):
        lora = _adapter(lora_path, 1)
        engine_args.setdefault("enable_lora", True)
    refuse_unknown(engine_args, AsyncEngineArgs.__dataclass_fields__)
    if isinstance(constraints := engine_args.get("structured_outputs_config"), dict):  # vLLM takes others as they are
        engine_args["structured_outputs_config"] = StructuredOutputsConfig(**constraints)
    starting.processes_follow()
    clock.enter("starting its process")
    replacing = contextlib.nullcontext() if core is None else core.replacing_vllms(engine_args)
    with process_environment(device, engine_args), replacing:
        return AsyncLLM.from_engine_args(AsyncEngineArgs(**engine_args)), lora


def _engine_processes() -> list[int]:
    # multiprocessing's tracker, which the first engine's thread has started, outlives every engine.
    tracker = getattr(resource_tracker._resource_tracker, "_pid", None)
    return descendants([pid for pid in children(threading.current_thread()) if pid != tracker])


def _adapter(folder: str, number: int) -> Any:
    from vllm.lora.request import LoRARequest

    return LoRARequest(f"peerleap-{number}", number, folder)


def _drain(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or repr(error)).splitlines()[0]
