"""A fake SMS gateway on loopback: takes what any provider's file sends, and answers as it is told."""

import contextlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class Misbehaviour(Enum):
    HANG = "take the text and never answer"
    CLOSE = "take the text and close the connection"
    DRIP = "take the text, answer 200, and then send the body a byte at a time"


@dataclass(frozen=True)
class Answer:
    """What the gateway says to one request."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True)
class Taken:
    """One request that reached the gateway."""

    headers: dict[str, str]
    raw: bytes
    at: float
    method: str = "POST"
    path: str = ""
    connection: int = 0  # the port it came from: equal ones are one connection

    @property
    def text(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.raw)
        return parsed


class Gateway:
    """Answers 200 unless told otherwise: `then` queues one answer, `always` changes the usual one.

    `at` answers every request whose path holds some words, whatever is queued; `answer_with` by what was asked.
    """

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.usual: Answer | Misbehaviour = Answer()
        self._answerer: Callable[[Taken], Answer] | None = None
        self.got_one = threading.Event()
        self._next: deque[Answer | Misbehaviour] = deque()
        self._by_path: dict[str, Answer] = {}
        self._let_go = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"gateway": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/texts"

    @property
    def base_url(self) -> str:
        """Where the server answers, without a path."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def bodies(self) -> list[str]:
        """The words of every text that reached it, in order."""
        return [taken.text["text"] for taken in self.taken]

    def then(self, *answers: Answer | Misbehaviour | int) -> None:
        """Answer the next requests like this, one after the other."""
        self._next.extend(Answer(answer) if isinstance(answer, int) else answer for answer in answers)

    def always(self, answer: Answer | Misbehaviour | int) -> None:
        """Answer like this from now on."""
        self.usual = Answer(answer) if isinstance(answer, int) else answer

    def at(self, words: str, answer: Answer) -> None:
        """Answer requests whose path holds these words like this."""
        self._by_path[words] = answer

    def answer_with(self, answerer: Callable[[Taken], Answer]) -> None:
        """Let a function look at what was asked and answer it."""
        self._answerer = answerer

    def take(self, taken: Taken) -> Answer | Misbehaviour:
        self.taken.append(taken)
        for words, answer in self._by_path.items():
            if words in taken.path:
                return answer
        self.got_one.set()
        if self._answerer:
            return self._answerer(taken)
        return self._next.popleft() if self._next else self.usual

    def hang(self) -> None:
        """Keep one request waiting until the gateway closes."""
        self._let_go.wait(60)

    @property
    def is_closed(self) -> bool:
        return self._let_go.is_set()

    def close(self) -> None:
        """Refuse connections from now on."""
        self._let_go.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._thread.is_alive():
            self.close()


def _id_of(raw: bytes) -> str:
    """The id in a text as `standard` hands it over; other providers' bodies have none."""
    try:
        return str(json.loads(raw)["id"])
    except (ValueError, KeyError, TypeError):
        return "?"


class _Handler(BaseHTTPRequestHandler):
    gateway: Gateway

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"] or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        taken = Taken(headers, raw, time.time(), self.command, self.path, self.client_address[1])
        answer = self.gateway.take(taken)
        if isinstance(answer, Answer):
            self._answer(answer, raw)
            return
        if answer == Misbehaviour.HANG:
            self.gateway.hang()
        if answer == Misbehaviour.DRIP:
            self._drip()
        self.close_connection = True

    do_GET = do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815 - as http.server names them

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "100000")
        self.end_headers()
        with contextlib.suppress(OSError):
            while not self.gateway.is_closed:
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.02)

    def _answer(self, answer: Answer, raw: bytes) -> None:
        body = answer.body
        if body is None:
            body = json.dumps({"id": f"gw-{_id_of(raw)}"}).encode()
        self.send_response(answer.status)
        for name, value in {"content-length": str(len(body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as http.server names it
        """Say nothing."""
