"""Django's settings, made from configs/desk.toml. No secret has a default: keys are made on first use, mode 0600."""

from pathlib import Path

from pipeline.desk import keys, options

ROOT = options.home()
DESK = options.read(ROOT)
STATE = ROOT / DESK.state
SECRET_KEY = keys.secret(STATE / "secret_key")
DEBUG = False
ALLOWED_HOSTS = DESK.hosts
DATABASES = {"default": options.database(DESK.database, ROOT)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "axes",
    "django_htmx",
    "pipeline.desk.apps.DeskConfig",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "pipeline.desk.middleware.headers",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "pipeline.desk.middleware.language",
    "pipeline.desk.middleware.session_limits",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "pipeline.desk.middleware.rights",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "pipeline.desk.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["pipeline.desk.shown.everywhere"]},
    }
]
STATIC_URL = "static/"
STATIC_ROOT = None  # served from the packages themselves, nothing is collected
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
AUTH_USER_MODEL = "desk.Account"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": DESK.password_length},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "work"
AXES_FAILURE_LIMIT = DESK.lock_failures
AXES_COOLOFF_TIME = DESK.lock_minutes / 60
# Of one account from one address: nobody can lock a whole office, or a colleague who sits elsewhere.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "pipeline.desk.views.doors.locked_out"
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
LANGUAGE_CODE = DESK.language
LANGUAGES = [("id", "Bahasa Indonesia"), ("en", "English")]
USE_TZ = True
TIME_ZONE = "Asia/Jakarta"
SESSION_COOKIE_AGE = DESK.absolute_hours * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_NAME = "desk"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = DESK.https
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_FAILURE_VIEW = "pipeline.desk.views.doors.stale_page"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if DESK.https else None
SECURE_HSTS_SECONDS = 31_536_000 if DESK.https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = DESK.https
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 400
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
FILE_UPLOAD_TEMP_DIR = keys.private_folder(STATE / "uploads")
FILE_UPLOAD_PERMISSIONS = 0o600
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    # Addresses and status only: a log line never shows what a form or a row held.
    "formatters": {"plain": {"()": "pipeline.desk.logs.Plain"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "level": "WARNING", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"axes": {"level": "ERROR"}, "django.request": {"level": "ERROR"}},
}
TEMPLATE_FOLDER = Path(__file__).parent / "templates"
