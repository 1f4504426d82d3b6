"""`afterword policies`: how long what is remembered is kept, and how much may be asked, of a tenant, agent or user."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from afterword.cli.ledger import COMMAND_LINE
from afterword.schemas.printable import printable, printable_json

if TYPE_CHECKING:
    from afterword.schemas.policies import PolicyInForce, PolicyRules, PolicyRun

app = typer.Typer(
    no_args_is_help=True,
    help=(
        "How long things are kept, and how much may be asked: policies of the tenant (AFTERWORD_TENANT_ID), of agents "
        "and of users."
    ),
)

_User = Annotated[str | None, typer.Option(help="The policy of this user.")]
_Agent = Annotated[str | None, typer.Option(help="The policy of this agent.")]


@app.command("set")
def set_policy(
    keep: Annotated[
        list[str] | None, typer.Option(help="Days that memories are kept: all=365, session=7, user.fact=0 (for ever).")
    ] = None,
    transcripts: Annotated[int | None, typer.Option(min=0, help="Days that transcripts are kept.")] = None,
    audit: Annotated[int | None, typer.Option(min=0, help="Days that rows of the audit are kept.")] = None,
    max_memories: Annotated[int | None, typer.Option(min=0, help="Memories at most; the least useful go.")] = None,
    quota_memories: Annotated[
        int | None, typer.Option(min=0, help="Memories past which an alert tells; nothing goes.")
    ] = None,
    quota_bytes: Annotated[int | None, typer.Option(min=0, help="The same in bytes.")] = None,
    archive_after: Annotated[
        int | None, typer.Option(min=0, help="Days without recall before a memory of little importance is archived.")
    ] = None,
    archive_below: Annotated[float | None, typer.Option(min=0, max=1, help="The importance that is little.")] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(help="Requests at most: contexts.user.minute=60, publishes.tenant.day=0 (no limit)."),
    ] = None,
    user: _User = None,
    agent: _Agent = None,
) -> None:
    """Write a policy, or replace the whole of it. What is left out is left to wider policies; 0 is no end."""
    from afterword.producers import MemoryClient

    rules = {
        "keep_days": dict(_numbers(keep or [], "--keep", "all=365")),
        "limits": dict(_numbers(limit or [], "--limit", "contexts.user.minute=60")),
        "transcript_days": transcripts,
        "audit_days": audit,
        "max_memories": max_memories,
        "quota_memories": quota_memories,
        "quota_bytes": quota_bytes,
        "archive_after_days": archive_after,
        "archive_below": archive_below,
    }
    with MemoryClient.from_env() as client:
        _show(client.policies.set(rules, user_id=user, agent_id=agent, asked_by=COMMAND_LINE))


@app.command()
def show(
    user: _User = None, agent: _Agent = None, json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False
) -> None:
    """A policy as it is written, and the rules in force. Without --user and --agent, the tenant's and all others."""
    from afterword.producers import MemoryClient

    with MemoryClient.from_env() as client:
        found = client.policies.show(user_id=user, agent_id=agent)
        if json:
            print(printable_json(found.model_dump_json(indent=2)))
            return
        _show(found)
        cursor: str | None = None
        while user is None and agent is None:
            page = client.policies.list(cursor=cursor)
            for entry in page.policies:
                whose = f"user {entry.user_id}" if entry.user_id else f"agent {entry.agent_id}"
                if entry.user_id or entry.agent_id:
                    print(printable(f"{whose}: {', '.join(_lines(entry.rules))}"))
            cursor = page.next_cursor
            if cursor is None:
                return


@app.command()
def run(
    dry_run: Annotated[bool, typer.Option("--dry-run/--now", help="Count what would go; or let it go now.")] = True,
) -> None:
    """Tell what policies would take now, or have them take it. The scheduler does so every hour."""
    from afterword.producers import MemoryClient

    with MemoryClient.from_env() as client:
        found = client.policies.run(dry_run=dry_run, asked_by=COMMAND_LINE)
    _tell(found)


def _tell(found: PolicyRun) -> None:
    verb = "would go" if found.dry_run else "went"
    for each in found.counts:
        what = " ".join(part for part in (each.effect, each.scope, each.kind) if part)
        print(f"{each.count:>8}  {what}")
    print(f"{sum(each.count for each in found.counts)} things {verb}{'; there are more' if found.more else ''}")


def _numbers(given: Sequence[str], option: str, example: str) -> Iterator[tuple[str, int]]:
    for each in given:
        name, _, number = each.partition("=")
        if not number.isdecimal():
            raise typer.BadParameter(f"{each!r} is no name=number, such as {example}", param_hint=option)
        yield name, int(number)


def _show(found: PolicyInForce) -> None:
    for title, rules in (("written", found.rules), ("in force", found.force)):
        print(printable(f"{title}: {', '.join(_lines(rules)) or 'nothing'}"))


def _lines(rules: PolicyRules) -> list[str]:
    single = rules.model_dump(exclude={"keep_days", "limits"}, exclude_none=True)
    return [
        *(f"keep {name}={days}" for name, days in rules.keep_days.items()),
        *(f"{name}={value}" for name, value in single.items()),
        *(f"limit {name}={most}" for name, most in rules.limits.items()),
    ]
