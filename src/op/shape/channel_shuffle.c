/* Mixes the groups of a grouped convolution: channel k of group g becomes
 * channel g of group k. */
#include "op/attributes.h"
#include "op/shape/rearrange.h"

#include <inttypes.h>

static fv_status infer(fv_inference *inference)
{
    const fv__channel_shuffle *a = inference->attributes;
    const fv_tensor *x = inference->inputs[0];
    const int32_t last = x->rank - 1;
    if (last < 0)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: input has rank 0, expected at least 1",
                       inference->name);
    const int64_t channels = x->shape[last];
    if (a->groups < 1 || channels % a->groups)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: groups %" PRId64
                       " does not divide channels %" PRId64,
                       inference->name, a->groups, channels);
    const fv__arrangement arrangement = { 3,
                                          { fv__product(last, x->shape),
                                            a->groups, channels / a->groups },
                                          { 0, 2, 1 } };
    return fv__rearrange_infer(inference, &arrangement, x->rank, x->shape);
}

const fv_operator fv__op_channel_shuffle = {
    FV__REARRANGE_OPERATOR("channel_shuffle"),
    .attributes_size = sizeof(fv__channel_shuffle),
    .infer = infer,
};

fv_variable *fv_channel_shuffle_of(fv_variable *x, int64_t groups)
{
    const fv__channel_shuffle attributes = { groups };
    return fv_apply(&fv__op_channel_shuffle, &attributes, 1, &x);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_channel_shuffle_options, COUNT, groups),
      .positional = true },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_channel_shuffle_options *options = layer->options;
    (void)count;
    return fv_channel_shuffle_of(inputs[0], options->groups);
}

const fv__layer_type fv__layer_channel_shuffle = {
    .kind = "channel_shuffle",
    .about = "channel g (c / groups) + k becomes channel k groups + g",
    FV__LAYER_OPTIONS(fv_channel_shuffle_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = apply,
};

fv_layer *fv_channel_shuffle_new(const fv_channel_shuffle_options *options)
{
    return fv__layer_new(&fv__layer_channel_shuffle, options);
}
