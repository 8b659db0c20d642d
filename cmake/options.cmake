# What a build may choose, the warnings everything gets, and the libraries that
# the library depends on.
option(FOVEA_TESTS "build the tests" ${PROJECT_IS_TOP_LEVEL})
option(FOVEA_GATES "run the checks of the code itself as tests" OFF)
option(FOVEA_WITH_THREADS "a pool of POSIX threads" ON)
option(FOVEA_WITH_ZLIB "gzip'ed data" ON)
option(FOVEA_WITH_JANSSON "model files" ON)
option(FOVEA_WITH_ZIP "NumPy archives" ON)
option(FOVEA_WITH_ONNX "ONNX models" ON)
option(FOVEA_WITH_TENSORBOARD "logs for TensorBoard" ON)
option(FOVEA_WITH_PNG "PNG pictures" ON)
option(FOVEA_WITH_JPEG "JPEG pictures" ON)
option(FOVEA_WITH_CBLAS "matrix products through CBLAS" OFF)
option(FOVEA_WIDE "the layout of AVX-512 for machines with AVX2, for tests" OFF)
option(FOVEA_FUZZ "the programs of scripts/fuzz" OFF)
option(FOVEA_WERROR "warnings are errors" OFF)
set(FOVEA_SANITIZE "" CACHE STRING "-fsanitize= of every target")

set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

add_library(fovea_settings INTERFACE)
target_compile_options(fovea_settings INTERFACE -Wall -Wextra -Wpedantic
  -Wshadow -Wconversion -Wdouble-promotion
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes> -Wvla -Wcast-qual -Wundef
  $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes> -Wformat=2
  -ffp-contract=off $<$<BOOL:${FOVEA_WERROR}>:-Werror>)
target_compile_definitions(fovea_settings INTERFACE _POSIX_C_SOURCE=200809L
  FOVEA_VERSION="${PROJECT_VERSION}")
if(FOVEA_SANITIZE)
  target_compile_options(fovea_settings INTERFACE
    -fsanitize=${FOVEA_SANITIZE} -fno-sanitize-recover=undefined
    -fno-omit-frame-pointer)
  target_link_options(fovea_settings INTERFACE -fsanitize=${FOVEA_SANITIZE})
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64") # fma() is no call
    target_compile_options(fovea_settings INTERFACE -mfma)
  endif()
endif()

add_library(fovea_depends INTERFACE)
target_include_directories(fovea_depends INTERFACE
  ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(fovea_depends INTERFACE m)
set(FOVEA_PRIVATE_LIBRARIES m) # of an installed static library

find_path(RANDOM123_INCLUDE Random123/philox.h REQUIRED)
target_include_directories(fovea_depends SYSTEM INTERFACE ${RANDOM123_INCLUDE})

# Links with somebody's library, if the build wants it.
function(fovea_dependency NAME HEADER LIBRARY)
  if(NOT FOVEA_WITH_${NAME})
    return()
  endif()
  find_path(${NAME}_INCLUDE ${HEADER} REQUIRED)
  find_library(${NAME}_LIBRARY ${LIBRARY} REQUIRED)
  target_include_directories(fovea_depends SYSTEM INTERFACE ${${NAME}_INCLUDE})
  target_link_libraries(fovea_depends INTERFACE ${${NAME}_LIBRARY})
  target_compile_definitions(fovea_depends INTERFACE FOVEA_WITH_${NAME}=1)
  set(FOVEA_PRIVATE_LIBRARIES ${FOVEA_PRIVATE_LIBRARIES} ${LIBRARY}
    PARENT_SCOPE)
endfunction()
fovea_dependency(ZLIB zlib.h z)
fovea_dependency(JANSSON jansson.h jansson)
fovea_dependency(ZIP zip.h zip)
fovea_dependency(PNG png.h png)
fovea_dependency(JPEG jpeglib.h jpeg)
fovea_dependency(ONNX protobuf-c/protobuf-c.h protobuf-c)
fovea_dependency(TENSORBOARD protobuf-c/protobuf-c.h protobuf-c)
fovea_dependency(CBLAS cblas.h openblas)
if(FOVEA_WITH_THREADS)
  find_package(Threads REQUIRED)
  target_link_libraries(fovea_depends INTERFACE Threads::Threads)
  target_compile_definitions(fovea_depends INTERFACE FOVEA_WITH_THREADS=1)
  list(APPEND FOVEA_PRIVATE_LIBRARIES pthread)
endif()
