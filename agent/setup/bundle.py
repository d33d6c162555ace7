"""What the center hands out for one gateway: a file of broker, authority and identity, read and not believed.

The certificate is checked as the broker would do it, by a handshake in memory.
"""

import io
import os
import ssl
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
from msgspec import Meta, Struct

from agent.settings import entries
from contract import strict_yaml
from contract.messages import BROKEN_JSON, Gateway
from contract.plain import open_plain
from contract.problems import Told, why

VERSION = 1
MAX_BYTES = 256 * 1024
"""Of the file, and of what it unpacks to."""
MAX_MEMBERS = 8
ABOUT, CA, CERTIFICATE, KEY = "bundle.json", "ca.pem", "gateway.pem", "gateway.key"
_EXPIRED, _NOT_YET = 10, 9
"""X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID (OpenSSL, x509_vfy.h)."""


_Moment = Annotated[datetime, Meta(tz=True)]


class _Broker(Struct, frozen=True):
    host: str
    port: int = 8883


class _Recovery(Struct, frozen=True):
    port: Annotated[int, Meta(ge=1, le=65535)]
    secret: Annotated[str, Meta(min_length=16, max_length=256, pattern="^[!-~]+$")]


class _About(Struct, frozen=True):
    version: int
    gateway: Gateway
    city: Annotated[str, Meta(pattern="^[0-9]{4}([0-9]{2})?$")]
    broker: _Broker
    issued: _Moment
    expires: _Moment
    name: str | None = None
    recovery: _Recovery | None = None


class Bundle(Struct, frozen=True, kw_only=True):
    """Everything that one gateway needs to come in. `city` has four digits; `name`: the unit's, "" = not said.

    `ca`, `certificate`, `key`: PEM. `recovery`: port and secret for coming back with a certificate that ran out.
    """

    gateway: str
    city: str
    name: str
    host: str
    port: int
    ca: bytes
    certificate: bytes
    key: bytes
    recovery: tuple[int, str] | None = None

    def __repr__(self) -> str:
        return f"Bundle({self.city}/{self.gateway})"


def read(path: Path) -> Bundle:
    """The bundle in the file, checked: members, sizes, key and certificate, dates. Raises Told."""
    try:
        with open_plain(path) as file:
            packed = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = why(error)
        raise Told(f"{path} cannot be read: {reason.en}", f"无法读取 {path}：{reason.zh}") from None
    members = _members(path, packed)
    about = _about(path, members[ABOUT])
    subject = _subject(path, members[CERTIFICATE], members[KEY], about)
    _check_authority(path, members[CA])
    city = about.city[:4]
    if subject != f"{city}/{about.gateway}":
        raise Told(
            f"{path}: its certificate is for {subject!r}, and not for {city}/{about.gateway}: ask the center for"
            " another bundle",
            f"{path}：其中的证书属于 {subject!r}，而不是 {city}/{about.gateway}：请向中心重新索取",
        )
    return Bundle(
        gateway=about.gateway,
        city=city,
        name=about.name or "",
        host=about.broker.host,
        port=about.broker.port,
        ca=members[CA],
        certificate=members[CERTIFICATE],
        key=members[KEY],
        recovery=(about.recovery.port, about.recovery.secret) if about.recovery else None,
    )


# ---- the file -----------------------------------------------------------------------------------


def _members(path: Path, packed: bytes) -> dict[str, bytes]:
    """The four files that are needed. What else there may be is not looked at."""
    if len(packed) > MAX_BYTES:
        _foreign(path, f"it is larger than {MAX_BYTES} bytes", f"超过 {MAX_BYTES} 字节")
    try:
        unpacking = zlib.decompressobj(wbits=31)  # gzip
        plain = unpacking.decompress(packed, MAX_BYTES + 1)
    except zlib.error:
        _foreign(path, "it is no gzip file", "不是 gzip 文件")
    if len(plain) > MAX_BYTES:
        _foreign(path, f"it unpacks to more than {MAX_BYTES} bytes", f"解压后超过 {MAX_BYTES} 字节")
    if not unpacking.eof:
        _damaged(path, "its end is missing", "文件不完整")
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
            for number, member in enumerate(archive, 1):
                plain_file = member.isfile() and not member.issparse()  # holes would make a small file a large one
                if number > MAX_MEMBERS or not plain_file or member.name in found:
                    _foreign(path, f"it holds {member.name!r}", f"含有 {member.name!r}")
                file = archive.extractfile(member)
                found[member.name] = file.read() if file else b""
    except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError):  # headers of headers
        _damaged(path, "it cannot be unpacked", "无法解包")
    if missing := [name for name in (ABOUT, CA, CERTIFICATE, KEY) if name not in found]:
        _foreign(path, f"{', '.join(missing)} is missing in it", f"缺少 {'、'.join(missing)}")
    return found


