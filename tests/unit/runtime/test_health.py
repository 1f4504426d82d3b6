"""Looking at components: side by side, never two looks at one, and none that hangs is waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from afterword.workers.runtime import health
from afterword.workers.runtime.health import Check, Health
from tests.support.waiting import wait_until


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "LOOK_SECONDS", 0.1)


class Component:
    """One that answers with a status, or hangs until it is released."""

    def __init__(self, name: str, status: str = "ok") -> None:
        self.name = name
        self.status = status
        self.looks = 0
        self.answers = threading.Event()
        self.answers.set()

    def __call__(self) -> Check:
        self.looks += 1
        self.answers.wait(30)
        return Check(self.name, "failed" if self.status == "failed" else "ok", "as told")


@pytest.fixture
def hanging() -> Iterator[Component]:
    component = Component("postgres")
    component.answers.clear()
    yield component
    component.answers.set()


def of(*components: Component, needed: tuple[str, ...] = ()) -> Health:
    return Health({component.name: component for component in components}, needed)


def statuses(found: list[Check]) -> dict[str, str]:
    return {check.component: check.status for check in found}


def test_nothing_is_known_before_the_first_look() -> None:
    component = Component("redis")
    watched = of(component, needed=("redis",))
    component.answers.clear()
    found = watched.known()
    assert statuses(found) == {"redis": "unknown"}
    assert not watched.suffices(found)
    component.answers.set()
    wait_until(lambda: statuses(watched.known()) == {"redis": "ok"}, what="the look that was begun")
    assert watched.suffices(watched.known())


def test_one_that_hangs_is_failed_the_others_are_told_and_it_is_looked_at_once(hanging: Component) -> None:
    other = Component("redis")
    watched = of(hanging, other)
    for _ in range(3):
        assert statuses(watched.look()) == {"postgres": "failed", "redis": "ok"}
    assert "no answer for" in watched.known()[0].detail
    assert hanging.looks == 1
    hanging.answers.set()
    wait_until(lambda: statuses(watched.look())["postgres"] == "ok", what="it to be looked at again")


def test_what_was_found_a_moment_ago_is_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "LOOK_SECONDS", 30.0)
    component = Component("redis")
    watched = of(component)
    assert statuses(watched.look()) == statuses(watched.look()) == {"redis": "ok"}
    assert component.looks == 1


def test_only_what_is_needed_decides() -> None:
    watched = of(Component("redis"), Component("embedder", "failed"), needed=("redis",))
    found = watched.look()
    assert watched.suffices(found)
    assert (watched.needs("redis"), watched.needs("embedder")) == (True, False)
    assert not of(Component("redis", "failed"), needed=("redis",)).suffices([Check("redis", "failed", "gone")])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_look_that_is_defective_is_a_failure_and_not_the_last() -> None:
    component = Component("redis")

    def defective() -> Check:
        component.looks += 1
        raise ZeroDivisionError

    watched = Health({"redis": defective}, ())
    assert statuses(watched.look()) == {"redis": "failed"}
    wait_until(lambda: watched.look() and component.looks > 1, what="another look")
