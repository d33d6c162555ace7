"""The message that reaches a person: causes, the rules whom they are told to, the outbox, the doors."""
