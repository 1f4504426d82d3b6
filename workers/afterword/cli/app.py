"""The commands. What a command needs is imported by it: `health` runs every few seconds in every container."""

from __future__ import annotations

import gc
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afterword.cli import analytics, deadletters, recall
from afterword.schemas import AfterwordError, MemoryUnavailable

if TYPE_CHECKING:
    from afterword.workers.stores.ledger.database import Database

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Long-term memory for AI agents.")
agents = typer.Typer(no_args_is_help=True, help="Agents: owner, memory on or off, instructions, time zone.")
app.add_typer(agents, name="agents")
app.add_typer(deadletters.app, name="deadletters")
app.add_typer(analytics.app, name="analytics")
app.command()(recall.context)
app.command()(recall.search)

Tenant = Annotated[str, typer.Option(help="Whose agents.")]


def _print_version(asked: bool) -> None:
    if asked:
        from afterword.producers import __version__

        print(f"afterword {__version__}")
        raise typer.Exit


@app.callback()
def main(
    _: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    """Long-term memory for AI agents."""


def run() -> None:
    """Run the command line. An error of ours is one line, and exit status 1."""
    try:
        app()
    except AfterwordError as error:
        sys.exit(f"afterword: {error}")
    finally:
        # Else the interpreter, before it ends, looks for garbage among all that was loaded: a third of a second.
        gc.freeze()


@app.command()
def worker(
    role: Annotated[str, typer.Option(help="ingest, extraction, context, commands, telemetry or scheduler.")],
    threads: Annotated[int | None, typer.Option(min=1, help="Its threads; each role has a default.")] = None,
) -> None:
    """Run a worker until SIGTERM or Ctrl-C."""
    from afterword.workers.runtime.loading import loading

    with loading():
        from afterword.workers.runtime import logs
        from afterword.workers.runtime.process import run_worker
        from afterword.workers.runtime.roles import Role
        from afterword.workers.runtime.settings import Settings

    if role not in list(Role):
        raise typer.BadParameter(f"{role!r} is no role: use one of {', '.join(Role)}", param_hint="--role")
    settings = Settings.load(**({"threads": threads} if threads else {}))
    logs.configure(settings)
    run_worker(Role(role), settings)


@app.command()
def migrate() -> None:
    """Bring the ledger's tables up to date; safe to run from several places at once."""
    from afterword.workers.stores.ledger.migrate import migrate as migrate_ledger

    with _ledger() as database:
        print(f"the ledger is at revision {migrate_ledger(database)}")


@app.command()
def doctor() -> None:
    """Check every component, its version and its settings, and say what to do. Asks the LLM one tiny question."""
    from afterword.workers.runtime import checks
    from afterword.workers.runtime.settings import Settings
    from afterword.workers.runtime.wiring.house import House

    house = House(Settings.load())
    try:
        found = checks.run(house, checks.ALL)
    finally:
        house.close()
    for check in found:
        detail = check.detail.replace("\n", "\n" + " " * 24)
        print(f"{check.status:8} {check.component:14} {detail}")
    raise typer.Exit(1 if any(check.status == "failed" for check in found) else 0)


@app.command()
def stats(tenant: Annotated[str | None, typer.Option(help="Only this tenant.")] = None) -> None:
    """Calls to the LLM, tokens and cost, by model and per conversation."""
    from afterword.cli.stats import stats_table
    from afterword.workers.runtime.settings import Settings
    from afterword.workers.stores.ledger import conversations, llm_calls

    with _ledger() as database, database.transaction() as connection:
        usages = llm_calls.usage(connection, tenant)
        extracted = conversations.counts(connection, tenant).get("done", 0)
    print(stats_table(usages, extracted, Settings.load().prices))


@app.command()
def settings() -> None:
    """Every setting with its environment variable, default and meaning, as a Markdown table."""
    from afterword.cli.settings_table import settings_table

    print(settings_table())


@app.command()
def health(alive: Annotated[bool, typer.Option(help="Ask whether its threads run, and nothing else.")] = False) -> None:
    """Ask the worker in this container whether it is ready, and how each component is; exit status 0 or 1."""
    from afterword.cli.health import ask
    from afterword.workers.runtime.settings import Settings

    ready, told = ask(Settings.load().probe_port, "healthz" if alive else "readyz")
    print(told)
    raise typer.Exit(0 if ready else 1)


@app.command()
def up(
    folder: Annotated[Path, typer.Option(help="Where its data lives.")] = Path(".afterword"),
    redis_port: Annotated[int, typer.Option(help="Port of its Redis on the loopback interface.")] = 6390,
) -> None:
    """Run the whole stack in this process, without Docker, until Ctrl-C. The data stays."""
    from afterword.workers.embedded.stack import EmbeddedStack
    from afterword.workers.embedded.welcome import settings_at_hand, welcome
    from afterword.workers.runtime import logs
    from afterword.workers.runtime.settings import Settings

    settings, said = settings_at_hand(Settings.load())
    logs.configure(settings)
    stopping = threading.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: stopping.set())
    stack = EmbeddedStack(folder, settings, redis_port=redis_port)
    stack.start()
    print(welcome(stack, said, folder), flush=True)
    stopping.wait()
    print("stopping", flush=True)
    stack.stop()


