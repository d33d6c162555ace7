"""What is given away: the wheel, its metadata, the locks, and the wheel that is kept for a dependency without one."""

import base64
import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from scripts.markers import lines_for
from scripts.repack import repack

ROOT = Path(__file__).parents[1]
LOCKS = ROOT / "requirements"
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The project's wheel, built as a release is, without asking an index."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [*PIP, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", folder, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_brings_no_package_but_ours(wheel):
    """Whatever else is installed beside it: the wheel holds agent, center, contract, simulator and no other name."""
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    ours = {top for top in tops if not top.endswith((".dist-info", ".data"))}
    assert ours == {"agent", "center", "contract", "simulator"}


def test_the_documents_travel_with_the_wheel(wheel):
    """As the units' Documentation= has them: below share/doc of wherever it is installed."""
    with zipfile.ZipFile(wheel) as archive:
        (data,) = {name.split("/")[0] for name in archive.namelist() if ".data/" in name}
        docs = {
            n.partition("/share/doc/canteen-agent/")[2] for n in archive.namelist() if n.startswith(f"{data}/data/")
        }
    assert docs == {str(one.relative_to(ROOT / "docs")) for one in (ROOT / "docs").rglob("*") if one.is_file()}
    for unit in (ROOT / "systemd").glob("*.service"):
        told = re.findall(r"file:/opt/[\w-]+/current/share/doc/canteen-agent/(\S+)", unit.read_text())
        assert told, unit.name
        assert docs.issuperset(told), unit.name


def test_the_wheel_carries_each_file_of_config(wheel):
    """Policies, regions, the broker's files and the example travel with the wheel, byte for byte."""
    with zipfile.ZipFile(wheel) as archive:
        packed = {n: archive.read(n) for n in archive.namelist() if n.startswith("contract/data/")}
    kept = [one for one in (ROOT / "config").rglob("*") if one.is_file() and "__pycache__" not in one.parts]
    assert packed == {f"contract/data/{one.relative_to(ROOT / 'config')}": one.read_bytes() for one in kept}


def test_the_metadata_say_what_it_is(wheel):
    """The metadata hold the README, the classifiers, the license and the version that all three commands print."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        metadata = message_from_bytes(archive.read(name))
    assert metadata.get_payload(decode=True) == (ROOT / "README.md").read_bytes()
    assert "Programming Language :: Python :: 3.13" in metadata.get_all("Classifier")
    assert metadata["License-Expression"] == "Apache-2.0"
    for command in ("canteen-agent", "canteen-center", "canteen-sim"):
        tool = Path(sys.executable).with_name(command)
        said = subprocess.run([tool, "--version"], check=True, capture_output=True, text=True).stdout
        assert said == f"{command} {metadata['Version']}\n"


def test_every_dependency_is_bounded_above():
    """No new major version of a library that runs in the field comes in by itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for one in (*project["dependencies"], *extras["center"], *extras["simulator"]):
        assert re.search(r"<\d+$|==[\d.]+$", one), one


@pytest.mark.parametrize("name", ["agent", "center", "simulator", "dev", "build", "axe"])
def test_a_lock_pins_each_file_and_names_no_host(name):
    """Each package of a lock has one version for a Python and hashes, and nothing says where it is fetched."""
    text = (LOCKS / f"{name}.lock").read_text()
    packages = re.findall(r"^([a-z0-9._-]+)(?:\[\w+\])?==\S+(?: ; .*)? \\$", text, flags=re.MULTILINE)
    assert len(packages) == len(re.findall(r"^[a-z]", text, flags=re.MULTILINE))
    assert text.count("--hash=sha256:") >= len(packages)
    assert "://" not in text
    assert "--index" not in text


def test_the_locks_agree():
    """What the box gets is what the center gets and what the tests run with."""
    pins = {}
    for name in ("agent", "center", "simulator", "dev"):
        lines = (LOCKS / f"{name}.lock").read_text().splitlines()
        pins[name] = {line.split(" ")[0] for line in lines if re.match("[a-z]", line)}
    assert pins["agent"] <= pins["center"] <= pins["dev"]
    assert pins["agent"] <= pins["simulator"] <= pins["dev"]


