"""gateway enroll | revoke | list as a person types them: bundles, records, refusals, and a run that was cut off."""

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from center import registry
from center.store import Store
from center.store.enrolled import Enrolment
from tests.center.enrolment.stage import BOXES, Stage

PYTHON_CUT = """
import os, sys
from center.cli import main
count = 0
def watch(event, arguments):
    global count
    if event in ("open", "os.rename", "os.remove", "sqlite3.connect") and "bundles" in str(arguments[0]):
        count += 1
        if count > {after}:
            os._exit(9)
sys.addaudithook(watch)
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def stage(tmp_path: Path, url: str) -> Stage:
    return Stage(tmp_path, url)


def rows(stage: Stage) -> list[Enrolment]:
    store = Store(stage.database)
    with store.read() as reader:
        found = reader.enrolments()
    store.close()
    return found


def test_a_bundle_holds_what_its_box_needs_and_nothing_is_kept(stage: Stage) -> None:
    """Four plain files, its owner's alone; the database knows neither key nor secret."""
    assert stage.enroll("zz-0001") == 0
    bundle = stage.bundles / "zz-0001.canteen"
    assert bundle.stat().st_mode & 0o777 == 0o600
    assert bundle.stat().st_size < 256_000
    with tarfile.open(fileobj=io.BytesIO(bundle.read_bytes())) as tar:
        members = {member.name: member for member in tar}
    assert set(members) == {"bundle.json", "ca.pem", "gateway.pem", "gateway.key"}
    assert all(member.isfile() and member.mode == 0o600 for member in members.values())
    given = stage.given("zz-0001")
    assert given.told["broker"] == {"host": stage.host, "port": 8883}
    assert (given.told["gateway"], given.told["city"], given.told["name"]) == ("zz-0001", "4101", "一小")
    assert given.told["recovery"]["port"] == 8884
    assert len(given.secret) > 40
    kept = repr(rows(stage))
    assert given.secret not in kept
    assert "PRIVATE" not in kept
    assert given.secret not in (stage.files / "recovery_passwords").read_text()


