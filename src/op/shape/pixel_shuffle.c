/* Channels become pixels: each pixel of c r r channels becomes r x r pixels of
 * c channels. */
#include "op/shape/rearrange.h"

#include <inttypes.h>

static fv_status infer(fv_inference *inference)
{
    const fv__depth_to_space *a = inference->attributes;
    const fv_tensor *x = inference->inputs[0];
    if (!fv__depth_to_space_check(inference))
        return fv_failed(inference->context);
    const int64_t r = a->factor, *in = x->shape, c = in[3] / (r * r);
    if (in[3] % (r * r))
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: %" PRId64 " channels are no multiple of %" PRId64
                       "x%" PRId64,
                       inference->name, in[3], r, r);
    const int64_t shape[] = { in[0], in[1] * r, in[2] * r, c };
    fv__arrangement crd = { 6,
                            { in[0], in[1], in[2], c, r, r },
                            { 0, 1, 4, 2, 5, 3 } };
    fv__arrangement dcr = { 6,
                            { in[0], in[1], in[2], r, r, c },
                            { 0, 1, 3, 2, 4, 5 } };
    return fv__rearrange_infer(
        inference, a->order == FV_DEPTH_CRD ? &crd : &dcr, 4, shape);
}

const fv_operator fv__op_pixel_shuffle = {
    FV__REARRANGE_OPERATOR("pixel_shuffle"),
    .attributes_size = sizeof(fv__depth_to_space),
    .infer = infer,
    .onnx = "DepthToSpace",
};

fv_variable *fv_pixel_shuffle_of(fv_variable *x, int64_t factor,
                                 fv_depth_order order)
{
    const fv__depth_to_space attributes = { factor, order };
    return fv_apply(&fv__op_pixel_shuffle, &attributes, 1, &x);
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
    return fv_pixel_shuffle_of(inputs[0], options->factor, options->order);
}

const fv__layer_type fv__layer_pixel_shuffle = {
    .kind = "pixel_shuffle",
    .about = "[h, w, c r r] to [h r, w r, c] for a factor r; the channels are "
             "numbered by channel, row, column (crd) or row, column, channel",
    FV__LAYER_OPTIONS(fv_pixel_shuffle_options),
    .fields = fields,
    .min_inputs = 1,
    .max_inputs = 1,
    .forward = apply,
};

fv_layer *fv_pixel_shuffle_new(const fv_pixel_shuffle_options *options)
{
    return fv__layer_new(&fv__layer_pixel_shuffle, options);
}
