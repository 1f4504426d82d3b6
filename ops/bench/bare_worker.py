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
from afterword.workers.runtime.probes import ProbeServer
from afterword.workers.runtime.process import wait_for_servers
from afterword.workers.runtime.roles import Role, health_of, start_role
from afterword.workers.runtime.settings import Settings
from afterword.workers.runtime.wiring.house import House
from afterword.workers.runtime.wiring.stores import StoreRoom
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


class BareStores(StoreRoom):
    """The same stores without what measures them."""

    @cached_property
    def vectors(self) -> VectorStore:
        return self.open_untimed()

    def open_broker(self, gate: Callable[[], bool] | None = None) -> MendedBroker:
        return build_broker(self._ground.settings.redis, gate=gate)


class BareHouse(House):
    """The same house without what measures it."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, metrics=BareMetrics())

    @cached_property
    def stores(self) -> StoreRoom:
        return BareStores(self._ground)


def main() -> None:
    """Play a role until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--role", type=Role, required=True)
    role = parser.parse_args().role
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    settings = Settings.load(analytics=False)
    logs.configure(settings)
    house = BareHouse(settings)
    wait_for_servers(role, house, stopping)
    running = start_role(role, house)
    probes = ProbeServer(settings.probe_host, settings.probe_port, registry=house.metrics.exposed())
    probes.start(is_alive=running.is_alive, health=health_of(role, house))
    stopping.wait()
    running.stop(settings.shutdown_grace)
    house.close()


if __name__ == "__main__":
    main()
