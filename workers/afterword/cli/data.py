"""Bringing memories in: `publish` a file, see how a `conversation` fares, `adopt` those of plain mem0, `reembed`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from afterword.schemas.printable import printable, printable_json


def publish(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JSONL, one conversation a line.")],
) -> None:
    """Publish a file of conversations. Run again after a stop, it goes on from there; a line sent twice counts once."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from afterword.cli.bulk import BulkFile
    from afterword.producers import MemoryClient

    bulk, console = BulkFile(file), Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with MemoryClient.from_env() as client, Progress(*columns, console=console) as bar:
        task = bar.add_task("bytes", total=bulk.size, completed=bulk.progress().offset)
        done = bulk.publish(
            client,
            refused=lambda number, error: console.print(
                printable(f"line {number}: {error}"), markup=False, highlight=False
            ),
            told=lambda progress: bar.update(task, completed=progress.offset),
        )
    print(f"{done.published} conversations published, {done.refused} lines refused")
    raise typer.Exit(1 if done.refused else 0)


def conversation(
    user: Annotated[str, typer.Argument(metavar="USER", help="Whose conversation (tenant: AFTERWORD_TENANT_ID).")],
    event: Annotated[str, typer.Argument(metavar="EVENT", help="The id that publishing gave.")],
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """How far a published conversation has come: taken in, its words to be recalled, its facts extracted."""
    from afterword.producers import MemoryClient

    with MemoryClient.from_env() as client:
        state = client.conversation(event, user_id=user)
    if json:
        print(printable_json(state.model_dump_json(indent=2)))
        return
    for name, value in state.model_dump(mode="json", exclude_none=True).items():
        print(printable(f"{name:14} {value}"))


def reembed(
    into: Annotated[str, typer.Option(help="Name of the new collection.")],
    source: Annotated[str | None, typer.Option("--from", help="The collection to read; default: the one set.")] = None,
    folder: Annotated[Path | None, typer.Option(help="The folder of a stack that is stopped.")] = None,
) -> None:
    """Copy all memories into a new collection, with vectors of the embedder that is set now, and new search terms. The
    old one stays.
    """
    from afterword.workers.runtime.settings import Settings
    from afterword.workers.runtime.wiring.house import House
    from afterword.workers.services.collections.reembedding import reembed as copy

    settings = Settings.load()
    if folder:
        from afterword.workers.embedded.models import settings_at_hand

        # With the models that `afterword up` would choose: the copy is for the stack's next start.
        settings, _ = settings_at_hand(settings)
        settings = settings.model_copy(update={"edge_path": folder / "qdrant", "qdrant_url": None})
    with (
        closing(House(settings.model_copy(update={"collection": source or settings.collection}))) as old,
        closing(House(settings.model_copy(update={"collection": into}))) as new,
    ):
        copied = copy(source=old.stores.admin, target=new.stores.admin, embedder=new.models.embedder)
    print(f"{copied} memories embedded with {new.models.embedder.identity}; now set AFTERWORD_COLLECTION={into}")


def adopt(tenant: Annotated[str, typer.Option(help="The tenant whose memories they become.")] = "default") -> None:
    """Make memories that plain mem0 wrote into this collection readable here. Run again after a stop, it goes on."""
    from afterword.workers.runtime.settings import Settings
    from afterword.workers.runtime.wiring.house import House

    with closing(House(Settings.load())) as house:
        house.collections.prepare()
        done = house.collections.adoption.adopt(tenant)
    print(f"{done.memories} memories adopted into tenant {tenant}")
    if done.nobodys:
        print(f"{done.nobodys} left as they are: they name no user, and no agent outside a run")
    if done.foreign:
        print(f"{done.foreign} left as they are: no memories of mem0's")
