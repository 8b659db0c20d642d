/* Matrix products, batched and broadcast, against the sum of products. */
#include "op/check.h"

static fv_variable *matmul(void *user, fv_variables at)
{
    (void)user;
    return fv_matmul(at.at[0], at.at[1]);
}

static fv_variable *square(void *user, fv_variables at)
{
    (void)user;
    return fv_matmul(fv_matmul(at.at[0], at.at[0]), at.at[0]);
}

/* Element of matrix `batch` (of the result's) of an operand whose leading axes
 * are broadcast to the result's. */
static double element(const fv_tensor *operand, const fv_tensor *result,
                      int64_t batch, int64_t row, int64_t column)
{
    int64_t rows = operand->shape[operand->rank - 2];
    int64_t columns = operand->shape[operand->rank - 1];
    int64_t at = row * columns + column, run = rows * columns;
    for (int32_t i = 3; i <= result->rank; i++) {
        int64_t index = batch % result->shape[result->rank - i];
        batch /= result->shape[result->rank - i];
        if (i > operand->rank) continue;
        int64_t extent = operand->shape[operand->rank - i];
        if (extent > 1) at += index * run;
        run *= extent;
    }
    return check_at(operand, at);
}

static void check_product(const check_case *c, fv_dtype dtype, double tolerance)
{
    check_result is = check_evaluate(c, dtype, 1);
    const fv_tensor *a = &is.leaves[0], *b = &is.leaves[1], *y = &is.value;
    int64_t m = a->shape[a->rank - 2], inner = a->shape[a->rank - 1];
    int64_t n = b->shape[b->rank - 1], count = fv_tensor_count(y);
    assert_int_equal(y->shape[y->rank - 2], m);
    assert_int_equal(y->shape[y->rank - 1], n);
    for (int64_t i = 0; i < count; i++) {
        int64_t batch = i / (m * n), row = i / n % m, column = i % n;
        double sum = 0;
        for (int64_t k = 0; k < inner; k++)
            sum +=
                element(a, y, batch, row, k) * element(b, y, batch, k, column);
        assert_near(check_at(y, i), sum, tolerance);
    }
    fv_context_free(is.context);
}

static void test_product(void **state)
{
    (void)state;
    static const check_shape shapes[][2] = {
        { SHAPE(1, 1), SHAPE(1, 1) },
        { SHAPE(3, 4), SHAPE(4, 5) },
        { SHAPE(1, 7), SHAPE(7, 1) },
        { SHAPE(7, 1), SHAPE(1, 3) },
        { SHAPE(3, 2, 4), SHAPE(3, 4, 2) },
        { SHAPE(3, 2, 4), SHAPE(4, 2) },
        { SHAPE(2, 4), SHAPE(3, 4, 2) },
        { SHAPE(2, 1, 3, 2), SHAPE(4, 2, 3) },
        { SHAPE(2, 3, 1, 2, 2), SHAPE(3, 2, 2, 1) },
        { SHAPE(1, 2, 3), SHAPE(2, 3, 2) },
        { SHAPE(2, 0), SHAPE(0, 3) },
        { SHAPE(3, 2, 0), SHAPE(0, 2) },
        { SHAPE(0, 2, 3), SHAPE(3, 2) },
        { SHAPE(0, 3), SHAPE(3, 2) },
    };
    check_case c = { .f = matmul, .count = 2, .low = -1, .high = 1 };
    for (int64_t i = 0; i < COUNT(shapes); i++) {
        memcpy(c.shapes, shapes[i], sizeof shapes[i]);
        check_product(&c, FV_F64, 1e-14);
        check_product(&c, FV_F32, 2e-6);
        check_gradient(&c);
        check_types(&c, 4e-6);
    }
}

/* Beyond a tile, and beyond what is shared out whole. */
static void test_large(void **state)
{
    (void)state;
    static const check_shape shapes[][2] = {
        { SHAPE(67, 129), SHAPE(129, 93) },
        { SHAPE(37, 9, 20), SHAPE(37, 20, 11) },
        { SHAPE(37, 9, 20), SHAPE(20, 11) },
        { SHAPE(5, 1, 19, 8), SHAPE(7, 8, 13) },
        { SHAPE(2, 80, 60), SHAPE(3, 1, 60, 70) },
    };
    check_case c = { .f = matmul, .count = 2, .low = -1, .high = 1 };
    for (int64_t i = 0; i < COUNT(shapes); i++) {
        memcpy(c.shapes, shapes[i], sizeof shapes[i]);
        check_product(&c, FV_F64, 1e-13);
        check_product(&c, FV_F32, 1e-5);
        check_types(&c, 1e-5);
        check_threads(&c);
    }
}

