/* Weights of layers that are computed from parameters: standardised, normalised
 * by length, or by the largest singular value. */
#ifndef FV_OP_NORM_PARAMETRIZATION_H
#define FV_OP_NORM_PARAMETRIZATION_H

#include "op/op.h"

#define FV__PARAMETRIZATION_FIELDS(options)                                    \
    { FV__FIELD(options, WORD, parametrization),                               \
      .words = fv__parametrization_words },                                    \
    {                                                                          \
        FV__FIELD(options, NUMBER, weight_epsilon),                            \
            .positive = true, .usual = 1e-5, .range = FV__ABOVE_0_TO_1         \
    }

/* What the options of a layer say of its weight [filters, ...]. */
typedef struct fv__weight {
    fv_parametrization kind;
    bool transposed; /* it is [channels, ..., filters of a group] */
    double epsilon;
    int64_t groups; /* of a transposed weight */
} fv__weight;

#define FV__WEIGHT(options)                                                    \
    .kind = (options)->parametrization, .epsilon = (options)->weight_epsilon

/* In declarations: the parameters of a weight of that shape, and "bias", as
 * many zeros; 0: none. A weight of rank 3 and more is one of a convolution. */
fv_status fv__weight_declare(fv_layer *layer, const fv__weight *weight,
                             int32_t rank, const int64_t shape[], fv__init init,
                             int64_t bias);
/* The weight, computed. */
fv_variable *fv__layer_weight(const fv_layer *layer, const fv__weight *weight);
/* The parameter "bias"; NULL: there is none. */
fv_variable *fv__layer_bias(const fv_layer *layer);

/* Sets v and u of fv_spectral_norm(), contiguous numbers of the context's type,
 * by steps of power iteration from u. */
fv_status fv__spectral_begin(fv_context *context, const fv_tensor *weight,
                             void *u, void *v);

#endif
