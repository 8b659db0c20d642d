/* num.cr's convolutions, restated for the layer: cases A to D with complete
 * numbers, in both layouts and by every algorithm. Faults of docs/num_cr.md
 * whose absence this shows: D20, D21 (stride by every algorithm), D22 (padding
 * and stride). */
#include "worked.h"

#include "numcr.h"

static fv_tensor listed(fv_context *ctx, const worked_numbers *n, int32_t rank,
                        const int64_t shape[])
{
    fv_tensor all = fv_tensor_new(ctx, FV_F64, rank, shape);
    assert_ok(ctx);
    for (int64_t k = 0; k < fv_tensor_count(&all); k++)
        ((double *)all.data)[k] = worked_at(n, k);
    return all;
}

static fv_layer *layer_of(fv_context *ctx, const worked *c,
                          fv_algorithm algorithm)
{
    const int64_t *x = c->x_shape, *w = c->w_shape;
    const worked_numbers bias = { .list = c->bias };
    fv_layer *layer = fv_convolutional(
        ctx, .in_shape = { EXTENTS(ctx, x[1], x[2], x[3]) },
        .num_filters = w[0], .kernel = { w[2], w[3] },
        .padding = { c->padding[0], c->padding[1] },
        .stride = { c->stride[0], c->stride[1] }, .algorithm = algorithm);
    fv_variables parameters = fv_layer_variables(layer);
    assert_ok(ctx);
    assert_int_equal(parameters.count, 2);
    assign(parameters.at[0], listed(ctx, &c->w, 4, w));
    assign(parameters.at[1], listed(ctx, &bias, 1, &w[0]));
    return layer;
}

static void check(fv_context *ctx, const worked *c, fv_algorithm algorithm)
{
    fv_layer *layer = layer_of(ctx, c, algorithm);
    fv_shape shape = fv_layer_output_shape(layer);
    const int64_t *s = c->y_shape;
    const int64_t expected[] = { EXTENTS(ctx, s[1], s[2], s[3]) };
    const worked_numbers db = { .list = c->db };
    assert_int_equal(shape.rank, 3);
    assert_memory_equal(shape.extent, expected, sizeof expected);
    fv_variable *x = leaf(ctx, listed(ctx, &c->x, 4, c->x_shape));
    fv_variable *y = fv_layer_forward(layer, x);
    assert_images(ctx, "y", fv_variable_value(y), listed(ctx, &c->y, 4, s), 0);
    backprop_with(y, listed(ctx, &c->dy, 4, s));
    fv_variables parameters = fv_layer_variables(layer);
    assert_images(ctx, "dx", fv_variable_grad(x),
                  listed(ctx, &c->dx, 4, c->x_shape), 0);
    assert_weights(ctx, "dW", fv_variable_grad(parameters.at[0]),
                   listed(ctx, &c->dw, 4, c->w_shape), 0);
    assert_weights(ctx, "db", fv_variable_grad(parameters.at[1]),
                   listed(ctx, &db, 1, &c->w_shape[0]), 0);
}

static void check_all(fv_context *ctx)
{
    for (int i = 0; i < WORKED_CASES; i++) {
        check(ctx, &worked_cases[i], FV_CONV_AUTO);
        check(ctx, &worked_cases[i], FV_CONV_REFERENCE);
        check(ctx, &worked_cases[i], FV_CONV_IM2COL_GEMM);
    }
}

static void test_numbers(void **state)
{
    (void)state;
    everywhere(check_all);
}

/* num.cr's own form of C: uniform numbers against central differences. */
static fv_variable *convolve(void *user, fv_variables at)
{
    fv_convolution geometry = { .padding_begin = { 1, 1 },
                                .padding_end = { 1, 1 },
                                .algorithm = *(const fv_algorithm *)user };
    return fv_conv2d(at.at[0], at.at[1], at.at[2], &geometry);
}

static void test_differences(void **state)
{
    (void)state;
    const fv_algorithm algorithms[] = { FV_CONV_REFERENCE,
                                        FV_CONV_IM2COL_GEMM };
    for (int i = 0; i < 2; i++) {
        fv_context *ctx = context_of(FV_F64, FV_NHWC);
        const double scale = 1 / 997.0;
        fv_tensor x = formula(ctx, 571, 3, 997, 0, scale, SHAPE(2, 4, 5, 3));
        fv_tensor w = formula(ctx, 347, 1, 997, 0, scale, SHAPE(2, 3, 3, 3));
        fv_tensor b = formula(ctx, 123, 7, 997, 0, scale, SHAPE(2));
        fv_variable *at[] = { fv_variable_new(ctx, &x),
                              fv_variable_new(ctx, &w),
                              fv_variable_new(ctx, &b) };
        fv_algorithm algorithm = algorithms[i];
        double error = fv_gradcheck(convolve, &algorithm,
                                    (fv_variables){ 3, at }, 1e-5, 0);
        assert_ok(ctx);
        assert_true(error < 1e-6);
        fv_context_free(ctx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
