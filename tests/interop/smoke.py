#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Our programs and programs that are not ours, on this machine: does each understand the other?

    ./dev interop smoke [--json] [--only REGEX] [--programs FOLDER]
        [--leshan-demo-server JAR] [--leshan-demo-client JAR]

One line a case, "passed", "failed: why" or "skipped: why"; with --json the last line is one object
with all of them. Exit status 0: nothing failed; 1: something did; 3: nothing was run."""

import argparse
import os
import sys

from peers import aiocoap, leshan, leshan_demo, libcoap
from peers.runner import add_options, run_groups


def main():
    parser = argparse.ArgumentParser(prog="./dev interop smoke", description=__doc__.split("\n")[0])
    add_options(parser)
    for role in ("server", "client"):
        variable = f"PROA_LESHAN_DEMO_{role.upper()}_JAR"
        parser.add_argument(f"--leshan-demo-{role}", metavar="JAR",
                            default=os.environ.get(variable),
                            help=f"Leshan's demo {role} (default: ${variable}, then Maven)")
    return run_groups(parser.parse_args(), (libcoap, aiocoap, leshan, leshan_demo))


if __name__ == "__main__":
    sys.exit(main())
