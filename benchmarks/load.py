"""A small load client: a few keep-alive connections, requests built beforehand, answers counted."""

import socket
import threading
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests per second, and how many answers were not 2xx."""

    per_second: float
    refused: int


def build_request(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """One HTTP/1.1 POST as bytes."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += ["Content-Type: application/json", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def measure(port: int, requests: list[bytes], connections: int = 8) -> Rate:
    """Send every request once over several connections at a time."""
    refused: list[int] = []
    shares = [requests[start::connections] for start in range(connections)]
    threads = [threading.Thread(target=_send_all, args=(port, share, refused)) for share in shares]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Rate(len(requests) / (time.perf_counter() - started), sum(refused))


def _send_all(port: int, requests: list[bytes], refused: list[int]) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answers = connection.makefile("rb")
        bad = 0
        for request in requests:
            connection.sendall(request)
            bad += not _read_answer(answers)
        refused.append(bad)


def _read_answer(answers) -> bool:  # type: ignore[no-untyped-def]
    status = answers.readline()
    length = 0
    while (line := answers.readline().strip()) != b"":
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    answers.read(length)
    return b" 2" in status[:12]
