"""Signing in and out, passwords, language, and the pages of what is refused, missing or broken."""

from typing import Any

from django.contrib.auth import logout, update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme

from pipeline.desk import chain

NOT_KEPT = ("csrfmiddlewaretoken", "password", "username", "key", "version", "old_password", "new_password1",
            "new_password2", "file")  # fmt: skip
LONGEST = 4000


def kept_fields(request: HttpRequest) -> dict[str, list[str]]:
    """What the person typed, to be shown again: never a password."""
    fields = {k: request.POST.getlist(k) for k in request.POST if k not in NOT_KEPT and not k.startswith("kept_")}
    return {k: [v[:LONGEST] for v in values if v] for k, values in fields.items() if any(values)}


class Login(LoginView):
    """Sign in; a form that came after the session had ended is kept and shown again afterwards."""

    template_name = "desk/login.html"
    redirect_authenticated_user = True

    def form_valid(self, form: Any) -> HttpResponse:
        """What was typed before the session ended goes into the new session."""
        response = super().form_valid(form)
        kept = {
            k.removeprefix("kept_"): self.request.POST.getlist(k) for k in self.request.POST if k.startswith("kept_")
        }
        if kept:
            self.request.session["kept"] = {"path": self.get_redirect_url(), "fields": kept}
        chain.append("signed_in", {}, form.get_user())
        return response


def expired(request: HttpRequest) -> HttpResponse:
    """A form came without a session: sign in again, nothing typed is lost."""
    context = {"kept": kept_fields(request), "next": request.path, "expired": True}
    return _login_page(request, context)


def _login_page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    from django.contrib.auth.forms import AuthenticationForm

    return render(request, "desk/login.html", {"form": AuthenticationForm(request), **context}, status=401)


def locked_out(request: HttpRequest, credentials: Any = None, *args: Any, **kwargs: Any) -> HttpResponse:
    """Too many wrong passwords of one account from one address."""
    return render(request, "desk/message.html", {"code": "locked"}, status=429)


def stale_page(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The page was open for too long, or the form is another site's: what was typed is shown to be copied."""
    return render(request, "desk/message.html", {"code": "stale_page", "kept": kept_fields(request)}, status=403)


def refused(request: HttpRequest, status: int) -> HttpResponse:
    return render(request, "desk/message.html", {"code": "not_allowed"}, status=status)


def forbidden(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return refused(request, 403)


def unreadable(request: HttpRequest, exception: Any = None) -> HttpResponse:
    """What was sent is no form of the desk: too large, too many fields, no text, for another host.

    It is not read again: Django's own page looks for a token in the form that could not be read, and ends in 500.
    """
    return render(request, "desk/message.html", {"code": "unreadable"}, status=400)


def missing(request: HttpRequest, exception: Any = None) -> HttpResponse:
    """Nothing there, or nothing of this account's: nobody learns which."""
    return render(request, "desk/message.html", {"code": "missing"}, status=404)


def broken(request: HttpRequest) -> HttpResponse:
    return HttpResponse("500", status=500, content_type="text/plain")


def leave(request: HttpRequest) -> HttpResponse:
    """End this session."""
    logout(request)
    return redirect("login")


def leave_everywhere(request: HttpRequest) -> HttpResponse:
    """End every session of the account."""
    account: Any = request.user
    account.salt += 1
    account.save(update_fields=["salt"])
    chain.append("left_everywhere", {}, account)
    logout(request)
    return redirect("login")


def password(request: HttpRequest) -> HttpResponseBase:
    """Change one's own password; every other session of the account ends."""
    account: Any = request.user
    form = PasswordChangeForm(account, request.POST or None)
    if request.method == "POST" and form.is_valid():
        account.must_change = False
        form.save()
        update_session_auth_hash(request, account)
        chain.append("password_changed", {}, account)
        return redirect("work")
    return render(request, "desk/password.html", {"form": form}, status=400 if form.errors else 200)


def choose_language(request: HttpRequest) -> HttpResponse:
    """Indonesian or English; kept with the account, or in a cookie before signing in."""
    chosen = "en" if request.POST.get("language") == "en" else "id"
    target = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    response = redirect(target if safe and target.startswith("/") else "/")
    account: Any = request.user
    if account.is_authenticated:
        account.language = chosen
        account.save(update_fields=["language"])
    response.set_cookie(
        "language", chosen, max_age=31_536_000, samesite="Lax", httponly=True, secure=request.is_secure()
    )
    return response
