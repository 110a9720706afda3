#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Turns an interface's checksum and segmentation offloads off (as ethtool -K does).

usage: offloads_off.py INTERFACE
A capture then shows frames as they would be on a wire: whole checksums, none longer than the MTU.
"""
import array
import fcntl
import socket
import struct
import sys

SIOCETHTOOL = 0x8946
SETTERS = {"rx checksum": 0x15, "tx checksum": 0x17, "TSO": 0x1F, "GSO": 0x24, "GRO": 0x2C}  # linux/ethtool.h

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    for what, cmd in SETTERS.items():
        value = array.array("B", struct.pack("II", cmd, 0))
        try:
            fcntl.ioctl(s, SIOCETHTOOL, struct.pack("16sP8x", sys.argv[1].encode(), value.buffer_info()[0]))
        except OSError as e:
            if e.errno != 95:  # this kind of interface does not have it: nothing to turn off
                sys.exit(f"{sys.argv[1]}: {what}: {e.strerror}")
