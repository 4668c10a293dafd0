# SPDX-License-Identifier: Apache-2.0
# What a registered device costs the server.
if(TARGET proa_server AND TARGET proa_linux)
  proa_program(bench-registry SOURCES bench_registry.c report.c LIBS proa_server proa_linux)
endif()
