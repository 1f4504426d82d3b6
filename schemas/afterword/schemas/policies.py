"""Policies: how long what is remembered is kept, and how much may be asked, as data; and the commands about them.

A policy is a tenant's, an agent's or a user's. Each rule is looked up by itself: the user's policy has the first word,
then that of the agent, then that of the tenant, then the settings of the deployment. A rule that a policy leaves out is
left to the next one; 0 says that there is no end, whatever the next one says.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from afterword.schemas.command import MAX_PAGE, Command
from afterword.schemas.commands import MAX_KEEP_DAYS
from afterword.schemas.limits import LimitedOwner, LimitsByName
from afterword.schemas.values import MAX_COUNT, Id, Kind, LateModel, Scope

ALL: Final = "all"
RETAINED: Final = (
    *(f"{scope}.{kind}" for scope in Scope for kind in Kind),
    *(scope.value for scope in Scope),
    *(kind.value for kind in Kind),
    ALL,
)
"""The names by which `keep_days` tells memories apart: a scope and a kind, a scope, a kind, or all."""


def _check_retained(name: str) -> str:
    if name not in RETAINED:
        raise ValueError(f"must be {ALL}, a scope, a kind, or both, such as user.fact")
    return name


KeepDays = Annotated[int, Field(ge=0, le=MAX_KEEP_DAYS)]
"""Days that something is kept; 0 is for ever."""

KeptByName = dict[Annotated[str, AfterValidator(_check_retained)], KeepDays]
"""Days that memories are kept, by what they are. The most exact name holds: `user.fact` before `user` before `fact`
before `all`."""


class PolicyRules(LateModel):
    """The rules of a policy; one that is None is left to the next wider policy.

    `keep_days` says how long memories are kept after they were stored; the lifetime of sessions is its `session`, that
    of excerpts its `excerpt`. `transcript_days` and `audit_days` are for what was said and for the audit. Of more than
    `max_memories` the least useful go; who has more than `quota_memories` or `quota_bytes` is told by an alert, and
    nothing goes. What was not recalled for `archive_after_days`, and is less important than `archive_below`, is
    archived. `limits` are how many requests a user, an agent or the tenant may make; the policy of a user names limits
    of users alone, that of an agent limits of agents.
    """

    keep_days: KeptByName = Field(default_factory=dict)
    transcript_days: KeepDays | None = None
    audit_days: KeepDays | None = None
    max_memories: Annotated[int, Field(ge=0, le=MAX_COUNT)] | None = None
    quota_memories: Annotated[int, Field(ge=0, le=MAX_COUNT)] | None = None
    quota_bytes: Annotated[int, Field(ge=0, le=2**53)] | None = None
    archive_after_days: KeepDays | None = None
    archive_below: Annotated[float, Field(ge=0, le=1)] | None = None
    limits: LimitsByName = Field(default_factory=dict)


class PolicyEntry(LateModel):
    """A policy as it is written: of a user, of an agent, or without either of the tenant."""

    user_id: str | None = None
    agent_id: str | None = None
    rules: PolicyRules


class PolicyPage(LateModel):
    """Answers `policies_list`; `next_cursor` is None on the last page."""

    policies: tuple[PolicyEntry, ...]
    next_cursor: str | None = None


class PolicyInForce(PolicyEntry):
    """Answers `policies_get` and `policies_set`: the `rules` as they are written, and those that are in `force`.

    `force` has what wider policies and the settings say of the rest, and names each scope and kind that has an end.
    """

    force: PolicyRules


class PolicyEffect(StrEnum):
    """An effect of a policy. Memories go at their age (`retention`), or since there are too many (`cap`), or leave
    recall (`archive`); transcripts and rows of the audit go.
    """

    RETENTION = "retention"
    CAP = "cap"
    ARCHIVE = "archive"
    TRANSCRIPTS = "transcripts"
    AUDIT = "audit"


class PolicyCount(LateModel):
    """How many things an effect takes. `scope` and `kind` are those of memories."""

    effect: PolicyEffect
    scope: Scope | None = None
    kind: Kind | None = None
    count: int


class PolicyRun(LateModel):
    """Answers `policies_run`: what would go (`dry_run`), or what went. With `more` there is more to be done than fitted
    into the time: the scheduler goes on with it, and so does the same call.
    """

    dry_run: bool
    counts: tuple[PolicyCount, ...]
    more: bool = False


class _OfOwner(Command):
    user_id: Id | None = None
    agent_id: Id | None = None

    @model_validator(mode="after")
    def _one_owner_at_most(self) -> Self:
        if self.user_id is not None and self.agent_id is not None:
            raise ValueError("name user_id or agent_id, or neither for the tenant")
        return self


class ListPolicies(Command):
    """A page of the policies of the tenant that somebody wrote: its own first, then agents' and users'."""

    answer: ClassVar[type[PolicyPage]] = PolicyPage

    command: Literal["policies_list"] = "policies_list"
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100
    cursor: str | None = None


class GetPolicy(_OfOwner):
    """The policy of a user or of an agent; without either, the tenant's."""

    answer: ClassVar[type[PolicyInForce]] = PolicyInForce

    command: Literal["policies_get"] = "policies_get"


class SetPolicy(_OfOwner):
    """Write a policy, or replace the whole of it: a rule that is left out is left to the next wider policy."""

    answer: ClassVar[type[PolicyInForce]] = PolicyInForce

    command: Literal["policies_set"] = "policies_set"
    rules: PolicyRules

    @model_validator(mode="after")
    def _own_limits(self) -> Self:
        own = LimitedOwner.USER if self.user_id else LimitedOwner.AGENT if self.agent_id else None
        for name in self.rules.limits:
            if own is not None and name.split(".")[1] != own:
                raise ValueError(f"limits.{name} must be of the {own}: the policy of the tenant has those of all")
        return self


class RunPolicies(Command):
    """Apply the policies of the tenant now, or with `dry_run` only count what would go."""

    answer: ClassVar[type[PolicyRun]] = PolicyRun

    command: Literal["policies_run"] = "policies_run"
    dry_run: bool = True


def given_rules(rules: PolicyRules) -> dict[str, Any]:
    """The rules of a policy, as JSON; those that it leaves to others are left out."""
    return {name: value for name, value in rules.model_dump(mode="json").items() if value not in (None, {})}
