"""Erasures: who asked for one, how far it is, and what is left of it: a receipt, and the hash of whom it was about.

The row names the user only until the receipt is written. From then on it is a tombstone: it says that a subject with
this hash was erased at this time, and to nobody who that was.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, Column, Connection, Index, Row, Table, Text, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB, UUID, insert

from afterword.workers.stores.ledger.metadata import count, metadata, moment

# One row: the key of all hashes of this ledger. Whoever has it can try names, so the hashes are no secret to those who
# read the ledger; they are to those who see a receipt.
erasure_keys = Table(
    "erasure_keys",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

erasures = Table(
    "erasures",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("tenant_id", Text, nullable=False),
    # The keyed hash of the user's id, which stays
    Column("subject", Text, nullable=False),
    # NULL from the receipt on
    Column("user_id", Text),
    Column("keep_learned", Boolean, nullable=False),
    # The account that asked; NULL for the user themselves
    Column("requested_by", Text),
    moment("requested_at", now=True),
    # The step that comes next
    Column("step", Text, nullable=False),
    # Grows each time the scan found something and the steps were taken again.
    count("round"),
    # {step: {what: how many}}
    Column("removed", JSONB, nullable=False, server_default="{}"),
    # Ids that a worker had in its hands: looked for once more when no worker can hold anything any more
    Column("memory_ids", JSONB, nullable=False, server_default="[]"),
    # What the scan looks for: ids, and hashes of phrases; NULL from the receipt on
    Column("watched", JSONB(none_as_null=True)),
    Column("receipt", JSONB(none_as_null=True)),
    moment("finished_at"),
    moment("settled_at"),
    Index("ix_erasures_subject", "tenant_id", "subject"),
    Index("ix_erasures_open", "requested_at", postgresql_where=text("settled_at IS NULL")),
)


@dataclass(frozen=True, slots=True)
class Watched:
    """What a scan looks for: ids of the user's, and hashes of phrases that only their memories held."""

    ids: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """A recorded erasure. `user_id` is "" once the receipt is written."""

    id: str
    tenant_id: str
    subject: str
    user_id: str
    keep_learned: bool
    requested_by: str | None
    requested_at: datetime
    step: str
    round: int
    removed: dict[str, dict[str, int]]
    memory_ids: tuple[str, ...]
    watched: Watched
    receipt: dict[str, Any] | None
    finished_at: datetime | None


_COLUMNS = tuple(erasures.c[name] for name in Erasure.__dataclass_fields__)
_KEY = "subjects"


def key_of(connection: Connection) -> bytes:
    """The key of all hashes, drawn when it is first needed."""
    drawn = insert(erasure_keys).values(name=_KEY, value=secrets.token_hex(32)).on_conflict_do_nothing()
    connection.execute(drawn)
    return bytes.fromhex(connection.execute(select(erasure_keys.c.value)).scalar_one())


