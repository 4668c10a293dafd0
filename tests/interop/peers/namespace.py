# SPDX-License-Identifier: Apache-2.0
"""A network of one's own, which ends with the process that made it."""

import contextlib
import ctypes
import fcntl
import os
import shutil
import struct
import subprocess
import sys

from peers.process import Skipped, run

INSIDE = "PROA_NAMESPACE"
CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def enter_namespace():
    """Begin again inside namespaces of our own, as root or as root of a user namespace: one for the network, one for
    processes, so that whatever becomes of this one, nothing that it started outlives it."""
    if os.environ.get(INSIDE) is not None:
        return
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        raise Skipped("no unshare or no ip here (util-linux, iproute2)")
    spaces = ["--net", "--pid", "--fork", "--kill-child"]
    usable = "ip tuntap add dev probe mode tap"
    for way in (["unshare", *spaces], ["unshare", "--map-root-user", *spaces]):
        if subprocess.run([*way, *usable.split()], check=False, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0:
            os.environ[INSIDE] = "1"
            os.execvp(way[0], [*way, sys.executable, *sys.argv])
    raise Skipped("network namespaces are not permitted here")


def ip(*words):
    status, text = run(["ip", *words])
    if status != 0:
        raise Skipped(f"ip {' '.join(words)}: {text.strip()}")


def system_call(name, *arguments):
    """Of the C library, for what Python has since 3.12 only."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
        raise Skipped(f"{name}: {os.strerror(ctypes.get_errno())}")


class Space:
    """Another network namespace. What is started while it is entered lives in it."""

    def __init__(self):
        outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        system_call("unshare", CLONE_NEWNET)
        self.inside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        system_call("setns", outside, CLONE_NEWNET)
        os.close(outside)

    @contextlib.contextmanager
    def entered(self):
        """For the thread that calls, and for what it starts."""
        outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        system_call("setns", self.inside, CLONE_NEWNET)
        try:
            yield
        finally:
            system_call("setns", outside, CLONE_NEWNET)
            os.close(outside)

    def open_tun(self, name):
        """A TUN device; gives the descriptor that is its other end."""
        with self.entered():
            try:
                device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
                fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
            except OSError as why:
                raise Skipped(f"/dev/net/tun: {why.strerror}") from why
        return device

    def set_up(self, name, address, mtu):
        """The device becomes the way to everywhere, and the kernel itself has nothing to say on it."""
        with self.entered():
            ip("link", "set", "lo", "up")
            ip("link", "set", name, "addrgenmode", "none")
            ip("link", "set", name, "mtu", str(mtu), "up")
            ip("addr", "add", f"{address}/128", "dev", name, "nodad")
            ip("-6", "route", "add", "default", "dev", name)

    def set(self, name, value):
        """A variable of the kernel, net.ipv6.auto_flowlabels."""
        with self.entered():
            try:
                with open("/proc/sys/" + name.replace(".", "/"), "w", encoding="ascii") as file:
                    file.write(str(value))
            except OSError as why:
                raise Skipped(f"{name}: {why.strerror}") from why

    def close(self):
        os.close(self.inside)
