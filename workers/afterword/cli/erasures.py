"""`afterword users erase`, `erasure` and `verify-erased`: erase a person, and scan once more for what is left."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from afterword.cli.ledger import COMMAND_LINE
from afterword.schemas.printable import printable, printable_json

if TYPE_CHECKING:
    from afterword.schemas.erasures import ErasureState

_POLL_SECONDS = 1.0

_User = Annotated[str, typer.Argument(metavar="USER", help="Whom (tenant: AFTERWORD_TENANT_ID).")]


def erase(
    user: _User,
    keep_learned: Annotated[
        bool, typer.Option("--keep-learned", help="Keep what agents learned from them; it names nobody any more.")
    ] = False,
    wait: Annotated[
        float, typer.Option(help="Seconds to wait for the receipt; 0: print the erasure's id alone.")
    ] = 120,
) -> None:
    """Erase everything of a user, in every store, and print the receipt as JSON."""
    from afterword.producers import MemoryClient

    until = time.monotonic() + wait
    with MemoryClient.from_env() as client:
        state = client.users.erase(user, keep_learned=keep_learned, asked_by=COMMAND_LINE)
        while state.receipt is None and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
            state = client.users.erasure(state.erasure_id)
    _show(state)


def erasure(erasure_id: Annotated[str, typer.Argument(help="The id that `users erase` printed.")]) -> None:
    """Print the receipt of an erasure, or the step that it is at."""
    from afterword.producers import MemoryClient

    with MemoryClient.from_env() as client:
        _show(client.users.erasure(erasure_id))


def verify_erased(
    user: _User,
    timeout: Annotated[float, typer.Option(help="Seconds that the scan may take.")] = 600,
) -> None:
    """Look for a user in every table, key, point and file. Exit status 1, when something was found."""
    from afterword.producers import MemoryClient

    with MemoryClient.from_env() as client:
        residue = client.users.verify_erased(user, asked_by=COMMAND_LINE, timeout=timeout)
    for name, place in residue.places.items():
        print(printable(f"{name:28} {place.looked_at:>9} looked at  {place.found:>5} found"))
    for reason in residue.not_looked_into:
        print(printable(f"not looked into: {reason}"))
    print("nothing is left" if residue.clean else "something is left")
    raise typer.Exit(0 if residue.clean else 1)


def _show(state: ErasureState) -> None:
    if state.receipt is None:
        print(printable(f"erasure {state.erasure_id} is at step {state.step}"))
        return
    print(printable_json(state.receipt.model_dump_json(indent=2)))
