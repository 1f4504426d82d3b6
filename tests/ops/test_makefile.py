"""A first look installs little: `make demo` and `make up` need the embedded stack, the checks need the rest."""

from __future__ import annotations

import subprocess

import pytest


def commands_of(target: str) -> str:
    """The commands that `make` would run for a target on a fresh clone."""
    shown = subprocess.run(["make", "-nB", target], capture_output=True, text=True, check=True)
    return shown.stdout


@pytest.mark.parametrize("target", ["demo", "up"])
def test_a_first_look_installs_the_embedded_extra_only(target: str) -> None:
    commands = commands_of(target)
    assert ".[embedded]" in commands
    assert ".[dev]" not in commands


@pytest.mark.parametrize("target", ["test", "lint", "types"])
def test_the_checks_install_what_they_need(target: str) -> None:
    assert ".[dev]" in commands_of(target)


@pytest.mark.parametrize("target", ["demo", "test"])
def test_versions_are_those_of_the_lock_file(target: str) -> None:
    installs = [line for line in commands_of(target).splitlines() if "pip install" in line]
    assert all("--constraint requirements.lock" in line for line in installs)
