"""The authority, judged by openssl: what it signs, what it can never sign, what it refuses."""

import subprocess
import time
from pathlib import Path

import pytest

from center.cli import main
from center.enrolment import authority as authorities
from center.enrolment.authority import Unfit, Unusable

DAY_MS = 86_400_000
NOW_MS = int(time.time() * 1000)
USER = "4101/zz-0001"


def openssl(*words: str | Path, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *map(str, words)], input=given, capture_output=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("authority") / "ca"
    assert main(["ca", "init", "--host", "mqtt.example.org", "--host", "10.1.2.3", "--out", str(made)]) == 0
    return made


@pytest.fixture(scope="module")
def authority(folder: Path) -> authorities.Authority:
    return authorities.load(folder)


def accepted(folder: Path, certificate: bytes, purpose: str, *more: str) -> bool:
    leaf = folder.parent / "leaf.pem"
    leaf.write_bytes(certificate)
    return openssl("verify", "-CAfile", folder / "ca.pem", "-purpose", purpose, *more, leaf).returncode == 0


def test_a_gateways_certificate_is_good_for_a_client_and_for_nothing_else(
    folder: Path, authority: authorities.Authority
) -> None:
    """It proves a gateway; nobody can pass for a server with it, and it ends when it says."""
    pair = authority.gateway(USER, NOW_MS, 365)
    assert accepted(folder, pair.certificate, "sslclient")
    assert not accepted(folder, pair.certificate, "sslserver")
    end = str((pair.expires_ms + DAY_MS) // 1000)
    assert not accepted(folder, pair.certificate, "sslclient", "-attime", end)
    told = openssl("x509", "-noout", "-subject", "-nameopt", "RFC2253", given=pair.certificate).stdout
    assert told.strip() == f"subject=CN={USER}".encode()
    assert b"BEGIN PRIVATE KEY" in pair.key


def test_it_speaks_for_the_brokers_it_was_made_for_alone(folder: Path, authority: authorities.Authority) -> None:
    """A server certificate for another name is worth nothing, even signed with its key."""
    for host in ("mqtt.example.org", "10.1.2.3"):
        assert accepted(folder, authority.broker([host], NOW_MS, 30).certificate, "sslserver")
        assert authority.speaks_for(host)
    for host in ("mqtt.example.com", "10.1.2.4", "::1"):
        assert not accepted(folder, authority.broker([host], NOW_MS, 30).certificate, "sslserver")
        assert not authority.speaks_for(host)


def test_a_broker_that_every_gateway_would_refuse_gets_no_certificate(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Below the names it was made for, as openssl sees it; what it was not made for is told, and nothing is written."""
    words = ["ca", "broker", "--lang", "en", "--authority", str(folder), "--out", str(tmp_path / "broker")]
    for host in ("mqtt.example.com", "xmqtt.example.org", "10.1.2.4"):
        assert main([*words, "--host", "mqtt.example.org", "--host", host]) == 2
        assert f"--host {host}: the authority was not made for it" in capsys.readouterr().err
        assert not (tmp_path / "broker").exists()
    assert main([*words, "--host", "MQTT.example.org", "--host", "a.mqtt.example.org"]) == 0
    assert accepted(folder, (tmp_path / "broker" / "broker.pem").read_bytes(), "sslserver")


def test_nothing_outlives_the_authority(authority: authorities.Authority) -> None:
    assert authority.gateway(USER, NOW_MS, 365 * 100).expires_ms == authority.expires_ms


def request(name: str, *key: str) -> bytes:
    made = openssl(
        "req", "-new", "-newkey", *key, "-nodes", "-keyout", "/dev/null", "-subj", name.replace("4101/", "4101\\/")
    )
    assert made.returncode == 0, made.stderr
    return made.stdout


P256 = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")


def test_a_request_gets_its_certificate(folder: Path, authority: authorities.Authority) -> None:
    pair = authority.renewed(USER, request(f"/CN={USER}", *P256), NOW_MS, 365)
    assert accepted(folder, pair.certificate, "sslclient")
    assert not pair.key


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda: request("/CN=4101/zz-0002", *P256), "common name"),
        (lambda: request(f"/CN={USER}/O=x", *P256), "common name"),
        (lambda: request(f"/CN={USER}", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"), "EC P-256"),
        (lambda: request(f"/CN={USER}", "rsa:2048"), "EC P-256"),
        (lambda: b"", "PEM"),
        (lambda: b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "PEM"),
    ],
)
def test_other_requests_get_none(authority: authorities.Authority, made, why: str) -> None:
    """Another name, a further name, another kind of key, no request at all."""
    with pytest.raises(Unfit, match=why):
        authority.renewed(USER, made(), NOW_MS, 365)


def test_a_request_that_somebody_changed_gets_none(authority: authorities.Authority) -> None:
    """The signature is over what is asked: of a foreign key nobody can make a request."""
    import base64

    lines = request(f"/CN={USER}", *P256).decode().split()
    der = bytearray(base64.b64decode("".join(lines[3:-3])))
    der[-1] ^= 1
    spoilt = (
        b"-----BEGIN CERTIFICATE REQUEST-----\n"
        + base64.encodebytes(bytes(der))
        + b"-----END CERTIFICATE REQUEST-----\n"
    )
    with pytest.raises(Unfit):
        authority.renewed(USER, spoilt, NOW_MS, 365)


def test_a_key_that_others_can_read_is_not_used(folder: Path) -> None:
    assert (folder / "ca.key").stat().st_mode & 0o777 == 0o600
    (folder / "ca.key").chmod(0o640)
    try:
        with pytest.raises(Unusable, match="chmod 600"):
            authorities.load(folder)
    finally:
        (folder / "ca.key").chmod(0o600)


def test_an_authority_takes_the_place_of_none(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "ca.key").read_bytes()
    assert main(["ca", "init", "--lang", "en", "--out", str(folder)]) == 2
    assert "there is a file of this name" in capsys.readouterr().err
    assert (folder / "ca.key").read_bytes() == before
