"""canteen-agent: asks cameras, decides what the answers mean, tells the center."""

__version__ = "0.1.0"
