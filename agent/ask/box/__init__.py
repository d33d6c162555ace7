"""Our own side: interfaces, neighbours, routes, clocks, the host's health, systemd."""
