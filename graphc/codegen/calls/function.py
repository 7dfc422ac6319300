"""The function behind every callable of a session, as an LLVM module; one for the whole process.

`ptr graphc_call(self, arguments, count, names)` is what Python calls (a `vectorcallfunc`). Where
the arguments are just what the program takes, of shapes that it has met, and nobody is in the way,
it runs the program and returns the results. In any other case it calls the method `SLOWLY` of
`self` with the same arguments, which does the same in Python, or raises.

Everything is done under the GIL, except that a run which takes long gives it up meanwhile. While it
has, STATE keeps others off the variables, and its arena is in no list; nothing else of what it uses
changes. A run that keeps the GIL need not tell anybody.
"""

from __future__ import annotations

from llvmlite import ir

from graphc.codegen.calls.layout import (
    SCALAR_VALUE,
    STATUS_WORDS,
    Arena,
    Buffer,
    Call,
    Cell,
    Form,
    Links,
    NumPyArray,
    Program,
    Signature,
    State,
    Update,
    Variable,
)
from graphc.codegen.calls.lists import PUSH_ARENA, emit_lists
from graphc.codegen.calls.matching import FIND, emit_matching
from graphc.codegen.calls.results import RESULTS, emit_results
from graphc.codegen.calls.writer import NULL, ONE, ZERO, Writer
from graphc.codegen.target import Target
from graphc.codegen.values import I1, I64, POINTER, VOID

CALL, TRY = "graphc_call", "graphc_try"
_ATTEMPT, _FILL, _RUN, _COMMIT, _FINISH = (
    f"gc.{name}" for name in ("attempt", "fill", "run", "commit", "finish")
)

#: The bit of a vectorcall's count that says something about memory, not the count.
_OFFSET_BIT = 1 << 63


def emit_call(target: Target, record_offset: int) -> ir.Module:
    """The module of `graphc_call`, and of what Python needs to set up and go round it.

    The address of a callable's `Call` lies `record_offset` bytes into the object.

    - `ptr graphc_try(self, arguments, count, names)` returns an object that says so where it
      cannot run; the caller holds the lock of the variables
    - those of `lists.py`
    """
    module = ir.Module(name="graphc_call")
    module.triple = target.triple
    emit_lists(module)
    emit_matching(module)
    emit_results(module)
    _emit_record(module, record_offset)
    _emit_commit(module)
    _emit_fill(module)
    _emit_run(module)
    _emit_finish(module)
    _emit_attempt(module)
    _emit_call(module)
    _emit_try(module)
    return module


def _emit_call(module: ir.Module) -> None:
    w = Writer(module, CALL, POINTER, [POINTER, POINTER, I64, POINTER])
    self, arguments, _, names = w.arguments
    count = _attempted(w, locked=False)
    total = w.variable(count)
    with w.when(w.differ(names, NULL)):
        named = w.call("PyTuple_Size", names, result=I64)
        w.store(w.builder.add(count, named), total, 0)
    number = w.load(total, 0)
    given = w.builder.alloca(POINTER, w.builder.add(number, ONE))
    given.type = POINTER
    w.store(self, given, 0)
    with w.counted(number) as k:
        w.builder.store(w.pointer_at(arguments, k), w.at(given, 1, k))
    links = w.pointer(_record(w, self), Call.LINKS)
    method, with_self = w.pointer(links, Links.SLOWLY), w.builder.add(count, ONE)
    w.leave(w.call("PyObject_VectorcallMethod", method, given, with_self, names))


def _attempted(w: Writer, *, locked: bool) -> ir.Value:
    """Leave with the results or the error of an attempt; the count, where nothing has happened."""
    self, arguments, count, names = w.arguments
    count = w.builder.and_(count, I64(~_OFFSET_BIT & (2**64 - 1)))
    done = w.call(_ATTEMPT, self, arguments, count, names, I1(int(locked)))
    with w.when(w.differ(done, NULL), likely=True):
        w.leave(done)
    with w.when(w.differ(w.call("PyErr_Occurred"), NULL)):
        w.leave(NULL)
    return count


