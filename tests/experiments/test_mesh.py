#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""proa-mesh without the devices it is for: pairs of sockets carry packets just as well, and need no rights."""

import json
import os
import socket
import struct
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tests", "interop"))
from peers.process import Failed, Program, run  # noqa: E402

MESH = os.path.join(os.path.abspath(sys.argv[1]), "proa-mesh")
DIRECT = os.path.join(ROOT, "experiments", "topologies", "multihop_0_direct.json")
ENDS = ("host", "requester", "server")


def check(condition, what):
    if not condition:
        raise Failed(what)
    print(f"ok: {what}", flush=True)


def wrong_usage_is_told_and_exits_2():
    ends = ["--host", "0", "--requester", "0", "--server", "0"]
    for words, message in (
            ([], "which topology?"),
            ([DIRECT, DIRECT, *ends], "one topology only"),
            ([DIRECT], "--host FD is missing"),
            ([DIRECT, *ends[:4]], "--server FD is missing"),
            ([DIRECT, *ends[:4], "--server"], "--server needs FD"),
            ([DIRECT, *ends[:4], "--server", "wire"], "--server"),
            ([DIRECT, *ends[:4], "--server", "3000"], "--server 3000: Bad file descriptor"),
            ([DIRECT, *ends, "--seed", "-1"], "--seed"),
            ([DIRECT, *ends, "--wired-delay-us", "60000001"], "--wired-delay-us"),
            ([DIRECT, *ends, "--speed", "1"], "unknown option --speed")):
        status, said = run([MESH, *words])
        check(status == 2 and message in said, f"{' '.join(words[-2:]) or 'no arguments'}: {said.splitlines()[0]}")


def what_is_no_topology_exits_1(folder):
    ends = ["--host", "0", "--requester", "0", "--server", "0"]
    status, said = run([MESH, os.path.join(folder, "none.json"), *ends])
    check(status == 1 and "none.json" in said, "a file that is not there")
    with open(os.path.join(folder, "bad.json"), "w", encoding="utf-8") as file:
        json.dump({"name": "bad", "nodes": [{"id": 1, "role": "lamp"}]}, file)
    status, said = run([MESH, os.path.join(folder, "bad.json"), *ends])
    check(status == 1 and "bad.json:" in said, f"a bad one: {said.strip()}")


def packet(source, target, payload):
    """UDP in IPv6; the mesh looks at no checksum."""
    length = 8 + len(payload)
    return (struct.pack("!IHBB", 6 << 28, length, 17, 64) + socket.inet_pton(socket.AF_INET6, source)
            + socket.inet_pton(socket.AF_INET6, target) + struct.pack("!HHHH", 5683, 5683, length, 0xBEEF) + payload)


def packets_cross(signal_it):
    pairs = {name: socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for name in ENDS}
    words = [word for name, (_, theirs) in pairs.items() for word in (f"--{name}", str(theirs.fileno()))]
    mesh = Program("proa-mesh", [MESH, DIRECT, *words, "--wired-delay-us", "1"],
                   pass_fds=[theirs.fileno() for _, theirs in pairs.values()])
    try:
        addresses = mesh.wait_json(event="open")["addresses"]
        ours = {name: mine for name, (mine, _) in pairs.items()}
        for source, target, size in (("host", "requester", 5), ("requester", "host", 600),
                                     ("host", "server", 5), ("server", "requester", 1232)):
            sent = packet(addresses[source], addresses[target], os.urandom(size))
            ours[source].send(packet(addresses[source], "2001:db8:ffff::1", b"for nobody"))
            ours[source].send(sent)
            ours[target].settimeout(20)
            got = ours[target].recv(2000)
            check(got[:7] + got[8:] == sent[:7] + sent[8:], f"{len(sent)} bytes from {source} to {target}")
            check(got[7] == (64 if "server" not in (source, target) else 63), "the border router is a hop")
        ours["server"].close()
        sent = packet(addresses["host"], addresses["requester"], b"still there")
        ours["host"].send(sent)
        check(ours["requester"].recv(2000) == sent, "one end is gone, the others go on")
        if signal_it:
            mesh.process.terminate()
        else:
            mesh.process.stdin.close()
        counters = mesh.wait_json(schema="proa-mesh-1")
        check(mesh.ended() == 0 and counters["ok"], "ended as it was told")
        check(counters["packets_in"] == 9 and counters["packets_out"] == 5, "what it did not take has not come out")
        sent = {node["role"]: node["frames_sent"] for node in counters["nodes"]}
        check(all(sent[role] > 0 for role in ("host", "requester", "border_router")), "each node has sent frames")
    finally:
        mesh.stop()


def main():
    try:
        wrong_usage_is_told_and_exits_2()
        with tempfile.TemporaryDirectory() as folder:
            what_is_no_topology_exits_1(folder)
        for signal_it in (False, True):
            packets_cross(signal_it)
    except (Failed, OSError, subprocess.SubprocessError) as why:
        print(f"FAILED: {why}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
