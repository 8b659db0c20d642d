/* Operators of ONNX, a table for each file of them. */
#ifndef FV_ONNX_IN_OPERATORS_H
#define FV_ONNX_IN_OPERATORS_H

#include "onnx/in/importer.h"

extern const fv__onnx_operator fv__onnx_convolutions[];
extern const fv__onnx_operator fv__onnx_pools[];
extern const fv__onnx_operator fv__onnx_norms[];
extern const fv__onnx_operator fv__onnx_products[];
extern const fv__onnx_operator fv__onnx_elements[];
extern const fv__onnx_operator fv__onnx_shapes[];
extern const fv__onnx_operator fv__onnx_flows[];
extern const fv__onnx_operator fv__onnx_recurrents[];
extern const fv__onnx_operator fv__onnx_resizes[];
extern const fv__onnx_operator fv__onnx_quantizes[];
extern const fv__onnx_operator fv__onnx_losses[];
extern const fv__onnx_operator fv__onnx_detections[];

/* The translation of an operator that is a function of one element and of
 * nothing else, as the operators here say by their `onnx`; NULL: there is none.
 */
fv__translate *fv__onnx_unary(const char *kind);

/* The window of a convolution or pool over `axes` spatial axes. */
typedef struct fv__onnx_window {
    int32_t axes;
    int64_t kernel[FV__AXES], stride[FV__AXES], dilation[FV__AXES];
    int64_t begin[FV__AXES], end[FV__AXES];
    const char
        *auto_pad;     /* "valid", "same" or "same_lower"; NULL: by numbers */
    char options[512]; /* " kernel=3,3 stride=1,1 ..." */
} fv__onnx_window;

/* Appends " key=1,2,3" to the options of a line. */
void fv__onnx_write(char options[512], const char *key, int64_t count,
                    const int64_t numbers[]);
/* Writes the options of a window from its numbers. */
void fv__onnx_write_window(fv__onnx_window *window);
/* Reads the attributes of a window over the spatial axes of the first input;
 * `kernel` is that of the weights, NULL: the attribute is needed. */
fv_status fv__onnx_read_window(fv__importer *to, fv__onnx_node *node,
                               const int64_t *kernel, fv__onnx_window *window);
/* The kind of layer for so many spatial axes: "conv2d", "maxpool", "maxpool1d".
 */
const char *fv__onnx_kind(const char *stem, int32_t axes, bool plain_2d,
                          char kind[32]);

/* ---- operators made of several lines (compose.c) ---------------------------
 * Values that are NULL, after a failure, give NULL. Results have their own
 * order. */

/* Input k of the node; NULL: it is left out. */
fv__value *fv__onnx_input(const fv__onnx_node *node, int32_t k);
/* The same as a tensor in whatever order it is; refuses one that is left out.
 */
fv__value *fv__onnx_tensor_input(fv__importer *to, fv__onnx_node *node,
                                 int32_t k);
/* Whether somebody reads output k. */
bool fv__onnx_wanted(const fv__onnx_node *node, int32_t k);
/* A line of one input whose axes stay where they are. */
fv__value *fv__onnx_map(fv__importer *to, const fv__onnx_node *node,
                        fv__value *x, const char *format, ...) FV_PRINTF(4, 5);
/* The same of a kind and a number. */
fv__value *fv__onnx_with(fv__importer *to, const fv__onnx_node *node,
                         const char *kind, fv__value *x, double number);
/* A line of values that are broadcast, which are replaced by aligned ones. */
fv__value *fv__onnx_join(fv__importer *to, const fv__onnx_node *node,
                         const char *kind, int32_t count, fv__value *values[]);
fv__value *fv__onnx_two(fv__importer *to, const fv__onnx_node *node,
                        const char *kind, fv__value *a, fv__value *b);
/* A reduction along axes of the graph, which stay with extent 1. */
fv__value *fv__onnx_reduced(fv__importer *to, const fv__onnx_node *node,
                            const char *kind, fv__value *x, int32_t count,
                            const int64_t axes[]);
/* A vector along that axis of `like`, to be broadcast; other ranks stay. */
fv__value *fv__onnx_along(fv__importer *to, const fv__onnx_node *node,
                          const fv__value *like, int64_t axis,
                          fv__value *vector);
/* The extent of an axis of the graph as a vector of one number, which is known
 * when the plan is made. */
fv__value *fv__onnx_measure(fv__importer *to, const fv__onnx_node *node,
                            fv__value *x, int64_t axis);
/* Whether numbers are there and all of them are 0. */
bool fv__onnx_all_zero(const fv_tensor *numbers);
/* Output k is the value, in its order. */
fv_status fv__onnx_give(fv__onnx_node *node, int32_t k, fv__value *value);

#endif
