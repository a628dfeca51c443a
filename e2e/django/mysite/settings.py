"""A Django project with nothing but the admin, set up as the documentation says for a site behind a reverse proxy."""

import os

SECRET_KEY = "only for tests on this machine"
DEBUG = True  # serves the admin's own style sheets
ALLOWED_HOSTS = ["*"]  # every test has a host name of its own
ROOT_URLCONF = "mysite.urls"
WSGI_APPLICATION = None
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"

# TLS ends at the proxy. Django compares the Referer of an HTTPS POST with the host it was asked for, so behind a proxy
# that passes the host on, CSRF_TRUSTED_ORIGINS has nothing to add.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
USE_X_FORWARDED_HOST = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True

# Sessions are rows of the database, so a session that was ended is dead whoever still has its cookie.
SESSION_ENGINE = "django.contrib.sessions.backends.db"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["E2E_DATABASE"]}}

# Signing in takes a fraction of a second otherwise, by design.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "/static/"
