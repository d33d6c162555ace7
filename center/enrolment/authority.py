"""The certificate authority: its key, what it signs, what it revokes. Only here is `cryptography` known.

Who gets a certificate must not be decided here.
"""

import datetime
import ipaddress
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from contract.plain import open_plain
from contract.problems import Told, unreadable

CERTIFICATE, KEY = "ca.pem", "ca.key"
YEARS = 25
"""Of the authority. Its list of what is revoked lasts as long: one that had run out would let nobody in."""
SLACK = datetime.timedelta(hours=1)
"""A certificate is valid from so long ago on: the broker's clock may be behind the center's."""
DAY_MS = 86_400_000
MAX_KEY_BYTES = 10_000
_PEM, _PLAIN = Encoding.PEM, NoEncryption()


class Unusable(Told):
    """The authority's files cannot be used."""


class Unfit(Exception):
    """A request that no certificate is given for; its text says why."""


class Pair(NamedTuple):
    """A certificate and, where it was made here, its private key (PKCS#8), both PEM. `expires_ms`: UTC."""

    serial: str
    expires_ms: int
    certificate: bytes
    key: bytes = b""


class Authority:
    """Certificates for gateways, the broker's, and the list of those that are revoked."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self._certificate, self._key = certificate, key
        self.pem = certificate.public_bytes(_PEM)
        self.expires_ms = _ms(certificate.not_valid_after_utc)
        self._key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())

    def speaks_for(self, host: str) -> bool:
        """Whether clients believe what it signs for a server of this name or address (see `make`)."""
        try:
            limits = self._certificate.extensions.get_extension_for_class(x509.NameConstraints).value
        except x509.ExtensionNotFound:
            return True
        return any(_holds(one, host) for one in limits.permitted_subtrees or ())

    def gateway(self, user: str, now_ms: int, days: int) -> Pair:
        """A new key and the certificate of this broker's user, {city}/{gateway}."""
        key = ec.generate_private_key(ec.SECP256R1())
        return self._gateway(user, key.public_key(), now_ms, days)._replace(key=_written(key))

    def renewed(self, user: str, request: bytes, now_ms: int, days: int) -> Pair:
        """The certificate that this user asks for (PKCS#10, PEM). Raises Unfit."""
        return self._gateway(user, _asked(user, request), now_ms, days)

    def _gateway(self, user: str, key: ec.EllipticCurvePublicKey, now_ms: int, days: int) -> Pair:
        extended = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        return self._signed(user, key, now_ms, days, extended)

    def broker(self, hosts: Sequence[str], now_ms: int, days: int) -> Pair:
        """A new key and the certificate of the broker of these names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        extended = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        names = x509.SubjectAlternativeName(list(map(_general, hosts)))
        return self._signed("broker", key.public_key(), now_ms, days, extended, names)._replace(key=_written(key))

    def _signed(
        self, name: str, key: ec.EllipticCurvePublicKey, now_ms: int, days: int, *more: x509.ExtensionType
    ) -> Pair:
        """Never beyond the authority's own end."""
        begin, serial = _time(now_ms), x509.random_serial_number()
        end = min(begin + datetime.timedelta(days=days), self._certificate.not_valid_after_utc)
        made = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(self._certificate.subject)
            .public_key(key)
            .serial_number(serial)
            .not_valid_before(begin - SLACK)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(leaf=True), critical=True)
            .add_extension(self._key_id, critical=False)
        )
        for extension in more:
            made = made.add_extension(extension, critical=False)
        signed = made.sign(self._key, SHA384()).public_bytes(_PEM)
        return Pair(f"{serial:x}", _ms(end), signed)

    def revocations(self, revoked: Iterable[tuple[str, int]], now_ms: int) -> bytes:
        """The list of these (serial, since when in UTC ms), PEM."""
        made = x509.CertificateRevocationListBuilder().issuer_name(self._certificate.subject)
        made = made.last_update(_time(now_ms)).next_update(self._certificate.not_valid_after_utc)
        made = made.add_extension(self._key_id, critical=False)
        made = made.add_extension(x509.CRLNumber(now_ms), critical=False)
        for serial, since_ms in revoked:
            one = x509.RevokedCertificateBuilder().serial_number(int(serial, 16)).revocation_date(_time(since_ms))
            made = made.add_revoked_certificate(one.build())
        return made.sign(self._key, SHA384()).public_bytes(_PEM)


