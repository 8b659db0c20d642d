/** @file
 * Networks: layers in order, with names, parameters and a plan. */
#ifndef FOVEA_NETWORK_H
#define FOVEA_NETWORK_H

#include <fovea/loss.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A network; belongs to its context. */
typedef struct fv_network fv_network;

/** A network of `count` layers, the first of them an input. `layers` may be
 *  NULL when `count` is 0. */
FV_API fv_network *fv_network_new(fv_context *context, fv_layer *const layers[],
                                  size_t count);
/** `fv_network_of(ctx, fv_input(ctx, 28, 28, 1), fv_relu(ctx), ...)` */
#ifdef __cplusplus
#define fv_network_of(ctx, ...) fv_network_of_((ctx), { __VA_ARGS__ })
extern "C++" {
template <size_t count>
inline fv_network *fv_network_of_(fv_context *context,
                                  fv_layer *const (&&layers)[count])
{
    return fv_network_new(context, layers, count);
}
}
#else
#define fv_network_of(ctx, ...)                                                \
    fv_network_new((ctx), (fv_layer *const[]){ __VA_ARGS__ },                  \
                   sizeof((fv_layer *const[]){ __VA_ARGS__ })                  \
                       / sizeof(fv_layer *))
#endif
/** A layer of any kind from a line of the network text:
 *  `fv_layer_parse(ctx, "split 2 axis=1 name=s")`. */
FV_API fv_layer *fv_layer_parse(fv_context *context, const char *line);
/** Appends a layer; checks its shape against the layers it reads from. Not
 *  possible once the network has been used. */
FV_API fv_status fv_network_add(fv_network *network, fv_layer *layer);
/** Reads the network text (docs: the `.net` format). Errors name `name`, line
 *  and column. */
FV_API fv_network *fv_network_parse(fv_context *context, const char *text,
                                    const char *name);
/** Reads a `.net` file, or a saved model or checkpoint (by content), names of
 *  classes included; pipes and other streams too. An optimizer's state in a
 *  checkpoint is left out. */
FV_API fv_network *fv_network_load(fv_context *context, const char *path);
/** 1 if the parameters have been loaded or drawn, 0 of a network that has been
 *  read from a text and not yet been used. */
FV_API int fv_network_has_weights(const fv_network *network);
/** Writes the network text and all parameters as one safetensors file,
 *  atomically: the old file or the new one, never a mixture. */
FV_API fv_status fv_network_save(fv_network *network, const char *path);

/** Options of fv_network_export_c(); zero is the default of each. */
typedef struct fv_c_options {
    size_t size;
    int64_t batch FV_ZERO; /**< images of a call (1) */
    /** a file for the weights, which the C file then has no array of: the
     *  caller hands it their memory; NULL: the C file has them */
    const char *weights FV_ZERO;
    /** a text of fv_optimizer_parse(), of sgd, adam or adamw: the file has a
     *  training step, too; NULL: none */
    const char *optimizer FV_ZERO;
} fv_c_options;

/** Writes the network, in evaluation, as a C file, and a header beside it whose
 *  name ends in ".h" instead of ".c" (docs: c-export). The file needs nothing
 *  but C99, allocates nothing, and computes the bits of fv_network_run() with
 *  `strict`. Refuses, with one sentence that names them all, layers that it
 *  cannot write, and networks whose sizes are open. The context computes in
 *  #FV_F32 with #FV_NHWC. A network that has no weights yet draws them.
 *  `options` may be NULL. */
FV_API fv_status fv_network_export_c(fv_network *network, const char *path,
                                     const fv_c_options *options);
/** Parameters and running statistics under the names, and with the order of
 *  axes, that they have in files: "conv1.weight" [filters, c, kh, kw]; with
 *  `gradients` the gradients of the trained ones. Views of the network's
 *  memory; the list is freed with the context or by
 *  fv_named_tensors_free(). */
FV_API fv_named_tensors fv_network_weights(fv_network *network, int gradients);
/** What has become of a parameter of a network and of a tensor of a file. */
typedef enum fv_match {
    FV_MATCH_READ,      /**< the parameter gets the tensor's numbers */
    FV_MATCH_MISSING,   /**< the file has no tensor of the parameter's name */
    FV_MATCH_UNFIT,     /**< it has one, of another shape, or of whole numbers
                             where the parameter is of real ones */
    FV_MATCH_NEW,       /**< the parameter belongs to the new head */
    FV_MATCH_LEFT_OVER, /**< no parameter has the tensor's name */
    FV_MATCH_UNUSED     /**< nor would one of any network: what is outside of
                             the prefix, counts of batches
                             ("bn1.num_batches_tracked"), the state of an
                             optimizer */
} fv_match;

