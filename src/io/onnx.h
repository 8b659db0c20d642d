/* ONNX models among the files that are loaded as networks. */
#ifndef FV_IO_ONNX_H
#define FV_IO_ONNX_H

#include "onnx/onnx.h"

/* The network of a model; takes over its bytes. */
fv_network *fv__load_onnx(fv_context *context, const char *path, void *bytes,
                          size_t size, const fv_onnx_options *options);

#endif
