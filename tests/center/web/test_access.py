"""Who is let in, and what nobody gets past: sessions, links, limits, forms, headers."""

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from center.arguments import now_ms
from center.cli import main
from center.store import Store
from center.web.admission import IDLE_MS, PER_ACCOUNT, PER_ADDRESS, TOUCH_MS, WHOLE_MS, WINDOW_MS
from center.web.app import ROUTES
from center.web.entrance import inside
from center.web.guard import HEADERS
from center.web.passwords import digest
from tests.center.filled import filled
from tests.center.web.conftest import admit
from tests.center.web.served import PASSWORD, Served
from tests.support.disks import Tmpfs
from tests.support.root import root
from tests.support.waiting import until


class Clock:
    """A clock that stands at the begin of the test until it is set."""

    def __init__(self) -> None:
        self.ms = now_ms()

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _bare(database: str, _folder: Path) -> None:
    Store(database).close()
    admit(database)


@pytest.fixture
def bare(url: str, clock: Clock) -> Iterator[Served]:
    """Accounts and nothing else, on SQLite and on PostgreSQL."""
    one = Served(filled(_bare, url), clock=clock)
    yield one
    one.close()


@pytest.fixture
def quick(tmp_path: Path, clock: Clock) -> Iterator[Served]:
    one = Served(filled(_bare, str(tmp_path / "center.db")), clock=clock)
    yield one
    one.close()


def paths() -> list[str]:
    """One of every route that there is."""
    return [re.sub(r"\{[^}]*\}", "x", route.path) for route in ROUTES]


def test_without_an_account_there_is_the_login_page_alone(quick: Served) -> None:
    """Every other path, known or not, answers alike: the way to the login page."""
    nobody = quick.browser()
    for path in [*paths(), "/x", "/places/41?month=9", "/api/v1/x", "/static/../center.db", "//evil.example/"]:
        got = nobody.get(path)
        if path in ("/login", "/style.css", "/link/x"):
            assert got.status == 200, path
        elif path.startswith("/api/"):
            assert (got.status, got.body) == (401, quick.browser().get("/api/x").body), path
        else:
            assert (got.status, got.body) == (303, b""), path
            assert got.headers["location"].startswith("/login"), path
        assert HEADERS.items() <= got.headers.items(), path


def test_whoever_logs_in_gets_a_session_of_their_own(bare: Served) -> None:
    """A new token at each login, kept as a digest alone; what the cookie held before lets nobody in."""
    one = bare.browser()
    one.cookies["canteen"] = "planted"
    got = one.login("sheng")
    assert (got.status, got.headers["location"]) == (303, "/")
    token = one.cookies["canteen"]
    assert token != "planted"
    (cookie,) = (line for line in got.cookies if line.startswith("canteen="))
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    with bare.store.read() as reader:
        assert reader.session(digest(token)).account == "sheng"
        assert reader.session(token) is None
    again = one.login("sheng")
    assert again.status == 303
    assert one.cookies["canteen"] != token
    stale = bare.browser()
    stale.cookies["canteen"] = token
    assert stale.get("/").headers["location"].startswith("/login")


def test_a_wrong_password_and_an_unknown_account_read_the_same(quick: Served) -> None:
    """Neither the words nor the status tell which accounts there are."""
    answers = [quick.browser().login(name, "wrong password 1") for name in ("sheng", "nobody-such")]
    assert [one.status for one in answers] == [403, 403]
    assert len({re.sub(r'value="[0-9a-f]{64}"', "", one.text) for one in answers}) == 1


def test_many_failures_close_an_account_for_a_while(bare: Served, clock: Clock) -> None:
    """The right password is not even compared, the page says until when; afterwards it is taken again."""
    one = bare.browser()
    for _ in range(PER_ACCOUNT):
        assert one.login("sheng", "wrong").status == 403
    refused = one.login("sheng")
    assert refused.status == 429
    assert "失败次数过多" in refused.words
    assert one.login("jinshui").status == 303
    clock.ms += WINDOW_MS + 1
    assert bare.browser().login("sheng").status == 303