/** One parameter, one tensor, or both. */
typedef struct fv_weight_match {
    fv_match match;
    int32_t reserved;
    fv_named_tensor parameter; /**< with its values until now, and its order of
                                    axes in files; name NULL: none */
    fv_named_tensor tensor;    /**< name NULL: none */
} fv_weight_match;

/** Options of fv_network_match_weights(). */
typedef struct fv_match_options {
    size_t size;
    const char *path;
    const char *prefix FV_ZERO; /**< what precedes the names of parameters in
                                     the file or, if none there begin with it,
                                     the names of the file's tensors in the
                                     network; NULL: nothing */
    int32_t new_head FV_ZERO;   /**< the head keeps its values, see
                                     fv_network_with_head() */
    int32_t partial FV_ZERO;    /**< accept what is missing, left over or does
                                     not fit, if one tensor is read at least */
    /** Called for each parameter, in the order of the network, then for each
     *  tensor that is none, before the first number is read. What it gets is
     *  valid during the call. */
    void (*report)(void *user, const fv_weight_match *match) FV_ZERO;
    void *user FV_ZERO;
} fv_match_options;

/** Reads parameters and running statistics from a `.npz` or safetensors file,
 *  PyTorch's state dicts among them, each from the tensor of its name and
 *  shape: `fv_network_match_weights(net, "resnet18.safetensors", .prefix =
 *  "backbone.")`. A "x.value" may be called "x" in the file, shapes may differ
 *  in axes of extent 1, and numbers are converted to the context's type.
 *  Without `partial`, every difference is refused, and the sentence lists them;
 *  no parameter has changed then. */
#define fv_network_match_weights(network, ...)                                 \
    fv_network_match_weights_with(                                             \
        (network), FV_OPTIONS(fv_match_options, .path = __VA_ARGS__))
/** See fv_network_match_weights(). */
FV_API fv_status fv_network_match_weights_with(fv_network *network,
                                               const fv_match_options *options);
/** fv_network_match_weights() without options. */
FV_API fv_status fv_network_load_weights(fv_network *network, const char *path);
/** A copy of the network with a new head: the last layer on the way to the
 *  (first) output that has a number of outputs, filters or hidden values of its
 *  own, and what follows it. Its weights are drawn; it makes `classes` classes,
 *  0: as many as before, whose names are forgotten. All other parameters are
 *  the network's. NULL after a failure: where several layers lead to the
 *  output, or `classes` do not come out. */
FV_API fv_network *fv_network_with_head(const fv_network *network,
                                        int64_t classes);
/** 1 if the network ends with a loss. */
FV_API int fv_network_has_loss(const fv_network *network);
/** A copy of the network that can be trained: with a loss of its (first)
 *  output, instead of the loss that it may have. `loss` is a line of the
 *  network text, such as "softmax_cross_entropy label_smoothing=0.1"; NULL:
 *  sigmoid_cross_entropy for a network that ends with a sigmoid, else
 *  softmax_cross_entropy. A softmax, log_softmax or sigmoid at the end that
 *  such a loss contains is taken away, so that the output is what the loss
 *  reads. Names, weights and names of classes are the network's. NULL after a
 *  failure: of what is no loss, or where a layer reads an output. */
FV_API fv_network *fv_network_with_loss(const fv_network *network,
                                        const char *loss);
/** Copies the tensors of a `.npz` or safetensors file into another, which is
 *  one of NumPy if its name ends in ".npz". Between safetensors files metadata
 *  are copied too, so that a network stays one; of a checkpoint only the model
 *  is copied. */
FV_API fv_status fv_weights_copy(fv_context *context, const char *from,
                                 const char *to);
/** The order of axes that tensors beside the file of the network have: #FV_NCHW
 *  of an ONNX model and of what was saved from one, else #FV_NHWC. The network
 *  itself takes and gives those of the context's order. */
FV_API fv_layout fv_network_layout(const fv_network *network);
/** The network text; owned by the network. */
FV_API const char *fv_network_text(fv_network *network);
/** Frees the network before its context. NULL is allowed. */
FV_API void fv_network_free(fv_network *network);

/** Output of the layer before the loss, or of the last layer, for a batch; on
 *  the context's tape. */
FV_API fv_variable *fv_network_forward(fv_network *network, fv_variable *x);
/** The network's loss for an output of fv_network_forward() and a target:
 *  class indices [n] of an integer type or values of the output's shape. A loss
 *  that reads several values is refused. */
FV_API fv_variable *fv_network_loss(fv_network *network, fv_variable *output,
                                    const fv_tensor *target);
/** Evaluates a batch by the plan, without the tape: writes the output
 *  [n, out_shape...] (of the context's type) into `output`. */