def _emit_try(module: ir.Module) -> None:
    w = Writer(module, TRY, POINTER, [POINTER, POINTER, I64, POINTER])
    _attempted(w, locked=True)
    not_done = w.pointer(w.pointer(_record(w, w.arguments[0]), Call.LINKS), Links.NOT_DONE)
    w.acquire(not_done)
    w.leave(not_done)


_RECORD = "gc.record"


def _record(w: Writer, self: ir.Value) -> ir.Value:
    return w.call(_RECORD, self)


def _emit_record(module: ir.Module, offset: int) -> None:
    """`ptr record(self)`: the callable's `Call`."""
    w = Writer(module, _RECORD, POINTER, [POINTER])
    w.internal()
    w.leave(w.pointer(w.bytes_from(w.arguments[0], offset), 0))


def _emit_attempt(module: ir.Module) -> None:
    """`ptr attempt(self, arguments, count, names, i1 locked)`: the results, or null.

    Null with an exception, or without one where nothing has happened. `locked` says that the
    caller holds the lock of the variables.
    """
    w = Writer(module, _ATTEMPT, POINTER, [POINTER, POINTER, I64, POINTER, I1])
    w.internal()
    self, arguments, count, names, locked = w.arguments
    call = _record(w, self)
    w.leave_if(w.differ(count, w.load(call, Call.POSITIONAL)), NULL)
    out = _out(w, call, arguments, count, names)
    signature = w.call(FIND, call, arguments)
    w.leave_if(w.is_null(signature), NULL)
    program = w.pointer(call, Call.PROGRAM)
    arena = w.pointer(program, Program.ARENAS)
    w.leave_if(w.is_null(arena), NULL)
    needed = w.load(signature, Signature.ARENA_BYTES)
    w.leave_if(w.less(w.load(arena, Arena.BYTES), needed), NULL)
    w.store(w.pointer(arena, Arena.NEXT), program, Program.ARENAS)
    owner = w.pointer(signature, Signature.OWNER)
    w.acquire(owner)  # other runs may displace the signature, even in the midst of this one
    table = w.at(arena, Arena.TABLE)
    _fill_inputs(w, call, program, arguments, arena)
    # Making objects may run other Python code (a finalizer, that is): look at STATE after it.
    result = w.call(RESULTS, call, signature, table, out)
    with w.when(w.is_null(result), likely=False):
        _give_back(w, program, arena, owner)
        w.leave(NULL)
    closed = w.nonzero(w.load(w.pointer(program, Program.STATE), State.CLOSED))
    busy = w.builder.or_(closed, w.builder.and_(w.builder.not_(locked), _busy(w, program)))
    with w.when(busy, likely=False):
        _give_back(w, program, arena, owner)
        w.release(result)
        w.leave(NULL)
    fill_program(w, program, signature, arena)
    waiting = w.call(_RUN, program, signature, arena, locked, result=I64)
    status = w.bytes_from(arena, w.load(program, Program.STATUS))
    report = [w.load(status, k) for k in range(STATUS_WORDS)]
    _give_back(w, program, arena, owner)
    w.leave(w.call(_FINISH, self, result, waiting, *report))


def _give_back(w: Writer, program: ir.Value, arena: ir.Value, owner: ir.Value) -> None:
    w.call(PUSH_ARENA, program, arena, result=VOID)
    w.release(owner)


def _out(
    w: Writer, call: ir.Value, arguments: ir.Value, count: ir.Value, names: ir.Value
) -> ir.Value:
    """What is given as `out=`, or null; leaves for any other keyword."""
    out = w.variable(NULL)
    with w.when(w.differ(names, NULL), likely=False):
        links = w.pointer(call, Call.LINKS)
        w.leave_if(w.differ(w.call("PyTuple_Size", names, result=I64), ONE), NULL)
        name = w.call("PyTuple_GetItem", names, ZERO)
        w.leave_if(w.differ(name, w.pointer(links, Links.OUT)), NULL)
        given = w.pointer_at(arguments, count)
        nothing = w.same(given, w.pointer(links, Links.NONE))
        w.store(w.builder.select(nothing, NULL, given), out, 0)
        nested = w.same(w.load(call, Call.FORM), I64(Form.NESTED))
        w.leave_if(w.builder.and_(nested, w.builder.not_(nothing)), NULL)
    return w.pointer(out, 0)


