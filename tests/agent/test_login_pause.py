"""A wrong password from the camera's side: how many logins it sees, and what is said of it."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from agent.cli import main
from scripts.stage import tool
from simulator.canteen import CameraSpec, Canteen
from tests.support.waiting import PATIENCE_S, until

PASSWORD, WRONG = "canteen-2021", "canary-wrong"


class Site:
    """A camera that locks, and an agent's folder with a password that may be wrong."""

    def __init__(self, canteen: Canteen, folder: Path) -> None:
        self.canteen, self.folder, self.unit = canteen, folder, canteen.camera("stove")
        self.config, self.password = folder / "agent.yaml", folder / "password"
        self.state = folder / "state"
        self.state.mkdir()
        self.password.touch(mode=0o600)
        self.password.write_text(WRONG)
        self.config.write_text(
            "gateway: {id: box-0001, city: '4101'}\nbroker: [{host: 127.0.0.1, port: 9}]\n"
            f"state_dir: {self.state}\nlook: {{interval: 1s, deadline: 900ms}}\ndiscovery: {{enabled: false}}\n"
            f"credentials: {{kitchen: {{user: {self.unit.spec.user}, password: 'file:{self.password}'}}}}\n"
            f"cameras: [{{slot: stove, address: {self.unit.address}, onvif_port: {self.unit.onvif_port},"
            f" rtsp_port: {self.unit.rtsp_port}, credentials: kitchen}}]\n"
        )

    @property
    def logins(self) -> int:
        """So many requests with credentials has the camera seen."""
        return sum(asked.shown for asked in self.canteen.requests("stove"))

    def inspect(self, *words: str, lang: str = "en") -> int:
        return main(["--lang", lang, "inspect", "--config", str(self.config), *words])

    def inspect_address(self, *words: str) -> int:
        where = f"{self.unit.address}:{self.unit.onvif_port}"
        login = ["--username", self.unit.spec.user, "--password-file", str(self.password)]
        return main(
            ["--lang", "en", "inspect", "--address", where, "--rtsp-port", str(self.unit.rtsp_port), *login, *words]
        )

    def status(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self.state / "status.json").read_text())["cameras"][0])
        except (OSError, ValueError):
            return {"reason": None, "detail": ""}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "own"))
    with Canteen([CameraSpec(slot="stove", persona="hikvision-dome", password=PASSWORD)]) as canteen:
        yield Site(canteen, tmp_path)


