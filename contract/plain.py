"""Input files that a person names: only a regular file is opened. A pipe or a device would keep its reader waiting."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

MOST_BYTES = 64 * 1024 * 1024
"""What is larger is another file than was meant, and might be more than the memory of a box."""


def open_plain(path: Path) -> BinaryIO:
    """The file, to be read. Raises OSError: EISDIR for what is no regular file."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise IsADirectoryError(errno.EISDIR, "it is not a regular file", str(path))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_plain(path: Path) -> bytes:
    """All of it. Raises OSError as `open_plain` does: EFBIG for more than MOST_BYTES."""
    with open_plain(path) as file:
        if os.fstat(file.fileno()).st_size > MOST_BYTES:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
        return file.read()
