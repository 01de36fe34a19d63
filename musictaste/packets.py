"""The packets of a file: their hash, when they play, and those that a part of the recording is decoded from.

MP3, FLAC, Ogg and MP4 that are as they should be are hashed from their bytes, and only the packets that are heard are
made or demuxed. All else is demuxed once from end to end, which needs no seeking, and so knows none of the ways in
which seeking lies (tables that are missing or wrong, pre-roll, streams without an index). Where something does lie
about a file that seemed well, the file is demuxed after all.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate, islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, TypeVar

import av
import numpy as np
from av.error import FFmpegError
from av.packet import Packet as AnyPacket
from av.stream import Disposition

from musictaste import framing
from musictaste.errors import UnheardError
from musictaste.framing import Lasting, Page, Range, UnclearError

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

    Packet = AnyPacket[Any]

Span = tuple[float, float]
"""When a part of a recording starts, in seconds from its beginning, and how long it is."""

PREROLL_S = {"flac": 0.0, "alac": 0.0, "aac": 0.1, "opus": 0.1, "vorbis": 0.2}
USUAL_PREROLL_S = 0.3
POSTROLL_S = 0.1
"""What decoders get ahead of a window, and after it, since some give out a frame later what they are given. Packets
without loss stand alone, AAC and Vorbis need the one before (of Vorbis 0.19 s at most), Opus settles within 80 ms (RFC
7845, section 4.6), the bit reservoir of MP3 goes back by ten frames."""

HELD_BYTES = 32 * 2**20
"""Of demuxed files up to this size all packets are held, of larger ones those of the windows, up to as much."""

HELD_WINDOWS = 24
HELD_MARGIN_S = 0.25
"""By how much a window may lie elsewhere than is expected from the length that a file says it has."""

TAIL_S = 3.0
"""How much of the end of a file is demuxed, to see whether it ends where it seems to."""

SEEK_MARGINS_S = (1.0, 10.0)
"""How far ahead of what is wanted to seek: a page of Ogg, which is hardly ever longer than a second, and if it is."""

SLACK_S = 0.1
"""By how much the times of packets may go back."""

LONGEST_S = 60.0
"""No packet of audio lasts as long."""

PADDED_FRAMES = 16
"""Within so many frames of the end there may be padding, which a demuxer tells the decoder to leave out."""

MP3_SAMPLES = (576, 1152)
STREAMINFO_MD5 = 18
"""Where a FLAC file's checksum of all samples begins in the block that tells of them (RFC 9639, section 8.2)."""

OGG_HEADERS = {"vorbis": 3, "opus": 2}
MP4_CODECS = ("aac", "alac")


class Packets(Protocol):
    """The packets of a recording; its identity, its length, and at what time stamp in seconds it begins."""

    audio_hash: str
    duration_s: float
    origin_s: float

    def of(self, spans: Sequence[Span]) -> list[Packet]:
        """The packets that the first of the spans is decoded from; the others are heard next.

        Raises
        ------
        UnclearError
            When packets are not where they were thought to be.
        """

    def clear(self) -> None:
        """Let go of packets that are held."""


def find_packets(path: str, container: InputContainer, stream: AudioStream) -> Packets:
    """The packets of a file whose audio is found without demuxing all of it.

    Raises
    ------
    UnclearError
        When the file has to be demuxed.
    """
    others = (other for other in container.streams if other is not stream)
    if not all(other.disposition & Disposition.attached_pic for other in others):
        raise UnclearError
    with _open(path) as file, _demuxing():
        first = next(packet for packet in container.demux(stream) if packet.size)
        packets, ranges = FINDERS[container.format.name](Source(path, container, stream, first), file)
        digest = hashlib.blake2b(digest_size=16)
        for block in framing.read_ranges(file, ranges):
            digest.update(block)
    packets.audio_hash = packets.audio_hash or digest.hexdigest()
    return packets


def is_findable(container: InputContainer) -> bool:
    """Whether the packets of such a file may be found without demuxing all of it."""
    return container.format.name in FINDERS


@dataclass(frozen=True)
class Source:
    """A file that is open, and the first packet of its audio."""

    path: str
    container: InputContainer
    stream: AudioStream
    first: Packet

    @property
    def begin(self) -> int:
        """Where the first packet lies."""
        return _known(self.first.pos)


Known = TypeVar("Known", int, Fraction)


def _known(number: Known | None) -> Known:
    if number is None:
        raise UnclearError
    return number


def _count_ahead(ahead: Iterable[bool]) -> int:
    """How many packets lie ahead of a time, if all of those come first: where pages of Vorbis meet, times go back."""
    flags = list(ahead)
    count = sum(flags)
    if not all(flags[:count]):
        raise UnclearError
    return count