def test_five_inspections_during_a_pause_send_no_login(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """After a refusal each run says since when and until when, in the language asked for, and logs in no more."""
    site.inspect()
    assert "the camera refuses this login" in capsys.readouterr().err
    refused = site.logins
    assert 1 <= refused <= 2
    for _ in range(5):
        site.inspect()
    said = capsys.readouterr()
    assert site.logins == refused
    assert len(re.findall(r"refused this login at \d\d-\d\d \d\d:\d\d; .* before \d\d-\d\d \d\d:\d\d", said.err)) == 5
    assert "--login-now" in said.err
    assert "wait for the next inspection" not in said.out.lower()
    site.inspect(lang="zh")
    said = capsys.readouterr()
    assert "摄像机拒绝登录" in said.err
    assert "尚未询问" not in said.out
    assert site.logins == refused


def test_the_slots_of_a_recorder_share_one_refusal(site: Site) -> None:
    """Eight slots of one device, ONVIF and RTSP, show a wrong password no more often than one slot does."""
    slot = site.config.read_text().splitlines()[-1].removeprefix("cameras: [").removesuffix("]")
    slots = ", ".join(slot.replace("slot: stove", f"slot: s{n}, stream_path: /s{n}") for n in range(8))
    text = "\n".join([*site.config.read_text().splitlines()[:-1], f"cameras: [{slots}]"])
    site.config.write_text(text + "\n")
    for _ in range(3):
        site.inspect()
    assert 1 <= site.logins <= 2


def test_the_users_of_a_recorder_are_each_told(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """Two logins at one address are two refusals: each is named, at first and while it is paused."""
    lines = site.config.read_text().splitlines()
    slot = lines[-1].removeprefix("cameras: [").removesuffix("]")
    slots = slot.replace("slot: stove", "slot: s1, channel: 1"), slot.replace("slot: stove", "slot: s2, channel: 2")
    lines[-2] = lines[-2].replace("{kitchen:", f"{{other: {{user: bob, password: 'file:{site.password}'}}, kitchen:")
    lines[-1] = f"cameras: [{slots[0]}, {slots[1].replace('credentials: kitchen', 'credentials: other')}]"
    site.config.write_text("\n".join(lines) + "\n")
    for said in ("refuses this login", "refused this login at"):
        site.inspect()
        told = [line for line in capsys.readouterr().err.splitlines() if said in line]
        assert [line[:3] for line in told] == ["s1 ", "s2 "]


def test_a_disk_that_takes_no_record_multiplies_no_login(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the agent's record cannot be written, nor the user's own on disk, memory keeps it."""
    (site.state / "logins.json" / "in the way").mkdir(parents=True)
    (site.folder / "own").touch()
    monkeypatch.setattr("agent.hand_logins.MEMORY", site.folder / "memory")
    for _ in range(4):
        site.inspect()
    assert 1 <= site.logins <= 2


def test_where_no_record_can_be_kept_no_login_is_sent(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else each run would send one; what is wrong is said, and a person may have it tried."""
    (site.state / "logins.json" / "in the way").mkdir(parents=True)
    (site.folder / "own").touch()
    monkeypatch.setattr("agent.hand_logins.MEMORY", site.folder / "own")
    site.inspect()
    assert "repeated runs would lock the account" in capsys.readouterr().err
    site.inspect(lang="zh")
    assert "为免反复执行锁住账号" in capsys.readouterr().err
    assert site.logins == 0
    site.inspect("--login-now")
    assert site.logins >= 1


def test_a_record_that_can_only_be_read_is_minded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another device was found at the slot, by the agent's record, not even a forced login is sent."""
    (site.state / "logins.json").write_text('{"salt":"x","barred":["stove"]}')
    (site.folder / "own").touch()
    monkeypatch.setattr("agent.hand_logins.MEMORY", site.folder / "own")
    (site.state / ".logins.json.lock").mkdir()
    site.inspect("--login-now")
    assert site.logins == 0


def test_a_record_of_impossible_times_is_counted_anew(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """A damaged record stops no command."""
    site.inspect()
    file = site.state / "logins.json"
    file.write_text(re.sub('"wait_s":[0-9.]+', '"wait_s":1e300', file.read_text()))
    assert site.inspect() == 1
    assert "the camera refuses this login" in capsys.readouterr().err


def test_login_now_tries_it_once(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """A person may have the refused login tried; the refusal is added to what is known, and tried nowhere else."""
    site.inspect()
    before = site.logins
    site.inspect("--login-now")
    after = site.logins
    assert 1 <= after - before <= 2
    site.inspect()
    assert site.logins == after
    assert capsys.readouterr().err.count("refuses this login") == 2


def test_a_corrected_password_ends_the_pause_at_once(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """The right password was never refused."""
    site.inspect()
    site.password.write_text(PASSWORD)
    capsys.readouterr()
    site.inspect("--json")
    said = capsys.readouterr()
    assert said.err == ""
    verdicts = {one["clause"]: one["standing"] for one in json.loads(said.out)[0]["verdicts"]}
    assert (verdicts["online"], verdicts["zoom"]) == ("MET", "MET")


@pytest.mark.parametrize("shared", [True, False])
def test_one_address_is_not_locked_by_repeated_runs(
    site: Site, shared: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the agent's folder is known its record is used, so that its pause holds here too; else the user's own."""
    words = ["--config", str(site.config if shared else site.folder / "nowhere.yaml")]
    for _ in range(6):
        site.inspect_address(*words)
    assert 1 <= site.logins <= 2
    assert capsys.readouterr().err.count("refused this login at") == 5
    assert (site.state / "logins.json").exists() is shared
    assert (site.folder / "own" / "canteen-agent" / "logins.json").exists() is not shared
    before = site.logins
    site.inspect()
    assert (site.logins == before) is shared


def test_a_folder_that_cannot_be_written_locks_no_camera(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the agent's record can be read and not written, what a person's runs met is kept in that user's own."""
    may = site.state
    monkeypatch.setattr("agent.hand_logins.os.access", lambda path, mode: not (path == may and mode & 2))
    for _ in range(3):
        site.inspect()
    assert 1 <= site.logins <= 2
    assert (site.folder / "own" / "canteen-agent" / "logins.json").exists()


def test_the_told_end_of_a_pause_stays(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run names the same end, though nobody disciplines the clock and the agent's record can only be read."""
    from agent import settings
    from agent.ask.box.clocks import boot_id
    from agent.hand_logins import HandLogins
    from contract.messages import ClockHealth

    monkeypatch.setattr("agent.ask.box.clocks.clock", lambda: ClockHealth(synced=False))
    floor = {"boot": boot_id(), "at": 0, "utc_ms": time.time_ns() // 1_000_000}
    (site.state / "clock.json").write_text(json.dumps(floor))
    site.inspect()
    monkeypatch.setattr("agent.hand_logins.os.access", lambda path, mode: not (path == site.state and mode & 2))
    (camera,) = settings.load(site.config).cameras
    ends = [HandLogins(site.state, forced=False, lang="en").gate.refusal(camera) for _ in range(2)]
    assert ends[0]
    assert ends[0] == ends[1]


def test_the_agent_names_a_refused_login(site: Site) -> None:
    """REFUSED, not "not asked yet", in status and for the center; one warning; the pause with its times."""
    with (site.folder / "log").open("wb") as log:
        agent = subprocess.Popen(
            [tool("canteen-agent"), "run", "--config", str(site.config)], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        until(lambda: site.status()["reason"] == "REFUSED")
        looked_ms = site.status()["looked_ms"]
        until(lambda: site.status()["looked_ms"] > looked_ms + 10_000)
        seen, logins = site.status(), site.logins
        assert seen["availability"] == "unknown"
        assert "the ONVIF login was refused" in seen["detail"]
        assert seen["login_paused"]
        assert 0 <= time.time() * 1000 - seen["login_refused"]["since_ms"] < 120_000
        assert seen["login_refused"]["until_ms"] - seen["login_refused"]["since_ms"] >= 1_800_000
        assert main(["--lang", "en", "inspect", "--config", str(site.config)]) == 1
        assert site.logins == logins <= 3
    finally:
        agent.terminate()
        agent.wait(PATIENCE_S)
    text = (site.folder / "log").read_text()
    warnings = [line for line in text.splitlines() if line.startswith("WARNING") and "refuses our login" in line]
    assert len(warnings) == 1
    assert re.search(r"stove: unknown -> unknown REFUSED", text)
    assert WRONG not in text


def test_a_password_put_right_at_the_camera_is_found_soon_where_that_is_safe(tmp_path: Path) -> None:
    """A camera that counts attempts down is tried again after a minute, once, and is online again."""
    with Canteen([CameraSpec(slot="stove", persona="dahua-bullet", password=PASSWORD)]) as canteen:
        site = Site(canteen, tmp_path)
        site.password.write_text(PASSWORD)
        site.unit.door.rules = structs.replace(site.unit.door.rules, lock_after=30)  # never down to its owner's last
        with (tmp_path / "log").open("wb") as log:
            agent = subprocess.Popen(
                [tool("canteen-agent"), "run", "--config", str(site.config)], stdout=log, stderr=subprocess.STDOUT
            )
        try:
            until(lambda: site.status().get("availability") == "online", "is online")
            canteen.fault("stove", "wrong-password")
            until(lambda: site.status()["reason"] == "REFUSED", "is refused")
            canteen.fault("stove", "none")
            # Several logins may be under way at that moment: after the third it waits for a quarter of an hour.
            until(lambda: site.status()["availability"] == "online", "is online again", patience_s=1_200)
        finally:
            agent.terminate()
            agent.wait(PATIENCE_S)
        assert json.loads((site.state / "logins.json").read_text())["guards"] == {}


def test_status_shows_a_pause_to_a_person(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """The table names since when the login is refused, when it is tried again and how to end that."""
    with (site.folder / "log").open("wb") as log:
        agent = subprocess.Popen(
            [tool("canteen-agent"), "run", "--config", str(site.config)], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        until(lambda: site.status().get("login_refused") and site.status()["reason"] == "REFUSED")
        main(["--lang", "en", "status", "--config", str(site.config)])
        main(["--lang", "zh", "status", "--config", str(site.config)])
    finally:
        agent.terminate()
        agent.wait(PATIENCE_S)
    shown = re.sub(r"\s+", "", capsys.readouterr().out)
    assert re.search(r"loginrefusedat\d\d-\d\d\d\d:\d\d", shown)
    assert "登录被拒" in shown
