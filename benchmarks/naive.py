"""onvif-zeep as its README shows: ONVIFCamera(...), create_*_service(), the common calls, one camera after the other.

Run as a child: python -m benchmarks.naive PORT USER BEGAN; password and addresses as lines on standard input.
"""

import logging
import sys
from pathlib import Path

from onvif import ONVIFCamera

from benchmarks.calls import calls
from benchmarks.cost import report


def ask(address: str, port: int, user: str, password: str, wsdl: str) -> None:
    camera = ONVIFCamera(address, port, user, password, wsdl)
    services = {
        "device": camera.devicemgmt,
        "media": camera.create_media_service(),
        "ptz": camera.create_ptz_service(),
        "imaging": camera.create_imaging_service(),
    }
    asking = calls()
    service, operation, arguments = next(asking)
    while True:
        reply = getattr(services[service], operation)(arguments)
        try:
            service, operation, arguments = asking.send(reply)
        except StopIteration:
            return


def main() -> None:
    from importlib.metadata import files

    logging.disable()
    port, user, began = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    password, *addresses = sys.stdin.read().split()
    wsdl = next(str(Path(file.locate()).parent) for file in files("onvif-zeep") or () if file.name == "devicemgmt.wsdl")
    for address in addresses:
        ask(address, port, user, password, wsdl)
    report(began)


if __name__ == "__main__":
    main()
