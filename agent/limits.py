"""What the running agent allows itself: descriptors, no core file, and a trace of all threads when it is killed.

No RLIMIT_AS: the stacks of 200 threads alone map 1.6 GB that are never touched; the memory really used is limited by
the unit (MemoryMax), that of children by their own limit.
"""

import contextlib
import faulthandler
import resource

DESCRIPTORS = 4096
"""200 cameras take a socket or two each, the children's pipes and the disk a few dozen; login shells allow 1024."""


def apply() -> None:
    """Call it once, before the first thread. What the system forbids stays as it is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    with contextlib.suppress(OSError, ValueError):
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # memory holds passwords
    with contextlib.suppress(OSError, ValueError, RuntimeError, AttributeError):
        faulthandler.enable()  # the watchdog's SIGABRT: where every thread stood, without any value
