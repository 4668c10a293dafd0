# SPDX-License-Identifier: Apache-2.0
# What the box costs beside Mbed TLS alone.
if(TARGET proa_mbedtls)
  proa_program(bench-dtls SOURCES bench_dtls.c report.c LIBS proa_mbedtls)
endif()