@contextmanager
def _open(path: str) -> Iterator[BinaryIO]:
    try:
        with Path(path).open("rb") as file:
            yield file
    except OSError as error:
        raise UnclearError from error


@contextmanager
def _demuxing() -> Iterator[None]:
    try:
        yield
    except (FFmpegError, StopIteration) as error:
        raise UnclearError from error


def codec_of(stream: AudioStream) -> str:
    """The name of a stream's codec; empty where FFmpeg has no decoder."""
    context: Any = stream.codec_context
    return context.codec.canonical_name if context else ""


def preroll_s(stream: AudioStream) -> float:
    """How much of a stream its decoder needs ahead of what is heard."""
    return PREROLL_S.get(codec_of(stream), USUAL_PREROLL_S)


class Sought:
    """Packets that are demuxed where they are heard.

    `pages` is for Ogg, which says the time only where a page ends: on the page where a seek arrives it is guessed from
    what the packets last, so that page is passed over.
    """

    def __init__(self, source: Source, *, pages: bool = False) -> None:
        self._source = source
        self._pages = pages
        self._first_pts = _known(source.first.pts)
        self._fraction = _known(source.stream.time_base)
        self._time_base = float(self._fraction)
        self._preroll_s = preroll_s(source.stream)
        self.origin_s = self._first_pts * self._time_base
        self.audio_hash = ""
        self.duration_s = 0.0

    def of(self, spans: Sequence[Span]) -> list[Packet]:
        """The packets that the first of the spans is decoded from."""
        start, length = spans[0]
        begin, end = start - self._preroll_s, start + length + POSTROLL_S
        for margin_s in SEEK_MARGINS_S if self._pages else (0.0,):
            packets = self._between(begin - margin_s, end + SLACK_S)
            starts = [self._start_of(packet) for packet in packets]
            first = _count_ahead(at <= begin for at in starts) - 1
            if first >= 0 or (packets and self._is_first(packets[0])):
                return packets[max(first, 0) : _count_ahead(at < end for at in starts)]
        raise UnclearError

    def clear(self) -> None:
        """Nothing is held."""

    def find_end(self) -> list[Packet]:
        """The last packets, by which it is known how long the recording is."""
        end = _known(self._source.stream.duration) * self._time_base
        packets = self._between(end - TAIL_S, np.inf)
        if len(packets) < 2:
            raise UnclearError
        self.duration_s = self._start_of(packets[-1]) + _lasts(packets[-1]) * self._time_base
        return packets

    def _start_of(self, packet: Packet) -> float:
        return self._time(_known(packet.pts))

    def _time(self, pts: int) -> float:
        return pts * self._time_base - self.origin_s

    def _packet(self, content: bytes, pts: int) -> Packet:
        packet: Packet = AnyPacket(content)
        packet.pts = packet.dts = pts
        packet.time_base = self._fraction
        return packet

    def _is_first(self, packet: Packet) -> bool:
        first = self._source.first
        return (packet.pos, packet.size, packet.pts) == (first.pos, first.size, first.pts)

    def _between(self, start: float, end: float) -> list[Packet]:
        """Packets from where a seek to `start` arrives, up to the first that plays from `end` on."""
        target = max(round((start + self.origin_s) / self._time_base), self._first_pts)
        packets: list[Packet] = []
        container, stream = self._source.container, self._source.stream
        with _demuxing():
            container.seek(target, stream=stream)
            for packet in container.demux(stream):
                if packet.size:
                    if self._start_of(packet) >= end:
                        break
                    packets.append(packet)
        if packets and packets[0].pos == self._source.first.pos:
            if not self._is_first(packets[0]):
                raise UnclearError
            # Of the packet to which a seek goes back, FFmpeg does not say again how much of it is padding.
            packets[0] = self._source.first
        elif self._pages:
            return [packet for packet in packets if packet.pos != packets[0].pos]
        return packets


