/* Resize and Upsample of ONNX in all versions, and the points of grids. */
#include "onnx/model.h"

#include <math.h>

/* A model whose input is [1, 1, 1, 4]. */
static model *model_of(int64_t version)
{
    model *m = model_new(version);
    model_input(m, "x", FLOAT, 4, (int64_t[]){ 1, 1, 1, 4 });
    return m;
}

static void floats(model *m, const char *name, int64_t count,
                   const float numbers[])
{
    model_floats(m, name, 1, &count, numbers);
}

static void node(model *m, const char *kind, const char *inputs,
                 const char *mode)
{
    model_node(m, kind, inputs, "y");
    model_word(m, "mode", mode);
    model_output(m, "y");
}

static void check(model *m, int64_t count, const double expected[])
{
    float ramp[] = { 1, 2, 3, 4 };
    const fv_named_tensor in = { "x", FV_TENSOR(ramp, FV_F32, 1, 1, 1, 4) };
    model_check(m, model_context, 1, &in, 4, (int64_t[]){ 1, 1, 1, count },
                expected);
}

static void early(void **state)
{
    const float scales[] = { 1, 1, 1, 2 }, smaller[] = { 1, 1, 1, 0.6f };
    const double twice[] = { 1, 1, 2, 2, 3, 3, 4, 4 };
    (void)state;
    for (int64_t version = 7; version <= 10; version++) {
        model *m = model_of(version);
        floats(m, "s", 4, scales);
        node(m, version < 10 ? "Upsample" : "Resize", version < 9 ? "x" : "x,s",
             "nearest");
        if (version < 9) {
            fv__onnx_attribute *a = model_attribute(m, "scales");
            a->n_floats = 4;
            a->floats = model_copy(m, scales, sizeof scales);
        }
        check(m, 8, twice);
    }
    model *m = model_of(10); /* coordinates 0, 1.67, rounded up */
    floats(m, "s", 4, smaller);
    node(m, "Resize", "x,s", "nearest");
    check(m, 2, (double[]){ 1, 3 });
    m = model_of(10);
    floats(m, "s", 4, scales);
    node(m, "Resize", "x,s", "linear");
    check(m, 8, (double[]){ 1, 1.5, 2, 2.5, 3, 3.5, 4, 4 });
}

static void check_scaled(int64_t version, float scale, const char *mode,
                         const char *coordinates, const char *rounding,
                         int64_t count, const double expected[])
{
    const float scales[] = { 1, 1, 1, scale };
    model *m = model_of(version);
    floats(m, "s", 4, scales);
    node(m, "Resize", "x,,s", mode);
    model_word(m, "coordinate_transformation_mode", coordinates);
    model_word(m, "nearest_mode", rounding);
    check(m, count, expected);
}

static void coordinates(void **state)
{
    (void)state;
    check_scaled(11, 2, "linear", "half_pixel", "floor", 8,
                 (double[]){ 1, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4 });
    check_scaled(13, 2, "linear", "asymmetric", "floor", 8,
                 (double[]){ 1, 1.5, 2, 2.5, 3, 3.5, 4, 4 });
    check_scaled(11, 1.75f, "linear", "align_corners", "floor", 7,
                 (double[]){ 1, 1.5, 2, 2.5, 3, 3.5, 4 });
    check_scaled(11, 2, "nearest", "tf_half_pixel_for_nn", "floor", 8,
                 (double[]){ 1, 1, 2, 2, 3, 3, 4, 4 });
    check_scaled(19, 0.8f, "linear", "half_pixel_symmetric", "floor", 3,
                 (double[]){ 1.25, 2.5, 3.75 });
    check_scaled(13, 1.5f, "nearest", "half_pixel", "round_prefer_ceil", 6,
                 (double[]){ 1, 2, 2, 3, 4, 4 });
    check_scaled(13, 1.5f, "nearest", "half_pixel", "ceil", 6,
                 (double[]){ 1, 2, 3, 3, 4, 4 });
    check_scaled(13, 0.25f, "linear", "pytorch_half_pixel", "floor", 1,
                 (double[]){ 1 });
}

/* From pixel 1.5 to pixel 3.75, of which the last is outside. */
static void parts(void **state)
{
    const float roi[] = { 0, 0, 0, 0.5f, 1, 1, 1, 1.25f };
    (void)state;
    for (int64_t version = 11; version <= 19; version += 2) {
        model *m = model_of(version);
        floats(m, "roi", 8, roi);
        MODEL_VECTOR(m, "sizes", 1, 1, 1, 4);
        node(m, "Resize", "x,roi,,sizes", "linear");
        model_word(m, "coordinate_transformation_mode", "tf_crop_and_resize");
        model_float(m, "extrapolation_value", 9);
        check(m, 4, (double[]){ 2.5, 3.25, 4, 9 });
    }
}

