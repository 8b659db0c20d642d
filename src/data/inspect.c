/* Looks at every item of a data set: whether it can be read, its size, hashes,
 * and the sums of its values. */
#include "data/data.h"

#include <math.h>
#include <string.h>

/* ---- one item ------------------------------------------------------------ */

/* A number for bytes, mixed with `hash`. */
static uint64_t digest(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *from = bytes;
    while (size) {
        uint64_t word = 0;
        const size_t part = size < sizeof word ? size : sizeof word;
        memcpy(&word, from, part);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
        from += part;
        size -= part;
    }
    return hash;
}

/* Sums of bytes, which are exact. */
static void add_bytes(const fv_tensor *image, fv_item_facts *facts)
{
    const unsigned char *from = image->data;
    const int64_t channels = facts->channels;
    const int64_t n = fv_tensor_count(image) / channels;
    for (int64_t c = 0; c < channels; c++) {
        uint64_t sum = 0, squares = 0;
        for (int64_t i = 0; i < n; i++) {
            const uint64_t value = from[i * channels + c];
            sum += value;
            squares += value * value;
        }
        facts->sum[c] = (double)sum / 255;
        facts->squares[c] = (double)squares / (255 * 255);
    }
    facts->values = (double)n;
}

/* Sums of numbers; `step` from one of a channel to the next, `apart` from one
 * channel to the next. */
static void add_numbers(const fv_tensor *image, int64_t step, int64_t apart,
                        fv_item_facts *facts)
{
    enum { CHUNK = 256 };
    double numbers[CHUNK];
    const int64_t n = fv_tensor_count(image) / facts->channels;
    const double scale = image->dtype == FV_U8 ? 1.0 / 255 : 1;
    for (int32_t c = 0; c < facts->channels; c++)
        for (int64_t at = 0; at < n; at += CHUNK) {
            const int64_t part = fv__min(CHUNK, n - at);
            fv__load_doubles(image->dtype,
                             fv__tensor_byte(image, at * step + c * apart),
                             step, part, numbers);
            for (int64_t i = 0; i < part; i++) {
                const double value = numbers[i] * scale;
                facts->sum[c] += value;
                facts->squares[c] += value * value;
            }
        }
    facts->values = (double)n;
}

static void describe_picture(fv_data_item *item, fv_item_facts *facts)
{
    const fv_tensor *image = &item->example.image.tensor;
    facts->rows = image->shape[0];
    facts->columns = image->shape[1];
    facts->channels = (int32_t)fv__min(image->shape[2], FV_ITEM_CHANNELS);
    facts->hash = fv__image_hash(item->example.context, image, facts->thumbnail,
                                 &item->memory, &item->example.scratch);
    add_bytes(image, facts);
}

/* An image of numbers has channels if it has three axes and few of the last, or
 * of the first where that is the layout. */
static void describe_values(const fv_data_item *item, fv_item_facts *facts)
{
    const fv_tensor *image = &item->values;
    const bool planar = item->example.context->layout == FV_NCHW;
    const int64_t channels = image->shape[planar ? 0 : image->rank - 1];
    facts->channels = 1;
    if (image->rank != 3 || channels > FV_ITEM_CHANNELS) {
        add_numbers(image, 1, 0, facts);
        return;
    }
    facts->channels = (int32_t)channels;
    add_numbers(image, planar ? 1 : channels,
                planar ? fv_tensor_count(image) / channels : 1, facts);
}

static void describe(fv_data_item *item, fv_item_facts *facts)
{
    const bool picture = !item->values.rank;
    const fv_tensor *image =
        picture ? &item->example.image.tensor : &item->values;
    facts->class_index = item->label;
    facts->format = item->format;
    facts->digest = digest(digest((uint64_t)image->rank, image->shape,
                                  (size_t)image->rank * sizeof *image->shape),
                           image->data, fv__tensor_bytes(image));
    if (picture)
        describe_picture(item, facts);
    else
        describe_values(item, facts);
}

/* ---- many ---------------------------------------------------------------- */

typedef struct inspection {
    const fv_dataset *dataset;
    int64_t first;
    int32_t channels; /* of pictures that are read */
    fv_item_facts *facts;
    fv_data_item *items; /* of the threads */
} inspection;

static void inspect(void *argument, size_t i, size_t worker)
{
    const inspection *all = argument;
    fv_item_facts *facts = &all->facts[i];
    fv_data_item *item = &all->items[worker];
    fv_context *context = item->example.context;
    *facts =
        (fv_item_facts){ .index = all->first + (int64_t)i, .class_index = -1 };
    if (fv__item_read_one(item, facts->index, all->channels) == FV_OK)
        describe(item, facts);
    if (fv__ok(context)) return;
    *facts = (fv_item_facts){ .index = all->first + (int64_t)i,
                              .class_index = -1,
                              .status = fv_failed(context) };
    fv__printable(fv_error(context), strlen(fv_error(context)), facts->sentence,
                  sizeof facts->sentence);
    fv_clear_error(context);
}