static void test_twice(void **state)
{
    (void)state;
    check_case c = { .f = square, .count = 1, .low = -1, .high = 1 };
    c.shapes[0] = (check_shape)SHAPE(2, 3, 3);
    check_gradient(&c);
    check_types(&c, 4e-6);
}

static void test_table(void **state)
{
    (void)state;
    const double x[] = { 1, 2, 3, 4 }, value[] = { 7, 10, 15, 22 };
    const double da[] = { 3, 7, 3, 7 }, db[] = { 4, 4, 6, 6 };
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = check_matrix(context, 2, 2, x);
    fv_variable *b = check_matrix(context, 2, 2, x), *y = fv_matmul(a, b);
    check_elements(fv_variable_value(y), 4, value, 0);
    assert_int_equal(fv_backprop(y), FV_OK);
    check_elements(fv_variable_grad(a), 4, da, 0);
    check_elements(fv_variable_grad(b), 4, db, 0);
    fv_context_free(context);
}

static fv_variable *product(void *user, fv_variables at)
{
    (void)user;
    return fv_matmul(at.at[0], at.at[1]);
}

/* A vector is a row on the left and a column on the right. */
static void test_vectors(void **state)
{
    (void)state;
    static const check_shape shapes[][2] = {
        { SHAPE(3), SHAPE(3) },
        { SHAPE(3), SHAPE(3, 2) },
        { SHAPE(2, 4, 3), SHAPE(3) },
        { SHAPE(3), SHAPE(2, 1, 3, 5) },
    };
    static const int32_t ranks[] = { 0, 1, 2, 3 };
    check_case c = { .f = product, .count = 2, .low = -1, .high = 1 };
    for (int64_t i = 0; i < COUNT(shapes); i++) {
        memcpy(c.shapes, shapes[i], sizeof shapes[i]);
        check_gradient(&c);
        check_result is = check_evaluate(&c, FV_F64, 1);
        assert_int_equal(is.value.rank, ranks[i]);
        double sum = 0; /* the last number of the result */
        const int64_t a = fv_tensor_count(&is.leaves[0]) - 3;
        const int64_t n = shapes[i][1].rank == 1
                              ? 1
                              : shapes[i][1].shape[shapes[i][1].rank - 1];
        const int64_t b = fv_tensor_count(&is.leaves[1]) - 3 * n + n - 1;
        for (int64_t k = 0; k < 3; k++)
            sum += check_at(&is.leaves[0], a + k)
                   * check_at(&is.leaves[1], b + k * n);
        assert_near(check_at(&is.value, fv_tensor_count(&is.value) - 1), sum,
                    1e-15);
        fv_context_free(is.context);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = check_leaf(context, &(check_shape)SHAPE(2, 3), 0, 1, 1);
    fv_variable *b = check_leaf(context, &(check_shape)SHAPE(4, 2), 0, 1, 1);
    fv_variable *s = check_leaf(context, &(check_shape)SHAPE(2, 5, 3), 0, 1, 1);
    fv_variable *t = check_leaf(context, &(check_shape)SHAPE(4, 3, 5), 0, 1, 1);
    assert_null(fv_matmul(a, b));
    assert_error(context, "matmul: inner extents 3 and 4 differ "
                          "([2, 3] x [4, 2])");
    fv_variable *number = fv_variable_number(context, 1);
    assert_null(fv_matmul(number, a));
    assert_error(context, "matmul: operand 1 has rank 0, expected 2 or more");
    assert_null(fv_matmul(a, NULL));
    assert_error(context, "matmul: operand 2 is NULL");
    assert_null(fv_matmul(s, t));
    assert_error(context, "matmul: leading axes of [2, 5, 3] and [4, 3, 5] do "
                          "not broadcast");
    assert_null(fv_matmul(a, check_integers(context, 3)));
    assert_error(context, "matmul: operand 2 has type i64, expected f32");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_product), cmocka_unit_test(test_large),
        cmocka_unit_test(test_twice),   cmocka_unit_test(test_table),
        cmocka_unit_test(test_vectors), cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
