"""Two-way audio: the backchannel, vendors' own paths, the chirp and its codec."""
