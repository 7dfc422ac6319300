"""Native tasks for a pool, and a native loop that gives it jobs as fast as it can take them."""

from __future__ import annotations

import ctypes
import functools
import time
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from graphc.codegen.target import current_target
from graphc.codegen.threads.pool_function import PATIENCE

Array = np.ndarray[Any, Any]

#: A job's context is {ptr counters, i64 arrived, i64 pieces, ptr pool, ptr inner context}.
#: The counters are added to without atomics: what the pool itself orders must be enough.
SOURCE = r"""
declare i32 @clock_gettime(i32, ptr)
declare i32 @sched_yield()
%job = type { ptr, i64, i64, ptr, ptr }

define i64 @now() {
  %t = alloca [2 x i64]
  call i32 @clock_gettime(i32 CLOCK, ptr %t)
  %s = load i64, ptr %t
  %q = getelementptr i64, ptr %t, i64 1
  %n = load i64, ptr %q
  %a = mul i64 %s, 1000000000
  %b = add i64 %a, %n
  ret i64 %b
}

; counters[piece] += 1
define void @count(ptr %job, i64 %piece, ptr %room) {
  %counters = load ptr, ptr %job
  %place = getelementptr i64, ptr %counters, i64 %piece
  %old = load i64, ptr %place
  %new = add i64 %old, 1
  store i64 %new, ptr %place
  ret void
}

; the same once every piece has begun, each in a thread of its own; never if that takes too long
define void @meet(ptr %job, i64 %piece, ptr %room) {
entry:
  %arrived = getelementptr %job, ptr %job, i32 0, i32 1
  %wanted.at = getelementptr %job, ptr %job, i32 0, i32 2
  %wanted = load i64, ptr %wanted.at
  %mine = atomicrmw add ptr %arrived, i64 1 seq_cst
  %begin = call i64 @now()
  br label %look
look:
  %here = load atomic i64, ptr %arrived seq_cst, align 8
  %all = icmp sge i64 %here, %wanted
  br i1 %all, label %met, label %wait
wait:
  %yielded = call i32 @sched_yield()
  %now = call i64 @now()
  %spent = sub i64 %now, %begin
  %late = icmp sgt i64 %spent, 10000000000
  br i1 %late, label %lost, label %look
met:
  call void @count(ptr %job, i64 %piece, ptr %room)
  br label %lost
lost:
  ret void
}

; every piece is a job of as many pieces for the same pool, on counters of its own
define void @nest(ptr %job, i64 %piece, ptr %room) {
  %pieces.at = getelementptr %job, ptr %job, i32 0, i32 2
  %pieces = load i64, ptr %pieces.at
  %pool.at = getelementptr %job, ptr %job, i32 0, i32 3
  %pool = load ptr, ptr %pool.at
  %counters = load ptr, ptr %job
  %first = mul i64 %piece, %pieces
  %own = getelementptr i64, ptr %counters, i64 %first
  %inner = alloca %job
  store ptr %own, ptr %inner
  %parallel_for = load ptr, ptr %pool
  call void %parallel_for(ptr %pool, ptr @count, ptr %inner, i64 %pieces, i64 0, ptr %room)
  ret void
}

; counters[piece] = half of the least normal number, once every piece has begun
define void @halve(ptr %job, i64 %piece, ptr %room) {
  call void @meet(ptr %job, i64 %piece, ptr %room)
  %counters = load ptr, ptr %job
  %place = getelementptr i64, ptr %counters, i64 %piece
  %least = bitcast i64 4503599627370496 to double
  %half = load volatile double, ptr @half
  %product = fmul double %least, %half
  store double %product, ptr %place
  ret void
}
@half = internal global double 0.5

; counters[0] = 1, then wait until counters[1] is not 0: a job that somebody else ends
define void @hold(ptr %job, i64 %piece, ptr %room) {
entry:
  %counters = load ptr, ptr %job
  %open = getelementptr i64, ptr %counters, i64 1
  store atomic i64 1, ptr %counters seq_cst, align 8
  br label %look
look:
  %yielded = call i32 @sched_yield()
  %value = load atomic i64, ptr %open seq_cst, align 8
  %done = icmp ne i64 %value, 0
  br i1 %done, label %leave, label %look
leave:
  ret void
}

; Give `rounds` jobs of a counting task, idle up to `idle` ns between them. They are of two kinds
; by turns, the first with `more` pieces more; each has a context and `stride` counters of its own.
; After a job its context is made to point to the trap, where nobody may count.
; Returns how many counters of a job were found wrong, and stops there.
define i64 @drive(ptr %pool, ptr %task, i64 %pieces, i64 %more, i64 %rounds, i64 %idle,
                  ptr %counters, i64 %stride, ptr %trap, ptr %times) {
entry:
  %parallel_for = load ptr, ptr %pool
  %jobs = alloca [2 x %job]
  br label %head
head:
  %round = phi i64 [1, %entry], [%round.next, %next]
  %seed = phi i64 [%rounds, %entry], [%seed.next, %next]
  %going = icmp sle i64 %round, %rounds
  br i1 %going, label %rest, label %well
rest:
  %mixed = mul i64 %seed, 6364136223846793005
  %seed.next = add i64 %mixed, 1442695040888963407
  %random = lshr i64 %seed.next, 33
  %limit = add i64 %idle, 1
  %pause = urem i64 %random, %limit
  %begin = call i64 @now()
  br label %wait
wait:
  %now = call i64 @now()
  %spent = sub i64 %now, %begin
  %early = icmp slt i64 %spent, %pause
  br i1 %early, label %wait, label %work
work:
  %kind = and i64 %round, 1
  %extra = mul i64 %kind, %more
  %count = add i64 %pieces, %extra
  %after = add i64 %round, 1
  %visits = lshr i64 %after, 1
  %first = mul i64 %kind, %stride
  %own = getelementptr i64, ptr %counters, i64 %first
  %job = getelementptr %job, ptr %jobs, i64 %kind
  %arrived = getelementptr %job, ptr %job, i32 0, i32 1
  %wanted = getelementptr %job, ptr %job, i32 0, i32 2
  store ptr %own, ptr %job
  store i64 0, ptr %arrived
  store i64 %count, ptr %wanted
  %start = call i64 @now()
  call void %parallel_for(ptr %pool, ptr %task, ptr %job, i64 %count, i64 0, ptr null)
  %stop = call i64 @now()
  store ptr %trap, ptr %job
  %took = sub i64 %stop, %start
  %index = sub i64 %round, 1
  %time = getelementptr i64, ptr %times, i64 %index
  store i64 %took, ptr %time
  br label %check
check:
  %k = phi i64 [0, %work], [%k.next, %checked]
  %wrong = phi i64 [0, %work], [%wrong.next, %checked]
  %left = icmp slt i64 %k, %count
  br i1 %left, label %checked, label %next
checked:
  %place = getelementptr i64, ptr %own, i64 %k
  %value = load i64, ptr %place
  %differs = icmp ne i64 %value, %visits
  %one = zext i1 %differs to i64
  %wrong.next = add i64 %wrong, %one
  %k.next = add i64 %k, 1
  br label %check
next:
  %round.next = add i64 %round, 1
  %bad = icmp ne i64 %wrong, 0
  br i1 %bad, label %ill, label %head
well:
  ret i64 0
ill:
  ret i64 %wrong
}
"""

