/* Layers of pools whose number of axes the input decides. */
#include "op/pool/window.h"

/* The kinds of a pool along one, two and three axes. */
static const fv__layer_type *const largest[] = { &fv__layer_maxpool1d,
                                                 &fv__layer_maxpool,
                                                 &fv__layer_maxpool3d };
static const fv__layer_type *const means[] = { &fv__layer_avgpool1d,
                                               &fv__layer_avgpool,
                                               &fv__layer_avgpool3d };
static const fv__layer_type *const norms[] = { &fv__layer_lppool1d,
                                               &fv__layer_lppool,
                                               &fv__layer_lppool3d };

bool fv__layer_is_maxpool(const fv__layer_type *type)
{
    return type == largest[0] || type == largest[1] || type == largest[2];
}

/* Images of other ranks are refused by the kind for two axes. */
static const fv__layer_type *type_of(const fv__layer_type *const kinds[],
                                     int32_t rank)
{
    return kinds[rank == 2 ? 0 : rank == 4 ? 2 : 1];
}

/* A layer made without in_shape gets its type when its input is known. */
static fv_status decide(fv_layer *layer, const fv__layer_type *const kinds[],
                        int32_t count, const fv_shape inputs[])
{
    layer->type = type_of(kinds, inputs[0].rank);
    return layer->type->declare(layer, count, inputs);
}

static fv_status decide_largest(fv_layer *layer, int32_t count,
                                const fv_shape inputs[])
{
    return decide(layer, largest, count, inputs);
}

static fv_status decide_mean(fv_layer *layer, int32_t count,
                             const fv_shape inputs[])
{
    return decide(layer, means, count, inputs);
}

static fv_status decide_norm(fv_layer *layer, int32_t count,
                             const fv_shape inputs[])
{
    return decide(layer, norms, count, inputs);
}

static const fv__field fields[] = {
    FV__POOL_FIELDS(FV__AXES),
    FV__AVGPOOL_FIELDS,
    FV__LPPOOL_FIELDS,
    { .key = NULL },
};

#define UNDECIDED(word)                                                        \
    .kind = (word), FV__LAYER_OPTIONS(fv_pool_options), .fields = fields,      \
    .min_inputs = 1, .max_inputs = 1
static const fv__layer_type undecided_largest = { UNDECIDED("maxpool"),
                                                  .declare = decide_largest };
static const fv__layer_type undecided_mean = { UNDECIDED("avgpool"),
                                               .declare = decide_mean };
static const fv__layer_type undecided_norm = { UNDECIDED("lppool"),
                                               .declare = decide_norm };

static fv_layer *make(const fv_pool_options *options,
                      const fv__layer_type *const kinds[],
                      const fv__layer_type *undecided)
{
    const int32_t rank =
        fv__in_shape_rank(options, offsetof(fv_pool_options, in_shape));
    return fv__layer_new(rank ? type_of(kinds, rank) : undecided, options);
}

fv_layer *fv_maxpool_new(const fv_pool_options *options)
{
    return make(options, largest, &undecided_largest);
}

fv_layer *fv_avgpool_new(const fv_pool_options *options)
{
    return make(options, means, &undecided_mean);
}

fv_layer *fv_lppool_new(const fv_pool_options *options)
{
    return make(options, norms, &undecided_norm);
}
