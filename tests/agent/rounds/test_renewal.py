"""When the next certificate is asked for, how often, and which answers are believed. With real keys and requests."""

import os
import time
from pathlib import Path

import msgspec
import pytest

from agent.rounds.renewal import AHEAD_S, DAY_S, SPREAD_S, RenewalTask
from agent.tell.pairs import Pairs
from agent.tell.preflight import Endpoint
from contract.renewal import CertificateAnswer, CertificateRequest, request_id
from tests.support.authority import Authority

USER = "4101/box-0001"
END_S = 2_493_072_000.0  # 2049-01-01, as Authority issues them


class Line:
    """A line to the broker that stands, as far as renewal sees one."""

    stands, unaccepted = True, False

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.anew = 0

    def ask(self, request: bytes) -> None:
        self.asked.append(request)

    def connect_anew(self) -> None:
        self.anew += 1


class Task(RenewalTask):
    """With what it told; `at_s`: what it takes the time to be."""

    def __init__(
        self, folder: Path, authority: Authority, at_s: float, user: str = USER, wait_s: float = 0.001
    ) -> None:
        self.line, self.told = Line(), list[str]()
        certificate, _ = authority.issue(user)
        self.certificate = str(certificate)
        self.kept = Pairs(folder / f"certificate-{time.monotonic_ns()}", self.certificate)
        super().__init__(
            self.kept, self.line, user=user, now_s=lambda: at_s, tell=self.told.append, first_wait_s=wait_s
        )

    def again(self) -> None:
        time.sleep(0.05)
        self.run()

    @property
    def asked(self) -> str:
        return msgspec.json.decode(self.line.asked[-1], type=CertificateRequest).csr


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki") / "ca")


def test_it_is_asked_for_thirty_days_ahead_by_each_box_at_its_own_time(tmp_path: Path, authority: Authority) -> None:
    """Not earlier than 35 days, not later than 30; boxes that were enrolled together do not ask together."""
    begins = []
    for name in ("4101/a-1", "4101/b-2", "4101/c-3"):
        asks = {}
        for hours in range(29 * 24, 36 * 24, 6):
            task = Task(tmp_path, authority, END_S - hours * 3600, name)
            task.run()
            asks[hours] = bool(task.line.asked)
            if not asks[hours]:
                break
        assert asks[AHEAD_S / 3600]
        assert not asks[max(asks)]
        assert max(asks) <= (AHEAD_S + SPREAD_S) / 3600 + 6
        begins.append(max(asks))
    assert len(set(begins)) == 3


def test_the_same_is_asked_again_until_it_is_answered(tmp_path: Path, authority: Authority) -> None:
    """An answer may be lost; a new key each time would be refused as one too many. A pause lies between two."""
    task = Task(tmp_path, authority, END_S - 20 * DAY_S)
    for _ in range(3):
        task.again()
    assert len(set(task.line.asked)) == 1 < len(task.line.asked)
    patient = Task(tmp_path, authority, END_S - 20 * DAY_S, wait_s=600)
    patient.run()
    patient.again()
    assert len(patient.line.asked) == 1


def test_an_answer_that_is_not_ours_changes_nothing(tmp_path: Path, authority: Authority) -> None:
    """To another request, for another key, in another's name, refused, or none at all: the box keeps what it has."""
    task = Task(tmp_path, authority, END_S - 20 * DAY_S)
    task.run()
    own = request_id(task.asked)
    foreign, of_another = (authority.issue(name)[0].read_text() for name in (USER, "4101/box-0002"))
    answers = [
        CertificateAnswer(request="0" * 64, certificate=foreign),
        CertificateAnswer(request=own, certificate=foreign),
        CertificateAnswer(request=own, certificate="nonsense"),
        CertificateAnswer(request=own, refused="too \x1b[2J soon"),
        CertificateAnswer(request=own, certificate=of_another),
    ]
    for payload in (b"", b"{", b"[" * 5000, os.urandom(200), *map(msgspec.json.encode, answers)):
        task.hear(payload)
        task.run()
        assert not task.kept.pending
    assert not task.line.anew
    assert not [text for text in task.told if not text.isprintable()]
    assert any("another name" in text for text in task.told)


def test_what_goes_wrong_is_told_once(tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the program a fault says what to do, weeks ahead, and does not repeat itself every minute."""
    task = Task(tmp_path, authority, END_S - 20 * DAY_S)
    monkeypatch.setenv("PATH", str(tmp_path))
    for _ in range(3):
        task.again()
    assert task.told == [
        "the certificate cannot be renewed: the program openssl is not installed: apt-get install openssl"
    ]


@pytest.mark.parametrize(("end", "accepted"), [("20490101000000Z", False), ("20481220000000Z", True)])
def test_certificates_that_do_not_help_are_asked_for_ever_more_rarely(
    end: str, accepted: bool, tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each costs the line. A broker that refuses all of them, or a clock that is years ahead: not one each minute."""
    task, passed_s = Task(tmp_path, authority, END_S - 20 * DAY_S, wait_s=60), 0.0
    monkeypatch.setattr("agent.rounds.renewal.monotonic", lambda: passed_s)
    endpoint = Endpoint(host="b", port=1, ca="x", cert=task.certificate)
    while passed_s < DAY_S / 4 and task.line.anew < 20:
        asked = len(task.line.asked)
        task.run()
        if len(task.line.asked) > asked:
            task.hear(signed(authority, tmp_path, task.asked, end))
            task.run()
            assert task.kept.pending
            for _ in range(1 if accepted else 2):
                task.kept.dress(endpoint)
                task.kept.accepted() if accepted or task.kept.tried else task.kept.refused()
        passed_s += 60
    assert task.line.anew == len(task.line.asked)
    assert 3 < task.line.anew < 20


def signed(authority: Authority, folder: Path, request: str, end: str) -> bytes:
    """The center's answer to this request."""
    asked, certificate = folder / "asked.csr", folder / "given.pem"
    asked.write_text(request)
    authority.sign(asked, certificate, begin="20200101000000Z", end=end)
    return msgspec.json.encode(CertificateAnswer(request=request_id(request), certificate=certificate.read_text()))
