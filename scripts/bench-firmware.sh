#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the firmware takes: memory of the lamp on a lm3s6965evb, and instructions.
#
#   ./dev bench firmware [--json]
set -eu
exec "$(dirname "$0")/firmware.sh" bench "$@"
