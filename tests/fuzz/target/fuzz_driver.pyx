# cython: boundscheck=False, wraparound=False
"""libFuzzer in the interpreter, for readers in Python in part: see tools/gate/fuzz_readers.py.

The native modules bring the counters that the compiler put into them. Python has none, so a trace
function counts, in a section that libFuzzer watches, which line of the watched files follows which.
"""

from cpython.ref cimport PyObject
from libc.stdint cimport uint8_t
from libc.stdlib cimport abort, free, malloc

import traceback

cdef extern from *:
    """
    #include <stddef.h>
    #include <stdint.h>
    #define LINE_COUNTERS 32768
    extern uint8_t line_counters[LINE_COUNTERS];
    extern int LLVMFuzzerRunDriver(int *, char ***, int (*)(const uint8_t *, size_t));
    """
    enum:
        LINE_COUNTERS
    uint8_t* line_counters
    int LLVMFuzzerRunDriver(int*, char***, int (*)(const uint8_t*, size_t) noexcept)

cdef extern from "Python.h":
    ctypedef struct PyFrameObject
    ctypedef int (*Tracer)(PyObject*, PyFrameObject*, int, PyObject*) noexcept
    int PyTrace_LINE
    object PyFrame_GetCode(PyFrameObject*)
    int PyFrame_GetLineNumber(PyFrameObject*)
    void PyEval_SetTrace(Tracer, PyObject*)

cdef object check
cdef frozenset watched
cdef size_t before = 0


cdef int count_line(PyObject* nothing, PyFrameObject* frame, int what, PyObject* value) noexcept:
    """Count the step from the line before to this one."""
    global before
    cdef size_t here
    if what != PyTrace_LINE:
        return 0
    name = PyFrame_GetCode(frame).co_filename
    if name not in watched:
        return 0
    here = <size_t>PyFrame_GetLineNumber(frame) * 2654435761 + <size_t>hash(name)
    line_counters[(here ^ before) % LINE_COUNTERS] += 1
    before = here >> 1
    return 0


cdef int one_input(const uint8_t* data, size_t length) noexcept:
    global before
    before = 0
    try:
        check((<const char*>data)[:length])
    except BaseException:
        traceback.print_exc()
        abort()
    return 0


def run(words, function, files):
    """Give what libFuzzer makes up to a function, until a limit ends the process.

    `files` are those whose lines count, if any.
    """
    global check, watched
    cdef int count = len(words)
    cdef char** arguments = <char**>malloc((count + 1) * sizeof(char*))
    cdef int place
    check = function
    watched = frozenset(files)
    for place in range(count):
        arguments[place] = words[place]
    arguments[count] = NULL
    if watched:
        PyEval_SetTrace(count_line, NULL)
    try:
        return LLVMFuzzerRunDriver(&count, &arguments, one_input)
    finally:
        free(arguments)
