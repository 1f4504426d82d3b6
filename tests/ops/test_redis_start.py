"""The Redis that ops ships: how it starts, whom it lets in, and what it keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.conftest import unavailable
from tests.support.ops_redis import PASSWORDS, OpsRedis, available


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpsRedis]:
    if not available():
        unavailable("no redis-server on PATH")
    server = OpsRedis(tmp_path_factory.mktemp("redis"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("user", "password"),
    [
        (None, None),
        ("default", ""),
        ("worker", PASSWORDS["REDIS_PRODUCER_PASSWORD"]),
        ("producer", "guessed"),
    ],
)
def test_nobody_comes_in_without_a_name_and_its_password(
    server: OpsRedis, user: str | None, password: str | None
) -> None:
    client = redis.Redis(port=server.port, username=user, password=password, retry=Retry(NoBackoff(), 0))
    with client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_the_users_file_holds_no_password_and_is_for_its_owner_only(server: OpsRedis) -> None:
    text = server.users_file.read_text()
    assert not [password for password in PASSWORDS.values() if password in text]
    assert server.users_file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("missing", sorted(PASSWORDS))
def test_it_does_not_start_without_a_password(tmp_path: Path, missing: str) -> None:
    server = OpsRedis(tmp_path, PASSWORDS | {missing: ""})
    assert server.run().wait(15) != 0
    assert missing in server.log


def test_what_is_acknowledged_is_kept_and_nothing_is_evicted(server: OpsRedis) -> None:
    wanted = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
    with server.client("worker") as client:
        assert client.config_get(*wanted) == wanted
