"""What a picture is to show, as a value: where the camera looks, in which kitchen, with which fault.

How it is drawn must not be known here.
"""

from typing import NamedTuple

SCENES = {
    "day": "the kitchen at work",
    "night": "sound: infrared light at night, grey and grainy",
    "steam": "sound: steam over the stoves",
    "white-tiles": "sound: an empty kitchen of white tiles",
    "window-light": "sound: the sun in a window",
}
TEXTS = ("stamp", "hikvision", "dahua", "large", "school")
"""What is written into the picture (kitchen.captions)."""
FREEZING = {"freeze", "freeze-all"}


class Shot(NamedTuple):
    """`pan`, `tilt`, `fov`: degrees; `zoom` >= 1, `digital`: by cutting out; `defocus` 0..1; `stamp`: date and time."""

    pan: float = 0.0
    tilt: float = -15.0
    zoom: float = 1.0
    digital: bool = False
    fov: float = 60.0
    defocus: float = 0.0
    scene: str = "day"
    fault: str = "none"
    noise: float = 2.0
    seed: int = 0
    stamp: str = ""
    text: str = "stamp"