/* Contexts and memory of the threads; false after a failure. */
static bool begin(inspection *all, int32_t threads)
{
    fv_context *context = all->dataset->context;
    all->items = fv__allocate_zero(context, FV__DATA,
                                   (size_t)threads * sizeof *all->items);
    for (int32_t i = 0; i < threads && fv__ok(context); i++) {
        fv_context *own = fv__context_like(context);
        if (own) fv__item_begin(&all->items[i], own, all->dataset);
    }
    return fv__ok(context);
}

static void end(inspection *all, int32_t threads)
{
    for (int32_t i = 0; all->items && i < threads; i++) {
        fv_context *own = all->items[i].example.context;
        fv__item_free(&all->items[i]);
        fv_context_free(own);
    }
    fv__release(all->dataset->context, all->items);
}

static fv_status inspect_all(const fv_dataset *dataset, int64_t first,
                             int64_t count, int32_t channels,
                             fv_item_facts *facts)
{
    fv_context *context = dataset->context;
    if (!fv__ok(context)) return fv_failed(context);
    if (!facts || first < 0 || count < 0 || count > dataset->count - first)
        return fv_fail(context, FV_MISUSE,
                       "data set: items %lld to %lld into %s, there are %lld",
                       (long long)first, (long long)(first + count - 1),
                       facts ? "facts" : "no facts", (long long)dataset->count);
    const bool shared = fv__dataset_may_share(dataset);
    const int32_t threads = shared ? context->threads : 1;
    inspection all = { dataset, first, channels, facts, NULL };
    if (begin(&all, threads)) {
        if (shared)
            fv__parallel(context, (size_t)count, 1e9, inspect, &all);
        else
            for (int64_t i = 0; i < count; i++) inspect(&all, (size_t)i, 0);
    }
    end(&all, threads);
    for (int64_t i = 0; fv__ok(context) && i < count; i++)
        if (facts[i].status == FV_NO_MEMORY)
            fv_fail(context, FV_NO_MEMORY, "%s", facts[i].sentence);
    return fv_failed(context);
}

fv_status fv_dataset_inspect(const fv_dataset *dataset, int64_t first,
                             int64_t count, fv_item_facts *facts)
{
    if (!dataset) return FV_NO_MEMORY;
    return inspect_all(dataset, first, count, dataset->channels, facts);
}

/* ---- moments ------------------------------------------------------------- */

void fv_moments_add(fv_moments *all, const fv_item_facts *one)
{
    if (!all || !one || one->status != FV_OK) return;
    if (all->channels == 1 && one->channels > 1)
        for (int c = 1; c < one->channels; c++) {
            all->values[c] = all->values[0];
            all->sum[c] = all->sum[0];
            all->squares[c] = all->squares[0];
        }
    if (one->channels > all->channels) all->channels = one->channels;
    for (int c = 0; c < all->channels; c++) {
        const int from = one->channels == 1 ? 0 : c;
        if (from >= one->channels) continue;
        all->values[c] += one->values;
        all->sum[c] += one->sum[from];
        all->squares[c] += one->squares[from];
    }
}

double fv_moments_mean(const fv_moments *moments, int32_t channel)
{
    if (!moments || channel < 0 || channel >= moments->channels)
        return (double)NAN;
    return moments->sum[channel] / moments->values[channel];
}

double fv_moments_deviation(const fv_moments *moments, int32_t channel)
{
    if (!moments || channel < 0 || channel >= moments->channels)
        return (double)NAN;
    const double mean = fv_moments_mean(moments, channel);
    return sqrt(fmax(0, moments->squares[channel] / moments->values[channel]
                            - mean * mean));
}

fv_moments fv_dataset_moments(const fv_dataset *dataset)
{
    if (!dataset || !fv__ok(dataset->context)) return (fv_moments){ 0 };
    return fv__dataset_moments(dataset, dataset->channels);
}

fv_moments fv__dataset_moments(const fv_dataset *dataset, int32_t channels)
{
    enum { CHUNK = 512 };
    fv_moments all = { 0 };
    fv_context *context = dataset->context;
    fv_item_facts *facts =
        fv__allocate(context, FV__DATA, CHUNK * sizeof *facts);
    for (int64_t at = 0; fv__ok(context) && at < dataset->count; at += CHUNK) {
        const int64_t n = fv__min(CHUNK, dataset->count - at);
        inspect_all(dataset, at, n, channels, facts);
        for (int64_t i = 0; i < n && fv__ok(context); i++) {
            fv_moments_add(&all, &facts[i]);
            if (facts[i].status != FV_OK && !dataset->skips)
                fv_fail(context, facts[i].status, "%s", facts[i].sentence);
        }
    }
    fv__release(context, facts);
    return fv__ok(context) ? all : (fv_moments){ 0 };
}
