"""The commands of the runbooks: they exist, and PostgreSQL and Redis understand them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import redis
from sqlalchemy import text
from typer.testing import CliRunner

from afterword.cli.app import app
from afterword.workers.stores.ledger.database import Database

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "ops" / "runbooks.md").read_text(), re.DOTALL)
LINES = sorted({line for block in BLOCKS for line in block.splitlines() if "()" not in line})


def commands(program: str) -> list[list[str]]:
    """The arguments of each command of a program."""
    found = [shlex.split(line) for line in LINES]
    return [words[1:] for words in found if words and words[0] == program]


@pytest.mark.parametrize("words", commands("psql"), ids=lambda words: words[1][:40])
def test_postgres_understands_a_query(words: list[str], database: Database) -> None:
    (option, query) = words
    assert option == "-c"
    with database.transaction() as connection:
        connection.execute(text(query)).all()


@pytest.mark.parametrize("words", commands("redis-cli"), ids=" ".join)
def test_redis_understands_a_command(words: list[str], redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.execute_command(*words)


@pytest.mark.parametrize("words", commands("afterword"), ids=" ".join)
def test_afterword_has_a_command_and_its_options(words: list[str]) -> None:
    names = [word for word in words if re.fullmatch("[a-z]+", word)]
    path = names[: 2 if names[0] in ("deadletters", "agents", "analytics", "policies") else 1]
    shown = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0, shown.output
    for option in (word for word in words if word.startswith("--")):
        assert option in shown.output


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("docker compose")])
def test_compose_has_the_services_that_are_named(line: str) -> None:
    services = set(re.findall(r"^  ([a-z-]+):$", (ROOT / "docker-compose.yml").read_text(), re.MULTILINE))
    words = line.split("|")[0].split()[2:]
    values = {words[place + 1] for place, word in enumerate(words) if word in ("--since", "--tail")}
    named = {word for word in words[1:] if not word.startswith("-")} - values - {"afterword", "health"}
    assert named <= services