def test_nobody_shuts_the_owner_of_an_account_out(tmp_path: Path, clock: Clock) -> None:
    """Guesses from elsewhere close it to strangers; from where its owner was let in before it stays open."""
    served = Served(filled(_bare, str(tmp_path / "center.db")), clock=clock, behind_tls=True)

    def enters(address: str, password: str = PASSWORD) -> int:
        one = served.browser()
        form = {"name": "sheng", "password": password, "seal": one.get("/login").seal}
        return one.post("/login", form, X_Forwarded_For=address).status

    assert enters("198.51.100.1") == 303
    assert [enters(f"203.0.113.{n}", "wrong") for n in range(PER_ACCOUNT)] == [403] * PER_ACCOUNT
    assert enters("203.0.113.99") == 429
    assert enters("198.51.100.1") == 303
    assert [enters("198.51.100.1", "wrong") for _ in range(PER_ADDRESS)] == [403] * PER_ADDRESS
    assert enters("198.51.100.1") == 429
    served.close()


def test_many_failures_close_an_address(quick: Served) -> None:
    """Whatever the names are that are tried."""
    one = quick.browser()
    for number in range(PER_ADDRESS):
        one.login(f"guess{number}", "x")
    assert one.login("sheng").status == 429


def test_what_a_proxy_says_is_believed_behind_tls_alone(tmp_path: Path, clock: Clock) -> None:
    """Else anybody could give himself another address for every guess."""
    for tls in (False, True):
        served = Served(filled(_bare, str(tmp_path / f"{tls}.db")), clock=clock, behind_tls=tls)
        one = served.browser()
        seal = one.get("/login").seal
        got = one.post(
            "/login", {"name": "sheng", "password": PASSWORD, "seal": seal}, X_Forwarded_For="9.9.9.9, 203.0.113.7"
        )
        assert got.status == 303
        with served.store.read() as reader:
            assert reader.web_acts(1)[0].address == ("203.0.113.7" if tls else "127.0.0.1")
        assert ("strict-transport-security" in got.headers) is tls
        (cookie,) = (line for line in got.cookies if re.match(r"(__Host-)?canteen=", line))
        assert ("Secure" in cookie, cookie.startswith("__Host-")) == (tls, tls)
        served.close()


@pytest.mark.parametrize("wait_ms", [IDLE_MS + 1, WHOLE_MS + 1])
def test_a_session_ends_by_itself(quick: Served, clock: Clock, wait_ms: int) -> None:
    """When nobody asks for long, and after a day's work whatever happens."""
    one = quick.browser("sheng")
    began = clock.ms
    while wait_ms > IDLE_MS + 1 and clock.ms < began + WHOLE_MS - IDLE_MS // 2:
        clock.ms += IDLE_MS // 2
        assert one.get("/definitions").status == 200
    clock.ms = began + wait_ms
    assert one.get("/definitions").status == 303


def test_a_clock_that_ran_ahead_shuts_nobody_out_and_keeps_nobody_in(bare: Served, clock: Clock) -> None:
    """What was dated a year ahead meanwhile: failures would count until then, and sessions go on until then."""
    clock.ms += (leap := 365 * 86_400_000)
    one, guesser = bare.browser("sheng"), bare.browser()
    for _ in range(PER_ACCOUNT):
        guesser.login("jinshui", "wrong")
    clock.ms -= leap
    assert one.get("/definitions").status == 303
    assert bare.browser().login("jinshui").status == 303


@root
def test_a_full_disk_keeps_nobody_from_reading(tmp_path: Path, clock: Clock) -> None:
    """Nobody is let in, for it cannot be put on record; who is in reads on, although that is not either."""
    with Tmpfs(tmp_path / "disk", "4m") as disk:
        served = Served(filled(_bare, str(disk.point / "center.db")), clock=clock)
        one = served.browser("sheng")
        disk.fill()
        until(lambda: served.browser().login("nobody-such").status == 503)
        clock.ms += TOUCH_MS + 1
        assert one.get("/definitions").status == 200
        assert served.browser().login("sheng").status == 503
        disk.relieve()
        served.close()


def test_logging_out_ends_the_session_itself(bare: Served) -> None:
    """Not only the cookie: its token opens nothing any more."""
    one = bare.browser("sheng")
    token = one.cookies["canteen"]
    assert one.post("/logout", {"seal": one.get("/definitions").seal}).status == 303
    one.cookies["canteen"] = token
    assert one.get("/definitions").status == 303


