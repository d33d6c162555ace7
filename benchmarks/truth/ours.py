"""Our own contender: the agent in its box, a real mosquitto and the center beyond the uplink, all as shipped.

What is told is the center's: its timeline of each camera, and the rate as `canteen-center rate` prints it.
"""

import json
import secrets
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Any

import sqlalchemy as sa

from benchmarks.truth.cast import CAST, Actor, Plan
from benchmarks.truth.lan import FAR, ROOT
from benchmarks.truth.poll import Target
from benchmarks.truth.score import OFFLINE, ONLINE, Span
from center.arguments import POLICY
from center.intervals import difference
from center.rate import Rules
from center.report import When, told
from center.store import Store
from contract.policy import load_policy
from contract.shipped import FOLDER

AGENT, CENTER = ([sys.executable, "-m", module] for module in ("agent", "center.cli"))
"""This tree's own, whichever is installed; run in ROOT."""
CITY, GATEWAY, BROKER_PORT = "4101", "zz-truth-0001", 1883


class Ours:
    """The agent may run before the center, whose registry says when the measurement begins."""

    def __init__(self, folder: Path, plan: Plan, targets: dict[str, Target]) -> None:
        self.folder, self.plan, self.targets = folder, plan, targets
        self.begin_ms = 0
        self.database, self.state = folder / "center.db", folder / "state"
        self._passwords = {who: secrets.token_urlsafe(12) for who in ("agent", "center")}
        self._write()

    def _secret(self, name: str, value: str) -> Path:
        file = self.folder / f"{name}.password"
        file.touch(mode=0o600)
        file.write_text(value + "\n")
        return file

    def _write(self) -> None:
        self.state.mkdir()
        self._broker()
        self._agent()

    def _broker(self) -> None:
        users, acl = self.folder / "users", self.folder / "acl"
        users.touch(mode=0o600)
        for user, who in ((f"{CITY}/{GATEWAY}", "agent"), ("center", "center")):
            command = ["mosquitto_passwd", "-b", str(users), user, self._passwords[who]]
            subprocess.run(command, check=True, capture_output=True)
        acl.touch(mode=0o600)
        acl.write_text((FOLDER / "broker" / "acl").read_text(encoding="utf-8"))
        shipped = Template((FOLDER / "broker" / "mosquitto.conf").read_text(encoding="utf-8")).substitute(
            ADDRESS=FAR, PORT=BROKER_PORT, PASSWORDS=users, ACL=acl, DATA=f"{self.folder}/"
        )
        (self.folder / "mosquitto.conf").write_text(f"user root\n{shipped}")

    def _agent(self) -> None:
        """As shipped; in a shortened plan every interval is shortened alike."""
        plan = self.plan
        lines = [
            f"gateway: {{id: {GATEWAY}, city: '{CITY}'}}",
            f"broker: [{{host: {FAR}, port: {BROKER_PORT}, tls: null, "
            f"password: 'file:{self._secret('agent', self._passwords['agent'])}'}}]",
            f"state_dir: {self.state}",
            f"look: {{interval: {plan.look_s:g}s}}",
            f"heartbeat: {{interval: {plan.beat_s:g}s}}",
            f"picture: {{interval: {plan.picture_s:g}s}}",
            "discovery: {interfaces: [eth0]}",
            "credentials:",
        ]
        for slot, one in self.targets.items():
            if one.user:
                password = self._secret(f"camera-{slot}", one.password)
                lines.append(f"  {slot}: {{user: {one.user}, password: 'file:{password}'}}")
        lines.append("cameras:")
        lines += [self._camera(one, self.targets[one.slot]) for one in CAST]
        (self.folder / "agent.yaml").write_text("\n".join(lines) + "\n")

    @staticmethod
    def _camera(actor: Actor, target: Target) -> str:
        words = [f"slot: {actor.slot}", f"address: {target.address}", f"rtsp_port: {target.rtsp_port}"]
        if target.onvif_port:
            words.append(f"onvif_port: {target.onvif_port}")
        else:
            words.append(f"stream_path: {target.path}")
        if target.user:
            words.append(f"credentials: {actor.slot}")
        return f"  - {{{', '.join(words)}}}"

    # ---- commands -------------------------------------------------------------------------------

    def broker(self) -> list[str]:
        return ["mosquitto", "-c", str(self.folder / "mosquitto.conf")]

    def center(self) -> list[str]:
        password = self._secret("center", self._passwords["center"])
        login = ["--username", "center", "--password-file", str(password), "--print-interval", "0"]
        serve = [*CENTER, "serve", "--database", str(self.database)]
        return [*serve, "--broker", f"{FAR}:{BROKER_PORT}", *login]

    def agent(self) -> list[str]:
        return [*AGENT, "run", "--config", str(self.folder / "agent.yaml")]

    def register(self, begin_ms: int) -> None:
        """Every position in service from `begin_ms` on, a whole second. Raises RuntimeError."""
        self.begin_ms = begin_ms
        accepted = datetime.fromtimestamp(begin_ms / 1000, UTC).isoformat()
        rows = [f"{CITY},410102,示范小学食堂,canteen,厨房,{one.slot},{GATEWAY},{accepted}\n" for one in CAST]
        head = "city,county,unit,kind,zone,slot,gateway,accepted_at\n"
        (self.folder / "registry.csv").write_text(head + "".join(rows), encoding="utf-8")
        words = ["registry", "import", str(self.folder / "registry.csv"), "--database", str(self.database)]
        done = subprocess.run([*CENTER, *words], capture_output=True, text=True, check=False, cwd=ROOT)
        if done.returncode:
            raise RuntimeError(f"the registry could not be imported: {done.stdout}{done.stderr}")

    # ---- what it says ---------------------------------------------------------------------------

    def status(self) -> list[dict[str, Any]]:
        try:
            return list(json.loads((self.state / "status.json").read_text())["cameras"])
        except (OSError, ValueError):
            return []

    def timelines(self, end_ms: int) -> dict[str, list[Span]]:
        """Each slot's time as the center counts it in the rate."""
        rules, store = _rules(), Store(str(self.database), create=False)
        try:
            with store.read() as reader:
                rows = list(told(reader, When("", (self.begin_ms, end_ms), end_ms, live=False), rules))
        finally:
            store.close()
        found: dict[str, list[Span]] = {}
        for position, known, dark in rows:
            on = difference(known.on, dark) if rules.dark == "visible" else known.on
            spans = [Span(b, e, ONLINE) for b, e in on] + [Span(b, e, OFFLINE) for b, e in known.off]
            found[position.bounds[0].slot] = sorted(spans)
        return found

    def rates(self, end_ms: int) -> dict[str, Any]:
        """As printed: slot -> row, "" -> the canteen's."""
        at = datetime.fromtimestamp(end_ms / 1000, UTC).isoformat()
        words = ["rate", "--database", str(self.database), "--level", "slot", "--json", "--at", at]
        done = subprocess.run([*CENTER, *words], capture_output=True, text=True, check=False, cwd=ROOT)
        if done.returncode:
            raise RuntimeError(f"the center could not compute the rate: {done.stderr}")
        made = json.loads(done.stdout)
        return {row["key"].rpartition("/")[2]: row for row in made["rows"]} | {"": made["total"]}

    def known(self) -> dict[str, list[tuple[int, str]]]:
        """Slot -> (when the center received it, state), in order."""
        engine = sa.create_engine(f"sqlite:///file:{self.database}?mode=ro&uri=true")
        try:
            with engine.connect() as there:
                query = sa.text("SELECT received_ms, payload FROM events WHERE kind = 'transition' ORDER BY seq")
                rows = [(int(at), json.loads(payload)) for at, payload in there.execute(query)]
        finally:
            engine.dispose()
        found: dict[str, list[tuple[int, str]]] = {one.slot: [] for one in CAST}
        for at, event in rows:
            found[event["slot"]].append((at, event["to"]))
        return found


def _rules() -> Rules:
    policy = load_policy(POLICY)
    rate = policy.rate
    dark = (rate.dark.value, round(rate.dark_after.value * 1000), round(rate.testimony_within.value * 1000))
    return Rules(*dark, frozenset(kind.id for kind in policy.kinds if kind.counts), rate.windows.value == "calendar")
