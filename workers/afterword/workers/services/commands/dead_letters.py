"""Dead letters in somebody's hands: read, mended, replayed or discarded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection

from afterword.schemas import AfterwordError, MemoryUnavailable
from afterword.schemas.letters import RefusedLetter, TreatedLetters
from afterword.schemas.values import DEFAULT_TENANT
from afterword.schemas.wire import Queue
from afterword.workers.broker import QueueAdmin
from afterword.workers.core.errors import NotFound, NotReplayable, StoreUnavailable
from afterword.workers.stores.ledger import audit
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.extraction import progress, subjects
from afterword.workers.stores.ledger.ingest import transcripts
from afterword.workers.stores.ledger.upkeep import dead_letters
from afterword.workers.stores.ledger.upkeep.dead_letters import DeadLetter, LetterFilter, LetterHead, StoredLetter

_LISTED = 10_000
_NOT_REACHED = (StoreUnavailable, MemoryUnavailable)


class DeadLetters:
    """Lists, replays and discards dead letters."""

    def __init__(self, *, database: Database, queues: QueueAdmin) -> None:
        self._database = database
        self._queues = queues

    def select(self, which: LetterFilter) -> list[StoredLetter]:
        """The letters that are meant with their messages, newest first. Raises: LedgerUnavailable."""
        with self._database.transaction() as connection:
            return dead_letters.read(connection, which, limit=_LISTED)

    def heads(self, which: LetterFilter, *, limit: int = _LISTED, before: int | None = None) -> list[LetterHead]:
        """The same without their messages; `before` is the last of the page before. Raises: LedgerUnavailable."""
        with self._database.transaction() as connection:
            return dead_letters.heads(connection, which, limit=limit, before=before)

    def get(self, letter_id: int, tenant_id: str | None = None) -> StoredLetter:
        """One letter, of this tenant where one is named. Raises: NotFound, LedgerUnavailable."""
        found = self.select(LetterFilter(letter_id=letter_id, tenant_id=tenant_id))
        if not found:
            raise _missing(letter_id)
        return found[0]

    def replay_each(
        self, ids: Iterable[int], *, tenant_id: str | None = None, body: bytes | None = None, by: str | None = None
    ) -> TreatedLetters:
        """Replay letters, of this tenant where one is named. One that is refused leaves the others their chance."""
        return _treated(ids, lambda letter_id: self.replay(letter_id, body, tenant_id=tenant_id, by=by))

    def discard_each(
        self, ids: Iterable[int], *, tenant_id: str | None = None, by: str | None = None
    ) -> TreatedLetters:
        """Discard letters, of this tenant where one is named."""
        return _treated(ids, lambda letter_id: self.discard(letter_id, tenant_id=tenant_id, by=by))

    def replay(
        self, letter_id: int, body: bytes | None = None, *, tenant_id: str | None = None, by: str | None = None
    ) -> None:
        """Give a letter another chance, under its own event id; `body` replaces its message, mended.

        A conversation waits for extraction again; a message goes back to its queue.

        Raises:
            NotFound: there is no such letter.
            NotReplayable: it cannot be read, and no mended body was given.
            LedgerUnavailable, MemoryUnavailable: the letter stays.
        """
        with self._database.transaction() as connection:
            letter = _taken(connection, letter_id, tenant_id)
            audit.write(connection, [about("dead_letter_replay", letter, by)])
            conversation_id = _conversation_of(letter)
            if conversation_id is None:
                self._enqueue(letter, letter.body if body is None else body)
                return
            if body is not None:
                raise NotReplayable("this letter is a conversation: it has no message to be mended")
            revived = progress.revive(connection, conversation_id)
            if revived is None:
                raise NotReplayable("the conversation was cleared, or its transcript is no longer kept")
            subject = subjects.lock(connection, revived.tenant_id, revived.user_id)
            tokens = sum(turn.tokens for turn in revived.turns)
            subjects.note_pending(connection, subject, due_at=subject.now, tokens=tokens)

    def discard(self, letter_id: int, *, tenant_id: str | None = None, by: str | None = None) -> None:
        """Drop a letter for good, and what was said in it. Raises: NotFound, LedgerUnavailable."""
        with self._database.transaction() as connection:
            letter = _taken(connection, letter_id, tenant_id)
            audit.write(connection, [about("dead_letter_discard", letter, by)])
            conversation_id = _conversation_of(letter)
            if conversation_id is not None:
                transcripts.drop_one(connection, conversation_id)

    def _enqueue(self, letter: DeadLetter, body: bytes) -> None:
        message = _readable(body)
        message_id = uuid4().hex
        # Its failures are forgotten, and it is a new message to Redis; what it asks for keeps its own ids.
        message |= {"queue_name": letter.queue, "options": {"redis_message_id": message_id}, "message_id": message_id}
        # Within the transaction that takes the letter out: without Redis it stays a letter.
        self._queues.enqueue_encoded(letter.queue, message_id, json.dumps(message).encode())


def _treated(ids: Iterable[int], treat: Callable[[int], None]) -> TreatedLetters:
    done: list[int] = []
    refused: list[RefusedLetter] = []
    away: AfterwordError | None = None
    for letter_id in dict.fromkeys(ids):
        try:
            # While a server is away each further try would wait for it in vain.
            if away is not None:
                raise away
            treat(letter_id)
            done.append(letter_id)
        except AfterwordError as error:
            away = error if isinstance(error, _NOT_REACHED) else None
            refused.append(RefusedLetter(id=letter_id, reason=str(error)))
    return TreatedLetters(done=tuple(done), refused=tuple(refused))


def _taken(connection: Connection, letter_id: int, tenant_id: str | None) -> DeadLetter:
    """The letter, taken out; of a conversation after its subject was locked, as a clear does. Raises: NotFound."""
    found = dead_letters.read(connection, LetterFilter(letter_id=letter_id, tenant_id=tenant_id), limit=1)
    if not found:
        raise _missing(letter_id)
    if _conversation_of(found[0].letter) is not None:
        subjects.lock(connection, found[0].letter.tenant_id or DEFAULT_TENANT, found[0].letter.user_id or "")
    letter = dead_letters.remove(connection, letter_id)
    if letter is None:
        raise _missing(letter_id)
    return letter


def _missing(letter_id: int) -> NotFound:
    return NotFound(f"there is no dead letter {letter_id}")


def _conversation_of(letter: DeadLetter) -> int | None:
    """The conversation whose extraction a letter is about; None for a message of a queue."""
    if letter.queue != Queue.EXTRACTION or not letter.message_id.startswith("conversation:"):
        return None
    return int(letter.message_id.removeprefix("conversation:"))


def _readable(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotReplayable(f"the message is not JSON ({error}): replay it with a mended body") from None
    if not isinstance(message, dict) or not isinstance(message.get("args"), list) or "actor_name" not in message:
        raise NotReplayable("the message has no actor_name or no args: replay it with a mended body")
    return message


def about(type: audit.Type, letter: DeadLetter, by: str | None = None) -> audit.Event:
    """The audit row of something that happened to a letter, at the request of an account."""
    return audit.Event(
        type=type,
        tenant_id=letter.tenant_id or DEFAULT_TENANT,
        user_id=letter.user_id,
        event_id=letter.event_id,
        metadata={"queue": letter.queue, **({"by": by} if by else {})},
    )
