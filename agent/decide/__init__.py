"""What it means: rules, verdicts, states. Pure: no socket, file, clock or thread."""
