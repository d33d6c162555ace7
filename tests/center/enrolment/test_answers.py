"""Which request for a certificate is granted: in the database, and over a real broker."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from center.enrolment import authority as authorities
from center.enrolment.answers import NOT_DUE, TOO_SOON, Rules, answer
from center.enrolment.renewing import Renewing
from center.line import Options
from center.store import Store
from contract.renewal import CertificateAnswer, CertificateRequest, request_id
from contract.topics import Origin, down, parse_request, up
from tests.center.enrolment.stage import EnrolledBroker, Stage
from tests.center.enrolment.test_authority import P256, request
from tests.center.enrolment.test_broker import Visitor
from tests.support.waiting import until

NOW_MS = int(time.time() * 1000)
DAY_MS = 86_400_000
RULES = Rules(days=365)


@pytest.fixture
def stage(tmp_path: Path, url: str) -> Stage:
    made = Stage(tmp_path, url)
    assert made.enroll("zz-0001", "zz-0002") == 0
    return made


class Desk:
    def __init__(self, stage: Stage) -> None:
        self.store, self.authority = Store(stage.database), authorities.load(stage.authority)

    def asks(self, gateway: str, payload: bytes, at_ms: int = NOW_MS, city: str = "4101") -> CertificateAnswer | None:
        return answer(self.store, self.authority, Origin(city, gateway, "csr"), payload, RULES, at_ms)


@pytest.fixture
def desk(stage: Stage) -> Iterator[Desk]:
    made = Desk(stage)
    yield made
    made.store.close()


def letter(name: str, *key: str) -> bytes:
    return msgspec.json.encode(CertificateRequest(csr=request(f"/CN={name}", *(key or P256)).decode()))


def test_the_same_request_gets_the_same_answer(desk: Desk) -> None:
    """However often it comes, also days later: an answer may be lost on the way."""
    asked = letter("4101/zz-0001")
    first = desk.asks("zz-0001", asked)
    assert first is not None
    assert first.certificate
    assert first.request == request_id(msgspec.json.decode(asked, type=CertificateRequest).csr)
    assert [desk.asks("zz-0001", asked, NOW_MS + days * DAY_MS) for days in (0, 3)] == [first, first]
    with desk.store.read() as reader:
        assert sorted(one.how for one in reader.enrolments(["zz-0001"])) == ["enroll", "renew"]


def test_another_certificate_is_given_once_a_day(desk: Desk) -> None:
    assert desk.asks("zz-0001", letter("4101/zz-0001")).certificate
    assert desk.asks("zz-0001", letter("4101/zz-0001")).refused == TOO_SOON
    assert desk.asks("zz-0002", letter("4101/zz-0002")).certificate
    assert desk.asks("zz-0001", letter("4101/zz-0001"), NOW_MS + DAY_MS).certificate


def test_a_clock_that_ran_ahead_keeps_nobody_from_the_next_certificate(desk: Desk) -> None:
    """What was given then is not valid yet, and dated in a time that is to come: no day has passed since."""
    assert desk.asks("zz-0001", letter("4101/zz-0001"), NOW_MS + 365 * DAY_MS).certificate
    assert desk.asks("zz-0001", letter("4101/zz-0001")).certificate
    assert desk.asks("zz-0001", letter("4101/zz-0001")).refused == TOO_SOON


def test_a_foreign_request_gets_nothing(desk: Desk) -> None:
    """In another's name, in another city, from one that is not registered, or registered and never enrolled."""
    assert "common name" in desk.asks("zz-0001", letter("4101/zz-0002")).refused
    assert desk.asks("zz-0001", letter("4101/zz-0001"), city="4102") is None
    assert desk.asks("zz-0009", letter("4101/zz-0009")) is None
    assert desk.asks("zz-0003", letter("4101/zz-0003")) is None
    with desk.store.read() as reader:
        assert {one.how for one in reader.enrolments()} == {"enroll"}
        assert [one.reason for one in reader.aside("zz-0001")] == [
            "certificate refused: the common name is not that of the gateway that asks"
        ]


