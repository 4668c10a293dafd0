#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Our programs and programs that are not ours, on this machine: does each understand the other?

    ./dev interop smoke [--json] [--only REGEX] [--programs FOLDER]
        [--leshan-demo-server JAR] [--leshan-demo-client JAR]

One line a case, "passed", "failed: why" or "skipped: why"; with --json the last line is one object
with all of them. Exit status 0: nothing failed; 1: something did; 3: nothing was run."""

import argparse
import os
import re
import sys

from peers import aiocoap, leshan, leshan_demo, libcoap
from peers.cases import Report
from peers.process import Failed, run_json


class Place:
    """Where things are."""

    def __init__(self, options):
        self.options = options
        self.here = os.path.dirname(os.path.abspath(__file__))
        self.root = os.path.dirname(os.path.dirname(self.here))
        self.programs = os.path.abspath(options.programs or f"{self.root}/build/release/bin")

    def program(self, name):
        path = os.path.join(self.programs, name)
        if not os.access(path, os.X_OK):
            raise Failed(f"{path} is not built")
        return path


def main():
    parser = argparse.ArgumentParser(prog="./dev interop smoke", description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true", help="the last line is a JSON object")
    parser.add_argument("--only", metavar="REGEX", default="", help="groups to run")
    parser.add_argument("--programs", metavar="FOLDER", help="our programs, as built")
    for role in ("server", "client"):
        variable = f"PROA_LESHAN_DEMO_{role.upper()}_JAR"
        parser.add_argument(f"--leshan-demo-{role}", metavar="JAR",
                            default=os.environ.get(variable),
                            help=f"Leshan's demo {role} (default: ${variable}, then Maven)")
    options = parser.parse_args()
    place = Place(options)
    report = Report("proa-interop-1")
    build = {"version": None, "commit": None}
    try:
        build = {name: run_json([place.program("proa"), "version", "--json"])[-1][name]
                 for name in build}
        for group in [group for peer in (libcoap, aiocoap, leshan, leshan_demo)
                      for group in peer.groups(place)]:
            if re.search(options.only, group.name):
                group.run(report)
    except Failed as reason:
        print(f"interop: {reason}", file=sys.stderr)
        report.run("programs", lambda: place.program("proa"))
    return report.finish(build, options.json)


if __name__ == "__main__":
    sys.exit(main())
