"""Settings of the tests: a temporary folder, fixed keys, and nothing from the caller's environment."""

import atexit
import os
import shutil
import tempfile
from urllib.parse import urlsplit

from optout_project.env import NAMES

ON_SERVICES = os.environ.get("TEST_SERVICES") == "on"
# In memory where the system has such a folder: on a disk each of the thousands of commits waits for it.
_MEMORY = "/dev/shm"  # noqa: S108
FOLDER = tempfile.mkdtemp(prefix="optout-tests-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None)
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)


def _redis_of_this_worker() -> str:
    """Parallel runs take neighbouring Redis databases: 15, 14, ..."""
    url = urlsplit(os.environ["TEST_REDIS_URL"])
    number = int(url.path.strip("/") or 0) - int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return url._replace(path=f"/{max(number, 0)}").geturl()


for name in NAMES:
    os.environ.pop(name, None)
os.environ |= {
    "VAR_DIR": FOLDER,
    "SETTINGS_FILE": os.devnull,
    "SECRET_KEY": "tests-only-" + "k" * 50,
    "ENCRYPTION_KEYS": "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk=",
    "SIMULATOR": "on",
    "PUBLIC_URL": "http://testserver",
    "LOG_LEVEL": "WARNING",
}
if ON_SERVICES:
    os.environ |= {"DATABASE_URL": os.environ["TEST_DATABASE_URL"], "REDIS_URL": _redis_of_this_worker()}

from optout_project.settings import *  # noqa: E402, F403
from optout_project.settings import DATABASES  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AXES_ENABLED = False
# Files are looked up when asked for: reading them all anew for every test's client took half of the time.
WHITENOISE_AUTOREFRESH = True
if not ON_SERVICES:
    # Threads of one test share a database file; a shared in-memory one answers "table is locked".
    DATABASES["default"]["TEST"] = {"NAME": f"{FOLDER}/test.sqlite3"}
