"""Loopback addresses nobody else is likely to have."""

import ipaddress
import random


def random_loopback() -> str:
    """A random address in 127/8, not 127.0.x.x."""
    return f"127.{random.randint(1, 254)}.{random.randint(0, 254)}.{random.randint(1, 254)}"


def another_loopback(home: str) -> str:
    """A random address for a camera that moves. Raises ValueError when its home is no loopback address."""
    if not ipaddress.ip_address(home).is_loopback:
        raise ValueError(f"{home} is not in 127.0.0.0/8: name a spare_address in the scenario")
    return random_loopback()
