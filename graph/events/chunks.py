"""Text of a request as LangChain streams it: `AIMessageChunk`s for `stream_mode="messages"` and `astream_events`."""

import asyncio
from typing import Any

from langchain_core.callbacks import AsyncCallbackManager, AsyncCallbackManagerForLLMRun
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.tracers._streaming import _StreamingCallbackHandler


def wants_chunks(manager: AsyncCallbackManager) -> bool:
    """Whether any handler streams messages; a tracer that records whole requests does not."""
    return any(isinstance(handler, _StreamingCallbackHandler) for handler in manager.handlers)


class Chunks:
    """Hands text to the handlers of one request, in order; what comes while they are busy is joined to one chunk.

    So a reader that is slow gets fewer and longer chunks, and holds up no path.
    """

    def __init__(self, run: AsyncCallbackManagerForLLMRun, *, reasoning: bool, control: tuple[str, ...]) -> None:
        self._run, self._reasoning, self._control = run, reasoning, control
        self.message_id = f"run-{run.run_id}"
        """Of all chunks, and of the message that they make up."""
        self._text = ""
        self._changed = asyncio.Event()
        self._ended = False
        self._task = asyncio.create_task(self._pump())

    def put(self, text: str) -> None:
        """Newly generated text; called on the event loop."""
        self._text += text
        self._changed.set()

    async def end(self) -> None:
        """Hand over what is left."""
        self._ended = True
        self._changed.set()
        await self._task

    def cancel(self) -> None:
        """The request was cancelled or failed: nothing more is handed over."""
        self._task.cancel()

    async def _pump(self) -> None:
        while not self._ended or self._text:
            await self._changed.wait()
            self._changed.clear()
            text, self._text = without_end(self._text, self._control), ""
            if text:
                chunk = ChatGenerationChunk(message=message_chunk(text, self.message_id, reasoning=self._reasoning))
                await self._run.on_llm_new_token(text, chunk=chunk)
            if self._ended and not self._text:
                return


def without_end(text: str, control: tuple[str, ...]) -> str:
    """The text without the control token that ended it: people read `stop`, not `<|im_end|>`."""
    end = next((token for token in control if text.endswith(token)), "")
    return text.removesuffix(end)


def message_chunk(text: str, message_id: str, *, reasoning: bool) -> AIMessageChunk:
    """A piece of a path's text; a thought is reasoning content, where LangChain's own models put it."""
    extra: dict[str, Any] = {"reasoning_content": text} if reasoning else {}
    return AIMessageChunk(content="" if reasoning else text, id=message_id, additional_kwargs=extra)
