/* Values of channels as (value - mean) / std, and the conversion of pictures of
 * bytes to numbers of a batch. */
#include "augment/augment.h"

#include <string.h>

enum { MOST_CHANNELS = 4 };

typedef struct options {
    int32_t on;
    fv_numbers mean, std;
} options;

static const fv__field fields[] = {
    { FV__FIELD(options, NUMBERS, mean) },
    { FV__FIELD(options, NUMBERS, std) },
    FV__ON_FIELD(options, FV__TRAINING | FV__EVALUATION),
    { .key = NULL },
};

static fv_status check(fv_context *context, const void *given)
{
    const options *o = given;
    const fv_numbers *const lists[] = { &o->mean, &o->std };
    for (int k = 0; k < 2; k++)
        if (!lists[k]->count || lists[k]->count > MOST_CHANNELS)
            return fv_fail(context, FV_MALFORMED,
                           "normalise: %s has %lld numbers, expected one, or "
                           "one for each of up to %d channels",
                           fields[k].key, (long long)lists[k]->count,
                           MOST_CHANNELS);
    if (o->mean.count != o->std.count)
        return fv_fail(context, FV_MALFORMED,
                       "normalise: mean has %lld numbers and std %lld",
                       (long long)o->mean.count, (long long)o->std.count);
    for (int64_t i = 0; i < o->std.count; i++)
        if (!(o->std.at[i] > 0))
            return fv_fail(context, FV_MALFORMED,
                           "normalise: std %s is not above 0",
                           FV__NUMBER(o->std.at[i]));
    return FV_OK;
}

const fv__transform_type fv__transform_normalise = {
    .name = "normalise",
    .about = "(value - mean) / std of each channel, of values from 0 to 1; "
             "comes after all others, wherever it stands",
    .notes = "One number, or one for each channel; of colours from "
             "ImageNet mean=0.485,0.456,0.406 std=0.229,0.224,0.225.",
    .fields = fields,
    .check = check,
};

/* ---- conversion -----------------------------------------------------------
 */

/* Of each channel: value factor + shift. */
typedef struct scales {
    double factor[MOST_CHANNELS], shift[MOST_CHANNELS];
} scales;

static fv_status find_scales(const fv__transforms *list, fv__stage stage,
                             fv_context *context, const fv_tensor *image,
                             scales *out)
{
    const int64_t channels = image->shape[2];
    for (int64_t c = 0; c < channels; c++) {
        out->factor[c] = image->dtype == FV_U8 ? 1.0 / 255 : 1;
        out->shift[c] = 0;
    }
    for (size_t i = 0; i < list->count; i++) {
        const options *o = (const void *)&list->at[i].options;
        if (list->at[i].type != &fv__transform_normalise
            || (o->on && !(o->on & (int32_t)stage)))
            continue;
        if (o->mean.count != 1 && o->mean.count != channels)
            return fv_fail(context, FV_MISUSE,
                           "normalise: numbers for %lld channels, the picture "
                           "has %lld",
                           (long long)o->mean.count, (long long)channels);
        for (int64_t c = 0; c < channels; c++) {
            const int64_t k = o->mean.count == 1 ? 0 : c;
            out->factor[c] /= o->std.at[k];
            out->shift[c] = (out->shift[c] - o->mean.at[k]) / o->std.at[k];
        }
    }
    return FV_OK;
}

/* One channel of `pixels` pixels of bytes, `step` apart in the result. */
static void convert_bytes(const unsigned char *from, int64_t channels,
                          int64_t pixels, int64_t step, const double table[256],
                          fv_dtype dtype, void *to)
{
    float *single = to, narrow[256];
    double *twice = to;
    if (dtype == FV_F64) {
        for (int64_t i = 0; i < pixels; i++)
            twice[i * step] = table[from[i * channels]];
        return;
    }
    for (int i = 0; i < 256; i++) narrow[i] = (float)table[i];
    for (int64_t i = 0; i < pixels; i++)
        single[i * step] = narrow[from[i * channels]];
}

/* One channel of numbers of any type. */
static void convert_numbers(const fv_tensor *image, int64_t channel,
                            double factor, double shift, int64_t step,
                            fv_dtype dtype, void *to)
{
    enum { CHUNK = 256 };
    double numbers[CHUNK];
    const int64_t channels = image->shape[2];
    const int64_t pixels = image->shape[0] * image->shape[1];
    for (int64_t at = 0; at < pixels; at += CHUNK) {
        const int64_t n = fv__min(CHUNK, pixels - at);
        fv__load_doubles(image->dtype,
                         fv__tensor_byte(image, at * channels + channel),
                         channels, n, numbers);
        for (int64_t i = 0; i < n; i++) {
            const double value = numbers[i] * factor + shift;
            if (dtype == FV_F64)
                ((double *)to)[(at + i) * step] = value;
            else
                ((float *)to)[(at + i) * step] = (float)value;
        }
    }
}

fv_status fv__transforms_convert(const fv__transforms *list, fv__stage stage,
                                 fv_context *context, const fv_tensor *image,
                                 void *to)
{
    if (!fv__ok(context) || !fv__tensor_check(context, "augment", image))
        return fv_failed(context);
    char text[FV__SHAPE_BYTES];
    scales s;
    if (image->rank != 3 || image->shape[2] < 1
        || image->shape[2] > MOST_CHANNELS || !fv_tensor_is_contiguous(image))
        return fv_fail(
            context, FV_MISUSE,
            "augment: a picture is [rows, columns, 1 to 4 channels] in "
            "row-major order, not %s",
            fv__shape_text(text, sizeof text, image->rank, image->shape));
    if (find_scales(list, stage, context, image, &s) != FV_OK)
        return fv_failed(context);
    const int64_t channels = image->shape[2];
    const int64_t pixels = image->shape[0] * image->shape[1];
    const bool planes = context->layout == FV_NCHW;
    const size_t bytes = fv_dtype_bytes(context->dtype);
    for (int64_t c = 0; c < channels; c++) {
        void *first = (char *)to + (size_t)(planes ? c * pixels : c) * bytes;
        const int64_t step = planes ? 1 : channels;
        double table[256];
        if (image->dtype != FV_U8) {
            convert_numbers(image, c, s.factor[c], s.shift[c], step,
                            context->dtype, first);
            continue;
        }
        for (int i = 0; i < 256; i++) table[i] = i * s.factor[c] + s.shift[c];
        convert_bytes((unsigned char *)image->data + c, channels, pixels, step,
                      table, context->dtype, first);
    }
    return FV_OK;
}
