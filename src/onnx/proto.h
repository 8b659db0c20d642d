/* The messages of ONNX files, and shorter names for those that are read and
 * written here. */
#ifndef FV_ONNX_PROTO_H
#define FV_ONNX_PROTO_H

#include "base/base.h"

#include <onnx.pb-c.h>

typedef Fv__Onnx__ModelProto fv__onnx_model;
typedef Fv__Onnx__GraphProto fv__onnx_graph;
typedef Fv__Onnx__FunctionProto fv__onnx_function;
typedef Fv__Onnx__NodeProto fv__onnx_node_message;
typedef Fv__Onnx__AttributeProto fv__onnx_attribute;
typedef Fv__Onnx__TensorProto fv__onnx_tensor;
typedef Fv__Onnx__ValueInfoProto fv__onnx_value_info;
typedef Fv__Onnx__TypeProto fv__onnx_type;

/* Reads a message of that kind from the bytes of a file; NULL after recording
 * what is wrong, under the name `who`. Free it with fv__onnx_unread before its
 * context. */
ProtobufCMessage *fv__onnx_read(fv_context *context, const char *who,
                                const ProtobufCMessageDescriptor *kind,
                                size_t bytes, const void *data);
/* NULL is allowed. */
void fv__onnx_unread(fv_context *context, ProtobufCMessage *message);

#endif
