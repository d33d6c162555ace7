"""Files of the state directory: read without following links, replaced as one act.

Whoever can make a link there could else have any file of the box read, or emptied, in our name.
"""

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path


def read(path: Path) -> bytes:
    """A plain file's content. Raises OSError that says what to do; a link, a pipe or a device is never opened."""
    check_plain(path)
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with os.fdopen(handle, "rb") as file:
        return file.read()


def check_plain(path: Path) -> bool:
    """Whether the file is there. Raises OSError for what is no plain file; its text says what to do."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISREG(mode):
        return True
    if stat.S_ISLNK(mode):
        raise OSError(errno.ELOOP, f"{path.name} is a link, which is not followed: remove it")
    raise OSError(errno.EINVAL, f"{path.name} is not a plain file: remove it")


def write_atomically(path: Path, content: bytes, *, durable: bool = False, mode: int = 0o600) -> None:
    """Replace `path`, never what a link there leads to, as one act; `durable`: power cut or not. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            give_to_owner_of(path.parent, file.fileno())
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    if durable:  # the new name too, not only what it stands for
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Names that were given or taken there outlast a power cut. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def give_to_owner_of(folder: Path, handle: int) -> None:
    """A file that root makes belongs to whom its folder belongs to: the agent must read what a command left there.

    One of a second name (link(2)) may be anybody's: it is not given away.
    """
    if os.geteuid() == 0 and os.fstat(handle).st_nlink == 1:
        owner = folder.stat()
        with contextlib.suppress(OSError):  # a root that may not give away: then the agent is that root too
            os.fchown(handle, owner.st_uid, owner.st_gid)