#: Sets "subnormal results are zero" in the calling thread, runs a job, and resets it.
FLUSHING = {
    "x86_64": """
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)
define void @flushing(ptr %parallel_for, ptr %pool, ptr %task, ptr %job, i64 %pieces) {
  %control = alloca i32
  %flush = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %control)
  %bits = load i32, ptr %control
  %more = or i32 %bits, 32832
  store i32 %more, ptr %flush
  call void @llvm.x86.sse.ldmxcsr(ptr %flush)
  call void %parallel_for(ptr %pool, ptr %task, ptr %job, i64 %pieces, i64 0, ptr null)
  call void @llvm.x86.sse.ldmxcsr(ptr %control)
  ret void
}
""",
    "aarch64": """
declare i64 @llvm.aarch64.get.fpcr()
declare void @llvm.aarch64.set.fpcr(i64)
define void @flushing(ptr %parallel_for, ptr %pool, ptr %task, ptr %job, i64 %pieces) {
  %bits = call i64 @llvm.aarch64.get.fpcr()
  %more = or i64 %bits, 16777216
  call void @llvm.aarch64.set.fpcr(i64 %more)
  call void %parallel_for(ptr %pool, ptr %task, ptr %job, i64 %pieces, i64 0, ptr null)
  call void @llvm.aarch64.set.fpcr(i64 %bits)
  ret void
}
""",
}

