"""Entries of the table, made from Python's values; see `Entry` for what they hold."""

from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport calloc

from native._body cimport Body, body_hold
from native._pointed cimport packed
from native._table cimport SLICE_KEY_BYTES, Entry, slice_key


cdef inline Entry* blank_entry(uint64_t text_bytes) except NULL:
    """Make an entry with nothing in it, and room for its texts behind it."""
    cdef Entry* entry = <Entry*>calloc(1, sizeof(Entry) + text_bytes)
    if entry == NULL:
        raise MemoryError("no room for an entry")
    entry.refs = 1
    return entry


cdef inline Entry* entry_of_texts(
    bytes key, bytes etag, bytes content_type, bytes whole, bytes part, bytes parts,
    bytes unchanged, bytes error, bytes caption,
) except NULL:
    """Make an entry of its texts; numbers and body are the caller's to set."""
    cdef uint64_t text = sum([
        len(each) for each in
        (key, etag or b"", content_type or b"", whole, part, parts, unchanged, error, caption)
    ])
    cdef Entry* entry = blank_entry(text)
    cdef uint8_t* at = <uint8_t*>entry + sizeof(Entry)
    entry.key = packed(&at, key)
    entry.current.etag = packed(&at, etag)
    entry.plain_tag = etag is None or etag.isascii()
    entry.content_type = packed(&at, content_type)
    entry.whole = packed(&at, whole)
    entry.part = packed(&at, part)
    entry.parts = packed(&at, parts)
    entry.unchanged = packed(&at, unchanged)
    entry.error = packed(&at, error)
    entry.caption = packed(&at, caption)
    return entry


cdef inline Entry* entry_of_slice(uint64_t version, uint64_t number, Body* body) except NULL:
    """Make an entry of one slice of a version."""
    cdef Entry* entry = blank_entry(SLICE_KEY_BYTES)
    entry.key = slice_key(<uint8_t*>entry + sizeof(Entry), version, number)
    entry.version = version
    entry.number = number
    entry.body = body
    entry.length = body.length
    body_hold(body)
    return entry


cdef inline Entry* entry_of_fork(bytes key, bytes names) except NULL:
    """Make an entry that says by which fields a variant is chosen."""
    cdef Entry* entry = blank_entry(len(key) + len(names))
    cdef uint8_t* at = <uint8_t*>entry + sizeof(Entry)
    entry.key = packed(&at, key)
    entry.names = packed(&at, names)
    return entry
