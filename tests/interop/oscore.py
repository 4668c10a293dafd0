#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Our OSCORE and aiocoap's, in both roles, by the plugtest of RFC 8613's authors and aiocoap's own programs for it.

    ./dev interop oscore [--json] [--only REGEX] [--programs FOLDER]

One line a case, "passed", "failed: why" or "skipped: why"; with --json the last line is one object
with all of them. Exit status 0: nothing failed; 1: something did; 3: nothing was run."""

import argparse
import sys

from peers import aiocoap_oscore
from peers.runner import add_options, run_groups


def main():
    parser = argparse.ArgumentParser(prog="./dev interop oscore", description=__doc__.split("\n")[0])
    add_options(parser)
    return run_groups(parser.parse_args(), (aiocoap_oscore,))


if __name__ == "__main__":
    sys.exit(main())
