/* Normalisations of ONNX, in the versions that differ. */
#include "onnx/model.h"

#include <math.h>

enum { IMAGES = 2, CHANNELS = 4, LENGTH = 3, COUNT = 24 };

static const int64_t shape[] = { IMAGES, CHANNELS, LENGTH };
static const float scale[] = { 0.5f, 2, -1, 1.5f };
static const float shift[] = { 1, -0.5f, 0.25f, 0 };
static const float means[] = { 0.1f, 0.2f, -0.3f, 0 };
static const float variances[] = { 1, 0.5f, 2, 0.25f };
static float x[COUNT];

static float value(int i) { return (float)((i * 7 + 3) % 11) / 4 - 1; }

static fv_named_tensor input(void)
{
    for (int i = 0; i < COUNT; i++) x[i] = value(i);
    return (fv_named_tensor){ "x", fv_tensor_of(x, FV_F32, 3, shape) };
}

static int channel(int i) { return i / LENGTH % CHANNELS; }

/* The mean of the elements of a set that element i is of, or of their squares
 * less `from`. */
static double mean_of(int (*set)(int), int i, double from, int square)
{
    double sum = 0;
    int n = 0;
    for (int k = 0; k < COUNT; k++) {
        if (set(k) != set(i)) continue;
        const double d = (double)value(k) - from;
        sum += square ? d * d : d;
        n++;
    }
    return sum / n;
}

static double normal(int (*set)(int), int i, double epsilon)
{
    const double mean = mean_of(set, i, 0, 0);
    return ((double)value(i) - mean) / sqrt(mean_of(set, i, mean, 1) + epsilon);
}

static model *model_of(int64_t version)
{
    model *m = model_new(version);
    model_input(m, "x", FLOAT, 3, shape);
    return m;
}

static void vector(model *m, const char *name, const float numbers[])
{
    model_floats(m, name, 1, (int64_t[]){ CHANNELS }, numbers);
}

static void check(model *m, const double expected[])
{
    const fv_named_tensor in = input();
    model_check(m, model_context, 1, &in, 3, shape, expected);
}

/* ---- batches ---------------------------------------------------------------
 */

static model *batch_model(int64_t version, const char *outputs)
{
    model *m = model_of(version);
    vector(m, "s", scale);
    vector(m, "b", shift);
    vector(m, "m", means);
    vector(m, "v", variances);
    model_node(m, "BatchNormalization", "x,s,b,m,v", outputs);
    model_float(m, "epsilon", 0.01f);
    return m;
}

static void batches(void **state)
{
    double out[COUNT];
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        const int c = channel(i);
        out[i] = ((double)value(i) - (double)means[c])
                     / sqrt((double)variances[c] + 0.01) * (double)scale[c]
                 + (double)shift[c];
    }
    for (int64_t version = 7; version <= 15; version++) {
        model *m = batch_model(version, "y");
        model_output(m, "y");
        check(m, out);
    }
}

static void batches_in_training(void **state)
{
    double out[COUNT], running[CHANNELS];
    (void)state;
    model *m = batch_model(15, "y");
    model_int(m, "training_mode", 1);
    model_output(m, "y");
    for (int i = 0; i < COUNT; i++)
        out[i] = normal(channel, i, 0.01) * (double)scale[channel(i)]
                 + (double)shift[channel(i)];
    check(m, out);
    for (int which = 0; which < 2; which++) {
        m = batch_model(14, "y,mean,variance");
        model_int(m, "training_mode", 1);
        model_float(m, "momentum", 0.75f);
        model_output(m, which ? "variance" : "mean");
        for (int c = 0; c < CHANNELS; c++) {
            const double mean = mean_of(channel, c * LENGTH, 0, 0);
            running[c] =
                0.75 * (double)(which ? variances : means)[c]
                + 0.25 * (which ? mean_of(channel, c * LENGTH, mean, 1) : mean);
        }
        const fv_named_tensor in = input();
        model_check(m, model_context, 1, &in, 1, (int64_t[]){ CHANNELS },
                    running);
    }
    m = batch_model(9, "y,mean");
    model_output(m, "mean");
    assert_null(model_load(m, model_context));
    assert_non_null(strstr(fv_error(model_context),
                           "BatchNormalization-9 \"y\": the statistics of a "
                           "batch are computed with training_mode alone"));
    free(m);
    fv_clear_error(model_context);
}

/* Statistics for each element. */
static void batches_by_element(void **state)
{
    const int64_t element[] = { CHANNELS, LENGTH };
    float of[4][CHANNELS * LENGTH];
    double out[COUNT];
    (void)state;
    for (int i = 0; i < CHANNELS * LENGTH; i++) {
        of[0][i] = 1 + (float)i / 8;
        of[1][i] = (float)i;
        of[2][i] = -(float)i / 4;
        of[3][i] = 1 + (float)i;
    }
    for (int i = 0; i < COUNT; i++) {
        const int e = i % (CHANNELS * LENGTH);
        out[i] = ((double)value(i) - (double)of[2][e])
                     / sqrt((double)of[3][e] + 1e-5) * (double)of[0][e]
                 + (double)of[1][e];
    }
    model *m = model_of(7);
    for (int k = 0; k < 4; k++)
        model_floats(m, (char[]){ "sbmv"[k], '\0' }, 2, element, of[k]);
    model_node(m, "BatchNormalization", "x,s,b,m,v", "y");
    model_int(m, "spatial", 0);
    model_output(m, "y");
    check(m, out);
}

/* ---- instances, groups, rows -----------------------------------------------
 */

