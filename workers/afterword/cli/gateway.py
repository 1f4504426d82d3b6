"""Running the HTTP door: `gateway`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from afterword.gateway.serving import GatewayServer


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
    from afterword.gateway.serving import serve, tell_unknown_variables
    from afterword.gateway.settings import GatewaySettings

    given = {"host": host, "port": port, "insecure_dev": insecure_dev or None}
    settings = GatewaySettings.load(**{name: value for name, value in given.items() if value is not None})
    logs.configure(settings)
    tell_unknown_variables()
    serve(settings)


def gateway_beside(redis_url: str, port: int | None, *, insecure_dev: bool) -> GatewayServer | None:
    """The gateway for the stack that `afterword up` runs, its port taken already; None where it is not installed.

    Raises: InvalidInput, for a setting of no use or a port that is taken.
    """
    try:
        from afterword.gateway.serving import GatewayServer, tell_unknown_variables
        from afterword.gateway.settings import GatewaySettings
    except ModuleNotFoundError:
        return None
    given: dict[str, Any] = {"redis_url": redis_url}
    if port is not None:
        given["port"] = port
    if insecure_dev:
        given["insecure_dev"] = True
    tell_unknown_variables()
    return GatewayServer(GatewaySettings.load(**given))


def gateway_line(server: GatewayServer | None) -> str:
    """Where it is, for the screen."""
    if server is None:
        return "gateway    not installed: pip install 'afterword[gateway]'"
    return f"gateway    {server.url}" + ("  (INSECURE: nobody is asked who they are)" if server.is_open else "")
