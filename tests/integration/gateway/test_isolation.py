"""Nobody reads, changes or finds out what is not theirs: every route, by everybody who may come to the door.

A few requests for each route in the suite; `ISOLATION_TIMES=30 ISOLATION_SEED=7` for many more by hand.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from sqlalchemy import text

from afterword.gateway.app import create_app
from afterword.gateway.compat.mem0.refusals import refusals
from tests.support.gateway_stack import SECRET, GatewayStack, new_user, token
from tests.support.intruders import Attacks, Intruder, Request, Victim, routes_of

TIMES = int(os.environ.get("ISOLATION_TIMES") or 1)
SEED = int(os.environ.get("ISOLATION_SEED") or 12)
EACH_ROUTE = 6
THREAD = "thread-1"


class Town:
    """Three tenants: two that have something to lose, and one of intruders."""

    def __init__(self, door: GatewayStack) -> None:
        self.door = door
        self.first, self.second, self.third = (new_user(name) for name in ("first", "second", "third"))
        self.owner = new_user("owner")
        # Letters that have two forms, and an id that is a number as well.
        users = (("änn-" + uuid4().hex[:8], self.first), (str(uuid4().int)[:12], self.first))
        self.users = [self._user(*each) for each in (*users, (new_user("zoe"), self.second))]
        self.victims = [*self.users, self._agent()]

    def _user(self, user_id: str, tenant: str) -> Victim:
        canary = uuid4().hex
        with self.door.http(token(user_id, tenant=tenant)) as http:
            key = f"key-{uuid4().hex}"
            notes = [
                http.post("/api/v1/memories", json=each, headers={"Idempotency-Key": f"{key}-{number}"}).json()
                for number, each in enumerate(
                    (
                        {"text": f"Keeps {canary} secret", "metadata": {"pin": canary}},
                        {"text": f"Has {canary} with the coach", "session_id": THREAD},
                        {"text": f"Had {canary} once"},
                    )
                )
            ]
            http.delete(f"/api/v1/memories/{notes.pop()['id']}")
            said = {"messages": [{"role": "user", "content": f"My secret is {canary}."}], "session_id": THREAD}
            event_id = http.post("/api/v1/conversations", json=said).json()["event_id"]
            cursor = http.get("/api/v1/memories", params={"limit": 1}).json()["next_cursor"]
        self.door.until_remembered(user_id, f"My secret is {canary}", tenant)
        with self.door.http(token("boss", "admin", tenant=tenant)) as http:
            erasure_id = http.post(f"/api/v1/users/{new_user('gone')}/erasure").json()["erasure_id"]
        with self.door.http(token("ops", "operator", tenant=tenant)) as http:
            given = {"account": canary, "roles": ["user"], "user_id": user_id, "name": canary}
            key_id = http.post("/api/v1/keys", json=given).json()["entry"]["id"]
        return Victim(
            tenant=tenant,
            user_id=user_id,
            canary=canary,
            memory_id=notes[0]["id"],
            event_id=event_id,
            deletion_id=self._one("SELECT id FROM deletions WHERE user_id = :user", user=user_id),
            erasure_id=erasure_id,
            letter_id=self._letter(tenant, user_id, canary),
            key_id=key_id,
            cursor=cursor,
            idempotency=f"{key}-0",
        )

    def _agent(self) -> Victim:
        agent, canary = new_user("coach"), uuid4().hex
        self.door.own_agent(agent, self.owner, self.first)
        with self.door.http(token(self.owner, tenant=self.first)) as http:
            noted = http.post("/api/v1/memories", json={"text": f"Has learned {canary}", "agent_id": agent}).json()
        return Victim(tenant=self.first, agent_id=agent, canary=canary, memory_id=noted["id"])

    def _letter(self, tenant: str, user_id: str, canary: str) -> int:
        return int(
            self._one(
                "INSERT INTO dead_letters (message_id, queue, body, error, tenant_id, user_id, died_at) "
                "VALUES (:message, 'conversations', :body, 'odd', :tenant, :user, now()) RETURNING id",
                message=canary[:8],
                body=json.dumps({"text": canary}),
                tenant=tenant,
                user=user_id,
            )
        )

    def _one(self, statement: str, **values: Any) -> str:
        with self.door.house.stores.database.transaction() as connection:
            return str(connection.execute(text(statement), values).scalar_one())

    def intruders(self) -> list[Intruder]:
        """Everybody with a credential of their own, for whom something in the town is not theirs."""
        first, third = self.first, self.third
        ann = self.users[0].user_id or ""
        return [
            self._caller("a user", first, "mallory", "user"),
            replace(self._caller("the agent's owner", first, self.owner, "user"), agent_id=self.victims[-1].agent_id),
            self._caller("nobody in particular", first, "mallory"),
            self._caller("a namesake in another tenant", third, ann, "user"),
            *(self._caller(f"the {role} of another tenant", third, "mallory", role) for role in ROLES),
            *(self._caller(f"the {role} of the tenant", first, "boss", role) for role in ROLES),
            self._key_of("a key of a user", "mallory", "user"),
            self._key_of("a bound key with the role of an agent", "mallory", "agent"),
        ]

    def forgers(self) -> list[Intruder]:
        """Those whose credential does not hold."""
        ann = self.users[0]
        claims = {"sub": ann.user_id, "tenant": ann.tenant, "roles": ["admin", "operator"], "aud": "afterword"}
        good = {**claims, "exp": 9_999_999_999}
        made = {
            "nothing": None,
            "no scheme": jwt.encode(good, SECRET),
            "alg none": f"Bearer {jwt.encode(good, '', algorithm='none')}",
            "another secret": f"Bearer {jwt.encode(good, 'x' * 32)}",
            "an empty kid": f"Bearer {jwt.encode(good, 'x' * 32, headers={'kid': '../../dev/null'})}",
            "another algorithm": f"Bearer {jwt.encode(good, SECRET * 2, algorithm='HS512')}",
            "expired": f"Bearer {jwt.encode({**good, 'exp': 1}, SECRET)}",
            "not yet": f"Bearer {jwt.encode({**good, 'nbf': 9_999_999_998}, SECRET)}",
            "for ever": f"Bearer {jwt.encode(claims, SECRET)}",
            "somebody else's audience": f"Bearer {jwt.encode({**good, 'aud': ['x']}, SECRET)}",
            "two tenants": f"Bearer {jwt.encode({**good, 'tenant': [ann.tenant]}, SECRET)}",
            "a nested account": f"Bearer {jwt.encode({**good, 'sub': None, 'a': {'sub': ann.user_id}}, SECRET)}",
            "the key's name alone": f"Bearer awk_{ann.key_id}_{'0' * 64}",
            "a huge one": f"Bearer {'a' * 20_000}",
        }
        forger = partial(Intruder, tenant=ann.tenant, own="mallory", roles=frozenset(), is_known=False)
        return [forger(name=name, authorization=each) for name, each in made.items()]

    def _caller(self, name: str, tenant: str, account: str, *roles: str) -> Intruder:
        # The tests' token without roles is a user's.
        made = token(account, *roles or ("nobody",), tenant=tenant)
        return Intruder(name=name, tenant=tenant, own=account, authorization=f"Bearer {made}", roles=frozenset(roles))

    def _key_of(self, name: str, account: str, role: str) -> Intruder:
        with self.door.http(token("ops", "operator", tenant=self.first)) as http:
            given = {"account": account, "roles": [role], "user_id": account}
            key = http.post("/api/v1/keys", json=given).json()["key"]
        return Intruder(name=name, tenant=self.first, own=account, authorization=f"Token {key}")

    def belongings(self) -> list[Any]:
        """All that the victims have, as they see it themselves."""
        return [list(self._belongings(victim)) for victim in self.victims]

    def _belongings(self, victim: Victim) -> Iterable[Any]:
        account = victim.user_id or self.owner
        query = {} if victim.user_id else {"agent_id": victim.agent_id}
        with self.door.http(token(account, tenant=victim.tenant)) as http:
            for each in http.get("/api/v1/memories", params={**query, "limit": 1000}).json()["memories"]:
                yield {**each, "score": None}
            yield http.get(f"/api/v1/memories/{victim.memory_id}/history", params=query).json()
            if victim.user_id:
                yield http.get(f"/api/v1/conversations/{victim.event_id}").json()["event_id"]
        if victim.user_id:
            with self.door.http(token("ops", "operator", tenant=victim.tenant)) as http:
                yield http.get(f"/api/v1/dead-letters/{victim.letter_id}").json()["entry"]["id"]
                keys = http.get("/api/v1/keys", params={"limit": 1000}).json()["keys"]
                yield [each["revoked_at"] for each in keys if each["id"] == victim.key_id]


ROLES = ("agent", "admin", "operator")


@pytest.fixture(scope="module")
def town(gateway_stack: GatewayStack) -> Town:
    gateway_stack.openai.reset()
    return Town(gateway_stack)


def sent(http: httpx.Client, request: Request) -> httpx.Response:
    return http.request(request.method, request.target, headers=list(request.headers), content=request.content)


def leak(request: Request, answer: httpx.Response, intruder: Intruder, victim: Victim) -> str | None:
    """The words of an answer that its intruder was not to know."""
    told = answer.text + str(answer.headers)
    if victim.canary in told:
        return "what is remembered"
    went_well = answer.is_success and not _is_error_of_tool(answer)
    if went_well and request.route.endswith("/{deletion_id}"):
        return "a deletion"
    # Its id opens it to the whole tenant, since there is nobody left whose it is.
    if went_well and request.route.endswith("/{erasure_id}") and intruder.tenant != victim.tenant:
        return "an erasure"
    is_neighbour = intruder.tenant == victim.tenant and not intruder.speaks_for_users
    # As the one whose it is: an intruder may well give an agent of their own that name.
    if went_well and is_neighbour and victim.user_id and victim.user_id in _told_users(told):
        return "that there is such a user"
    return None


def _told_users(told: str) -> list[str]:
    # In text within JSON, too. What a link repeats was in the request.
    return re.findall(r'(?:user|entity)_id\\*": ?\\*"([^"\\]+)', told)


def _is_error_of_tool(answer: httpx.Response) -> bool:
    return '"isError":true' in answer.text or '"error":' in answer.text


def test_nobody_gets_what_is_not_theirs(town: Town) -> None:
    routes = routes_of(create_app(town.door.settings()))
    refused = set(routes_of(refusals()))
    answering, refusing = ([each for each in routes if (each in refused) is wanted] for wanted in (False, True))
    assert len(answering) > 50
    random = Random(SEED)
    attacks = Attacks(random)
    before = town.belongings()
    intruders, statuses, found = town.intruders(), Counter[int](), []
    with town.door.http() as http:
        for method, route in answering * (EACH_ROUTE * TIMES) + refusing * TIMES:
            intruder, victim = random.choice(intruders), random.choice(town.victims)
            request = attacks.draw(method, route, intruder, victim)
            if intruder.may(victim, request):
                continue
            answer = sent(http, request)
            statuses[answer.status_code] += 1
            leaked = leak(request, answer, intruder, victim)
            if leaked or answer.status_code in (500, 502):
                found.append((leaked, intruder.name, request, answer.status_code, answer.text[:300]))
    assert found == []
    # Most of them got past the form of a request, to what is checked.
    assert statuses[200] + statuses[201] + statuses[202] + statuses[403] + statuses[404] > statuses.total() / 2
    assert statuses[503] < statuses.total() / 50
    # What intruders published has been taken in by now, if theirs comes last.
    late = new_user("late")
    with town.door.http(token(late, tenant=town.first)) as http:
        http.post("/api/v1/conversations", json={"messages": [{"role": "user", "content": "I came last."}]})
    town.door.until_remembered(late, "I came last", town.first)
    assert town.belongings() == before


def test_a_credential_that_does_not_hold_opens_no_route(town: Town) -> None:
    random = Random(SEED)
    attacks = Attacks(random)
    forgers = town.forgers()
    with town.door.http() as http:
        for method, route in routes_of(create_app(town.door.settings())) * TIMES:
            intruder, victim = random.choice(forgers), random.choice(town.victims)
            request = attacks.draw(method, route, intruder, victim)
            answer = sent(http, request)
            assert answer.status_code in (401, 400, 404, 422), (intruder.name, request, answer.text[:300])
            assert leak(request, answer, intruder, victim) is None
