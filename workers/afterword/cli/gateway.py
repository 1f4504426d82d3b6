"""Running the HTTP door: `gateway`."""

from __future__ import annotations

from typing import Annotated

import typer


def gateway(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Its port; 0 takes a free one.")] = None,
    insecure_dev: Annotated[
        bool, typer.Option("--insecure-dev", help="Ask nobody who they are; on a loopback address only.")
    ] = False,
) -> None:
    """Serve HTTP until SIGTERM or Ctrl-C. It needs Redis; the workers answer behind it."""
    # Neither the gateway nor this command imports the workers: it runs where they are not installed.
    from afterword.gateway import logs
    from afterword.gateway.serving import serve
    from afterword.gateway.settings import GatewaySettings

    given = {"host": host, "port": port, "insecure_dev": insecure_dev or None}
    settings = GatewaySettings.load(**{name: value for name, value in given.items() if value is not None})
    logs.configure(settings)
    serve(settings)
