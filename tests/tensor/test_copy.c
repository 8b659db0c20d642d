/* Element loops over any strides, against one element at a time. */
#include "common.h"

static uint64_t dice = 1;

/* 0 .. sides - 1 */
static int64_t roll(int64_t sides)
{
    dice = dice * 6364136223846793005ULL + 1442695040888963407ULL;
    return (int64_t)((dice >> 33) % (uint64_t)sides);
}

/* A view of new memory with the shape, its axes in some order in memory, some
 * of them cut out of longer ones. */
static fv_tensor scatter(fv_context *context, fv_dtype dtype, int32_t rank,
                         const int64_t shape[])
{
    int32_t axes[FV_MAX_RANK], back[FV_MAX_RANK];
    int64_t extents[FV_MAX_RANK], skip[FV_MAX_RANK];
    for (int32_t i = 0; i < rank; i++) axes[i] = i;
    for (int32_t i = rank - 1; i > 0; i--) {
        int32_t j = (int32_t)roll(i + 1), axis = axes[i];
        axes[i] = axes[j];
        axes[j] = axis;
    }
    for (int32_t i = 0; i < rank; i++) {
        skip[i] = roll(4) == 0 ? roll(3) : 0;
        extents[i] = shape[axes[i]] + skip[i];
        back[axes[i]] = i;
    }
    fv_tensor view = fv_tensor_new(context, dtype, rank, extents);
    for (int64_t i = 0; i < fv_tensor_count(&view); i++)
        set_number(&view, i, (double)roll(100));
    for (int32_t i = 0; i < rank; i++)
        view = fv_tensor_slice(context, &view, i, 0, extents[i] - skip[i], 1);
    return fv_tensor_permute(context, &view, back);
}

static double sum_of(const fv_tensor *tensor)
{
    double sum = 0;
    for (int64_t i = 0; i < fv_tensor_count(tensor); i++)
        sum += number_at(tensor, i);
    return sum;
}

/* What surrounds the target in its memory must not change. */
static double sum_around(const fv_tensor *view, const fv_tensor *whole)
{
    return sum_of(whole) - sum_of(view);
}

static void random_shapes(void **state)
{
    static const fv_dtype types[] = { FV_F32, FV_U8, FV_I16, FV_F64 };
    for (int round = 0; round < 600; round++) {
        fv_context *context = *state;
        int32_t rank = (int32_t)roll(6);
        int64_t shape[FV_MAX_RANK];
        for (int32_t i = 0; i < rank; i++)
            shape[i] = roll(12) == 0 ? 35 + roll(35) : 1 + roll(6);
        fv_dtype dtype = types[roll(4)];
        fv_tensor from = scatter(context, dtype, rank, shape);
        fv_tensor to = scatter(context, dtype, rank, shape);
        assert_ok(context);
        fv__tensor_copy_elements(&to, &from);
        for (int64_t i = 0; i < fv_tensor_count(&to); i++)
            assert_true(number_at(&to, i) == number_at(&from, i));
        if (!fv__dtype_is_real(dtype)) continue;
        fv__tensor_add_elements(&to, &from);
        for (int64_t i = 0; i < fv_tensor_count(&to); i++)
            assert_true(number_at(&to, i) == 2 * number_at(&from, i));
        if (round % 50 == 0) { /* memory is freed with the context */
            end_context(state);
            assert_int_equal(begin_context(state), 0);
        }
    }
}

/* Large enough for many tiles, and extents that no tile divides. */
static void transposes(void **state)
{
    static const fv_dtype types[] = { FV_U8, FV_I16, FV_F32, FV_F64 };
    static const int32_t orders[][4] = {
        { 0, 3, 1, 2 }, { 0, 2, 3, 1 }, { 3, 2, 1, 0 }, { 0, 1, 3, 2 }
    };
    fv_context *context = *state;
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 4; j++) {
            fv_tensor tensor = count_up(context, types[i], SHAPE(2, 37, 41, 3));
            fv_tensor view = fv_tensor_permute(context, &tensor, orders[j]);
            fv_tensor copy = fv_tensor_dup(context, &view);
            assert_true(fv_tensor_is_contiguous(&copy));
            for (int64_t k = 0; k < fv_tensor_count(&copy); k++)
                assert_true(number_at(&copy, k) == number_at(&view, k));
            fv_tensor back = fv_tensor_new(context, types[i], 4, tensor.shape);
            fv_tensor target = fv_tensor_permute(context, &back, orders[j]);
            assert_int_equal(fv_tensor_copy(context, &target, &copy), FV_OK);
            assert_memory_equal(back.data, tensor.data,
                                2 * 37 * 41 * 3 * fv_dtype_bytes(types[i]));
        }
    }
}

static void only_the_target_changes(void **state)
{
    fv_context *context = *state;
    fv_tensor whole = count_up(context, FV_F32, SHAPE(40, 40));
    fv_tensor part = fv_tensor_slice(context, &whole, 0, 2, 39, 3);
    part = fv_tensor_slice(context, &part, 1, 1, 38, 2);
    double around = sum_around(&part, &whole);
    fv_tensor from = count_up(context, FV_F32, part.rank, part.shape);
    fv__tensor_copy_elements(&part, &from);
    assert_true(sum_around(&part, &whole) == around);
    assert_true(sum_of(&part) == sum_of(&from));
    fv__tensor_add_elements(&part, &from);
    assert_true(sum_around(&part, &whole) == around);
    assert_true(sum_of(&part) == 2 * sum_of(&from));
}

