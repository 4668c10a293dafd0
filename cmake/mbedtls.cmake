# SPDX-License-Identifier: Apache-2.0
# mbedtls_proa: Mbed TLS 3.6 under ports/mbedtls/mbedtls_config.h, from the Debian source package.
# Its directory is PROA_MBEDTLS_SOURCE; every build tree shares one copy in build/_deps.
set(PROA_MBEDTLS_SOURCE "" CACHE PATH "Source tree of Mbed TLS 3.6; empty: fetch it")
set(mbedtls_source "${PROA_MBEDTLS_SOURCE}")
if(NOT mbedtls_source)
  execute_process(COMMAND ${PROJECT_SOURCE_DIR}/scripts/mbedtls-source.sh
    OUTPUT_VARIABLE mbedtls_source OUTPUT_STRIP_TRAILING_WHITESPACE
    COMMAND_ERROR_IS_FATAL ANY)
endif()

# The files that have any code under our configuration, one name a line (`./dev bench size`
# compiles the same ones for boards).
file(STRINGS ${PROJECT_SOURCE_DIR}/ports/mbedtls/sources.txt mbedtls_files REGEX "^[^#]")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
  ${PROJECT_SOURCE_DIR}/ports/mbedtls/sources.txt)
list(TRANSFORM mbedtls_files PREPEND ${mbedtls_source}/library/)

add_library(mbedtls_proa STATIC ${mbedtls_files})
target_include_directories(mbedtls_proa SYSTEM PUBLIC
  $<BUILD_INTERFACE:${mbedtls_source}/include>
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
target_include_directories(mbedtls_proa PRIVATE ${mbedtls_source}/library)
target_compile_definitions(mbedtls_proa PUBLIC
  $<BUILD_INTERFACE:MBEDTLS_CONFIG_FILE="ports/mbedtls/mbedtls_config.h">)
# Not our code: no warnings. Optimised in debug builds, too, or handshakes rule the tests' time.
# AddressSanitizer stays, because it sees what we hand to it.
target_compile_options(mbedtls_proa PRIVATE -w -O2
  $<$<OR:$<BOOL:${PROA_SANITIZE}>,$<BOOL:${PROA_FUZZ}>>:-fsanitize=address>)
