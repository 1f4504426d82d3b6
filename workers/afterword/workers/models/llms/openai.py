"""The LLM behind any OpenAI-compatible endpoint."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from openai import AsyncOpenAI, OpenAIError
from openai.types.chat import ChatCompletionMessageParam

from afterword.workers.core.errors import LlmUnavailable
from afterword.workers.models.llms.chat_completion import read
from afterword.workers.models.llms.failures import failure
from afterword.workers.models.llms.port import Completion, Prompt

# The client insists on a key; endpoints that need none ignore it.
_NO_KEY = "none"


class OpenAILlm:
    """Chat completions in JSON mode. Thread-safe; no retries; a call takes `timeout` seconds in all at most."""

    def __init__(self, model: str, *, api_key: str | None = None, base_url: str | None = None, timeout: float) -> None:
        self._model = model
        self._timeout = timeout
        self._client = AsyncOpenAI(
            api_key=api_key or _NO_KEY,
            base_url=base_url,
            timeout=timeout,
            max_retries=0,
            # One that is kept may be closed by the server just when it is used again, and nothing is retried.
            default_headers={"Connection": "close"},
        )
        # A client's own timeouts hold per read: a server that trickles would never meet them. Cancelling the whole
        # call is the deadline that holds. One loop for all calls: a loop and a client for each cost more than the
        # rest of an extraction.
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="openai-llm", daemon=True).start()

    @property
    def model(self) -> str:
        return self._model

    def complete_json(self, prompt: Sequence[Prompt]) -> Completion:
        """See the port."""
        try:
            body = asyncio.run_coroutine_threadsafe(self._ask(prompt), self._loop).result()
        except TimeoutError:
            raise LlmUnavailable(f"{self._model}: no answer within {self._timeout:g} seconds") from None
        except OpenAIError as error:
            # Its message may repeat the key or the prompt, and it holds the request: it goes no further.
            raise failure(error, self._model) from None
        return read(body, self._model)

    async def _ask(self, prompt: Sequence[Prompt]) -> str:
        async with asyncio.timeout(self._timeout):
            response = await self._client.chat.completions.with_raw_response.create(
                model=self._model,
                messages=[_message(message) for message in prompt],
                # No temperature: reasoning models refuse it.
                response_format={"type": "json_object"},
            )
            return response.text


def _message(message: Prompt) -> ChatCompletionMessageParam:
    if message["role"] == "system":
        return {"role": "system", "content": message["content"]}
    return {"role": "user", "content": message["content"]}
