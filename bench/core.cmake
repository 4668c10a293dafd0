# SPDX-License-Identifier: Apache-2.0
# CoAP messages beside Debian's libcoap. Its static library, because one internal function of it is
# needed to use a PDU again; where the package is not installed there is nothing to compare with.
find_library(PROA_LIBCOAP NAMES libcoap-3-notls.a)
if(TARGET proa_coap AND PROA_LIBCOAP)
  proa_program(bench-core SOURCES bench_core.c report.c LIBS proa_linux proa_coap ${PROA_LIBCOAP})
  # The panic of the Linux port is wanted before anybody has asked for it.
  target_link_options(bench-core PRIVATE -Wl,--undefined=proa_panic)
endif()
