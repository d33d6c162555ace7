"""What a process of ours does at this moment, as the kernel tells it."""

from pathlib import Path


def stands_still(pid: int) -> bool:
    """Whether SIGSTOP has reached every thread; one that waits for the disk stops only afterwards."""
    tasks = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(task.read_text().rpartition(")")[2].split()[0] == "T" for task in tasks)
