#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The real programs when things go away: the server is killed, devices are killed, and nothing that was granted or
registered may be lost. Usage: test_outage.py FOLDER-OF-PROGRAMS"""

import sys
import tempfile

from house import Failed, House, check


def story(house):
    house.start_server()
    house.start_device("lamp")
    house.start_device("switch")
    check(house.ask()["outcome"] == "OK", "a grant and a first read")
    house.wait_granted()

    house.server.kill()
    check(house.ask()["outcome"] == "OK", "the switch reads the lamp while there is no server")

    house.start_server()
    grants = house.control("grants")["grants"]
    check([g["state"] for g in grants] == ["active"], "the grant is there after the server was killed")
    devices = {d["endpoint"] for d in house.control("devices")["devices"]}
    check(devices == {"lamp", "switch"}, "both registrations are there, too")

    house.devices["lamp"].kill()
    house.start_device("lamp")
    house.devices["switch"].kill()
    house.start_device("switch")
    outcome = house.ask()
    check(outcome["outcome"] == "OK", "both devices were killed, and the switch reads the lamp")

    check(house.control("revoke", "switch", "lamp")["ok"], "an operator revokes")
    house.server.wait_json(timeout_s=60, event="ended")
    house.server.kill()
    house.start_server()
    check(house.ask()["outcome"] == "DENIED", "the refusal stands after the server was killed again")
    kinds = [row["kind"] for row in house.control("audit")["audit"]]
    check("granted" in kinds and "revoked" in kinds and "denied" in kinds, "the audit knows all of it")


def main():
    with tempfile.TemporaryDirectory(prefix="proa-e2e-") as folder:
        house = House(folder)
        try:
            story(house)
        except Failed as why:
            print(f"FAILED: {why}")
            return 1
        finally:
            house.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
