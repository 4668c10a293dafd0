#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The server is killed under traffic, and its sessions survive: devices and operators go on without a handshake, and
nothing secret is in the database. Usage: test_restart.py FOLDER-OF-PROGRAMS"""

import os
import sys
import tempfile
import threading
import time

from house import KEYS, PROGRAMS, Failed, House, Program, check, run


def sessions(house):
    return house.control("stats")["stats"]["sessions"]


class Traffic:
    """Reads and writes that go on while the server dies."""

    def __init__(self, house):
        self.house = house
        self.done = 0
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.stopped.is_set():
            try:
                self.done += self.house.control("read", "lamp", "/3311/0/5850").get("ok", False)
            except Failed:
                pass

    def wait(self, count):
        deadline = time.monotonic() + 60
        while self.done < count:
            if time.monotonic() > deadline:
                raise Failed(f"only {self.done} reads were answered")
            time.sleep(0.01)

    def stop(self):
        self.stopped.set()
        self.thread.join()


def kill_under_traffic(house):
    traffic = Traffic(house)
    try:
        traffic.wait(20)
        house.server.kill()
    finally:
        traffic.stop()


def goes_on(house):
    started = time.monotonic()
    listening = house.start_server()
    up = time.monotonic()
    read = house.control("read", "lamp", "/3311/0/5850")
    answered = time.monotonic()
    print(f"up after {1000 * (up - started):.0f} ms, first read answered {1000 * (answered - up):.0f} ms later")
    check(listening["sessions"] == 2, "both sessions are there when the server is")
    check(read["ok"], "the lamp is read at once")


def notifications(house):
    socket = os.path.join(house.folder, "proad.sock")
    watcher = Program("observe", [os.path.join(PROGRAMS, "proa"), "ctl", "--socket", socket, "--json", "observe", "lamp",
                                  "/3311/0/5850"])
    try:
        watcher.wait_json()
        house.devices["lamp"].say("set /3311/0/5850 false")
        watcher.wait_json(event="notification")
    finally:
        watcher.stop()


def story(house):
    house.start_server()
    house.start_device("lamp")
    house.start_device("switch")
    check(house.ask()["outcome"] == "OK", "a grant and a first read")
    house.wait_granted()
    before = sessions(house)
    check((before["handshakes"], before["kept"]) == (2, 2), "two handshakes, two sessions stored")

    kill_under_traffic(house)
    goes_on(house)
    notifications(house)
    check(sessions(house)["handshakes"] == 0, "a notification came, and nobody has shaken hands")

    check(house.control("revoke", "switch", "lamp")["ok"], "an operator revokes")
    house.server.wait_json(timeout_s=60, event="ended")
    check(house.ask()["outcome"] == "DENIED", "the switch asks the server again and is told no")
    house.devices["lamp"].say("update")
    house.server.wait_json(event="updated", device="lamp")
    stats = sessions(house)
    check((stats["handshakes"], stats["revived"]) == (0, 2), "all that without a handshake")

    kill_under_traffic(house)
    house.start_server()
    house.server.kill()
    goes_on(house)
    house.devices["switch"].say("update")
    house.server.wait_json(timeout_s=60, event="updated", device="switch")
    check(sessions(house)["handshakes"] == 0, "killed twice in a row: still no handshake")
    check(len(house.control("audit")["audit"]) > 0, "and the audit is there")


def secrets_are_kept(house):
    key_file = os.path.join(house.folder, "proad.db.key")
    stored = b"".join(open(os.path.join(house.folder, name), "rb").read()
                      for name in os.listdir(house.folder) if name in ("proad.db", "proad.db-wal"))
    with open(key_file, encoding="ascii") as file:
        seal = file.read().strip()
    found = [key for key in [*KEYS.values(), seal] if bytes.fromhex(key) in stored or key.encode() in stored]
    check(not found, "no key is in the database")
    check(os.stat(key_file).st_mode & 0o777 == 0o600, "the key file is its owner's")
    house.server.kill()
    os.chmod(key_file, 0o644)
    status, text = run([os.path.join(PROGRAMS, "proad"), "--config", os.path.join(house.folder, "proad.json")])
    check(status == 1 and "readable by others" in text, "proad refuses a key file that others can read")
    os.remove(key_file)
    check(house.start_server()["sessions"] == 0, "without the key no session comes back")
    house.devices["lamp"].say("update")
    house.server.wait_json(timeout_s=120, event="updated", device="lamp")
    check(sessions(house)["handshakes"] >= 1, "and the lamp shakes hands again by itself")


def main():
    with tempfile.TemporaryDirectory(prefix="proa-e2e-") as folder:
        house = House(folder)
        try:
            story(house)
            secrets_are_kept(house)
        except Failed as why:
            print(f"FAILED: {why}")
            return 1
        finally:
            house.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
