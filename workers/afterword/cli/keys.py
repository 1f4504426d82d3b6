"""`afterword keys`: make, list and revoke the API keys of the gateway, in the ledger itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from afterword.cli.ledger import COMMAND_LINE, open_ledger
from afterword.schemas import InvalidInput
from afterword.schemas.keys import ApiKey, CallerRole, CreateKey, KeyEntry, ListKeys, RevokeKey
from afterword.schemas.printable import printable
from afterword.schemas.wire import new_reply_key

if TYPE_CHECKING:
    from afterword.workers.services.commands.manage_keys import KeyRing

app = typer.Typer(no_args_is_help=True, help="API keys of the gateway: create, list, revoke.")

EVERYTHING: Final = (CallerRole.AGENT, CallerRole.ADMIN, CallerRole.OPERATOR)
"""The roles that are bound to no user: together they may do all that there is in a tenant."""

_Tenant = Annotated[str, typer.Option(help="Whose keys.")]
_Folder = Annotated[Path | None, typer.Option(help="The folder of a stack that `afterword up` runs.")]


@app.command()
def create(
    account: Annotated[str, typer.Argument(help="Who calls with it: a person or a service.")],
    role: Annotated[list[CallerRole], typer.Option(help="What it may; may be given again.")],
    user: Annotated[str | None, typer.Option(help="The user it is bound to; the role user needs one.")] = None,
    name: Annotated[str | None, typer.Option(help="A word to know it by.")] = None,
    expires: Annotated[datetime | None, typer.Option(help="The UTC day or time from which it opens nothing.")] = None,
    tenant: _Tenant = "default",
    folder: _Folder = None,
) -> None:
    """Make a key and print it, once: only its hash is kept."""
    key = ApiKey.draw()
    # typer reads a time without a zone; the option says UTC.
    until = expires and expires.replace(tzinfo=UTC)
    whose = {"account": account, "roles": role, "user_id": user, "name": name, "expires_at": until}
    with _key_ring(folder) as ring:
        entry = ring.create(_command(CreateKey, tenant, key_id=key.id, secret_hash=key.hash, **whose))
    # To stderr, so that the key alone goes into a file or another program.
    print(f"key {entry.id}; it is shown this once:", file=sys.stderr)
    print(key.text)


@app.command("list")
def list_keys(tenant: _Tenant = "default", folder: _Folder = None) -> None:
    """One key a line, newest first: id, account, roles, user, state, last use, name."""
    cursor: str | None = None
    with _key_ring(folder) as ring:
        while True:
            page = ring.page(_command(ListKeys, tenant, limit=1000, cursor=cursor))
            for key in page.keys:
                print(printable(_line(key)))
            cursor = page.next_cursor
            if cursor is None:
                return


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id: what stands between awk_ and the next _.")],
    tenant: _Tenant = "default",
    folder: _Folder = None,
) -> None:
    """A key opens nothing any more. A gateway that knows it may let it in for some seconds yet."""
    with _key_ring(folder) as ring:
        entry = ring.revoke(_command(RevokeKey, tenant, key_id=key_id))
    print(f"key {entry.id} of {printable(entry.account)} is revoked")


def first_key(postgres_url: str, tenant: str) -> ApiKey | None:
    """A new key to everything in the tenant, when the tenant has never had one; only its hash is kept."""
    from afterword.workers.services.commands.manage_keys import KeyRing
    from afterword.workers.stores.ledger.database import Database

    with closing(Database(postgres_url, connections=1)) as database:
        ring, key = KeyRing(database), ApiKey.draw()
        if ring.page(_command(ListKeys, tenant, limit=1)).keys:
            return None
        whose = {"account": "home", "roles": EVERYTHING, "name": "made by the first `afterword up`"}
        ring.create(_command(CreateKey, tenant, key_id=key.id, secret_hash=key.hash, **whose))
    return key


def _line(key: KeyEntry) -> str:
    state = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else "valid"
    if not key.revoked_at and key.expires_at:
        state = f"{'expired' if key.expires_at <= datetime.now(UTC) else 'expires'} {key.expires_at:%Y-%m-%d}"
    used = f"used {key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used"
    user = f"  user={key.user_id}" if key.user_id else ""
    return f"{key.id}  {key.account}  {','.join(key.roles)}{user}  {state}  {used}  {key.name}".rstrip()


def _command(command: type[Any], tenant: str, **fields: Any) -> Any:
    """The command as it would come over the queue, with the same checks; nobody waits for a reply."""
    from pydantic import ValidationError

    try:
        return command(tenant_id=tenant, reply_to=new_reply_key(), asked_by=COMMAND_LINE, **fields)
    except ValidationError as error:
        raise InvalidInput.from_validation(error) from None


@contextmanager
def _key_ring(folder: Path | None) -> Iterator[KeyRing]:
    from afterword.workers.services.commands.manage_keys import KeyRing

    with open_ledger(folder) as database:
        yield KeyRing(database)
