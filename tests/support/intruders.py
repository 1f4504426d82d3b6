"""Callers who want what is not theirs, and requests for it: drawn at random for every route that the gateway has."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, FastAPI

NDJSON: Final = "application/x-ndjson"
TOOLS: Final = (
    "get_context",
    "search_memories",
    "list_memories",
    "add_memory",
    "delete_memory",
    "remember_conversation",
)
_OPEN: Final = frozenset({"/", "/viewer", "/viewer/", "/healthz", "/readyz", "/metrics", "/openapi.json"})
"""Nobody is asked there who they are; they hold nothing of anybody."""

_SMUGGLED: Final = ("tenant_id", "by", "asked_by", "reply_to", "request_id", "command", "version", "deadline_ms")
"""Fields that the gateway fills in by itself."""


@dataclass(frozen=True, kw_only=True)
class Victim:
    """Whose it is, and all ids that somebody else may have come by. `canary` stands in each of its texts and metadata:
    no request holds it, so an answer that does tells what nobody was to know.
    """

    tenant: str
    user_id: str | None = None
    agent_id: str | None = None
    canary: str
    memory_id: str
    event_id: str = "no-such-event"
    deletion_id: str = "1"
    erasure_id: str = "made-up"
    letter_id: int = 1
    key_id: str = "0" * 16
    cursor: str = "made up"
    idempotency: str = "key-1"

    @property
    def owner_id(self) -> str:
        return self.user_id or self.agent_id or ""


@dataclass(frozen=True, kw_only=True)
class Intruder:
    """Somebody with a credential of their own, or with a forged one. `own` is the user that they are, `agent_id` an
    agent that is theirs.
    """

    name: str
    tenant: str
    own: str
    authorization: str | None
    agent_id: str | None = None
    roles: frozenset[str] = frozenset({"user"})
    is_known: bool = True

    @property
    def speaks_for_users(self) -> bool:
        return bool(self.roles & {"agent", "admin"})

    def may(self, victim: Victim, request: Request) -> bool:
        """Whether their role opens to them what this request asks for: then it is no attack."""
        if not self.is_known or self.tenant != victim.tenant:
            return False
        if victim.owner_id in (self.own, self.agent_id) or (self.speaks_for_users and victim.user_id is not None):
            # An agent speaks for its users, and erases none of them.
            return self.own == victim.owner_id or "admin" in self.roles or not request.route.endswith("/erasure")
        by_operators = request.route.startswith(("/api/v1/keys", "/api/v1/dead-letters"))
        by_admins = request.route.startswith("/api/v1/agents")
        # What an agent has learned is given to all its users; listing and changing it is its owner's.
        is_given = victim.agent_id is not None and request.asks_for_context
        return is_given or ("operator" in self.roles and by_operators) or ("admin" in self.roles and by_admins)


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request as it is sent. `route` is the template of its path."""

    method: str
    route: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    content: bytes | None = None

    @property
    def asks_for_context(self) -> bool:
        return "context" in self.route or b"get_context" in (self.content or b"")


def routes_of(app: FastAPI | APIRouter) -> list[tuple[str, str]]:
    """Every method and path at which somebody has to say who they are."""
    found = []
    for route in app.routes:
        path = getattr(route, "path", "")
        if path not in _OPEN:
            methods = getattr(route, "methods", None) or {"POST"}
            found += [(method, path) for method in sorted(methods - {"HEAD"})]
    return found


def look_alikes(told: str) -> list[Any]:
    """Forms of an id that somebody may take for the same: none of them may be taken for it here."""
    return [
        told.upper(),
        told.capitalize(),
        f" {told}",
        f"{told} ",
        f"{told}.",
        f"{told}/",
        f"{told}\x00",
        f"{told}\u200b",
        f"./{told}",
        f"x/../{told}",
        unicodedata.normalize("NFD", told),
        "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in told),
        [told],
        {"eq": told},
        {"in": [told]},
        "*",
        "",
        True,
        None,
        int(told) if told.isascii() and told.isdigit() else 0,
    ]