def test_a_disabled_account_is_out_at_once(bare: Served, capsys: pytest.CaptureFixture[str]) -> None:
    """Its session ends with the command, and its password is refused."""
    one = bare.browser("jinshui")
    assert one.get("/definitions").status == 200
    assert main(["user", "disable", "jinshui", "--database", bare.store.where]) == 0
    assert one.get("/definitions").status == 303
    assert bare.browser().login("jinshui").status == 403


def test_a_link_lets_in_once(bare: Served, clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    """Opening it uses nothing up; the button does, and the second one who presses it stays outside."""
    capsys.readouterr()
    assert main(["user", "link", "school1", "--database", bare.store.where, "--hours", "1"]) == 0
    path = capsys.readouterr().out.strip()
    one, two = bare.browser(), bare.browser()
    for browser in (one, two):
        assert browser.get(path).status == 200
    seals = [browser.get(path).seal for browser in (one, two)]
    assert one.post(path, {"seal": seals[0]}).headers["location"] == "/"
    assert two.post(path, {"seal": seals[1]}).status == 403
    assert one.get("/definitions").status == 200
    assert main(["user", "link", "school1", "--database", bare.store.where, "--hours", "1"]) == 0
    late = capsys.readouterr().out.strip()
    clock.ms += 3_600_001 + 60_000
    seal = two.get(late).seal
    assert two.post(late, {"seal": seal}).status == 403


@pytest.mark.parametrize(
    "change",
    [
        lambda form, headers: form.pop("seal"),
        lambda form, headers: form.update(seal="0" * 64),
        lambda form, headers: form.update(seal="é"),
        lambda form, headers: headers.update(Sec_Fetch_Site="cross-site"),
    ],
)
def test_a_form_of_another_site_does_nothing(quick: Served, change: Callable[..., object]) -> None:
    """Without the seal of this very session, or sent from elsewhere: 403, and the session goes on."""
    one = quick.browser("sheng")
    form: dict[str, str] = {"seal": one.get("/definitions").seal}
    headers: dict[str, str] = {}
    change(form, headers)
    assert one.post("/logout", form, **headers).status == 403
    assert one.get("/definitions").status == 200


def test_the_seal_of_one_session_is_none_of_another(quick: Served) -> None:
    """Nor is the one of the login page."""
    one, two = quick.browser("sheng"), quick.browser("jinshui")
    for foreign in (two.get("/definitions").seal, quick.browser().get("/login").seal):
        assert one.post("/logout", {"seal": foreign}).status == 403


def test_what_is_no_form_is_refused(quick: Served) -> None:
    """JSON, a file, a body without end, a method that no page has: a clear status, and the headers as everywhere."""
    one = quick.browser("sheng")
    for got, status in (
        (one.ask("POST", "/logout", b"{}", {"Content-Type": "application/json"}), 415),
        (one.post("/logout", {"seal": "x" * 40_000}), 413),
        (one.ask("PUT", "/logout"), 405),
        (one.ask("DELETE", "/definitions"), 405),
        (one.post("/definitions", {"seal": one.get("/definitions").seal}), 405),
        (one.get("/logout"), 405),
    ):
        assert got.status == status
        assert HEADERS.items() <= got.headers.items()


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "/\\evil.example", "https://evil.example", "/\tx", "x", "", "/login"]
)
def test_the_login_leads_to_no_other_site(wanted: str) -> None:
    """Only to a page of this one."""
    assert inside(wanted) == "/"
    assert inside("/places/41?month=2026-11") == "/places/41?month=2026-11"


def test_logins_and_failures_are_on_record(quick: Served, capsys: pytest.CaptureFixture[str]) -> None:
    """Who, from where, with which outcome; no password, no token."""
    quick.browser().login("sheng", "wrong password")
    quick.browser().login("my secret in the wrong field", "x")
    one = quick.browser()
    assert one.login("sheng").status == 303
    capsys.readouterr()
    assert main(["user", "log", "--database", quick.store.where, "--json"]) == 0
    told = capsys.readouterr().out
    assert '"outcome": "ok"' in told
    assert '"outcome": "failed"' in told
    assert not any(secret in told for secret in ("wrong password", "my secret", PASSWORD, one.cookies["canteen"]))


# ---- the command --------------------------------------------------------------------------------


