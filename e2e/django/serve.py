"""Serve the project from a new database with one superuser, admin/admin, until the process is ended.

Prints one line, "listening on <host>:<port>", as soon as requests are answered. The database file is $E2E_DATABASE.
"""

import os

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "mysite.settings"
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402  (needs the setup above)
from django.contrib.staticfiles.handlers import StaticFilesHandler  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402

call_command("migrate", verbosity=0)
get_user_model().objects.create_superuser("admin", "admin@example.com", "admin")

server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
server.daemon_threads = True
server.set_app(StaticFilesHandler(get_wsgi_application()))
print("listening on %s:%d" % server.server_address, flush=True)
server.serve_forever()
