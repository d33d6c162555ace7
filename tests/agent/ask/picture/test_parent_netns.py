"""Pictures of hostile cameras, with every connection counted by the kernel."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.netns import needs_netns
from tests.support.waiting import PATIENCE_S

pytestmark = needs_netns


def test_nobody_but_the_enrolled_is_called() -> None:
    """Each attack has its name; no connection leaves the enrolled addresses and ports, no password goes in clear."""
    command = ["unshare", "-n", sys.executable, "-m", "tests.agent.ask.picture.hostile_pictures"]
    root = Path(__file__).parents[4]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["reasons"] == {
        "redirect": "HOSTILE",
        "redirect at PLAY": "HOSTILE",
        "basic": "REFUSED",
        "basic at SETUP": "REFUSED",
        "foreign description": "seen",
        "line feed": "MALFORMED",
        "2 GB": "HOSTILE",
        "bomb": "HOSTILE",
        "silent": "TIMED_OUT",
        "drip": "TIMED_OUT",
    }
    assert told["opened"] == told["enrolled"] >= 9
    assert told["other"] == 0
    assert told["shown"] == []
