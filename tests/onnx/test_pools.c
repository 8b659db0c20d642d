/* Pools of ONNX: positions over the whole tensor, dilations, norms. */
#include "onnx/model.h"

#include <math.h>

enum { N = 2, C = 2, Y = 5, X = 4, COUNT = N * C * Y * X, OY = 3, OX = 2 };

static const int64_t shape[] = { N, C, Y, X };
static float x[COUNT];

static float value(int i) { return (float)((i * 37 + 11) % 41) / 8 - 2.5f; }

static fv_named_tensor input(void)
{
    for (int i = 0; i < COUNT; i++) x[i] = value(i);
    return (fv_named_tensor){ "x", fv_tensor_of(x, FV_F32, 4, shape) };
}

/* `batch` open, or a number of images. */
static model *model_of(int64_t version, int64_t batch)
{
    model *m = model_new(version);
    model_input(m, "x", FLOAT, 4, (int64_t[]){ batch, C, Y, X });
    return m;
}

/* Windows of 2x2 every 2 pixels, the last row of which is half outside. */
static void window(model *m)
{
    MODEL_LIST(m, "kernel_shape", 2, 2);
    MODEL_LIST(m, "strides", 2, 2);
}

/* The largest of each window, and where it is. */
static void largest(int by_columns, double y[], double place[])
{
    for (int o = 0; o < N * C * OY * OX; o++) {
        const int plane = o / (OY * OX), r = o / OX % OY * 2, s = o % OX * 2;
        y[o] = -HUGE_VAL;
        for (int i = 0; i < 4; i++) {
            const int row = r + i / 2, column = s + i % 2;
            if (row >= Y) continue;
            const double v = (double)value((plane * Y + row) * X + column);
            if (v <= y[o]) continue;
            y[o] = v;
            place[o] = plane * Y * X
                       + (by_columns ? column * Y + row : row * X + column);
        }
    }
}

static void positions(void **state)
{
    double y[N * C * OY * OX], place[N * C * OY * OX];
    const fv_named_tensor in = input();
    (void)state;
    for (int k = 0; k < 8; k++) {
        model *m = model_of(8 + k / 4 * 2, k & 1 ? -1 : N);
        model_node(m, "MaxPool", "x", "y,places");
        window(m);
        if (k < 4)
            MODEL_LIST(m, "pads", 0, 0, 1, 0);
        else
            model_word(m, "auto_pad", "SAME_UPPER");
        model_int(m, "storage_order", k >> 1 & 1);
        model_output(m, "places");
        largest(k >> 1 & 1, y, place);
        model_check(m, model_context, 1, &in, 4, (int64_t[]){ N, C, OY, OX },
                    place);
    }
}

static void unpooling(void **state)
{
    double y[N * C * OY * OX], place[N * C * OY * OX];
    const fv_named_tensor in = input();
    (void)state;
    for (int k = 0; k < 4; k++) {
        double out[N * C * (Y + 1) * X] = { 0 };
        model *m = model_of(11, k & 1 ? -1 : N);
        model_node(m, "MaxPool", "x", "y,places");
        window(m);
        MODEL_LIST(m, "pads", 0, 0, 1, 0);
        MODEL_VECTOR(m, "shape", N, C, Y, X);
        model_node(m, "MaxUnpool", k > 1 ? "y,places,shape" : "y,places", "z");
        window(m);
        if (k < 2) MODEL_LIST(m, "pads", 0, 0, 1, 0);
        model_output(m, "z");
        largest(0, y, place);
        for (int i = 0; i < N * C * OY * OX; i++) out[(int)place[i]] = y[i];
        model_check(m, model_context, 1, &in, 4, shape, out);
    }
}

/* A row, of dilated windows. */
static void check_row(model *m, int64_t count, const double expected[])
{
    static const float row[] = { 1, -2, 3, -4, 5, -6 };
    float copy[6];
    memcpy(copy, row, sizeof copy);
    const fv_named_tensor in = { "x", FV_TENSOR(copy, FV_F32, 1, 1, 6) };
    model_check(m, model_context, 1, &in, 3, (int64_t[]){ 1, 1, count },
                expected);
}

static model *row_model(int64_t version, const char *kind, int64_t kernel)
{
    model *m = model_new(version);
    model_input(m, "x", FLOAT, 3, (int64_t[]){ 1, 1, 6 });
    model_node(m, kind, "x", "y");
    model_output(m, "y");
    MODEL_LIST(m, "kernel_shape", kernel);
    return m;
}

static void dilations(void **state)
{
    (void)state;
    model *m = row_model(19, "AveragePool", 2);
    MODEL_LIST(m, "dilations", 3);
    check_row(m, 3, (double[]){ -1.5, 1.5, -1.5 });
    m = row_model(22, "AveragePool", 2);
    MODEL_LIST(m, "dilations", 2);
    MODEL_LIST(m, "pads", 1, 1);
    model_int(m, "count_include_pad", 1);
    check_row(m, 6, (double[]){ -1, 2, -3, 4, -5, 2.5 });
    m = row_model(12, "MaxPool", 2);
    MODEL_LIST(m, "dilations", 3);
    check_row(m, 3, (double[]){ 1, 5, 3 });
    m = row_model(18, "LpPool", 2);
    MODEL_LIST(m, "dilations", 3);
    model_int(m, "p", 1);
    check_row(m, 3, (double[]){ 5, 7, 9 });
    /* the last window would begin in the padding */
    m = row_model(19, "AveragePool", 3);
    MODEL_LIST(m, "strides", 4);
    MODEL_LIST(m, "pads", 0, 2);
    model_int(m, "ceil_mode", 1);
    check_row(m, 2, (double[]){ 2.0 / 3, -0.5 });
}

static void norms(void **state)
{
    double out[N * C];
    const fv_named_tensor in = input();
    (void)state;
    for (int p = 1; p <= 3; p++) {
        model *m = model_of(2, -1);
        model_node(m, "GlobalLpPool", "x", "y");
        model_int(m, "p", p);
        model_output(m, "y");
        for (int k = 0; k < N * C; k++) {
            out[k] = 0;
            for (int i = 0; i < Y * X; i++)
                out[k] += pow(fabs((double)value(k * Y * X + i)), p);
            out[k] = pow(out[k], 1.0 / p);
        }
        model_check(m, model_context, 1, &in, 4, (int64_t[]){ N, C, 1, 1 },
                    out);
    }
}

static void bytes(void **state)
{
    uint8_t numbers[] = { 3, 200, 7, 255, 0, 1 };
    (void)state;
    model *m = model_new(12);
    model_input(m, "x", UINT8, 3, (int64_t[]){ 1, 1, 6 });
    model_node(m, "MaxPool", "x", "y");
    MODEL_LIST(m, "kernel_shape", 2);
    MODEL_LIST(m, "strides", 2);
    model_output(m, "y");
    const fv_named_tensor in = { "x", FV_TENSOR(numbers, FV_U8, 1, 1, 6) };
    model_check(m, model_context, 1, &in, 3, (int64_t[]){ 1, 1, 3 },
                (double[]){ 200, 255, 1 });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(positions, model_begin, model_end),
        cmocka_unit_test_setup_teardown(unpooling, model_begin, model_end),
        cmocka_unit_test_setup_teardown(dilations, model_begin, model_end),
        cmocka_unit_test_setup_teardown(norms, model_begin, model_end),
        cmocka_unit_test_setup_teardown(bytes, model_begin, model_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