def test_fifty_at_once_from_the_registry(tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """All that are registered, each with a key and a secret of its own; a second run gives none again."""
    stage = Stage(tmp_path, url, tuple(f"zz-{number:04d}" for number in range(50)))
    assert stage.enroll("--from-registry", "--county", "金水区") == 0
    assert len(list(stage.bundles.iterdir())) == 50
    every = [stage.given(f"zz-{number:04d}") for number in range(50)]
    assert len({given.key.read_bytes() for given in every} | {given.secret for given in every}) == 100
    capsys.readouterr()
    assert stage.enroll("--from-registry") == 0
    assert "0 bundles; 50 have a certificate already" in capsys.readouterr().out
    assert stage.enroll("--from-registry", "--county", "二七区") == 0
    assert len(rows(stage)) == 50


def test_who_is_enrolled_is_not_enrolled_twice(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """Refused with what stands, and nothing is done for the others; --again revokes what stood."""
    assert stage.enroll("zz-0001") == 0
    first = stage.given("zz-0001").certificate.read_bytes()
    assert stage.enroll("zz-0002", "zz-0001") == 2
    assert "enrolled already, until: zz-0001 (20" in capsys.readouterr().err
    assert len(rows(stage)) == 1
    assert stage.enroll("--again", "zz-0001") == 0
    assert stage.given("zz-0001").certificate.read_bytes() != first
    assert [bool(one.revoked_ms) for one in rows(stage)] == [True, False]
    crl = subprocess.run(
        ["openssl", "crl", "-in", stage.files / "revoked.pem", "-noout", "-text"], capture_output=True, check=True
    )
    serial = rows(stage)[0].serial.upper()
    assert serial in crl.stdout.decode().replace(":", "")


def test_every_mistake_is_told_and_leaves_nothing(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = {
        ("zz-9999",): "not in the registry",
        (): "name gateways",
        ("zz-0001", "--from-registry"): "name gateways",
        ("zz-0001", "--county", "金水区"): "--county goes with",
        ("zz-0001", "--days", "0"): "--days 0",
        ("zz-0001", "--broker-ca", str(stage.authority / "ca.key")): "no certificate in PEM",
        ("zz-0001", "--recovery-port", "8883"): "no port of its own",
        ("zz-0001", "--broker", "x"): "is not HOST:PORT",
        ("zz-0001", "--broker", "elsewhere.example:8883"): "the authority was not made for it",
        ("zz-0001", "--broker-files", str(stage.authority / "ca.pem")): "it is no folder",
    }
    for words, said in wrong.items():
        assert stage.enroll(*words) == 2
        assert said in capsys.readouterr().err
    assert stage.run("revoke", "--authority", str(stage.authority), "--reason", "x", "zz-0001") == 2
    assert "no certificate to revoke" in capsys.readouterr().err
    assert not rows(stage)
    assert not list(stage.bundles.glob("*.canteen"))


def test_a_revocation_that_the_broker_was_not_told_of_is_told_by_the_same_words_again(stage: Stage) -> None:
    """The files could not be written the first time: the certificate stands as revoked, the broker does not know."""
    assert stage.enroll("zz-0001") == 0
    listed = stage.files / "revoked.pem"
    before = listed.read_bytes()
    listed.unlink()
    listed.mkdir()
    assert stage.revoke("zz-0001") == 2
    assert rows(stage)[0].revoked_ms
    listed.rmdir()
    assert stage.revoke("zz-0001") == 0
    assert listed.read_bytes() != before
    assert len(listed.read_bytes()) > len(before)


def test_the_list_tells_what_a_person_should_see_to(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """Expired, renewal due, revoked, valid, not enrolled: in this order, with exit code 1 while the first two are."""
    assert stage.enroll("zz-0001") == 0
    assert stage.enroll("zz-0002", "--days", "10") == 0
    capsys.readouterr()
    assert stage.run("list", "--json") == 1
    listed = json.loads(capsys.readouterr().out)
    assert [(one["gateway"], one["state"]) for one in listed] == [
        ("zz-0002", "due"),
        ("zz-0001", "valid"),
        ("zz-0003", "not_enrolled"),
    ]
    assert stage.revoke("zz-0002") == 0
    capsys.readouterr()
    assert stage.run("list") == 0
    shown = capsys.readouterr().out
    assert shown.index("zz-0002") < shown.index("zz-0001")
    assert "stolen" in shown
    one = next(one for one in rows(stage) if one.gateway == "zz-0002")
    assert one.revoked_by
    assert one.reason == "stolen"


def test_a_run_that_is_cut_off_anywhere_is_ended_by_the_next(tmp_path: Path) -> None:
    """At each step power goes: then every gateway has one bundle, which the database knows, and none is hidden."""
    stage = Stage(tmp_path, str(tmp_path / "center.db"))
    after, ended = 0, 9
    while ended == 9:
        words = ["gateway", "enroll", "--database", stage.database, "--authority", str(stage.authority)]
        words += ["--broker", f"{stage.host}:8883", "--out", str(stage.bundles), "--again", *BOXES]
        ended = subprocess.run(
            [sys.executable, "-c", PYTHON_CUT.format(after=after), *words], capture_output=True, check=False
        ).returncode
        assert stage.enroll("--from-registry") == 0
        valid = {one.gateway: one.serial for one in rows(stage) if not one.revoked_ms}
        for box in BOXES:
            certificate = stage.given(box).certificate.read_bytes()
            serial = subprocess.run(
                ["openssl", "x509", "-noout", "-serial"], input=certificate, capture_output=True, check=True
            )
            assert int(serial.stdout.decode().strip().partition("=")[2], 16) == int(valid[box], 16)
        assert {path.name for path in stage.bundles.iterdir()} == {f"{box}.canteen" for box in BOXES}
        after += 1
    assert ended == 0
    assert after > 5


def test_where_nothing_can_be_written_nobody_is_enrolled(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.bundles.write_text("a file")
    assert stage.enroll("zz-0001") == 2
    assert str(stage.bundles) in capsys.readouterr().err
    assert not rows(stage)


def test_one_that_the_registry_revoked_is_not_enrolled(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(stage.database)
    registry.take_over(store, b"gateway,city,revoked_at\nzz-0003,4101,2026-11-02\n", "gateways.csv", 0)
    store.close()
    assert stage.enroll("zz-0003") == 2
    assert "revoked there" in capsys.readouterr().err
