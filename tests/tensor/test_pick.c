/* Rows picked by index, and the largest element of an axis. */
#include "common.h"

static void elements_and_rows(void **state)
{
    fv_context *context = *state;
    double tens[] = { 10, 20, 30, 40, 50 };
    int64_t one_three[] = { 1, 3 };
    fv_tensor line = FV_TENSOR(tens, FV_F64, 5);
    fv_tensor index = FV_TENSOR(one_three, FV_I64, 2);
    fv_tensor taken = fv_tensor_take(context, &line, &index);
    check_tensor(&taken, FV_F64, SHAPE(2), NUMBERS(20, 40));

    float digits[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    uint8_t ends[] = { 0, 2 };
    fv_tensor square = FV_TENSOR(digits, FV_F32, 3, 3);
    index = FV_TENSOR(ends, FV_U8, 2);
    taken = fv_tensor_take(context, &square, &index);
    check_tensor(&taken, FV_F32, SHAPE(2, 3), NUMBERS(1, 2, 3, 7, 8, 9));
    digits[0] = 99;
    assert_true(number_at(&taken, 0) == 1); /* a copy */

    fv_tensor turned =
        fv_tensor_permute(context, &square, (const int32_t[]){ 1, 0 });
    int16_t last[] = { -1 };
    index = fv_tensor_of(last, FV_I16, 0, NULL);
    taken = fv_tensor_take(context, &turned, &index);
    check_tensor(&taken, FV_F32, SHAPE(3), NUMBERS(3, 6, 9));
    assert_ok(context);
}

static void an_index_of_rank_two(void **state)
{
    fv_context *context = *state;
    int32_t pairs[] = { 0, 0, 0, 1, 1, 0, 1, 1 };
    int8_t which[] = { 0, 3, 2, 1, 2, 2, 0, 3, 2, 1, 0, 1, 2, 3, 2, 0, 0, 1 };
    fv_tensor tensor = FV_TENSOR(pairs, FV_I32, 4, 2);
    fv_tensor index = FV_TENSOR(which, FV_I8, 6, 3);
    fv_tensor taken = fv_tensor_take(context, &tensor, &index);
    check_tensor(&taken, FV_I32, SHAPE(6, 3, 2),
                 NUMBERS(0, 0, 1, 1, 1, 0, 0, 1, 1, 0, 1, 0, 0, 0, 1, 1, 1, 0,
                         0, 1, 0, 0, 0, 1, 1, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1));
    fv_tensor turned =
        fv_tensor_permute(context, &index, (const int32_t[]){ 1, 0 });
    turned = fv_tensor_slice(context, &turned, 1, 1, 6, 4);
    taken = fv_tensor_take(context, &tensor, &turned); /* 1 0; 2 0; 2 1 */
    check_tensor(&taken, FV_I32, SHAPE(3, 2, 2),
                 NUMBERS(0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1));
    fv_tensor none = fv_tensor_slice(context, &index, 0, 0, 0, 1);
    taken = fv_tensor_take(context, &tensor, &none);
    check_tensor(&taken, FV_I32, SHAPE(0, 3, 2), 0, NULL);
    assert_ok(context);
}

static void wrong_rows(void **state)
{
    fv_context *context = *state;
    fv_tensor tensor = count_up(context, FV_F32, SHAPE(3, 2));
    int64_t rows[] = { 0, 5, 1 };
    fv_tensor index = FV_TENSOR(rows, FV_I64, 3);
    check_failed(context, fv_tensor_take(context, &tensor, &index),
                 "take: index 5 of axis 0 is outside 0..2");
    rows[1] = -4;
    check_failed(context, fv_tensor_take(context, &tensor, &index),
                 "take: index -4 of axis 0 is outside 0..2");
    check_failed(context, fv_tensor_take(context, &tensor, &tensor),
                 "take: indices are f32, not integers");
    fv_tensor number = fv_tensor_new(context, FV_F32, 0, NULL);
    check_failed(context, fv_tensor_take(context, &number, &index),
                 "take: a tensor of rank 0 has no rows");
    fv_tensor deep =
        fv_tensor_new(context, FV_I64, SHAPE(1, 1, 1, 1, 1, 1, 1, 1));
    check_failed(context, fv_tensor_take(context, &tensor, &deep),
                 "take: the result would have rank 9, above 8");
    fv_tensor empty = fv_tensor_new(context, FV_F32, SHAPE(0, 2));
    check_failed(context, fv_tensor_take(context, &empty, &index),
                 "take: index 0 of axis 0, which is empty");
}

/* Ranks 1 to 4, each axis, against the definition. */
static void largest_along_each_axis(void **state)
{
    fv_context *context = *state;
    const int64_t extents[4] = { 3, 2, 5, 4 };
    for (int32_t rank = 1; rank <= 4; rank++) {
        fv_tensor tensor = fv_tensor_new(context, FV_F32, rank, extents);
        int64_t count = fv_tensor_count(&tensor);
        for (int64_t i = 0; i < count; i++)
            set_number(&tensor, i, (double)(i * 7919 % 23)); /* some equal */
        for (int32_t axis = 0; axis < rank; axis++) {
            fv_tensor most = fv_tensor_argmax(context, &tensor, axis);
            assert_ok(context);
            assert_int_equal(most.dtype, FV_I64);
            assert_int_equal(most.rank, rank - 1);
            int64_t step = tensor.stride[axis];
            for (int64_t i = 0; i < fv_tensor_count(&most); i++) {
                int64_t start = i / step * step * extents[axis] + i % step;
                int64_t best = 0;
                for (int64_t j = 1; j < extents[axis]; j++)
                    if (number_at(&tensor, start + j * step)
                        > number_at(&tensor, start + best * step))
                        best = j;
                assert_int_equal(((int64_t *)most.data)[i], best);
            }
        }
    }
}

static void largest_of_odd_numbers(void **state)
{
    fv_context *context = *state;
    double numbers[] = { 1,
                         (double)NAN,
                         9,
                         (double)NAN,
                         -(double)INFINITY,
                         -(double)INFINITY,
                         -(double)INFINITY,
                         -(double)INFINITY };
    fv_tensor tensor = FV_TENSOR(numbers, FV_F64, 2, 4);
    fv_tensor most = fv_tensor_argmax(context, &tensor, -1);
    check_tensor(&most, FV_I64, SHAPE(2), NUMBERS(1, 0));
    int64_t near[] = { INT64_MAX - 1, INT64_MAX, INT64_MIN, INT64_MIN };
    fv_tensor integers = FV_TENSOR(near, FV_I64, 2, 2);
    most = fv_tensor_argmax(context, &integers, 1);
    check_tensor(&most, FV_I64, SHAPE(2), NUMBERS(1, 0));
    fv_tensor turned =
        fv_tensor_permute(context, &integers, (const int32_t[]){ 1, 0 });
    most = fv_tensor_argmax(context, &turned, 0);
    check_tensor(&most, FV_I64, SHAPE(2), NUMBERS(1, 0));
    uint8_t labels[] = { 3, 200, 200 };
    fv_tensor bytes = FV_TENSOR(labels, FV_U8, 3);
    most = fv_tensor_argmax(context, &bytes, 0);
    check_tensor(&most, FV_I64, 0, NULL, NUMBERS(1));
}

static void wrong_axes(void **state)
{
    fv_context *context = *state;
    fv_tensor tensor = fv_tensor_new(context, FV_F32, SHAPE(2, 0));
    check_failed(context, fv_tensor_argmax(context, &tensor, 1),
                 "argmax: axis 1 is empty");
    check_failed(context, fv_tensor_argmax(context, &tensor, 2),
                 "argmax: axis 2 is outside 0..1");
    check_failed(context, fv_tensor_argmax(context, NULL, 0),
                 "argmax: no tensor");
    fv_tensor none = fv_tensor_argmax(context, &tensor, 0);
    check_tensor(&none, FV_I64, SHAPE(0), 0, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(elements_and_rows),
        CASE(an_index_of_rank_two),
        CASE(wrong_rows),
        CASE(largest_along_each_axis),
        CASE(largest_of_odd_numbers),
        CASE(wrong_axes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
