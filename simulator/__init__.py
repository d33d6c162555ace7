"""A canteen in a box: cameras that speak ONVIF, WS-Discovery and RTSP, with faults on demand."""
