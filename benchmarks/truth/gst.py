#!/usr/bin/python3
"""A foreign camera: GStreamer's own RTSP server; run it with the system's Python.

usage: gst.py ADDRESS PORT [one-client] [channels=N] [room=N] [dead=N]
H.264 at /live; with `channels` at /ch1 to /chN, as a recorder. `room`: it takes so many connections and hangs up on
more. `dead`: the pipeline of this channel can never start.
Prints "ready", then serves until its input ends. A line "break" on its input takes the sensor away, so that the
pipeline cannot start (DESCRIBE is answered 503); "mend" brings it back.
"""

import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

SOURCE = "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=180,framerate=10/1 "
ENCODED = (
    "! x264enc tune=zerolatency speed-preset=ultrafast bitrate=150 key-int-max=10 threads=1 "
    "! rtph264pay name=pay0 pt=96 config-interval=1 "
)
BROKEN = "filesrc location=/nonexistent/sensor ! decodebin ! x264enc ! rtph264pay name=pay0 pt=96 "


def factory(launch: str) -> GstRtspServer.RTSPMediaFactory:
    made = GstRtspServer.RTSPMediaFactory()
    made.set_launch(f"( {launch})")
    return made


def one_client(server: GstRtspServer.RTSPServer) -> None:
    """A session at a time, which ends with its client's connection, however that ended."""
    pool = server.get_session_pool()
    pool.set_max_sessions(1)
    holder: list[GstRtspServer.RTSPClient] = []

    def end(_pool: GstRtspServer.RTSPSessionPool, _session: GstRtspServer.RTSPSession) -> object:
        return GstRtspServer.RTSPFilterResult.REMOVE

    def left(client: GstRtspServer.RTSPClient) -> None:
        if client in holder:
            holder.clear()
            pool.filter(end)

    def joined(_server: GstRtspServer.RTSPServer, client: GstRtspServer.RTSPClient) -> None:
        client.connect("setup-request", lambda client, _context: holder.append(client))
        client.connect("closed", left)

    server.connect("client-connected", joined)


def room_for(server: GstRtspServer.RTSPServer, most: int) -> None:
    here: list[GstRtspServer.RTSPClient] = []

    def joined(_server: GstRtspServer.RTSPServer, client: GstRtspServer.RTSPClient) -> None:
        if len(here) >= most:
            client.close()  # before it is attached: later would be too late for one that has already asked
            return
        here.append(client)
        client.connect("closed", here.remove)

    server.connect("client-connected", joined)


def main(address: str, port: str, *manners: str) -> None:
    Gst.init(None)
    numbers = {name: int(number) for name, _, number in (one.partition("=") for one in manners) if number}
    loop = GLib.MainLoop()
    server = GstRtspServer.RTSPServer()
    server.set_address(address)
    server.set_service(port)
    if "one-client" in manners:
        one_client(server)
    if "room" in numbers:
        room_for(server, numbers["room"])
    paths = [f"/ch{n + 1}" for n in range(numbers.get("channels", 0))] or ["/live"]
    mounts = server.get_mount_points()

    def mount(*, sound: bool) -> None:
        for number, path in enumerate(paths, 1):
            plays = sound and number != numbers.get("dead")
            mounts.add_factory(path, factory(SOURCE + ENCODED if plays else BROKEN))

    mount(sound=True)
    server.attach(None)

    def cut(_server: GstRtspServer.RTSPServer, _client: GstRtspServer.RTSPClient) -> GstRtspServer.RTSPFilterResult:
        return GstRtspServer.RTSPFilterResult.REMOVE

    def change(word: str) -> bool:
        mount(sound=word == "mend")
        server.client_filter(cut)  # whoever is watching loses the picture with the sensor
        print(word, flush=True)
        return False

    def obey() -> None:
        for line in sys.stdin:
            GLib.idle_add(change, line.strip())
        loop.quit()

    print("ready", flush=True)
    threading.Thread(target=obey, daemon=True).start()
    loop.run()


main(*sys.argv[1:])
