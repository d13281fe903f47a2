"""Who may read and who may write: this machine alone, and whoever has the token.

The pages are for one person at one machine. A foreign page in the same browser can neither read
them (no CORS, and only the loopback's names are answered to, so that no name of its own can be
pointed here) nor write (the token's cookie is not sent along from elsewhere, and the origin is
looked at). Texts of lessons and episodes may come from an attacker: templates escape them, and
the content security policy runs no script but our own file.
"""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

COOKIE = "agentevo-token"
HOSTS = ("127.0.0.1", "localhost", "[::1]")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard(BaseHTTPMiddleware):
    """Answers to the loopback's names only, takes the token of the address, sets headers."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Let a request through, or say why not."""
        response = self._refused(request) or self._welcomed(request) or await call_next(request)
        response.headers.update(HEADERS)
        return response

    def _refused(self, request: Request) -> Response | None:
        host = request.headers.get("host", "").rsplit(":", 1)[0]
        if host not in HOSTS:
            return PlainTextResponse("only this machine is answered to", 403)
        if request.method in ("GET", "HEAD"):
            return None
        if request.method != "POST":
            return PlainTextResponse("no such method", 405)
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            return PlainTextResponse("nothing is written for a page from elsewhere", 403)
        if not may_write(request):
            return PlainTextResponse(
                "nothing is written without the token: open the address that `agentevo inspect` "
                "printed",
                403,
            )
        return None

    def _welcomed(self, request: Request) -> Response | None:
        """Keep the token of the address in a cookie, and take it out of the address."""
        given = request.query_params.get("token")
        if given is None or request.method != "GET":
            return None
        response = RedirectResponse("/" + request.url.path.lstrip("/"), 303)
        if secrets.compare_digest(given.encode(), request.app.state.token.encode()):
            response.set_cookie(
                cookie_of(request), given, httponly=True, samesite="strict", path="/"
            )
        return response


def cookie_of(request: Request) -> str:
    """Return the name of the token's cookie: browsers share cookies among the ports of a host."""
    return f"{COOKIE}-{request.url.port or 80}"


def may_write(request: Request) -> bool:
    """Whether a request brings the token."""
    given = request.cookies.get(cookie_of(request), "")
    return secrets.compare_digest(given.encode(), request.app.state.token.encode())
