"""What the agent does again and again: one file per task."""