static void policies(void **state)
{
    (void)state;
    for (int k = 0; k < 3; k++) {
        static const char *const words[] = { "stretch", "not_larger",
                                             "not_smaller" };
        const int64_t rows[] = { 3, 2, 3 }, columns[] = { 3, 3, 6 };
        model *m = model_new(18);
        model_input(m, "x", FLOAT, 4, (int64_t[]){ -1, 1, -1, -1 });
        MODEL_VECTOR(m, "sizes", 3, 3);
        node(m, "Resize", "x,,,sizes", "nearest");
        MODEL_LIST(m, "axes", 2, 3);
        model_word(m, "keep_aspect_ratio_policy", words[k]);
        fv_network *network = model_load(m, model_context);
        free(m);
        assert_ok(model_context);
        float image[8] = { 0 };
        const fv_named_tensor in = { "x",
                                     FV_TENSOR(image, FV_F32, 1, 1, 2, 4) };
        fv_named_tensor y = { .name = NULL };
        fv_network_run(network, 1, &in, 1, &y);
        assert_ok(model_context);
        assert_int_equal(y.tensor.shape[2], rows[k]);
        assert_int_equal(y.tensor.shape[3], columns[k]);
        fv_network_free(network);
    }
}

/* Axes in any order, those of channels, and all that there are. */
static void axes(void **state)
{
    float numbers[8];
    (void)state;
    for (int i = 0; i < 8; i++) numbers[i] = (float)i;
    const fv_named_tensor in = { "x", FV_TENSOR(numbers, FV_F32, 1, 2, 2, 2) };
    model *m = model_new(18);
    model_input(m, "x", FLOAT, 4, (int64_t[]){ 1, 2, 2, 2 });
    MODEL_VECTOR(m, "sizes", 1, 4);
    node(m, "Resize", "x,,,sizes", "nearest");
    MODEL_LIST(m, "axes", -1, 1);
    model_check(m, model_context, 1, &in, 4, (int64_t[]){ 1, 4, 2, 1 },
                (double[]){ 0, 2, 0, 2, 4, 6, 4, 6 });
    m = model_new(13);
    model_input(m, "x", FLOAT, 1, (int64_t[]){ 4 });
    floats(m, "s", 1, (float[]){ 2 });
    node(m, "Resize", "x,,s", "nearest");
    const fv_named_tensor row = { "x", FV_TENSOR(numbers, FV_F32, 4) };
    model_check(m, model_context, 1, &row, 1, (int64_t[]){ 8 },
                (double[]){ 0, 0, 1, 1, 2, 2, 3, 3 });
}

static void smooth(void **state)
{
    (void)state;
    for (int exclude = 0; exclude < 2; exclude++) {
        model *m = model_of(18);
        MODEL_VECTOR(m, "sizes", 1, 1, 1, 2);
        node(m, "Resize", "x,,,sizes", "linear");
        model_int(m, "antialias", 1);
        model_int(m, "exclude_outside", exclude);
        check(m, 2,
              exclude ? (double[]){ 3 / 1.75, 5.75 / 1.75 }
                      : (double[]){ 1.625, 3.375 });
    }
}

static void grids(void **state)
{
    float image[] = { 1, 2, 3, 4 };
    const float theta[] = { 1, 0, 0, 0, 1, 0 };
    (void)state;
    model *m = model_new(20);
    model_input(m, "x", FLOAT, 4, (int64_t[]){ 1, 1, 2, 2 });
    model_floats(m, "theta", 3, (int64_t[]){ 1, 2, 3 }, theta);
    MODEL_VECTOR(m, "size", 1, 1, 3, 3);
    model_node(m, "AffineGrid", "theta,size", "grid");
    model_int(m, "align_corners", 1);
    model_node(m, "GridSample", "x,grid", "y");
    model_word(m, "mode", "linear");
    model_int(m, "align_corners", 1);
    model_output(m, "y");
    const fv_named_tensor in = { "x", FV_TENSOR(image, FV_F32, 1, 1, 2, 2) };
    model_check(m, model_context, 1, &in, 4, (int64_t[]){ 1, 1, 3, 3 },
                (double[]){ 1, 1.5, 2, 2, 2.5, 3, 3, 3.5, 4 });
}

static void check_refused(model *m, const char *sentence)
{
    assert_null(model_load(m, model_context));
    free(m);
    if (!strstr(fv_error(model_context), sentence))
        fail_msg("%s", fv_error(model_context));
    fv_clear_error(model_context);
}

static void refused(void **state)
{
    (void)state;
    model *m = model_of(13);
    node(m, "Resize", "x", "linear");
    check_refused(m, "it has neither sizes nor scales");
    m = model_of(13);
    floats(m, "s", 2, (float[]){ 1, 2 });
    node(m, "Resize", "x,,s", "linear");
    check_refused(m, "2 scales for 4 axes");
    m = model_of(13);
    floats(m, "s", 4, (float[]){ 1, 1, 1, 2 });
    node(m, "Resize", "x,,s", "area");
    check_refused(m, "\"area\" is not supported");
    m = model_of(13);
    floats(m, "s", 4, (float[]){ 1, 1, 1, -2 });
    node(m, "Resize", "x,,s", "linear");
    check_refused(m, "scale -2 is not above 0 and finite");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(early, model_begin, model_end),
        cmocka_unit_test_setup_teardown(coordinates, model_begin, model_end),
        cmocka_unit_test_setup_teardown(parts, model_begin, model_end),
        cmocka_unit_test_setup_teardown(policies, model_begin, model_end),
        cmocka_unit_test_setup_teardown(axes, model_begin, model_end),
        cmocka_unit_test_setup_teardown(smooth, model_begin, model_end),
        cmocka_unit_test_setup_teardown(grids, model_begin, model_end),
        cmocka_unit_test_setup_teardown(refused, model_begin, model_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
