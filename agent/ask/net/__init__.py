"""Bytes to one enrolled camera and back: TCP, TLS, HTTP, Digest, snapshots."""