def test_an_account_is_added_by_a_password_from_a_file(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """argon2id, never shown; weak ones, unknown places, roles that do not fit are refused with what to do."""
    Store(url).close()
    Served(url).close()
    secret = tmp_path / "pw"
    secret.write_text("郑州 2026 年的口令\n", "utf-8")
    there = ["--database", url, "--password-file", str(secret)]
    assert main(["user", "add", "wang", "--role", "province", "--region", "41", *there]) == 2, "nothing is registered"
    for name, text in {"units": "unit,name,region,kind\nU1,一小,410105,canteen\n"}.items():
        (tmp_path / f"{name}.csv").write_text(text, "utf-8")
    assert main(["registry", "import", str(tmp_path / "units.csv"), "--database", url]) == 0
    assert main(["user", "add", "wang", "--role", "province", "--region", "41", *there]) == 0
    assert main(["user", "add", "wang", "--role", "province", "--region", "41", *there]) == 2
    assert main(["user", "add", "li", "--role", "city", "--region", "金水区", *there]) == 2
    assert main(["user", "add", "li", "--role", "unit", "--region", "41", *there]) == 2
    assert main(["user", "add", "li", "--role", "unit", "--unit", "U9", *there]) == 2
    assert main(["user", "add", "a b", "--role", "unit", "--unit", "U1", *there]) == 2
    secret.write_text("short\n")
    assert main(["user", "add", "li", "--role", "unit", "--unit", "U1", *there]) == 2
    secret.write_text("li and more words\n")
    assert main(["user", "add", "li", "--role", "unit", "--unit", "U1", *there]) == 2
    capsys.readouterr()
    assert main(["user", "list", "--database", url, "--json"]) == 0
    assert '"wang"' in capsys.readouterr().out
    store = Store(url)
    with store.read() as reader:
        assert reader.account("wang").password.startswith("$argon2id$")
        assert reader.account("li") is None
    store.close()


def test_what_a_person_types_wrong_of_an_account_is_refused(
    quick: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A password that would be left out, a file without an end, a link to nowhere: exit code 2, nothing done."""
    secret, there = tmp_path / "pw", ["--lang", "en", "--database", quick.store.where]
    secret.write_text("郑州 2026 年的口令\n", "utf-8")
    new = ["user", "add", "wang", "--role", "province", "--region", "41", *there]
    with pytest.raises(SystemExit, match="2"):
        main([*new, "--no-password", "--password-file", str(secret)])
    again = ["user", "password", "sheng", *there, "--password-file"]
    assert main([*again, "/dev/zero"]) == 2
    assert "regular file" in capsys.readouterr().err
    for site in ("javascript:alert(1)", "canteen.example", "https://", "https://a b", "https://x/?y"):
        assert main(["user", "link", "sheng", "--site", site, *there]) == 2, site
        assert "--site" in capsys.readouterr().err
    with quick.store.read() as reader:
        assert not [act for act in reader.web_acts(9) if act.act != "login"]
    assert main(["user", "link", "sheng", "--site", "https://canteen.example:8443/", *there]) == 0
    assert capsys.readouterr().out.startswith("https://canteen.example:8443/link/")


def test_a_name_that_no_database_holds_is_a_wrong_one(bare: Served) -> None:
    """Control characters, endless texts, halves of characters: the same answer as for any unknown name."""
    for name in ("a\x00b", "x" * 5000, "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), ""):
        assert bare.browser().login(name, "some password").status == 403


def test_a_form_that_does_not_come_is_not_waited_for(quick: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever announces a body and sends none holds nothing up for long."""
    monkeypatch.setattr("center.web.guard.FORM_S", 0.2)
    with socket.create_connection(("127.0.0.1", quick.port)) as line:
        kind = "Content-Type: application/x-www-form-urlencoded"
        line.sendall(f"POST /login HTTP/1.1\r\nHost: x\r\n{kind}\r\nContent-Length: 99\r\n\r\nname=".encode())
        assert line.recv(4096).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    "begun", [b"", b"GET /login HTTP/1.1\r\nHo", b"GET /style.css HTTP/1.1\r\nHost: x\r\n\r\nGET /"]
)
def test_a_head_that_does_not_come_is_not_waited_for(
    quick: Served, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    """Not at first, and not after a request that was answered: two hundred of them would keep everybody out."""
    monkeypatch.setattr("center.web.serving.HEAD_S", 0.2)
    with socket.create_connection(("127.0.0.1", quick.port), timeout=30) as line:
        line.sendall(begun)
        while line.recv(65_536):
            pass
