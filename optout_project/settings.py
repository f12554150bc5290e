"""The one settings file. Everything that differs between installations comes from the environment (see env.py)."""

import socket
import warnings
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.templatetags.static import static

from optout_project import env as environment
from optout_project import logs, s3
from optout_project.env import BASE_DIR

env = environment.load()

# --- What the environment says ---------------------------------------------------------------------------------------

VAR_DIR = env.path("VAR_DIR", BASE_DIR / "var")
SECRET_KEY = env.text("SECRET_KEY")
ENCRYPTION_KEYS = env.fernet_keys("ENCRYPTION_KEYS")
DEBUG = env.flag("DEBUG", default=False)
HOST = env.text("HOST", "127.0.0.1")
PORT = env.whole("PORT", 8000, low=1, high=65535)
PUBLIC_URL = env.address("PUBLIC_URL", f"http://127.0.0.1:{PORT}")
REDIS_URL = env.redis("REDIS_URL")
BROKER_DIR = env.path("BROKER_DIR", VAR_DIR / "broker")
SIMULATOR = env.flag("SIMULATOR", default=False)
SIMULATOR_LATENCY_MS = env.whole("SIMULATOR_LATENCY_MS", 0, low=0, high=60_000)
SIMULATOR_FAILURE_RATE = env.fraction("SIMULATOR_FAILURE_RATE", 0.0)
API_RATE_LIMIT_PER_MINUTE = env.whole("API_RATE_LIMIT_PER_MINUTE", 6_000, low=1, high=1_000_000)
# From this day an opt-out closes every purpose over the whole business, whatever its scope (US-15).
REVOKE_ALL_FROM = env.day("REVOKE_ALL_FROM", "2027-01-31")
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"))
LOG_FORMAT = env.choice("LOG_FORMAT", "text", ("text", "json"))
WEB_WORKERS = env.whole("WEB_WORKERS", 1, low=1, high=64)
WEB_THREADS = env.whole("WEB_THREADS", 8, low=1, high=256)
# Proxies whose word on the client's address and on https is believed. With none, nobody's is.
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")
FORWARDED_PROTO_META = env.header("SECURE_PROXY_SSL_HEADER", "X-Forwarded-Proto")
# A log-in ends after so long without a click, and after so long in any case.
SESSION_IDLE_MINUTES = env.whole("SESSION_IDLE_MINUTES", 60, low=5, high=1_440)
SESSION_HOURS = env.whole("SESSION_HOURS", 12, low=1, high=720)
LOG_INS_KEPT_DAYS = env.whole("LOG_INS_KEPT_DAYS", 365, low=30, high=3_650)
# Each business decides for its own people; whoever runs the installation decides for its operators.
OPERATORS_NEED_SECOND_STEP = env.flag("OPERATORS_NEED_SECOND_STEP", default=False)
# Uploaded lists and what is made of them. Web and worker processes need the same folder.
FILES_DIR = env.path("FILES_DIR", VAR_DIR / "files")
FILES_KEPT_DAYS = env.whole("FILES_KEPT_DAYS", 30, low=1, high=3_650)
LINKS_VALID_DAYS = env.whole("LINKS_VALID_DAYS", 7, low=1, high=365)
UPLOAD_LIMIT_MB = env.whole("UPLOAD_LIMIT_MB", 1_024, low=1, high=100_000)
WORKER_THREADS = env.whole("WORKER_THREADS", 4, low=1, high=256)

# --- Applications ----------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # its own would put its own site in place of ours
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "unfold.contrib.simple_history",
    "accounts.apps.OurAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "simple_history",
    "import_export",
    "django_celery_beat",
    "axes",
    "django_otp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "accounts.apps.AccountsConfig",
    "compliance.apps.ComplianceConfig",
    "messaging.apps.MessagingConfig",
]