_POINTER, _NUMBER = ctypes.c_void_p, ctypes.c_int64
_DRIVE = ctypes.CFUNCTYPE(
    _NUMBER, _POINTER, _POINTER, *[_NUMBER] * 4, _POINTER, _NUMBER, _POINTER, _POINTER
)
_PARALLEL_FOR = ctypes.CFUNCTYPE(None, *[_POINTER] * 3, *[_NUMBER] * 2, _POINTER)
_FLUSHING = ctypes.CFUNCTYPE(None, _POINTER, _POINTER, _POINTER, _POINTER, _NUMBER)


def architecture() -> str:
    """The host's, by the name that FLUSHING has it under."""
    name = current_target().triple.partition("-")[0]
    return "aarch64" if name == "arm64" else name


@functools.cache
def code() -> dict[str, int]:
    """Addresses of the functions above."""
    source = SOURCE.replace("CLOCK", str(time.CLOCK_MONOTONIC))
    source += FLUSHING.get(architecture(), "")
    parsed = llvm.parse_assembly(source)
    parsed.verify()
    builder = llvm.JITLibraryBuilder().add_current_process()
    builder.add_object_img(current_target().machine().emit_object(parsed))
    names = ["count", "meet", "nest", "halve", "hold", "drive"]
    names += ["flushing"] if architecture() in FLUSHING else []
    for name in names:
        builder.export_symbol(name)
    library = builder.link(llvm.create_lljit_compiler(), "pool_tasks")
    found = {name: library[name] for name in names}
    library.detach()  # stays loaded
    return found


class Drive:
    """Many jobs on a pool, checked after each; `wrong` and `trapped` must stay 0."""

    def __init__(self, pieces: int, more: int = 0) -> None:
        """Every second job has `more` pieces more."""
        self.pieces, self.more = pieces, more
        self.wrong = self.trapped = 0
        self.nanoseconds = np.zeros(0, np.int64)

    def run(self, address: int, rounds: int, *, task: str = "count", idle: int = 0) -> Drive:
        """Give so many jobs to the pool at the address, idle up to `idle` ns between them."""
        wake_always(address)
        stride = self.pieces + self.more + 1
        counters, trap = np.zeros((2, stride), np.int64), np.zeros(stride, np.int64)
        times = np.zeros(rounds, np.int64)
        self.wrong += _DRIVE(code()["drive"])(
            address, code()[task], self.pieces, self.more, rounds, idle,
            counters.ctypes.data, stride, trap.ctypes.data, times.ctypes.data,
        )  # fmt: skip
        wanted = np.zeros_like(counters)
        wanted[0, : self.pieces] = rounds // 2
        wanted[1, : self.pieces + self.more] = (rounds + 1) // 2
        self.wrong += int((counters != wanted).sum())
        self.trapped += int(trap.sum())
        self.nanoseconds = times
        return self


class Job:
    """One job: a task, counters, and the pool it runs on."""

    def __init__(self, task: str, pieces: int, counters: int, address: int, work: int = 0) -> None:
        """`work` is what the job says it is; the pool wakes workers for any."""
        wake_always(address)
        self.task, self.pieces, self.address, self.work = code()[task], pieces, address, work
        self.counters = np.zeros(counters, np.int64)
        self.context = np.array([self.counters.ctypes.data, 0, pieces, address, 0], np.uintp)

    def run(self) -> Array:
        """Give the job to the pool, as a compiled program does; the counters after it."""
        parallel_for = _PARALLEL_FOR(first_word(self.address))
        parallel_for(
            self.address, self.task, self.context.ctypes.data, self.pieces, self.work, None
        )
        return self.counters

    def run_flushing(self) -> Array:
        """The same with subnormal results flushed to zero in the calling thread."""
        flushing = _FLUSHING(code()["flushing"])
        context = self.context.ctypes.data
        flushing(first_word(self.address), self.address, self.task, context, self.pieces)
        return self.counters


def wake_always(address: int) -> None:
    """Have the pool wake workers for any job, as tasks need that wait for each other."""
    if address:
        ctypes.c_int64.from_address(address + PATIENCE).value = 0


def first_word(address: int) -> int:
    """What a pool begins with."""
    return ctypes.c_size_t.from_address(address).value
