"""The doors against servers that speak what is documented, and against those that do not."""

import email
import email.policy
import hashlib
import hmac
import json
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from center.messages.doors.door import Delivered, Door, Failed, Message, Outcome, Refused
from center.messages.doors.mail import Account, MailDoor
from center.messages.doors.reaching import Target, context, forbidden
from center.messages.doors.webhook import WebhookDoor
from center.messages.doors.wecom import RobotDoor, content
from tests.center.messages.servers import Answering, Smtp, Web, drip, held, plain, robot
from tests.support.authority import Authority

MESSAGE = Message(
    "id-1", "明厨亮灶 某校：网关失联", "一行\n二行\nhttps://c.example/", '{"id": "id-1"}', 1_793_500_000_000
)
SHORT_S = 1.0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "ca")


@pytest.fixture(scope="module")
def tls(authority: Authority) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*authority.issue("server", alternative="IP:127.0.0.1"))
    return made


def webhook(url: str, ca: Path | None = None, *, local: bool = True, within_s: float = 20) -> Door:
    return WebhookDoor(Target(url, ca, local=local, within_s=within_s), "s3cret")


def to_robot(url: str, within_s: float = 20) -> Door:
    return RobotDoor(Target(url, None, local=True, within_s=within_s), "k3y/&")


def test_a_webhook_can_check_who_sent_it_and_that_it_is_the_same() -> None:
    """The signature is HMAC-SHA256 over timestamp, full stop and body; the id is that of the message at every try."""
    with Web() as web:
        door = webhook(web.url)
        assert [door.send(MESSAGE), door.send(MESSAGE)] == [Delivered("http_status 204")] * 2
    first, second = web.got
    stamp = first.headers["X-Canteen-Timestamp"]
    assert abs(int(stamp) - time.time()) < 60
    wanted = hmac.new(b"s3cret", f"{stamp}.".encode() + first.body, hashlib.sha256).hexdigest()
    assert first.headers["X-Canteen-Signature"] == f"sha256={wanted}"
    assert first.body.decode() == MESSAGE.body
    assert first.headers["X-Canteen-Id"] == second.headers["X-Canteen-Id"] == "id-1"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (plain(200, b"anything"), Delivered("http_status 200")),
        (plain(302, Location="http://127.0.0.1:1/"), Refused("http_status 302")),
        (plain(404), Refused("http_status 404")),
        (plain(429, Retry_After="90"), Failed("http_status 429", wait_s=90)),
        (plain(500), Failed("http_status 500")),
        (lambda _, handler: handler.wfile.write(b"\x00garbage\r\n\r\n"), Failed("garbage", uncertain=True)),
        (lambda _, handler: handler.connection.close(), Failed("broken_off", uncertain=True)),
        (drip, Failed("timeout", uncertain=True)),
    ],
    ids=["taken", "elsewhere", "not there", "too many", "trouble", "garbage", "hangs up", "byte by byte"],
)
def test_what_a_webhook_may_answer(answer: Answering, outcome: Outcome) -> None:
    """Taken, refused for good, or to be tried again; a redirect is not followed; what never ends is cut off."""
    with Web(answer) as web:
        began = time.monotonic()
        told = webhook(web.url, within_s=SHORT_S if answer is drip else 20).send(MESSAGE)
        assert time.monotonic() - began < 15
    assert told == outcome
    assert len(web.got) == 1


def test_a_certificate_is_checked(authority: Authority, tls: ssl.SSLContext) -> None:
    """One of an unknown authority is no way; one of the named authority is."""
    with Web(tls=tls) as web:
        assert webhook(web.url).send(MESSAGE).said == "certificate"
        assert webhook(web.url, authority.ca).send(MESSAGE) == Delivered("http_status 204")
        other = web.url.replace("127.0.0.1", "localhost")
        assert webhook(other, authority.ca).send(MESSAGE).said == "certificate"


def test_no_address_of_this_machine_or_its_link_unless_said() -> None:
    """Whatever name leads there: the address that is connected to is the one that was looked at."""
    with Web() as web:
        for url in (web.url, web.url.replace("127.0.0.1", "localhost"), web.url.replace("127.0.0.1", "2130706433")):
            assert webhook(url, local=False).send(MESSAGE) == Refused("local_address")
    assert not web.got
    for address in ("127.8.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254", "fe80::1%eth0", "100.100.100.200"):
        assert forbidden(address)
    assert not forbidden("10.0.0.7")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (robot(0), Delivered("errcode 0")),
        (robot(93000), Refused("errcode 93000")),
        (robot(45009), Failed("errcode 45009", wait_s=60)),
        (robot(-1), Failed("errcode -1")),
        (plain(200, b"<html>"), Failed("garbage", uncertain=True)),
        (plain(200, b'{"errcode": null}'), Failed("garbage", uncertain=True)),
        (plain(200, b"[" * 60_000), Failed("garbage", uncertain=True)),
        (plain(301, Location="http://127.0.0.1:1/"), Refused("http_status 301")),
        (plain(502), Failed("http_status 502")),
    ],
)
def test_what_the_robot_may_answer(answer: Answering, outcome: Outcome) -> None:
    """Its errcode decides, not the status 200 that it always gives."""
    with Web(answer) as web:
        assert to_robot(web.url).send(MESSAGE) == outcome
    (request,) = web.got
    assert request.path == "/hook?key=k3y%2F%26"
    assert request.document["msgtype"] == "markdown"


