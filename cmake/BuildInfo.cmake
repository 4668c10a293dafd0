# SPDX-License-Identifier: Apache-2.0
cmake_minimum_required(VERSION 3.25)
# Writes OUT with the version and the commit of SOURCE; leaves it alone when nothing changed.
execute_process(COMMAND git describe --always --dirty --abbrev=12 --exclude=*
  WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE commit RESULT_VARIABLE failed
  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(failed)
  set(commit "unknown")
endif()
file(CONFIGURE OUTPUT ${OUT} @ONLY CONTENT "/* SPDX-License-Identifier: Apache-2.0 */
/* Written by the build. */
#define PROA_BUILD_VERSION \"@VERSION@\"
#define PROA_BUILD_COMMIT \"@commit@\"
")
