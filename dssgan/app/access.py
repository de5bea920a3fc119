"""Who may use the app: whoever has the link or the password, from pages of the app itself."""

import ipaddress
import secrets
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse, Response

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
_MIN_PASSWORD = 8
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "media-src 'self' blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_OPEN_PATHS = frozenset({"/login", "/assets/login.js", "/assets/app.css", "/assets/theme.css", "/assets/icon.svg"})


def is_local(host: str) -> bool:
    """Return whether only this machine can reach an address that is listened on."""
    return host in LOCAL_HOSTS


def is_strong(password: str) -> bool:
    """Return whether a password is long enough for a network."""
    return len(password) >= _MIN_PASSWORD


@dataclass(frozen=True)
class Guard:
    """Lets requests through that have the token and come from the app's own page or from no page.

    A browser sends the cookie with every request, so requests from pages of other sites are recognised by `Origin`, and
    sites whose name leads to this machine (DNS rebinding) by `Host`.

    Args:
        app: what is guarded.
        token: secret of the link and of programs (`Authorization: Bearer TOKEN`).
        password: what opens the page from elsewhere; None where only this machine reaches it.
        port: port that is listened on.
        names: further names of this machine that requests may be sent to.
    """

    app: App
    token: str
    password: str | None = None
    port: int = 0
    names: frozenset[str] = frozenset()

    @property
    def cookie(self) -> str:
        """Name of the cookie; browsers share cookies among the ports of a machine."""
        return f"dssgan-{self.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                known = {name.lower() for name, _ in message["headers"]}
                added = [
                    (name.encode(), value.encode()) for name, value in _HEADERS.items() if name.encode() not in known
                ]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self.app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        """Return the answer to a request that may not pass; None where it may."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_own(host):
            return _error(421, f"{host[:80] or 'no host'}: is no name of this app; open the link that it printed")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return _error(403, "another site may not use this app")
        path, query = scope["path"], parse_qs(scope["query_string"].decode("latin-1"))
        if headers.get("sec-fetch-site") == "cross-site" and path != "/":
            return _error(403, "another site may not use this app")
        if path == "/" and "token" in query:
            return self._open(query["token"][0])
        if path in _OPEN_PATHS or self._has_token(headers):
            return None
        if path == "/" and self.password is not None:
            return RedirectResponse("/login", 303)
        return _error(401, "this needs the link that dssgan app printed, or its token as Authorization: Bearer TOKEN")

    def _is_own(self, host: str) -> bool:
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname or "", parts.port or 80
        except ValueError:
            return False
        if port != self.port:
            return False
        if name in LOCAL_HOSTS:
            return True
        if self.password is None:
            return False
        # an address is no name that somebody else could let lead here
        return name in self.names or _is_address(name)

    def _has_token(self, headers: Headers) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and _same(given.strip(), self.token):
            return True
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        return self.cookie in cookies and _same(cookies[self.cookie].value, self.token)

    def _open(self, token: str) -> Response:
        if not _same(token, self.token):
            return _error(401, "this link is old; open the one that dssgan app printed last")
        return self.set_cookie(RedirectResponse("/", 303))

    def set_cookie(self, response: Response) -> Response:
        """Add the cookie to a response, and return it."""
        response.set_cookie(self.cookie, self.token, httponly=True, samesite="strict", max_age=400 * 24 * 3600)
        return response

    def accepts(self, password: str) -> bool:
        """Return whether a password is the right one."""
        return self.password is not None and _same(password, self.password)


def own_names() -> frozenset[str]:
    """Return the names under which other machines of a network find this one."""
    name = socket.gethostname().lower()
    short = name.partition(".")[0]
    return frozenset({name, short, f"{short}.local"})


def _same(one: str, other: str) -> bool:
    return secrets.compare_digest(one.encode(errors="replace"), other.encode())


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status)
