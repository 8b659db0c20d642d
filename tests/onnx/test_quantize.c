/* Quantised operators of ONNX. */
#include "onnx/model.h"

static const int64_t scalar[1] = { 0 }; /* its axes */

enum {
    INT8 = FV__ONNX__TENSOR_PROTO__DATA_TYPE__INT8,
    UINT16 = FV__ONNX__TENSOR_PROTO__DATA_TYPE__UINT16,
    INT16 = FV__ONNX__TENSOR_PROTO__DATA_TYPE__INT16
};

static void numbers(model *m, const char *name, int32_t type, int32_t rank,
                    const int64_t dims[], const void *data, size_t each)
{
    m->initializers[m->graph.n_initializer++] =
        model_tensor(m, name, type, rank, dims, data, each);
}

static model *model_of(int64_t version, int64_t columns)
{
    model *m = model_new(version);
    model_input(m, "x", FLOAT, 2, (int64_t[]){ 2, columns });
    return m;
}

static void check(model *m, int64_t columns, const float x[],
                  const double expected[])
{
    float copy[16];
    memcpy(copy, x, (size_t)(2 * columns) * sizeof *x);
    const int64_t shape[] = { 2, columns };
    const fv_named_tensor in = { "x", fv_tensor_of(copy, FV_F32, 2, shape) };
    model_check(m, model_context, 1, &in, 2, shape, expected);
}

/* Halves go to even numbers, and what is beyond the type to its ends. */
static void types(void **state)
{
    static const struct {
        int32_t type;
        size_t bytes;
        double low, high;
    } cases[] = { { UINT8, 1, 0, 255 },
                  { INT8, 1, -128, 127 },
                  { UINT16, 2, 0, 65535 },
                  { INT16, 2, -32768, 32767 } };
    const float x[] = { -1e6f, 0.25f, 0.75f, 1.25f, 3, 1e6f };
    const uint8_t zeros[2] = { 0 };
    (void)state;
    for (int k = 0; k < 4; k++) {
        const double expected[] = { cases[k].low, 0, 2, 2, 6, cases[k].high };
        model *m = model_of(21, 3);
        model_floats(m, "s", 0, scalar, (float[]){ 0.5f });
        numbers(m, "z", cases[k].type, 0, scalar, zeros, cases[k].bytes);
        model_node(m, "QuantizeLinear", "x,s,z", "y");
        model_output(m, "y");
        check(m, 3, x, expected);
    }
    model *m = model_of(21, 3);
    model_floats(m, "s", 0, scalar, (float[]){ 0.5f });
    model_node(m, "QuantizeLinear", "x,s", "y");
    model_int(m, "output_dtype", INT8);
    model_output(m, "y");
    check(m, 3, x, (double[]){ -128, 0, 2, 2, 6, 127 });
}

/* There and back, with a scale for each of an axis or of blocks of one. */
static void scales(void **state)
{
    const float x[] = { 1, 2, 3, 4, -5, 6, 7, 8 };
    const float of[] = { 0.5f, 2 }, blocks[] = { 0.5f, 2, 1, 4 };
    const uint8_t zero[] = { 100, 10, 10, 10 };
    (void)state;
    for (int axis = 0; axis < 2; axis++) {
        model *m = model_of(13, 2);
        model_floats(m, "s", 1, (int64_t[]){ 2 }, of);
        numbers(m, "z", UINT8, 1, (int64_t[]){ 2 }, zero, 1);
        model_node(m, "QuantizeLinear", "x,s,z", "q");
        model_int(m, "axis", axis);
        model_node(m, "DequantizeLinear", "q,s,z", "y");
        model_int(m, "axis", axis - 2);
        model_output(m, "y");
        const double rows[] = { 1, 2, 4, 4 }, columns[] = { 1, 2, 3, 4 };
        check(m, 2, x, axis ? columns : rows);
    }
    model *m = model_of(21, 4);
    model_floats(m, "s", 2, (int64_t[]){ 2, 2 }, blocks);
    numbers(m, "z", UINT8, 2, (int64_t[]){ 2, 2 }, zero, 1);
    model_node(m, "QuantizeLinear", "x,s,z", "q");
    model_int(m, "block_size", 2);
    model_node(m, "DequantizeLinear", "q,s,z", "y");
    model_int(m, "block_size", 2);
    model_output(m, "y");
    check(m, 4, x, (double[]){ 1, 2, 4, 4, -5, 6, 8, 8 });
}

