"""What the agent and the center share: vocabulary, messages, topics, policy, the strict YAML reader.

Nothing here knows a socket, a file of the agent's or the center's database.
"""
