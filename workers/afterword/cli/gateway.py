"""Running the HTTP door: `gateway`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from afterword.schemas.values import DEFAULT_TENANT

if TYPE_CHECKING:
    from afterword.gateway.serving import GatewayServer
    from afterword.gateway.settings import GatewaySettings


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


def gateway_lines(server: GatewayServer | None, postgres_url: str, folder: Path) -> list[str]:
    """Where it is and how a person gets in, for the screen. The first key of a ledger is made here."""
    if server is None:
        return ["gateway    not installed: pip install 'afterword[gateway]'"]
    sign_in = _how_to_sign_in(server.settings, postgres_url, folder)
    return [f"gateway    {server.url}", f"viewer     {server.url}/viewer/", f"sign in    {sign_in}"]


def _how_to_sign_in(settings: GatewaySettings, postgres_url: str, folder: Path) -> str:
    from afterword.cli.keys import EVERYTHING, first_key

    if settings.insecure_dev:
        return "with any word (INSECURE: nobody is asked who they are)"
    known = "with a token" if settings.checks_tokens else "with your key"
    if not settings.api_keys:
        return known
    # Whoever has configured tokens knows a way in.
    key = None if settings.checks_tokens else first_key(postgres_url, settings.default_tenant)
    if key is not None:
        return f"{key.text}  (a key to all memories in here, shown this once)"
    roles = " ".join(f"--role {role}" for role in EVERYTHING)
    tenant = "" if settings.default_tenant == DEFAULT_TENANT else f" --tenant {shlex.quote(settings.default_tenant)}"
    return f"{known}; one more: afterword keys create NAME {roles}{tenant} --folder {shlex.quote(str(folder))}"
