"""A fake SMS gateway on loopback: takes texts as `standard` hands them over, and answers as it is told."""

import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class Misbehaviour(Enum):
    HANG = "take the text and never answer"
    CLOSE = "take the text and close the connection"


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

    @property
    def text(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.raw)
        return parsed


class Gateway:
    """Answers 200 unless told otherwise: `then` queues one answer, `always` changes the usual one."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.usual: Answer | Misbehaviour = Answer()
        self.got_one = threading.Event()
        self._next: deque[Answer | Misbehaviour] = deque()
        self._let_go = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"gateway": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/texts"

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

    def take(self, taken: Taken) -> Answer | Misbehaviour:
        self.taken.append(taken)
        self.got_one.set()
        return self._next.popleft() if self._next else self.usual

    def hang(self) -> None:
        """Keep one request waiting until the gateway closes."""
        self._let_go.wait(60)

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


class _Handler(BaseHTTPRequestHandler):
    gateway: Gateway

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.gateway.take(Taken(headers, raw, time.time()))
        if isinstance(answer, Answer):
            self._answer(answer, raw)
        elif answer == Misbehaviour.HANG:
            self.gateway.hang()
        self.close_connection = True

    def _answer(self, answer: Answer, raw: bytes) -> None:
        body = answer.body
        if body is None:
            body = json.dumps({"id": f"gw-{json.loads(raw)['id']}"}).encode()
        self.send_response(answer.status)
        for name, value in {"content-length": str(len(body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as http.server names it
        """Say nothing."""
