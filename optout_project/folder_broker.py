"""The broker of an installation without Redis: messages are files in a folder.

Celery's own transport for that shows a message under its name before it is written. A worker that looks just then reads
an empty file and ends. Its tables of exchanges, files too, have the same gap at their first use.
"""

import uuid
from pathlib import Path
from queue import Empty
from time import time_ns
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem, virtual
from kombu.utils.json import dumps, loads

SCHEME = "folder"


class Channel(filesystem.Channel):
    """A message appears whole, and is taken by one reader."""

    # Without fanout no table is written; each process keeps its own, which knows the queue that it uses.
    supports_fanout = False
    get_table = virtual.Channel.get_table  # type: ignore[assignment] # a named tuple there, a tuple here

    def _put(self, queue: str, payload: dict[str, Any], **_: Any) -> None:  # type: ignore[override] # two bases differ
        name = f"{time_ns()}_{uuid.uuid4()}.{queue}.msg"
        draft = _folder(self.data_folder_out) / f".{name}"
        draft.write_text(dumps(payload), encoding="utf-8")
        draft.rename(draft.with_name(name))

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        for path in sorted(_folder(self.data_folder_in).iterdir()):
            if not path.name.startswith(".") and path.name.partition(".")[2] == f"{queue}.msg":
                message = _take(path)
                if message is not None:
                    return message
        raise Empty


def _folder(name: str) -> Path:
    """The folder, made again where somebody wiped it: what was in it waits in the database."""
    folder = Path(name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _take(path: Path) -> Any:
    """The message, or nothing where another reader was first or a power cut left half a file."""
    taken = path.with_name(f".{path.name}.taken")
    try:
        path.rename(taken)
        message = loads(taken.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        message = None
    taken.unlink()
    return message


class Transport(filesystem.Transport):
    """Celery's transport with our channel."""

    Channel = Channel
    global_state = virtual.BrokerState()
    driver_type = SCHEME
    driver_name = SCHEME


def register() -> None:
    """Make addresses that start with folder:// known to Celery."""
    TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"