static int instance(int i) { return i / LENGTH; }
static int group(int i) { return i / (2 * LENGTH); }
static int image(int i) { return i / (CHANNELS * LENGTH); }

static void instances_and_groups(void **state)
{
    double out[COUNT];
    (void)state;
    model *m = model_of(6);
    vector(m, "s", scale);
    vector(m, "b", shift);
    model_node(m, "InstanceNormalization", "x,s,b", "y");
    model_output(m, "y");
    for (int i = 0; i < COUNT; i++)
        out[i] = normal(instance, i, 1e-5) * (double)scale[channel(i)]
                 + (double)shift[channel(i)];
    check(m, out);
    for (int64_t version = 18; version <= 21; version += 3) {
        const bool of_groups = version == 18;
        m = model_of(version);
        const int64_t extent = of_groups ? 2 : CHANNELS;
        model_floats(m, "s", 1, &extent, scale);
        model_floats(m, "b", 1, &extent, shift);
        model_node(m, "GroupNormalization", "x,s,b", "y");
        model_int(m, "num_groups", 2);
        model_output(m, "y");
        for (int i = 0; i < COUNT; i++) {
            const int k = of_groups ? channel(i) / 2 : channel(i);
            out[i] =
                normal(group, i, 1e-5) * (double)scale[k] + (double)shift[k];
        }
        check(m, out);
    }
}

/* Rows of the axes from 1 on, with their statistics. */
static void rows(void **state)
{
    const int64_t row[] = { CHANNELS, LENGTH };
    float weight[CHANNELS * LENGTH];
    double out[COUNT], statistic[IMAGES];
    (void)state;
    for (int i = 0; i < CHANNELS * LENGTH; i++) weight[i] = (float)i / 4;
    for (int k = 0; k < 3; k++) {
        model *m = model_of(17);
        model_floats(m, "s", 2, row, weight);
        model_node(m, "LayerNormalization", "x,s", "y,mean,deviation");
        model_int(m, "axis", 1);
        model_output(m, k == 0 ? "y" : k == 1 ? "mean" : "deviation");
        for (int i = 0; i < COUNT; i++)
            out[i] = normal(image, i, 1e-5)
                     * (double)weight[i % (CHANNELS * LENGTH)];
        for (int n = 0; n < IMAGES; n++) {
            const int i = n * CHANNELS * LENGTH;
            const double mean = mean_of(image, i, 0, 0);
            statistic[n] =
                k == 1 ? mean : 1 / sqrt(mean_of(image, i, mean, 1) + 1e-5);
        }
        const fv_named_tensor in = input();
        if (k)
            model_check(m, model_context, 1, &in, 3,
                        (int64_t[]){ IMAGES, 1, 1 }, statistic);
        else
            check(m, out);
    }
    model *m = model_of(23);
    model_floats(m, "s", 2, row, weight);
    model_node(m, "RMSNormalization", "x,s", "y");
    model_int(m, "axis", -2);
    model_output(m, "y");
    for (int i = 0; i < COUNT; i++)
        out[i] = (double)value(i) / sqrt(mean_of(image, i, 0, 1) + 1e-5)
                 * (double)weight[i % (CHANNELS * LENGTH)];
    check(m, out);
}

/* ---- others ----------------------------------------------------------------
 */

/* A window of 4 channels begins one before. */
static void responses(void **state)
{
    double out[COUNT];
    (void)state;
    for (int size = 2; size <= 4; size++) {
        model *m = model_of(13);
        model_node(m, "LRN", "x", "y");
        model_int(m, "size", size);
        model_float(m, "alpha", 0.5f);
        model_output(m, "y");
        for (int i = 0; i < COUNT; i++) {
            double sum = 0;
            for (int c = 0; c < CHANNELS; c++) {
                const int by = c - channel(i);
                const double v = (double)value(i + by * LENGTH);
                if (by >= -((size - 1) / 2) && by <= size / 2) sum += v * v;
            }
            out[i] = (double)value(i) / pow(1 + 0.5 / size * sum, 0.75);
        }
        check(m, out);
    }
}

static int column(int i)
{
    return i / (CHANNELS * LENGTH) * LENGTH + i % LENGTH;
}

static void lengths(void **state)
{
    double out[COUNT];
    (void)state;
    for (int p = 1; p <= 2; p++) {
        model *m = model_of(13);
        model_node(m, "LpNormalization", "x", "y");
        model_int(m, "axis", 1);
        model_int(m, "p", p);
        model_output(m, "y");
        for (int i = 0; i < COUNT; i++) {
            double norm = 0;
            for (int k = 0; k < COUNT; k++)
                if (column(k) == column(i))
                    norm += pow(fabs((double)value(k)), p);
            out[i] = (double)value(i) / pow(norm, 1.0 / p);
        }
        check(m, out);
    }
    model *m = model_of(9);
    model_node(m, "MeanVarianceNormalization", "x", "y");
    MODEL_LIST(m, "axes", 0, 2);
    model_output(m, "y");
    for (int i = 0; i < COUNT; i++) out[i] = normal(channel, i, 0);
    check(m, out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(batches, model_begin, model_end),
        cmocka_unit_test_setup_teardown(batches_in_training, model_begin,
                                        model_end),
        cmocka_unit_test_setup_teardown(batches_by_element, model_begin,
                                        model_end),
        cmocka_unit_test_setup_teardown(instances_and_groups, model_begin,
                                        model_end),
        cmocka_unit_test_setup_teardown(rows, model_begin, model_end),
        cmocka_unit_test_setup_teardown(responses, model_begin, model_end),
        cmocka_unit_test_setup_teardown(lengths, model_begin, model_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
