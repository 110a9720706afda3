#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the *.data vectors beside it: one per operation, with boundary values.

Usage: generate.py [DIR]    (DIR: where to write, this script's folder by default)
       generate.py --check   writes nothing; fails when the vectors here are not what it would write

The expected values come from the model in this file: RFC 9669 said once more in Python's unbounded
integers, sharing nothing with skep's C. Encodings are built from the RFC's class, operation,
source, size and mode numbers, not from skep's opcode table.

A vector loads operands, runs one operation, compares with what the model says, and goes on to the next
check; r9 counts the checks. It results in 0, or in the number of the first check that failed. The registers
in use change from check to check, so that encodings of all of r0 to r8 occur.
"""

import filecmp
import os
import sys
import tempfile

LICENCE = "# SPDX-License-Identifier: BSD-2-Clause\n# Made by generate.py.\n"

# --- the model ---------------------------------------------------------------------------------


def unsigned(x, bits):
    return x & ((1 << bits) - 1)


def signed(x, bits):
    x = unsigned(x, bits)
    return x - (1 << bits) if x >> (bits - 1) else x


def quotient(a, b):
    """Rounds towards zero, as C does."""
    q = abs(a) // abs(b)
    return q if (a < 0) == (b < 0) else -q


def alu(name, a, b, bits):
    """dst after `dst OP src`, both taken as `bits` wide; the result zero-extends (RFC 9669 4.1)."""
    a, b = unsigned(a, bits), unsigned(b, bits)
    sa, sb = signed(a, bits), signed(b, bits)
    count = b % bits
    result = {
        "add": lambda: a + b,
        "sub": lambda: a - b,
        "mul": lambda: a * b,
        "div": lambda: a // b if b else 0,
        "sdiv": lambda: quotient(sa, sb) if b else 0,
        "mod": lambda: a % b if b else a,
        "smod": lambda: sa - sb * quotient(sa, sb) if b else a,
        "or": lambda: a | b,
        "and": lambda: a & b,
        "xor": lambda: a ^ b,
        "lsh": lambda: a << count,
        "rsh": lambda: a >> count,
        "arsh": lambda: sa >> count,
        "mov": lambda: b,
    }[name]()
    return unsigned(result, bits)


def swap(x, bits):
    return int.from_bytes(unsigned(x, bits).to_bytes(bits // 8, "little"), "big")


def condition(name, a, b, bits):
    """Whether `if dst OP src` jumps (RFC 9669 4.3)."""
    a, b = unsigned(a, bits), unsigned(b, bits)
    sa, sb = signed(a, bits), signed(b, bits)
    return {
        "jeq": a == b, "jne": a != b, "jset": a & b != 0,
        "jgt": a > b, "jge": a >= b, "jlt": a < b, "jle": a <= b,
        "jsgt": sa > sb, "jsge": sa >= sb, "jslt": sa < sb, "jsle": sa <= sb,
    }[name]


# --- values ------------------------------------------------------------------------------------

MIN64, MAX64, MIN32 = 1 << 63, (1 << 63) - 1, 1 << 31
MIXED = 0x123456789ABCDEF0
PAIRS = [
    (0, 0), (0, 1), (1, 0), (7, 3), (3, 7), (-1, 1), (1, -1), (-1, -1), (-7, 3), (7, -3), (-7, -3),
    (MIN64, -1), (MIN64, 1), (MAX64, 1), (MIN32, 0xFFFFFFFF), (0x7FFFFFFF, MIN32), (0xFFFFFFFF, 1),
    (1 << 32, 0xFFFFFFFF), (0xFFFFFFFF80000000, 1 << 32), (MIXED, 0x0FEDCBA987654321), (MIXED, 31), (MIXED, 32),
    (MIN64 + 5, 63), (MIXED, 64), (-MIXED, 33), (5, 5), (MIN64, MIN64),
]
IMMEDIATE_PAIRS = [
    (0, 0), (0, 1), (1, 0), (MIXED, 0), (7, 3), (3, 7), (-1, 1), (1, -1), (-1, -1), (-7, 3), (7, -3), (-7, -3),
    (MIN64, -1), (MIN32, -1), (MAX64, 1), (0xFFFFFFFF, 1), (0xFFFFFFFF, -1), (-1, 0x7FFFFFFF), (MIN32, -MIN32),
    (0xFFFFFFFF80000000, -MIN32), (MIXED, 0x55AA55AA), (MIXED, -0x55AA55AA), (MIXED, 31), (-MIXED, 32), (MIXED, 63),
    (-MIXED, 64), (MIXED, 33), (0x7FFFFFFF, 0x7FFFFFFF),
]
UNARY = [0, 1, -1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, MIN32, 0xFFFFFFFF, 1 << 32, MIN64, MAX64,
         MIXED, -MIXED]

ALU = {"add": 0x00, "sub": 0x10, "mul": 0x20, "div": 0x30, "sdiv": 0x30, "or": 0x40, "and": 0x50, "lsh": 0x60,
       "rsh": 0x70, "mod": 0x90, "smod": 0x90, "xor": 0xA0, "mov": 0xB0, "arsh": 0xC0}
JUMPS = {"jeq": 0x10, "jgt": 0x20, "jge": 0x30, "jset": 0x40, "jne": 0x50, "jsgt": 0x60, "jsge": 0x70, "jlt": 0xA0,
         "jle": 0xB0, "jslt": 0xC0, "jsle": 0xD0}
SIZES = {"b": (8, 0x10), "h": (16, 0x08), "w": (32, 0x00), "dw": (64, 0x18)}
ATOMICS = {"add": 0x00, "or": 0x40, "and": 0x50, "xor": 0xA0}

# --- writing -----------------------------------------------------------------------------------

HERE = os.path.dirname(os.path.abspath(__file__))
CHECK = sys.argv[1:] == ["--check"]
SCRATCH = tempfile.TemporaryDirectory() if CHECK else None
OUT = SCRATCH.name if CHECK else sys.argv[1] if len(sys.argv) > 1 else HERE


def write(name, lines, result=0, mem=None, raw=None, error=None):
    text = LICENCE
    if lines is not None:
        text += "-- asm\n" + "\n".join(lines) + "\n"
    if raw is not None:
        text += "-- raw\n" + "\n".join(" ".join(f"{b:02x}" for b in slot) for slot in raw) + "\n"
    if mem is not None:
        text += "-- mem\n" + " ".join(f"{b:02x}" for b in mem) + "\n"
    if error is not None:
        text += f"-- error\n{error}\n"
    else:
        text += f"-- result\n0x{unsigned(result, 64):x}\n"
    with open(os.path.join(OUT, name + ".data"), "w", encoding="ascii") as f:
        f.write(text)


class Checks:
    """A program of numbered checks."""

    def __init__(self):
        self.lines = []
        self.n = 0

    def begin(self):
        """Starts a check. Returns three different registers of r0 to r8."""
        self.n += 1
        self.lines.append(f"mov %r9, {self.n}")
        return [f"%r{(self.n * step + first) % 9}" for step, first in ((1, 0), (1, 4), (1, 7))]

    def load(self, reg, value):
        self.lines.append(f"lddw {reg}, 0x{unsigned(value, 64):x}")

    def equal(self, reg, value, temp):
        self.load(temp, value)
        self.lines.append(f"jne {reg}, {temp}, fail")

    def write(self, name, **more):
        write(name, self.lines + ["mov %r0, 0", "exit", "fail:", "mov %r0, %r9", "exit"], **more)


def arithmetic():
    for name in ALU:
        for bits, suffix in ((64, ""), (32, "32")):
            c = Checks()
            for a, b in PAIRS:
                dst, src, temp = c.begin()
                c.load(dst, a)
                c.load(src, b)
                c.lines.append(f"{name}{suffix} {dst}, {src}")
                c.equal(dst, alu(name, a, b, bits), temp)
                c.equal(src, b, temp)
            for a in (0, 3, MIN64 + 1, MIXED):  # one register as both operands
                dst, _, temp = c.begin()
                c.load(dst, a)
                c.lines.append(f"{name}{suffix} {dst}, {dst}")
                c.equal(dst, alu(name, a, a, bits), temp)
            c.write(f"{name}{bits}-reg")

            c = Checks()
            for a, b in IMMEDIATE_PAIRS:
                dst, _, temp = c.begin()
                c.load(dst, a)
                c.lines.append(f"{name}{suffix} {dst}, {b}")
                c.equal(dst, alu(name, a, b, bits), temp)
            c.write(f"{name}{bits}-imm")


def unary(name, function, mnemonic=None, two=False):
    c = Checks()
    for a in UNARY:
        dst, src, temp = c.begin()
        if two:
            c.load(dst, ~a)
            c.load(src, a)
            c.lines.append(f"{mnemonic} {dst}, {src}")
        else:
            c.load(dst, a)
            c.lines.append(f"{mnemonic or name} {dst}")
        c.equal(dst, unsigned(function(a), 64), temp)
    c.write(name)


def unaries():
    unary("neg64", lambda x: unsigned(-x, 64))
    unary("neg32", lambda x: unsigned(-x, 32))
    for bits in (16, 32, 64):
        unary(f"le{bits}", lambda x, n=bits: unsigned(x, n))
        unary(f"be{bits}", lambda x, n=bits: swap(x, n))
        unary(f"bswap{bits}", lambda x, n=bits: swap(x, n))
    for source in (8, 16, 32):
        unary(f"movsx64-{source}", lambda x, n=source: signed(x, n), f"movsx{source}64", two=True)
    for source in (8, 16):
        unary(f"movsx32-{source}", lambda x, n=source: unsigned(signed(x, n), 32), f"movsx{source}32", two=True)


def jump_check(c, a, b, name, suffix, operand, taken):
    """Both for a jump that is taken and one that is not, the other way leads to fail."""
    if taken:
        c.lines += [f"{name}{suffix} {a}, {operand}, +1", "ja fail"]
    else:
        c.lines.append(f"{name}{suffix} {a}, {operand}, fail")


def jumps():
    for name in JUMPS:
        for bits, suffix in ((64, ""), (32, "32")):
            c = Checks()
            for a, b in PAIRS:
                dst, src, _ = c.begin()
                c.load(dst, a)
                c.load(src, b)
                jump_check(c, dst, src, name, suffix, src, condition(name, a, b, bits))
            c.write(f"{name}{bits}-reg")
            c = Checks()
            for a, b in IMMEDIATE_PAIRS:
                dst, _, _ = c.begin()
                c.load(dst, a)
                jump_check(c, dst, None, name, suffix, b, condition(name, a, b, bits))
            c.write(f"{name}{bits}-imm")
    write("ja", ["mov %r0, 1", "ja there", "back:", "add %r0, 4", "exit", "there:", "add %r0, 2", "ja back"], 7)
    write("gotol", ["mov %r0, 1", "ja32 there", "back:", "add %r0, 4", "exit", "there:", "add %r0, 2", "ja32 back"], 7)
    far = ["mov %r0, 1", "ja32 there", "exit"] + ["add %r0, 1"] * 3000 + ["there:", "ja32 -3002"]
    write("gotol-far", far, 1)
    write("loop", ["mov %r0, 0", "mov %r1, 1000", "again:", "add %r0, %r1", "sub %r1, 1", "jne %r1, 0, again", "exit"],
          sum(range(1001)))
    write("may_goto", ["mov %r0, 0", "again:", "add %r0, 1", "may_goto out", "jlt %r0, 100, again", "exit", "out:",
                       "mov %r0, -1", "exit"], 100)
    # A run may take 8 Mi iterations; then the jump is taken.
    write("may_goto-used-up", ["mov %r0, 0", "again:", "add %r0, 1", "may_goto out", "ja again", "out:", "exit"],
          8 * 1024 * 1024 + 1)


def loads_and_stores():
    mem = [(37 * i + 0x91) & 0xFF for i in range(64)]

    def at(offset, bits):
        return int.from_bytes(bytes(mem[offset:offset + bits // 8]), "little")

    for size, (bits, _) in SIZES.items():
        for sign in ("", "s") if bits < 64 else ("",):
            c = Checks()
            c.lines.append("mov %r8, %r1")
            for offset in (0, 1, 7, 8, 31, 64 - bits // 8):
                for base in (0, 40, -32760, 32767):  # the offset field is then offset - base
                    if not -32768 <= offset - base <= 32767:
                        continue
                    c.n += 1
                    reg, temp, ptr = f"%r{c.n % 8}", f"%r{(c.n + 1) % 8}", f"%r{(c.n + 2) % 8}"
                    c.lines += [f"mov %r9, {c.n}", f"mov {ptr}, %r8", f"add {ptr}, {base}",
                                f"ldx{sign}{size} {reg}, [{ptr}{offset - base:+d}]"]
                    value = at(offset, bits)
                    c.equal(reg, signed(value, bits) if sign else value, temp)
                    c.lines += [f"mov {ptr}, %r8", f"ldx{sign}{size} {ptr}, [{ptr}{offset:+d}]"]  # into its own base
                    c.equal(ptr, signed(value, bits) if sign else value, temp)
            c.write(f"ldx{sign}{size}", mem=mem)

        for kind in ("st", "stx"):
            c = Checks()
            c.lines.append("mov %r8, %r1")
            for value in (0, 1, -1, 0x7F, 0x80, -0x80, 0x7FFF, 0x12345678, 0x7FFFFFFF, -MIN32):
                for base, offset in (("%r8", 24), ("%r10", -40)):
                    c.n += 1
                    c.lines.append(f"mov %r9, {c.n}")
                    for word in (-8, 0, 8):  # the neighbours must stay as they are
                        c.lines += ["mov %r3, -1", f"stxdw [{base}{offset + word:+d}], %r3"]
                    for lane in range(0, 8, bits // 8):
                        if lane not in (0, 8 - bits // 8):
                            continue
                        full = value if kind == "st" else value * 0x100000001 ^ MIXED
                        c.lines += ["mov %r3, -1", f"stxdw [{base}{offset:+d}], %r3"]
                        if kind == "st":
                            c.lines.append(f"st{size} [{base}{offset + lane:+d}], {value}")
                        else:
                            c.load("%r5", full)
                            c.lines.append(f"stx{size} [{base}{offset + lane:+d}], %r5")
                        mask = ((1 << bits) - 1) << (8 * lane)
                        expected = (2**64 - 1) & ~mask | unsigned(full, bits) << (8 * lane)
                        for word, want in ((-8, -1), (0, expected), (8, -1)):
                            c.lines.append(f"ldxdw %r4, [{base}{offset + word:+d}]")
                            c.equal("%r4", want, "%r6")
            c.write(f"{kind}{size}", mem=mem)


def atomics():
    values = [(0, 0), (1, 2), (-1, 1), (MIXED, 0x0FEDCBA987654321), (MIN64, -1), (0xFFFFFFFF, 1), (MIN32, MIN32),
              (0x7FFFFFFF, 0xFFFFFFFF00000001)]
    for bits, suffix in ((64, ""), (32, "32")):
        high = (2**64 - 1) ^ (2**bits - 1)

        def check(c, mnemonic, a, b, memory, register, r0=None, r0_after=None):
            """*(r10 - 16) = a, src = b; afterwards memory and src must be as given, the next word untouched."""
            c.n += 1
            src = f"%r{1 + c.n % 8}"
            temp = f"%r{1 + (c.n + 1) % 8}"
            c.lines.append(f"mov %r9, {c.n}")
            c.load(temp, a)
            c.lines += [f"stxdw [%r10-16], {temp}", "stdw [%r10-8], 77"]
            c.load(src, b)
            c.load("%r0", r0 if r0 is not None else 55)
            c.lines.append(f"{mnemonic} [%r10-16], {src}")
            c.equal(src, register, temp)
            c.load(temp, r0_after if r0_after is not None else 55)
            c.lines.append(f"jne %r0, {temp}, fail")
            for offset, want in ((-16, memory), (-8, 77)):
                c.lines.append(f"ldxdw %r0, [%r10{offset}]")
                c.equal("%r0", want, temp)

        for name in ATOMICS:
            plain, fetch = Checks(), Checks()
            for a, b in values:
                memory = unsigned(a, 64) & high | alu(name, a, b, bits)
                check(plain, f"lock {name}{suffix}", a, b, memory, b)
                check(fetch, f"lock fetch {name}{suffix}", a, b, memory, unsigned(a, bits))
            plain.write(f"atomic-{name}{bits}")
            fetch.write(f"fetch-{name}{bits}")
        c = Checks()
        for a, b in values:
            check(c, f"lock xchg{suffix}", a, b, unsigned(a, 64) & high | unsigned(b, bits), unsigned(a, bits))
        c.write(f"xchg{bits}")
        c = Checks()
        for a, b in values:
            for r0 in (a, a ^ 1, a ^ (1 << 40), a ^ (1 << (bits - 1))):
                same = unsigned(r0, bits) == unsigned(a, bits)
                memory = unsigned(a, 64) & high | unsigned(b, bits) if same else a
                check(c, f"lock cmpxchg{suffix}", a, b, memory, b, r0, unsigned(a, bits))
        c.write(f"cmpxchg{bits}")
    for size, (bits, _) in SIZES.items():
        c = Checks()
        for a in UNARY:
            dst, _, temp = c.begin()
            c.load(temp, a)
            c.lines += [f"stxdw [%r10-16], {temp}", f"ldacq{size} {dst}, [%r10-16]"]
            c.equal(dst, unsigned(a, bits), temp)
        c.write(f"load-acquire-{bits}")
        c = Checks()
        for a in UNARY:
            src, _, temp = c.begin()
            c.load(src, a)
            c.lines += ["stdw [%r10-16], -1", f"strel{size} [%r10-16], {src}", f"ldxdw {src}, [%r10-16]"]
            c.equal(src, (2**64 - 1) ^ (2**bits - 1) | unsigned(a, bits), temp)
        c.write(f"store-release-{bits}")


def immediates():
    c = Checks()
    for value in UNARY:
        dst, src, temp = c.begin()
        c.load(dst, value)
        c.lines += [f"mov {src}, {signed(value >> 32, 32)}", f"lsh {src}, 32", f"mov32 {temp}, {signed(value, 32)}",
                    f"or {src}, {temp}", f"jne {dst}, {src}, fail"]
    c.write("lddw")


def packet():
    mem = [0x81, 0x02, 0xF3, 0x04, 0x95, 0x06, 0xA7, 0x08]
    for size, bits in (("b", 8), ("h", 16), ("w", 32)):
        count = bits // 8
        for offset in (0, 1, 8 - count):
            want = int.from_bytes(bytes(mem[offset:offset + count]), "big")
            write(f"ldabs{size}-{offset}", [f"ldabs{size} {offset}", "exit"], want, mem)
            write(f"ldind{size}-{offset}", [f"lddw %r7, 0x{2**32 + offset + 3:x}", f"ldind{size} %r7, -3", "exit"],
                  want, mem)
        write(f"ldabs{size}-beyond", ["mov %r0, 5", f"ldabs{size} {9 - count}", "mov %r0, 6", "exit"], 0, mem)
        write(f"ldind{size}-beyond", ["mov %r0, 5", "mov %r3, 1", f"ldind{size} %r3, {8 - count}", "mov %r0, 6", "exit"],
              0, mem)


def calls():
    arguments = [f"mov %r{i}, {i + 2}" for i in range(1, 6)]
    weighed = 3 + 40 + 500 + 6000 + 70000
    kept = [f"jne %r{i}, {60 + i}, fail" for i in range(6, 10)]
    set_up = [f"mov %r{i}, {60 + i}" for i in range(6, 10)]
    fail = ["fail:", "mov %r0, -1", "exit"]
    write("call-helper", set_up + arguments + ["call 1"] + kept + ["exit"] + fail, weighed)
    write("call-helper-minus-one", ["mov %r1, -1", "call 5", "exit"], -1)
    write("callx", set_up + arguments[:4] + ["mov %r5, 1", "call %r5"] + kept + ["exit"] + fail,
          3 + 40 + 500 + 6000 + 10000)
    write("call-helper-in-function", set_up + arguments + ["call local f"] + kept + ["exit"] + fail +
          ["f:", "mov %r6, 0", "mov %r7, 0", "mov %r8, 0", "mov %r9, 0", "call 1", "add %r0, 1", "exit"], weighed + 1)
    # Every frame has a stack of its own: what the callee writes at r10 is not the caller's.
    write("call-stacks", ["stdw [%r10-8], 11", "stdw [%r10-512], 12", "mov %r1, %r10", "call local f",
                          "ldxdw %r1, [%r10-8]", "jne %r1, 111, fail", "ldxdw %r1, [%r10-512]", "jne %r1, 12, fail",
                          "exit"] + fail +
          ["f:", "stdw [%r10-8], 21", "stdw [%r10-512], 22", "ldxdw %r0, [%r1-8]", "add %r0, 100",
           "stxdw [%r1-8], %r0", "exit"], 111)
    nested = ["mov %r1, 1", "mov %r6, 1", "call local f2", "add %r0, %r6", "exit"]
    for depth in range(2, 9):
        nested += [f"f{depth}:", f"mov %r6, {10 ** (depth - 1)}"]
        nested += [f"call local f{depth + 1}", "add %r0, %r6", "exit"] if depth < 8 else ["mov %r0, %r6", "exit"]
    write("call-eight-deep", nested, 11111111)
    loop = ["mov %r6, 0", "mov %r7, 0", "again:", "mov %r1, %r7", "call local square", "add %r6, %r0", "add %r7, 1",
            "jlt %r7, 100, again", "mov %r0, %r6", "exit", "square:", "mov %r0, %r1", "mul %r0, %r1", "exit"]
    write("call-in-loop", loop, sum(i * i for i in range(100)))
    write("arguments", ["jne %r2, 4, fail", "ldxw %r0, [%r1]", "exit"] + fail, 0x44332211, [0x11, 0x22, 0x33, 0x44])


# --- encodings ---------------------------------------------------------------------------------


def slot(code, dst=0, src=0, off=0, imm=0):
    return (bytes([code, src << 4 | dst]) + unsigned(off, 16).to_bytes(2, "little") +
            unsigned(imm, 32).to_bytes(4, "little"))


def encodings():
    """Every mnemonic once, with the bytes that it must become; the program itself returns at once."""
    lines, raw = ["mov %r0, 3", "exit"], [slot(0xB7, imm=3), slot(0x95)]

    def one(line, *slots):
        lines.append(line)
        raw.extend(slots)

    for name, code in ALU.items():
        off = 1 if name in ("sdiv", "smod") else 0
        for cls, suffix in ((7, ""), (4, "32")):
            one(f"{name}{suffix} %r3, -5", slot(code | cls, 3, off=off, imm=-5))
            one(f"{name}{suffix} %r3, %r10", slot(code | 8 | cls, 3, 10, off=off))
    for cls, suffix in ((7, ""), (4, "32")):
        one(f"neg{suffix} %r9", slot(0x80 | cls, 9))
    for bits in (16, 32, 64):
        one(f"le{bits} %r1", slot(0xD4, 1, imm=bits))
        one(f"be{bits} %r1", slot(0xDC, 1, imm=bits))
        one(f"bswap{bits} %r1", slot(0xD7, 1, imm=bits))
        one(f"movsx{bits // 2}64 %r1, %r2", slot(0xBF, 1, 2, off=bits // 2))
        if bits < 64:
            one(f"movsx{bits // 2}32 %r1, %r2", slot(0xBC, 1, 2, off=bits // 2))
    for name, code in JUMPS.items():
        for cls, suffix in ((5, ""), (6, "32")):
            one(f"{name}{suffix} %r10, 0x7fffffff, -2", slot(code | cls, 10, off=-2, imm=0x7FFFFFFF))
            one(f"{name}{suffix} %r1, %r2, -3", slot(code | 8 | cls, 1, 2, off=-3))
    one("ja -4", slot(0x05, off=-4))
    one("ja32 -5", slot(0x06, imm=-5))
    one("may_goto -6", slot(0xE5, off=-6))
    one("call 1", slot(0x85, imm=1))
    one("call %r2", slot(0x8D, 2))
    for size, (_, code) in SIZES.items():
        one(f"ldx{size} %r1, [%r10-8]", slot(0x61 | code, 1, 10, -8))
        if size != "dw":
            one(f"ldxs{size} %r1, [%r10-8]", slot(0x81 | code, 1, 10, -8))
        one(f"st{size} [%r10-8], -2", slot(0x62 | code, 10, off=-8, imm=-2))
        one(f"stx{size} [%r10-8], %r4", slot(0x63 | code, 10, 4, -8))
        one(f"ldacq{size} %r1, [%r2+3]", slot(0xC3 | code, 1, 2, 3, 0x100))
        one(f"strel{size} [%r1+3], %r2", slot(0xC3 | code, 1, 2, 3, 0x110))
    for code, suffix in ((0xDB, ""), (0xC3, "32")):
        for name, op in ATOMICS.items():
            one(f"lock {name}{suffix} [%r1+2], %r3", slot(code, 1, 3, 2, op))
            one(f"lock fetch {name}{suffix} [%r1+2], %r3", slot(code, 1, 3, 2, op | 1))
        one(f"lock xchg{suffix} [%r1+2], %r3", slot(code, 1, 3, 2, 0xE1))
        one(f"lock cmpxchg{suffix} [%r1+2], %r3", slot(code, 1, 3, 2, 0xF1))
    for size in ("b", "h", "w"):
        code = SIZES[size][1]
        one(f"ldabs{size} 7", slot(0x20 | code, imm=7))
        one(f"ldind{size} %r6, 7", slot(0x40 | code, src=6, imm=7))
    one("lddw %r5, 0x1122334455667788", slot(0x18, 5, imm=0x55667788), slot(0, imm=0x11223344))
    one("exit", slot(0x95))
    write("encodings", lines, 3, raw=raw)


def refusals():
    end = slot(0x95)

    def no(name, why, *slots):
        write(f"refused-{name}", None, raw=list(slots) + [end], error=why)

    for code in (0x00, 0x08, 0x10, 0x38, 0x58, 0x01, 0x41, 0x02, 0x03, 0x99, 0xE7, 0xF7, 0xEF, 0xDF, 0xE4, 0xF5, 0x0D,
                 0x0E, 0x86, 0x96, 0xE6, 0xF6, 0xFF):
        no(f"opcode-{code:02x}", "unknown opcode", slot(code))
    for code, name in ((0xB7, "mov"), (0x61, "ldxw"), (0x18, "lddw"), (0x87, "neg"), (0xDC, "be16")):
        more = [slot(0)] if code == 0x18 else []
        imm = 16 if code == 0xDC else 0
        no(f"write-r10-{name}", "r10 is read only", slot(code, 10, imm=imm), *more)
        no(f"r11-{name}", "no such register", slot(code, 11, imm=imm), *more)
    no("fetch-into-r10", "r10 is read only", slot(0xDB, 1, 10, 0, 0x01))
    no("swap-width-8", "width", slot(0xDC, 1, imm=8))
    no("swap-width-0", "width", slot(0xD7, 1))
    no("movsx-7", "width", slot(0xBF, 1, 2, 7))
    no("movsx32-32", "width", slot(0xBC, 1, 2, 32))
    no("mov-imm-sign-extended", "offset", slot(0xB7, 1, off=8))
    no("div-offset-2", "offset", slot(0x37, 1, off=2, imm=1))
    no("add-signed", "offset", slot(0x07, 1, off=1, imm=1))
    no("atomic-30", "atomic operation", slot(0xDB, 1, 2, 0, 0x30))
    no("atomic-cmpxchg-without-fetch", "atomic operation", slot(0xDB, 1, 2, 0, 0xF0))
    no("atomic-16-bits", "atomic operation", slot(0xCB, 1, 2, 0, 0x00))
    no("atomic-8-bits", "atomic operation", slot(0xD3, 1, 2, 0, 0x01))
    no("call-kind-3", "kind of call", slot(0x85, src=3))
    no("lddw-kind-7", "kind of immediate", slot(0x18, 1, 7), slot(0))
    no("lddw-second-opcode", "second slot", slot(0x18, 1), slot(0xB7))
    no("lddw-second-register", "second slot", slot(0x18, 1), slot(0, 1))
    no("lddw-second-offset", "second slot", slot(0x18, 1), slot(0, off=1))
    write("refused-lddw-alone", None, raw=[slot(0x18, 1)], error="second slot missing")
    no("jump-before-start", "target", slot(0x05, off=-2))
    no("jump-beyond-end", "target", slot(0x05, off=1))
    no("gotol-beyond-end", "target", slot(0x06, imm=0x7FFFFFFF))
    no("jump-into-lddw", "target", slot(0x15, 1, off=1), slot(0x18, 1), slot(0))
    no("call-beyond-end", "target", slot(0x85, src=1, imm=1))
    no("call-into-lddw", "target", slot(0x85, src=1, imm=1), slot(0x18, 1), slot(0))
    no("jump-into-function", "leaves its function", slot(0x15, 1, off=2), slot(0x85, src=1, imm=1), end, slot(0xB7))
    no("function-falls-through", "end", slot(0x85, src=1, imm=1), slot(0xB7), slot(0xB7))
    write("refused-no-exit", None, raw=[slot(0xB7)], error="end")
    write("refused-ends-in-call", None, raw=[slot(0x85, imm=1)], error="end")
    write("refused-ends-in-condition", None, raw=[slot(0x15, off=-1)], error="end")
    no("recursion", "recursion", slot(0x85, src=1, imm=1), end, slot(0x85, src=1, imm=-1))
    no("recursion-to-main", "recursion", slot(0x85, src=1, imm=-1))
    no("recursion-of-two", "recursion", slot(0x85, src=1, imm=1), end, slot(0x85, src=1, imm=1), end,
       slot(0x85, src=1, imm=-3))
    deep = []
    for _ in range(8):
        deep += [slot(0x85, src=1, imm=1), end]
    no("nine-deep", "depth", *deep)


arithmetic()
unaries()
jumps()
loads_and_stores()
atomics()
immediates()
packet()
calls()
encodings()
refusals()

if CHECK:
    names = {n for folder in (HERE, OUT) for n in os.listdir(folder) if n.endswith(".data")}
    _, different, missing = filecmp.cmpfiles(HERE, OUT, sorted(names), shallow=False)
    for vector in different + missing:
        print(f"{vector}: not what generate.py writes")
    SCRATCH.cleanup()
    sys.exit(1 if different or missing else 0)