class Framed(Sought):
    """Packets of one duration that are cut from the file.

    `positions` are where the frames begin, and where the last one ends.
    """

    def __init__(self, source: Source, positions: list[int]) -> None:
        super().__init__(source)
        self._positions = positions
        self._step = _known(source.first.duration)
        if len(positions) < 3 or positions[1] - positions[0] != source.first.size or not self._step:
            raise UnclearError
        self.duration_s = self._time(self._pts(len(positions) - 2)) + self._step * self._time_base

    def of(self, spans: Sequence[Span]) -> list[Packet]:
        """The packets that the first of the spans is decoded from."""
        start, length = spans[0]
        frames = range(len(self._positions) - 1)
        first = max(bisect_right(frames, start - self._preroll_s, key=self._plays) - 1, 0)
        stop = bisect_left(frames, start + length + POSTROLL_S, key=self._plays)
        if 0 < first < stop <= len(frames) - PADDED_FRAMES:
            return self._cut(first, stop)
        packets = super().of(spans)
        self._check(packets, first)
        return packets

    def _check(self, packets: Sequence[Packet], first: int) -> None:
        """See that a demuxer gives the frames from the first on as they are known here."""
        stop = first + len(packets)
        begins = [self._pts(number) for number in range(first, stop)]
        if [packet.pts for packet in packets] != begins:
            raise UnclearError
        if [packet.pos for packet in packets] != self._positions[:-1][first:stop]:
            raise UnclearError

    def _pts(self, number: int) -> int:
        return self._first_pts + number * self._step

    def _plays(self, number: int) -> float:
        return self._time(self._pts(number))

    def _cut(self, first: int, stop: int) -> list[Packet]:
        begin, end = self._positions[first], self._positions[stop]
        with _open(self._source.path) as file:
            content = b"".join(framing.read_ranges(file, [(begin, end)]))
        ends = [position - begin for position in self._positions[first : stop + 1]]
        pieces = (content[at:end] for at, end in pairwise(ends))
        return [self._packet(piece, self._pts(number)) for number, piece in enumerate(pieces, first)]


