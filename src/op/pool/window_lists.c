/* Options of layers with windows whose numbers the text has as lists, for
 * images of any number of axes. */
#include "op/pool/window.h"

#include <inttypes.h>

/* Copies a list to a number for each axis; one number is for all, none is
 * `fallback`. */
static fv_status spread(const fv_layer *layer, const char *what,
                        const fv__list *list, int32_t axes, int64_t lowest,
                        const int64_t fallback[], int64_t out[FV__AXES])
{
    if (list->count > 1 && list->count != axes)
        return fv_fail(layer->context, FV_MISUSE,
                       "%s: %s has %" PRId64 " numbers, the image %d ax%ss",
                       layer->name, what, list->count, axes,
                       axes == 1 ? "i" : "e");
    for (int32_t i = 0; i < axes; i++) {
        out[i] = list->count == 0   ? fallback[i]
                 : list->count == 1 ? list->at[0]
                                    : list->at[i];
        if (list->count && out[i] < lowest)
            return fv_fail(layer->context, FV_MISUSE,
                           "%s: %s %" PRId64 " is below %" PRId64, layer->name,
                           what, out[i], lowest);
    }
    return FV_OK;
}

fv_status fv__window_lists(const fv_layer *layer, int32_t axes,
                           fv_pooling *pooling, int64_t size[FV__AXES])
{
    static const int64_t none[FV__AXES] = { 0 }, ones[FV__AXES] = { 1, 1, 1 };
    const fv__window_options *o = layer->options;
    *pooling = (fv_pooling){ .ceil_mode = o->ceil_mode != 0 };
    if (!o->kernel.count)
        return fv_fail(layer->context, FV_MISUSE, "%s: no kernel is given",
                       layer->name);
    fv_pooling *p = pooling;
    fv_status status =
        spread(layer, "kernel", &o->kernel, axes, 1, none, p->kernel);
    if (status == FV_OK)
        status =
            spread(layer, "stride", &o->stride, axes, 1, p->kernel, p->stride);
    if (status == FV_OK)
        status = spread(layer, "padding", &o->padding, axes, 0, none,
                        p->padding_begin);
    if (status == FV_OK)
        status = spread(layer, "padding_end", &o->padding_end, axes, 0,
                        p->padding_begin, p->padding_end);
    if (status == FV_OK)
        status =
            spread(layer, "dilation", &o->dilation, axes, 1, ones, p->dilation);
    if (status == FV_OK)
        status = spread(layer, "size", &o->output, axes, 1, none, size);
    return status;
}

fv_status fv__window_lists_declare(fv_layer *layer, int32_t count,
                                   const fv_shape inputs[])
{
    fv_pooling pooling;
    int64_t size[FV__AXES];
    const fv_status status = fv__image_declare(layer, count, inputs);
    return status ? status
                  : fv__window_lists(layer, inputs[0].rank - 1, &pooling, size);
}
