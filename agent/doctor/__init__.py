"""What `canteen-agent doctor` checks: this box's own side of everything, one room apart from the daemon.

The daemon never imports it.
"""
