"""WS-Discovery: rounds of probes, announcements, and what of them is believed."""
