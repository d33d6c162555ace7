"""Setup on a network of its own: a camera is named by its MAC, which is written down as its identity."""

import json
import subprocess
from pathlib import Path

from agent import settings
from scripts.stage import tool
from tests.agent.setup.house import PASSWORD, members, packed
from tests.support.authority import Authority
from tests.support.netns import Cable, needs_netns, run
from tests.support.waiting import PATIENCE_S, until

pytestmark = needs_netns
BOX, CAMERA = "192.168.77.1", "192.168.77.64"


def test_a_camera_is_found_by_its_mac(tmp_path: Path) -> None:
    """Multicast, real ports, no address in the answers: who has the MAC is the one."""
    scenario, log = tmp_path / "scenario.yaml", tmp_path / "faults.jsonl"
    words = f"slot: stove, persona: hikvision-dome, address: {CAMERA}, onvif_port: 80, rtsp_port: 554, user: admin"
    scenario.write_text(f"cameras:\n  - {{{words}, password: {json.dumps(PASSWORD)}}}\n")
    etc, secret = tmp_path / "etc", tmp_path / "secret"
    etc.mkdir()
    secret.touch(mode=0o600)
    secret.write_text(PASSWORD)
    packed(tmp_path / "gw.canteen", members(Authority(tmp_path / "authority")))
    with Cable(f"{BOX}/24", f"{CAMERA}/24") as cable:
        mac = run(*cable.inside("lan"), "cat", "/sys/class/net/eth0/address").strip()
        (tmp_path / "answers.yaml").write_text(
            "bundle: gw.canteen\nreport: null\nstart: false\n"
            f"logins: {{kitchen: {{user: admin, password: 'file:{secret}'}}}}\n"
            f"cameras: [{{slot: stove, mac: '{mac.upper()}', login: kitchen}}]\n"
        )
        control = ["--control", str(tmp_path / "sim.sock"), "--log", str(log)]
        simulator = [*cable.inside("lan"), tool("canteen-sim"), "run", "--scenario", str(scenario), *control]
        with subprocess.Popen(simulator, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                until(lambda: log.exists() and log.read_text())
                config = ["--config", str(etc / "agent.yaml"), "--answers", str(tmp_path / "answers.yaml")]
                command = [*cable.inside("box"), tool("canteen-agent"), "--lang", "en", "setup", *config]
                done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
            finally:
                process.terminate()
    assert done.returncode == 0, done.stdout + done.stderr
    (camera,) = settings.load(etc / "agent.yaml").cameras
    assert (camera.address, camera.ports.onvif, camera.ports.rtsp) == (CAMERA, 80, 554)
    assert (camera.identity.mac, camera.identity.epr) == (mac, "")
