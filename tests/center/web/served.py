"""The pages as a browser meets them: a real server on a free port of loopback, and a browser that keeps cookies."""

import html
import re
import threading
from collections.abc import Callable
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from center.arguments import POLICY, now_ms, policy_of
from center.store import Store
from center.store.people import Account, Session
from center.web.passwords import digest, hashed, token
from center.web.serving import opened, server_of
from center.web.site import Site
from tests.support.waiting import until

PASSWORD = "厨房里的红灯笼 42"
_KEPT: list[str] = []


def add_account(store: Store, name: str, role: str, scope: str, *, password: bool = True) -> None:
    """All have one password: hashing it is slow on purpose."""
    if not _KEPT:
        _KEPT.append(hashed(PASSWORD, "nobody"))
    with store.write() as tx:
        tx.add_account(Account(name, role, scope, _KEPT[0] if password else "", 0, now_ms()))


class Served:
    """`clock`: what time it is there, in UTC ms."""

    def __init__(
        self,
        database: str,
        days: Path | None = None,
        clock: Callable[[], int] = now_ms,
        *,
        behind_tls: bool = False,
    ) -> None:
        self.store = Store(database, create=False)
        self.site = Site(self.store, policy_of(POLICY), days, clock, behind_tls=behind_tls, fresh_ms=0)
        self._listening = opened("127.0.0.1", 0)
        self.port = self._listening.getsockname()[1]
        self._server = server_of(self.site)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listening]}, daemon=True)
        self._thread.start()
        until(lambda: self._server.started)

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self.site.shelf.close()
        self.store.close()

    def browser(self, name: str = "") -> "Browser":
        """`name`: of an account that is logged in, without the cost of comparing its password."""
        made = Browser(self.port)
        if name:
            secret, now = token(), self.site.clock_ms()
            with self.store.write() as tx:
                tx.add_session(Session(digest(secret), name, now, now))
            made.cookies[self.site.cookie] = secret
        return made


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    cookies: list[str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def seal(self) -> str:
        return re.findall(r'name="seal" value="([^"]*)"', self.text)[0]

    @property
    def words(self) -> str:
        """What a person reads."""
        plain = re.sub(r"<(script|style)\b.*?</\1>", " ", self.text, flags=re.S)
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", plain)).split())


class Browser:
    """Keeps cookies, follows nothing by itself."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, None, headers)

    def post(self, path: str, form: dict[str, str], **headers: str) -> Answer:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, urlencode(form).encode(), kind | headers)

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        cookies = response.msg.get_all("set-cookie") or []
        for one in cookies:
            for name, morsel in SimpleCookie(one).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        told = {name.lower(): value for name, value in response.getheaders()}
        answer = Answer(response.status, told, cookies, response.read())
        connection.close()
        return answer

    def login(self, name: str, password: str = PASSWORD, **more: str) -> Answer:
        seal = self.get("/login").seal
        return self.post("/login", {"name": name, "password": password, "seal": seal, **more})
