"""The center's bundle: read in full, and refused with a sentence where it is damaged, foreign or out of date."""

import gzip
import io
import json
import os
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.setup import bundle as bundles
from contract.problems import ConfigError, Told
from tests.agent.setup.house import CITY, GATEWAY, members, packed
from tests.support.authority import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("bundle") / "authority")


@pytest.fixture(scope="module")
def good(authority: Authority) -> dict[str, bytes]:
    return members(authority, recovery={"port": 8884, "secret": "canary-recovery-secret"})


def test_everything_is_read(tmp_path: Path, good: dict[str, bytes]) -> None:
    read = bundles.read(packed(tmp_path / "a.canteen", good | {"readme.txt": b"not looked at"}))
    assert (read.gateway, read.city, read.name) == (GATEWAY, CITY, "示范小学食堂")
    assert (read.host, read.port, read.recovery) == ("127.0.0.1", 8883, (8884, "canary-recovery-secret"))
    assert (read.ca, read.certificate, read.key) == (good["ca.pem"], good["gateway.pem"], good["gateway.key"])
    assert "canary" not in repr(read)
    assert "PRIVATE" not in repr(read)


def about(good: dict[str, bytes], **changes: object) -> dict[str, bytes]:
    return good | {"bundle.json": json.dumps(json.loads(good["bundle.json"]) | changes).encode()}


