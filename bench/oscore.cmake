# SPDX-License-Identifier: Apache-2.0
# What OSCORE costs beside the cryptography it needs. Flash is measured by scripts/bench-oscore.sh.
if(TARGET proa_oscore AND TARGET proa_mbedtls)
  proa_program(bench-oscore SOURCES bench_oscore.c report.c LIBS proa_oscore proa_mbedtls)
endif()