def load(folder: Path) -> Authority:
    """The authority that `ca init` made there. Raises Unusable."""
    pem, key = (_read(folder / name, private=name == KEY) for name in (CERTIFICATE, KEY))
    try:
        certificate, private = x509.load_pem_x509_certificate(pem), load_pem_private_key(key, None)
    except (ValueError, TypeError) as error:
        raise Unusable(f"{folder}: no certificate and key to be used", f"{folder}：证书或私钥无法使用") from error
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.public_key() != certificate.public_key():
        raise Unusable(f"{folder}: {KEY} is not the key of {CERTIFICATE}", f"{folder}：{KEY} 与 {CERTIFICATE} 不是一对")
    return Authority(certificate, private)


def make(name: str, hosts: Sequence[str], now_ms: int) -> tuple[bytes, bytes]:
    """(certificate, key) of a new authority, PEM: EC P-384.

    It can speak for servers of these names (and below), and for no others: who steals its key, or trusts it too far,
    gains no other server. No certificate of it can be an authority.
    """
    key, begin = ec.generate_private_key(ec.SECP384R1()), _time(now_ms)
    public = key.public_key()
    made = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(name))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin - SLACK)
        .not_valid_after(begin + datetime.timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(leaf=False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(_constraints(hosts), critical=True)
    )
    return made.sign(key, SHA384()).public_bytes(_PEM), _written(key)


def _constraints(hosts: Sequence[str]) -> x509.NameConstraints:
    """A kind of name of which none is permitted is shut out whole."""
    names = [_general(host, network=True) for host in hosts]
    every = (
        (x509.DNSName, [x509.DNSName("")]),
        (x509.IPAddress, [x509.IPAddress(ipaddress.ip_network(net)) for net in ("0.0.0.0/0", "::/0")]),
    )
    missing = [one for kind, whole in every if not any(isinstance(name, kind) for name in names) for one in whole]
    return x509.NameConstraints(permitted_subtrees=names or None, excluded_subtrees=missing or None)


def _general(host: str, *, network: bool = False) -> x509.GeneralName:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return x509.DNSName(host)
    return x509.IPAddress(ipaddress.ip_network(host) if network else address)


def _holds(limit: x509.GeneralName, host: str) -> bool:
    """A name holds those below it, too."""
    name = _general(host)
    if isinstance(limit, x509.IPAddress):
        return isinstance(name, x509.IPAddress) and ipaddress.ip_address(host) in ipaddress.ip_network(limit.value)
    if isinstance(limit, x509.DNSName) and isinstance(name, x509.DNSName):
        return f".{name.value}".lower().endswith(f".{limit.value}".lower())
    return False


def _asked(user: str, request: bytes) -> ec.EllipticCurvePublicKey:
    """The key of a request that is signed with it, in this user's name and no other. Raises Unfit."""
    try:
        csr = x509.load_pem_x509_csr(request)
        key, signed = csr.public_key(), csr.is_signature_valid
        subject = [(one.oid, one.value) for one in csr.subject]
    except (ValueError, TypeError, InvalidSignature) as error:
        raise Unfit("not a certificate request in PEM") from error
    except Exception as error:  # of an algorithm that the library does not know
        raise Unfit("a certificate request of an unknown kind") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise Unfit("the key is not EC P-256")
    if not signed:
        raise Unfit("the request is not signed with its key")
    if subject != [(NameOID.COMMON_NAME, user)]:
        raise Unfit("the common name is not that of the gateway that asks")
    return key


def _read(path: Path, *, private: bool) -> bytes:
    try:
        with open_plain(path) as file:
            ours = str(path.parent) == os.environ.get("CREDENTIALS_DIRECTORY")  # systemd guards it by an access list
            if private and not ours and os.fstat(file.fileno()).st_mode & 0o077:
                raise Unusable(f"{path}: others can read it: chmod 600", f"{path}：他人可读，请执行 chmod 600")
            return file.read(MAX_KEY_BYTES)
    except OSError as error:
        raise unreadable(str(path), error) from error


def _usage(*, leaf: bool) -> x509.KeyUsage:
    never = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
    )
    return x509.KeyUsage(
        digital_signature=leaf, key_cert_sign=not leaf, crl_sign=not leaf, decipher_only=False, **never
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _written(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, PrivateFormat.PKCS8, _PLAIN)


def _time(ms: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(ms // 1000, datetime.UTC)


def _ms(moment: datetime.datetime) -> int:
    return round(moment.timestamp() * 1000)
