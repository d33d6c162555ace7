"""Which certificate is shown, and that one is left that works wherever power is cut."""

import subprocess
import sys
from pathlib import Path

import pytest

from agent.tell import openssl
from agent.tell.pairs import ASKING, PENDING, RENEWED, Pairs, usable
from agent.tell.preflight import Endpoint
from tests.support.authority import Authority

USER = "4101/box-0001"
STEPS = """
import os, sys
from pathlib import Path
from agent.tell.pairs import Pairs
from agent.tell.preflight import Endpoint
folder, configured, key, certificate, after = Path(sys.argv[1]), sys.argv[2], *sys.argv[3:5], int(sys.argv[5])
key, certificate = Path(key).read_bytes(), Path(certificate).read_bytes()
pairs, count = Pairs(folder, configured), 0
def watch(event, arguments):
    global count
    if event in ("open", "os.rename", "os.remove", "os.mkdir") and str(folder) in str(arguments[0]):
        count += 1
        if count > after:
            os._exit(9)
sys.addaudithook(watch)
if pairs.asking() is None and not pairs.pending:
    pairs.ask(key, b"-----BEGIN CERTIFICATE REQUEST-----\\n")
if pairs.asking() is not None:
    pairs.answered(key, certificate)
pairs.dress(Endpoint(host="b", port=1, ca="x", cert=configured, key="y"))
pairs.accepted()
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki") / "ca")


@pytest.fixture
def configured(authority: Authority) -> Endpoint:
    certificate, key = authority.issue(USER)
    return Endpoint(host="b", port=8883, ca=str(authority.ca), cert=str(certificate), key=str(key))


@pytest.fixture
def pairs(tmp_path: Path, configured: Endpoint) -> Pairs:
    return Pairs(tmp_path / "state" / "certificate", configured.cert)


def new(authority: Authority) -> tuple[bytes, bytes]:
    certificate, key = authority.issue(USER)
    return key.read_bytes(), certificate.read_bytes()


def shown(pairs: Pairs, endpoint: Endpoint) -> str:
    found = pairs.dress(endpoint)
    assert found.context()
    return "configured" if found == endpoint else Path(found.cert).name


def test_a_new_pair_is_tried_and_takes_the_old_ones_place_once_it_was_let_in(
    pairs: Pairs, configured: Endpoint, authority: Authority, tmp_path: Path
) -> None:
    """Until then the old one stays; from then on it alone is there, also for the next start."""
    assert shown(pairs, configured) == "configured"
    pairs.accepted()
    pairs.answered(*new(authority))
    assert not pairs.tried
    assert shown(pairs, configured) == PENDING
    pairs.accepted()
    assert pairs.tried
    assert shown(pairs, configured) == RENEWED
    folder = tmp_path / "state" / "certificate"
    assert [path.name for path in folder.iterdir()] == [RENEWED]
    assert (folder.stat().st_mode & 0o777, (folder / RENEWED).stat().st_mode & 0o777) == (0o700, 0o600)
    assert shown(Pairs(folder, configured.cert), configured) == RENEWED


def test_a_pair_that_is_refused_is_put_off_and_given_up_where_the_old_one_works(
    pairs: Pairs, configured: Endpoint, authority: Authority
) -> None:
    pairs.answered(*new(authority))
    assert shown(pairs, configured) == PENDING
    pairs.refused()
    assert shown(pairs, configured) == "configured"
    pairs.accepted()
    assert shown(pairs, configured) == "configured"
    assert not pairs.pending


def test_where_both_are_refused_each_has_its_turn(pairs: Pairs, configured: Endpoint, authority: Authority) -> None:
    """The broker may refuse everybody for a while: nothing is given up for that."""
    pairs.answered(*new(authority))
    turns = []
    for _ in range(4):
        turns.append(shown(pairs, configured))
        pairs.refused()
    assert turns == [PENDING, "configured"] * 2
    assert shown(pairs, configured) == PENDING
    pairs.accepted()
    assert shown(pairs, configured) == RENEWED


def test_a_box_that_was_enrolled_anew_shows_its_new_certificate(
    pairs: Pairs, configured: Endpoint, authority: Authority
) -> None:
    """What was renewed followed another one; a person's last word counts."""
    pairs.answered(*new(authority))
    shown(pairs, configured)
    pairs.accepted()
    certificate, key = authority.issue(USER)
    Path(configured.cert).write_bytes(certificate.read_bytes())
    Path(configured.key).write_bytes(key.read_bytes())
    assert shown(pairs, configured) == "configured"
    assert pairs.certificate == certificate.read_bytes()


