"""A certificate authority made by openssl for a test, and a mosquitto that checks its gateways' certificates."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from scripts.stage import free_port
from tests.support.broker import CONFIG, Broker

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_CA = """
[ca]
default_ca = own
[own]
dir = {folder}
database = {folder}/index
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
policy = any
unique_subject = no
default_crl_days = 30
copy_extensions = none
[any]
commonName = supplied
"""


class Authority:
    """`ca` is its certificate; every key is unencrypted and of use in a test only."""

    def __init__(self, folder: Path, name: str = "test authority") -> None:
        folder.mkdir()
        self.folder, self.ca, self._key = folder, folder / "ca.pem", folder / "ca.key"
        (folder / "index").touch()
        (folder / "serial").write_text("01\n")
        (folder / "ca.cnf").write_text(_CA.format(folder=folder))
        _openssl(
            *("req", "-x509", *_NEW_KEY, "-days", "30", "-subj"),
            f"/CN={name}",
            *("-keyout", self._key, "-out", self.ca),
        )

    def issue(
        self, name: str, *, alternative: str = "", begin: str = "20200101000000Z", end: str = "20490101000000Z"
    ) -> tuple[Path, Path]:
        """Certificate and key for this common name. `alternative`: subjectAltName, such as IP:127.0.0.1."""
        stem = f"cert-{len(list(self.folder.glob('cert-*.pem')))}"
        certificate, key, request = (self.folder / f"{stem}.{kind}" for kind in ("pem", "key", "csr"))
        subject = "/CN=" + name.replace("/", "\\/")
        _openssl(
            *("req", "-new", *_NEW_KEY, "-subj"),
            subject,
            *("-keyout", key, "-out", request),
        )
        self.sign(request, certificate, alternative=alternative, begin=begin, end=end)
        return certificate, key

    def sign(self, request: Path, certificate: Path, *, alternative: str = "", begin: str, end: str) -> None:
        """Write the certificate that this request asks for."""
        extra = certificate.with_suffix(".ext")
        extra.write_text(f"subjectAltName={alternative}\n" if alternative else "basicConstraints=CA:FALSE\n")
        _openssl(
            *("ca", "-batch", "-notext", "-config", self.folder / "ca.cnf", "-cert", self.ca, "-keyfile", self._key),
            *("-in", request, "-out", certificate, "-startdate", begin, "-enddate", end, "-extfile", extra),
        )

    def revoke(self, certificate: Path) -> None:
        """From the next `revoked()` on."""
        self._ca("-revoke", certificate)

    def revoked(self) -> Path:
        """The list of what is revoked, and the authority's certificate is no part of it."""
        crl = self.folder / "revoked.pem"
        self._ca("-gencrl", "-out", crl)
        return crl

    def _ca(self, *words: str | Path) -> None:
        _openssl("ca", "-config", self.folder / "ca.cnf", "-cert", self.ca, "-keyfile", self._key, *words)


def _openssl(*words: str | Path) -> None:
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class GuardedBroker(Broker):
    """The plain `port` lets anyone in, for whoever listens; `guarded` asks for a certificate, as gateways come in.

    `names`, `begin`, `end` are those of the broker's own certificate; "" = the address it listens on.
    """

    def __init__(self, authority: Authority, *, names: str = "", **validity: str) -> None:
        self._authority, self._names, self._validity = authority, names, validity
        super().__init__()

    def _configuration(self, users: Mapping[str, str] | None, extra: str) -> str:
        self.guarded = free_port(self.host)
        named = self._names or f"IP:{self.host}"
        certificate, key = self._authority.issue("broker", alternative=named, **self._validity)
        return f"""
user root
per_listener_settings true
listener {self.port} {self.host}
allow_anonymous true
listener {self.guarded} {self.host}
allow_anonymous false
cafile {self._authority.ca}
certfile {certificate}
keyfile {key}
require_certificate true
use_identity_as_username true
use_username_as_clientid true
acl_file {CONFIG / "acl"}
"""