def test_a_name_is_no_markdown_and_a_message_no_longer_than_allowed() -> None:
    """Marks of markdown and @ are written wide; 4096 bytes end at a character; a link of ours stays one."""
    shown = content(MESSAGE._replace(text="<@all> [x](http://evil) *a*\nhttps://c.example/"))
    assert "<@all>" not in shown
    assert "](" not in shown
    assert shown.endswith("\nhttps://c.example/")
    long = content(MESSAGE._replace(text="灶" * 3000))
    assert len(long.encode()) <= 4096
    assert long.endswith("灶…")
    assert "可能重复" in content(MESSAGE._replace(uncertain=1))
    assert "可能重复" not in shown


def mail(server: Smtp, authority: Authority | None, tls: str = "starttls", within_s: float = 20) -> Door:
    account = Account(
        f"127.0.0.1:{server.port}", tls, context(str(authority.ca) if authority else ""), "u", "p4ss" if tls else ""
    )
    return MailDoor(account, "from@c.example", ("a@b.example", "c@d.example"), local=True, within_s=within_s)


def test_a_mail_is_encrypted_logged_in_and_has_one_id(authority: Authority, tls: ssl.SSLContext) -> None:
    """Chinese head and text come as they are; the Message-ID is that of the message at every try."""
    with Smtp(tls, ("u", "p4ss")) as server:
        door = mail(server, authority)
        assert [door.send(MESSAGE), door.send(MESSAGE)] == [Delivered("smtp 250")] * 2
    first, second = (email.message_from_bytes(raw, policy=email.policy.default) for raw in server.mails)
    assert first["Subject"] == MESSAGE.subject
    assert first.get_content().split() == MESSAGE.text.split()
    assert first["To"] == "a@b.example, c@d.example"
    assert first["Message-ID"] == second["Message-ID"] == "<id-1@c.example>"
    assert first["Date"] == second["Date"]


@pytest.mark.parametrize(
    ("says", "outcome"),
    [
        ({"RCPT": b"550 no such"}, Refused("smtp 550")),
        ({"RCPT": b"450 later"}, Failed("smtp 450")),
        ({"END": b"554 spam"}, Refused("smtp 554")),
        ({"END": b"451 later"}, Failed("smtp 451")),
        ({"AUTH": b"535 wrong"}, Failed("login")),
        ({"STARTTLS": b"454 not now"}, Failed("smtp 454")),
    ],
)
def test_what_a_mail_server_may_answer(
    authority: Authority, tls: ssl.SSLContext, says: dict[str, bytes], outcome: Outcome
) -> None:
    """5xx is for good, 4xx for later; a login that is refused is mended by a person, and tried again."""
    with Smtp(tls, ("u", "p4ss"), **says) as server:
        assert mail(server, authority).send(MESSAGE) == outcome


def test_mail_without_encryption_is_not_sent_where_it_was_asked_for(authority: Authority) -> None:
    """Nor where the certificate is another's; no password has been said by then."""
    with Smtp(None, ("u", "p4ss")) as server:
        assert mail(server, authority).send(MESSAGE) == Refused("no_starttls")
    assert not server.mails


def test_a_mail_server_of_a_strange_authority(tls: ssl.SSLContext) -> None:
    with Smtp(tls, ("u", "p4ss")) as server:
        assert mail(server, None).send(MESSAGE) == Failed("certificate")


def test_a_mail_server_that_hangs_is_left(authority: Authority) -> None:
    """Within the deadline, whatever it hangs at."""
    with Smtp() as server:
        server.silent = True
        began = time.monotonic()
        assert mail(server, authority, within_s=SHORT_S).send(MESSAGE) == Failed("timeout")
        assert time.monotonic() - began < 15


def test_nobody_there() -> None:
    """A port on which nothing listens, a name that there is none of."""
    with Web() as web:
        url = web.url
    assert webhook(url).send(MESSAGE) == Failed("nobody_listens")
    assert webhook("http://no.such.name.invalid/").send(MESSAGE) == Failed("unknown_host")


@pytest.mark.parametrize("make", [webhook, to_robot])
def test_no_outcome_names_an_address_or_a_secret(make: Callable[[str], Door]) -> None:
    """What is kept in the log of deliveries is a code."""
    with Web(plain(500, b"k3y/& s3cret")) as web:
        told = make(web.url).send(MESSAGE)
    assert told == Failed("http_status 500")
    assert "s3cret" not in repr(vars(make(web.url)).keys())


def test_what_is_held_back_is_cut_off() -> None:
    """A server that takes the request and says nothing: it may have arrived, and that is said."""
    with held() as (answer, _), Web(answer) as web:
        assert to_robot(web.url, within_s=SHORT_S).send(MESSAGE) == Failed("timeout", uncertain=True)
        assert json.loads(web.got[0].body)
