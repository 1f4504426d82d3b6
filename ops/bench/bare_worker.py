"""A worker that measures nothing, for `overhead` to hold beside a real one."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property

from prometheus_client import CollectorRegistry

from afterword.workers.broker import MendedBroker, build_broker
from afterword.workers.observing.metrics import Metrics
from afterword.workers.runtime import logs
from afterword.workers.runtime.components import Components
from afterword.workers.runtime.probes import ProbeServer
from afterword.workers.runtime.process import wait_for_servers
from afterword.workers.runtime.roles import Role, health_of, start_role
from afterword.workers.runtime.settings import Settings
from afterword.workers.stores.vectors.port import VectorStore


class _Nothing:
    """An instrument that does nothing, whatever it is asked to."""

    def labels(self, *_: object, **__: object) -> _Nothing:
        return self

    def count(self, *_: object) -> None: ...

    inc = dec = set = observe = show = show_all = forget = set_function = set_to_current_time = count

    @contextmanager
    def time(self) -> Iterator[None]:
        yield

    @contextmanager
    def count_exceptions(self, *_: object) -> Iterator[None]:
        yield


class BareMetrics(Metrics):
    """Each instrument is declared, and then replaced by one that does nothing."""

    def __init__(self) -> None:
        super().__init__(CollectorRegistry())
        for name in [name for name in vars(self) if name != "registry"]:
            setattr(self, name, _Nothing())


class BareComponents(Components):
    """The same parts without what measures them."""

    @cached_property
    def metrics(self) -> Metrics:
        return BareMetrics()

    @cached_property
    def store(self) -> VectorStore:
        return self._untimed_store()

    def broker(self, gate: Callable[[], bool] | None = None) -> MendedBroker:
        return build_broker(self.settings.redis, gate=gate)


def main() -> None:
    """Play a role until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--role", type=Role, required=True)
    role = parser.parse_args().role
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    settings = Settings.load(analytics=False)
    logs.configure(settings)
    components = BareComponents(settings)
    wait_for_servers(role, components, stopping)
    running = start_role(role, components)
    probes = ProbeServer(
        settings.probe_host,
        settings.probe_port,
        components.metrics.registry,
        is_alive=running.is_alive,
        health=health_of(role, components),
    )
    probes.start()
    stopping.wait()
    running.stop(settings.shutdown_grace)
    components.close()


if __name__ == "__main__":
    main()
