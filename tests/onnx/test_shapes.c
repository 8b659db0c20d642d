/* Operators of ONNX on shapes, indices and types: versions, orders of axes and
 * what exporters write. */
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

enum { MOST = 512 };

/* 0, 1, 2, ... */
static float *counted(void)
{
    static float numbers[MOST];
    for (int i = 0; i < MOST; i++) numbers[i] = (float)i;
    return numbers;
}

/* The input "x", counted. */
static fv_named_tensor counted_x(int32_t rank, const int64_t shape[])
{
    return (fv_named_tensor){
        .name = "x", .tensor = fv_tensor_of(counted(), FV_F32, rank, shape)
    };
}

/* What an expected output is: element i of counting along axes of these
 * extents, of which axis perm[k] of the input is axis k. */
static void permuted(int32_t rank, const int64_t shape[], const int perm[],
                     double out[])
{
    int64_t stride[8], at[8] = { 0 }, count = 1;
    for (int32_t i = rank - 1; i >= 0; i--) {
        stride[i] = count;
        count *= shape[i];
    }
    for (int64_t n = 0; n < count; n++) {
        int64_t from = 0;
        for (int32_t i = 0; i < rank; i++) from += at[i] * stride[perm[i]];
        out[n] = (double)from;
        for (int32_t i = rank - 1; i >= 0; i--) {
            if (++at[i] < shape[perm[i]]) break;
            at[i] = 0;
        }
    }
}

static void transposes(void **state)
{
    (void)state;
    double out[MOST];
    const int64_t shape[] = { 2, 3, 4, 5 };
    const int64_t dims[] = { -1, 3, 4, 5 };
    model *m = model_new(13);
    model_input(m, "x", FLOAT, 4, dims);
    model_node(m, "Transpose", "x", "t");
    MODEL_LIST(m, "perm", 0, 2, 3, 1);
    model_node(m, "Transpose", "t", "y");
    MODEL_LIST(m, "perm", 3, 0, 1, 2);
    model_output(m, "y");
    const fv_named_tensor x = counted_x(4, shape);
    permuted(4, shape, (int[]){ 1, 0, 2, 3 }, out);
    model_check(m, context, 1, &x, 4, (int64_t[]){ 3, 2, 4, 5 }, out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(transposes, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
