"""Our own questions, asked through the openai client: no download, no harness, no judge."""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Iterator, Sequence

import openai

from deploy.evaluate.endpoint import Endpoint, failed
from deploy.evaluate.store import Key, Sample
from deploy.evaluate.suites import Question, Suite, questions

# A short answer after some thinking; ten minutes are for a server that is busy otherwise.
_TIMEOUT_SECONDS = 600.0
# How long the caller waits for an answer before it is given a chance to show the time.
_TICK_SECONDS = 1.0


def ask(
    endpoint: Endpoint, suite: Suite, todo: Sequence[Key], concurrency: int
) -> Iterator[Sample | int]:
    """Every sample of ``todo`` as its answer comes; 0, for none is ungraded, while none comes.

    Refused where a request fails for good. Requests in flight are left behind when the caller
    stops: their threads do not keep the process alive.
    """
    waiting: queue.SimpleQueue[Key] = queue.SimpleQueue()
    for key in todo:
        waiting.put(key)
    answered: queue.SimpleQueue[Sample | openai.OpenAIError] = queue.SimpleQueue()
    asked = {question.id: question for question in questions()}
    client = endpoint.client(_TIMEOUT_SECONDS)

    def work() -> None:
        while True:
            try:
                key = waiting.get_nowait()
                answered.put(_sample(client, endpoint.model, suite, key, asked[key.question]))
            except queue.Empty:
                return
            except openai.OpenAIError as error:
                answered.put(error)
                return

    for _ in range(min(concurrency, len(todo))):
        threading.Thread(target=work, daemon=True).start()
    left = len(todo)
    while left:
        try:
            result = answered.get(timeout=_TICK_SECONDS)
        except queue.Empty:
            yield 0
            continue
        if isinstance(result, openai.OpenAIError):
            raise failed(endpoint.url, result)
        left -= 1
        yield result


def is_right(reply: str, answer: str) -> bool:
    """Whether the answer stands in the reply as words of its own, in any case."""
    pattern = rf"(?<!\w){re.escape(answer.casefold())}(?!\w)"
    return re.search(pattern, reply.casefold()) is not None


def _sample(
    client: openai.OpenAI, model: str, suite: Suite, key: Key, question: Question
) -> Sample:
    completion = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": question.prompt}],
        temperature=suite.sampling.temperature,
        top_p=suite.sampling.top_p,
        max_tokens=suite.sampling.max_tokens,
        extra_body={"chat_template_kwargs": suite.template},
    )
    choice = completion.choices[0]
    reply = choice.message.content or ""
    score = float(is_right(reply, question.answer))
    return Sample(key, score, choice.finish_reason == "length", reply)
