"""Managing the API keys of the gateway: they are made, listed, revoked and checked. The audit tells each change."""

from __future__ import annotations

import hmac
import logging
from datetime import UTC, datetime, timedelta

from afterword.schemas import InvalidInput
from afterword.schemas.keys import CallerRole, CheckKey, CreateKey, KeyEntry, KeyHolder, KeyPage, ListKeys, RevokeKey
from afterword.workers.core.errors import LedgerUnavailable, NotFound
from afterword.workers.stores.ledger import audit, keys
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.keys import KeyRow, NewKeyRow

logger = logging.getLogger(__name__)

_USE_NOTED_EVERY = timedelta(minutes=1)


class KeyRing:
    """Keeps who may call with which key. The secrets are known to those who hold them, and to nobody here.

    >>> ring.check(CheckKey(key_id=key.id, secret_hash=key.hash, reply_to=...)).account  # doctest: +SKIP
    'ci'
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, command: CreateKey, _: float | None = None) -> KeyEntry:
        """Keep a new key. Raises: InvalidInput, for a time that is past or an id that is taken; LedgerUnavailable."""
        if command.expires_at is not None and command.expires_at <= datetime.now(UTC):
            raise InvalidInput("expires_at", "a time that is past", "give a time to come, or leave it out")
        with self._database.transaction() as connection:
            is_new = keys.put(connection, _row(command))
            kept = keys.get(connection, command.key_id)
            # The same request may come twice; another key of this id must not take its place.
            if kept is None or (kept.tenant_id, kept.hash) != (command.tenant_id, command.secret_hash):
                raise InvalidInput("key_id", "the id of another key", "draw a new key")
            if is_new:
                audit.write(connection, [_audited("key_create", kept, command.asked_by)])
        return _entry(kept)

    def page(self, command: ListKeys, _: float | None = None) -> KeyPage:
        """Keys of the tenant, newest first. Raises: InvalidInput, for a cursor no page gave; LedgerUnavailable."""
        with self._database.transaction() as connection:
            after = keys.get(connection, command.cursor) if command.cursor else None
            if command.cursor and (after is None or after.tenant_id != command.tenant_id):
                raise InvalidInput("cursor", "a cursor no page gave", "pass next_cursor of the page before")
            # One more than fits says whether there is another page.
            found = keys.page(connection, command.tenant_id, limit=command.limit + 1, after=after)
        shown = found[: command.limit]
        next_cursor = shown[-1].id if len(found) > command.limit else None
        return KeyPage(keys=tuple(_entry(key) for key in shown), next_cursor=next_cursor)

    def revoke(self, command: RevokeKey, _: float | None = None) -> KeyEntry:
        """Revoke a key of the tenant. Raises: NotFound, LedgerUnavailable."""
        with self._database.transaction() as connection:
            changed = keys.revoke(connection, command.tenant_id, command.key_id)
            key = keys.get(connection, command.key_id)
            if key is None or key.tenant_id != command.tenant_id:
                raise NotFound("there is no such key")
            if changed:
                audit.write(connection, [_audited("key_revoke", key, command.asked_by)])
        return _entry(key)

    def check(self, command: CheckKey, _: float | None = None) -> KeyHolder:
        """Whose key it is. Raises: NotFound, unless it is valid; LedgerUnavailable."""
        with self._database.transaction() as connection:
            key = keys.get(connection, command.key_id)
        # The hashes are compared for unknown ids as well, and in the same time wherever they differ.
        is_right = hmac.compare_digest(key.hash if key else "", command.secret_hash)
        if key is None or not is_right or not key.valid:
            raise NotFound("this key is not valid")
        self._note_use(key)
        return KeyHolder(tenant_id=key.tenant_id, account=key.account, roles=_roles(key), user_id=key.user_id)

    def _note_use(self, key: KeyRow) -> None:
        if key.last_used_at is not None and datetime.now(UTC) - key.last_used_at < _USE_NOTED_EVERY:
            return
        try:
            with self._database.transaction() as connection:
                keys.note_use(connection, key.id, every=_USE_NOTED_EVERY)
        except LedgerUnavailable as error:
            # A ledger that takes no writes just now, such as one whose disk is full, locks nobody out.
            logger.warning("the use of a key could not be noted: %s", error)


def _row(command: CreateKey) -> NewKeyRow:
    return NewKeyRow(
        id=command.key_id,
        tenant_id=command.tenant_id,
        account=command.account,
        roles=tuple(role.value for role in command.roles),
        user_id=command.user_id,
        name=command.name or "",
        hash=command.secret_hash,
        expires_at=command.expires_at,
    )


def _roles(key: KeyRow) -> tuple[CallerRole, ...]:
    return tuple(CallerRole(role) for role in key.roles)


def _entry(key: KeyRow) -> KeyEntry:
    return KeyEntry(
        id=key.id,
        tenant_id=key.tenant_id,
        account=key.account,
        roles=_roles(key),
        user_id=key.user_id,
        name=key.name,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=key.last_used_at,
    )


def _audited(type: audit.Type, key: KeyRow, by: str | None) -> audit.Event:
    told = {"key": key.id, "account": key.account, "roles": list(key.roles), **({"by": by} if by else {})}
    return audit.Event(type, tenant_id=key.tenant_id, user_id=key.user_id, metadata=told)