def test_the_locks_fit_the_project():
    """Every dependency that the project names stands in the lock of those who need it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for name, wanted in (("agent", []), ("center", extras["center"]), ("dev", extras["dev"])):
        text = (LOCKS / f"{name}.lock").read_text()
        for one in (*project["dependencies"], *wanted):
            package = re.match(r"[A-Za-z0-9_-]+", one)[0].lower().replace("_", "-")
            assert re.search(rf"^{package}(\[\w+\])?==", text, flags=re.MULTILINE), (name, one)


def test_the_kept_wheel_is_whole_and_the_one_that_is_locked():
    """The lock knows only the hash of our wheel of onvif-zeep, and each file in it has the hash that it records."""
    (kept,) = (LOCKS / "wheels").glob("onvif_zeep-*.whl")
    digest = hashlib.sha256(kept.read_bytes()).hexdigest()
    for name in ("agent", "center", "simulator", "dev"):
        found = re.search(r"^onvif-zeep==.*\n((?: +--hash.*\n)+)", (LOCKS / f"{name}.lock").read_text(), flags=re.M)
        assert re.findall("sha256:([0-9a-f]+)", found[1]) == [digest]
    with zipfile.ZipFile(kept) as archive:
        record = next(one for one in archive.namelist() if one.endswith("/RECORD"))
        rows = [line.split(",") for line in archive.read(record).decode().splitlines()]
        assert {row[0] for row in rows} == set(archive.namelist())
        for name, told, _ in rows:
            digest = base64.urlsafe_b64encode(hashlib.sha256(archive.read(name)).digest()).decode().rstrip("=")
            assert told in (f"sha256={digest}", "" if name == record else None)
        assert "wsdl/devicemgmt.wsdl" in archive.namelist()


def test_repacking_is_the_same_every_time(tmp_path):
    """The same archive gives the same wheel: who builds it anew can compare."""
    top = tmp_path / "onvif_zeep-0.2.12"
    for name in ("onvif/__init__.py", "wsdl/a.wsdl", "LICENSE", "setup.py"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(name)
    (top / "PKG-INFO").write_text("Metadata-Version: 1.2\nName: onvif_zeep\nVersion: 0.2.12\n")
    with tarfile.open(tmp_path / "source.tar.gz", "w:gz") as tar:
        tar.add(top, "onvif_zeep-0.2.12")
    first, second = (repack(tmp_path / "source.tar.gz", tmp_path / one).read_bytes() for one in "ab")
    assert first == second
    with zipfile.ZipFile(tmp_path / "a" / "onvif_zeep-0.2.12-py3-none-any.whl") as archive:
        assert b"Requires-Dist: zeep" in archive.read("onvif_zeep-0.2.12.dist-info/METADATA")
        assert "setup.py" not in archive.namelist()


@pytest.mark.parametrize("first", ["theirs", "ours"])
def test_the_package_config_of_others_and_ours_both_work(wheel, tmp_path, first):
    """Installed beside PyPI's `config`, whichever came first, both are what they were."""
    theirs = tmp_path / "theirs"
    fetched = subprocess.run(
        [
            *PIP,
            "download",
            "-q",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--retries",
            "0",
            "-d",
            theirs,
            "config==0.5.1",
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    if fetched.returncode:
        pytest.skip(f"the package index cannot be reached: {fetched.stderr.strip().splitlines()[-1][:200]}")
    packages = [next(theirs.glob("*.whl")), wheel]
    place = tmp_path / "site"
    for one in packages if first == "theirs" else reversed(packages):
        subprocess.run([*PIP, "install", "-q", "--no-deps", "--no-index", "--target", place, one], check=True)
    code = "import config, contract.shipped as s; print(config.Config.__name__, s.FOLDER, *s.names('policy'))"
    said = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(place)},
    )
    assert said.stdout.split() == ["Config", str(place / "contract" / "data"), "henan-2021-45"]


def test_a_lock_is_read_for_the_machine_it_is_fetched_for():
    """An offline bundle holds what each Python needs there, whichever Python makes it."""
    text = (LOCKS / "agent.lock").read_text()
    versions = {}
    for python in ("3.11", "3.12", "3.13"):
        lines = list(lines_for(text, python, "aarch64"))
        versions[python] = [line for line in lines if line.startswith("numpy==")]
        assert not [line for line in lines if " ; " in line]
        assert sum("--hash" in line for line in lines) >= sum("==" in line for line in lines)
    assert all(len(one) == 1 for one in versions.values())
    assert versions["3.11"] != versions["3.13"]
