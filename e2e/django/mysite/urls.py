"""The admin as it is, and what a test needs to look behind it."""

from django.contrib import admin
from django.http import HttpResponse, JsonResponse
from django.urls import path


def whoami(request):
    """Say who the session cookie of this request belongs to: "" for a session that is dead."""
    return JsonResponse({"user": request.user.get_username()})


def plain(request):
    """A page that stores nothing."""
    return HttpResponse("<!doctype html><title>plain</title>")


def worker(request):
    """A service worker that keeps a page in its cache for the time when the network is away."""
    return HttpResponse(
        """
        addEventListener("install", e => {
            skipWaiting();
            e.waitUntil(caches.open("offline").then(c => c.add("/plain")));
        });
        addEventListener("activate", e => e.waitUntil(clients.claim()));
        addEventListener("fetch", () => {});
        """,
        content_type="text/javascript",
    )


urlpatterns = [
    path("admin/", admin.site.urls),
    path("whoami", whoami),
    path("plain", plain),
    path("worker.js", worker),
]
