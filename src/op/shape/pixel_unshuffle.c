/* Pixels become channels: r x r pixels of c channels become one of c r r
 * channels. */
#include "op/shape/rearrange.h"

#include <inttypes.h>

static fv_status infer(fv_inference *inference)
{
    const fv__depth_to_space *a = inference->attributes;
    const fv_tensor *x = inference->inputs[0];
    if (!fv__depth_to_space_check(inference))
        return fv_failed(inference->context);
    const int64_t r = a->factor, *in = x->shape;
    if (in[1] % r || in[2] % r)
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: %" PRId64 "x%" PRId64
                       " pixels are no multiple of %" PRId64 "x%" PRId64,
                       inference->name, in[1], in[2], r, r);
    const int64_t h = in[1] / r, w = in[2] / r, c = in[3];
    const int64_t shape[] = { in[0], h, w, c * r * r };
    fv__arrangement crd = { 6, { in[0], h, r, w, r, c }, { 0, 1, 3, 5, 2, 4 } };
    fv__arrangement dcr = { 6, { in[0], h, r, w, r, c }, { 0, 1, 3, 2, 4, 5 } };
    return fv__rearrange_infer(
        inference, a->order == FV_DEPTH_CRD ? &crd : &dcr, 4, shape);
}

const fv_operator fv__op_pixel_unshuffle = {
    FV__REARRANGE_OPERATOR("pixel_unshuffle"),
    .attributes_size = sizeof(fv__depth_to_space),
    .infer = infer,
    .onnx = "SpaceToDepth",
};

fv_variable *fv_pixel_unshuffle_of(fv_variable *x, int64_t factor,
                                   fv_depth_order order)
{
    const fv__depth_to_space attributes = { factor, order };
    return fv_apply(&fv__op_pixel_unshuffle, &attributes, 1, &x);
}

/* ---- the layer ----------------------------------------------------------- */

static const fv__field fields[] = {
    { FV__FIELD(fv_pixel_shuffle_options, COUNT, factor), .positional = true },
    { FV__FIELD(fv_pixel_shuffle_options, WORD, order),
      .words = fv__depth_order_words },
    { .key = NULL },
};

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    const fv_pixel_shuffle_options *options = layer->options;
    (void)count;
    return fv_pixel_unshuffle_of(inputs[0], options->factor, options->order);
}

const fv__layer_type fv__layer_pixel_unshuffle = {
    .kind = "pixel_unshuffle",
    .about = "[h r, w r, c] to [h, w, c r r], the inverse of pixel_shuffle",
    FV__LAYER_OPTIONS(fv_pixel_shuffle_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = apply,
};

fv_layer *fv_pixel_unshuffle_new(const fv_pixel_shuffle_options *options)
{
    return fv__layer_new(&fv__layer_pixel_unshuffle, options);
}
