"""Starting the app, and ending it."""

import os
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from dssgan.app.access import Guard, is_local, is_strong, own_names
from dssgan.app.events import Events
from dssgan.app.jobs import Queue, jobs_for
from dssgan.app.library import Library, Limits
from dssgan.errors import ConfigError

if TYPE_CHECKING:
    import uvicorn

_MODELS = {"default": "the best of those that come with dssgan", "fast": "half the time, a little worse"}
_PORTS_TRIED = 20
_GRACE_SECONDS = 1


@dataclass(frozen=True)
class AppSettings:
    """How the app is started.

    Args:
        library: folder of the songs.
        host: address to listen on.
        port: port to listen on; None for the first that is free from 8765 on.
        password: what opens the page from other machines; None where only this one reaches it.
        headless: whether the API alone is served.
        opens_browser: whether the page is opened.
        limits: what a song may be at most.
        models: further models that may be asked for, as `dssgan separate -m` takes them.
        jobs: songs separated at a time; None for what the cores allow.
        device: "auto", "cpu", "cuda" or "mps".

    Raises:
        ConfigError: settings that do not go together.
    """

    library: Path
    host: str = "127.0.0.1"
    port: int | None = None
    password: str | None = None
    headless: bool = False
    opens_browser: bool = True
    limits: Limits = field(default_factory=Limits)
    models: tuple[str, ...] = ()
    jobs: int | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        if is_local(self.host) and self.password is not None:
            raise ConfigError(f"--password: only this machine reaches {self.host}, so there is nobody to ask for it")
        if not is_local(self.host) and (self.password is None or not is_strong(self.password)):
            raise ConfigError(
                f"--host {self.host}: others in your network could use the app, so give a --password of 8 characters "
                "or more"
            )


def serve(settings: AppSettings, on_ready: Callable[[str], None]) -> None:
    """Serve the app until SIGINT or SIGTERM; what is not done then goes on with the next start.

    Args:
        settings: how.
        on_ready: called with the link that opens the page, once it answers.

    Raises:
        ConfigError: the port is taken, or another process uses the library.
        WriteError: the library cannot be written.
    """
    import uvicorn

    from dssgan.app.api import make_app
    from dssgan.app.routes.pages import add_login
    from dssgan.app.routes.state import State

    with closing(_listen(settings)) as listener:
        port = listener.getsockname()[1]
        events = Events()
        library = Library(settings.library, settings.limits, events.publish)
        with closing(library):
            jobs = settings.jobs or jobs_for(os.cpu_count() or 1)
            queue = Queue(library, jobs, settings.device)
            models = _MODELS | dict.fromkeys(settings.models, "chosen with --model")
            app = make_app(State(library, queue, events, models, with_page=not settings.headless))
            token = library.token()
            guard = Guard(app, token, settings.password, port, own_names())
            add_login(app, guard)
            config = uvicorn.Config(
                guard, log_level="warning", access_log=False, timeout_graceful_shutdown=_GRACE_SECONDS,
                server_header=False, date_header=False,
            )  # fmt: skip
            server = _Server(config, events)
            name = settings.host if ":" not in settings.host else f"[{settings.host}]"
            link = f"http://{name}:{port}/" + (f"?token={token}" if settings.password is None else "")
            threading.Thread(target=_announce, args=(server.server, link, settings, on_ready), daemon=True).start()
            try:
                server.server.run(sockets=[listener])
            finally:
                events.close()
                queue.close()


class _Server:
    """A server that ends its event streams when it is asked to stop, instead of waiting for those who listen."""

    def __init__(self, config: "uvicorn.Config", events: Events) -> None:
        import uvicorn

        class Stopping(uvicorn.Server):
            def handle_exit(self, sig: int, frame: object) -> None:
                events.close()
                super().handle_exit(sig, frame)  # type: ignore[arg-type]

        self.server = Stopping(config)


def _announce(server: "uvicorn.Server", link: str, settings: AppSettings, on_ready: Callable[[str], None]) -> None:
    pause = threading.Event()
    while not server.started:
        if server.should_exit:
            return
        pause.wait(0.01)
    on_ready(link)
    if settings.opens_browser and not settings.headless:
        webbrowser.open(link)
    import_module("dssgan.app.exports")  # what the first song needs is loaded while the page opens


def _listen(settings: AppSettings) -> socket.socket:
    """Return a socket that listens on a free port."""
    first = 8765 if settings.port is None else settings.port
    ports: Iterable[int] = range(first, first + (_PORTS_TRIED if settings.port is None else 1))
    error: OSError | None = None
    for port in ports:
        try:
            family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
            return socket.create_server((settings.host, port), family=family, backlog=128)
        except OSError as caught:
            error = caught
    raise ConfigError(
        f"{settings.host}:{first}: cannot be listened on ({error.strerror if error else ''}); choose another --port or "
        "--host"
    )
