"""The broker without Redis loses no message and survives a half written one."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu import Connection

from optout_project import folder_broker

MESSAGES = 400


@pytest.fixture
def broker(tmp_path: Path) -> dict[str, Any]:
    folder_broker.register()
    (tmp_path / "messages").mkdir()
    options = {"data_folder_in": f"{tmp_path}/messages", "data_folder_out": f"{tmp_path}/messages"}
    return {"hostname": "folder://localhost", "transport_options": {**options, "control_folder": f"{tmp_path}/control"}}


def _write(broker: dict[str, Any], numbers: range) -> None:
    with Connection(**broker) as connection, connection.SimpleQueue("wakes") as queue:
        for number in numbers:
            queue.put({"number": number})


def _read(broker: dict[str, Any]) -> list[int]:
    found: list[int] = []
    with Connection(**broker) as connection, connection.SimpleQueue("wakes") as queue:
        while True:
            try:
                message = queue.get(timeout=2)
            except Empty:
                return found
            message.ack()
            found.append(message.payload["number"])


def test_readers_and_writers_at_once_pass_every_message_once(broker: dict[str, Any]) -> None:
    with ThreadPoolExecutor(6) as pool:
        readers = [pool.submit(_read, broker) for _ in range(2)]
        writers = [pool.submit(_write, broker, range(part, MESSAGES, 4)) for part in range(4)]
        for writer in writers:
            writer.result()
        found = [number for reader in readers for number in reader.result()]
    assert sorted(found) == list(range(MESSAGES))


def test_a_message_is_never_seen_half_written(broker: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(broker["transport_options"]["data_folder_in"])
    seen = []

    def look(path: Path, target: Path) -> Path:
        seen.append([name.name for name in folder.iterdir() if not name.name.startswith(".")])
        return original(path, target)

    original = Path.rename
    monkeypatch.setattr(Path, "rename", look)
    _write(broker, range(1))
    assert seen == [[]]


@pytest.mark.parametrize("content", ["", '{"body": '])
def test_a_file_that_a_power_cut_left_behind_is_passed_over(broker: dict[str, Any], content: str) -> None:
    folder = Path(broker["transport_options"]["data_folder_in"])
    (folder / "0_left.wakes.msg").write_text(content)
    _write(broker, range(2))
    assert _read(broker) == [0, 1]
    assert list(folder.iterdir()) == []