@pytest.mark.parametrize(
    "payload", [b"", b"{}", b"\xff", b"[" * 9000, b'{"csr": 1}', b'{"csr": "' + b"x" * 9000 + b'"}']
)
def test_what_is_no_request_is_set_aside(desk: Desk, payload: bytes) -> None:
    assert desk.asks("zz-0001", payload) is None
    with desk.store.read() as reader:
        assert len(reader.aside("zz-0001")) == 1


def test_a_revoked_gateway_gets_nothing(stage: Stage, desk: Desk) -> None:
    """Neither a new certificate nor the answer that it had before."""
    asked = letter("4101/zz-0001")
    assert desk.asks("zz-0001", asked).certificate
    assert stage.revoke("zz-0001") == 0
    assert desk.asks("zz-0001", asked) is None
    assert desk.asks("zz-0001", letter("4101/zz-0001"), NOW_MS + 2 * DAY_MS) is None


def test_a_revoked_box_gets_nothing_by_the_certificate_that_took_the_place_of_its_own(stage: Stage, desk: Desk) -> None:
    """Its connection outlives the list of the revoked, under the name that another box has now."""
    assert stage.enroll("--again", "zz-0001") == 0
    assert desk.asks("zz-0001", letter("4101/zz-0001")).refused == NOT_DUE
    assert desk.asks("zz-0001", letter("4101/zz-0001"), NOW_MS + 336 * DAY_MS).certificate
    assert desk.asks("zz-0002", letter("4101/zz-0002")).certificate


def test_over_the_broker_each_asks_for_itself_alone(tmp_path: Path) -> None:
    """A request on another's topic does not arrive; one's own is answered to oneself, and not kept by the broker."""
    stage = Stage(tmp_path, str(tmp_path / "center.db"))
    assert stage.enroll("zz-0001", "zz-0002") == 0
    secret = tmp_path / "password"
    secret.write_text("r")
    with EnrolledBroker(stage) as broker:
        store = Store(stage.database)
        options = Options(broker.host, broker.port, "center-renewal", "center-renewal", secret)
        desk = Renewing(store, authorities.load(stage.authority), options, RULES, lambda: NOW_MS, spacing_s=0)
        desk.start()
        until(lambda: desk.ready)
        boxes = [Visitor(broker, broker.guarded, stage.given(box)) for box in ("zz-0001", "zz-0002")]
        for box, name in zip(boxes, ("zz-0001", "zz-0002"), strict=True):
            box.hears(down("4101", name, "#"))
        foreign, own = letter("4101/zz-0002"), letter("4101/zz-0001")
        boxes[0].client.publish(up("4101", "zz-0002", "csr"), foreign, qos=1).wait_for_publish(5)
        boxes[0].client.publish(up("4101", "zz-0001", "csr"), own, qos=1).wait_for_publish(5)
        until(lambda: boxes[0].got)
        assert (boxes[0].got, boxes[1].got) == ([down("4101", "zz-0001", "cert")], [])
        with store.read() as reader:
            assert [one.gateway for one in reader.enrolments() if one.how == "renew"] == ["zz-0001"]
        late = Visitor(broker, broker.guarded, stage.given("zz-0001"))
        late.hears(down("4101", "zz-0001", "#"))
        assert not late.got
        for box in (*boxes, late):
            box.leave()
        desk.stop()
        store.close()


def test_topics_of_requests() -> None:
    assert parse_request(up("4101", "zz-0001", "csr")) == Origin("4101", "zz-0001", "csr")
    for other in (up("4101", "zz-0001", "ev"), down("4101", "zz-0001", "csr"), up("4101", "zz-0001", "csr") + "/x"):
        assert parse_request(other) is None


def test_a_certificate_can_be_read_by_openssl(desk: Desk) -> None:
    given = desk.asks("zz-0001", letter("4101/zz-0001"))
    told = subprocess.run(
        ["openssl", "x509", "-noout", "-subject", "-nameopt", "RFC2253"],
        input=given.certificate.encode(),
        capture_output=True,
        check=True,
    )
    assert told.stdout == b"subject=CN=4101/zz-0001\n"
