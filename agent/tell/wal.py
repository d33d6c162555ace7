"""What a write-ahead log held before SQLite opened it: how far its commits reached, by its frames' own headers.

SQLite reads a log up to the first frame whose checksum is wrong and forgets the rest without a word, for a crash leaves
such an end too. (https://www.sqlite.org/fileformat2.html#walformat)
"""

import struct
from pathlib import Path

from agent import files

_HEADER = struct.Struct(">IIIIIIII")
"""Magic, version, page size, checkpoint number, two salts, two sums."""
_FRAME = struct.Struct(">IIIIII")
"""Page, pages after the commit (0: none ends here), the log's two salts, two sums."""
_MAGIC = 0x377F0682
_OLDER = 1 << 20
"""The first salt counts up each time the log begins anew: so far below it, a frame is one of an earlier round."""


def commits_reach(log: Path, page_bytes: int) -> int:
    """The number of the last frame that ends a commit, or that is neither of this log nor of one before; 0 = none.

    A log whose own header is damaged is taken to be of garbage throughout.
    """
    try:
        data = files.read(log)
    except OSError:
        return 0
    if len(data) < _HEADER.size:
        return 0
    magic, _, size, _, *salts, _, _ = _HEADER.unpack_from(data)
    whole = (magic & ~1) == _MAGIC and size == page_bytes and _sums(data[:24], magic) == _HEADER.unpack_from(data)[6:]
    reach, step = 0, _FRAME.size + page_bytes
    for number, at in enumerate(range(_HEADER.size, len(data) - step + 1, step), 1):
        _, ends, *mine, _, _ = _FRAME.unpack_from(data, at)
        if mine == salts and whole:
            reach = number if ends else reach
        elif not whole or not 0 < salts[0] - mine[0] < _OLDER:
            reach = number
    return reach


def _sums(data: bytes, magic: int) -> tuple[int, int]:
    """The log's running checksum over these bytes, from nothing; its words are big-endian where the magic is odd."""
    first = second = 0
    words = struct.unpack(f"{'>' if magic & 1 else '<'}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
