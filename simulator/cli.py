"""`canteen-sim run`, `fault`, `picture`, `personas`, `faults`."""

import argparse
import re
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from contract import __version__
from contract.answering import ended, tell, unwritten
from contract.command_line import Parser
from contract.problems import Told, both, why
from contract.stopping import on_signals
from simulator import control, scenario
from simulator.canteen import Canteen
from simulator.faults import FAULTS, NONE
from simulator.persona import personas, size_of
from simulator.scenario import Stroke
from simulator.shot import SCENES, Shot

OK = 0
_VIEW = {
    "pan": (-3600.0, 3600.0, 0.0, "degrees clockwise"),
    "tilt": (-90.0, 90.0, -15.0, "degrees upward"),
    "zoom": (0.1, 100.0, 1.0, "magnification"),
    "fov": (1.0, 170.0, 60.0, "degrees from left to right without zoom"),
}
"""Option of `picture` -> least, most, default, meaning."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0, or 2 for misuse: an unusable scenario, an unknown slot, nobody listening."""
    return ended("canteen-sim", partial(_typed, arguments), "en")


def _typed(arguments: Sequence[str] | None) -> int:
    options = command_line().parse_args(arguments)
    try:
        return int(options.act(options))
    except ValueError as error:
        raise Told(*both(str(error))) from error
    except OSError as error:
        if unwritten():
            raise
        raise Told(*both(f"{error.filename}: {why(error).en}" if error.filename else str(error))) from error


def command_line() -> argparse.ArgumentParser:
    parser = Parser(prog="canteen-sim", description="A canteen in a box: simulated ONVIF cameras.")
    parser.add_argument("--version", action="version", version=f"canteen-sim {__version__}")
    acts = parser.add_subparsers(required=True)
    run = acts.add_parser("run", help="serve the cameras of a scenario until SIGTERM or SIGINT")
    run.add_argument("--scenario", type=Path, required=True)
    run.add_argument("--log", type=Path, help="append a JSON line for each change of fault")
    run.set_defaults(act=_run)
    fault = acts.add_parser("fault", help="give a camera of a running canteen a fault")
    fault.add_argument("slot")
    fault.add_argument("name", help="see `canteen-sim faults`")
    fault.set_defaults(act=_fault)
    for act in (run, fault):
        act.add_argument("--control", type=Path, default=control.default_path(), help="unix socket (%(default)s)")
    picture = acts.add_parser("picture", help="draw what a camera in the kitchen sees, without any camera")
    picture.add_argument("--out", type=Path, required=True, help="a PNG file, or a JPEG by its name's end")
    for name, (_, _, start, about) in _VIEW.items():
        picture.add_argument(f"--{name}", type=float, default=start, help=f"{about} (%(default)s)")
    picture.add_argument("--size", default="960x540", help="pixels (%(default)s)")
    picture.add_argument("--scene", choices=SCENES, default="day", help="(%(default)s)")
    picture.add_argument("--fault", choices=FAULTS, default=NONE, help="(%(default)s)")
    picture.set_defaults(act=_picture)
    acts.add_parser("personas", help="list the personas").set_defaults(act=_personas)
    acts.add_parser("faults", help="list the faults").set_defaults(act=_faults)
    return parser


def _say(line: str) -> None:
    print(line, flush=True)


def _run(options: argparse.Namespace) -> int:
    stop = on_signals(threading.Event())
    plan = scenario.load(options.scenario)
    with Canteen(plan.specs(options.scenario.parent), options.log) as canteen:
        canteen.submit(control.listen(canteen, options.control))
        try:
            for unit in canteen.cameras:
                kind = unit.spec.persona or f"capture {unit.spec.capture}"
                _say(f"{unit.spec.slot} {unit.address} onvif={unit.onvif_port} rtsp={unit.rtsp_port} {kind}")
            canteen.warm()
            _strike(canteen, plan.timeline, stop)
            stop.wait()
        finally:
            options.control.unlink(missing_ok=True)
    return OK


def _strike(canteen: Canteen, timeline: Sequence[Stroke], stop: threading.Event) -> None:
    """Carry out the timeline; a stroke that fails is told and does not end the rest."""
    started = time.monotonic()
    for stroke in sorted(timeline, key=lambda s: s.at):
        if stop.wait(max(started + stroke.at - time.monotonic(), 0)):
            return
        try:
            canteen.fault(stroke.slot, stroke.fault)
        except (OSError, ValueError) as error:
            tell(f"canteen-sim: {stroke.slot} {stroke.fault}: {error}")


def _fault(options: argparse.Namespace) -> int:
    try:
        wrong = control.order(options.control, options.slot, options.name)
    except OSError as error:
        raise OSError(f"no canteen listens at {options.control}: {error.strerror or error}") from error
    if wrong:
        raise ValueError(wrong)
    return OK


def _picture(options: argparse.Namespace) -> int:
    """The same words give the same picture, for documents and comparisons; so there is no clock in it, and no noise."""
    from simulator.kitchen.darkroom import still

    for name, (least, most, *_) in _VIEW.items():
        if not least <= (value := getattr(options, name)) <= most:
            raise ValueError(f"--{name} must be {least:g} to {most:g}, not {value:g}")
    if not re.fullmatch("[1-9][0-9]{1,3}x[1-9][0-9]{1,3}", options.size):
        raise ValueError(f"--size must be such as 960x540, 10 to 9999 pixels each, not {options.size!r}")
    place = Shot(options.pan % 360, options.tilt, options.zoom, fov=options.fov)
    shot = place._replace(scene=options.scene, fault=options.fault, noise=0.0)
    form = "JPEG" if options.out.suffix.lower() in {".jpg", ".jpeg"} else "PNG"
    options.out.write_bytes(still(shot, *size_of(options.size), 0.0, form))
    return OK


def _personas(_: argparse.Namespace) -> int:
    for name, persona in personas().items():
        _say(f"{name:24} {persona.about}")
    return OK


def _faults(_: argparse.Namespace) -> int:
    for name, fault in FAULTS.items():
        _say(f"{name:16} {fault.about}")
    return OK