def _foreign(path: Path, en: str, zh: str) -> NoReturn:
    raise Told(
        f"{path} is no bundle of the center: {en}. Give the file that ends in .canteen",
        f"{path} 不是中心发放的网关文件：{zh}。请使用以 .canteen 结尾的文件",
    ) from None


def _damaged(path: Path, en: str, zh: str) -> NoReturn:
    raise Told(
        f"{path} is damaged: {en}. Copy it once more, or ask the center for it again",
        f"{path} 已损坏：{zh}。请重新拷贝，或向中心重新索取",
    ) from None


def _about(path: Path, content: bytes) -> _About:
    try:
        version = msgspec.json.decode(content, type=dict[str, Any]).get("version")
        if version != VERSION:
            raise Told(
                f"{path} has form {version!r}, and this program knows {VERSION}: install the newer canteen-agent",
                f"{path} 的格式为 {version!r}，本程序只认 {VERSION}：请安装新版 canteen-agent",
            )
        about = msgspec.json.decode(content, type=_About)
    except BROKEN_JSON as error:
        _damaged(path, f"{ABOUT}: {error}", f"{ABOUT} 的内容不对（{error}）")
    broker = msgspec.json.encode(about.broker)
    strict_yaml.load(broker, entries.BrokerEntry, source=f"{path}: {ABOUT}: broker")  # a host, a port
    return about


# ---- the certificate ----------------------------------------------------------------------------


def _subject(path: Path, certificate: bytes, key: bytes, about: _About) -> str:
    """The common name of a certificate that is valid now and has this key. Raises Told."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    server.verify_mode = ssl.CERT_REQUIRED
    server.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # who signed it is the broker's matter
    try:
        server.load_verify_locations(cadata=certificate.decode("ascii"))
        for context in (server, client):
            with _in_memory(certificate) as first, _in_memory(key) as second:
                context.load_cert_chain(first, second, password=lambda: b"")
    except (ssl.SSLError, ValueError) as error:
        if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
            raise Told(
                f"{path}: its key does not belong to its certificate: ask the center for another bundle",
                f"{path}：私钥与证书不匹配：请向中心重新索取",
            ) from None
        _damaged(path, "its certificate or key cannot be read", "证书或私钥无法读取")
    try:
        return _shown(server, client)
    except ssl.SSLCertVerificationError as error:
        raise _untimely(path, error.verify_code, about) from None
    except ssl.SSLError:
        _damaged(path, "its certificate cannot be used", "证书不可用")


def _untimely(path: Path, code: int, about: _About) -> Told:
    now = datetime.now(UTC)
    clock = f"{now:%Y-%m-%d %H:%M} UTC"
    if code == _NOT_YET or now + timedelta(days=1) < about.issued:
        return Told(
            f"{path} is not valid yet by this box's clock ({clock}): set the clock first (timedatectl)",
            f"按本机时钟（{clock}），{path} 尚未生效：请先校时（timedatectl）",
        )
    if code == _EXPIRED:
        ran_out = f"{about.expires:%Y-%m-%d}"
        return Told(
            f"{path}: its certificate ran out on {ran_out} (the box's clock says {clock}): if the clock is right, ask"
            " the center for another bundle",
            f"{path}：证书已于 {ran_out} 到期（本机时钟 {clock}）：若时钟无误，请向中心重新索取",
        )
    return Told(
        f"{path}: its certificate is of no use for logging in: ask the center for another bundle",
        f"{path}：其中的证书不能用于登录：请向中心重新索取",
    )


def _shown(server: ssl.SSLContext, client: ssl.SSLContext) -> str:
    """The common name that a client showed to a server. Raises ssl.SSLError."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [server.wrap_bio(up, down, server_side=True), client.wrap_bio(down, up)]
    waiting = list(ends)
    while waiting:
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            if end in waiting:
                waiting.remove(end)
    subject: Any = (ends[0].getpeercert() or {}).get("subject", ())
    return next((value for part in subject for name, value in part if name == "commonName"), "")


def _check_authority(path: Path, pem: bytes) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=pem.decode("ascii"))
    except (ssl.SSLError, ValueError):
        _damaged(path, f"{CA} cannot be read", f"{CA} 无法读取")
    now_s = datetime.now(UTC).timestamp()
    ends: list[Any] = [one["notAfter"] for one in context.get_ca_certs()]
    if ends and max(map(ssl.cert_time_to_seconds, ends)) < now_s:
        raise Told(
            f"{path}: the authority's certificate ({CA}) has run out: ask the center for another bundle",
            f"{path}：签发机构的证书（{CA}）已到期：请向中心重新索取",
        )


@contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """A path under which OpenSSL reads it; no disk sees a key."""
    handle = os.memfd_create("bundle", os.MFD_CLOEXEC)
    try:
        os.write(handle, content)
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)
