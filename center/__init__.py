"""The center: registry, intake, store and the online rate (在线率) computed from what the agents tell."""
