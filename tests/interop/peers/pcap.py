# SPDX-License-Identifier: Apache-2.0
"""Looks into a capture that our programs wrote, for what neither side prints."""

import struct

from peers.process import Failed

RECORD_CID = 25  # tls12_cid, RFC 9146 §4
RECORD_DATA = 23


def datagrams(path):
    """(source port, target port, payload) of each UDP datagram in a capture of link type RAW."""
    with open(path, "rb") as file:
        data = file.read()
    at = 24
    while at + 16 <= len(data):
        (length,) = struct.unpack_from("<I", data, at + 8)
        packet = data[at + 16:at + 16 + length]
        at += 16 + length
        if len(packet) < length:
            return  # the program is still writing
        udp = packet[20:] if packet[0] >> 4 == 4 else packet[40:]
        source, target = struct.unpack_from(">HH", udp)
        yield source, target, udp[8:]


def expect_cid_both_ways(path, local_port):
    """Both sides asked for a Connection ID and both use the other's: the protected datagrams carry
    records of the type that only exists with one."""
    types = {True: set(), False: set()}
    for source, _, payload in datagrams(path):
        if payload and payload[0] in (RECORD_CID, RECORD_DATA):
            types[source == local_port].add(payload[0])
    for ours, name in ((True, "from us"), (False, "to us")):
        if types[ours] != {RECORD_CID}:
            raise Failed(f"record types {name}: {sorted(types[ours])}, not only {RECORD_CID}")
