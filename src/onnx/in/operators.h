/* Operators of ONNX, a table for each file of them. */
#ifndef FV_ONNX_IN_OPERATORS_H
#define FV_ONNX_IN_OPERATORS_H

#include "onnx/in/importer.h"

extern const fv__onnx_operator fv__onnx_convolutions[];
extern const fv__onnx_operator fv__onnx_pools[];
extern const fv__onnx_operator fv__onnx_norms[];
extern const fv__onnx_operator fv__onnx_products[];
extern const fv__onnx_operator fv__onnx_elements[];
extern const fv__onnx_operator fv__onnx_arithmetic[];
extern const fv__onnx_operator fv__onnx_softmaxes[];
extern const fv__onnx_operator fv__onnx_reductions[];
extern const fv__onnx_operator fv__onnx_einsums[];
extern const fv__onnx_operator fv__onnx_shapes[];
extern const fv__onnx_operator fv__onnx_flows[];
extern const fv__onnx_operator fv__onnx_axis_operators[];
extern const fv__onnx_operator fv__onnx_parts[];
extern const fv__onnx_operator fv__onnx_pads[];
extern const fv__onnx_operator fv__onnx_indices[];
extern const fv__onnx_operator fv__onnx_extents[];
extern const fv__onnx_operator fv__onnx_types[];
extern const fv__onnx_operator fv__onnx_recurrents[];
extern const fv__onnx_operator fv__onnx_resizes[];
extern const fv__onnx_operator fv__onnx_quantizes[];
extern const fv__onnx_operator fv__onnx_losses[];
extern const fv__onnx_operator fv__onnx_detections[];

/* ---- elements --------------------------------------------------------------
 */

/* The translation of an operator that is a function of one element and of
 * nothing else, as the operators here say by their `onnx`; NULL: there is none.
 */
fv__translate *fv__onnx_unary(const char *kind);
/* The word of a type in lines, and the value in another type: itself if it has
 * that (type.c). */
const char *fv__onnx_type_word(fv_dtype dtype);
fv__value *fv__onnx_cast(fv__importer *to, const fv__onnx_node *node,
                         fv__value *value, fv_dtype dtype);

/* ---- windows of convolutions and pools (window.c) --------------------------
 */

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
/* Lets the window pad what the line before it would pad with zeros, which then
 * is not read. */
void fv__onnx_merge_padding(fv__onnx_node *node, fv__onnx_window *window);
/* The kind of layer for so many spatial axes: "conv2d", "maxpool", "maxpool1d".
 */
const char *fv__onnx_kind(const char *stem, int32_t axes, bool plain_2d,
                          char kind[32]);

/* ---- operators made of several lines (compose.c) ---------------------------
 * Values that are NULL, after a failure, give NULL. Results have their own
 * order. */

/* A line of values that are broadcast to one shape; more than a layer has
 * inputs are joined from the left. Of two values the second one is written as a
 * number of the line if it is one that is known and the layer takes that. */
fv__value *fv__onnx_broadcast(fv__importer *to, const fv__onnx_node *node,
                              const char *kind, int32_t count,
                              fv__value *const values[], bool with_number);
/* The same of two values, neither of which becomes a number of the line. */
fv__value *fv__onnx_two(fv__importer *to, const fv__onnx_node *node,
                        const char *kind, fv__value *a, fv__value *b);
/* Elements of `a` where the condition is true, else of `b`. */
fv__value *fv__onnx_where(fv__importer *to, const fv__onnx_node *node,
                          fv__value *condition, fv__value *a, fv__value *b);
/* A line of a kind and a number. */
fv__value *fv__onnx_with(fv__importer *to, const fv__onnx_node *node,
                         const char *kind, fv__value *x, double number);
/* A vector along that axis of `like`, to be broadcast; other ranks stay. */
fv__value *fv__onnx_along(fv__importer *to, const fv__onnx_node *node,
                          const fv__value *like, int64_t axis,
                          fv__value *vector);
/* Elements start to stop - 1 of an axis of the tensor. */
fv__value *fv__onnx_part(fv__importer *to, const fv__onnx_node *node,
                         fv__value *x, int32_t axis, int64_t start,
                         int64_t stop);
/* A reduction along axes of the graph, which stay with extent 1. */
fv__value *fv__onnx_reduced(fv__importer *to, const fv__onnx_node *node,
                            const char *kind, fv__value *x, int32_t count,
                            const int64_t axes[]);
/* A reduction along all axes, to rank 0. */
fv__value *fv__onnx_total(fv__importer *to, const fv__onnx_node *node,
                          const char *kind, fv__value *x);
/* The extents of axes begin to end - 1 of the graph, as sizes. */
fv__value *fv__onnx_sizes_of(fv__importer *to, const fv__onnx_node *node,
                             fv__value *x, int64_t begin, int64_t end);
/* The vector 0, 1, ... below the extent of an axis of the graph. */
fv__value *fv__onnx_counted(fv__importer *to, const fv__onnx_node *node,
                            fv__value *x, int64_t axis);

#endif
