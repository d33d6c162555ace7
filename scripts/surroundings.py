"""What stands around the box in scripts/field-test: simulated cameras, a real broker with TLS, and the center."""

import json
import os
import secrets
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Template
from typing import Any

from contract.shipped import FOLDER
from scripts.site import UPLINK, Site
from scripts.stage import tool

CITY, GATEWAY, BROKER = "4101", "zz-no7-school", "mqtt.example.org"
GUARDED = 8885
"""The port at which a box shows its certificate."""
CAMERAS = {
    "192.168.1.64": ("cook-1", "烹饪间", "hikvision-dome"),
    "192.168.1.65": ("wash-1", "洗消间", "dahua-bullet"),
}
"""As the page says: address -> slot, zone, persona."""


class Surroundings:
    """Everything but the box, in its own folder; `passwords`: of the gateway (mqtt), the cameras and the center."""

    def __init__(self, folder: Path, site: Site) -> None:
        self.folder, self.site = folder, site
        self.database = folder / "center.db"
        self.passwords = {who: secrets.token_urlsafe(12) for who in ("mqtt", "camera", "center")}

    def start(self, stack: ExitStack) -> None:
        """Cameras, broker and center, each where it belongs."""
        for address, (slot, _, persona) in CAMERAS.items():
            scenario = self.folder / f"{slot}.yaml"
            words = (
                f"slot: {slot}, persona: {persona}, address: {address}, onvif_port: 80, rtsp_port: 554, user: viewer"
            )
            scenario.write_text(f"cameras:\n  - {{{words}, password: '{self.passwords['camera']}'}}\n")
            run = [
                tool("canteen-sim"),
                "run",
                "--scenario",
                str(scenario),
                "--control",
                str(self.folder / f"{slot}.sock"),
            ]
            stack.enter_context(self._process(slot, self.site.cameras[address], *run))
        self._broker_files()
        stack.enter_context(
            self._process("broker", self.site.far, "mosquitto", "-c", str(self.folder / "mosquitto.conf"))
        )
        self._registry()
        secret = self.folder / "center.password"
        secret.touch(mode=0o600)
        secret.write_text(self.passwords["center"])
        serve = ["serve", "--database", str(self.database), "--username", "center", "--password-file", str(secret)]
        stack.enter_context(self._process("center", self.site.far, tool("canteen-center"), *serve))

    @contextmanager
    def _process(self, title: str, host: str, *command: str) -> Iterator[None]:
        with (self.folder / f"{title}.log").open("wb") as log:
            environment = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
            words = self.site.inside(host, *command)
            started = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        try:
            yield
        finally:
            started.terminate()
            started.wait(30)

    def make_authority(self) -> None:
        """The broker's certificate and the authority that the electrician gets as ca.pem."""
        made = {
            name: str(self.folder / name) for name in ("ca.pem", "ca.key", "broker.pem", "broker.key", "broker.csr")
        }
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        authority = [
            "-x509",
            *new,
            "-days",
            "30",
            "-subj",
            "/CN=field",
            "-keyout",
            made["ca.key"],
            "-out",
            made["ca.pem"],
        ]
        request = [*new, "-subj", f"/CN={BROKER}", "-keyout", made["broker.key"], "-out", made["broker.csr"]]
        (self.folder / "names").write_text(f"subjectAltName=DNS:{BROKER}\n")
        sign = ["-req", "-in", made["broker.csr"], "-CA", made["ca.pem"], "-CAkey", made["ca.key"], "-CAcreateserial"]
        out = ["-days", "30", "-extfile", str(self.folder / "names"), "-out", made["broker.pem"]]
        for words in (["req", *authority], ["req", *request], ["x509", *sign, *out]):
            subprocess.run(["openssl", *words], check=True, capture_output=True)
        self._bundle()

    def _bundle(self) -> None:
        """What the center hands out for this gateway: a file with the way to the broker and a certificate."""
        key, request, pem = (self.folder / f"gateway.{kind}" for kind in ("key", "csr", "pem"))
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(key)]
        asked = ["req", *new, "-subj", f"/CN={CITY}\\/{GATEWAY}", "-out", str(request)]
        by = ["-CA", str(self.folder / "ca.pem"), "-CAkey", str(self.folder / "ca.key"), "-CAcreateserial"]
        signed = ["x509", "-req", "-in", str(request), *by, "-days", "30", "-out", str(pem)]
        for words in (asked, signed):
            subprocess.run(["openssl", *words], check=True, capture_output=True)
        now = datetime.now(UTC)
        about = {
            "version": 1,
            "gateway": GATEWAY,
            "city": CITY,
            "name": None,
            "broker": {"host": BROKER, "port": GUARDED},
            "issued": now.isoformat(),
            "expires": (now + timedelta(days=30)).isoformat(),
        }
        (self.folder / "bundle.json").write_text(json.dumps(about))
        with tarfile.open(self.folder / f"{GATEWAY}.canteen", "w:gz") as archive:
            for name in ("bundle.json", "ca.pem", "gateway.pem", "gateway.key"):
                archive.add(self.folder / name, name)

    def _broker_files(self) -> None:
        """config/broker as shipped, and beside it the listeners for boxes: TLS with password, or with certificate."""
        users, acl = self.folder / "users", self.folder / "acl"
        users.touch(mode=0o600)
        for user, who in ((f"{CITY}/{GATEWAY}", "mqtt"), ("center", "center")):
            command = ["mosquitto_passwd", "-b", str(users), user, self.passwords[who]]
            subprocess.run(command, check=True, capture_output=True)
        acl.touch(mode=0o600)
        acl.write_text((FOLDER / "broker" / "acl").read_text(encoding="utf-8"))
        shipped = Template((FOLDER / "broker" / "mosquitto.conf").read_text(encoding="utf-8")).substitute(
            ADDRESS="127.0.0.1", PORT=1883, PASSWORDS=users, ACL=acl, DATA=f"{self.folder}/"
        )
        tls = f"cafile {self.folder}/ca.pem\ncertfile {self.folder}/broker.pem\nkeyfile {self.folder}/broker.key\n"
        login = f"allow_anonymous false\npassword_file {users}\nacl_file {acl}\nuse_username_as_clientid true\n"
        shown = (
            f"require_certificate true\nuse_identity_as_username true\nacl_file {acl}\nuse_username_as_clientid true\n"
        )
        by_password, by_certificate = (f"listener {port} {UPLINK}\n{tls}" for port in (8883, GUARDED))
        listeners = f"{by_password}{login}\n{by_certificate}allow_anonymous false\n{shown}"
        (self.folder / "mosquitto.conf").write_text(f"user root\n{shipped}\n{listeners}")

    def _registry(self) -> None:
        accepted = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
        rows = [
            f"{CITY},410102,示范小学食堂,canteen,{zone},{slot},{GATEWAY},{accepted}\n"
            for slot, zone, _ in CAMERAS.values()
        ]
        file = self.folder / "registry.csv"
        file.write_text("city,county,unit,kind,zone,slot,gateway,accepted_at\n" + "".join(rows), encoding="utf-8")
        words = ["registry", "import", str(file), "--database", str(self.database)]
        subprocess.run([tool("canteen-center"), *words], check=True, stdout=subprocess.DEVNULL)

    def versions(self) -> Any:
        """What `gateways --versions` says."""
        words = [tool("canteen-center"), "gateways", "--versions", "--database", str(self.database), "--json"]
        return json.loads(subprocess.run(words, capture_output=True, text=True, check=False).stdout)

    def agrees(self) -> bool:
        words = [tool("canteen-center"), "rate", "--database", str(self.database), "--level", "slot", "--json"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        rows = json.loads(done.stdout)["rows"] if done.stdout else []
        return len(rows) == len(CAMERAS) and all(row["on_ms"] > 0 and row["point_in_time"]["online"] for row in rows)
