"""The storage that copies of scheduled exports go to, where one is set up: S3, or whatever speaks like it."""

from importlib.util import find_spec
from typing import Any

from optout_project.env import Environment, WrongSetting

PREFIX = "LISTS_S3_"
PACKAGES = ("storages", "boto3")


def read_storage(env: Environment) -> dict[str, Any]:
    """Django's description of the storage; nothing where no bucket is named."""
    bucket = env.text("LISTS_S3_BUCKET")
    if not bucket:
        _refuse_the_rest(env)
        return {}
    if any(find_spec(package) is None for package in PACKAGES):
        raise WrongSetting(
            "LISTS_S3_BUCKET is set, but django-storages is not installed:"
            " run .venv/bin/pip install -r requirements-s3.txt, or unset it."
        )
    endpoint = env.address("LISTS_S3_ENDPOINT", "") if env.text("LISTS_S3_ENDPOINT") else None
    options = {
        "bucket_name": bucket,
        "endpoint_url": endpoint,
        "region_name": env.text("LISTS_S3_REGION") or None,
        # Without keys boto3 looks for the machine's own role.
        "access_key": env.text("LISTS_S3_ACCESS_KEY") or None,
        "secret_key": env.text("LISTS_S3_SECRET_KEY") or None,
        "location": env.text("LISTS_S3_FOLDER"),
        "default_acl": None,
        "file_overwrite": True,
        "client_config": _client_config(path_style=endpoint is not None),
        "transfer_config": _transfer_config(),
    }
    return {"exports": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}}


def _refuse_the_rest(env: Environment) -> None:
    for name in ("ENDPOINT", "REGION", "ACCESS_KEY", "SECRET_KEY", "FOLDER"):
        if env.text(PREFIX + name):
            raise WrongSetting(f"{PREFIX}{name} is set, but LISTS_S3_BUCKET is not: name the bucket, or unset it.")


def _client_config(*, path_style: bool) -> Any:
    from botocore.config import Config

    return Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if path_style else "auto"},
        connect_timeout=5,
        read_timeout=60,
        retries={"total_max_attempts": 1},  # a failed copy is tried again later, by us
        request_checksum_calculation="when_required",  # only AWS itself understands the newer checksums
    )


def _transfer_config() -> Any:
    from boto3.s3.transfer import TransferConfig

    return TransferConfig(use_threads=False)