WRONG: dict[str, tuple[Callable[[dict[str, bytes]], dict[str, bytes]], str]] = {
    "no key": (lambda good: {k: v for k, v in good.items() if k != "gateway.key"}, "gateway.key is missing"),
    "no json": (lambda good: good | {"bundle.json": b"{"}, "damaged"),
    "a list": (lambda good: good | {"bundle.json": b"[]"}, "damaged"),
    "newer": (lambda good: about(good, version=2), "install the newer canteen-agent"),
    "no gateway": (lambda good: about(good, gateway="../x"), "damaged"),
    "another gateway": (lambda good: about(good, gateway="gw-0002"), "not for 4101/gw-0002"),
    "another city": (lambda good: about(good, city="410200"), "not for 4102/gw-0001"),
    "no certificate": (lambda good: good | {"gateway.pem": b"hello"}, "cannot be read"),
    "no authority": (lambda good: good | {"ca.pem": b"hello"}, "ca.pem cannot be read"),
    "not ascii": (lambda good: good | {"gateway.pem": "证书".encode()}, "cannot be read"),
    "no zone": (lambda good: about(good, issued="2026-01-01T00:00:00"), "damaged"),
    "too many": (lambda good: good | {f"x{n}": b"" for n in range(5)}, "no bundle of the center"),
    "elsewhere": (lambda good: {f"./in/{k}": v for k, v in good.items()}, "is missing in it"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused_with_a_sentence(name: str, tmp_path: Path, good: dict[str, bytes]) -> None:
    """Each says what it is and what to do, in both languages, and quotes no key."""
    change, said = WRONG[name]
    with pytest.raises(Told, match=said) as told:
        bundles.read(packed(tmp_path / "a.canteen", change(good)))
    assert told.value.text("zh") != told.value.text("en")
    assert "PRIVATE" not in told.value.text("en")


def test_a_broker_that_is_no_host_is_named(tmp_path: Path, good: dict[str, bytes]) -> None:
    with pytest.raises(ConfigError, match=r"broker.*host"):
        bundles.read(packed(tmp_path / "a.canteen", about(good, broker={"host": "mqtt://x", "port": 1})))


def test_a_key_of_another_certificate_is_refused(tmp_path: Path, authority: Authority, good: dict[str, bytes]) -> None:
    other = members(authority)["gateway.key"]
    with pytest.raises(Told, match="does not belong"):
        bundles.read(packed(tmp_path / "a.canteen", good | {"gateway.key": other}))


@pytest.mark.parametrize(
    ("validity", "said"),
    [
        ({"end": "20210101000000Z"}, "ran out"),
        ({"begin": "20480101000000Z"}, "set the clock first"),
    ],
)
def test_a_certificate_out_of_date_names_the_clock(
    validity: dict[str, str], said: str, tmp_path: Path, authority: Authority
) -> None:
    """A box whose battery is empty is told of its clock, not of the center alone."""
    with pytest.raises(Told, match=said) as told:
        bundles.read(packed(tmp_path / "a.canteen", members(authority, **validity)))
    assert "clock" in told.value.text("en")
    assert "时钟" in told.value.text("zh")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_only_plain_files_are_members(kind: bytes, tmp_path: Path, good: dict[str, bytes]) -> None:
    with pytest.raises(Told, match="no bundle of the center"):
        bundles.read(packed(tmp_path / "a.canteen", good, odd=kind))


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """What would unpack to much more than a bundle is read no further than that."""
    file = tmp_path / "a.canteen"
    packing = zlib.compressobj(wbits=31)
    file.write_bytes(packing.compress(bytes(200 << 20)) + packing.flush())
    with pytest.raises(Told, match="unpacks to more than"):
        bundles.read(file)


def test_a_file_with_holes_is_not_filled(tmp_path: Path) -> None:
    """A member of a few bytes may say that it is gigabytes of zeros (sparse files, tar(5))."""
    about = tarfile.TarInfo("bundle.json")
    about.pax_headers = {"GNU.sparse.size": str(1 << 40), "GNU.sparse.map": "0,0"}
    with tarfile.open(tmp_path / "a.canteen", "w:gz", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(about)
    with pytest.raises(Told, match="no bundle of the center"):
        bundles.read(tmp_path / "a.canteen")


def test_headers_of_headers_without_end_are_refused(tmp_path: Path) -> None:
    longer = tarfile.TarInfo("longer")
    longer.type = tarfile.GNUTYPE_LONGNAME
    with gzip.open(tmp_path / "a.canteen", "wb") as file:
        file.write(longer.tobuf() * 500 + bytes(1024))
    with pytest.raises(Told, match="damaged"):
        bundles.read(tmp_path / "a.canteen")


def test_a_date_before_all_dates_is_no_bug_of_ours(tmp_path: Path, authority: Authority) -> None:
    ran_out = members(authority, end="20210101000000Z", issued="0001-01-01T00:00:00Z")
    with pytest.raises(Told, match="ran out"):
        bundles.read(packed(tmp_path / "a.canteen", ran_out))


def test_every_cut_is_refused(tmp_path: Path, good: dict[str, bytes]) -> None:
    """A copy that broke off anywhere is damaged, never half believed."""
    whole = packed(tmp_path / "a.canteen", good).read_bytes()
    file = tmp_path / "b.canteen"
    for size in range(0, len(whole), 97):
        file.write_bytes(whole[:size])
        with pytest.raises(Told):
            bundles.read(file)


def test_every_flipped_byte_is_refused_or_harmless(tmp_path: Path, good: dict[str, bytes]) -> None:
    """Whatever byte is wrong: a sentence, or the same bundle (the header of gzip has bytes that mean nothing)."""
    whole = bytearray(packed(tmp_path / "a.canteen", good).read_bytes())
    meant = bundles.read(tmp_path / "a.canteen")
    file = tmp_path / "b.canteen"
    for place in range(0, len(whole), 61):
        whole[place] ^= 0x55
        file.write_bytes(whole)
        whole[place] ^= 0x55
        try:
            assert bundles.read(file) == meant
        except (Told, ConfigError):
            continue


@pytest.mark.parametrize("what", ["missing", "folder", "pipe", "large", "other"])
def test_what_is_no_bundle_at_all(what: str, tmp_path: Path) -> None:
    file = tmp_path / "a.canteen"
    if what == "folder":
        file.mkdir()
    elif what == "pipe":
        os.mkfifo(file)
    elif what == "large":
        file.write_bytes(os.urandom(300_000))
    elif what == "other":
        with tarfile.open(fileobj=io.BytesIO(), mode="w:gz"):
            file.write_text("hello")
    with pytest.raises(Told, match=r"a\.canteen"):
        bundles.read(file)
