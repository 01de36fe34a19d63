"""Where the packets of a file lie, read from its bytes: frames of MP3, pages of Ogg, boxes of MP4.

Demuxing makes an object of each of a track's ten thousand packets; these walks only look at what surrounds them. They
are strict: where anything is not as it should be, they say so, and the file has to be demuxed.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

BLOCK = 2**17
"""What is read at a time: little enough to stay in the cache of a processor."""

Range = tuple[int, int]
"""Bytes of a file, from the first position up to the second."""


class UnclearError(Exception):
    """A file is not framed as it should be, or not in a way that is known here."""


def size_of(file: BinaryIO) -> int:
    """How many bytes a file has."""
    return os.fstat(file.fileno()).st_size


def read_ranges(file: BinaryIO, ranges: Iterable[Range]) -> Iterator[bytes]:
    """The bytes of each range in turn, in blocks."""
    for begin, end in ranges:
        file.seek(begin)
        left = end - begin
        while left > 0:
            block = file.read(min(BLOCK, left))
            if not block:
                raise UnclearError
            left -= len(block)
            yield block


def join(pieces: Iterable[tuple[int, int]]) -> list[Range]:
    """Pieces of a file, as positions and sizes, in as few ranges as hold the same bytes in the same order."""
    ranges: list[Range] = []
    begin = end = 0
    for position, size in pieces:
        if position != end:
            ranges.append((begin, end))
            begin = position
        end = position + size
    return [*ranges, (begin, end)]


# MP3: the header of a frame says how long it is

KBITS = {
    3: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Bit rates of layer III by the code that stands for them, from 1 on, in MPEG-1 (3) and in MPEG-2 and 2.5."""

RATES = (44_100, 48_000, 32_000)
HALVINGS = {3: 0, 2: 1, 0: 2}
SYNC = re.compile(rb"\xff[\xe0-\xff]")


def mp3_sizes(header: bytes) -> dict[bytes, int]:
    """Sizes of frames of the same version and sample rate in layer III, by the first three bytes of their headers."""
    word = int.from_bytes(header[:3], "big")
    version, layer, rate_code = word >> 11 & 3, word >> 9 & 3, word >> 2 & 3
    if word >> 13 != 0x7FF or version not in HALVINGS or layer != 1 or rate_code == 3:
        return {}
    rate = RATES[rate_code] >> HALVINGS[version]
    bits = 144_000 if version == 3 else 72_000
    same = 0x7FF << 13 | version << 11 | layer << 9 | rate_code << 2
    return {
        (same | code << 4 | padding << 1 | flags).to_bytes(3, "big"): bits * kbits // rate + padding
        for code, kbits in enumerate(KBITS[max(version, 2)], 1)
        for padding in (0, 1)
        for flags in (0, 1, 0x100, 0x101)  # the private bit, and the one that says there is no checksum
    }


def walk_mp3(file: BinaryIO, begin: int) -> list[int]:
    """Where each frame begins, and where the last one ends; all are of one kind, and only tags may follow."""
    *positions, end = _mp3_chain(file, begin)
    rest = size_of(file) - end
    if not positions or not 0 <= rest <= BLOCK:
        raise UnclearError
    file.seek(end)
    if rest and not is_tag(file.read(rest)):
        raise UnclearError
    return [*positions, end]


def _mp3_chain(file: BinaryIO, begin: int) -> list[int]:
    file.seek(begin)
    block = file.read(BLOCK)
    size_by_header = mp3_sizes(block).get
    positions: list[int] = []
    add = positions.append
    at = 0
    while True:
        size = size_by_header(block[at : at + 3])
        if size is not None:
            add(begin + at)
            at += size
        elif at + 3 <= len(block) or at == 0:
            return [*positions, begin + at]
        else:
            begin, at = begin + at, 0
            file.seek(begin)
            block = file.read(BLOCK)


def is_tag(rest: bytes) -> bool:
    """Whether what follows the last frame of an MP3 is ID3v1 or APEv2, which FFmpeg leaves out of all packets."""
    known = (rest.startswith(b"TAG") and len(rest) >= 128) or (rest.startswith(b"APETAGEX") and len(rest) >= 32)
    # What looks like the header of a frame would be given out as a frame.
    return known and not SYNC.search(rest)


