"""The call to the LLM about a batch: the prompt, one request, the facts of its answer.

Every call is counted and recorded, whether it succeeds or not: the provider bills it all the same.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from afterword.schemas import AfterwordError
from afterword.workers.core.errors import BadAnswer, LedgerUnavailable, LlmRefused, LlmUnavailable
from afterword.workers.core.tokens import Tokens
from afterword.workers.models.llms.port import Completion, Llm
from afterword.workers.observing.metrics import Metrics
from afterword.workers.services.extraction import answer, prompt
from afterword.workers.services.extraction.answer import FactsRead
from afterword.workers.services.extraction.batch import Batch
from afterword.workers.services.extraction.known import Existing
from afterword.workers.services.extraction.pricing import Price, price_of
from afterword.workers.stores.ledger.analytics.statistics import NOBODY
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.extraction import llm_calls, subjects
from afterword.workers.stores.ledger.extraction.journal import Entry
from afterword.workers.stores.ledger.extraction.llm_calls import CallOutcome, LlmCall
from afterword.workers.text.storable import storable

logger = logging.getLogger(__name__)

# An everyday sentence: if even this gets no usable answer, the batch is not at fault.
_HARMLESS = "I drink tea in the morning."


@dataclass(frozen=True, slots=True)
class LlmAnswer:
    """An answer that can be used: the entry to journal, and the record of the call."""

    entry: Entry
    call: LlmCall


class LlmCaller:
    """Calls one LLM, once a batch. Thread-safe.

    >>> caller.call(batch, generation=1, existing=[]).entry.facts  # doctest: +SKIP
    (Fact(id='…', text='Ann lives in Ghent', scope=<Scope.USER: 'user'>, …),)
    """

    def __init__(self, *, llm: Llm, database: Database, prices: Mapping[str, Price], metrics: Metrics) -> None:
        self._llm = llm
        self._database = database
        self._price = price_of(llm.model, prices)
        self._metrics = metrics

    def call(self, asked: Batch, generation: int, existing: Sequence[Existing]) -> LlmAnswer:
        """One call about a batch. A failed one is recorded here, a good one by whoever journals its answer.

        Raises: LlmUnavailable, LlmRefused, BadAnswer.
        """
        started = time.monotonic()
        prompts = prompt.build(asked, existing)
        try:
            completion = self._llm.complete_json(prompts)
            found, entry = _read(asked, generation, completion, existing)
        except LlmUnavailable:
            self._note_failed(asked, "unavailable", Tokens(), started)
            raise
        except LlmRefused:
            self._note_failed(asked, "refused", Tokens(), started)
            raise
        except BadAnswer as error:
            self._note_failed(asked, "bad_answer", error.tokens, started)
            raise
        except Exception as error:  # noqa: BLE001
            # A client's own errors share no base class, and their words may repeat the prompt.
            failed = BadAnswer(f"{self._llm.model}: its answer cannot be read ({type(error).__name__})")
            self._note_failed(asked, "bad_answer", Tokens(), started)
            raise failed from None
        for why, number in found.odd.items():
            self._metrics.odd_items.labels(why).inc(number)
        call = self._record_of(asked, "ok", completion.tokens, started)
        self._count(call)
        return LlmAnswer(entry, call)

    def fault(self, asked: Batch) -> AfterwordError | None:
        """Ask about a harmless turn instead of a batch's own: the error, when not even that gets an answer to use.

        It tells a turn that spoils its prompt from a provider or a setting that spoils them all.
        """
        line = asked.lines[0]
        harmless = replace(line, turn=replace(line.turn, role="user", text=_HARMLESS, name=None))
        try:
            answered = self.call(replace(asked, lines=(harmless,), slices=(), earlier=(), instructions={}), 0, ())
        except (LlmUnavailable, LlmRefused, BadAnswer) as error:
            return error
        self._keep(answered.call)
        return None

    def _note_failed(self, asked: Batch, outcome: CallOutcome, tokens: Tokens, started: float) -> None:
        call = self._record_of(asked, outcome, tokens, started)
        self._count(call)
        self._keep(call)

    def _keep(self, call: LlmCall) -> None:
        try:
            self.record(call)
        except LedgerUnavailable as error:
            logger.warning("a call to the LLM could not be recorded: %s", error)

    def record(self, call: LlmCall) -> None:
        """Keep a call whose answer is not journalled: it is paid for all the same. Raises: LedgerUnavailable."""
        with self._database.transaction() as connection:
            # Whoever was erased while the LLM answered is not named any more.
            erased = subjects.is_erased(connection, call.tenant_id, call.user_id)
            llm_calls.write(connection, replace(call, user_id=NOBODY) if erased else call)

    def _record_of(self, asked: Batch, outcome: CallOutcome, tokens: Tokens, started: float) -> LlmCall:
        tokens = tokens.of_one_call()
        return LlmCall(
            tenant_id=asked.tenant_id,
            user_id=asked.user_id,
            # The model we asked for, whether it answered or not: a provider calls its answer's model as it likes.
            model=self._llm.model,
            outcome=outcome,
            conversations=len(asked.slices),
            prompt_tokens=tokens.prompt,
            cached_tokens=tokens.cached,
            completion_tokens=tokens.completion,
            seconds=time.monotonic() - started,
        )

    def _count(self, call: LlmCall) -> None:
        metrics = self._metrics
        model, tenant = metrics.model_label.of(call.model), metrics.tenant_label.of(call.tenant_id)
        metrics.llm_calls.labels(model, call.outcome).inc()
        metrics.llm_seconds.labels(model).observe(call.seconds)
        for kind, number in (
            ("prompt", call.prompt_tokens),
            ("cached", call.cached_tokens),
            ("completion", call.completion_tokens),
        ):
            metrics.llm_tokens.labels(model, tenant, kind).inc(number)
        if self._price is not None:
            tokens = Tokens(call.prompt_tokens, call.cached_tokens, call.completion_tokens)
            metrics.llm_cost.labels(model, tenant).inc(self._price.of(tokens))


_MODEL_CHARACTERS = 200
"""The most characters kept of a model's name, which the provider may choose as it likes."""


def _read(
    asked: Batch, generation: int, completion: Completion, existing: Sequence[Existing]
) -> tuple[FactsRead, Entry]:
    # A new id for each answer: facts of an answer that was taken back must not share ids with those of the next.
    batch_id = str(uuid4())
    try:
        found = answer.read(completion.text, asked, batch_id, existing)
    except BadAnswer as error:
        raise BadAnswer(str(error), completion.tokens) from None
    return found, Entry(
        batch_id=batch_id,
        tenant_id=asked.tenant_id,
        user_id=asked.user_id,
        generation=generation,
        slices=asked.slices,
        facts=found.facts,
        model=storable(completion.model)[:_MODEL_CHARACTERS],
        tokens=completion.tokens.of_one_call(),
        prompt_version=prompt.prompt_version(),
    )