def hashed(key: bytes, *parts: str) -> str:
    """The keyed hash of some ids. One cannot be shifted into the other: each is told with its length."""
    told = "".join(f"{len(part)}:{part}" for part in parts)
    return hmac.new(key, told.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def erased_at(connection: Connection, tenant_id: str, user_ids: Iterable[str]) -> dict[str, datetime]:
    """When users were last erased, by id; those who never were are left out."""
    found = erased_among(connection, [(tenant_id, user_id) for user_id in user_ids])
    return {user_id: at for (_, user_id), at in found.items()}


def erased_among(connection: Connection, users: Sequence[tuple[str, str]]) -> dict[tuple[str, str], datetime]:
    """As `erased_at`, of users (tenant, user) of several tenants."""
    found = connection.execute(select(erasure_keys.c.value)).scalar_one_or_none() if users else None
    # No key was ever drawn: nobody was ever erased.
    if found is None:
        return {}
    key = bytes.fromhex(found)
    hashes = {hashed(key, *user): user for user in users}
    rows = connection.execute(
        select(erasures.c.subject, func.max(erasures.c.requested_at).label("at"))
        .where(erasures.c.tenant_id.in_({tenant_id for tenant_id, _ in users}), erasures.c.subject.in_(hashes))
        .group_by(erasures.c.subject)
    )
    return {hashes[row.subject]: row.at for row in rows}


def record(
    connection: Connection,
    *,
    erasure_id: str,
    user: tuple[str, str],
    keep_learned: bool,
    requested_by: str | None,
    step: str,
    memory_ids: Sequence[str],
) -> Erasure:
    """Write an erasure down, as of now. It holds once the transaction is committed."""
    tenant_id, user_id = user
    values = {
        "id": erasure_id,
        "tenant_id": tenant_id,
        "user_id": user_id,
        "subject": hashed(key_of(connection), tenant_id, user_id),
        "keep_learned": keep_learned,
        "requested_by": requested_by,
        "step": step,
        "memory_ids": list(memory_ids),
        "watched": {},
    }
    return _read(connection.execute(insert(erasures).values(values).returning(*_COLUMNS)).one())


def running(connection: Connection, tenant_id: str, user_id: str) -> Erasure | None:
    """The erasure of a user that is not done yet."""
    wanted = select(*_COLUMNS).where(
        erasures.c.tenant_id == tenant_id, erasures.c.user_id == user_id, erasures.c.finished_at.is_(None)
    )
    row = connection.execute(wanted).first()
    return None if row is None else _read(row)


def find(connection: Connection, erasure_id: str, tenant_id: str | None = None) -> Erasure | None:
    """An erasure, of this tenant where one is named."""
    wanted = select(*_COLUMNS).where(erasures.c.id == erasure_id)
    row = connection.execute(
        wanted if tenant_id is None else wanted.where(erasures.c.tenant_id == tenant_id)
    ).one_or_none()
    return None if row is None else _read(row)


def unfinished(connection: Connection, *, limit: int) -> list[Erasure]:
    """Erasures that have steps left, in no order."""
    wanted = select(*_COLUMNS).where(erasures.c.finished_at.is_(None), erasures.c.settled_at.is_(None))
    # Not the oldest ones: as many that cannot be carried out would stand before all others.
    return [_read(row) for row in connection.execute(wanted.order_by(func.random()).limit(limit))]


def unsettled(connection: Connection, *, older_than: timedelta, limit: int) -> list[Erasure]:
    """Finished erasures that need a second look, now that no worker can hold anything from before them."""
    waiting = select(*_COLUMNS).where(
        erasures.c.settled_at.is_(None),
        erasures.c.finished_at.is_not(None),
        erasures.c.requested_at < func.clock_timestamp() - older_than,
    )
    return [_read(row) for row in connection.execute(waiting.order_by(erasures.c.requested_at).limit(limit))]


def count_unfinished(connection: Connection) -> tuple[int, float]:
    """How many erasures have steps left, and how many seconds ago the oldest of them was asked for."""
    age = func.extract("epoch", func.clock_timestamp() - func.min(erasures.c.requested_at))
    row = connection.execute(select(func.count(), age).where(erasures.c.finished_at.is_(None))).one()
    return int(row[0]), float(row[1] or 0.0)


def watch(connection: Connection, erasure_id: str, watched: Watched) -> None:
    """Note what the scan shall look for."""
    told = {"ids": list(watched.ids), "phrases": list(watched.phrases)}
    connection.execute(update(erasures).where(erasures.c.id == erasure_id).values(watched=told))


def note_removed(connection: Connection, erasure: Erasure, step: str, removed: Mapping[str, int]) -> Erasure:
    """Note how many a step removed. A step that is taken again after a kill finds less: the larger number holds."""
    name = step if erasure.round == 0 else f"{step}_{erasure.round + 1}"
    held = connection.execute(
        select(erasures.c.removed).where(erasures.c.id == erasure.id).with_for_update()
    ).scalar_one()
    before = held.get(name, {})
    counted = {what: max(before.get(what, 0), removed.get(what, 0)) for what in {**before, **removed}}
    told = {**held, name: {what: number for what, number in sorted(counted.items()) if number}}
    row = connection.execute(
        update(erasures).where(erasures.c.id == erasure.id).values(removed=told).returning(*_COLUMNS)
    ).one()
    return _read(row)


def go_on(connection: Connection, erasure: Erasure, step: str, *, again: bool = False) -> Erasure | None:
    """The step at hand is done, and this one comes next; `again`: in another round. None: its receipt is written."""
    values = {"step": step, "round": erasure.round + (1 if again else 0)}
    done = update(erasures).where(erasures.c.id == erasure.id, erasures.c.finished_at.is_(None))
    row = connection.execute(done.values(values).returning(*_COLUMNS)).one_or_none()
    return None if row is None else _read(row)


def finish(connection: Connection, erasure_id: str, receipt: Mapping[str, Any]) -> bool:
    """Keep the receipt, and forget whom it was about. False when that was done before."""
    open_one = update(erasures).where(erasures.c.id == erasure_id, erasures.c.finished_at.is_(None))
    values = {"user_id": None, "watched": None, "receipt": dict(receipt), "finished_at": func.clock_timestamp()}
    return connection.execute(open_one.values(values)).rowcount == 1


def settle(connection: Connection, erasure_id: str) -> None:
    """Note that nothing of it can come back any more."""
    done = update(erasures).where(erasures.c.id == erasure_id)
    connection.execute(done.values(settled_at=func.clock_timestamp(), memory_ids=[]))


def log_position(connection: Connection) -> str:
    """How far the server's write-ahead log has been written."""
    return str(connection.execute(text("SELECT pg_current_wal_lsn()")).scalar_one())


def _read(row: Row[*tuple[Any, ...]]) -> Erasure:
    given = row._asdict()
    watched = given["watched"] or {}
    given |= {
        "user_id": given["user_id"] or "",
        "memory_ids": tuple(given["memory_ids"]),
        "watched": Watched(tuple(watched.get("ids", ())), tuple(watched.get("phrases", ()))),
    }
    return Erasure(**given)
