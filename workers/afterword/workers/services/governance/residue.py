"""The residue scan: looks for what is left of a user in every table, key, point and file.

It looks for the user's id where ids stand, for ids of events and sessions that were theirs alone, and for phrases that
they said. It says where it found some, and what it could not look into.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from afterword.schemas.erasures import Residue, ScannedPlace
from afterword.schemas.wire import REPLY_PREFIX
from afterword.workers.broker import RedisTraces
from afterword.workers.core.errors import VectorStoreUnavailable
from afterword.workers.services.commands.clear_memories import is_about
from afterword.workers.services.governance.ledger_scan import LedgerScan
from afterword.workers.services.governance.phrases import PhraseFinder
from afterword.workers.services.governance.queue_removal import sent_before
from afterword.workers.stores.ledger import erasures
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.erasures import Watched
from afterword.workers.stores.vectors import collection as c
from afterword.workers.stores.vectors.admin import StoreAdmin
from afterword.workers.stores.vectors.owners import UserOwner
from afterword.workers.stores.vectors.queries import Filter, Match

_SHORTEST_ID = 8
"""Bytes of an id that are told from others in a file. A user `ann` is found in any `cannot`."""

_MOST_POINTS = 200_000
_CHUNK = 8 * 2**20
_OVERLAP = 4096

_SCANNING = (b'"users_verify_erased"', b'"users_erase"')
"""The commands that ask for this, which name the user while they are under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Whom a scan looks for. `since`: messages sent later are not theirs any more. `erasing`: the fence is still up."""

    tenant_id: str
    user_id: str
    watched: Watched = field(default_factory=Watched)
    since: datetime | None = None
    erasing: bool = False

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids that are looked for where anything may stand: the user's own if it is long enough."""
        own = (self.user_id,) if len(self.user_id.encode()) >= _SHORTEST_ID else ()
        return (*own, *self.watched.ids)


@dataclass(slots=True)
class _Place:
    looked_at: int = 0
    found: int = 0
    # Items that hold phrases and nothing else of the user: whether these tell anything is known at the end.
    worded: list[set[str]] = field(default_factory=list)

    def note(self, named: bool, phrases: set[str]) -> None:
        self.looked_at += 1
        if named:
            self.found += 1
        elif phrases:
            self.worded.append(phrases)


