"""Who may use the app."""

from pathlib import Path

import pytest
from commands import dssgan
from running_app import RunningApp, start

pytestmark = pytest.mark.xdist_group("app")


def test_without_the_token_nothing_is_had(app: RunningApp) -> None:
    for path in [*app.ask("GET", "/openapi.json").json["paths"], "/", "/api", "/openapi.json", "/assets/main.js"]:
        assert app.ask("GET", path, headers={}).status == 401, path
    assert app.ask("GET", "/songs", headers={"Authorization": "Bearer wrong"}).status == 401
    assert app.ask("GET", "/?token=wrong", headers={}).status == 401


def test_the_link_gives_a_cookie_and_hides_the_token(app: RunningApp) -> None:
    got = app.ask("GET", "/", headers={}, token=app.token)
    assert (got.status, got.headers["location"]) == (303, "/")
    cookie = got.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    page = app.ask("GET", "/", headers={"Cookie": cookie.partition(";")[0]})
    assert page.status == 200
    assert app.token.encode() not in page.content
    assert "script-src 'self'" in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example:{port}"}, 421),  # a name that somebody lets lead here
        ({"Host": "127.0.0.1"}, 421),
        ({"Host": "localhost:{port}"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:{port}"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_other_sites_and_names_are_turned_away(app: RunningApp, headers: dict[str, str], status: int) -> None:
    sent = {name: value.format(port=app.port) for name, value in headers.items()}
    assert app.ask("GET", "/models", headers={"Authorization": f"Bearer {app.token}", **sent}).status == status


def test_no_path_leads_outside(app: RunningApp) -> None:
    for path in ("/assets/../api.py", "/assets/%2e%2e%2fapi.py", "/assets/..%5capi.py", "/songs/..", "/songs/%2e%2e"):
        assert app.ask("GET", path).status in (404, 405), path
    assert app.ask("GET", "/songs/token").status == 404
    assert app.ask("GET", "/songs/x/mixes/..%2f..%2ftoken").status == 404


def test_other_machines_need_a_password(tmp_path: Path) -> None:
    for options, line in (
        (("--host", "0.0.0.0"), "give a --password"),
        (("--host", "0.0.0.0", "--password", "short"), "8 characters"),
        (("--password", "long enough"), "only this machine reaches"),
        (("--max-minutes", "0"), "must be positive"),
        (("--model", "no-such-model"), "no-such-model"),
    ):
        refused = dssgan("app", "--library", tmp_path / "library", *options)
        assert refused.returncode == 2
        assert line in refused.stderr
    app = start(tmp_path / "library", "--host", "0.0.0.0", "--password", "correct horse", headless=False)
    try:
        assert "token" not in app.link
        got = app.ask("GET", "/", headers={})
        assert (got.status, got.headers["location"]) == (303, "/login")
        assert app.ask("GET", "/login", headers={}).status == 200
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        wrong = app.ask("POST", "/login", "password=wrong", headers=form)
        assert (wrong.status, wrong.headers["location"]) == (303, "/login#wrong")
        right = app.ask("POST", "/login", "password=correct+horse", headers=form)
        assert right.headers["location"] == "/"
        cookie = right.headers["set-cookie"].partition(";")[0]
        assert app.ask("GET", "/songs", headers={"Cookie": cookie}).json == []
        assert app.ask("GET", "/songs", headers={"Cookie": cookie, "Host": f"192.168.1.7:{app.port}"}).status == 200
        assert app.ask("GET", "/songs", headers={"Cookie": cookie, "Host": f"evil.example:{app.port}"}).status == 421
    finally:
        app.stop()


def test_a_port_that_is_taken(app: RunningApp, tmp_path: Path) -> None:
    refused = dssgan("app", "--headless", "--library", tmp_path / "library", "--port", app.port)
    assert refused.returncode == 2
    assert f"127.0.0.1:{app.port}: cannot be listened on" in refused.stderr
