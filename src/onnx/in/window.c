/* Windows of convolutions and pools. */
#include "onnx/in/operators.h"

#include <stdio.h>
#include <string.h>

/* Numbers of an attribute for each axis: the layers have limits of their own,
 * this one keeps sums and products of a few of them exact. */
static fv_status numbers_of(fv__importer *to, const fv__onnx_node *node,
                            const char *name, int32_t axes, int64_t fallback,
                            int64_t out[])
{
    enum { MOST = 1 << 24 };
    fv__list list;
    for (int32_t i = 0; i < axes; i++) out[i] = fallback;
    if (!fv__onnx_ints(to, node, name, &list)) return fv_failed(to->context);
    if (list.count != axes)
        return fv__onnx_refuse(to, node, "%s has %lld numbers, not %d", name,
                               (long long)list.count, axes);
    for (int32_t i = 0; i < axes; i++) {
        out[i] = list.at[i];
        if (out[i] < 0 || out[i] > MOST)
            return fv__onnx_refuse(to, node, "%s of %lld, not 0 to %d", name,
                                   (long long)out[i], MOST);
    }
    return FV_OK;
}

static fv_status read_padding(fv__importer *to, const fv__onnx_node *node,
                              fv__onnx_window *w)
{
    int64_t pads[2 * FV__AXES] = { 0 };
    static const char *const modes[][2] = { { "NOTSET", "" },
                                            { "SAME_UPPER", "same" },
                                            { "SAME_LOWER", "same_lower" },
                                            { "VALID", "valid" },
                                            { NULL, NULL } };
    w->auto_pad = fv__onnx_word(to, node, "auto_pad", "NOTSET", modes);
    if (!w->auto_pad) return FV_UNSUPPORTED;
    if (*w->auto_pad) return FV_OK;
    w->auto_pad = NULL;
    if (numbers_of(to, node, "pads", 2 * w->axes, 0, pads) != FV_OK)
        return FV_UNSUPPORTED;
    memcpy(w->begin, pads, (size_t)w->axes * sizeof *pads);
    memcpy(w->end, pads + w->axes, (size_t)w->axes * sizeof *pads);
    return FV_OK;
}

void fv__onnx_write(char options[512], const char *key, int64_t count,
                    const int64_t numbers[])
{
    size_t used = strlen(options);
    for (int64_t i = 0; i < count && used < 480; i++)
        used += (size_t)snprintf(options + used, 512 - used, "%s%s%s%lld",
                                 i ? "," : " ", i ? "" : key, i ? "" : "=",
                                 (long long)numbers[i]);
}

/* Whether zeros around the input are as those of the window. */
static bool reads_zeros(const fv__onnx_node *node)
{
    return strcmp(node->kind, "Conv") == 0
           || (strcmp(node->kind, "AveragePool") == 0
               && fv__onnx_int(node, "count_include_pad", 0)
               && !fv__onnx_int(node, "ceil_mode", 0));
}

void fv__onnx_write_window(fv__onnx_window *w)
{
    w->options[0] = '\0';
    fv__onnx_write(w->options, "kernel", w->axes, w->kernel);
    fv__onnx_write(w->options, "stride", w->axes, w->stride);
    fv__onnx_write(w->options, "dilation", w->axes, w->dilation);
    if (w->auto_pad) {
        const size_t used = strlen(w->options);
        snprintf(w->options + used, sizeof w->options - used, " padding=%s",
                 w->auto_pad);
        return;
    }
    fv__onnx_write(w->options, "padding", w->axes, w->begin);
    fv__onnx_write(w->options, "padding_end", w->axes, w->end);
}

fv_status fv__onnx_read_window(fv__importer *to, fv__onnx_node *node,
                               const int64_t *kernel, fv__onnx_window *w)
{
    *w = (fv__onnx_window){ .axes = fv__onnx_rank(to, node->inputs[0]) - 2 };
    if (w->axes < 1 || w->axes > FV__AXES)
        return fv__onnx_refuse(to, node, "an input of %d axes, expected 3 to 5",
                               w->axes + 2);
    if (numbers_of(to, node, "kernel_shape", w->axes, 0, w->kernel) != FV_OK
        || numbers_of(to, node, "strides", w->axes, 1, w->stride) != FV_OK
        || numbers_of(to, node, "dilations", w->axes, 1, w->dilation) != FV_OK
        || read_padding(to, node, w) != FV_OK)
        return FV_UNSUPPORTED;
    for (int32_t i = 0; i < w->axes; i++) {
        if (kernel && !w->kernel[i]) w->kernel[i] = kernel[i];
        if (w->kernel[i] < 1 || (kernel && w->kernel[i] != kernel[i]))
            return fv__onnx_refuse(to, node,
                                   "kernel_shape %lld does not fit its weights",
                                   (long long)w->kernel[i]);
    }
    if (reads_zeros(node)) fv__onnx_merge_padding(node, w);
    fv__onnx_write_window(w);
    return FV_OK;
}

const char *fv__onnx_kind(const char *stem, int32_t axes, bool plain_2d,
                          char kind[32])
{
    if (axes == 2 && plain_2d)
        snprintf(kind, 32, "%s", stem);
    else
        snprintf(kind, 32, "%s%dd", stem, axes);
    return kind;
}
