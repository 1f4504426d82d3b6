"""Looking after the ledger: `migrate` and `stats`, and the entries of agents: `agents set` and `agents list`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afterword.schemas.printable import printable, printable_lines

if TYPE_CHECKING:
    from afterword.workers.stores.ledger.database import Database

agents = typer.Typer(no_args_is_help=True, help="Agents: settings, members, and whom they share with.")

COMMAND_LINE = "the command line"
"""Who asked, where the audit tells it: whoever can reach the ledger."""

_Tenant = Annotated[str, typer.Option(help="Whose agents.")]
_Folder = Annotated[Path | None, typer.Option(help="The folder of a stack that `afterword up` runs.")]


def migrate() -> None:
    """Bring the ledger's tables up to date; safe to run from several places at once."""
    from afterword.workers.stores.ledger.migrate import migrate as migrate_ledger

    with open_ledger() as database:
        print(f"the ledger is at revision {migrate_ledger(database)}")


def stats(tenant: Annotated[str | None, typer.Option(help="Only this tenant.")] = None) -> None:
    """Calls to the LLM, tokens and cost, by model and per conversation."""
    from afterword.cli.stats import stats_table
    from afterword.workers.runtime.settings import Settings
    from afterword.workers.stores.ledger.extraction import llm_calls
    from afterword.workers.stores.ledger.ingest import conversations

    with open_ledger() as database, database.transaction() as connection:
        usages = llm_calls.usage(connection, tenant)
        extracted = conversations.counts(connection, tenant).get("done", 0)
    print(printable_lines(stats_table(usages, extracted, Settings.load().prices)))


def extract(
    since: Annotated[datetime | None, typer.Option(help="Only conversations from this UTC day or time on.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    folder: _Folder = None,
) -> None:
    """Learn from conversations that were taken in while no LLM was set; the extraction workers do it then."""
    from afterword.workers.services.upkeep.late_extraction import LateExtraction

    if since is None and not everything:
        raise typer.BadParameter("say from when on (--since 2026-05-01), or --all")
    with open_ledger(folder) as database:
        # typer reads a time without a zone; the option says UTC.
        asked = LateExtraction(database).request(since=since and since.replace(tzinfo=UTC), tenant_id=tenant)
    print(f"{asked.pending} conversations wait for extraction now")
    if asked.gone:
        print(f"{asked.gone} cannot be learned from: their transcripts are no longer kept")


@agents.command("set")
def set_agent(
    agent_id: str,
    owner: Annotated[str | None, typer.Option(help="The account that may manage the agent's memories.")] = None,
    memory: Annotated[bool, typer.Option("--memory/--no-memory", help="Whether the agent remembers.")] = True,
    instructions: Annotated[str | None, typer.Option(help="What to remember, in words for the LLM.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="Of its users, for times in UTC: Asia/Tokyo, +09:00.")] = None,
    scopes: Annotated[str, typer.Option(help="Of which it learns and is given memories.")] = "user,agent,session",
    tenant: _Tenant = "default",
    folder: _Folder = None,
) -> None:
    """Register an agent, or replace its entry."""
    from pydantic import ValidationError

    from afterword.schemas.errors import InvalidInput
    from afterword.schemas.registry import SetAgent
    from afterword.schemas.wire import new_reply_key
    from afterword.workers.services.policy.registry import AgentAdmin
    from afterword.workers.stores.ledger.agents import Agent

    given = {"owner_id": owner, "memory_enabled": memory, "instructions": instructions, "time_zone": time_zone}
    wanted = {"agent_id": agent_id, "scopes": [each.strip() for each in scopes.split(",")], **given}
    try:
        # The same checks as over the queue, where it has to be answered.
        command = SetAgent.model_validate({"tenant_id": tenant, "reply_to": new_reply_key(), **wanted})
    except ValidationError as error:
        problem = InvalidInput.from_validation(error)
        raise typer.BadParameter(f"{problem.field}: {problem.mend}") from None
    with open_ledger(folder) as database:
        fields = command.model_dump(include={"tenant_id", *wanted})
        AgentAdmin(database).register(Agent(**{**fields, "scopes": command.scopes}), by=COMMAND_LINE)


@agents.command("list")
def list_agents(tenant: _Tenant = "default", folder: _Folder = None) -> None:
    """The registered agents of a tenant."""
    from afterword.schemas.values import Scope
    from afterword.workers.services.policy.registry import AgentAdmin

    with open_ledger(folder) as database:
        found = AgentAdmin(database).registered(tenant)
    for agent in found:
        switch = "on" if agent.memory_enabled else "off"
        zone = f"  time_zone={agent.time_zone}" if agent.time_zone else ""
        some = f"  scopes={','.join(agent.scopes)}" if len(agent.scopes) < len(Scope) else ""
        shared = f"  shares_with={','.join(agent.shares_with)}" if agent.shares_with else ""
        told = f"owner={agent.owner_id or '-'}  memory={switch}{zone}{some}{shared}  {agent.instructions or ''}"
        print(printable(f"{agent.agent_id}  {told}".rstrip()))


@contextmanager
def open_ledger(folder: Path | None = None) -> Iterator[Database]:
    """The ledger of the settings, or of the stack that runs in a folder."""
    # Without House: what all the services need takes as long to load as the rest of such a command.
    from afterword.workers.embedded.running_file import RunningStack
    from afterword.workers.runtime.settings import Settings
    from afterword.workers.stores.ledger.database import Database

    url = RunningStack.of(folder).postgres_url if folder else Settings.load().postgres
    database = Database(url, connections=1)
    try:
        yield database
    finally:
        database.close()
