"""The `afterword` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; where its libraries are missing, say how to get them."""
    try:
        # The command comes with the bare SDK as well, which brings no typer.
        import typer  # noqa: F401
    except ModuleNotFoundError:
        sys.exit("the afterword command needs two libraries more: pip install 'afterword[cli]'")
    from afterword.cli.app import run

    run()
