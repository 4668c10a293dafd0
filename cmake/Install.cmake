# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` leaves: libraries, headers, a CMake package and a pkg-config file.
get_property(libraries GLOBAL PROPERTY PROA_LIBRARIES)
list(REMOVE_ITEM libraries proa_rng proa_radio proa_sim proa_app)
if(NOT libraries)
  return()
endif()
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/proa)

set(exported proa_flags ${libraries})
if(TARGET mbedtls_proa)
  list(APPEND exported mbedtls_proa mbedtls_chacha)
endif()
install(TARGETS ${exported} EXPORT proaTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/proa DESTINATION ${PROA_INSTALL_INCLUDEDIR})
if(EXISTS ${PROJECT_SOURCE_DIR}/ports)
  install(DIRECTORY ports DESTINATION ${PROA_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h" PATTERN "mbedtls_config.h" EXCLUDE)
endif()
install(EXPORT proaTargets NAMESPACE proa:: DESTINATION ${package_dir})

file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/proaConfig.cmake @ONLY CONTENT
  "include(\${CMAKE_CURRENT_LIST_DIR}/proaTargets.cmake)\n")
write_basic_package_version_file(${PROJECT_BINARY_DIR}/proaConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/proaConfig.cmake ${PROJECT_BINARY_DIR}/proaConfigVersion.cmake
  DESTINATION ${package_dir})

# A static linker wants users before what they use: upper layers first.
set(pc_libs "")
foreach(lib IN LISTS exported)
  get_target_property(type ${lib} TYPE)
  if(type STREQUAL "STATIC_LIBRARY" AND NOT lib STREQUAL "mbedtls_proa")
    string(PREPEND pc_libs "-l${lib} ")
  endif()
endforeach()
if(TARGET mbedtls_proa)
  string(APPEND pc_libs "-lmbedtls_proa")
endif()
file(RELATIVE_PATH pc_up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/proa.pc.in ${PROJECT_BINARY_DIR}/proa.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/proa.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
