"""What every request passes: headers, language, limits of the session, rights of the role."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone, translation

from pipeline.desk import scope
from pipeline.desk.views import doors

Handler = Callable[[HttpRequest], HttpResponse]
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
TOUCH_SECONDS = 60


def headers(get_response: Handler) -> Handler:
    """A strict policy for contents, and no page kept in any cache."""

    def handle(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["Content-Security-Policy"] = POLICY
        response["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
        response.setdefault("Cache-Control", "no-store")
        return response

    return handle


def language(get_response: Handler) -> Handler:
    """The language of the account, else of the cookie, else of the configuration."""

    def handle(request: HttpRequest) -> HttpResponse:
        chosen = getattr(request.user, "language", None) or request.COOKIES.get("language", "")
        request.language = chosen if chosen in ("id", "en") else settings.DESK.language  # type: ignore[attr-defined]
        with translation.override(request.language):  # type: ignore[attr-defined]
            return get_response(request)

    return handle


def session_limits(get_response: Handler) -> Handler:
    """A session ends after idle_minutes without a request, and absolute_hours after it began."""

    def handle(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            now = int(timezone.now().timestamp())
            since, seen = request.session.get("since", now), request.session.get("seen", now)
            if now - seen > settings.DESK.idle_minutes * 60 or now - since > settings.DESK.absolute_hours * 3600:
                logout(request)
            elif "since" not in request.session or now - seen >= TOUCH_SECONDS:
                request.session.update({"since": since, "seen": now})
        return get_response(request)

    return handle


class Rights:
    """The role's right to the route; what is not in scope.ROUTES is refused to everybody."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        route = request.resolver_match.url_name if request.resolver_match else None
        role = getattr(request.user, "role", "anonymous")
        if scope.allowed(route, request.method or "", role):
            return self._must_change(request, route)
        if not request.user.is_authenticated and route in scope.ROUTES:
            return doors.expired(request) if request.method == "POST" else redirect_to_login(request.get_full_path())
        methods = scope.ROUTES.get(route or "", {})
        verb = "GET" if request.method == "HEAD" else request.method
        return doors.refused(request, 405 if methods and verb not in methods else 403)

    @staticmethod
    def _must_change(request: HttpRequest, route: str | None) -> HttpResponse | None:
        """A first password is changed before anything else is done."""
        free = ("password", "logout", "language", "login")
        return redirect("password") if getattr(request.user, "must_change", False) and route not in free else None


rights = Rights
