"""What the agent and the center share: vocabulary, messages, topics, policy, the strict YAML reader.

Nothing here knows a socket, a file of the agent's or the center's database.
"""

__version__ = "0.1.0"
"""Of the whole distribution; the wheel's metadata is made from it."""
