"""Counting tokens without a tokenizer of our own: the server's, or a file that the user gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from loadtests.client.outcomes import Refused, fault
from loadtests.prompts.server_api import ApiError, ServerApi

_BATCH_CHARACTERS = 400_000  # a request body of half a megabyte: a second of tokenizing at most
Messages = list[dict[str, Any]]


class Counter(Protocol):
    """Counts tokens as the server will."""

    def texts(self, texts: list[str]) -> list[int]:
        """Tokens of each text by itself, without special tokens."""
        ...

    def chat(self, messages: Messages, options: dict[str, Any]) -> tuple[int, list[int] | None]:
        """Tokens of a templated chat with the start of the answer; their ids where known."""
        ...


@dataclass
class ServerCounter:
    """The server's own /tokenize, of SGLang or vLLM."""

    api: ServerApi
    model: str
    _lists: bool = True

    def texts(self, texts: list[str]) -> list[int]:
        counts: list[int] = []
        batch: list[str] = []
        for text in [*texts, None]:
            if batch and (text is None or sum(map(len, batch)) + len(text) > _BATCH_CHARACTERS):
                counts += self._batch(batch)
                batch = []
            if text is not None:
                batch.append(text)
        return counts

    def chat(self, messages: Messages, options: dict[str, Any]) -> tuple[int, list[int] | None]:
        try:
            answer = self._post({"messages": messages, **options})
        except ApiError:
            # Older servers tokenize no messages: one token of answer tells the count.
            asked = {"model": self.model, "messages": messages, "max_tokens": 1, **options}
            return int(self.api.post("/v1/chat/completions", asked)["usage"]["prompt_tokens"]), None
        return int(answer["count"]), answer.get("tokens")

    def _batch(self, texts: list[str]) -> list[int]:
        if self._lists:
            try:
                return [int(n) for n in self._post({"prompt": texts})["count"]]
            except (ApiError, TypeError):  # vLLM takes one text at a time
                self._lists = False
        return [int(self._post({"prompt": text})["count"]) for text in texts]

    def _post(self, asked: dict[str, Any]) -> Any:
        # Special tokens belong to the template, which is counted with the messages.
        special = {} if "messages" in asked else {"add_special_tokens": False}
        return self.api.post("/tokenize", {"model": self.model, **special, **asked})


@dataclass
class FileCounter:
    """A tokenizer.json on this machine; the template is still the server's to count."""

    tokenizer: Any
    server: ServerCounter

    @staticmethod
    def of(path: str, server: ServerCounter) -> FileCounter:
        """Refused where the file, or the library that reads it, is not there."""
        try:
            from tokenizers import Tokenizer
        except ImportError:
            mend = "pip install tokenizers, or leave the option out"
            words = "the tokenizers library is not installed"
            raise Refused([fault("--tokenizer", words, mend)]) from None
        try:
            return FileCounter(Tokenizer.from_file(path), server)
        except Exception as error:  # the library raises plain Exception
            mend = "give the path of a tokenizer.json"
            raise Refused([fault("--tokenizer", f"{path}: {error}", mend)]) from None

    def texts(self, texts: list[str]) -> list[int]:
        return [len(self.tokenizer.encode(text, add_special_tokens=False).ids) for text in texts]

    def chat(self, messages: Messages, options: dict[str, Any]) -> tuple[int, list[int] | None]:
        return self.server.chat(messages, options)
