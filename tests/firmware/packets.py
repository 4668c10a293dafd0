# SPDX-License-Identifier: Apache-2.0
"""IPv6 packets, made and taken apart: datagrams, and an answer to who looks for a neighbour. An end is (address, port),
the address as text."""

import socket
import struct

UDP, ICMP = 17, 58
HEADER_LEN = 40
SOLICITATION, ADVERTISEMENT = 135, 136  # RFC 4861 §4.3, §4.4
SOLICITED, OVERRIDE = 0x40000000, 0x20000000
TARGET_LINK_ADDRESS = b"\x02\x01"  # an option, of eight bytes


def packed(address):
    return socket.inet_pton(socket.AF_INET6, address)


def checksum(data):
    """RFC 1071; never 0, which in UDP means that there is none."""
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff or 0xffff


def packet_of(source, target, kind, content, checksum_at):
    """Addresses are bytes here; where the checksum belongs, `content` has zeros."""
    pseudo = source + target + struct.pack("!IxxxB", len(content), kind)  # RFC 8200 §8.1
    summed = struct.pack("!H", checksum(pseudo + content))
    content = content[:checksum_at] + summed + content[checksum_at + 2:]
    return struct.pack("!IHBB", 0x60000000, len(content), kind, 255) + source + target + content


def packet_of_datagram(source, target, payload):
    udp = struct.pack("!HHHH", source[1], target[1], 8 + len(payload), 0) + payload
    return packet_of(packed(source[0]), packed(target[0]), UDP, udp, 6)


def datagram_of(packet):
    """(source, target, payload); None if it is something else."""
    if len(packet) < HEADER_LEN + 8 or packet[0] >> 4 != 6 or packet[6] != UDP:
        return None
    udp = packet[HEADER_LEN:HEADER_LEN + struct.unpack_from("!H", packet, 4)[0]]  # a short frame is filled up
    if len(udp) < 8:
        return None
    source, target = (socket.inet_ntop(socket.AF_INET6, packet[at:at + 16]) for at in (8, 24))
    ports = struct.unpack_from("!HH", udp)
    return (source, ports[0]), (target, ports[1]), udp[8:]


def advertisement(packet, address, mac):
    """The answer if somebody asks who has this address, else None."""
    asked = packet[HEADER_LEN:]
    if packet[6:7] != bytes([ICMP]) or asked[:1] != bytes([SOLICITATION]) or asked[8:24] != packed(address):
        return None
    answer = struct.pack("!BxxxI", ADVERTISEMENT, SOLICITED | OVERRIDE) + asked[8:24] + TARGET_LINK_ADDRESS + mac
    return packet_of(packed(address), packet[8:24], ICMP, answer, 2)