FV_API fv_status fv_network_predict(fv_network *network,
                                    const fv_tensor *images,
                                    const fv_tensor *output);

/** fv_network_forward() for several inputs, in the order of the network text,
 *  and the first `num_outputs` outputs: NULL for those that it does not have,
 *  and after a failure. */
FV_API fv_status fv_network_apply(fv_network *network, int32_t num_inputs,
                                  fv_variable *const inputs[],
                                  int32_t num_outputs, fv_variable *outputs[]);

/** fv_network_predict() for any inputs and outputs, by name; a NULL name is the
 *  next in the order of the network text. Writes views of the outputs, which
 *  are valid until the network is used again or freed. */
FV_API fv_status fv_network_run(fv_network *network, int32_t num_inputs,
                                const fv_named_tensor inputs[],
                                int32_t num_outputs, fv_named_tensor outputs[]);

/** Number of layers, input and loss included. */
FV_API size_t fv_network_count(const fv_network *network);
/** The layer at `index`; NULL and a failure when out of range. */
FV_API fv_layer *fv_network_layer(const fv_network *network, size_t index);
/** All trainable parameters in layer order. */
FV_API fv_variables fv_network_variables(fv_network *network);
/** Extents of one image, of the first input. */
FV_API fv_shape fv_network_input_shape(const fv_network *network);
/** Extents of one output, before the loss; of the first, if there are several.
 */
FV_API fv_shape fv_network_output_shape(const fv_network *network);

/** What an input or an output of a network is. */
typedef struct fv_value_info {
    const char *name; /**< of its layer; NULL: there is none at that index */
    fv_shape shape;   /**< without the batch, if it has one */
    fv_dtype dtype;
    int32_t batched; /**< 1: its first axis is the batch */
} fv_value_info;

/** Input `index`, from 0, in the order of the network text. */
FV_API fv_value_info fv_network_input_info(const fv_network *network,
                                           size_t index);
/** Output `index`, from 0: what layers of kind "output" name or, without any,
 *  the one output before the loss. */
FV_API fv_value_info fv_network_output_info(const fv_network *network,
                                            size_t index);

/** What the outputs of the network are, as its loss says. */
FV_API fv_meaning fv_network_meaning(const fv_network *network);

/** Number of classes that the output tells apart: its elements, or 2 for one
 *  element of #FV_MEANS_LOG_ODDS, whose labels are 0 and 1 and whose answer is
 *  class 1 above 0, where the probability is above 1/2. */
FV_API int64_t fv_network_classes(const fv_network *network);
/** Names classes 0 to count - 1, at most fv_network_classes(), in UTF-8. The
 *  names are copied and go into saved models; fv_fit() takes those of the data
 *  set if its classes have names. 0 forgets all. */
FV_API fv_status fv_network_set_class_names(fv_network *network, int64_t count,
                                            const char *const names[]);
/** Name of a class; NULL if it has none. Owned by the network. */
FV_API const char *fv_network_class_name(const fv_network *network,
                                         int64_t class_index);

/** Facts of one layer of a network. */
typedef struct fv_layer_info {
    const char *name;
    const char *kind;
    fv_shape output_shape;
    int64_t parameters;           /**< trainable numbers */
    int64_t multiply_accumulates; /**< for one image; 0 where its size is
                                       open */
    int64_t receptive_field[2];   /**< rows and columns of input one output
                                       element can see; 0: all of it */
    size_t output_bytes;          /**< for one image */
    int32_t convolution; /**< 1: a convolution, for fv_conv_of_layer() */
    int32_t reserved;
} fv_layer_info;

/** Gives the images a size, as if the network had been written for it: shape
 *  {h, w, c} or {c, h, w}, with the channels of the input. Weights that have
 *  been loaded or drawn must not depend on it. */
FV_API fv_status fv_network_set_input(fv_network *network,
                                      const fv_shape *shape);
/** Facts of the layer at `index`. */
FV_API fv_layer_info fv_network_layer_info(fv_network *network, size_t index);
/** Parameters, multiply-accumulates and receptive field of the whole. */
FV_API fv_layer_info fv_network_info(fv_network *network);

/** Bytes that the context's allocator will have handed out for computing at
 *  the peak of using the network by plan with batches of up to `batch` images,
 *  `training` (with plain SGD) or evaluating: what is allocated now plus what
 *  the plan will need. 0 after a failure. */
FV_API size_t fv_network_planned_bytes(fv_network *network, int64_t batch,
                                       int training);

/** Gradient check of the whole network with `batch` random images. Parameters
 *  and running statistics are as before afterwards, gradients are zero. */
FV_API double fv_network_gradcheck(fv_network *network, int64_t batch);

#ifdef __cplusplus
}
#endif
#endif
