# The messages of TensorBoard's event files, as protoc-c makes them.
find_program(PROTOC_C protoc-c REQUIRED)
set(FOVEA_EVENTS ${PROJECT_BINARY_DIR}/generated/event)
file(MAKE_DIRECTORY ${FOVEA_EVENTS})
add_custom_command(OUTPUT ${FOVEA_EVENTS}/event.pb-c.c
    ${FOVEA_EVENTS}/event.pb-c.h
  COMMAND ${PROTOC_C} --proto_path=${PROJECT_SOURCE_DIR}/src/train
    --c_out=${FOVEA_EVENTS} ${PROJECT_SOURCE_DIR}/src/train/event.proto
  DEPENDS ${PROJECT_SOURCE_DIR}/src/train/event.proto)
add_custom_target(fovea_event_schema DEPENDS ${FOVEA_EVENTS}/event.pb-c.h)
add_library(fovea_event_messages OBJECT ${FOVEA_EVENTS}/event.pb-c.c)
target_include_directories(fovea_event_messages SYSTEM PUBLIC
  ${TENSORBOARD_INCLUDE})
target_include_directories(fovea_depends SYSTEM INTERFACE
  $<BUILD_INTERFACE:${FOVEA_EVENTS}>)
