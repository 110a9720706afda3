#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes a file, or one section of a 64-bit little-endian ELF file, as a C array.

usage: embed.py IN OUT.c SYMBOL [SECTION]
"""
import struct
import sys


def section(data, name):
    if data[:4] != b"\x7fELF":
        sys.exit("embed.py: not an ELF file")
    (shoff,) = struct.unpack_from("<Q", data, 40)
    size, count, strndx = struct.unpack_from("<HHH", data, 58)

    def header(i):
        return struct.unpack_from("<IIQQQQIIQQ", data, shoff + i * size)

    names = header(strndx)[4]
    for i in range(count):
        h = header(i)
        end = data.index(b"\0", names + h[0])
        if data[names + h[0]:end].decode() == name:
            return data[h[4]:h[4] + h[5]]
    sys.exit(f"embed.py: no section {name}")


def main():
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    source, out, symbol = sys.argv[1:4]
    with open(source, "rb") as f:
        data = f.read()
    if len(sys.argv) == 5:
        data = section(data, sys.argv[4])
    with open(out, "w") as f:
        f.write("/* made by tools/embed.py */\n#include <stddef.h>\n")
        f.write(f"extern const unsigned char {symbol}[];\nextern const size_t {symbol}_len;\n")
        f.write(f"const unsigned char {symbol}[] __attribute__((aligned(16))) = {{\n")
        for i in range(0, len(data), 20):
            f.write(",".join(str(b) for b in data[i:i + 20]) + ",\n")
        f.write(f"}};\nconst size_t {symbol}_len = {len(data)};\n")


main()