static void from_repeated_elements(void **state)
{
    fv_context *context = *state;
    fv_tensor row = count_up(context, FV_F64, SHAPE(1, 3));
    fv_tensor wide = fv_tensor_broadcast(context, &row, SHAPE(4, 2, 3));
    fv_tensor copy = fv_tensor_dup(context, &wide);
    check_tensor(&copy, FV_F64, SHAPE(4, 2, 3),
                 NUMBERS(0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2,
                         0, 1, 2, 0, 1, 2));
    assert_ok(context);
}

static void within_one_memory(void **state)
{
    fv_context *context = *state;
    fv_tensor line = count_up(context, FV_I32, SHAPE(6));
    fv_tensor low = fv_tensor_slice(context, &line, 0, 0, 5, 1);
    fv_tensor high = fv_tensor_slice(context, &line, 0, 1, 6, 1);
    assert_int_equal(fv_tensor_copy(context, &high, &low), FV_OK);
    check_tensor(&line, FV_I32, SHAPE(6), NUMBERS(0, 0, 1, 2, 3, 4));
    assert_int_equal(fv_tensor_copy(context, &low, &high), FV_OK);
    check_tensor(&line, FV_I32, SHAPE(6), NUMBERS(0, 1, 2, 3, 4, 4));
    fv_tensor square = count_up(context, FV_I32, SHAPE(3, 3));
    fv_tensor turned =
        fv_tensor_permute(context, &square, (const int32_t[]){ 1, 0 });
    assert_int_equal(fv_tensor_copy(context, &square, &turned), FV_OK);
    check_tensor(&square, FV_I32, SHAPE(3, 3),
                 NUMBERS(0, 3, 6, 1, 4, 7, 2, 5, 8));
    assert_int_equal(fv_tensor_copy(context, &square, &square), FV_OK);
}

/* Exactly one byte in common, in either order, and none. */
static void one_byte_in_common(void **state)
{
    fv_context *context = *state;
    for (int64_t n = 5; n < 40; n += 17) {
        fv_tensor line = count_up(context, FV_U8, SHAPE(2 * n));
        fv_tensor low = fv_tensor_slice(context, &line, 0, 0, n, 1);
        fv_tensor high =
            fv_tensor_slice(context, &line, 0, n - 1, 2 * n - 1, 1);
        fv_tensor apart = fv_tensor_slice(context, &line, 0, n, 2 * n, 1);
        assert_true(fv__tensor_overlap(&low, &high));
        assert_true(fv__tensor_overlap(&high, &low));
        assert_false(fv__tensor_overlap(&low, &apart));
        assert_false(fv__tensor_overlap(&apart, &low));
        assert_int_equal(fv_tensor_copy(context, &high, &low), FV_OK);
        for (int64_t i = 0; i < n; i++)
            assert_true(number_at(&high, i) == (double)i);
        line = count_up(context, FV_U8, SHAPE(2 * n));
        low.data = line.data;
        high.data = (unsigned char *)line.data + n - 1;
        assert_int_equal(fv_tensor_copy(context, &low, &high), FV_OK);
        for (int64_t i = 0; i < n; i++)
            assert_true(number_at(&low, i) == (double)(n - 1 + i));
        /* the last byte of a number of four is the first of the other's */
        fv_tensor word = fv_tensor_of(line.data, FV_I32, 0, NULL);
        for (int64_t at = 2; at < 6; at++) {
            fv_tensor byte = fv_tensor_slice(context, &line, 0, at, at + 1, 1);
            assert_int_equal(fv__tensor_overlap(&word, &byte), at < 4);
            assert_int_equal(fv__tensor_overlap(&byte, &word), at < 4);
        }
        fv_tensor none = fv_tensor_slice(context, &line, 0, 2, 2, 1);
        assert_false(fv__tensor_overlap(&word, &none));
        assert_false(fv__tensor_overlap(&none, &word));
    }
}

static void wrong_copies(void **state)
{
    fv_context *context = *state;
    fv_tensor three = count_up(context, FV_I32, SHAPE(1, 3));
    fv_tensor four = count_up(context, FV_I32, SHAPE(4));
    fv_tensor other = count_up(context, FV_F32, SHAPE(4));
    fv_tensor wide = fv_tensor_broadcast(context, &four, SHAPE(2, 4));
    fv_tensor from = count_up(context, FV_I32, SHAPE(2, 4));
    assert_int_equal(fv_tensor_copy(context, &four, &three), FV_MISUSE);
    assert_error(context, "copy: [1, 3] does not fit [4]");
    assert_int_equal(fv_tensor_copy(context, &four, &other), FV_MISUSE);
    assert_error(context, "copy: f32 elements into i32");
    assert_int_equal(fv_tensor_copy(context, &wide, &from), FV_MISUSE);
    assert_error(context, "copy: axis 0 of the target repeats one element");
    assert_int_equal(fv_tensor_copy(context, NULL, &from), FV_MISUSE);
    assert_error(context, "copy: no tensor");
    check_tensor(&four, FV_I32, SHAPE(4), NUMBERS(0, 1, 2, 3));
    fv_tensor none = fv_tensor_new(context, FV_I32, SHAPE(0, 4));
    assert_int_equal(fv_tensor_copy(context, &none, &none), FV_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(random_shapes),
        CASE(transposes),
        CASE(only_the_target_changes),
        CASE(from_repeated_elements),
        CASE(within_one_memory),
        CASE(one_byte_in_common),
        CASE(wrong_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
