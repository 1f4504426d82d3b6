"""What other tests rely on: the fake's rules, its records, and that it can be stopped, started and run apart."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import openai
import pytest
from openai import OpenAI

from afterword.workers.embedded.authored import new_messages
from afterword.workers.models.embedders.hashing import HashingEmbedder
from tests.support import fake_openai, openai_faults
from tests.support.fake_openai import Fact, FakeOpenAI
from tests.support.openai_faults import Hang

LISTED = '## New Messages\n[{"n": 3, "role": "user", "content": "tea, please"}]\n\n## Observation Date\n2026-11-19'


def client(url: str) -> OpenAI:
    return OpenAI(api_key="sk-any", base_url=url, max_retries=0, timeout=30)


def chat(url: str, content: str = LISTED) -> str:
    with client(url) as asking:
        answer = asking.chat.completions.create(model="m", messages=[{"role": "user", "content": content}])
    return answer.choices[0].message.content or ""


def test_new_messages_are_read_from_a_prompt() -> None:
    assert new_messages([{"role": "user", "content": LISTED}]) == [{"n": 3, "role": "user", "content": "tea, please"}]


def test_rules() -> None:
    with FakeOpenAI() as fake:
        assert '"text": "User said: tea, please"' in chat(fake.url)

        fake.answer_with(fake_openai.given(Fact("Agent pours tea", scope="agent", attributed_to="assistant")))
        assert '"scope": "agent", "source": 3' in chat(fake.url)

        fake.answer_with(fake_openai.by_content({"tea": [Fact("User likes tea")], "coffee": [Fact("no")]}))
        assert '[{"id": "0", "text": "User likes tea", "attributed_to": "user", "scope": "user", "source": 3' in chat(
            fake.url
        )
        assert len(fake.chats) == 3

        fake.reset()
        assert fake.chats == []
        assert "User said" in chat(fake.url)


def test_faults_come_in_order_and_then_the_rule() -> None:
    with FakeOpenAI() as fake:
        fake.fail(openai_faults.server_error(), openai_faults.unauthorised())

        with pytest.raises(openai.InternalServerError):
            chat(fake.url)
        with pytest.raises(openai.AuthenticationError):
            chat(fake.url)
        assert "User said" in chat(fake.url)

        fake.fail_when(lambda request: openai_faults.truncated() if "tea" in str(request.messages) else None)
        assert chat(fake.url).endswith('"te')
        assert chat(fake.url, "water") == '{"memory": []}'


def test_a_request_that_hangs_is_answered_when_released() -> None:
    answers: list[str] = []
    with FakeOpenAI() as fake:
        fake.fail(Hang())
        asking = threading.Thread(target=lambda: answers.append(chat(fake.url)))
        asking.start()
        fake.wait_for_chats(1)
        assert answers == []

        fake.release()
        asking.join(10)

    assert len(answers) == 1


def test_embeddings_are_the_hashing_embedders() -> None:
    texts = ["red tea", "红茶"]
    with FakeOpenAI() as fake, client(fake.url) as asking:
        packed = asking.embeddings.create(model="m", input=texts, dimensions=64)  # the client asks for base64
        plain = asking.embeddings.create(model="m", input=texts, dimensions=64, encoding_format="float")
        fake.fail(openai_faults.server_error(503), at="embeddings")
        with pytest.raises(openai.InternalServerError):
            asking.embeddings.create(model="m", input="tea")

    assert len(fake.embeddings) == 3
    for ours, theirs, text in zip(plain.data, packed.data, texts, strict=True):
        assert ours.embedding == HashingEmbedder(64).embed([text])[0]
        assert theirs.embedding == pytest.approx(ours.embedding, abs=1e-6)


def test_a_stopped_server_answers_nobody_and_comes_back_at_its_address() -> None:
    fake = FakeOpenAI()
    fake.start()
    url = fake.url
    with client(url) as asking:
        assert [model.id for model in asking.models.list()] == [openai_faults.MODEL]
        fake.stop()
        with pytest.raises(openai.APIConnectionError):
            asking.models.list()
        fake.start()
        assert fake.url == url
        assert [model.id for model in asking.models.list()] == [openai_faults.MODEL]
    fake.stop()


def test_as_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "tests.support.fake_openai", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert "User said" in chat(url)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
