"""A worker process: one role, one probe port, ended by SIGTERM or SIGINT."""

from __future__ import annotations

import logging
import os
import threading
import time

from afterword.workers.core.errors import Misconfigured
from afterword.workers.runtime import checks
from afterword.workers.runtime.loading import loading
from afterword.workers.runtime.probes import ProbeServer
from afterword.workers.runtime.roles import ROLES, Role, health_of, shown_by, start_role
from afterword.workers.runtime.running import RunningRole
from afterword.workers.runtime.settings import Settings
from afterword.workers.runtime.stopping import stop_requested, wait_for
from afterword.workers.runtime.variables import unknown_variables
from afterword.workers.runtime.wiring.house import House

logger = logging.getLogger(__name__)

_WAIT_SECONDS = 60.0
"""How long servers may take to come up. A whole stack that starts at once takes about as long."""
_RETRY_SECONDS = 2.0


def run_worker(role: Role, settings: Settings) -> None:
    """Play a role until SIGTERM or SIGINT; then finish or hand back what is in work within the grace.

    Raises: Misconfigured, when the servers cannot be worked with, or are not there within a minute.
    """
    # Before the servers are waited for: SIGTERM ends that wait as well.
    stopping = stop_requested()
    tell_unknown_variables()
    house = House(settings)
    try:
        with loading():
            wait_for_servers(role, house, stopping)
        if not stopping.is_set():
            _play(role, house, stopping)
    finally:
        house.close()


def wait_for_servers(role: Role, house: House, stopping: threading.Event) -> None:
    """Return once every server that the role uses can be worked with.

    Raises: Misconfigured, at once for what waiting does not mend (a wrong password), for the rest after a minute.
    """
    deadline = time.monotonic() + _WAIT_SECONDS
    said = ""
    while not stopping.is_set():
        failed = checks.failures_at_start(house, vector_store=ROLES[role].uses_vector_store)
        if not failed:
            return
        told = "; ".join(f"{check.component}: {check.detail}" for check in failed)
        if time.monotonic() > deadline or not all(check.passing for check in failed):
            raise Misconfigured(told)
        # Once for each state, though it is looked at every two seconds.
        if told != said:
            logger.warning("waiting: %s", told)
            said = told
        stopping.wait(_RETRY_SECONDS)


def tell_unknown_variables() -> None:
    """Warn of variables that look like settings and are none: they change nothing."""
    for line in unknown_variables(os.environ):
        logger.warning("%s", line)


def _play(role: Role, house: House, stopping: threading.Event) -> None:
    settings = house.settings
    # Listens before anything works: a port that is taken must not end a role with messages in its hands.
    probes = ProbeServer(settings.probe_host, settings.probe_port, registry=shown_by(role, house))
    with loading():
        running = start_role(role, house)
    probes.start(is_alive=running.is_alive, health=health_of(role, house, running))
    house.metrics.up.labels(role).set_function(running.is_alive)
    logger.info("%s works; probes on port %d", role, probes.port)
    if ROLES[role].uses_vector_store:
        house.collections.discovery.at_start()
    wait_for(stopping)
    _stop(role, running, probes, settings)


def _stop(role: Role, running: RunningRole, probes: ProbeServer, settings: Settings) -> None:
    logger.info("%s stops", role)
    # The probes answer until the work has ended: the grace may be long, and a silent /healthz gets a worker killed.
    running.stop(settings.shutdown_grace)
    probes.stop()
    logger.info("%s has stopped", role)
