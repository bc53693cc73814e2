"""Pictures between decoder and encoder: deinterlaced, scaled, brought to 8 bit SDR."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

import av.error
from av.filter import Graph
from av.video.frame import VideoFrame

from origin.packaging.report import Matrix, VideoTrackInfo

PQ, HLG = 16, 18
BT709 = (1, 1, 1)
WIDE_GAMUT = 9
UNSPECIFIED = frozenset({0, 2})
RGB_MATRIX = 0
"""Numbers of ISO/IEC 23091-2: transfer functions, BT.709, BT.2020 primaries, the RGB matrix."""

Step = tuple[str, str]
"""A filter and its arguments."""


class PictureFilter:
    """A filter graph that follows its input: it is built anew when size or format change.

    Pictures come out one for one, in order, with times in ticks of `timescale`. Without a track
    none is deinterlaced. `matrix`, as FFmpeg names it, is the one that colours are brought to;
    empty, they keep theirs. High dynamic range is tone-mapped by FFmpeg's scaler, plainly: bright
    parts lose detail.
    """

    def __init__(
        self,
        track: VideoTrackInfo | None,
        size: tuple[int, int],
        timescale: int,
        *,
        threads: int = 1,
        pixel_format: str = "yuv420p",
        matrix: str = "",
        extra: Sequence[Step] = (),
    ) -> None:
        self._track = track
        self._size = size
        self._time_base = Fraction(1, timescale)
        self._threads = threads
        self._pixel_format = pixel_format
        self._matrix = matrix
        self._extra = extra
        self._graph: Graph | None = None
        self._shape: tuple[object, ...] = ()

    def push(self, picture: VideoFrame) -> Iterator[VideoFrame]:
        """Take a picture, whose `pts` is in ticks; give those that are ready."""
        picture.time_base = self._time_base
        shape = (
            picture.width, picture.height, picture.format.name, picture.colorspace,
            picture.color_range, picture.color_trc, picture.color_primaries,
        )  # fmt: skip
        if shape != self._shape:
            yield from self.flush()
            self._graph = self._build(picture)
            self._shape = shape
        assert self._graph is not None
        self._graph.vpush(picture)
        yield from self._pull(self._graph)

    def flush(self) -> Iterator[VideoFrame]:
        """Give the pictures still inside."""
        if self._graph is not None:
            self._graph.vpush(None)
            yield from self._pull(self._graph)
            self._graph = None
            self._shape = ()

    def _pull(self, graph: Graph) -> Iterator[VideoFrame]:
        while True:
            try:
                picture = graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            assert picture.pts is not None
            assert picture.time_base is not None
            picture.pts = int(picture.pts * picture.time_base / self._time_base)
            picture.time_base = self._time_base
            yield picture

    def _build(self, picture: VideoFrame) -> Graph:
        graph = Graph()
        graph.threads = self._threads
        source = graph.add(
            "buffer",
            f"video_size={picture.width}x{picture.height}:pix_fmt={picture.format.name}"
            f":time_base={self._time_base.numerator}/{self._time_base.denominator}"
            f":colorspace={picture.colorspace}:range={picture.color_range}",
        )
        nodes = [source]
        for name, arguments in self._steps(picture):
            nodes.append(graph.add(name, arguments))
        nodes.append(graph.add("buffersink"))
        graph.link_nodes(*nodes).configure()
        return graph

    def _steps(self, picture: VideoFrame) -> Iterator[Step]:
        if self._track is not None and self._track.interlaced:
            yield "yadif", "mode=send_frame:deint=interlaced"
        width, height = self._size
        matrix = self._matrix
        span = "pc" if self._pixel_format.startswith("yuvj") else "tv"
        scale = f"w={width}:h={height}:flags=bicubic:out_range={span}"
        if needs_tone_mapping(picture.color_trc, picture.color_primaries):
            scale += f":out_transfer=bt709:out_primaries=bt709:out_color_matrix={matrix or 'bt709'}"
            scale += ":intent=perceptual"
        elif matrix or picture.format.is_rgb:
            scale += f":out_color_matrix={matrix or 'bt709'}"
        yield "scale", scale
        yield from self._extra
        yield "format", self._pixel_format


def needs_tone_mapping(transfer: int, primaries: int) -> bool:
    """Whether a picture is of high dynamic range or wide gamut, which 8-bit players show wrong."""
    return transfer in (PQ, HLG) or primaries == WIDE_GAMUT


def encoded_colour(track: VideoTrackInfo) -> tuple[int, int, int]:
    """Give primaries, transfer and matrix of what comes out of a `PictureFilter`."""
    primaries, transfer, matrix = track.colour
    if needs_tone_mapping(transfer, primaries) or matrix == RGB_MATRIX:
        return BT709
    return track.colour


def tagged_colour(
    colour: tuple[int, int, int], *, full_range: bool
) -> tuple[int, int, int, bool] | None:
    """Give what a `colr` box says of a picture, None where nothing is known."""
    return None if set(colour) <= UNSPECIFIED else (*colour, full_range)


def orientation_steps(matrix: Matrix) -> tuple[Step, ...]:
    """Give the filters that turn and flip a picture as its `tkhd` matrix says, in quarter turns."""
    a, b, _, c, d = matrix[:5]
    turned = abs(b) > abs(a)
    if turned:
        flipped = b * c > 0
        if flipped:
            return (("transpose", "cclock_flip" if b > 0 else "clock_flip"),)
        return (("transpose", "clock" if b > 0 else "cclock"),)
    steps: list[Step] = []
    if a < 0:
        steps.append(("hflip", ""))
    if d < 0:
        steps.append(("vflip", ""))
    return tuple(steps)
