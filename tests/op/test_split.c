/* Cutting along each axis. */
#include "op/whole.h"

static const int64_t sizes[] = { 2, 0, 3 };

/* Parts with different weights, so that each gradient is told from the others;
 * part 2 is not used, and part 3 is used twice. */
static fv_variable *weighted(void *user, fv_variables at)
{
    fv_variable *parts[3];
    fv_split(at.at[0], *(const int32_t *)user, 3, sizes, parts);
    fv_variable *whole[] = { fv_mul_number(parts[0], 3), fv_exp(parts[2]),
                             fv_mul_number(parts[2], -2) };
    return fv_concat_of(3, whole, *(const int32_t *)user);
}

/* The last part alone: no gradient arrives through the first. */
static fv_variable *last_part(void *user, fv_variables at)
{
    fv_variable *parts[3];
    fv_split(at.at[0], *(const int32_t *)user, 3, sizes, parts);
    return parts[2];
}

static void test_axes(void **state)
{
    (void)state;
    for (int32_t axis = -3; axis < 3; axis++) {
        const int32_t at = axis < 0 ? axis + 3 : axis;
        check_case c = { .f = weighted,
                         .user = &axis,
                         .count = 1,
                         .low = -1,
                         .high = 1,
                         .shapes = { SHAPE(2, 3, 4) } };
        c.shapes[0].shape[at] = 5;
        check_gradient(&c);
        check_types(&c, 1e-6);
        check_threads(&c);
        c.f = last_part;
        check_gradient(&c);
        check_result is = check_evaluate(&c, FV_F64, 1);
        assert_int_equal(is.value.shape[at], 3);
        int64_t index[3];
        for (int64_t i = 0; i < fv_tensor_count(&is.leaves[0]); i++) {
            const int64_t *shape = is.leaves[0].shape;
            index[0] = i / (shape[1] * shape[2]);
            index[1] = i / shape[2] % shape[1];
            index[2] = i % shape[2];
            const bool outside = index[at] < 2;
            index[at] -= outside ? 0 : 2;
            const int64_t *part = is.value.shape;
            const int64_t to =
                (index[0] * part[1] + index[1]) * part[2] + index[2];
            const double grad = check_at(&is.grads[0], i);
            assert_true(outside ? grad == 0
                                : grad == check_at(&is.upstream, to));
            if (!outside)
                assert_true(check_at(&is.leaves[0], i)
                            == check_at(&is.value, to));
        }
        fv_context_free(is.context);
    }
}

static void test_equal_parts(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F64, 1);
    fv_variable *a = check_leaf(context, &(check_shape)SHAPE(2, 6), 0, 1, 1);
    fv_variable *parts[3];
    assert_int_equal(fv_split(a, -1, 3, NULL, parts), FV_OK);
    for (int64_t i = 0; i < 12; i++)
        assert_true(
            check_at(fv_variable_value(parts[i % 6 / 2]), i / 6 * 2 + i % 2)
            == check_at(fv_variable_value(a), i));
    fv_context_free(context);
}

/* Five columns in parts of two, two and one; five in eight. */
static void test_uneven(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_network *network = fv_network_parse(
        context,
        "input 5\nsplit 3 axis=1 uneven=yes\noutput name=y from=split1:2\n",
        "t");
    assert_ok(context);
    assert_int_equal(fv_network_output_shape(network).extent[0], 1);
    network = fv_network_parse(
        context,
        "input 5\nsplit 8 axis=1 uneven=yes\noutput name=a from=split1:4\n"
        "output name=b from=split1:7\n",
        "t");
    assert_ok(context);
    assert_int_equal(fv_network_output_info(network, 0).shape.extent[0], 1);
    assert_int_equal(fv_network_output_info(network, 1).shape.extent[0], 0);
    fv_context_free(context);
}

static void test_refusals(void **state)
{
    (void)state;
    fv_context *context = check_context(FV_F32, 1);
    fv_variable *a = check_leaf(context, &(check_shape)SHAPE(2, 6), 0, 1, 1);
    fv_variable *parts[65];
    assert_int_equal(fv_split(a, 1, 4, NULL, parts), FV_MISUSE);
    assert_error(context, "split: 4 parts have 4 elements, axis 1 has 6");
    for (int32_t k = 0; k < 4; k++) assert_null(parts[k]);
    assert_int_equal(fv_split(a, 1, 2, (const int64_t[]){ -1, 7 }, parts),
                     FV_MISUSE);
    assert_error(context, "split: part 1 has size -1");
    assert_int_equal(
        fv_split(a, 1, 2, (const int64_t[]){ INT64_MAX, INT64_MAX }, parts),
        FV_MISUSE);
    assert_error(context, "split: 2 parts have 9223372036854775807 elements, "
                          "axis 1 has 6");
    assert_int_equal(fv_split(a, 2, 2, NULL, parts), FV_MISUSE);
    assert_error(context, "split: axis 2 is outside 0..1");
    assert_int_equal(fv_split(a, 0, 0, NULL, parts), FV_MISUSE);
    assert_error(context, "split: 0 parts, expected 1 to 64");
    assert_int_equal(fv_split(a, 0, 65, NULL, parts), FV_MISUSE);
    assert_error(context, "split: 65 parts, expected 1 to 64");
    assert_int_equal(fv_split(NULL, 0, 2, NULL, parts), FV_MISUSE);
    assert_null(parts[0]);
    assert_ok(context);
    assert_int_equal(fv_split(WHOLE(context, 1, 2, 3, 4), 0, 2, NULL, parts),
                     FV_OK);
    IS_WHOLE(parts[0], FV_I64, 1, 2);
    IS_WHOLE(parts[1], FV_I64, 3, 4);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_axes),
        cmocka_unit_test(test_equal_parts),
        cmocka_unit_test(test_uneven),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
