"""Hostile cameras in a network of their own, every connection counted by the kernel: run inside `unshare -n`.

Prints one line of JSON: reasons by camera, connections opened to enrolled ports and in all, and what must not be there.
"""

import base64
import json
import subprocess
from contextlib import ExitStack

from agent.ask.picture import parent as pictures
from agent.model import NotSeen
from tests import evil
from tests.agent.ask.rtsp import players
from tests.agent.ask.rtsp.players import adds, clip, plays, rtp, says

ELSEWHERE = "127.66.6.6:554"
RULES = """
table inet counted {{
  counter enrolled {{}}
  counter opened {{}}
  counter other {{}}
  chain out {{
    type filter hook output priority 0
    ip daddr . tcp dport {{ {enrolled} }} tcp flags & (syn | ack) == syn counter name enrolled
    tcp flags & (syn | ack) == syn counter name opened
    meta l4proto != tcp counter name other
  }}
}}
"""


def kinds() -> dict[str, evil.Behaviour]:
    sound = list(rtp(clip(320, 240)))
    basic = says("401 Unauthorized", WWW_Authenticate='Basic realm="camera"')
    foreign = f"rtsp://{ELSEWHERE}/x"
    described = players.sdp(control=foreign) + f"a=control:{foreign}\r\nc=IN IP4 {ELSEWHERE}\r\n".encode()
    return {
        "redirect": plays(sound, login=players.CHALLENGE, changes={"DESCRIBE": says("302 Moved", Location=foreign)}),
        "redirect at PLAY": plays(sound, changes={"PLAY": says("302 Moved", Location=f"http://{ELSEWHERE}/x")}),
        "basic": plays(sound, login='Basic realm="camera"'),
        "basic at SETUP": plays(sound, login=players.CHALLENGE, changes={"SETUP": basic}),
        "foreign description": plays(sound, login=players.CHALLENGE, description=described),
        "line feed": plays(sound),
        "2 GB": plays(sound, changes={"DESCRIBE": adds(Content_Length="2000000000")}),
        "bomb": plays(rtp(players.bomb())),
        "silent": evil.silent,
        "drip": evil.drip(b"RTSP/1.0 200 OK\r\n" * 100),
    }


def counted() -> dict[str, int]:
    listed = subprocess.run(["nft", "-j", "list", "counters"], check=True, capture_output=True, text=True).stdout
    return {
        one["counter"]["name"]: one["counter"]["packets"] for one in json.loads(listed)["nftables"] if "counter" in one
    }


def main() -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with ExitStack() as stack:
        servers = {slot: stack.enter_context(evil.Server(behave)) for slot, behave in kinds().items()}
        enrolled = ", ".join(f"{server.address} . {server.port}" for server in servers.values())
        subprocess.run(["nft", "-f", "-"], input=RULES.format(enrolled=enrolled), text=True, check=True)
        cameras = [
            server.camera(slot=slot, **({"stream_path": "/a\r\nInjected: yes"} if slot == "line feed" else {}))
            for slot, server in servers.items()
        ]
        told = pictures.check(cameras, log_in=set(servers), source="sub", measured=False, deadline_s=6.0)
        reasons = {one.slot: str(one.picture.reason) if isinstance(one.picture, NotSeen) else "seen" for one in told}
    sent = b"".join(request for server in servers.values() for request in server.requests)
    secrets = (b"sekret", base64.b64encode(b"admin:sekret").rstrip(b"="), b"Injected")
    print(json.dumps({"reasons": reasons, **counted(), "shown": [s.decode() for s in secrets if s in sent]}))


if __name__ == "__main__":
    main()