def _busy(w: Writer, program: ir.Value) -> ir.Value:
    """Whether the run must wait for others, or let those go first who wait."""
    state = w.pointer(program, Program.STATE)
    writes = w.nonzero(w.load(program, Program.WRITES))
    read = w.builder.and_(writes, w.nonzero(w.load(state, State.READERS)))
    others = w.builder.or_(w.load(state, State.WRITER), w.load(state, State.WAITING))
    return w.builder.or_(read, w.nonzero(others))


def _fill_inputs(
    w: Writer, call: ir.Value, program: ir.Value, arguments: ir.Value, arena: ir.Value
) -> None:
    """Put the addresses of the placeholders' elements into the table."""
    numbers, inputs = w.pointer(call, Call.ARGUMENTS), w.pointer(program, Program.INPUT)
    table, array_type = w.at(arena, Arena.TABLE), w.pointer(call, Call.LINKS)
    array_type = w.pointer(array_type, Links.ARRAY_TYPE)
    fed = w.bytes_from(arena, w.load(program, Program.NUMBERS_AT))
    data = w.variable(NULL)
    with w.counted(w.load(program, Program.INPUTS)) as k:
        given = w.pointer_at(arguments, w.number_at(numbers, k))
        w.store(w.array_pointer(given, NumPyArray.DATA), data, 0)
        type_ = w.array_pointer(given, NumPyArray.TYPE)
        with w.when(w.differ(type_, array_type), likely=False):
            _fill_number(w, call, given, type_, w.at(fed, 0, k), data)
        w.set_slot(w.pointer(data, 0), table, w.load(w.row(inputs, Buffer, k), Buffer.SLOT))


def _fill_number(
    w: Writer, call: ir.Value, given: ir.Value, type_: ir.Value, place: ir.Value, data: ir.Value
) -> None:
    """Let `data` be where the value of a float is: in NumPy's object itself, or put in place."""
    single = w.same(type_, w.pointer(w.pointer(call, Call.LINKS), Links.FLOAT32_TYPE))
    with w.builder.if_else(single) as (is_single, is_double):
        with is_single:
            w.store(w.bytes_from(given, SCALAR_VALUE), data, 0)
        with is_double:
            w.builder.store(w.call("PyFloat_AsDouble", given, result=ir.DoubleType()), place)
            w.store(place, data, 0)


def _emit_fill(module: ir.Module) -> None:
    """`void fill(program, signature, arena)`: the slots of variables, updates and temporaries.

    Those of constants are filled when the arena is made.
    """
    w = Writer(module, _FILL, VOID, [POINTER, POINTER, POINTER])
    w.internal()
    program, signature, arena = w.arguments
    table = w.at(arena, Arena.TABLE)
    _fill_variables(w, program, table)
    base = w.bytes_from(arena, w.load(program, Program.TEMPORARIES_AT))
    slots, offsets = w.pointer(program, Program.TEMPORARY), w.pointer(signature, Signature.OFFSETS)
    with w.counted(w.load(program, Program.TEMPORARIES)) as k:
        w.set_slot(w.bytes_from(base, w.number_at(offsets, k)), table, w.number_at(slots, k))
    w.leave()


def fill_program(w: Writer, program: ir.Value, signature: ir.Value, arena: ir.Value) -> None:
    """Fill the slots that are the same for every feed of a signature."""
    w.call(_FILL, program, signature, arena, result=VOID)


def _fill_variables(w: Writer, program: ir.Value, table: ir.Value) -> None:
    """Put the addresses of the variables' old and new values into the table."""
    variables = w.pointer(program, Program.VARIABLE)
    with w.counted(w.load(program, Program.VARIABLES)) as k:
        row = w.row(variables, Variable, k)
        value = w.pointer(w.pointer(row, Variable.CELL), Cell.CURRENT)
        w.set_slot(value, table, w.load(row, Variable.SLOT))
    updates = w.pointer(program, Program.UPDATE)
    with w.counted(w.load(program, Program.UPDATES)) as k:
        row = w.row(updates, Update, k)
        swaps = w.load(row, Update.SWAPS)  # 0 or 1, which is where the spare memory is
        value = w.builder.load(w.at(w.pointer(row, Update.CELL), 0, swaps), typ=POINTER)
        w.set_slot(value, table, w.load(row, Update.SLOT))


