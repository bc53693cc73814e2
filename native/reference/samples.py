"""The samples of one track of an MP4 file: where they lie and when they are decoded and shown.

They come from the sample tables, then from the fragments. Memory grows with the number of track
runs alone, each of which takes room in the file.

Stricter than the standard, for what comes out is copied without a look at the content: every
sample has bytes, decode times rise, and the track's chunks lie within the file, each for itself.
"""

from collections.abc import Iterator, Mapping
from itertools import chain, pairwise
from typing import TYPE_CHECKING

from native.errors import MalformedMovie
from native.reference.fragments import Defaults
from native.reference.sample_rows import SampleRow, packed
from native.reference.sample_tables import SampleTables
from native.reference.track_fragments import TrackFragments
from native.values import SampleRun

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from native.reference.sample import Sample


class SampleTable:
    """The samples of one track.

    `boxes` gives the content of each table by its box's letters, as first and last byte of `data`,
    a part of a file of `file_bytes`; `stbl` is the box around them, and `sbgp` the random access
    points' (`rap `). `path` names that box in messages. `descriptions` counts the track's sample
    entries. With fragments, `track_id` and `defaults` (of `trex`) say what belongs to the track,
    and `add_fragment` is called for each `moof`; `default_sizes` has the sizes from every track's
    `trex`, by its number, for fragments whose data begin behind those of other tracks. After the
    last call `finish`, then read with `next_run` or `next_rows`.

    Raises `MalformedMovie` for the first contradiction found.
    """

    def __init__(
        self,
        data: "Buffer",
        boxes: Mapping[str, tuple[int, int]],
        *,
        file_bytes: int,
        path: str,
        descriptions: int,
        track_id: int = 0,
        defaults: Defaults | None = None,
        default_sizes: Mapping[int, int] | None = None,
    ) -> None:
        self._tables = SampleTables(data, dict(boxes), file_bytes, path, descriptions)
        self._reached = self._tables.reached
        self._fragments = TrackFragments(
            self._reached, descriptions, track_id, defaults, dict(default_sizes or ())
        )
        self._finished = False
        self.rewind()

    @property
    def sample_count(self) -> int:
        """The samples that were found so far."""
        return self._reached.samples

    @property
    def duration(self) -> int:
        """The decode time behind the last of them."""
        return self._reached.duration

    def add_fragment(self, number: int, start: int, data: bytes, content: int) -> None:
        """Take this track's runs from a `moof`.

        `number` is its ordinal, from 1, `start` its first byte in the file; `data` is the box, with
        its children from `content` on.
        """
        if content > len(data):
            raise ValueError(f"the content of {len(data)} bytes begins at {content}")
        if self._finished:
            raise ValueError("the table is finished")
        self._fragments.add(number, start, data, content)

    def finish(self) -> None:
        """Check that no two chunks or runs share a byte. Call it before `next_run`."""
        if not self._reached.ascending:
            claims = sorted((offset, number, end) for number, offset, end in self._claims())
            for (_, number, end), (offset, other, _) in pairwise(claims):
                if offset < end:
                    first, second = sorted((number, other))
                    raise MalformedMovie(
                        self._tables.path,
                        self._tables.boxes["stbl"][0],
                        f"lets chunks {first} and {second} share bytes from {offset}",
                    )
        self._finished = True

    def _claims(self) -> Iterator[tuple[int, int, int]]:
        yield from self._tables.claims()
        for number, run in enumerate(self._fragments.runs, start=self._tables.chunk_count):
            yield number, run.offset, run.offset + run.length

    def used_descriptions(self) -> list[int]:
        """Give the numbers of the sample entries that samples name, rising."""
        used = {run.description for run in self._fragments.runs}
        return sorted(used.union(self._tables.descriptions()))

    def rewind(self) -> None:
        """Let `next_run` begin again with the first sample."""
        self._cursor = chain(self._tables.walk(), self._fragments.walk())
        self._pending: Sample | None = None
        self._begun = False

    def next_run(self, limit_bytes: int, limit_samples: int) -> SampleRun | None:
        """Give the next samples that lie one behind the other; None after the last one.

        A run holds one sample at least, and no more than the limits otherwise allow.
        """
        if not self._finished:
            raise ValueError("the table is not finished")
        if not self._begun:
            self._begun = True
            self._pending = next(self._cursor, None)
        first = self._pending
        if first is None:
            return None
        taken = [first]
        end = first.offset + first.size
        self._pending = next(self._cursor, None)
        while (
            (sample := self._pending) is not None
            and sample.offset == end
            and sample.description == first.description
            and len(taken) < limit_samples
            and end + sample.size - first.offset <= limit_bytes
        ):
            taken.append(sample)
            end += sample.size
            self._pending = next(self._cursor, None)
        return SampleRun(
            first.offset,
            end - first.offset,
            first.description,
            [sample.size for sample in taken],
            [sample.decode_time for sample in taken],
            [sample.composition_offset for sample in taken],
            [sample.duration for sample in taken],
            [sample.access for sample in taken],
        )

    def next_rows(self, limit: int) -> bytes:
        """Give up to `limit` samples as rows, wherever they lie; nothing behind the last one."""
        rows: list[SampleRow] = []
        if not self._finished:
            raise ValueError("the table is not finished")
        if not self._begun:
            self._begun = True
            self._pending = next(self._cursor, None)
        while (sample := self._pending) is not None and len(rows) < limit:
            rows.append(
                SampleRow(
                    sample.offset, sample.decode_time, sample.composition_offset, sample.size,
                    sample.duration, sample.access, sample.description,
                )
            )  # fmt: skip
            self._pending = next(self._cursor, None)
        return packed(rows)
