"""The LLM of any provider that mem0 knows, made by mem0's own factory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from afterword.workers.core.errors import BadAnswer, LlmUnavailable, Misconfigured
from afterword.workers.core.tokens import Tokens
from afterword.workers.models import mem0_environment
from afterword.workers.models.bounded_calls import BoundedCalls, GivenUp
from afterword.workers.models.environment import only_variables_of
from afterword.workers.models.llms.answer_text import answer_text
from afterword.workers.models.llms.failures import failure
from afterword.workers.models.llms.formats import AnswerFormats
from afterword.workers.models.llms.port import Completion, Prompt
from afterword.workers.models.providers import LLMS, Endpoint, config_of

# mem0's default of 2,000 cuts the facts of a large batch off; every model takes this many.
_MAX_TOKENS = 4_096


class Mem0Llm:
    """Waits `timeout` seconds for an answer at most. What a call costs is unknown: its tokens are zero.

    A call that is given up goes on in a thread of its own until the provider's client ends it; while eight hang, none
    is begun.
    """

    def __init__(self, provider: str, model: str, *, endpoint: Endpoint | None = None, timeout: float) -> None:
        """Raises: Misconfigured, when mem0 does not know the provider or cannot set it up."""
        self._model = model
        self._calls: BoundedCalls[Any] = BoundedCalls("mem0-llm", seconds=timeout)
        self._formats = AnswerFormats(model)
        self._llm = _made(provider, model, endpoint or Endpoint())

    @property
    def model(self) -> str:
        return self._model

    def complete_json(self, prompt: Sequence[Prompt]) -> Completion:
        """See the port."""
        from mem0.memory.utils import remove_code_blocks

        answer = self._answer([dict(message) for message in prompt])
        text = remove_code_blocks(answer_text({"content": answer}))
        if not text:
            raise BadAnswer(f"{self._model}: the answer is empty")
        return Completion(text, self._model, Tokens())

    def _answer(self, messages: list[dict[str, Any]]) -> Any:
        """The provider's answer. Raises: LlmUnavailable, when there is none in time; LlmRefused, BadAnswer."""
        while True:
            asked = self._formats.current
            options = {} if asked is None else {"response_format": dict(asked)}
            try:
                return self._calls.run(partial(self._llm.generate_response, messages, **options))
            except GivenUp as error:
                raise LlmUnavailable(f"{self._model}: {error}") from None
            except Exception as error:  # noqa: BLE001  # a dozen clients' errors share no base class
                if not self._formats.step_down(asked, error):
                    raise failure(error, self._model) from None


def _made(provider: str, model: str, endpoint: Endpoint) -> Any:
    mem0_environment.prepare()
    from mem0.utils.factory import LlmFactory

    known = sorted(LlmFactory.get_supported_providers())
    if provider not in known:
        raise Misconfigured(f"AFTERWORD_LLM: mem0 knows no LLM provider {provider!r}; it knows {', '.join(known)}")
    try:
        options = {"model": model, "max_tokens": _MAX_TOKENS, **config_of(LLMS, provider, endpoint)}
        with only_variables_of(LLMS[provider].reads):
            return LlmFactory.create(provider, options)
    except Exception as error:
        # Each client has errors of its own for a missing package, a missing key or an option it does not know.
        raise Misconfigured(f"AFTERWORD_LLM=mem0:{provider} cannot be set up: {error}") from error