# simple_history's middleware is left out on purpose: who acted is passed to opt_outs.py by its caller.
MIDDLEWARE = [
    "optout_project.proxies.client_address_middleware",
    "optout_project.proxies.machines_host_middleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "accounts.local_time.local_time_middleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "accounts.sessions.session_age_middleware",
    "accounts.sessions.second_step_middleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "optout_project.urls"
WSGI_APPLICATION = "optout_project.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database --------------------------------------------------------------------------------------------------------

# A connection taken out of the pool is tested first, so that a restarted server fails no request.
POSTGRES = {
    "CONN_MAX_AGE": 0,
    "CONN_HEALTH_CHECKS": True,
    "OPTIONS": {
        "connect_timeout": 2,
        # Parameters travel apart from the statement, and one that comes again is not parsed and planned again.
        "server_side_binding": True,
        "prepare_threshold": 3,
        "pool": {"min_size": 1, "max_size": WEB_THREADS + 4, "timeout": 3, "reconnect_timeout": 3},
    },
}
# IMMEDIATE takes the write lock when a transaction begins; a read that turns into a write fails without waiting.
SQLITE = {
    "OPTIONS": {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        # Without recursive_triggers INSERT OR REPLACE removes a row, by any unique key, unseen by the DELETE triggers.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
        " PRAGMA recursive_triggers=ON",
    },
}


def _database() -> dict[str, Any]:
    config = env.database("DATABASE_URL", f"sqlite:///{VAR_DIR / 'optout.sqlite3'}")
    stock = SQLITE if "sqlite" in config["ENGINE"] else POSTGRES
    if stock is SQLITE and config["NAME"].startswith(f"{VAR_DIR}/"):
        environment.folder(VAR_DIR)
    return {**config, **stock, "OPTIONS": {**stock["OPTIONS"], **config.get("OPTIONS", {})}}  # type: ignore[dict-item]


DATABASES = {"default": _database()}

# --- Cache and Celery ------------------------------------------------------------------------------------------------

# A dead Redis answers within these, in seconds.
REDIS_TIMEOUTS = {"socket_connect_timeout": 1, "socket_timeout": 2}

# "local" is for what a request must be able to use with Redis gone, such as the API's rate limit.
CACHES: dict[str, dict[str, Any]] = {
    "local": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "local"},
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "default"},
}
if REDIS_URL:
    CACHES["default"] = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "optout",
        "OPTIONS": REDIS_TIMEOUTS,
    }

CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = None
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CONNECTION_TIMEOUT = 1
# Waking a worker is best effort: whoever publishes must not wait for a broker to come back.
CELERY_TASK_PUBLISH_RETRY = False
if REDIS_URL:
    CELERY_BROKER_URL = REDIS_URL
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {**REDIS_TIMEOUTS, "retry_on_timeout": False, "max_retries": 0}
else:
    CELERY_BROKER_URL = "folder://localhost"
    # Only Redis carries the commands of `celery inspect` between processes.
    CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(environment.folder(BROKER_DIR / "messages")),
        "data_folder_out": str(BROKER_DIR / "messages"),
        "control_folder": str(environment.folder(BROKER_DIR / "control")),
        "polling_interval": 0.1,
    }

# --- Log-in and web security -----------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "accounts.auth.RoleBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "accounts.log_ins.NotesPasswordChange"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

# A guesser is held off by name and address together: nobody can lock a colleague out from elsewhere.
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "accounts.log_ins.guarded_name"
AXES_CLIENT_IP_CALLABLE = "accounts.callers.caller_behind"
# Ours is shown and ends one day; theirs would grow unseen.
AXES_DISABLE_ACCESS_LOG = True
AXES_RESET_ON_SUCCESS = True
AXES_HANDLER = "axes.handlers.database.AxesDatabaseHandler"
AXES_VERBOSE = False
AXES_LOCKOUT_CALLABLE = "accounts.log_ins.locked_out"
OTP_TOTP_ISSUER = "Opt-out"


def _allowed_hosts() -> list[str]:
    """This machine under its own names, and the name that providers call."""
    own = socket.gethostname() if HOST in environment.ANY_ADDRESS else HOST
    return sorted({"localhost", "127.0.0.1", "[::1]", own, urlsplit(PUBLIC_URL).hostname or own})


# Providers call by the name in PUBLIC_URL, whatever else is allowed.
ALLOWED_HOSTS = [*env.items("ALLOWED_HOSTS", _allowed_hosts()), urlsplit(PUBLIC_URL).hostname or "localhost"]
PUBLIC_IS_HTTPS = PUBLIC_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE = PUBLIC_IS_HTTPS
CSRF_COOKIE_HTTPONLY = False
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = SESSION_HOURS * 3600
SECURE_PROXY_SSL_HEADER = (FORWARDED_PROTO_META, "https") if TRUSTED_PROXIES else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 30 * 24 * 3600 if PUBLIC_IS_HTTPS else 0
X_FRAME_OPTIONS = "DENY"
# Webhooks (64 KiB) and the API (2 MiB) measure their bodies themselves; this bounds the forms.
DATA_UPLOAD_MAX_MEMORY_SIZE = 3 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000

