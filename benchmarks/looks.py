"""One rung and one whole look beside zeep's GetSystemDateAndTime: CPU seconds of a process of its own each.

Run as a child: python -m benchmarks.looks WAY ADDRESS ONVIF_PORT RTSP_PORT STREAM_PATH COUNT, the password on standard
input; prints CPU seconds for COUNT repetitions, imports and the first repetition left out.
"""

import sys
import time
from collections.abc import Callable

from agent.model import Camera, Credentials, Ports, Seen


def clock(camera: Camera) -> Callable[[], None]:
    from agent.ask.attempt import Deadline
    from agent.ask.onvif.clock import clock as ask_clock

    def once() -> None:
        assert ask_clock(camera, deadline=Deadline(5)).skew_s is not None

    return once


def whole(camera: Camera) -> Callable[[], None]:
    from agent.ask.look import look

    def once() -> None:
        assert isinstance(look(camera, log_in=True).stream, Seen)

    return once


def zeep_clock(camera: Camera) -> Callable[[], None]:
    """onvif-zeep's own service, its documents parsed once, its session kept alive: zeep at its best."""
    from importlib.metadata import files

    from onvif import ONVIFService

    wsdl = next(file.locate() for file in files("onvif-zeep") or () if file.name == "devicemgmt.wsdl")
    url = f"http://{camera.address}:{camera.ports.onvif}{camera.onvif_path}"
    service = ONVIFService(url, "", "", str(wsdl), binding_name="{http://www.onvif.org/ver10/device/wsdl}DeviceBinding")

    def once() -> None:
        assert service.GetSystemDateAndTime().UTCDateTime is not None

    return once


WAYS = {"clock": clock, "whole": whole, "zeep": zeep_clock}


def main() -> None:
    way, address, onvif, rtsp, path, count = sys.argv[1:]
    camera = Camera(
        slot="bench",
        address=address,
        ports=Ports(onvif=int(onvif), rtsp=int(rtsp)),
        stream_path=path,
        credentials=Credentials("admin", sys.stdin.readline().rstrip("\n")),
    )
    once = WAYS[way](camera)
    once()
    began = time.process_time()
    for _ in range(int(count)):
        once()
    print(time.process_time() - began)


if __name__ == "__main__":
    main()