def commit(w: Writer, program: ir.Value) -> None:
    """Make the new values the variables'."""
    w.call(_COMMIT, program, result=VOID)


def _emit_commit(module: ir.Module) -> None:
    """`void commit(program)`: exchange old values with new ones where those lie apart."""
    w = Writer(module, _COMMIT, VOID, [POINTER])
    w.internal()
    (program,) = w.arguments
    updates = w.pointer(program, Program.UPDATE)
    with w.counted(w.load(program, Program.UPDATES)) as k:
        row = w.row(updates, Update, k)
        with w.when(w.nonzero(w.load(row, Update.SWAPS))):
            cell = w.pointer(row, Update.CELL)
            old, new = w.pointer(cell, Cell.CURRENT), w.pointer(cell, Cell.SPARE)
            w.store(new, cell, Cell.CURRENT)
            w.store(old, cell, Cell.SPARE)
    w.leave()


def enter(w: Writer, program: ir.Value, signature: ir.Value, arena: ir.Value) -> ir.Value:
    """Run the program once; whether no check has failed. The table must be filled."""
    status = w.bytes_from(arena, w.load(program, Program.STATUS))
    w.store(ZERO, status, 0)
    w.call_field(
        program, Program.ENTRY, VOID,
        w.at(arena, Arena.TABLE), w.pointer(signature, Signature.SIZES), status,
        w.pointer(signature, Signature.POOL),
    )  # fmt: skip
    return w.same(w.load(status, 0), ZERO)


def _emit_run(module: ir.Module) -> None:
    """`i64 run(program, signature, arena, i1 locked)`: whether others wait for their turn now."""
    w = Writer(module, _RUN, I64, [POINTER, POINTER, POINTER, I1])
    w.internal()
    program, signature, arena, locked = w.arguments
    with w.when(w.same(w.load(signature, Signature.RELEASES), ZERO), likely=True):
        with w.when(enter(w, program, signature, arena), likely=True):
            commit(w, program)
        w.leave(ZERO)
    state = w.pointer(program, Program.STATE)
    place = w.builder.select(
        w.nonzero(w.load(program, Program.WRITES)),
        w.at(state, State.WRITER),
        w.at(state, State.READERS),
    )
    mark = w.builder.select(locked, ZERO, ONE)
    w.store(w.builder.add(w.load(place, 0), mark), place, 0)
    thread = w.call("PyEval_SaveThread")
    done = enter(w, program, signature, arena)
    w.call("PyEval_RestoreThread", thread, result=VOID)
    with w.when(done, likely=True):
        commit(w, program)
    w.store(w.builder.sub(w.load(place, 0), mark), place, 0)
    w.leave(w.builder.select(locked, ZERO, w.load(state, State.WAITING)))


def _emit_finish(module: ir.Module) -> None:
    """`ptr finish(self, result, i64 waiting, i64... report)`: the result, or null and an error."""
    w = Writer(module, _FINISH, POINTER, [POINTER, POINTER, I64] + [I64] * STATUS_WORDS)
    w.internal()
    self, result, waiting, *report = w.arguments
    call = _record(w, self)
    links = w.pointer(call, Call.LINKS)
    with w.when(w.nonzero(waiting), likely=False):
        _call_for_effect(w, links, Links.WAKE, self, result)
    with w.when(w.nonzero(report[0]), likely=False):
        w.release(result)
        numbers = [w.call("PyLong_FromLongLong", number) for number in report]
        for number in numbers:
            w.leave_if(w.is_null(number), NULL)
        w.call_method(links, Links.FAIL, self, *numbers)  # it raises
        for number in numbers:
            w.release(number)
        w.leave(NULL)
    with w.when(w.same(w.load(call, Call.FORM), I64(Form.NESTED)), likely=False):
        formed = w.call_method(links, Links.FORM, self, result)
        w.release(result)
        w.leave(formed)
    w.leave(result)


def _call_for_effect(
    w: Writer, links: ir.Value, name: Links, self: ir.Value, result: ir.Value
) -> None:
    """Call a method; leave with its exception, if it raises one, without the result."""
    answer = w.call_method(links, name, self)
    with w.when(w.is_null(answer)):
        w.release(result)
        w.leave(NULL)
    w.release(answer)
