"""The HTTP API, of which the page is one user."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from dssgan import __version__
from dssgan.app.routes.files import add_files
from dssgan.app.routes.pages import add_pages
from dssgan.app.routes.songs import add_songs
from dssgan.app.routes.sound import add_sound
from dssgan.app.routes.state import State, describe
from dssgan.errors import DssganError, WriteError


def make_app(state: State) -> FastAPI:
    """Make the app.

    Args:
        state: what the routes share.

    Returns:
        An ASGI app; whoever may call it may do everything.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        state.queue.start()
        yield

    app = FastAPI(
        title="dssgan", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan,
        description="Drums and everything else of songs, separated on this machine.",
    )  # fmt: skip
    _report_errors(app)
    add_songs(app, state)
    add_sound(app, state)
    add_files(app, state)
    add_pages(app, state)
    return app


def _report_errors(app: FastAPI) -> None:
    @app.exception_handler(DssganError)
    async def on_error(_request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 507 if isinstance(error, WriteError) else 400)

    @app.exception_handler(HTTPException)
    async def on_http_error(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return JSONResponse({"error": error.detail}, error.status_code)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return JSONResponse({"error": describe(error.errors())}, 400)