# Ogg: pages with a table of the packets in them

PAGE = struct.Struct("<4sBBqII4sB")
CONTINUED, FIRST, LAST = 1, 2, 4
MIRRORED = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))

SHORTEST = re.compile(rb"(?<!\xff)[\0\1]")
"""A packet of no byte or one, by the table."""


class Header(NamedTuple):
    """What a page says of itself."""

    capture: bytes
    version: int
    flags: int
    granule: int
    stream: int
    number: int
    checksum: bytes
    segments: int

    def follows(self, before: Header | None, *, unfinished: bool) -> bool:
        """Whether this is the next page of the same stream; `unfinished` when a packet of the page before goes on."""
        if (self.capture, self.version) != (b"OggS", 0):
            return False
        if before is None:
            return self.flags & ~LAST == FIRST
        expected = (CONTINUED if unfinished else 0, before.stream, before.number + 1)
        return (self.flags & ~LAST, self.stream, self.number) == expected and not before.flags & LAST


class Page(NamedTuple):
    """Where the payload of a page lies, and the table that cuts it into packets."""

    begin: int
    end: int
    table: bytes


def walk_ogg(file: BinaryIO, headers: int) -> tuple[list[Range], bytes]:
    """Where the payload of audio lies, and the table that cuts it into packets.

    Parameters
    ----------
    headers
        How many packets come before the audio: 3 of Vorbis, 2 of Opus.
    """
    ranges: list[Range] = []
    tables: list[bytes] = []
    for page in _ogg_pages(file):
        ahead = 0
        while headers > 0 and ahead < len(page.table):
            headers -= page.table[ahead] < 255
            ahead += 1
        ranges.append((page.begin + sum(page.table[:ahead]), page.end))
        tables.append(page.table[ahead:])
    return ranges, b"".join(tables)


def _ogg_pages(file: BinaryIO) -> Iterator[Page]:
    """All pages of a file, if they are one stream, in order, whole and undamaged."""
    size, end, table = size_of(file), 0, b""
    before: Header | None = None
    file.seek(0)
    while end < size:
        head = file.read(PAGE.size)
        if len(head) < PAGE.size:
            raise UnclearError
        header = Header(*PAGE.unpack(head))
        if not header.follows(before, unfinished=table.endswith(b"\xff")):
            raise UnclearError
        table = file.read(header.segments)
        payload = file.read(sum(table))
        if header.checksum != ogg_checksum(head[:22] + bytes(4) + head[26:] + table + payload):
            raise UnclearError
        begin = end + len(head) + len(table)
        end = begin + len(payload)
        yield Page(begin, end, table)
        before = header
    if table.endswith(b"\xff"):
        raise UnclearError


def ogg_checksum(page: bytes) -> bytes:
    """Ogg's CRC-32, which takes the bits of each byte in the other order than zlib's, and neither starts nor ends
    with their complement.
    """
    mirrored = zlib.crc32(page.translate(MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return mirrored.to_bytes(4, "big").translate(MIRRORED)


def size_of_last(table: bytes) -> int:
    """How long the last packet is: a value of 255 goes on with the next, a smaller one ends it."""
    if not table:
        raise UnclearError
    before = table[:-1]
    return table[-1] + 255 * (len(before) - len(before.rstrip(b"\xff")))


def cut_off(ranges: Iterable[Range], size: int) -> Iterator[Range]:
    """The ranges without so many bytes at the end of them all."""
    ranges = list(ranges)
    left = sum(end - begin for begin, end in ranges) - size
    for begin, end in ranges:
        yield begin, begin + max(min(end - begin, left), 0)
        left -= end - begin


# MP4: a tree of boxes, of which only the trunk is looked at


def check_mp4(file: BinaryIO) -> None:
    """See that the boxes of a file are whole, and that there are no fragments, which have indices of their own."""
    size, at = size_of(file), 0
    while at < size:
        file.seek(at)
        head = file.read(16)
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:], "big")
        elif length == 0:
            length = size - at
        if length < 8 or at + length > size or kind in (b"moof", b"sidx", b"styp"):
            raise UnclearError
        at += length
