#!/usr/bin/python3 -I
"""Puts a version of the agent into its place, watches over it, and takes the version before back where it fails.

Installed as /opt/canteen-agent/upgrade. It needs Python's own library only and imports nothing of the agent, so that no
version can break it; what it knows of one it asks by `canteen-agent status --json`.
升级：换上新版本并观察一段时间；不如升级前，则自动恢复原版本，并说明原因。

    upgrade to FOLDER     by scripts/install and the Debian package: FOLDER becomes the running version, on trial
    upgrade watch         by canteen-agent-upgrade.service, also after each start of the box: goes on where it was
    upgrade forget        what was rolled back may be installed once more

A version on trial has to see every camera that was online before, and to reach the broker where that was reached. What
is meant to be so is written down before it is done: after a cut at any moment `watch` brings it about.
"""

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

Json = dict[str, Any]
SERVICE, GUARD = "canteen-agent.service", "canteen-agent-upgrade.service"
TRIAL_S = 900.0
"""A version that is as good as the one before after so long stays. CANTEEN_TRIAL_S in the environment, or --trial."""
LONGEST_TRIAL_S = 86_400.0
EVERY_S = 10.0
STALE_S = 60.0
"""A status of the agent's that is older says nothing of the present; it writes one every 15 s."""
ASKED_S, RESTARTED_S = 60.0, 180.0
"""For `canteen-agent status` and systemctl, on a slow box that has just started; for a stop and a start."""
MAX_ENDS = 3
"""So many times may a version on trial end, or the box start, before it is judged."""
MAX_REFUSED = 20
REFUSED = 3
"""Exit code of `to` for a version that was rolled back before."""


_KEYS = {"from", "to", "from_version", "to_version", "at_s", "trial_s", "before", "boots", "refused"}
"""Of the record of an upgrade, beside `state` (trial, kept, rolled_back) and why it was rolled back (`en`, `zh`)."""


class Words(NamedTuple):
    """The same in both languages."""

    en: str
    zh: str


class Before(NamedTuple):
    """What the version before did just before the upgrade. `online`: slots. `connected`: to the broker."""

    online: list[str]
    connected: bool


# ---- what is judged, without looking at anything ------------------------------------------------


def complaints(before: Before, now: Json | None, why: str = "") -> Words | None:
    """What the version on trial does less well than the one before; None = nothing. `now`: its fresh status."""
    if now is None:
        return Words(f"it does not run as it should: {_plain(why)}", f"未正常运行：{_plain(why)}")
    if before.connected and not now["uplink"]["connected"]:
        detail = _plain(now["uplink"]["detail"])
        return Words(
            f"the broker was reached before, and is not now: {detail}", f"升级前能连接消息服务器，现在不能：{detail}"
        )
    cameras = {one["slot"]: one for one in now["cameras"]}
    lost = [slot for slot in before.online if cameras.get(slot, {}).get("availability") != "online"]
    if lost:
        named = (f"{slot} ({cameras[slot].get('reason') or '?'})" if slot in cameras else slot for slot in lost)
        names = _plain(", ".join(named))
        return Words(f"online before, and not now: {names}", f"升级前在线，现在不在线：{names}")
    return None


def _plain(text: object) -> str:
    """One bounded line: what an agent says may be what a camera or a broker said."""
    return "".join(c if c.isprintable() else " " for c in str(text))[:300]


class Judge:
    """One trial. `ask(passed_s, complaint)` at every look gives the verdict: keep, back, or None = go on.

    What counts is whether all is well at the end. Where it was, and is no longer, it may be a cable: it gets the same
    time once more.
    """

    def __init__(self, trial_s: float) -> None:
        self._trial_s, self._was_well = trial_s, False

    def ask(self, passed_s: float, complaint: Words | None) -> str | None:
        self._was_well = self._was_well or complaint is None
        if passed_s < self._trial_s:
            return None
        if complaint is None:
            return "keep"
        return "back" if not self._was_well or passed_s >= 2 * self._trial_s else None


# ---- what stands on the disk --------------------------------------------------------------------


