"""What every page shows around its own content."""

from typing import Any

from django.http import HttpRequest

from pipeline.desk import published, scope

MENU = ("work", "list", "regencies", "export", "return", "audit", "log", "accounts", "about")


def everywhere(request: HttpRequest) -> dict[str, Any]:
    """The bundle, a banner where the last load was refused, and the routes that the role may use."""
    role = getattr(request.user, "role", "anonymous") if hasattr(request, "user") else "anonymous"
    signed_in = role != "anonymous"
    route = request.resolver_match.url_name if request.resolver_match else ""
    language = getattr(request, "language", "id")
    return {
        "request": request,
        "bundle": published.current(),
        "refused_load": published.refused() if signed_in else None,
        "menu": [m for m in MENU if signed_in and scope.allowed(m, "GET", role)],
        "route": route,
        "language": language,
        "other_language": "en" if language == "id" else "id",
        "role": role,
    }
