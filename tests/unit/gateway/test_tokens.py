"""Tokens: signed by the right key with the right algorithm, and nothing else."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from afterword.gateway.callers import Caller, NotKnown, Refusal
from afterword.gateway.keysets import KeySet, fetched, key_source, keys_in
from afterword.gateway.settings import GatewaySettings
from afterword.gateway.tokens import TokenCheck
from afterword.schemas.errors import InvalidInput, MemoryUnavailable
from afterword.schemas.keys import CallerRole

SECRET = "a secret of at least thirty-two bytes"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def pem(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def claims(**changes: Any) -> dict[str, Any]:
    given = {"sub": "ann", "aud": "afterword", "iss": "us", "exp": datetime.now(UTC) + timedelta(minutes=5), **changes}
    return {name: value for name, value in given.items() if value is not None}


def hs256(**changes: Any) -> str:
    return jwt.encode(claims(**changes), SECRET, algorithm="HS256")


def check(token: str, **settings: Any) -> Caller:
    given = GatewaySettings(**settings if "jwt_public_key" in settings else {"jwt_secret": SECRET, **settings})
    source = key_source(given)
    assert source is not None
    return asyncio.run(TokenCheck(given, source).caller(token))


def refusal(token: str, **settings: Any) -> Refusal:
    with pytest.raises(NotKnown) as refused:
        check(token, **settings)
    return refused.value.refusal


def test_the_claims_say_who_calls() -> None:
    found = check(hs256(tenant="acme", roles=["agent", "of somebody else"], user="u1"), claim_user="user")
    roles = frozenset({CallerRole.AGENT})
    assert found == Caller(tenant_id="acme", account="ann", roles=roles, user_id="u1")


def test_without_roles_and_tenant_it_is_a_user_of_the_default_tenant() -> None:
    found = check(hs256())
    assert found == Caller(tenant_id="default", account="ann", roles=frozenset({CallerRole.USER}), user_id="ann")


def test_claims_may_have_other_names_or_lie_within_others() -> None:
    said = hs256(**{"realm": {"roles": "admin operator"}, "https://app.example/org": "acme"})
    found = check(said, claim_roles="realm.roles", claim_tenant="https://app.example/org")
    assert (found.tenant_id, found.roles) == ("acme", frozenset({CallerRole.ADMIN, CallerRole.OPERATOR}))


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda: hs256(exp=datetime.now(UTC) - timedelta(minutes=1)), Refusal.EXPIRED),
        (lambda: hs256(exp=None), Refusal.UNSIGNED),
        (lambda: hs256(aud="another"), Refusal.FOREIGN),
        (lambda: hs256(aud=None), Refusal.UNSIGNED),
        (lambda: hs256(iss="them"), Refusal.FOREIGN),
        (lambda: hs256(iss=None), Refusal.UNSIGNED),
        (lambda: hs256(nbf=datetime.now(UTC) + timedelta(minutes=1)), Refusal.UNSIGNED),
        (lambda: jwt.encode(claims(), "another secret of thirty-two bytes!", algorithm="HS256"), Refusal.UNSIGNED),
        (lambda: jwt.encode(claims(), SECRET * 2, algorithm="HS512"), Refusal.UNSIGNED),
        (lambda: jwt.encode(claims(), "", algorithm="none"), Refusal.UNSIGNED),
        (lambda: hs256(sub=None), Refusal.CLAIMS),
        (lambda: hs256(tenant="x" * 300), Refusal.CLAIMS),
        (lambda: hs256(tenant={"a": 1}), Refusal.CLAIMS),
        (lambda: "no token", Refusal.MALFORMED),
        (lambda: "a" * 20_000, Refusal.MALFORMED),
    ],
)
def test_a_token_that_does_not_hold_is_refused(made: Callable[[], str], reason: Refusal) -> None:
    # Made only now: between the collection of tests and this one minutes may pass.
    assert refusal(made(), jwt_issuer="us") == reason


def test_a_tenant_can_be_required() -> None:
    assert refusal(hs256(), tenant_required=True) == Refusal.CLAIMS


@pytest.mark.parametrize(("key", "algorithm"), [(RSA_KEY, "RS256"), (EC_KEY, "ES256")])
def test_a_public_key_pins_its_algorithm(key: Any, algorithm: str) -> None:
    public = pem(key)
    settings = {"jwt_public_key": public.replace("\n", "\\n"), "jwt_issuer": "us"}
    assert check(jwt.encode(claims(), key, algorithm=algorithm), **settings).account == "ann"
    # The oldest trick: a token signed with the public key, as if it were a shared secret.
    head, body = (_b64(json.dumps(each).encode()) for each in ({"alg": "HS256", "typ": "JWT"}, {**claims(exp=1 << 40)}))
    signature = _b64(hmac.new(public.encode(), f"{head}.{body}".encode(), hashlib.sha256).digest())
    assert refusal(f"{head}.{body}.{signature}", **settings) == Refusal.UNSIGNED


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_a_key_of_no_use_is_refused_at_the_start() -> None:
    unusable = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"
    with pytest.raises(InvalidInput, match="JWT_PUBLIC_KEY"):
        key_source(GatewaySettings(jwt_public_key=unusable, jwt_issuer="us"))


class Publisher:
    """Whoever publishes a key set: rotates it, or is away."""

    def __init__(self, *names: str) -> None:
        self.keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in names}
        self.reads = 0
        self.away = False

    def __call__(self, _: str) -> bytes:
        self.reads += 1
        if self.away:
            raise OSError
        listed = [
            {**jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": name, "alg": "ES256"}
            for name, key in self.keys.items()
        ]
        return json.dumps({"keys": [*listed, {"kty": "oct", "k": "c2VjcmV0", "kid": "shared"}, "no key"]}).encode()

    def token(self, name: str) -> str:
        return jwt.encode(claims(), self.keys[name], algorithm="ES256", headers={"kid": name})


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def checks(publisher: Publisher, clock: Clock) -> TokenCheck:
    settings = GatewaySettings(jwt_jwks_url="https://id.example/keys", jwt_issuer="us")
    return TokenCheck(settings, KeySet("https://id.example/keys", kept=300, clock=clock, fetch=publisher))


def test_a_key_set_is_read_once_and_again_when_it_has_rotated() -> None:
    publisher, clock = Publisher("one"), Clock()
    tokens = checks(publisher, clock)

    async def use() -> None:
        await asyncio.gather(*(tokens.caller(publisher.token("one")) for _ in range(5)))
        assert publisher.reads == 1
        publisher.keys["two"] = ec.generate_private_key(ec.SECP256R1())
        clock.now += 11
        assert (await tokens.caller(publisher.token("two"))).account == "ann"
        assert publisher.reads == 2
        del publisher.keys["two"]
        gone = Publisher("three")
        clock.now += 301
        with pytest.raises(NotKnown):
            await tokens.caller(gone.token("three"))
        assert publisher.reads == 3

    asyncio.run(use())


def test_tokens_with_made_up_keys_do_not_make_the_gateway_read_the_set_each_time() -> None:
    publisher, clock = Publisher("one"), Clock()
    tokens, strangers = checks(publisher, clock), Publisher("two")

    async def use() -> None:
        await tokens.caller(publisher.token("one"))
        for _ in range(50):
            with pytest.raises(NotKnown):
                await tokens.caller(strangers.token("two"))

    asyncio.run(use())
    assert publisher.reads == 1


def test_the_last_known_keys_hold_while_the_set_cannot_be_read() -> None:
    publisher, clock = Publisher("one"), Clock()
    tokens = checks(publisher, clock)

    async def use() -> None:
        publisher.away = True
        with pytest.raises(MemoryUnavailable):
            await tokens.caller(publisher.token("one"))
        publisher.away = False
        clock.now += 11
        await tokens.caller(publisher.token("one"))
        publisher.away = True
        clock.now += 1_000
        await tokens.caller(publisher.token("one"))

    asyncio.run(use())


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"keys": []}', b'{"keys": [{"kty": "oct", "k": "AAAA"}]}', b'{"keys": ' + b"[" * 100_000],
)
def test_what_is_no_key_set_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        keys_in(body)


def test_a_key_of_an_odd_name_costs_itself() -> None:
    published = json.loads(Publisher("one")(""))
    names: list[Any] = [["one"], {}, 1]
    odd = [{**published["keys"][0], "kid": name} for name in names]
    assert list(keys_in(json.dumps({"keys": [*odd, *published["keys"]]}).encode())) == ["one"]


def test_an_answer_that_is_no_http_is_a_set_that_cannot_be_read() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:

        def answer() -> None:
            with listening.accept()[0] as connection:
                connection.recv(4096)
                connection.sendall(b"no HTTP\r\n\r\n")

        answered = pool.submit(answer)
        with pytest.raises(OSError, match="no answer that is HTTP"):
            fetched(f"http://127.0.0.1:{listening.getsockname()[1]}/keys")
        answered.result()


def test_a_shared_secret_in_a_key_set_signs_nothing() -> None:
    told: Mapping[str | None, Any] = keys_in(Publisher("one")(""))
    assert list(told) == ["one"]
