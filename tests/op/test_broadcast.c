/* Broadcasting: repeated elements, whose gradients are summed. */
#include "op/whole.h"

#include "op/op.h"

typedef struct wish {
    check_shape from, to;
} wish;

static fv_variable *repeat(void *user, fv_variables at)
{
    const check_shape *to = user;
    return fv_broadcast(at.at[0], to->rank, to->shape);
}

static fv_variable *twice(void *user, fv_variables at)
{
    return fv_mul(repeat(user, at), fv_exp(repeat(user, at)));
}

static int64_t source(const fv_tensor *from, const fv_tensor *to, int64_t flat)
{
    int64_t at = 0, run = 1;
    for (int32_t i = 1; i <= from->rank; i++) {
        int64_t extent = to->shape[to->rank - i];
        if (from->shape[from->rank - i] > 1) at += flat % extent * run;
        run *= from->shape[from->rank - i];
        flat /= extent;
    }
    return at;
}

static void check_wish(const wish *w, fv_dtype dtype, double tolerance)
{
    check_shape to = w->to;
    check_case c = {
        .f = repeat, .user = &to, .count = 1, .low = -1, .high = 1
    };
    c.shapes[0] = w->from;
    check_result is = check_evaluate(&c, dtype, 1);
    check_shape_is(&is.value, to.rank, to.shape);
    fv_tensor sums =
        fv_tensor_new(is.context, FV_F64, w->from.rank, w->from.shape);
    for (int64_t i = 0; i < fv_tensor_count(&is.value); i++) {
        int64_t at = source(&is.leaves[0], &is.value, i);
        assert_true(check_at(&is.value, i) == check_at(&is.leaves[0], at));
        ((double *)sums.data)[at] += check_at(&is.upstream, i);
    }
    check_close(&is.grads[0], &sums, tolerance);
    fv_context_free(is.context);
}

static const wish wishes[] = {
    { SCALAR, SCALAR },
    { SCALAR, SHAPE(2, 3) },
    { SHAPE(4), SHAPE(3, 4) },
    { SHAPE(3, 1), SHAPE(3, 4) },
    { SHAPE(2, 1, 3, 1), SHAPE(2, 4, 3, 2) },
    { SHAPE(1, 2, 1), SHAPE(3, 2, 3) },
    { SHAPE(1, 3), SHAPE(0, 3) },
    { SHAPE(2, 3), SHAPE(2, 3) },
};

static const wish large[] = {
    { SCALAR, SHAPE(17, 4001) },
    { SHAPE(53), SHAPE(701, 53) },
    { SHAPE(3, 1, 1500), SHAPE(3, 40, 1500) },
    { SHAPE(30, 1, 7, 1), SHAPE(30, 50, 7, 9) },
};

static void test_values(void **state)
{
    (void)state;
    for (int64_t i = 0; i < COUNT(wishes); i++) {
        check_wish(&wishes[i], FV_F64, 1e-14);
        check_wish(&wishes[i], FV_F32, 1e-6);
    }
    for (int64_t i = 0; i < COUNT(large); i++) {
        check_wish(&large[i], FV_F64, 1e-12);
        check_wish(&large[i], FV_F32, 1e-5);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    for (int64_t i = 0; i < COUNT(wishes); i++) {
        check_shape to = wishes[i].to;
        check_case c = {
            .f = twice, .user = &to, .count = 1, .low = -1, .high = 1
        };
        c.shapes[0] = wishes[i].from;
        check_gradient(&c);
        check_types(&c, 4e-6);
    }
}

static void test_threads(void **state)
{
    (void)state;
    for (int64_t i = 0; i < COUNT(large); i++) {
        check_shape to = large[i].to;
        check_case c = {
            .f = repeat, .user = &to, .count = 1, .low = -1, .high = 1
        };
        c.shapes[0] = large[i].from;
        check_threads(&c);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = check_leaf(context, &(check_shape)SHAPE(2, 3), 0, 1, 1);
    assert_null(fv_broadcast(a, 2, (int64_t[]){ 2, 4 }));
    assert_error(context, "broadcast: [2, 3] does not fit [2, 4]");
    assert_null(fv_broadcast(a, 1, (int64_t[]){ 3 }));
    assert_error(context, "broadcast: [2, 3] does not fit [3]");
    assert_null(fv_broadcast(a, 2, NULL));
    assert_error(context, "broadcast: no extents");
    IS_WHOLE(fv_broadcast(WHOLE(context, 5, 7), 2, (int64_t[]){ 2, 2 }), FV_I64,
             5, 7, 5, 7);
    fv_context_free(context);
}

/* Axes that run on in all tensors are one, and those of one element none. */
static void test_grid(void **state)
{
    (void)state;
    static const struct {
        check_shape shape, other;
        int32_t rank;
        int64_t extent[3], step[3], other_step[3];
    } cases[] = {
        { SHAPE(3, 4, 5), SHAPE(3, 4, 5), 1, { 60 }, { 1 }, { 1 } },
        { SHAPE(3, 4, 5), SHAPE(5), 2, { 12, 5 }, { 5, 1 }, { 0, 1 } },
        { SHAPE(3, 1, 5), SHAPE(3, 1, 5), 1, { 15 }, { 1 }, { 1 } },
        { SHAPE(1, 3, 1, 5, 1),
          SHAPE(1, 3, 1, 1, 1),
          2,
          { 3, 5 },
          { 5, 1 },
          { 1, 0 } },
        { SHAPE(3, 4, 5),
          SHAPE(3, 1, 5),
          3,
          { 3, 4, 5 },
          { 20, 5, 1 },
          { 5, 0, 1 } },
        { SHAPE(1, 1), SHAPE(1), 1, { 1 }, { 1 }, { 1 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const fv_tensor shape = fv_tensor_of(NULL, FV_F32, cases[i].shape.rank,
                                             cases[i].shape.shape);
        const fv_tensor other = fv_tensor_of(NULL, FV_F32, cases[i].other.rank,
                                             cases[i].other.shape);
        const fv_tensor *tensors[] = { &shape, &other };
        fv__broadcast_iterator grid;
        fv__broadcast_begin(&grid, &shape, 2, tensors);
        assert_int_equal(grid.count, 2);
        assert_int_equal(grid.rank, cases[i].rank);
        for (int32_t axis = 0; axis < grid.rank; axis++) {
            assert_int_equal(grid.extent[axis], cases[i].extent[axis]);
            assert_int_equal(grid.step[0][axis], cases[i].step[axis]);
            assert_int_equal(grid.step[1][axis], cases[i].other_step[axis]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),   cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_threads),  cmocka_unit_test(test_grid),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
