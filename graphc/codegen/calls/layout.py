"""The structs that `function.py` and `steps.py` read, all of words of eight bytes.

Python makes them in memory of NumPy arrays (`graphc/runtime/call_record.py`); a field that is an
array holds its address. `Call` and `Program` are as many as there are callables and programs, the
others lie one behind the other in arrays, except that signatures and arenas are linked lists.
"""

from __future__ import annotations

from enum import IntEnum

WORD = 8


class Links(IntEnum):
    """Addresses in Python and NumPy, the same for the whole process."""

    ARRAY_TYPE = 0
    NEW_ARRAY = 1  # PyArray_NewFromDescr
    LIST_TYPE = 2
    TUPLE_TYPE = 3
    NONE = 4
    NOT_DONE = 5  # the object that an attempt returns which has not run
    OUT = 6  # the name of the keyword, and names of methods:
    SLOWLY = 7
    FAIL = 8
    WAKE = 9
    FORM = 10
    SET_BASE = 11  # PyArray_SetBaseObject
    BLOCK_TYPE = 12
    FLOAT_TYPE = 13
    FLOAT64_TYPE = 14  # NumPy's, whose objects are of Python's type too
    FLOAT64 = 15  # the dtype
    FLOAT32_TYPE = 16  # NumPy's scalar, and the dtype
    FLOAT32 = 17


class State(IntEnum):
    """Who uses a session's variables. Changed under the GIL only."""

    CLOSED = 0
    WRITER = 1  # 1 while somebody may write variables
    READERS = 2  # how many may only read them
    WAITING = 3  # how many wait for their turn, before whom nobody goes


class Ticket(IntEnum):
    """What somebody who waits in Python has got."""

    EXCLUSIVE = 0
    HELD = 1
    QUEUED = 2


class Call(IntEnum):
    """A callable: which arguments it takes, and the form of its results."""

    LINKS = 0
    PROGRAM = 1
    POSITIONAL = 2  # how many arguments
    ARGUMENTS = 3  # for each placeholder the number of its argument
    FORM = 4
    ITEMS = 5
    ITEM = 6  # for each item of the result the number of an output, or -1 for None


class Form(IntEnum):
    """What a call returns."""

    SINGLE = 0
    LIST = 1
    TUPLE = 2
    NESTED = 3  # what the method FORM makes of a tuple


class Program(IntEnum):
    """A loaded executable and the variables it works on."""

    STATE = 0
    ENTRY = 1
    WRITES = 2  # whether it assigns
    SIGNATURES = 3  # the one used last
    ARENAS = 4  # one that is free
    STATUS = 5  # where in an arena, in bytes
    TEMPORARIES_AT = 6  # likewise
    INPUTS = 7  # a number, followed by an array of so many structs; the same below
    INPUT = 8
    VARIABLES = 9
    VARIABLE = 10
    OUTPUTS = 11
    OUTPUT = 12
    UPDATES = 13
    UPDATE = 14
    TEMPORARIES = 15
    TEMPORARY = 16  # slots
    NUMBERS_AT = 17  # in bytes, as STATUS


class Buffer(IntEnum):
    """A placeholder or an output."""

    DESCR = 0
    RANK = 1
    SLOT = 2


class Variable(IntEnum):
    """A variable that is read."""

    CELL = 0
    SLOT = 1


class Update(IntEnum):
    """A variable that is assigned."""

    CELL = 0
    SLOT = 1
    SWAPS = 2  # whether the new value goes to the spare memory, as it cannot go over the old


class Cell(IntEnum):
    """Where a variable's value is, and memory for a new one, if some update needs it."""

    CURRENT = 0
    SPARE = 1


class Signature(IntEnum):
    """What follows from the shapes of feeds."""

    NEXT = 0
    OWNER = 1  # the Python object that keeps it in memory
    DIMS = 2  # of the placeholders, one after the other
    INPUT_BYTES = 3
    SIZES = 4  # for the entry
    OUTPUT_DIMS = 5  # for each output the address of its dims
    OUTPUT_BYTES = 6
    OFFSETS = 7  # of the temporaries
    ARENA_BYTES = 8
    RELEASES = 9  # whether a run takes so long that it lets other Python threads run
    POOL = 10
    BLOCKS = 11  # a Python list, for each output MOST_BLOCKS blocks or None


class Arena(IntEnum):
    """Memory of one run: the entry's table, its status, numbers that are fed, temporaries.

    The numbers are one for each placeholder; only those are there that are fed as floats of Python.
    """

    NEXT = 0
    BYTES = 1
    TABLE = 2


class Feed(IntEnum):
    """Where `run_steps` takes a placeholder from."""

    BASE = 0
    STRIDE = 1  # bytes from one step to the next
    SLOT = 2
    ROWS = 3  # how many are gathered for a step, -1 if none are and BASE is what is fed
    ROW_BYTES = 4
    TARGET = 5  # where they are put


class Stacked(IntEnum):
    """Where `run_steps` puts an output."""

    BASE = 0
    STRIDE = 1
    SLOT = 2


class Steps(IntEnum):
    """A call of `run_steps`."""

    PROGRAM = 0
    SIGNATURE = 1
    ARENA = 2
    PERMUTATION = 3
    FEED = 4  # one for each placeholder of the program
    STACKED = 5  # one for each output


#: A result of so many bytes lies in a block, memory that is used again. Smaller ones are new.
LARGE_BYTES = 1 << 20

#: Blocks for an output: in `y = f(x)` the old y lives until the new one is there.
MOST_BLOCKS = 2

#: Words that a failed check reports, see `Executable`.
STATUS_WORDS = 3


#: Where a scalar of NumPy's has its value, in bytes; part of NumPy's ABI too.
SCALAR_VALUE = 16


class NumPyArray(IntEnum):
    """Byte offsets of PyArrayObject's fields, part of NumPy's ABI."""

    REFERENCES = 0  # the lower half of the word, which is all of it since Python 3.12
    TYPE = 8
    DATA = 16
    RANK = 24
    DIMS = 32
    DESCR = 56
    FLAGS = 64


#: NumPy's flags: in order of C, aligned, writable.
CONTIGUOUS, ALIGNED, WRITABLE = 0x1, 0x100, 0x400
