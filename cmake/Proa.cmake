# SPDX-License-Identifier: Apache-2.0
# How the parts of Proa are built: one function for each kind of part.
#
#   proa_library(proa_coap SOURCES message.c exchange.c DEPENDS proa_base)
#   proa_program(proa-sim SOURCES main.c LIBS proa_sim)
#   proa_test(coap_message SOURCES test_message.c LIBS proa_coap)      -> bin/test_coap_message
#   proa_fuzz(coap_message LIBS proa_coap)                             -> bin/replay_coap_message
#
# Everything is C11 without extensions and without warnings, in gcc and in clang.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)

# Headers are installed under a directory of their own, so that "proa/..." and "ports/..." have
# the same names for a user as in this tree.
set(PROA_INSTALL_INCLUDEDIR ${CMAKE_INSTALL_INCLUDEDIR}/proa-${PROJECT_VERSION_MAJOR})

# The flags of our own code. Code of others (Mbed TLS) does not link this target.
add_library(proa_flags INTERFACE)
target_include_directories(proa_flags INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
  $<INSTALL_INTERFACE:${PROA_INSTALL_INCLUDEDIR}>)
set(PROA_WARNINGS -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
  -Werror)
set(PROA_SANITIZERS -fsanitize=address,undefined -fno-sanitize-recover=all
  -fno-omit-frame-pointer)

if(PROA_SANITIZE OR PROA_FUZZ)
  add_link_options(-fsanitize=address,undefined)
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    # gcc's own instrumentation confuses this one warning; the release build keeps it.
    list(APPEND PROA_WARNINGS -Wno-maybe-uninitialized)
  endif()
endif()

# Unused functions of the libraries must not reach a device's image.
add_compile_options(-ffunction-sections -fdata-sections)
add_link_options(-Wl,--gc-sections)

# Which directories may use the operating system's names beyond C11.
set(PROA_OS_AREAS "^(ports/linux|server/os|tools|tests|bench|examples)(/|$)")

function(proa_own_code target)
  target_compile_options(${target} PRIVATE ${PROA_WARNINGS})
  if(PROA_SANITIZE)
    target_compile_options(${target} PRIVATE ${PROA_SANITIZERS})
  elseif(PROA_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link ${PROA_SANITIZERS})
  endif()
  file(RELATIVE_PATH area ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  if(area MATCHES "${PROA_OS_AREAS}")
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
  endif()
endfunction()

# A static library; what it DEPENDS on is visible to whoever links it.
# A library without SOURCES is headers only.
function(proa_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS")
  if(arg_SOURCES)
    add_library(${name} STATIC ${arg_SOURCES})
    target_link_libraries(${name} PUBLIC proa_flags ${arg_DEPENDS})
    proa_own_code(${name})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE proa_flags ${arg_DEPENDS})
  endif()
  set_property(GLOBAL APPEND PROPERTY PROA_LIBRARIES ${name})
endfunction()

# A program in bin/. It may include "proa_build.h" for the version and the commit.
function(proa_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBS")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE proa_flags ${arg_LIBS})
  target_include_directories(${name} PRIVATE ${PROJECT_BINARY_DIR}/generated)
  proa_own_code(${name})
  add_dependencies(${name} proa_build_info)
endfunction()

# True in out when every library is part of this build. Something missing is an error in a
# whole build and leaves the test out when only some areas were asked for.
function(proa_have out what)
  set(${out} TRUE PARENT_SCOPE)
  foreach(lib IN LISTS ARGN)
    if(lib MATCHES "^proa_|_proa$" AND NOT TARGET ${lib})
      if(NOT PROA_ONLY)
        message(FATAL_ERROR "${what} needs ${lib}, which nobody defines")
      endif()
      message(STATUS "left out: ${what} (${lib} is not in PROA_ONLY)")
      set(${out} FALSE PARENT_SCOPE)
    endif()
  endforeach()
endfunction()

# After this a test hangs. Far more than any needs, so that a slow or busy machine fails nothing.
set(PROA_HANG_S 900)

# A cmocka program, known to CTest under its name.
function(proa_test name)
  if(NOT PROA_TESTS)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBS")
  string(REGEX REPLACE "^test_" "" name ${name})
  proa_have(complete test_${name} ${arg_LIBS})
  if(complete)
    add_executable(test_${name} ${arg_SOURCES})
    target_link_libraries(test_${name} PRIVATE
      ${arg_LIBS} proa_test_support proa_test_panic cmocka)
    proa_own_code(test_${name})
    add_test(NAME ${name} COMMAND test_${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
    set_tests_properties(${name} PROPERTIES TIMEOUT ${PROA_HANG_S})
  endif()
endfunction()

# A fuzz target. Its source is tests/fuzz/fuzz_<name>.c unless SOURCES says otherwise, its seeds
# are tests/fuzz/corpus/<name>/. Every build replays the seeds as a test; with PROA_FUZZ there is
# bin/fuzz_<name>, too.
function(proa_fuzz name)
  if(NOT PROA_TESTS)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBS")
  if(NOT arg_SOURCES)
    set(arg_SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_${name}.c)
  endif()
  set_property(GLOBAL APPEND PROPERTY PROA_FUZZ_NAMES ${name})
  proa_have(complete fuzz_${name} ${arg_LIBS})
  if(NOT complete)
    return()
  endif()
  add_executable(replay_${name} ${arg_SOURCES} ${PROJECT_SOURCE_DIR}/tests/support/replay.c)
  set(programs replay_${name})
  add_test(NAME replay_${name}
    COMMAND replay_${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
  set_tests_properties(replay_${name} PROPERTIES TIMEOUT ${PROA_HANG_S})
  if(PROA_FUZZ)
    add_executable(fuzz_${name} ${arg_SOURCES})
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    list(APPEND programs fuzz_${name})
  endif()
  foreach(program IN LISTS programs)
    target_link_libraries(${program} PRIVATE
      ${arg_LIBS} proa_test_support proa_fuzz_panic)
    proa_own_code(${program})
    # libFuzzer prescribes the entry point and offers no header that declares it.
    target_compile_options(${program} PRIVATE -Wno-missing-prototypes)
  endforeach()
endfunction()

# Adds each area that holds a CMakeLists.txt and is asked for. A file that comes or goes makes
# the build configure itself again.
function(proa_areas)
  file(GLOB present CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}
    ${PROJECT_SOURCE_DIR}/*/CMakeLists.txt ${PROJECT_SOURCE_DIR}/*/*/CMakeLists.txt)
  foreach(area IN LISTS ARGN)
    cmake_path(GET area FILENAME short)
    if("${area}/CMakeLists.txt" IN_LIST present AND (NOT PROA_ONLY OR short IN_LIST PROA_ONLY))
      add_subdirectory(${PROJECT_SOURCE_DIR}/${area})
    endif()
  endforeach()
endfunction()

# proa_build.h: what `--json` and `--version` print. Written at build time, because the commit
# changes without a new configure.
add_custom_target(proa_build_info
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR} -DVERSION=${PROJECT_VERSION}
    -DOUT=${PROJECT_BINARY_DIR}/generated/proa_build.h
    -P ${PROJECT_SOURCE_DIR}/cmake/BuildInfo.cmake
  BYPRODUCTS ${PROJECT_BINARY_DIR}/generated/proa_build.h
  COMMENT "" VERBATIM)
