"""RTSP to one enrolled camera: sessions, SDP, RTP, compressed video put together."""
