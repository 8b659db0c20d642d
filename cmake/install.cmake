# What `cmake --install` puts where: headers, both forms of the library, the
# CMake package (find_package(fovea)) and the pkg-config file.
include(CMakePackageConfigHelpers)

install(DIRECTORY include/fovea DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS fovea fovea_shared EXPORT fovea-targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(FOVEA_PACKAGE ${CMAKE_INSTALL_LIBDIR}/cmake/fovea)
install(EXPORT fovea-targets NAMESPACE fovea:: DESTINATION ${FOVEA_PACKAGE})
configure_package_config_file(cmake/fovea-config.cmake.in
  generated/fovea-config.cmake INSTALL_DESTINATION ${FOVEA_PACKAGE})
write_basic_package_version_file(generated/fovea-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/generated/fovea-config.cmake
  ${PROJECT_BINARY_DIR}/generated/fovea-config-version.cmake
  DESTINATION ${FOVEA_PACKAGE})

# pkg-config finds the prefix from where the file itself lies.
file(RELATIVE_PATH FOVEA_PC_PREFIX
  /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
list(TRANSFORM FOVEA_PRIVATE_LIBRARIES PREPEND -l
  OUTPUT_VARIABLE FOVEA_PC_PRIVATE)
string(REPLACE ";" " " FOVEA_PC_PRIVATE "${FOVEA_PC_PRIVATE}")
configure_file(cmake/fovea.pc.in generated/fovea.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/generated/fovea.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
