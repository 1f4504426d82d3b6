"""Running workers, and asking how they are: `worker`, `up`, `doctor`, `health` and `settings`."""

from __future__ import annotations

import json
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import typer

from afterword.cli.gateway import gateway_beside, gateway_lines
from afterword.schemas.printable import printable_lines


def worker(
    role: Annotated[str, typer.Option(help="ingest, extraction, context, commands, telemetry or scheduler.")],
    threads: Annotated[int | None, typer.Option(min=1, help="Its threads; each role has a default.")] = None,
) -> None:
    """Run a worker until SIGTERM or Ctrl-C."""
    from afterword.workers.runtime.loading import loading

    with loading():
        # Imported in here, so that what they load is frozen with the rest: see `loading`.
        from afterword.workers.runtime import logs
        from afterword.workers.runtime.process import run_worker
        from afterword.workers.runtime.roles import Role
        from afterword.workers.runtime.settings import Settings

    # Not as typer's own choice of values: `--help` would have to load the workers for it.
    if role not in list(Role):
        raise typer.BadParameter(f"{role!r} is no role: use one of {', '.join(Role)}", param_hint="--role")
    settings = Settings.load(**({"threads": threads} if threads else {}))
    logs.configure(settings)
    run_worker(Role(role), settings)


def up(
    folder: Annotated[Path, typer.Option(help="Where its data lives.")] = Path(".afterword"),
    redis_port: Annotated[int, typer.Option(help="Port of its Redis on the loopback interface.")] = 6390,
    gateway_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of its gateway (HTTP); 8642 by default.")
    ] = None,
    no_gateway: Annotated[bool, typer.Option("--no-gateway", help="Without HTTP and the viewer.")] = False,
    insecure_dev: Annotated[
        bool, typer.Option("--insecure-dev", help="Let its gateway ask nobody who they are, on this machine.")
    ] = False,
) -> None:
    """Run the whole stack in this process, without Docker, until Ctrl-C. The data stays."""
    from afterword.workers.embedded.models import settings_at_hand
    from afterword.workers.embedded.stack import EmbeddedStack
    from afterword.workers.runtime import logs
    from afterword.workers.runtime.process import tell_unknown_variables
    from afterword.workers.runtime.settings import Settings
    from afterword.workers.runtime.stopping import stop_requested, wait_for

    settings, said = settings_at_hand(Settings.load())
    logs.configure(settings)
    tell_unknown_variables()
    # Before the start, which takes seconds: Ctrl-C ends that in order as well.
    stopping = stop_requested()
    stack = EmbeddedStack(folder, settings, redis_port=redis_port)
    # Its port is taken before any server starts, so that one that is taken already is told at once.
    gateway = None if no_gateway else gateway_beside(stack.redis_url, gateway_port, insecure_dev=insecure_dev)
    with ExitStack() as started:
        stack.start()
        started.callback(stack.stop)
        if gateway is not None:
            # It stops first: what it has in work is answered by the workers.
            started.callback(gateway.stop)
            gateway.start()
        doors = [] if no_gateway else gateway_lines(gateway, stack.postgres_url, folder)
        print(stack.welcome([*said, *doors]), flush=True)
        wait_for(stopping)
        print("stopping", flush=True)


def doctor(
    folder: Annotated[Path | None, typer.Option(help="The folder of a stack that `afterword up` runs.")] = None,
) -> None:
    """Check every component, its version and its settings, and say what to do. Asks the LLM one tiny question.

    It only looks: no collection is made, nothing is migrated.
    """
    from afterword.workers.embedded.examination import examine
    from afterword.workers.runtime import checks
    from afterword.workers.runtime.settings import Settings
    from afterword.workers.runtime.wiring.house import House

    if folder:
        found = examine(folder)
    else:
        with closing(House(Settings.load())) as house:
            found = checks.run(house, checks.ALL)
    for check in found:
        detail = printable_lines(check.detail).replace("\n", "\n" + " " * 24)
        print(f"{check.status:8} {check.component:14} {detail}")
    raise typer.Exit(1 if any(check.status == "failed" for check in found) else 0)


def health(alive: Annotated[bool, typer.Option(help="Ask whether its threads run, and nothing else.")] = False) -> None:
    """Ask the worker in this container whether it is ready, and how each component is; exit status 0 or 1."""
    from afterword.workers.runtime.settings import Settings

    ready, told = _ask_probe(Settings.load().probe_port, "healthz" if alive else "readyz")
    print(printable_lines(told))
    raise typer.Exit(0 if ready else 1)


def settings(
    gateway: Annotated[bool, typer.Option("--gateway", help="Those of the gateway, not of the workers.")] = False,
) -> None:
    """Every setting with its environment variable, default and meaning, as a Markdown table."""
    from afterword.cli.settings_table import settings_table

    if gateway:
        from afterword.gateway.settings import GatewaySettings

        print(settings_table(GatewaySettings))
    else:
        print(settings_table())


def _ask_probe(port: int, probe: str) -> tuple[bool, str]:
    """Whether the worker at this loopback port is ready (or alive: `healthz`), and its answer, as JSON."""
    import urllib.error
    import urllib.request

    try:
        # Longer than /readyz looks at components (`LOOK_SECONDS`), so that its answer comes, whatever hangs.
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{probe}", timeout=5) as response:
            return True, response.read().decode()
    except urllib.error.HTTPError as error:
        return False, error.read().decode()
    except OSError as error:
        return False, json.dumps({"error": str(error)})
