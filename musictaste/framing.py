"""Where the packets of a file lie, read from its bytes: frames of MP3, pages of Ogg, boxes of MP4.

Demuxing makes an object of each of a track's ten thousand packets; these walks only look at what surrounds them. They
are strict: where anything is not as it should be, they say so, and the file has to be demuxed.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
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
    """Where the payload of a page lies, the table that cuts it into packets, and how many samples end with it."""

    begin: int
    end: int
    table: bytes
    granule: int

    @property
    def unfinished(self) -> int:
        """How many values of the table are of a packet that goes on with the next page."""
        return len(self.table) - len(self.table.rstrip(b"\xff"))


def walk_ogg(file: BinaryIO, headers: int) -> list[Page]:
    """The pages of a file without what comes before the audio.

    Parameters
    ----------
    headers
        How many packets that is: 3 of Vorbis, 2 of Opus.
    """
    pages: list[Page] = []
    for page in _ogg_pages(file):
        ahead = 0
        while headers > 0 and ahead < len(page.table):
            headers -= page.table[ahead] < 255
            ahead += 1
        if page.table[ahead:]:
            pages.append(page._replace(begin=page.begin + sum(page.table[:ahead]), table=page.table[ahead:]))
    return pages


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
        yield Page(begin, end, table, header.granule)
        before = header
    if table.endswith(b"\xff"):
        raise UnclearError


def cut_ogg(file: BinaryIO, before: Page, pages: Sequence[Page]) -> list[list[bytes]]:
    """The packets that end on each of some pages that follow each other; the first may begin on the page before."""
    if before.unfinished == len(before.table):
        raise UnclearError  # it begins even earlier
    start = before.end - 255 * before.unfinished
    content = b"".join(read_ranges(file, [(start, pages[-1].end)]))
    packet = content[: 255 * before.unfinished]
    cut: list[list[bytes]] = []
    for page in pages:
        at, size = page.begin - start, 0
        cut.append([])
        for value in page.table:
            size += value
            if value < 255:
                cut[-1].append(packet + content[at : at + size])
                packet, at, size = b"", at + size, 0
        packet += content[at : at + size]
    return cut


OPUS_FRAMES = {
    **{config: (480, 960, 1920, 2880)[config % 4] for config in range(12)},
    **{config: (480, 960)[config % 2] for config in range(12, 16)},
    **{config: (120, 240, 480, 960)[config % 4] for config in range(16, 32)},
}
"""Samples of a frame of Opus at 48 kHz, by the configuration that a packet begins with (RFC 6716, section 3.1)."""


class Lasting(NamedTuple):
    """How many samples a packet gives, and how many of these FFmpeg takes to come before it."""

    samples: int
    before: int = 0


def opus_lengths(packets: Iterable[bytes]) -> list[Lasting]:
    """What each packet gives at 48 kHz."""
    lengths = []
    for packet in packets:
        if len(packet) < 2:
            raise UnclearError
        frames = packet[1] & 63 if packet[0] & 3 == 3 else (1, 2, 2)[packet[0] & 3]
        lengths.append(Lasting(OPUS_FRAMES[packet[0] >> 3] * frames))
    return lengths


def opus_skipped(header: bytes) -> int:
    """How many samples are decoded before the first that counts, by the header of Opus (RFC 7845, section 5.1)."""
    return int.from_bytes(header[10:12], "little")


def vorbis_lengths(packets: Iterable[bytes], short: int, long: int) -> list[Lasting]:
    """What each packet gives: a quarter of its block and of the one before.

    A long block says what came before it. A short one does not: the first of all is taken to come after another,
    and FFmpeg takes each so, except the first of a page. Encoders number their two modes so that the second bit of
    a packet says which block it is; whether it is so shows in the sums (Vorbis I specification, sections 4.3.1 and
    4.3.8).
    """
    after, lengths = short, []
    for packet in packets:
        if not packet or packet[0] & 1:
            raise UnclearError
        if packet[0] & 2:
            lengths.append(Lasting(((long if packet[0] & 4 else short) + long) // 4))
        else:
            lengths.append(Lasting((after + short) // 4, before=(after - short) // 4))
        after = long if packet[0] & 2 else short
    return lengths


def vorbis_blocks(header: bytes) -> tuple[int, int]:
    """The lengths of short and long blocks, by the first header of Vorbis (section 4.2.2)."""
    at = header.find(b"\1vorbis") + 28
    if at < 28 or at >= len(header):
        raise UnclearError
    return 1 << (header[at] & 15), 1 << (header[at] >> 4)


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