/* Nothing but zeros has a scale of 1. */
static void dynamic(void **state)
{
    const float x[] = { -1, 0, 1.55f, 0.5f }, none[4] = { 0 };
    (void)state;
    for (int k = 0; k < 2; k++) {
        model *m = model_of(11, 2);
        model_node(m, "DynamicQuantizeLinear", "x", "y,s,z");
        model_output(m, "y");
        if (k)
            check(m, 2, none, (double[]){ 0, 0, 0, 0 });
        else
            check(m, 2, x, (double[]){ 0, 100, 255, 150 });
    }
}

/* The weights become weights: there is nothing but the convolution. */
static void weights(void **state)
{
    const int8_t w[] = { 10, -20, 30, 40 };
    float image[] = { 1, 2, 3, 4 };
    (void)state;
    model *m = model_new(13);
    model_input(m, "x", FLOAT, 4, (int64_t[]){ -1, 1, 2, 2 });
    numbers(m, "w", INT8, 4, (int64_t[]){ 2, 1, 1, 2 }, w, 1);
    model_floats(m, "s", 1, (int64_t[]){ 2 }, (float[]){ 0.1f, 0.5f });
    model_node(m, "DequantizeLinear", "w,s", "v");
    model_int(m, "axis", 0);
    model_node(m, "Conv", "x,v", "y");
    model_output(m, "y");
    fv_network *network = model_load(m, model_context);
    assert_ok(model_context);
    assert_int_equal(fv_network_count(network), 3);
    fv_network_free(network);
    const fv_named_tensor in = { "x", FV_TENSOR(image, FV_F32, 1, 1, 2, 2) };
    model_check(m, model_context, 1, &in, 4, (int64_t[]){ 1, 2, 2, 1 },
                (double[]){ -3, -5, 55, 125 });
}

/* y = (x - 2) (w - 1) 0.5 0.25 / 0.5 + 3, rounded */
static void products(void **state)
{
    const uint8_t x[] = { 3, 4, 7, 9 }, w[] = { 2, 3, 5, 1 };
    const uint8_t two = 2, one = 1, three = 3;
    uint8_t copy[4];
    (void)state;
    for (int k = 0; k < 2; k++) {
        model *m = model_new(10);
        model_input(m, "x", UINT8, 2, (int64_t[]){ 2, 2 });
        numbers(m, "w", UINT8, 2, (int64_t[]){ 2, 2 }, w, 1);
        numbers(m, "xz", UINT8, 0, scalar, &two, 1);
        numbers(m, "wz", UINT8, 0, scalar, &one, 1);
        numbers(m, "yz", UINT8, 0, scalar, &three, 1);
        model_floats(m, "xs", 0, scalar, (float[]){ 0.5f });
        model_floats(m, "ws", 0, scalar, (float[]){ 0.25f });
        model_floats(m, "ys", 0, scalar, (float[]){ 0.5f });
        if (k)
            model_node(m, "QLinearMatMul", "x,xs,xz,w,ws,wz,ys,yz", "y");
        else
            model_node(m, "MatMulInteger", "x,w,xz,wz", "y");
        model_output(m, "y");
        memcpy(copy, x, sizeof copy);
        const fv_named_tensor in = { "x", FV_TENSOR(copy, FV_U8, 2, 2) };
        /* 9 2, 33 10; 2.25 0.5, 8.25 2.5 */
        model_check(m, model_context, 1, &in, 2, (int64_t[]){ 2, 2 },
                    k ? (double[]){ 5, 3, 11, 5 } : (double[]){ 9, 2, 33, 10 });
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(types, model_begin, model_end),
        cmocka_unit_test_setup_teardown(scales, model_begin, model_end),
        cmocka_unit_test_setup_teardown(dynamic, model_begin, model_end),
        cmocka_unit_test_setup_teardown(weights, model_begin, model_end),
        cmocka_unit_test_setup_teardown(products, model_begin, model_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
