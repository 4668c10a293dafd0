# SPDX-License-Identifier: Apache-2.0
"""What a lab needs of a network between a server on this machine and emulated boards."""


class Network:
    """Each party has a port of its own, by which captures tell who it is."""

    name = ""
    prefix_len = 0  # what all addresses have in common
    addresses = {}  # that "server" and boards have, as text
    ports = {}      # of all parties; 0: not known yet

    def at(self, name):
        """Where everybody else finds it, as URIs have it. Who is no board has the server's address."""
        address = self.addresses.get(name, self.addresses["server"])
        return f"[{address}]:{self.ports[name]}" if ":" in address else f"{address}:{self.ports[name]}"

    def open(self, macs, capture):
        """Begin to carry what the boards, of which these are the link addresses, say and hear."""
        raise NotImplementedError

    def nic(self, name):
        """The board's network, as an option of QEMU's -nic."""
        raise NotImplementedError

    def inject(self, name, frame):
        """A frame to a board, from nobody."""
        raise NotImplementedError

    def close(self):
        """Everything that `open` began ends; also if it failed half-way."""
        raise NotImplementedError
