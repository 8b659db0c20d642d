/* What detectors need besides: regions, columns, and the choice of boxes. */
#include "onnx/in/operators.h"

#include <stdio.h>
#include <string.h>

static fv_status roi_align(fv__importer *to, fv__onnx_node *node)
{
    fv__value *x = fv__onnx_last(to, fv__onnx_input(to, node, 0));
    fv__value *regions = fv__onnx_plain(to, fv__onnx_input(to, node, 1));
    fv__value *images = fv__onnx_plain(to, fv__onnx_input(to, node, 2));
    static const char *const alignments[][2] = { { "half_pixel", "yes" },
                                                 { "output_half_pixel", "no" },
                                                 { NULL, NULL } };
    static const char *const modes[][2] = { { "avg", "mean" },
                                            { "max", "max" },
                                            { NULL, NULL } };
    char scale[FV__NUMBER_BYTES], samples[48] = "";
    const char *aligned = fv__onnx_word(
        to, node, "coordinate_transformation_mode",
        node->version < 16 ? "output_half_pixel" : "half_pixel", alignments);
    const char *mode = fv__onnx_word(to, node, "mode", "avg", modes);
    if (!x || !regions || !images || !aligned || !mode) return FV_UNSUPPORTED;
    const int64_t count = fv__onnx_int(node, "sampling_ratio", 0);
    if (count > 0)
        snprintf(samples, sizeof samples, " samples=%lld", (long long)count);
    fv__value *inputs[] = { x, regions, images };
    fv__value *y = fv__onnx_line(
        to, node, 3, inputs,
        "roi_align %lld %lld%s scale=%s aligned=%s mode=%s",
        (long long)fv__onnx_int(node, "output_height", 1),
        (long long)fv__onnx_int(node, "output_width", 1), samples,
        fv__number_text_f32((float)fv__onnx_float(node, "spatial_scale", 1),
                            scale),
        aligned, mode);
    return fv__onnx_set_ordered(node, 0, y, fv__order_last(4));
}

/* The columns [n, c taps, windows] become [n, windows, c taps]. */
static fv_status col2im(fv__importer *to, fv__onnx_node *node)
{
    static const struct {
        const char *attribute, *key;
    } lists[] = { { "strides", "stride" }, { "dilations", "dilation" } };
    fv__value *x = fv__onnx_input(to, node, 0);
    fv__list size, kernel, list;
    char options[512] = "";
    if (!x || !fv__onnx_list(to, node, 1, "image_shape", &size)
        || !fv__onnx_list(to, node, 2, "block_shape", &kernel))
        return FV_UNSUPPORTED;
    if (size.count != 2 || kernel.count != 2 || fv__onnx_rank(to, x) != 3)
        return fv__onnx_refuse(to, node,
                               "an image of %lld axes; 2 are supported",
                               (long long)size.count);
    fv__onnx_write(options, "size", 2, size.at);
    fv__onnx_write(options, "kernel", 2, kernel.at);
    for (int k = 0; k < 2; k++)
        if (fv__onnx_ints(to, node, lists[k].attribute, &list))
            fv__onnx_write(options, lists[k].key, list.count, list.at);
    if (fv__onnx_ints(to, node, "pads", &list) && list.count == 4) {
        fv__onnx_write(options, "padding", 2, list.at);
        fv__onnx_write(options, "padding_end", 2, list.at + 2);
    }
    x = fv__onnx_last(to, x);
    return fv__onnx_set_ordered(
        node, 0, fv__onnx_line(to, node, 1, &x, "fold%s", options),
        fv__order_last(4));
}

static fv_status non_max_suppression(fv__importer *to, fv__onnx_node *node)
{
    const fv__onnx_node_message *m = node->message;
    return fv__onnx_refuse(
        to, node,
        "how many boxes are kept is known after the run only; end the graph "
        "before it, at \"%.60s\" and \"%.60s\"",
        m->n_input > 0 ? m->input[0] : "", m->n_input > 1 ? m->input[1] : "");
}

const fv__onnx_operator fv__onnx_detections[] = {
    { "RoiAlign", roi_align, NULL },
    { "Col2Im", col2im, NULL },
    { "NonMaxSuppression", non_max_suppression, NULL },
    { NULL, NULL, NULL },
};
