"""The project's settings, with the floors' addresses beside the real ones."""

from optout_project.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.urls"
ALLOWED_HOSTS = ["127.0.0.1"]
API_RATE_LIMIT_PER_MINUTE = 10_000_000
SIMULATOR = True
