# SPDX-License-Identifier: Apache-2.0
"""What all runs have in common: where things are, and groups one after the other."""

import os
import re
import sys

from peers.cases import Report
from peers.process import Failed, run_json


class Place:
    """Where things are."""

    def __init__(self, options):
        self.options = options
        self.here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        self.root = os.path.dirname(os.path.dirname(self.here))
        self.programs = os.path.abspath(options.programs or f"{self.root}/build/release/bin")

    def program(self, name):
        path = os.path.join(self.programs, name)
        if not os.access(path, os.X_OK):
            raise Failed(f"{path} is not built")
        return path


def add_options(parser):
    parser.add_argument("--json", action="store_true", help="the last line is a JSON object")
    parser.add_argument("--only", metavar="REGEX", default="", help="groups to run")
    parser.add_argument("--programs", metavar="FOLDER", help="our programs, as built")


def run_groups(options, peers):
    """Run the groups of all peers that were asked for; gives the exit status."""
    place = Place(options)
    report = Report("proa-interop-1")
    build = {"version": None, "commit": None}
    try:
        build = {name: run_json([place.program("proa"), "version", "--json"])[-1][name]
                 for name in build}
        for group in [group for peer in peers for group in peer.groups(place)]:
            if re.search(options.only, group.name):
                group.run(report)
    except Failed as reason:
        print(f"interop: {reason}", file=sys.stderr)
        report.run("programs", lambda: place.program("proa"))
    return report.finish(build, options.json)
