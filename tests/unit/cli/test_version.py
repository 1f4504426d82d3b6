"""The version is told by the SDK and by the command line, and both read it from pyproject.toml."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from typer.testing import CliRunner

import afterword.producers
from afterword.cli.app import app

VERSION = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def test_the_sdk_tells_its_version() -> None:
    assert afterword.producers.__version__ == VERSION


def test_the_sdk_can_be_imported_without_the_package_s_metadata() -> None:
    program = """
import importlib.metadata
def none_of_ours(name, found=importlib.metadata.version):
    if name == "afterword":
        raise importlib.metadata.PackageNotFoundError(name)
    return found(name)
importlib.metadata.version = none_of_ours
import afterword.producers
print(afterword.producers.__version__)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "unknown\n"


def test_the_command_line_tells_its_version() -> None:
    shown = CliRunner().invoke(app, ["--version"])
    assert (shown.exit_code, shown.output) == (0, f"afterword {VERSION}\n")
