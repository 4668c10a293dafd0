# SPDX-License-Identifier: Apache-2.0
"""Looks at DTLS on the wire and finds a number that protected two different records (RFC 6347 §4.1, RFC 9146 §3).

Keys cannot be seen, but which belong together can: they come from the random values of both ends' hellos, so what an end
sends under one random of its own is under one set of keys, and under a new one never under the old keys. Each hello of
an end names the keys that it changes to next. A device that makes the same random again is found, too, though the other
end's new one saves it."""

CHANGE_CIPHER_SPEC, HANDSHAKE, WITH_ID = 20, 22, 25
HELLOS = (b"\x01", b"\x02")  # of client and server
ID_LEN_MAX = 8


class Record:
    def __init__(self, data, id_len):
        self.type = data[0]
        self.epoch = data[3:5]
        self.number = data[3:11]
        self.id = data[11:11 + id_len]
        start = 13 + id_len
        self.content = data[start:start + int.from_bytes(data[start - 2:start], "big")]
        self.whole = data[:start + len(self.content)]
        self.fits = len(self.content) == int.from_bytes(data[start - 2:start], "big") and len(data) >= start


def records_of(datagram):
    """None if it is no row of records. A connection id does not tell its length; it has the one with which everything
    behind it fits."""
    if not datagram:
        return []
    for id_len in range(1, ID_LEN_MAX + 1) if datagram[0] == WITH_ID else (0,):
        record = Record(datagram, id_len)
        others = records_of(datagram[len(record.whole):]) if record.fits else None
        if others is not None:
            return [record, *others]
    return None


class Records:
    """Of all datagrams, in the order in which they were sent between each two ends."""

    def __init__(self):
        self.hellos = {}  # (sender, receiver): the random of its newest hello
        self.next = {}    # the same: what it changed to last
        self.keys = {}    # (sender, receiver, connection id): what the random was of the keys in use
        self.used = {}
        self.handshakes = set()
        self.repeated = []
        self.strange = 0  # datagrams of something else

    def see(self, source, target, datagram):
        records = records_of(datagram)
        if records is None:
            self.strange += 1
            return
        for record in records:
            if record.epoch != b"\0\0":
                self._protected((source, target), record)
            elif record.type == CHANGE_CIPHER_SPEC:
                self.next[source, target] = self.hellos.get((source, target))
            elif record.type == HANDSHAKE and record.content[:1] in HELLOS and not any(record.content[6:9]):
                self.hellos[source, target] = record.content[14:46]  # behind the heads and a version

    def _protected(self, way, record):
        """An id may serve again in a later session, which begins with 0."""
        session = *way, record.id
        if session not in self.keys or not any(record.number[2:]):
            self.keys[session] = self.next.get(way)
        self.handshakes.add((*way, self.keys[session]))
        name = *way, self.keys[session], record.number
        if self.used.setdefault(name, record.whole) != record.whole:
            self.repeated.append(name)
