"""The LLM of any provider that mem0 knows, made by mem0's own factory."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from typing import Any

from afterword.workers.core.errors import BadAnswer, LlmUnavailable, Misconfigured
from afterword.workers.core.tokens import Tokens
from afterword.workers.models import mem0_environment
from afterword.workers.models.llms.failures import failure
from afterword.workers.models.llms.port import Completion, Prompt

# mem0's default of 2,000 cuts the facts of a large batch off; every model takes this many.
_MAX_TOKENS = 4_096


class Mem0Llm:
    """Waits `timeout` seconds for an answer at most. What a call costs is unknown: its tokens are zero.

    A call that is given up goes on in a thread of its own until the provider's client ends it.
    """

    def __init__(
        self, provider: str, model: str, *, api_key: str | None = None, base_url: str | None = None, timeout: float
    ) -> None:
        """Raises: Misconfigured, when mem0 does not know the provider or cannot set it up."""
        self._model = model
        self._timeout = timeout
        self._llm = _made(provider, _options(provider, model, api_key, base_url))

    @property
    def model(self) -> str:
        return self._model

    def complete_json(self, prompt: Sequence[Prompt]) -> Completion:
        """See the port."""
        from mem0.memory.utils import remove_code_blocks

        answer = self._answer([dict(message) for message in prompt])
        if isinstance(answer, Exception):
            raise failure(answer, self._model) from None
        text = remove_code_blocks(answer)
        if not text:
            raise BadAnswer(f"{self._model}: the answer is empty")
        return Completion(text, self._model, Tokens())

    def _answer(self, messages: list[dict[str, Any]]) -> Any:
        """The answer or the error of the provider.

        Raises: LlmUnavailable, when it did neither in time.
        """
        answers: SimpleQueue[Any] = SimpleQueue()
        # A daemon: a provider that hangs must not keep the process from ending.
        threading.Thread(target=self._call, args=(messages, answers), name="mem0-llm", daemon=True).start()
        try:
            return answers.get(timeout=self._timeout)
        except Empty:
            raise LlmUnavailable(f"{self._model}: no answer within {self._timeout:g} seconds") from None

    def _call(self, messages: list[dict[str, Any]], answers: SimpleQueue[Any]) -> None:
        try:
            answers.put(self._llm.generate_response(messages, response_format={"type": "json_object"}))
        except Exception as error:  # noqa: BLE001  # a dozen clients' errors share no base class
            answers.put(error)


def _options(provider: str, model: str, api_key: str | None, base_url: str | None) -> dict[str, Any]:
    options: dict[str, Any] = {"model": model, "max_tokens": _MAX_TOKENS}
    if api_key:
        options["api_key"] = api_key
    if base_url:
        options[f"{provider}_base_url"] = base_url
    return options


def _made(provider: str, options: dict[str, Any]) -> Any:
    mem0_environment.prepare()
    from mem0.utils.factory import LlmFactory

    known = sorted(LlmFactory.get_supported_providers())
    if provider not in known:
        raise Misconfigured(f"AFTERWORD_LLM: mem0 knows no LLM provider {provider!r}; it knows {', '.join(known)}")
    try:
        return LlmFactory.create(provider, options)
    except Exception as error:
        # Each client has errors of its own for a missing package, a missing key or an option it does not know.
        raise Misconfigured(f"AFTERWORD_LLM=mem0:{provider} cannot be set up: {error}") from error