class Attacks:
    """Draws requests of an intruder for what is a victim's.

    >>> Attacks(Random(7)).draw("GET", "/api/v1/memories", intruder, victim).target  # doctest: +SKIP
    '/api/v1/memories?user_id=ann&tenant_id=t1'
    """

    def __init__(self, random: Random) -> None:
        self._random = random

    def draw(self, method: str, route: str, intruder: Intruder, victim: Victim) -> Request:
        """One request."""
        # An agent names users of its own tenant: the odd forms are for those who may name nobody.
        owners = self._owners(intruder, victim)
        target = self._path(route, victim)
        headers = [*self._credentials(intruder), *self._odd_headers(victim)]
        content = None
        if method in ("POST", "PUT", "PATCH") or route == "/v1/batch/":
            body = self._body(route, owners, victim)
            is_lines = route.endswith("/conversations/batch")
            content = b"\n".join(json.dumps(each).encode() for each in body) if is_lines else json.dumps(body).encode()
            headers.append(("Content-Type", NDJSON if is_lines else "application/json"))
        query = self._query(route, owners, victim) if content is None or self._chance(0.1) else []
        if query:
            target = f"{target}?{urlencode(query)}"
        return Request(method=method, route=route, target=target, headers=tuple(headers), content=content)

    def _owners(self, intruder: Intruder, victim: Victim) -> dict[str, Any]:
        """Whom a request names: nobody, the intruder, the victim, or something that looks like the victim."""
        named: dict[str, Any] = {}
        if victim.user_id is None:
            named["agent_id"] = victim.agent_id if self._chance(0.8) else self._odd(victim.owner_id)
            if self._chance(0.2):
                named["user_id"] = intruder.own
            return named
        forms: list[Callable[[], dict[str, Any]]] = [
            dict,
            lambda: {"user_id": intruder.own},
            lambda: {"user_id": victim.user_id},
            lambda: {"user_id": self._odd(victim.owner_id)},
            lambda: {"agent_id": victim.owner_id},
        ]
        named |= self._random.choice(forms)()
        if self._chance(0.2):
            named["session_id"] = "thread-1"
        return named

    def _path(self, route: str, victim: Victim) -> str:
        memory = victim.memory_id
        values = {
            "{memory_id}": [memory, memory.upper(), f"{{{memory}}}", f"urn:uuid:{memory}", memory.replace("-", "")],
            "{event_id}": [victim.event_id],
            "{deletion_id}": [victim.deletion_id],
            "{erasure_id}": [victim.erasure_id],
            "{letter_id}": [str(victim.letter_id)],
            "{key_id}": [victim.key_id],
            "{account}": ["mallory", victim.owner_id],
            "{kind}": ["agent" if victim.user_id is None else "user", "run", "app"],
            "{org_id}": [victim.tenant],
            "{project_id}": [victim.tenant],
        }
        whom = [victim.owner_id] * 4 + [each for each in look_alikes(victim.owner_id) if isinstance(each, str)]
        parts = []
        for part in route.split("/"):
            chosen = self._random.choice(values.get(part, whom)) if part.startswith("{") else part
            # Slashes of an id are sent as such, encoded, and encoded twice.
            parts.append(quote(chosen, safe=self._random.choice(["", "", "", "/"])) if part.startswith("{") else part)
        path = "/".join(parts)
        return path.replace("%2F", "%252F") if self._chance(0.05) else path

    def _credentials(self, intruder: Intruder) -> Iterator[tuple[str, str]]:
        if intruder.authorization is not None:
            yield "Authorization", intruder.authorization

    def _odd_headers(self, victim: Victim) -> Iterator[tuple[str, str]]:
        whom = quote(victim.owner_id)
        odd = [
            ("Authorization", f"Bearer {whom}"),
            ("X-Forwarded-For", "127.0.0.1"),
            ("X-Forwarded-Host", "localhost"),
            ("X-Forwarded-User", whom),
            ("X-User-Id", whom),
            ("X-Tenant-Id", victim.tenant),
            ("X-HTTP-Method-Override", "DELETE"),
            ("X-Original-URL", f"/memory/user/{whom}"),
            ("Mem0-User-ID", whom),
            ("Cookie", f"session={whom}; user_id={whom}"),
            ("Accept", NDJSON),
        ]
        yield "Accept", "application/json, text/event-stream"
        if self._chance(0.3):
            yield self._random.choice(odd)
        if self._chance(0.3):
            yield "Idempotency-Key", victim.idempotency

    def _query(self, route: str, owners: dict[str, Any], victim: Victim) -> list[tuple[str, str]]:
        if route == "/v1/memories/":
            owners = {"run_id" if name == "session_id" else name: value for name, value in owners.items()}
            if self._chance(0.5):
                return [("filters", json.dumps(owners))]
        query = [(name, value if isinstance(value, str) else json.dumps(value)) for name, value in owners.items()]
        if "{user_id}" in route:
            query = []
        if "search" in route or "context" in route or route.startswith("/memory/"):
            query.append(("message" if "context" in route else "query", "What is known?"))
        if self._chance(0.3):
            query.append(("after" if route.startswith("/v1/entities") else "cursor", victim.cursor))
        if self._chance(0.15):
            query.append((self._random.choice(_SMUGGLED), self._random.choice([victim.tenant, victim.owner_id])))
        if self._chance(0.1):
            query.append(("user_id", victim.owner_id))
        self._random.shuffle(query)
        return query

    def _body(self, route: str, owners: dict[str, Any], victim: Victim) -> Any:
        said = [{"role": "user", "content": "An intruder was here."}]
        if route == "/mcp":
            return self._tool_call(owners, victim, said)
        if route.endswith("/conversations/batch"):
            return [self._smuggled({**each, "messages": said}, victim) for each in (owners, {}, owners)]
        if route.startswith(("/v3/", "/v1/", "/v2/")):
            return self._mem0_body(route, owners, victim, said)
        told: dict[str, dict[str, Any]] = {
            "/api/v1/conversations": {"messages": said, "event_id": victim.event_id, **owners},
            "/api/v1/context": {"query": "What is known?", **owners},
            "/api/v1/memories/search": {"query": "What is known?", **owners},
            "/api/v1/memories": {"text": "An intruder was here.", **owners},
            "/api/v1/memories/{memory_id}": {"text": "An intruder was here.", **owners},
            "/search": {"query": "What is known?", **owners},
            "/add_memory": {"memory": "An intruder was here.", **owners},
            "/api/v1/users/{user_id}/import": {"messages": said, **owners},
            "/api/v1/agents/{agent_id}": {"owner_id": "mallory"},
            "/api/v1/agents/{agent_id}/members/{account}": {"role": "editor"},
            "/api/v1/dead-letters/replay": {"letter_ids": [victim.letter_id]},
            "/api/v1/dead-letters/drop": {"letter_ids": [victim.letter_id]},
            "/api/v1/keys": {"account": "mallory", "roles": ["admin"]},
        }
        return self._smuggled(told.get(route, {}), victim)

    def _mem0_body(self, route: str, owners: dict[str, Any], victim: Victim, said: list[Any]) -> Any:
        named = {"run_id" if name == "session_id" else name: value for name, value in owners.items()}
        filters: Any = self._random.choice(
            [
                named,
                {"OR": [named, {"memory_ids": {"in": [victim.memory_id]}}]},
                {"AND": [named, {"NOT": {"keywords": {"contains": "zzz"}}}]},
                {"OR": [{"user_id": {"in": [each]}} for each in named.values()]},
                {"NOT": named},
                {"user_id": "*"},
            ]
        )
        if route == "/v1/batch/":
            return {"memories": [{"memory_id": victim.memory_id, "text": "An intruder was here."}]}
        told: dict[str, dict[str, Any]] = {
            "/v3/memories/add/": {"messages": said, "infer": self._chance(0.5), **named},
            "/v3/memories/search/": {"query": "What is known?", "filters": filters, "threshold": 0},
            "/v3/memories/": {"filters": filters},
            "/v1/memories/{memory_id}/": {"text": "An intruder was here."},
        }
        body = told.get(route, {})
        return self._smuggled({**body, "org_id": victim.tenant} if self._chance(0.2) else body, victim)

    def _tool_call(self, owners: dict[str, Any], victim: Victim, said: list[Any]) -> Any:
        profile = f"afterword://users/{quote(victim.owner_id)}/profile"
        if self._chance(0.1):
            return {"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": profile}}
        tool = self._random.choice(TOOLS)
        known: dict[str, dict[str, Any]] = {
            "add_memory": {"text": "An intruder was here."},
            "search_memories": {"query": "What is known?"},
            "delete_memory": {"memory_id": victim.memory_id},
            "remember_conversation": {"messages": said},
        }
        arguments = known.get(tool, {})
        params = {"name": tool, "arguments": self._smuggled({**arguments, **owners}, victim)}
        return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}

    def _smuggled(self, body: dict[str, Any], victim: Victim) -> dict[str, Any]:
        if not self._chance(0.15):
            return body
        return {**body, self._random.choice(_SMUGGLED): self._random.choice([victim.tenant, victim.owner_id, [], 1])}

    def _odd(self, told: str) -> Any:
        return self._random.choice(look_alikes(told))

    def _chance(self, share: float) -> bool:
        return self._random.random() < share
