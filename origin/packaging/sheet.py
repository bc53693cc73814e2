"""A sprite on its way: tiles are pasted into it, then it is a JPEG."""

from typing import Final

from av.video.frame import VideoFrame

from origin.packaging.jpeg import encode_jpeg

BLACK: Final = (0, 128, 128)
"""Full range, as JPEG has it."""


class Sheet:
    """Room for `columns` times `rows` tiles of even width and height in pixels, black at first."""

    def __init__(self, columns: int, rows: int, width: int, height: int) -> None:
        self._columns = columns
        self._width, self._height = width, height
        self._frame = VideoFrame(columns * width, rows * height, "yuvj420p")
        self._planes = [
            bytearray(bytes([black]) * plane.buffer_size)
            for plane, black in zip(self._frame.planes, BLACK, strict=True)
        ]

    def paste(self, tile: VideoFrame, place: int) -> None:
        """Put a tile, in `yuvj420p`, at a place: they are counted row by row."""
        row, column = divmod(place, self._columns)
        targets = zip(self._frame.planes, tile.planes, self._planes, strict=True)
        for number, (sheet, source, canvas) in enumerate(targets):
            halved = 1 if number else 0
            width, height = self._width >> halved, self._height >> halved
            data = memoryview(source)
            for line in range(height):
                at = (row * height + line) * sheet.line_size + column * width
                start = line * source.line_size
                canvas[at : at + width] = data[start : start + width]

    def jpeg(self, quality: int) -> bytes:
        """Give what has been pasted so far."""
        for plane, canvas in zip(self._frame.planes, self._planes, strict=True):
            plane.update(bytes(canvas))
        return encode_jpeg(self._frame, quality)