class ResidueScan:
    """Scans the stores. It takes as long as they are large. Raises: StoreUnavailable, MemoryUnavailable."""

    def __init__(self, *, database: Database, admin: StoreAdmin, traces: RedisTraces) -> None:
        self._database = database
        self._admin = admin
        self._traces = traces

    def scan(self, wanted: Sought) -> Residue:
        """Look everywhere. Changes nothing."""
        with self._database.transaction() as connection:
            key = erasures.key_of(connection)
        finder = PhraseFinder(key, wanted.watched.phrases)
        places: dict[str, _Place] = {"redis": self._redis(wanted, finder)}
        for table, named, worded in LedgerScan(self._database, finder).tables(wanted):
            places[f"ledger.{table.name}"] = _Place(table.looked_at, named, worded)
        places["vectors.points"], shared = self._points(wanted, finder)
        if (folder := self._admin.folder()) is not None:
            places["vectors.files"] = _files(folder, wanted, finder)
        told = {name: _told(place, shared) for name, place in places.items()}
        return Residue(
            clean=all(place.found == 0 for place in told.values()),
            scanned_at=datetime.now(UTC),
            ids=1 + len(wanted.watched.ids),
            phrases=len(wanted.watched.phrases),
            shared=len(shared),
            places=told,
            not_looked_into=self._not_looked_into(wanted),
        )

    def _redis(self, wanted: Sought, finder: PhraseFinder) -> _Place:
        place, ids = _Place(), [each.encode() for each in wanted.ids]
        about = is_about(wanted.tenant_id, wanted.user_id)
        for key, value in self._traces.values():
            # The command that asks for this, and messages of somebody who has come back.
            is_later = wanted.since is not None and not sent_before(wanted.since)(value)
            if is_later or any(name in value for name in _SCANNING):
                continue
            # A reply does not say of which tenant it is, and expires within seconds: only words tell there.
            named = not key.startswith(REPLY_PREFIX) and about(value)
            named = named or any(each in value for each in ids)
            place.note(named, finder.in_bytes(value))
        return place

    def _points(self, wanted: Sought, finder: PhraseFinder) -> tuple[_Place, set[str]]:
        """Points that name the user; and the phrases that points of others hold, which tell nothing of the user."""
        owner = UserOwner(wanted.tenant_id, wanted.user_id)
        found = self._admin.count(owner.where)
        if wanted.watched.ids:
            tenant = Match(c.TENANT, (wanted.tenant_id,))
            found += self._admin.count(Filter((tenant, Match(c.EVENT, wanted.watched.ids))))
        shared: set[str] = set()
        looked_at = 0
        for hit in self._admin.scan(Filter((Match(c.TENANT, (wanted.tenant_id,)),), must_not=owner.where.must[1:])):
            looked_at += 1
            shared |= finder.in_text(str(hit.payload.get(c.TEXT, "")))
            if looked_at == _MOST_POINTS:
                break
        return _Place(looked_at, found), shared

    def _not_looked_into(self, wanted: Sought) -> tuple[str, ...]:
        with self._database.transaction() as connection:
            lsn = erasures.log_position(connection)
        told = [
            f"PostgreSQL: its write-ahead log up to {lsn}, until the server has recycled it, and archives of it",
            "PostgreSQL: freed space within its pages, until it is written over",
            "Redis: its append-only file and its dump on disk, as they were last written",
            "backups, snapshots and replicas of any store, until they are replaced",
            "whatever the providers of the LLM and of the embedder keep of calls",
            "the memory of running processes: workers were told to drop their caches; agents may hold events unsent",
        ]
        if self._admin.folder() is None:
            told.append("Qdrant: the segment files of the server, until its optimizer has rewritten them")
        if len(wanted.user_id.encode()) < _SHORTEST_ID:
            told.append("the user's id in files and in texts: it is too short to be told from other words")
        if not wanted.watched.phrases:
            told.append("words of the user: none are known to look for")
        return tuple(told)


def _files(folder: Path, wanted: Sought, finder: PhraseFinder) -> _Place:
    place, ids = _Place(), [each.encode() for each in wanted.ids]
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            named, phrases = False, set[str]()
            for data in _chunks(file):
                named = named or any(each in data for each in ids)
                phrases |= finder.in_bytes(data)
            place.note(named, phrases)
    return place


def _chunks(file: Path) -> Iterator[bytes]:
    """The bytes of a file, in parts that overlap. Its holes are passed over: most of a store's files are holes.

    Raises: VectorStoreUnavailable, for one that cannot be read: nothing is proven of it then.
    """
    try:
        with file.open("rb") as opened:
            size, at = file.stat().st_size, 0
            while at < size:
                try:
                    at = os.lseek(opened.fileno(), at, os.SEEK_DATA)
                except OSError as error:
                    if error.errno != errno.ENXIO:
                        raise
                    # Nothing but a hole is left.
                    return
                end = min(os.lseek(opened.fileno(), at, os.SEEK_HOLE), at + _CHUNK)
                yield os.pread(opened.fileno(), end - at + _OVERLAP, at)
                at = end
    except FileNotFoundError:
        # The store has replaced it meanwhile.
        return
    except OSError as error:
        raise VectorStoreUnavailable(f"{file.name} of the vector store cannot be read: {error.strerror}") from error


def _told(place: _Place, shared: set[str]) -> ScannedPlace:
    telling = sum(1 for phrases in place.worded if phrases - shared)
    return ScannedPlace(looked_at=place.looked_at, found=place.found + telling)
