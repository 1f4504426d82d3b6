"""`afterword analytics`: figures of a tenant and of a user, as the SDK gives them."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic import BaseModel

from afterword.schemas.printable import printable, printable_json, printable_lines

app = typer.Typer(no_args_is_help=True, help="Figures of usage: of the tenant (AFTERWORD_TENANT_ID), and of a user.")

_Days = Annotated[int, typer.Option(min=1, max=366, help="The last so many UTC days, today included.")]
_AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.command()
def overview(days: _Days = 30, json: _AsJson = False) -> None:
    """Totals, active users, searches and their success, growth."""
    from afterword.producers import MemoryClient

    with MemoryClient.from_env() as client:
        _show(client.analytics.overview(days=days), json=json)


@app.command()
def user(user_id: str, days: _Days = 30, json: _AsJson = False) -> None:
    """Figures of one user: memories, activity, searches."""
    from afterword.producers import MemoryClient

    with MemoryClient.from_env() as client:
        _show(client.analytics.user(user_id, days=days), json=json)


@app.command()
def storage(
    top: Annotated[int, typer.Option(min=1, max=100, help="So many users, and so many agents.")] = 20,
    by_bytes: Annotated[bool, typer.Option("--bytes", help="The largest by bytes, not by memories.")] = False,
    json: _AsJson = False,
) -> None:
    """How much is kept, in all and of the users and agents of whom most is: memories, archived, characters, bytes."""
    from afterword.producers import MemoryClient

    with MemoryClient.from_env() as client:
        found = client.analytics.storage(top=top, order="bytes" if by_bytes else "memories")
    if json:
        print(printable_json(found.model_dump_json(indent=2)))
        return
    for each in (found.whole, *found.users, *found.agents):
        whose = f"user {each.user_id}" if each.user_id else f"agent {each.agent_id}" if each.agent_id else "all"
        print(printable(f"{each.memories:>10} {each.archived:>8} {each.characters:>12} {each.bytes:>14}  {whose}"))


def _show(figures: BaseModel, *, json: bool) -> None:
    print(
        printable_json(figures.model_dump_json(indent=2))
        if json
        else printable_lines("\n".join(lines(figures.model_dump(mode="json"))))
    )


def lines(figures: dict[str, object], prefix: str = "") -> list[str]:
    """One line for each figure; a figure with parts has a line for each part."""
    found: list[str] = []
    for name, value in figures.items():
        if isinstance(value, dict):
            found.extend(lines(value, f"{prefix}{name}."))
        # A line for each day would hide the others; --json has them.
        elif not isinstance(value, list):
            found.append(f"{prefix + name:28} {_text(value)}")
    return found


def _text(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
