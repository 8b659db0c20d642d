/* What the layers of tensor operators share. Their options are local to their
 * files. Axes count the batch as axis 0, with channels last, whatever the
 * layout of the context; negative axes count from the end. */
#ifndef FV_OP_TENSOR_LAYER_H
#define FV_OP_TENSOR_LAYER_H

#include "op/op.h"

/* The first members of options, those of fv_layer_options. */
#define FV__LOCAL_OPTIONS                                                      \
    size_t size;                                                               \
    fv_context *context;                                                       \
    FV_LAYER_SHAPE;                                                            \
    FV_LAYER_NAMES

/* The options of a public maker at the beginning of local ones, whose size and
 * other members are set. */
const void *fv__local_options(const fv_layer_options *given, void *local);

/* The axes of a list; returns their number. */
int32_t fv__list_axes(const fv__list *list, int32_t axes[FV_MAX_RANK]);
/* The known numbers of input k, if there is one, else those of the option;
 * false after recording why there are none. */
bool fv__layer_list(const fv_layer *layer, int32_t count,
                    fv_variable *const inputs[], int32_t k, const char *what,
                    const fv__list *option, int32_t *n,
                    int64_t out[FV_MAX_RANK]);
/* The same of one number. */
bool fv__layer_number(const fv_layer *layer, int32_t count,
                      fv_variable *const inputs[], int32_t k, const char *what,
                      int64_t option, int64_t *out);

/* A constant of rank 0 and the type of a variable. */
fv_variable *fv__number_like(const fv_variable *like, double number);

/* The element types by their words, the first that of the context. */
extern const char *const fv__type_words[];
fv_dtype fv__type_of_word(const fv_context *context, int32_t word);

/* Layers that join all inputs, from the left, or one input and a number. */
typedef struct fv__arithmetic_options {
    FV__LOCAL_OPTIONS;
    double number;
} fv__arithmetic_options;
#define FV__ARITHMETIC_FIELDS(identity)                                        \
    {                                                                          \
        { FV__FIELD(fv__arithmetic_options, NUMBER, number),                   \
          .usual = (identity), .positional = true },                           \
            { .key = NULL },                                                   \
    }
#define FV__ARITHMETIC_LAYER(word)                                             \
    .kind = (word), FV__LAYER_OPTIONS(fv__arithmetic_options),                 \
    .min_inputs = 1, .max_inputs = FV__MAX_INPUTS, .fields = fields,           \
    .forward = apply
typedef fv_variable *fv__binary_function(fv_variable *a, fv_variable *b);
/* `with_number` may be NULL: then a constant is made of it, as for integers. */
fv_variable *
fv__arithmetic(const fv_layer *layer, int32_t count,
               fv_variable *const inputs[], fv__binary_function *function,
               fv_variable *(*with_number)(fv_variable *a, double number));

/* Layers that compare two inputs, or one and a number. */
#define FV__COMPARISON_LAYER(word)                                             \
    .kind = (word), FV__LAYER_OPTIONS(fv__arithmetic_options),                 \
    .min_inputs = 1, .max_inputs = 2, .fields = fields, .forward = apply

/* Layers along an axis. */
typedef struct fv__axis_options {
    FV__LOCAL_OPTIONS;
    int64_t axis;
    int32_t drop; /* where it is reduced: it does not stay with extent 1 */
} fv__axis_options;
#define FV__AXIS_FIELD(number)                                                 \
    {                                                                          \
        FV__FIELD(fv__axis_options, INDEX, axis), .usual = (number),           \
                                                  .positional = true           \
    }

/* Layers that move axes: those of the option, or of a second input. */
typedef struct fv__axes_options {
    FV__LOCAL_OPTIONS;
    fv__list axes;
} fv__axes_options;
extern const fv__field fv__axes_fields[];
typedef fv_variable *fv__axes_function(fv_variable *a, int32_t count,
                                       const int32_t axes[]);
fv_variable *fv__axes_layer(const fv_layer *layer, int32_t count,
                            fv_variable *const inputs[],
                            fv__axes_function *function);

/* Layers that reduce axes. */
typedef struct fv__reduction_options {
    FV__LOCAL_OPTIONS;
    fv__list axes;
    int32_t drop; /* the axes do not stay with extent 1 */
} fv__reduction_options;
extern const fv__field fv__reduction_fields[];
#define FV__REDUCTION_LAYER(word)                                              \
    .kind = (word), FV__LAYER_OPTIONS(fv__reduction_options),                  \
    .fields = fv__reduction_fields, .min_inputs = 1, .max_inputs = 2,          \
    .forward = reduce
/* Applies an operator with an fv__reduction to the first input or, if that is
 * of whole numbers, the reduction of that kind. The axes are those of the
 * option, or of a second input. Without any, all axes but the batch are
 * reduced. */
fv_variable *fv__reduction_layer(const fv_layer *layer, int32_t count,
                                 fv_variable *const inputs[],
                                 const fv_operator *op, fv_reduce_kind kind);

#endif
