# The messages of ONNX files, as protoc-c makes them from the schema of
# libonnx-dev. Its package gets our prefix, so that no other user of the schema
# in the same program has equal names.
find_program(PROTOC_C protoc-c REQUIRED)
find_file(ONNX_SCHEMA onnx/onnx.proto REQUIRED)
set(FOVEA_SCHEMA ${PROJECT_BINARY_DIR}/generated/onnx)
file(READ ${ONNX_SCHEMA} schema)
string(REPLACE "\npackage onnx;" "\npackage fv.onnx;" schema "${schema}")
file(CONFIGURE OUTPUT ${FOVEA_SCHEMA}/onnx.proto CONTENT "${schema}" @ONLY)
add_custom_command(OUTPUT ${FOVEA_SCHEMA}/onnx.pb-c.c
    ${FOVEA_SCHEMA}/onnx.pb-c.h
  COMMAND ${PROTOC_C} --proto_path=${FOVEA_SCHEMA} --c_out=${FOVEA_SCHEMA}
    ${FOVEA_SCHEMA}/onnx.proto
  DEPENDS ${FOVEA_SCHEMA}/onnx.proto)
add_custom_target(fovea_schema DEPENDS ${FOVEA_SCHEMA}/onnx.pb-c.h)
add_library(fovea_messages OBJECT ${FOVEA_SCHEMA}/onnx.pb-c.c)
target_include_directories(fovea_messages SYSTEM PUBLIC ${ONNX_INCLUDE})
target_include_directories(fovea_depends SYSTEM INTERFACE
  $<BUILD_INTERFACE:${FOVEA_SCHEMA}>)
