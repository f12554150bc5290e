"""Logging: one line an event, with the phone numbers and the secret addresses in it masked."""

import re
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

# E.164, also as it stands in an address, then North American numbers in their usual ways of writing.
PHONE = re.compile(
    r"(?:\+|%2B)[1-9]\d{6,14}(?!\d)"
    r"|(?<![\w.+-])(?:\+?1[ .-]?)?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-]?)[2-9]\d{2}[ .-]?\d{4}(?![\w-])",
    re.IGNORECASE,
)
# The token in a webhook address is what keeps the address secret; whoever has the link to a list can open it.
TOKEN = re.compile(r"(/webhooks/[\w-]+/|/files/)[\w:.-]{8,}")
KEPT_AT_START, KEPT_AT_END = 5, 2


def mask_phones(text: str) -> str:
    """+12025550123 becomes +1202*****23: enough to tell numbers apart, too little to call one."""
    return PHONE.sub(_mask, text)


def _mask(match: re.Match[str]) -> str:
    number = re.sub(r"%2b", "+", match.group(), flags=re.IGNORECASE)
    hidden = len(number) - KEPT_AT_START - KEPT_AT_END
    return number[:KEPT_AT_START] + "*" * hidden + number[-KEPT_AT_END:]


def mask_rendered(_logger: WrappedLogger, _method: str, rendered: EventDict | str) -> str:
    """Runs after the renderer, so that nothing is missed: values, nested values, tracebacks."""
    return mask_phones(TOKEN.sub(r"\1***", str(rendered)))


def _before() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]


def _renderer(log_format: str) -> Processor:
    if log_format == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)


def configure(level: str, log_format: str) -> dict[str, Any]:
    """Set structlog up and return Django's LOGGING: records of every library take the same way out."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_before(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": _before(),
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _renderer(log_format),
            mask_rendered,
        ],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Django's own handlers would write past the masking.
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "level": level, "propagate": True},
            # A line for every turn of every sweeper, all day, tells nobody anything.
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "django_celery_beat": {"level": "WARNING"},
            "fontTools": {"level": "WARNING"},  # a hundred lines for every evidence pack
            "httpx": {"level": "WARNING"},
        },
    }
