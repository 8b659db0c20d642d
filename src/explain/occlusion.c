/* Explanations by covering parts of an image: by how much the output falls. */
#include "explain/explain.h"

#include <math.h>

/* Images of a batch: so many that they have about this many numbers. */
enum { BATCH_NUMBERS = 1 << 16, LARGEST_BATCH = 32 };

typedef struct occlusion {
    fv__probe *probe;
    int64_t window[2], stride[2], count[2]; /* count: windows along each axis */
    int64_t batch;
    fv_tensor images;
    double *covers, *falls; /* at each pixel: windows that cover it, and the sum
                             of what the output falls by in them */
} occlusion;

/* The end of window i along an axis of that extent. */
static int64_t end_of(const occlusion *o, int axis, int64_t i, int64_t extent)
{
    return fv__min(i * o->stride[axis] + o->window[axis], extent);
}

static fv_status read_options(occlusion *o)
{
    const fv__probe *p = o->probe;
    const fv_explain_options *given = &p->options;
    const int64_t extent[] = { p->rows, p->columns };
    for (int k = 0; k < 2; k++) {
        o->window[k] = given->window[k] ? given->window[k] : given->window[0];
        o->stride[k] = given->stride[k] ? given->stride[k] : given->stride[0];
        if (!o->window[k]) o->window[k] = fv__divide_up(extent[k], 8);
        if (!o->stride[k]) o->stride[k] = fv__max(o->window[k] / 2, 1);
        const char *axis = k ? "columns" : "rows";
        if (o->window[k] < 1 || o->window[k] > extent[k])
            return fv_fail(p->context, FV_MISUSE,
                           "%s: a window of %lld %s, the image has %lld",
                           p->who, (long long)o->window[k], axis,
                           (long long)extent[k]);
        if (o->stride[k] < 1 || o->stride[k] > o->window[k])
            return fv_fail(p->context, FV_MISUSE,
                           "%s: a stride of %lld %s, the window has %lld",
                           p->who, (long long)o->stride[k], axis,
                           (long long)o->window[k]);
        o->count[k] = fv__divide_up(extent[k] - o->window[k], o->stride[k]) + 1;
    }
    if (isfinite(given->fill)) return FV_OK;
    return fv_fail(p->context, FV_MISUSE, "%s: the fill is %s", p->who,
                   FV__NUMBER(given->fill));
}

/* Allocates a batch of images, the first of them as it is, and what is counted
 * at pixels. */
static fv_status allocate(occlusion *o)
{
    const fv__probe *p = o->probe;
    fv_context *context = p->context;
    const size_t pixels = (size_t)(p->rows * p->columns);
    int64_t shape[4];
    o->batch = fv__min(BATCH_NUMBERS / fv_tensor_count(&p->input) + 1,
                       fv__min(o->count[0] * o->count[1] + 1, LARGEST_BATCH));
    for (int32_t k = 0; k < 4; k++) shape[k] = p->input.shape[k];
    shape[0] = o->batch;
    o->images = fv_tensor_new(context, context->dtype, 4, shape);
    o->covers =
        fv__allocate_zero(context, FV__DATA, pixels * sizeof *o->covers);
    o->falls = fv__allocate_zero(context, FV__DATA, pixels * sizeof *o->falls);
    return fv_failed(context);
}

/* The pixels of a window, all of its channels, in image `item` of the batch. */
static fv_tensor window_of(const occlusion *o, int64_t item, int64_t window)
{
    const fv__probe *p = o->probe;
    const int64_t at[] = { window / o->count[1], window % o->count[1] };
    const int64_t extent[] = { p->rows, p->columns };
    const int32_t rows = p->context->layout == FV_NCHW ? 1 : 0;
    fv_tensor part = fv_tensor_at(p->context, &o->images, 0, item);
    for (int k = 0; k < 2; k++)
        part =
            fv_tensor_slice(p->context, &part, rows + k, at[k] * o->stride[k],
                            end_of(o, k, at[k], extent[k]), 1);
    return part;
}

