"""The end of those who left: nothing of them is anywhere, and who came back is new. Returns what is wrong, in words."""

from __future__ import annotations

from sqlalchemy import text

from afterword.schemas.erasures import ErasureStatus
from afterword.schemas.values import DEFAULT_TENANT
from afterword.workers.stores.ledger import erasures
from afterword.workers.stores.ledger.schema import TABLES
from tests.chaos.city import City
from tests.chaos.leavers import marks_in, marks_of
from tests.chaos.story import LEAVER, Story


def gone(city: City, story: Story) -> frozenset[str]:
    """The ids of the events that are from before their user was erased last, however late they came.

    When that was says the tombstone: a command whose worker died may have had its effect twice.
    """
    users = [f"{LEAVER}{number:02d}" for number in range(city.leavers.users)]
    with city.database.transaction() as connection:
        at = erasures.erased_at(connection, DEFAULT_TENANT, users)
    events = (*story.events, *city.leavers.returned)
    return frozenset(each.event_id for each in events if each.user_id in at and each.occurred_at <= at[each.user_id])


def problems(city: City, story: Story, gone: frozenset[str]) -> list[str]:
    """The faults of erasures. The memories that are left, or missing, are compared with all others."""
    events = (*story.events, *city.leavers.returned)
    left = [each for each in events if each.event_id in gone]
    stayed = [each for each in events if each.event_id not in gone]
    return [
        *_receipts(city),
        *_rows(city, marks_of(left) - marks_of(stayed)),
        *_scans(city, {each.user_id for each in left} - {each.user_id for each in stayed}),
    ]


def _receipts(city: City) -> list[str]:
    """Each erasure that was answered is done, and its own scan found nothing."""
    states = city.leavers.states()
    running = [each.erasure_id for each in states if each.status is not ErasureStatus.DONE]
    residues = [each.receipt.residue.places for each in states if each.receipt and not each.receipt.residue.clean]
    found = [f"{len(running)} erasures do not end: {running[:5]}"] if running else []
    return [*found, *([f"{len(residues)} receipts tell of a residue: {residues[:2]}"] if residues else [])]


def _rows(city: City, marks: set[str]) -> list[str]:
    """Rows, of whatever table, that hold words of those who left."""
    found = []
    for table in TABLES:
        with city.database.transaction() as connection:
            rows = connection.execute(text(f"SELECT t::text FROM {table.name} t")).scalars()
            held = {mark for row in rows for mark in marks_in(row)} & marks
        if held:
            found.append(f"{table.name} holds words of users who were erased: {sorted(held)[:5]}")
    return found


def _scans(city: City, users: set[str]) -> list[str]:
    """The findings of a scan for users who were erased and did not come back."""
    scans = {user: city.leavers.scan(user) for user in sorted(users)}
    left = {
        user: [name for name, place in scan.places.items() if place.found]
        for user, scan in scans.items()
        if not scan.clean
    }
    return [f"something is left of {len(left)} users who were erased: {left}"] if left else []