# --- E-mail ----------------------------------------------------------------------------------------------------------

# Tells those who may answer of reviews that are due soon. Without an address only the screen does.
EMAIL = env.email("EMAIL_URL")
EMAIL_ALERTS = bool(EMAIL)
EMAIL_BACKEND = EMAIL.get("EMAIL_BACKEND", "django.core.mail.backends.dummy.EmailBackend")
EMAIL_HOST = EMAIL.get("EMAIL_HOST") or ""
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = EMAIL.get("EMAIL_HOST_USER") or "", EMAIL.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = EMAIL.get("EMAIL_USE_TLS", False), EMAIL.get("EMAIL_USE_SSL", False)
EMAIL_PORT = EMAIL.get("EMAIL_PORT") or (465 if EMAIL_USE_SSL else 587 if EMAIL_USE_TLS else 25)
EMAIL_FILE_PATH = EMAIL.get("EMAIL_FILE_PATH") or None
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", f"opt-out@{urlsplit(PUBLIC_URL).hostname}")

# --- Language, time, static files ------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
USE_I18N = True
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 600
# The files come from the packages themselves, so STATIC_ROOT need not be there.
warnings.filterwarnings("ignore", message="No directory at", category=UserWarning)

# --- Stored files ----------------------------------------------------------------------------------------------------

# "lists" has no address: its files leave through pages that ask who is there.
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "lists": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": FILES_DIR, "file_permissions_mode": 0o600, "directory_permissions_mode": 0o700},
    },
    # "exports", where one is set up: copies of what schedules make.
    **s3.read_storage(env),
}

# --- API -------------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.auth.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.auth.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["accounts.auth.KeyRateThrottle"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "NUM_PROXIES": 0,  # REMOTE_ADDR is the client already: proxies.py has seen to it
    "EXCEPTION_HANDLER": "accounts.problems.problem_handler",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Opt-out API",
    "DESCRIPTION": "Send texts, ask before sending elsewhere, and keep the list of opt-outs.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "MessageStatus": "messaging.models.OutboundMessage.Status",
        "OptOutStatus": "compliance.models.OptOut.Status",
        "Source": "compliance.models.Source",
        "ConsentWay": "compliance.models.ConsentWay",
        "EvidenceWay": "compliance.models.EVIDENCE_WAYS",
        "ConsentWayTold": "messaging.consent_serializers.TOLD_BY_PROGRAMS",
        "Purpose": "compliance.purposes.Purpose",
        "AskedPurpose": "compliance.serializers.ASKED_PURPOSES",
    },
}

# --- Audit, admin, logs ----------------------------------------------------------------------------------------------

SIMPLE_HISTORY_HISTORY_CHANGE_REASON_USE_TEXT_FIELD = True
SIMPLE_HISTORY_DATE_INDEX = False  # history is read per opt-out, in the order of its keys

# In this order: what comes later wins. The last one knows of all the others.
OWN_SCRIPTS = ("by_keyboard", "choices")
OWN_STYLES = ("pieces", "forms", "lists", "conversations", "connections", "jobs", "start", "narrow")


def _own(name: str, request: object) -> str:
    return static(f"optout/{name}")


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Opt-out",
    "SITE_HEADER": "Opt-out",
    "SITE_SYMBOL": "do_not_disturb_on",
    "SITE_URL": "/",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": f"{STATIC_URL}handset/icon.svg"}],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "8px",
    "COLORS": {
        "primary": {
            "50": "240 253 250",
            "100": "204 251 241",
            "200": "153 246 228",
            "300": "94 234 212",
            "400": "45 212 191",
            "500": "20 184 166",
            "600": "15 118 110",
            "700": "17 105 98",
            "800": "17 94 89",
            "900": "19 78 74",
            "950": "4 47 46",
        },
    },
    "LOGIN": {"form": "accounts.admin_forms.LogInForm"},
    "STYLES": [partial(_own, f"{name}.css") for name in OWN_STYLES],
    "SCRIPTS": [partial(_own, f"{name}.js") for name in OWN_SCRIPTS],
    "ACCOUNT": {"navigation": "optout_project.navigation.account_links"},
    "DASHBOARD_CALLBACK": "optout_project.dashboard.start_page",
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "optout_project.navigation.sidebar",
    },
}

LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING = logs.configure(LOG_LEVEL, LOG_FORMAT)
