/* What detectors have in ONNX: regions, columns, the choice of boxes. */
#include "onnx/model.h"

/* The centre of a region is half a pixel before, from version 16 on. */
static void regions(void **state)
{
    float image[12];
    (void)state;
    for (int i = 0; i < 12; i++) image[i] = (float)i;
    for (int64_t version = 10; version <= 16; version += 6) {
        model *m = model_new(version);
        model_input(m, "x", FLOAT, 4, (int64_t[]){ 1, 1, 3, 4 });
        model_floats(m, "boxes", 2, (int64_t[]){ 2, 4 },
                     (float[]){ 2, 2, 4, 4, 2, 2, 6, 4 });
        MODEL_VECTOR(m, "images", 0, 0);
        model_node(m, "RoiAlign", "x,boxes,images", "y");
        model_float(m, "spatial_scale", 0.5f);
        model_output(m, "y");
        const fv_named_tensor in = { "x",
                                     FV_TENSOR(image, FV_F32, 1, 1, 3, 4) };
        /* at 1.5, 1.5 and 1.5, 2, or half a pixel before */
        model_check(m, model_context, 1, &in, 4, (int64_t[]){ 2, 1, 1, 1 },
                    version < 16 ? (double[]){ 7.5, 8 } : (double[]){ 5, 5.5 });
    }
}

/* Two windows of two pixels that have one in common. */
static void columns(void **state)
{
    float numbers[] = { 1, 2, 3, 4 };
    (void)state;
    model *m = model_new(18);
    model_input(m, "x", FLOAT, 3, (int64_t[]){ 1, 2, 2 });
    MODEL_VECTOR(m, "size", 1, 3);
    MODEL_VECTOR(m, "block", 1, 2);
    model_node(m, "Col2Im", "x,size,block", "y");
    model_output(m, "y");
    const fv_named_tensor in = { "x", FV_TENSOR(numbers, FV_F32, 1, 2, 2) };
    model_check(m, model_context, 1, &in, 4, (int64_t[]){ 1, 1, 1, 3 },
                (double[]){ 1, 5, 4 });
}

static void boxes(void **state)
{
    (void)state;
    model *m = model_new(11);
    model_input(m, "boxes", FLOAT, 3, (int64_t[]){ 1, 6, 4 });
    model_input(m, "scores", FLOAT, 3, (int64_t[]){ 1, 1, 6 });
    model_node(m, "NonMaxSuppression", "boxes,scores", "y");
    model_output(m, "y");
    assert_null(model_load(m, model_context));
    free(m);
    assert_non_null(strstr(
        fv_error(model_context),
        "1 node cannot be read: NonMaxSuppression-11 \"y\": how many boxes are "
        "kept is known after the run only; end the graph before it, at "
        "\"boxes\" and \"scores\""));
    fv_clear_error(model_context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(regions, model_begin, model_end),
        cmocka_unit_test_setup_teardown(columns, model_begin, model_end),
        cmocka_unit_test_setup_teardown(boxes, model_begin, model_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
