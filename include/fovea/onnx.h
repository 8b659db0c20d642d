/** @file
 * ONNX models. */
#ifndef FOVEA_ONNX_H
#define FOVEA_ONNX_H

#include <fovea/network.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The shape of an input of a model, the batch and all axes as in the file. */
typedef struct fv_onnx_shape {
    const char *name; /**< of the input; NULL: the first one */
    fv_shape shape;
} fv_onnx_shape;

/** What fv_network_load_onnx() may be told. */
typedef struct fv_onnx_options {
    size_t size; /**< set by #FV_OPTIONS */
    /** inputs that become constants, by name; shapes of tensors that a model
     *  wants as inputs, such as those of Reshape, must be known */
    const fv_named_tensor *fixed FV_ZERO;
    size_t num_fixed FV_ZERO;
    /** extents of axes that the file leaves open, for models that only work
     *  with some; that of a batch stays open */
    const fv_onnx_shape *shapes FV_ZERO;
    size_t num_shapes FV_ZERO;
} fv_onnx_options;

/** Reads an ONNX model, opsets 7 and later, as a network: what each node
 *  computes, under its name. Inputs and outputs are the graph's, batch first,
 *  and those of three and more axes have the order of the context: channels
 *  second, as in the file, in one of #FV_NCHW. `options` may be NULL. A model
 *  that uses operators that are not there is refused with all of them.
 *  fv_network_load() does the same without options. */
FV_API fv_network *fv_network_load_onnx(fv_context *context, const char *path,
                                        const fv_onnx_options *options);

/** Options of fv_network_save_onnx(); zero is the default of each. */
typedef struct fv_onnx_save_options {
    size_t size;
    int64_t batch FV_ZERO;   /**< images of a batch; 0: any number */
    int32_t opset FV_ZERO;   /**< operator set, 13 to 28 (28) */
    int32_t fold FV_ZERO;    /**< 1: batch normalisation behind a convolution
                                  goes into its weights */
    int32_t softmax FV_ZERO; /**< 1: the first output is probabilities, where
                                  the loss takes logits */
    int32_t reserved FV_ZERO;
} fv_onnx_save_options;

/** Writes the network, in evaluation and without its loss, as an ONNX model,
 *  atomically. Images go in and come out with channels first, [n, c, h, w];
 *  layers and weights keep their names, and the names of classes are its
 *  metadata, "class.0" and so on. The batch is open, and so are extents that
 *  are open in the network. Refuses, with one sentence that names them all,
 *  layers that the operator set cannot express. `options` may be NULL. */
FV_API fv_status fv_network_save_onnx(fv_network *network, const char *path,
                                      const fv_onnx_save_options *options);

#ifdef __cplusplus
}
#endif
#endif
