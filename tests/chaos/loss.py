"""R9 on a wire of its own: lost datagrams make no camera offline, and a port behind a firewall is named."""

import time

from benchmarks.measure import Figure
from tests.chaos import trials
from tests.chaos.cameras import names
from tests.chaos.options import Options, folder
from tests.chaos.site import Site, cast_of, until
from tests.support.netns import Cable

CAMERAS = 16
NETWORK = "10.78.0"
LOST_PERCENT = 30
NEW_RTSP = "tcp dport 8554 tcp flags & (syn | ack) == syn counter"
"""One for each connection a look makes to a camera's stream."""


def run(options: Options) -> list[Figure]:
    looks = 150 if options.quick else 1000
    with (
        folder(options, "loss") as home,
        Cable(f"{NETWORK}.1/24", *(f"{NETWORK}.{11 + i}/24" for i in range(CAMERAS))) as cable,
        Site(home, cast_of(CAMERAS), look_s=2, deadline_s=1.5, network=NETWORK) as site,
    ):
        config = site.config.read_text()
        site.config.write_text(config.replace("loopback: true, interfaces: [lo]", "interval: 10s"))
        site.prefix = {title: cable.inside("box") for title in ("broker", "center", "agent")}
        site.prefix["simulator"] = cable.inside("lan")
        drop = f"meta l4proto udp numgen random mod 100 < {LOST_PERCENT} counter drop"
        cable.rules("box", [drop])
        cable.rules("lan", [drop.replace("counter ", ""), NEW_RTSP])
        trials.started(site)
        since, before, began = trials.boot_ms(), cable.counted("lan"), time.monotonic()
        until(lambda: cable.counted("lan") - before >= looks, 600, f"{looks} looks", 1)
        took_s = time.monotonic() - began
        seen = cable.counted("lan") - before
        false = [name for one in site.cast for name in names(site, one.slot, since) if name[0] == "offline"]
        dropped = cable.counted("box")
        blocked = _blocked(site, cable)
    return [
        Figure(
            "R9", f"false offline at {LOST_PERCENT} % UDP loss", len(false), "", 0, f"{seen} looks in {took_s:.0f} s"
        ),
        Figure("R9", "datagrams dropped on their way to the box", dropped, "", None),
        Figure(
            "R9", "port blocked by a firewall, named offline UNREACHABLE", blocked, "s", 2 * 2 + 1.5 + 3, "look 2 s"
        ),
    ]


def _blocked(site: Site, cable: Cable) -> float:
    """The firewall drops what goes to one camera's stream; seconds until the center has the name of that."""
    victim = site.cast[0]
    since = trials.boot_ms()
    cable.rules("lan", [f"ip daddr {victim.address} tcp dport 8554 drop"])
    return until(lambda: ("offline", "UNREACHABLE") in names(site, victim.slot, since), 60, "the blocked port is named")
