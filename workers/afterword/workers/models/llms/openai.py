"""The LLM behind any OpenAI-compatible endpoint."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from openai import AsyncOpenAI, OpenAIError, omit
from openai.types.chat import ChatCompletionMessageParam

from afterword.workers.core.errors import LlmUnavailable
from afterword.workers.models.environment import only_variables_of
from afterword.workers.models.llms.chat_completion import read
from afterword.workers.models.llms.failures import failure
from afterword.workers.models.llms.formats import AnswerFormats
from afterword.workers.models.llms.port import Completion, Prompt

if TYPE_CHECKING:
    from openai.types.chat.completion_create_params import ResponseFormat

_OPENAI_URL = "https://api.openai.com/v1"

# The client insists on a key; endpoints that need none ignore it.
_NO_KEY = "none"


class OpenAILlm:
    """Chat completions in JSON mode. Thread-safe; a request takes `timeout` seconds in all at most.

    Nothing is retried, but for a model that does not take the format asked for: it is asked in another, at once.
    """

    def __init__(self, model: str, *, api_key: str | None = None, base_url: str | None = None, timeout: float) -> None:
        self._model = model
        self._timeout = timeout
        self._formats = AnswerFormats(model)
        with only_variables_of(()):
            self._client = AsyncOpenAI(
                api_key=api_key or _NO_KEY,
                # Without one the client would look into the environment by itself.
                base_url=base_url or _OPENAI_URL,
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
        while True:
            asked = self._formats.current
            try:
                body = asyncio.run_coroutine_threadsafe(self._ask(prompt, asked), self._loop).result()
            except TimeoutError:
                raise LlmUnavailable(f"{self._model}: no answer within {self._timeout:g} seconds") from None
            except OpenAIError as error:
                if self._formats.step_down(asked, error):
                    continue
                # Its message may repeat the key or the prompt, and it holds the request: it goes no further.
                raise failure(error, self._model) from None
            return read(body, self._model)

    async def _ask(self, prompt: Sequence[Prompt], asked: Mapping[str, Any] | None) -> str:
        async with asyncio.timeout(self._timeout):
            response = await self._client.chat.completions.with_raw_response.create(
                model=self._model,
                messages=[_message(message) for message in prompt],
                # No temperature: reasoning models refuse it.
                response_format=omit if asked is None else cast("ResponseFormat", asked),
            )
            return response.text


def _message(message: Prompt) -> ChatCompletionMessageParam:
    if message["role"] == "system":
        return {"role": "system", "content": message["content"]}
    return {"role": "user", "content": message["content"]}
