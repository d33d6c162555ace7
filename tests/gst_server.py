#!/usr/bin/python3
"""GStreamer's own RTSP server as an independent counterpart; run it with the system's Python.

Debian: python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-{base,good,ugly}.
usage: gst_server.py ADDRESS [USER PASSWORD]      Digest is asked for when a user is given.
Mounts: /talk (H.264, PCMU, ONVIF backchannel), /room (the same in PCMA, and its microphone hears its loudspeaker) and
/plain (H.264; answers 551 to the backchannel's Require tag), /hd and /hevc (1920x1080 in H.264, its parameter sets in
the description alone, and in H.265). These two are films that were encoded before, in the Matroska files named by
HD_FILE and HEVC_FILE: a slow machine plays them at full speed too. The mu-law bytes that arrive in /talk's backchannel
are written to the file named by TALK_FILE.
Prints the port it chose, then serves until it is killed or its standard input closes.
"""

import os
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

DIGEST_ONLY = 2  # GST_RTSP_AUTH_DIGEST
ROLE = "viewer"
VIDEO = (
    "videotestsrc is-live=true pattern=smpte ! video/x-raw,width=320,height=240,framerate=5/1 "
    "! x264enc tune=zerolatency speed-preset=ultrafast bitrate=100 key-int-max=5 threads=1 "
    "! rtph264pay name=pay0 pt=96 config-interval=1 "
)
FILMS = {
    "/hd": ("HD_FILE", "h264parse ! rtph264pay config-interval=0"),
    "/hevc": ("HEVC_FILE", "h265parse ! rtph265pay config-interval=-1"),
}
AUDIO = "audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay name=pay1 pt=0 "
HEARING = (
    "interaudiosrc channel=room ! audioconvert ! audioresample ! audio/x-raw,rate=8000,channels=1 ! alawenc "
    "! rtppcmapay name=pay1 pt=8 "
)
TALK = (
    '( capsfilter caps="application/x-rtp, media=audio, payload={}, clock-rate=8000, encoding-name={}" '
    "name=depay_backchannel ! {} sync=false async=false )"
)
FILE = os.environ.get("TALK_FILE")
KEPT = "rtppcmudepay ! " + (f"filesink location={FILE} buffer-mode=2" if FILE else "fakesink")
SOUNDED = "rtppcmadepay ! alawdec ! audioconvert ! audioresample ! interaudiosink channel=room"


def talking(microphone: str, *talk: str) -> GstRtspServer.RTSPMediaFactory:
    factory = GstRtspServer.RTSPOnvifMediaFactory()
    factory.set_media_gtype(GstRtspServer.RTSPOnvifMedia.__gtype__)
    factory.set_launch(f"( {VIDEO}{microphone})")
    factory.set_backchannel_launch(TALK.format(*talk))
    return factory


def plain(video: str) -> GstRtspServer.RTSPMediaFactory:
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f"( {video})")
    return factory


def guard(server: GstRtspServer.RTSPServer, user: str, password: str) -> None:
    """Every mount wants this login, by Digest."""
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", ROLE)
    auth = GstRtspServer.RTSPAuth()
    auth.add_digest(user, password, token)
    auth.set_supported_methods(DIGEST_ONLY)
    server.set_auth(auth)


def permissions() -> GstRtspServer.RTSPPermissions:
    rights = GstRtspServer.RTSPPermissions()
    rights.add_role(ROLE)
    for right in ("access", "construct"):
        rights.add_permission_for_role(ROLE, f"media.factory.{right}", True)
    return rights


def main(address: str, *login: str) -> None:
    Gst.init(None)
    loop = GLib.MainLoop()
    server = GstRtspServer.RTSPOnvifServer()
    server.set_address(address)
    server.set_service("0")
    mounts = {
        "/talk": talking(AUDIO, "0", "PCMU", KEPT),
        "/room": talking(HEARING, "8", "PCMA", SOUNDED),
        "/plain": plain(VIDEO),
    }
    for path, (variable, payload) in FILMS.items():
        if file := os.environ.get(variable):
            mounts[path] = plain(f"filesrc location={file} ! matroskademux ! {payload} name=pay0 pt=96 ")
    for path, factory in mounts.items():
        if login:
            factory.set_permissions(permissions())
        server.get_mount_points().add_factory(path, factory)
    if login:
        guard(server, *login)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), loop.quit()), daemon=True).start()
    loop.run()


main(*sys.argv[1:])
