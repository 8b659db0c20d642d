/* ONNX models as networks, and networks as ONNX models. */
#ifndef FV_ONNX_ONNX_H
#define FV_ONNX_ONNX_H

#include "network/network.h"

#include <fovea/onnx.h>

/* The network of an ONNX model in memory; files with its weights are in the
 * folder of `path`. NULL after a failure. */
fv_network *fv__onnx_load(fv_context *context, const char *path, void *bytes,
                          size_t size, const fv_onnx_options *options);

/* Writes a network as a model. */
fv_status fv__onnx_save(fv_network *network, const char *path,
                        const fv_onnx_save_options *options);

#endif
