/* What networks of PyTorch and Paddle look like after their exporters, a small
 * case for each way in which one of them was read wrongly. */
#include "onnx/model.h"

static fv_context *context;

static int make(void **state)
{
    (void)state;
    context = fv_context_new(
        FV_OPTIONS(fv_context_options, .layout = FV_NCHW, .threads = 1));
    return context ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    fv_context_free(context);
    return 0;
}

enum { MOST = 64 };

/* The input "x" of these extents, counted from 0. */
static fv_named_tensor counted(int32_t rank, const int64_t shape[])
{
    static float numbers[MOST];
    for (int i = 0; i < MOST; i++) numbers[i] = (float)i;
    return (fv_named_tensor){ .name = "x",
                              .tensor =
                                  fv_tensor_of(numbers, FV_F32, rank, shape) };
}

static void refused(fv_status status, const char *sentence)
{
    assert_int_equal(fv_failed(context), status);
    if (!strstr(fv_error(context), sentence)) fail_msg("%s", fv_error(context));
    fv_clear_error(context);
}

/* YOLO's grid: a row of as many numbers as the images are wide is a row, not a
 * number for each of that many images. */
static void rows(void **state)
{
    (void)state;
    static const int64_t requests[][2] = { { 1, -1 }, { -1, 1 } };
    for (int k = 0; k < 2; k++) {
        const int64_t shape[] = { 1, 1, 2, 3 };
        const double expected[] = { 0, 1, 2 };
        model *m = model_new(17);
        model_input(m, "x", FLOAT, 4, (int64_t[]){ -1, 1, -1, -1 });
        model_ints(m, "zero", 0, NULL, (int64_t[]){ 0 });
        model_ints(m, "one", 0, NULL, (int64_t[]){ 1 });
        model_ints(m, "three", 0, NULL, (int64_t[]){ 3 });
        model_ints(m, "request", 1, (int64_t[]){ 2 }, requests[k]);
        model_node(m, "Shape", "x", "s");
        model_node(m, "Gather", "s,three", "width");
        model_node(m, "Range", "zero,width,one", "r");
        model_node(m, "Reshape", "r,request", "y");
        model_output(m, "y");
        const fv_named_tensor x = counted(4, shape);
        const int64_t made[] = { k ? 3 : 1, k ? 1 : 3 };
        model_check(m, context, 1, &x, 2, made, expected);
    }
}

/* Text recognition: rows are pixels of images of one height, which the file
 * leaves open. */
static model *one_height(void)
{
    model *m = model_new(17);
    model_input(m, "x:0", FLOAT, 4, (int64_t[]){ -1, 2, -1, -1 });
    model_ints(m, "request", 1, (int64_t[]){ 4 }, (int64_t[]){ 0, 1, -1, 2 });
    model_node(m, "GlobalAveragePool", "x:0", "p");
    model_node(m, "Transpose", "x:0", "t");
    MODEL_LIST(m, "perm", 0, 2, 3, 1);
    model_node(m, "Reshape", "t,request", "r");
    model_node(m, "Transpose", "r", "n");
    MODEL_LIST(m, "perm", 0, 3, 1, 2);
    model_node(m, "Concat", "n,x:0", "y");
    model_int(m, "axis", 1);
    model_output(m, "y");
    return m;
}

static void shapes_given(void **state)
{
    (void)state;
    const fv_shape shape = { .rank = 4, .extent = { 5, 2, 1, 3 } };
    static const char *const names[] = { NULL, "x:0", "x_0" };
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        model *m = one_height();
        const fv_onnx_shape given = { names[k], shape };
        fv_network *network = model_load_with(
            m, context,
            FV_OPTIONS(fv_onnx_options, .shapes = &given, .num_shapes = 1));
        assert_ok(context);
        const fv_value_info info = fv_network_input_info(network, 0);
        assert_int_equal(info.batched, 1);
        assert_int_equal(info.shape.rank, 3);
        for (int i = 0; i < 3; i++)
            assert_int_equal(info.shape.extent[i], ((int64_t[]){ 2, 1, 3 })[i]);
        fv_network_free(network);
        free(m);
    }
    model *m = one_height();
    assert_null(model_load(m, context));
    refused(FV_UNSUPPORTED, "Concat");
    static const fv_shape wrong[] = {
        { .rank = 3, .extent = { 2, 1, 3 } },
        { .rank = 4, .extent = { 1, 3, 1, 3 } },
        { .rank = 4, .extent = { 1, 2, 0, 3 } },
    };
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        const fv_onnx_shape given = { NULL, wrong[k] };
        assert_null(model_load_with(
            m, context,
            FV_OPTIONS(fv_onnx_options, .shapes = &given, .num_shapes = 1)));
        refused(FV_MISUSE, "cannot have shape");
    }
    free(m);
}

/* NFNet: weights of a convolution that are normalised in the graph. */
static void weights_normalized(void **state)
{
    (void)state;
    const int64_t shape[] = { 1, 2, 1, 3 };
    model *m = model_new(20);
    model_input(m, "x", FLOAT, 4, (int64_t[]){ -1, 2, 1, 3 });
    model_floats(m, "w", 3, (int64_t[]){ 1, 2, 2 }, (float[]){ 1, 3, 2, 6 });
    model_ints(m, "request", 1, (int64_t[]){ 4 }, (int64_t[]){ 2, 2, 1, 1 });
    model_floats(m, "scale", 1, (int64_t[]){ 2 }, (float[]){ 1, 2 });
    model_floats(m, "bias", 1, (int64_t[]){ 2 }, (float[]){ 0, 1 });
    model_floats(m, "mean", 1, (int64_t[]){ 2 }, (float[]){ 2, 4 });
    model_floats(m, "var", 1, (int64_t[]){ 2 }, (float[]){ 1, 4 });
    model_node(m, "BatchNormalization", "w,scale,bias,mean,var", "n");
    model_float(m, "epsilon", 0);
    model_node(m, "Reshape", "n,request", "f");
    model_node(m, "Conv", "x,f", "y");
    model_output(m, "y");
    /* filters -1, 1 and -1, 3 of channels 0, 1, 2 and 3, 4, 5 */
    const double expected[] = { 3, 3, 3, 9, 11, 13 };
    const fv_named_tensor x = counted(4, shape);
    model_check(m, context, 1, &x, 4, shape, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows, make, drop),
        cmocka_unit_test_setup_teardown(shapes_given, make, drop),
        cmocka_unit_test_setup_teardown(weights_normalized, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