/* Fills the batch: copies of the image with windows `first` and so on covered;
 * window -1 is none, and so are those behind the last. */
static void cover(const occlusion *o, int64_t first)
{
    const fv__probe *p = o->probe;
    fv_context *context = p->context;
    double fill = p->options.fill;
    const fv_tensor number = fv_tensor_of(&fill, FV_F64, 0, NULL);
    const fv_tensor all =
        fv_tensor_broadcast(context, &p->input, 4, o->images.shape);
    fv__tensor_assign(context, p->who, &o->images, &all);
    for (int64_t k = 0; k < o->batch && fv__ok(context); k++) {
        if (first + k < 0 || first + k >= o->count[0] * o->count[1]) continue;
        const fv_tensor part = window_of(o, k, first + k);
        const fv_tensor numbers =
            fv_tensor_broadcast(context, &number, 3, part.shape);
        fv__tensor_assign(context, p->who, &part, &numbers);
    }
}

/* The output for the class in image `item`. Outputs of plans have channels
 * last in memory, whatever the order of the axes of the view. */
static double output_of(const occlusion *o, const fv_tensor *outputs,
                        int64_t item)
{
    const fv__probe *p = o->probe;
    const bool odds = p->channels == 1;
    const int64_t channel = odds ? 0 : p->decision.class_index;
    const int64_t count = fv_tensor_count(outputs) / o->batch;
    const int64_t rows = count / p->channels;
    double sum = 0;
    for (int64_t i = 0; i < rows; i++)
        sum += fv__real_at(outputs, item * count + i * p->channels + channel);
    const bool other =
        p->decision.classes == 2 && odds && !p->decision.class_index;
    return (other ? -sum : sum) / (double)rows;
}

/* Adds to each pixel of a window by how much the output fell. */
static void add(const occlusion *o, int64_t window, double fall)
{
    const fv__probe *p = o->probe;
    const int64_t row = window / o->count[1], column = window % o->count[1];
    const int64_t bottom = end_of(o, 0, row, p->rows);
    const int64_t right = end_of(o, 1, column, p->columns);
    for (int64_t i = row * o->stride[0]; i < bottom; i++)
        for (int64_t j = column * o->stride[1]; j < right; j++) {
            o->falls[i * p->columns + j] += fall;
            o->covers[i * p->columns + j] += 1;
        }
}

static fv_tensor run(occlusion *o)
{
    const fv__probe *p = o->probe;
    const int64_t count = o->count[0] * o->count[1];
    double whole = 0;
    for (int64_t first = -1; first < count; first += o->batch) {
        const fv_named_tensor images = { NULL, o->images };
        fv_named_tensor outputs = { 0 };
        cover(o, first);
        if (fv_network_run(p->network, 1, &images, 1, &outputs) != FV_OK)
            return fv__tensor_failed();
        if (first < 0) whole = output_of(o, &outputs.tensor, 0);
        for (int64_t k = first < 0; k < o->batch && first + k < count; k++)
            add(o, first + k, whole - output_of(o, &outputs.tensor, k));
    }
    for (int64_t i = 0; i < p->rows * p->columns; i++)
        o->falls[i] /= o->covers[i];
    return fv__map_new(p, o->falls, p->rows, p->columns);
}

fv_tensor fv_occlusion(fv_network *network, const fv_tensor *image,
                       int64_t class_index, const fv_explain_options *options)
{
    fv__probe probe;
    occlusion o = { .probe = &probe };
    fv_tensor map = fv__tensor_failed();
    const bool decided =
        fv__probe_begin(&probe, "occlusion", network, image, options) == FV_OK
        && fv__probe_score(&probe, class_index);
    fv__probe_end(&probe);
    if (decided && read_options(&o) == FV_OK && allocate(&o) == FV_OK)
        map = run(&o);
    if (network) {
        fv__release(network->context, o.falls);
        fv__release(network->context, o.covers);
        if (o.images.data) fv_tensor_free(network->context, &o.images);
    }
    return map;
}