class Place:
    """The folder with the versions, the link `current` to the one that runs, and the record of the last upgrade."""

    def __init__(self, opt: Path, units: Path) -> None:
        self.opt, self._units = opt, units
        self.record_file, self._current = opt / "upgrade.json", opt / "current"

    def record(self) -> Json:
        """{} where there is none, or one that cannot be read."""
        try:
            found = json.loads(self.record_file.read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) and found.keys() >= _KEYS else {}

    def write(self, record: Json) -> None:
        """A power cut leaves this one or the one before, whole."""
        _replace(self.record_file, json.dumps(record, ensure_ascii=False, indent=1).encode())

    def current(self) -> str:
        """The name of the folder that `current` leads to, "" = none that is there."""
        try:
            return self._current.resolve(strict=True).name
        except OSError:
            return ""

    def whole(self, name: str) -> bool:
        return bool(name) and (self.opt / name / ".complete").exists()

    def set_current(self, name: str) -> bool:
        """The version and its unit take their places; whether anything changed."""
        unit, its_unit = self._units / SERVICE, self.opt / name / SERVICE
        changed = False
        if its_unit.exists() and (not unit.exists() or unit.read_bytes() != its_unit.read_bytes()):
            _replace(unit, its_unit.read_bytes())
            changed = True
        if self.current() != name:
            new = self.opt / "current.new"
            new.unlink(missing_ok=True)
            new.symlink_to(self.opt / name)
            new.replace(self._current)
            _sync(self.opt)
            changed = True
        return changed

    def keep_unit(self, name: str) -> None:
        """A version from before the units lay beside them: its unit is the one that is in use."""
        unit, its_unit = self._units / SERVICE, self.opt / name / SERVICE
        if unit.exists() and not its_unit.exists():
            _replace(its_unit, unit.read_bytes())

    def version(self, name: str) -> str:
        found = sorted((self.opt / name).glob("lib/python*/site-packages/canteen_agent-*.dist-info"))
        return found[0].name.removeprefix("canteen_agent-").removesuffix(".dist-info") if found else name

    def remove_others(self, *kept: str) -> None:
        """Every version but these. Half a deletion is none: what is to go loses its mark first."""
        for folder in self.opt.glob("venv-*"):
            if folder.name not in kept:
                (folder / ".complete").unlink(missing_ok=True)
                shutil.rmtree(folder, ignore_errors=True)


def _replace(path: Path, content: bytes) -> None:
    new = path.with_name(f".{path.name}.new")
    with new.open("wb") as file:
        file.write(content)
        os.fchmod(file.fileno(), 0o644)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# ---- what runs ----------------------------------------------------------------------------------


