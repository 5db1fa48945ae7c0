"""Small grey pictures for notebooks."""

import struct
import zlib


def grey_png(side, pixels):
    """A PNG of ``side`` by ``side`` pixels of eight bits.

    >>> grey_png(2, bytes(4))[:8]
    b'\\x89PNG\\r\\n\\x1a\\n'
    """
    rows = b"".join(b"\0" + pixels[start : start + side].ljust(side, b"\0") for start in range(0, side * side, side))
    header = struct.pack(">2I5B", side, side, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