@app.command()
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
        try:
            done = bulk.publish(
                client,
                refused=lambda number, error: console.print(f"line {number}: {error}", markup=False, highlight=False),
                told=lambda progress: bar.update(task, completed=progress.offset),
            )
        except MemoryUnavailable:
            client.close(timeout=0)  # Redis has been waited for already, and the next run sends the same lines
            raise
    print(f"{done.published} conversations published, {done.refused} lines refused")
    raise typer.Exit(1 if done.refused else 0)


@app.command()
def reembed(
    into: Annotated[str, typer.Option(help="Name of the new collection.")],
    source: Annotated[str | None, typer.Option("--from", help="The collection to read; default: the one set.")] = None,
) -> None:
    """Copy all memories into a new collection, with vectors of the embedder that is set now, and new search terms. The
    old one stays.
    """
    from afterword.workers.runtime.settings import Settings
    from afterword.workers.runtime.wiring.house import House
    from afterword.workers.services.collections.reembedding import reembed as copy

    settings = Settings.load()
    old = House(settings.model_copy(update={"collection": source or settings.collection}))
    new = House(settings.model_copy(update={"collection": into}))
    try:
        copied = copy(source=old.stores.admin, target=new.stores.admin, embedder=new.models.embedder)
    finally:
        old.close()
        new.close()
    print(f"{copied} memories embedded with {new.models.embedder.identity}; now set AFTERWORD_COLLECTION={into}")


@app.command()
def adopt(tenant: Annotated[str, typer.Option(help="The tenant whose memories they become.")] = "default") -> None:
    """Make memories that plain mem0 wrote into this collection readable here. Run again after a stop, it goes on."""
    from afterword.workers.runtime.settings import Settings
    from afterword.workers.runtime.wiring.house import House

    house = House(Settings.load())
    try:
        house.collections.prepare()
        done = house.collections.adoption.adopt(tenant)
    finally:
        house.close()
    print(f"{done.memories} memories adopted into tenant {tenant}")
    if done.nobodys:
        print(f"{done.nobodys} left as they are: they name no user, and no agent outside a run")
    if done.foreign:
        print(f"{done.foreign} left as they are: no memories of mem0's")


@agents.command("set")
def set_agent(
    agent_id: str,
    owner: Annotated[str | None, typer.Option(help="The account that may manage the agent's memories.")] = None,
    memory: Annotated[bool, typer.Option("--memory/--no-memory", help="Whether the agent remembers.")] = True,
    instructions: Annotated[str | None, typer.Option(help="What to remember, in words for the LLM.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="Of its users, for times in UTC: Asia/Tokyo, +09:00.")] = None,
    tenant: Tenant = "default",
) -> None:
    """Register an agent, or replace its entry."""
    from afterword.schemas.zones import zone_of
    from afterword.workers.stores.ledger import agents as rows

    if time_zone is not None and zone_of(time_zone) is None:
        raise typer.BadParameter(
            "give an IANA name such as Asia/Tokyo, or an offset such as +09:00", param_hint="--time-zone"
        )
    with _ledger() as database, database.transaction() as connection:
        rows.put(connection, rows.Agent(tenant, agent_id, owner, memory, instructions, time_zone))


@agents.command("list")
def list_agents(tenant: Tenant = "default") -> None:
    """The registered agents of a tenant."""
    from afterword.workers.stores.ledger import agents as rows

    with _ledger() as database, database.transaction() as connection:
        found = rows.every(connection, tenant)
    for agent in found:
        switch = "on" if agent.memory_enabled else "off"
        zone = f"  time_zone={agent.time_zone}" if agent.time_zone else ""
        told = f"owner={agent.owner_id or '-'}  memory={switch}{zone}  {agent.instructions or ''}"
        print(f"{agent.agent_id}  {told}".rstrip())


@contextmanager
def _ledger() -> Iterator[Database]:
    from afterword.workers.runtime.settings import Settings
    from afterword.workers.stores.ledger.database import Database

    database = Database(Settings.load().postgres, connections=1)
    try:
        yield database
    finally:
        database.close()