def test_a_certificate_for_another_key_is_not_kept(pairs: Pairs, authority: Authority, configured: Endpoint) -> None:
    (key, _), (_, certificate) = new(authority), new(authority)
    with pytest.raises(OSError, match="not for our key"):
        pairs.answered(key, certificate)
    assert shown(pairs, configured) == "configured"
    assert not pairs.pending


def test_a_damaged_file_is_passed_over(
    pairs: Pairs, configured: Endpoint, authority: Authority, tmp_path: Path
) -> None:
    pairs.answered(*new(authority))
    shown(pairs, configured)
    pairs.accepted()
    file = tmp_path / "state" / "certificate" / RENEWED
    file.write_bytes(file.read_bytes()[:400])
    assert shown(pairs, configured) == "configured"
    assert pairs.certificate == Path(configured.cert).read_bytes()


def test_another_address_with_a_certificate_of_its_own_is_left_alone(
    pairs: Pairs, configured: Endpoint, authority: Authority
) -> None:
    pairs.answered(*new(authority))
    plain = Endpoint(host="b", port=1883)
    assert pairs.dress(plain) == plain
    pairs.accepted()
    assert shown(pairs, configured) == PENDING


def test_power_cut_at_any_step_leaves_a_pair_that_works(tmp_path: Path, authority: Authority) -> None:
    """Each time a pair of its own can be shown, and the next start ends what was begun; never is a request answered
    twice.
    """
    certificate, key = authority.issue(USER)
    next_certificate, next_key = authority.issue(USER)
    endpoint = Endpoint(host="b", port=8883, ca=str(authority.ca), cert=str(certificate), key=str(key))
    after, ended, seen = 0, 9, set()
    while ended == 9:
        folder = tmp_path / f"cut-{after}"
        words = [folder, certificate, next_key, next_certificate]
        command = [sys.executable, "-c", STEPS, *map(str, words)]
        ended = subprocess.run([*command, str(after)], check=False, capture_output=True).returncode
        pairs = Pairs(folder, str(certificate))
        seen.add(shown(pairs, endpoint))
        again = subprocess.run([*command, "9999"], check=False, capture_output=True, text=True)
        assert again.returncode == 0, again.stderr
        assert shown(Pairs(folder, str(certificate)), endpoint) == RENEWED
        assert Pairs(folder, str(certificate)).asking() is None
        after += 1
    assert ended == 0
    assert seen == {"configured", PENDING, RENEWED}
    assert after > 10


def test_openssl_makes_keys_requests_and_reads_certificates(tmp_path: Path, authority: Authority) -> None:
    """EC P-256 and PKCS#8; the request is signed and names the gateway; a key stands in no argument."""
    key = openssl.new_key()
    assert key.startswith(b"-----BEGIN PRIVATE KEY-----")
    request = openssl.request(key, USER)
    told = subprocess.run(
        ["openssl", "req", "-verify", "-noout", "-subject", "-nameopt", "RFC2253", "-text"],
        input=request,
        capture_output=True,
        check=True,
    )
    assert f"subject=CN={USER}".encode() in told.stdout
    assert b"P-256" in told.stdout
    certificate, _ = authority.issue(USER, end="20480203040506Z")
    found = openssl.validity(certificate.read_bytes())
    assert (found.subject, found.end_s) == (USER, 2464315506.0)


def test_without_openssl_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(openssl.Unable, match="apt-get install openssl"):
        openssl.new_key()
    monkeypatch.undo()
    with pytest.raises(openssl.Unable, match="openssl x509 failed"):
        openssl.validity(b"none")


def test_a_key_alone_is_no_pair(tmp_path: Path) -> None:
    file = tmp_path / ASKING
    file.write_bytes(openssl.new_key())
    assert not usable(file)
