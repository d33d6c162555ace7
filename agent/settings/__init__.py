"""The configuration of this box: agent.yaml read strictly, secrets resolved, all that is wrong listed at once."""

from agent.settings.loading import Broker, Settings, check, load, load_as_far, load_or_last_good, state_dirs
from agent.settings.secret import Secret

__all__ = ["Broker", "Secret", "Settings", "check", "load", "load_as_far", "load_or_last_good", "state_dirs"]
