"""The page, and what it is made of."""

from importlib import resources
from urllib.parse import parse_qs

import anyio
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from dssgan import web
from dssgan.app.access import Guard
from dssgan.app.routes.state import State


def add_pages(app: FastAPI, state: State) -> None:
    """Add the page, its assets, and the page about the API.

    Args:
        app: where to.
        state: what the routes share.
    """
    page = resources.files("dssgan.app") / "page"
    assets = {one.name: one for one in page.iterdir() if one.name.endswith((".js", ".css", ".svg"))}
    assets |= {name: web.find(name) for name in web.FILES}
    kinds = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}

    @app.get("/assets/{name}", include_in_schema=False)
    def asset(name: str) -> Response:
        if name not in assets:
            raise HTTPException(404, "no such file")
        kind = kinds[name.rpartition(".")[2]]
        return Response(
            assets[name].read_text("utf-8"), media_type=f"{kind}; charset=utf-8", headers={"cache-control": "no-cache"}
        )

    def html(name: str) -> HTMLResponse:
        return HTMLResponse((page / name).read_text("utf-8"), headers={"cache-control": "no-cache"})

    @app.get("/api", include_in_schema=False)
    def api_page() -> HTMLResponse:
        return html("api.html")

    @app.get("/login", include_in_schema=False)
    def login_page() -> HTMLResponse:
        return html("login.html")

    @app.get("/", include_in_schema=False)
    def index() -> Response:
        return html("index.html") if state.with_page else RedirectResponse("/api", 303)


def add_login(app: FastAPI, guard: Guard) -> None:
    """Add what the form of the page /login is sent to.

    Args:
        app: where to.
        guard: what knows the password.
    """

    @app.post("/login", include_in_schema=False)
    async def login(request: Request) -> Response:
        form = (await request.body())[:4096].decode("utf-8", errors="replace")
        if not guard.accepts(parse_qs(form).get("password", [""])[0]):
            await anyio.sleep(1.0)  # who guesses is slow
            return RedirectResponse("/login#wrong", 303)
        return guard.set_cookie(RedirectResponse("/", 303))
