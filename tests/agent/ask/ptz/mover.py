"""An agent that moves one camera, for a test to kill. Its argument: a folder with order.json inside."""

import sys
from pathlib import Path

from agent.ask.ptz import intent
from agent.ask.ptz import parent as ptz


def main(folder: Path) -> None:
    order = intent.decode_order((folder / "order.json").read_bytes())
    ptz.move(order.camera, order.capabilities, max_away_s=60.0, intent_file=folder / "moving.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
