/* Stored cases of another framework: where they are, how they are compared.
 * Tensors are in PyTorch's order, NCHW and OIHW. */
#ifndef FV_TESTS_ORACLE_ORACLE_H
#define FV_TESTS_ORACLE_ORACLE_H

#include "support.h"

#include "io/io.h"
#include "layer/layer.h"

/* The folder with the cases: the program's argument, else the stored ones. */
static const char *oracle_folder = FOVEA_TEST_DATA "/oracle";

/* Element types and layouts that each case runs in. */
typedef struct oracle_setting {
    fv_dtype dtype;
    fv_layout layout;
    const char *name;
} oracle_setting;

static const oracle_setting oracle_settings[] = {
    { FV_F64, FV_NHWC, "f64 NHWC" },
    { FV_F64, FV_NCHW, "f64 NCHW" },
    { FV_F32, FV_NHWC, "f32 NHWC" },
    { FV_F32, FV_NCHW, "f32 NCHW" },
};
enum { ORACLE_SETTINGS = 4 };

/* An open file of cases in a context, and the case at hand for messages. */
typedef struct oracle {
    fv_context *context;
    fv__archive *archive;
    const oracle_setting *setting;
    char title[256];
    double worst; /* relative error so far */
    bool rounds;  /* Winograd's points are no whole numbers */
} oracle;

static inline oracle oracle_open(const char *file, int setting)
{
    needs(JANSSON);
    char path[1024];
    snprintf(path, sizeof path, "%s/%s.safetensors", oracle_folder, file);
    oracle o = { .setting = &oracle_settings[setting] };
    o.context = fv_context_new(
        FV_OPTIONS(fv_context_options, .threads = 1 + setting % 2,
                   .dtype = o.setting->dtype, .layout = o.setting->layout));
    o.archive = fv__safetensors_read(o.context, path);
    assert_ok(o.context);
    return o;
}

static inline void oracle_close(oracle *o)
{
    fv__archive_free(o->archive);
    assert_ok(o->context);
    fv_context_free(o->context);
}

/* "012.x" of case 12; NULL if the case has none. */
static inline const fv_tensor *oracle_find(const oracle *o, int number,
                                           const char *name)
{
    char key[96];
    snprintf(key, sizeof key, "%03d.%s", number, name);
    return fv__archive_find(o->archive, key);
}

static inline const fv_tensor *oracle_find_nth(const oracle *o, int number,
                                               const char *name, int n)
{
    char key[32];
    snprintf(key, sizeof key, "%s%d", name, n);
    return oracle_find(o, number, key);
}

/* The case's text; NULL after the last case. */
static inline const char *oracle_text(oracle *o, int number, const char *end)
{
    char key[96];
    snprintf(key, sizeof key, "%03d%s", number, end);
    return fv__archive_value(o->archive, key);
}

/* NCHW as the context has it. */
static inline fv_tensor oracle_image(const oracle *o, const fv_tensor *tensor)
{
    if (tensor->rank != 4 || o->setting->layout == FV_NCHW) return *tensor;
    return fv_tensor_permute(o->context, tensor,
                             (const int32_t[]){ 0, 2, 3, 1 });
}

/* OIHW as parameters have it, in every context. */
static inline fv_tensor oracle_weight(const oracle *o, const fv_tensor *tensor)
{
    if (tensor->rank != 4) return *tensor;
    return fv_tensor_permute(o->context, tensor,
                             (const int32_t[]){ 0, 2, 3, 1 });
}

/* The largest difference, over the largest expected magnitude. Below 0.01
 * errors count as absolute: a gradient p - 1 cannot keep its digits. */
static inline double oracle_distance(const double *a, const double *b,
                                     int64_t n)
{
    double difference = 0, magnitude = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = fabs(a[i] - b[i]);
        if (!(d >= 0)) return HUGE_VAL;
        difference = fmax(difference, d);
        magnitude = fmax(magnitude, fabs(b[i]));
    }
    return difference / fmax(magnitude, 0.01);
}

/* Whole numbers agree exactly, unless the case `rounds`, others to 1e-10 in
 * f64 and 1e-4 in f32. */
static inline void oracle_agree(oracle *o, const char *what,
                                const fv_tensor *is, const fv_tensor *expected)
{
    assert_ok(o->context);
    if (!is || !fv_tensor_same_shape(is, expected))
        fail_msg("%s: %s has another shape", o->title, what);
    fv_tensor a = fv_tensor_convert(o->context, is, FV_F64);
    fv_tensor b = fv_tensor_convert(o->context, expected, FV_F64);
    assert_ok(o->context);
    bool whole = expected->dtype != FV_F32 && expected->dtype != FV_F64;
    double limit = whole && !o->rounds           ? 0
                   : o->setting->dtype == FV_F64 ? 1e-10
                                                 : 1e-4;
    double distance = oracle_distance(a.data, b.data, fv_tensor_count(&b));
    if (!(distance <= limit))
        fail_msg("%s: %s differs by %g, allowed %g", o->title, what, distance,
                 limit);
    o->worst = fmax(o->worst, distance);
    fv_tensor_free(o->context, &a);
    fv_tensor_free(o->context, &b);
}

/* Stored as samples at equal distances, and as sum and norm under
 * "<name>.sum". The errors of a sum are those of its terms. */
static inline void oracle_agree_sampled(oracle *o, const char *what,
                                        const fv_tensor *is,
                                        const fv_tensor *samples,
                                        const fv_tensor *sums)
{
    fv_tensor all = fv_tensor_convert(o->context, is, FV_F64);
    assert_ok(o->context);
    int64_t n = fv_tensor_count(&all);
    fv_tensor flat = fv_tensor_reshape(o->context, &all, 1, &n);
    int64_t step = n / 64 > 1 ? n / 64 : 1;
    fv_tensor some = fv_tensor_slice(o->context, &flat, 0, 0, n, step);
    oracle_agree(o, what, &some, samples);
    double sum = 0, squares = 0, magnitudes = 0;
    for (int64_t i = 0; i < n; i++) {
        double value = ((const double *)all.data)[i];
        sum += value;
        squares += value * value;
        magnitudes += fabs(value);
    }
    double limit = o->setting->dtype == FV_F64 ? 1e-10 : 1e-4;
    const double *expected = sums->data;
    if (!(fabs(sum - expected[0]) <= limit * magnitudes))
        fail_msg("%s: sum of %s is %.17g, expected %.17g", o->title, what, sum,
                 expected[0]);
    if (!(fabs(sqrt(squares) - expected[1]) <= limit * expected[1]))
        fail_msg("%s: norm of %s is %.17g, expected %.17g", o->title, what,
                 sqrt(squares), expected[1]);
    fv_tensor_free(o->context, &all);
}

/* A network of one layer, its text and `more`, for batches like x, which is in
 * the order of PyTorch; the text has extents as rows, columns, channels. */
static inline fv_network *oracle_network(const oracle *o, const fv_tensor *x,
                                         const char *text, const char *more)
{
    const int64_t *at = x->shape;
    char net[1024];
    if (x->rank == 4)
        snprintf(net, sizeof net, "input %d %d %d\n%s%s\n", (int)at[2],
                 (int)at[3], (int)at[1], text, more);
    else
        snprintf(net, sizeof net, "input %d\n%s%s\n", (int)at[1], text, more);
    return fv_network_parse(o->context, net, "oracle");
}

#endif