def systemctl(*words: str) -> str:
    """What it says; "" where systemd does not run here, or does not answer."""
    try:
        done = subprocess.run(["systemctl", *words], capture_output=True, text=True, timeout=RESTARTED_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


class Service(NamedTuple):
    """`pid`: 0 = it does not run now. `ends`: how often it was started anew. `failed`: it is given up."""

    pid: int
    ends: int
    failed: bool


def service() -> Service:
    said = systemctl("show", SERVICE, "-p", "MainPID,NRestarts,ActiveState")
    shown = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    pid, ends = (int(shown[key]) if shown.get(key, "").isdecimal() else 0 for key in ("MainPID", "NRestarts"))
    return Service(pid, ends, shown.get("ActiveState") == "failed")


def status(place: Place, config: str, pid: int) -> tuple[Json | None, str]:
    """The fresh status of the agent with this PID; None with why there is none."""
    if not pid:
        return None, "no process 没有进程"
    try:
        done = subprocess.run(
            [place.opt / "current" / "bin" / "canteen-agent", "status", "--json", "--config", config],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ASKED_S,
            check=False,
        )
        now = json.loads(done.stdout)
        age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - now["at_boot_ms"] / 1000
        if now["pid"] != pid or not _boot().startswith(now["boot"]) or age_s > STALE_S:
            return None, "no status yet 还没有状态"
        _ = now["uplink"]["connected"], now["uplink"]["detail"], [one["slot"] for one in now["cameras"]]
    except subprocess.TimeoutExpired:
        return None, "canteen-agent status: no answer 无应答"
    except OSError as error:
        return None, f"canteen-agent: {error.strerror}"
    except (ValueError, KeyError, TypeError):
        return None, (done.stderr.strip().splitlines() or ["no status 没有状态"])[-1]
    return now, ""


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


# ---- an upgrade ---------------------------------------------------------------------------------


class Upgrade:
    def __init__(self, place: Place, config: str) -> None:
        self._place, self._config = place, config

    def to(self, name: str, trial_s: float) -> int:
        """`name` becomes the running version: on trial where there is a running one to compare it with."""
        place, record = self._place, self._place.record()
        on_trial = record.get("state") == "trial"
        if was := record.get("refused", {}).get(name):
            version, day, allow = was["version"], _day(was["at_s"]), f"sudo {place.opt}/upgrade forget"
            _say(
                f"{version} 曾于 {day} 被退回：{was['zh']}；要再试一次：先执行 {allow}",
                f"{version} was rolled back on {day}: {was['en']}; to try it once more, first run: {allow}",
            )
            return REFUSED
        if name == place.current():
            self._enforce(name, "try-restart")
            if on_trial:
                systemctl("start", "--no-block", GUARD)
            return 0
        if on_trial and name == record["from"]:
            return self._roll_back(record, Words("the version before was installed again", "重新安装了原版本"))
        proven = record["from"] if on_trial else place.current()
        if not place.whole(proven) or not (on_trial or service().pid):  # there is nothing to compare it with
            if record:
                place.write({**record, "state": ""})
            self._enforce(name, "try-restart")
            place.remove_others(name)
            return 0
        before = Before(**record["before"]) if on_trial else self._before()
        place.keep_unit(proven)
        old, new = place.version(proven), place.version(name)
        trial = {"from": proven, "to": name, "from_version": old, "to_version": new, "at_s": _now_s()}
        told = {"trial_s": trial_s, "before": before._asdict(), "boots": [], "refused": record.get("refused", {})}
        place.write({"state": "trial", **trial, **told})
        self._enforce(name)
        place.remove_others(proven, name)
        systemctl("restart", "--no-block", GUARD)
        minutes = f"{trial_s / 60:.3g}"
        _say(
            f"{new} 试运行 {minutes} 分钟；不如升级前，则自动恢复 {old}",
            f"{new} is on trial for {minutes} minutes; if it does less well than {old}, that one comes back by itself",
        )
        return 0

    def forget(self) -> int:
        """What was rolled back may be tried again."""
        if record := self._place.record():
            self._place.write({**record, "refused": {}})
        return 0

    def _before(self) -> Before:
        now, why = status(self._place, self._config, service().pid)
        if now is None:
            _say(f"升级前的状态未知：{why}", f"how it was before is not known: {why}")
            return Before([], connected=False)
        online = [one["slot"] for one in now["cameras"] if one["availability"] == "online"]
        return Before(online, bool(now["uplink"]["connected"]))

    def _enforce(self, name: str, how: str = "restart") -> None:
        """The version that is meant to run runs."""
        if self._place.set_current(name):
            systemctl("daemon-reload")
            systemctl(how, SERVICE)

    def watch(self) -> int:
        """Until the trial is decided."""
        record = self._place.record()
        if record.get("state") == "rolled_back":  # and maybe cut before it was
            self._back(record)
        elif record.get("state") == "kept":
            self._tidy(record["to"])
        if record.get("state") != "trial":
            return 0
        if not self._place.whole(record["to"]):
            return self._roll_back(record, Words("its folder is gone or damaged", "其目录缺失或损坏"))
        record["boots"] = [*dict.fromkeys([*record["boots"], _boot()])]
        self._place.write(record)
        if len(record["boots"]) > MAX_ENDS:
            often = len(record["boots"])
            return self._roll_back(
                record, Words(f"the box was started {often} times meanwhile", f"其间网关启动了 {often} 次")
            )
        self._enforce(record["to"])
        return self._trial(record)

    def _trial(self, record: Json) -> int:
        judge, before = Judge(record["trial_s"]), Before(**record["before"])
        began, said = time.monotonic(), ""
        while True:
            time.sleep(min(EVERY_S, record["trial_s"] / 5))
            runs = service()
            if runs.failed or runs.ends >= MAX_ENDS:
                words = Words(f"it ended {runs.ends} times", f"启动后 {runs.ends} 次退出")
                return self._roll_back(record, Words("it does not start", "无法启动") if runs.failed else words)
            complaint = complaints(before, *status(self._place, self._config, runs.pid))
            if complaint and complaint.en != said:
                _say(f"试运行：{complaint.zh}", f"on trial: {complaint.en}")
            said = complaint.en if complaint else ""
            verdict = judge.ask(time.monotonic() - began, complaint)
            if verdict == "back" and complaint:
                return self._roll_back(record, complaint)
            if verdict == "keep":
                self._place.write({**record, "state": "kept", "at_s": _now_s()})
                self._tidy(record["to"])
                _say(
                    f"{record['to_version']} 通过试运行",
                    f"{record['to_version']} is as good as the version before, and stays",
                )
                return 0

    def _roll_back(self, record: Json, why: Words) -> int:
        entry = {"version": record["to_version"], "at_s": _now_s(), **why._asdict()}
        refused = {**record["refused"], record["to"]: entry}
        kept = dict(list(refused.items())[-MAX_REFUSED:])
        self._place.write({**record, "state": "rolled_back", "at_s": _now_s(), **why._asdict(), "refused": kept})
        _say(
            f"{record['to_version']} 被退回，恢复 {record['from_version']}：{why.zh}",
            f"{record['to_version']} is rolled back to {record['from_version']}: {why.en}",
        )
        self._back(record)
        return 0

    def _back(self, record: Json) -> None:
        if self._place.current() in (record["to"], "") and self._place.whole(record["from"]):
            self._enforce(record["from"])
        self._tidy(self._place.current())

    def _tidy(self, kept: str) -> None:
        """What is of no more use leaves the card; unless an installation makes a new version just now."""
        with _installing() as free:
            if free and self._place.whole(kept):
                self._place.remove_others(kept)


@contextlib.contextmanager
def _installing(lock: Path = Path("/run/lock/canteen-install")) -> Iterator[bool]:
    """Whether nobody else installs; nobody begins meanwhile."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _now_s() -> int:
    return int(time.time())


def _day(at_s: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(at_s + 8 * 3600))


def _say(zh: str, en: str) -> None:
    print(f"{zh}\n{en}", flush=True)


def _seconds(text: str) -> float:
    found = float(text)
    if not 1 <= found <= LONGEST_TRIAL_S:
        raise argparse.ArgumentTypeError(f"1 to {LONGEST_TRIAL_S:g}, not {text}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="upgrade", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--config", default="/etc/canteen-agent/agent.yaml", metavar="FILE", help="the agent's 配置文件"
    )
    units = Path("/etc/systemd/system")
    parser.add_argument("--units", type=Path, default=units, metavar="DIR", help="where the unit lies 服务单元所在目录")
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    to = acts.add_parser("to", help="a version takes its place 换上新版本")
    to.add_argument("folder", type=Path, help="beside this program 与本程序同一目录")
    wanted = os.environ.get("CANTEEN_TRIAL_S") or str(TRIAL_S)
    to.add_argument(
        "--trial", type=_seconds, default=wanted, metavar="S", help="seconds on trial 试运行秒数 (%(default)s)"
    )
    acts.add_parser("watch", help="judge the version on trial 观察试运行的版本")
    acts.add_parser("forget", help="what was rolled back may be tried again 允许再试曾被退回的版本")
    options = parser.parse_args()
    place = Place(Path(__file__).resolve().parent, options.units)
    upgrade = Upgrade(place, options.config)
    if options.act != "to":
        return upgrade.watch() if options.act == "watch" else upgrade.forget()
    if options.folder.parent.resolve() != place.opt or not place.whole(options.folder.name):
        parser.error(f"{options.folder}: no complete version beside {place.opt / 'upgrade'} 不是完整的版本")
    return upgrade.to(options.folder.name, options.trial)


if __name__ == "__main__":
    sys.exit(main())
