/* ONNX models as networks. */
#ifndef FV_ONNX_ONNX_H
#define FV_ONNX_ONNX_H

#include "network/network.h"

#include <fovea/onnx.h>

/* The network of an ONNX model in memory; files with its weights are in the
 * folder of `path`. NULL after a failure. */
fv_network *fv__onnx_load(fv_context *context, const char *path, void *bytes,
                          size_t size, const fv_onnx_options *options);

#endif