class Paged(Sought):
    """Packets of Ogg that are cut from the file where its pages say when they play.

    A page says how many samples there are up to its end. What its packets last has to agree with that, and the last
    packets have to be, and to play, as a demuxer says; where not, they are demuxed.
    """

    def __init__(self, source: Source, pages: Sequence[Page]) -> None:
        super().__init__(source, pages=True)
        header = source.stream.codec_context.extradata or b""
        self._blocks = framing.vorbis_blocks(header) if codec_of(source.stream) == "vorbis" else None
        skipped = 0 if self._blocks else framing.opus_skipped(header)
        self._paged = pages
        self._ends = [page.granule - skipped for page in pages]
        # Of a page that begins with a short block it is not known whether that comes after a long one.
        self._gaps = {0, (self._blocks[1] - self._blocks[0]) // 4} if self._blocks else {0}
        self._agrees = False

    def of(self, spans: Sequence[Span]) -> list[Packet]:
        """The packets that the first of the spans is decoded from."""
        start, length = spans[0]
        if self._agrees:
            with suppress(UnclearError):
                return self._cut(start - self._preroll_s, start + length + POSTROLL_S)
        return super().of(spans)

    def find_end(self) -> list[Packet]:
        """The last packets, by which it is known how long the recording is, and whether the pages tell the truth."""
        packets = super().find_end()
        begin = _known(packets[0].pts)
        with suppress(UnclearError):
            first, stop = bisect_right(self._ends, begin), len(self._paged) - 1
            cut = [(pts, len(content)) for pts, content in self._timed(first, stop) if pts >= begin]
            rise = all(before < end for before, end in pairwise(self._ends))
            self._agrees = rise and cut == [(packet.pts, packet.size) for packet in packets[: len(cut)]]
        return packets

    def _cut(self, begin: float, end: float) -> list[Packet]:
        """The packets that play from `begin` to `end`, in seconds."""
        first = bisect_right(self._ends, begin, key=self._time)
        timed = self._timed(first, bisect_left(self._ends, end, key=self._time) + 1)
        starts = [self._time(pts) for pts, _ in timed]
        kept = timed[_count_ahead(at <= begin for at in starts) - 1 : _count_ahead(at < end for at in starts)]
        return [self._packet(content, pts) for pts, content in kept]

    def _timed(self, first: int, stop: int) -> list[tuple[int, bytes]]:
        """The packets that end on pages from `first` up to `stop`, with their time stamps.

        None is of the last page, which may end in the middle of a packet.
        """
        if not 0 < first < stop < len(self._paged):
            raise UnclearError
        with _open(self._source.path) as file:
            cut = framing.cut_ogg(file, self._paged[first - 1], self._paged[first:stop])
        timed: list[tuple[int, bytes]] = []
        for number, contents in enumerate(cut, first):
            lengths = self._lengths(contents)
            *begins, end = accumulate((length.samples for length in lengths), initial=0)
            gap = self._ends[number] - self._ends[number - 1] - end
            if not contents or gap not in self._gaps:
                raise UnclearError
            begin = self._ends[number] - end
            times = [begin + at + length.before for at, length in zip(begins, lengths, strict=True)]
            timed += zip([self._ends[number - 1], *times[1:]], contents, strict=True)
        return timed

    def _lengths(self, contents: Sequence[bytes]) -> list[Lasting]:
        """What each packet gives of those that end on a page."""
        return framing.vorbis_lengths(contents, *self._blocks) if self._blocks else framing.opus_lengths(contents)


Found = tuple[Sought, Iterable[Range]]
"""The packets of a file, and where those lie that are hashed, all but the last; nowhere if the hash is known."""


def _find_mp3(source: Source, file: BinaryIO) -> Found:
    rate = source.stream.codec_context.sample_rate
    if _known(source.first.duration) * _known(source.stream.time_base) * rate not in MP3_SAMPLES:
        raise UnclearError
    positions = framing.walk_mp3(file, source.begin)
    return Framed(source, positions), [(positions[0], positions[-2])]


def _find_flac(source: Source, _: BinaryIO) -> Found:
    """By the checksum of its samples that a FLAC file carries, which stays the same whatever compresses them.

    So nothing has to be read but what is heard; a file that has none, or is cut off, is demuxed.
    """
    checksum = (source.stream.codec_context.extradata or b"")[STREAMINFO_MD5:]
    packets = Sought(source)
    end = packets.find_end()
    if not any(checksum) or _known(end[-1].pts) + (end[-1].duration or 0) != source.stream.duration:
        raise UnclearError
    packets.audio_hash = f"flac:{checksum.hex()}"
    return packets, []


def _find_ogg(source: Source, file: BinaryIO) -> Found:
    if codec_of(source.stream) not in OGG_HEADERS:
        raise UnclearError
    pages = framing.walk_ogg(file, OGG_HEADERS[codec_of(source.stream)])
    table = b"".join(page.table for page in pages)
    last = framing.size_of_last(table)
    packets = Paged(source, pages)
    # FFmpeg ends a file where a packet of Opus says that more is to come and has no more.
    if (codec_of(source.stream) == "opus" and framing.SHORTEST.search(table)) or packets.find_end()[-1].size != last:
        raise UnclearError
    return packets, framing.cut_off([(page.begin, page.end) for page in pages], last)


def _find_mp4(source: Source, file: BinaryIO) -> Found:
    framing.check_mp4(file)
    entries = [(entry.pos, entry.size) for entry in source.stream.index_entries]
    packets = Sought(source)
    end = packets.find_end()
    if (
        codec_of(source.stream) not in MP4_CODECS
        or entries[:1] != [(source.first.pos, source.first.size)]
        or entries[-len(end) :] != [(packet.pos, packet.size) for packet in end]
    ):
        raise UnclearError
    return packets, framing.join(entries[:-1])


FINDERS: dict[str, Callable[[Source, BinaryIO], Found]] = {
    "mp3": _find_mp3,
    "flac": _find_flac,
    "ogg": _find_ogg,
    "mov,mp4,m4a,3gp,3g2,mj2": _find_mp4,
}


@dataclass
class Held:
    """Packets at hand for decoding, by their number: those of `spans`, as begin and end in seconds, ascending.

    `spans` is None where everything is held: then whoever has the packets puts them into `packets`.
    """

    spans: deque[Span] | None
    room: int = field(default_factory=lambda: HELD_BYTES)
    packets: dict[int, Packet] = field(default_factory=dict)

    def take(self, number: int, packet: Packet, *, start: float, end: float) -> None:
        """Hold a packet that plays from `start` to `end`, if that is wanted; packets come in order."""
        while self.spans and start >= self.spans[0][1]:
            self.spans.popleft()
        if self.spans and end > self.spans[0][0] and self.room > 0:
            self.packets[number] = packet
            self.room -= packet.size

    def has(self, first: int, stop: int) -> bool:
        """Whether all packets from `first` up to `stop` are held."""
        return all(number in self.packets for number in range(first, stop))

    def run(self, first: int, stop: int) -> list[Packet]:
        """Those packets from `first` up to `stop` that are held."""
        return [self.packets[number] for number in range(first, stop) if number in self.packets]


class Demuxed:
    """Packets of a file that is demuxed once from end to end: some are held, and it is demuxed again for others.

    Parameters
    ----------
    expect
        What will be heard of a recording of so many seconds, most of it in the first spans.
    """

    def __init__(
        self, container: InputContainer, stream: AudioStream, expect: Callable[[float], Sequence[Span]]
    ) -> None:
        self._container = container
        self._preroll_s = preroll_s(stream)
        time_base = float(stream.time_base or 0)
        self.origin_s = end = 0.0
        self._held = held = Held(self._spans_to_hold(expect))
        self._starts: list[float] = []
        digest = hashlib.blake2b(digest_size=16)
        previous: Packet | None = None
        # A file has ten thousand packets and more: what is asked of each of them costs as much as demuxing it.
        whole, packets, add, update = held.spans is None, held.packets, self._starts.append, digest.update
        for number, packet in enumerate(_demux(container, stream)):
            pts = packet.pts
            # The last packet stays out of the hash: in some formats it swallows the tags that follow the audio.
            if previous is not None:
                update(previous)
            elif pts is not None:
                self.origin_s = pts * time_base
            previous = packet
            start = end if pts is None else pts * time_base - self.origin_s
            end = start + _lasts(packet) * time_base
            add(start)
            if whole:
                packets[number] = packet
            else:
                held.take(number, packet, start=start, end=end)
        if previous is None:
            raise UnheardError("is not audio that can be decoded: no packets in it")
        if len(self._starts) == 1:
            digest.update(previous)
        self.audio_hash = digest.hexdigest()
        self.duration_s = end
        self._again = _Again(container, stream, len(self._starts))

    def _spans_to_hold(self, expect: Callable[[float], Sequence[Span]]) -> deque[Span] | None:
        """What will be heard if the file is as long as it says; it may lie, or not say it. None to hold everything."""
        if self._container.size <= HELD_BYTES:
            return None
        duration_s = (self._container.duration or 0) / av.time_base
        if duration_s <= 0:
            return deque([(-np.inf, np.inf)])
        before, after = self._preroll_s + HELD_MARGIN_S, POSTROLL_S + HELD_MARGIN_S
        spans = sorted(expect(duration_s)[:HELD_WINDOWS])
        return deque((start - before, start + length + after) for start, length in spans)

    def of(self, spans: Sequence[Span]) -> list[Packet]:
        """The packets that the first of the spans is decoded from."""
        first, stop = self._packets_of(*spans[0])
        if not self._held.has(first, stop):
            self._hold_next(spans)
        return self._held.run(first, stop)

    def clear(self) -> None:
        """Let go of all packets: PyAV's containers and streams refer to each other, so they would stay for long."""
        self._held.packets.clear()
        self._again.packets.clear()

    def _packets_of(self, start: float, length: float) -> tuple[int, int]:
        """Which packets a span needs: from the first number up to the second."""
        first = max(bisect_right(self._starts, start - self._preroll_s) - 1, 0)
        return first, bisect_left(self._starts, start + length + POSTROLL_S)

    def _hold_next(self, spans: Iterable[Span]) -> None:
        """Demux once more, for as many of the next spans as may be held together; they need not ascend."""
        bytes_per_s = self._container.size / max(self.duration_s, 1.0)
        room: float = HELD_BYTES
        wanted = []
        for start, length in spans:
            wanted.append(self._packets_of(start, length))
            room -= (self._preroll_s + length + POSTROLL_S) * bytes_per_s
            if room <= 0:
                break
        self._held.packets.clear()
        for first, stop in sorted(wanted):
            self._held.packets.update(self._again.run(first, stop))


def _lasts(packet: Packet) -> int:
    """The duration of a packet; of one that is said to last for minutes, which FFmpeg says of some last ones, none."""
    duration, time_base = packet.duration or 0, float(packet.time_base or 0)
    return duration if duration * time_base <= LONGEST_S else 0


def _demux(container: InputContainer, stream: AudioStream) -> Iterator[Packet]:
    try:
        for packet in container.demux(stream):
            if packet.size:
                yield packet
    except FFmpegError:
        return  # a truncated file ends here; what came before is heard


class _Again:
    """Packets of a recording that is demuxed once more from its beginning, and again when an earlier one is asked."""

    def __init__(self, container: InputContainer, stream: AudioStream, count: int) -> None:
        self._container = container
        self._stream = stream
        self._following: Iterator[Packet] = iter(())
        self._next = count
        self.packets: deque[tuple[int, Packet]] = deque()

    def run(self, first: int, stop: int) -> list[tuple[int, Packet]]:
        """The packets from `first` up to `stop` with their numbers, or up to where the file ends."""
        while self.packets and self.packets[0][0] < first:
            self.packets.popleft()
        if first < (self.packets[0][0] if self.packets else self._next):
            self._container.seek(0)
            self._following, self._next = _demux(self._container, self._stream), 0
            self.packets.clear()
        for packet in islice(self._following, max(stop - self._next, 0)):
            if self._next >= first:
                self.packets.append((self._next, packet))
            self._next += 1
        return [(number, packet) for number, packet in self.packets if number < stop]
