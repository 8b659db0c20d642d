/* Numbers between element types: those that fit, and those that do not. */
#include "common.h"

static const fv_dtype all[] = { FV_F32, FV_F64, FV_U8, FV_I8,
                                FV_I16, FV_I32, FV_I64 };
enum { TYPES = sizeof all / sizeof all[0] };

static void towards_zero(void **state)
{
    fv_context *context = *state;
    float numbers[] = { 3.4F, 4.15F, 7.6F, -3.9F, -0.9F };
    fv_tensor tensor = FV_TENSOR(numbers, FV_F32, 5);
    fv_tensor result = fv_tensor_convert(context, &tensor, FV_I32);
    check_tensor(&result, FV_I32, SHAPE(5), NUMBERS(3, 4, 7, -3, 0));
    fv_tensor_free(context, &result);
    assert_ok(context);
}

/* Every pair of types, through views, more than a block of numbers. */
static void every_pair(void **state)
{
    fv_context *context = *state;
    for (int i = 0; i < TYPES; i++) {
        fv_tensor whole = fv_tensor_new(context, all[i], SHAPE(5, 301, 3));
        for (int64_t j = 0; j < fv_tensor_count(&whole); j++)
            set_number(&whole, j, (double)(j * 31 % 127));
        fv_tensor part = fv_tensor_slice(context, &whole, 1, 1, 300, 1);
        fv_tensor from =
            fv_tensor_permute(context, &part, (const int32_t[]){ 2, 1, 0 });
        for (int j = 0; j < TYPES; j++) {
            fv_tensor to = fv_tensor_convert(context, &from, all[j]);
            assert_ok(context);
            assert_int_equal(to.dtype, all[j]);
            assert_true(fv_tensor_same_shape(&to, &from));
            for (int64_t k = 0; k < fv_tensor_count(&to); k++)
                assert_true(number_at(&to, k) == number_at(&from, k));
        }
    }
}

/* The ends of each integer type fit, what lies beyond does not. */
static void ends_of_the_types(void **state)
{
    fv_context *context = *state;
    static const struct {
        fv_dtype dtype;
        double low, high;
    } ends[] = { { FV_U8, 0, 255 },
                 { FV_BOOL, 0, 1 },
                 { FV_I8, -128, 127 },
                 { FV_I16, -32768, 32767 },
                 { FV_I32, -2147483648.0, 2147483647.0 },
                 { FV_I64, -0x1p63, 0x1.fffffffffffffp62 } };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        double inside[] = { ends[i].low, ends[i].high };
        fv_tensor tensor = FV_TENSOR(inside, FV_F64, 2);
        fv_tensor result = fv_tensor_convert(context, &tensor, ends[i].dtype);
        check_tensor(&result, ends[i].dtype, SHAPE(2), 2, inside);
        double wrong[] = { ends[i].high * 2,    ends[i].high + 1,
                           ends[i].low * 2 - 1, ends[i].low - 1,
                           (double)NAN,         (double)INFINITY,
                           -(double)INFINITY };
        for (size_t j = 0; j < sizeof wrong / sizeof wrong[0]; j++) {
            if (wrong[j] >= ends[i].low && wrong[j] <= ends[i].high)
                continue; /* i64: the step was lost in rounding */
            tensor = fv_tensor_of(&wrong[j], FV_F64, 0, NULL);
            result = fv_tensor_convert(context, &tensor, ends[i].dtype);
            assert_int_equal(result.rank, -1);
            assert_int_equal(fv_failed(context), FV_MISUSE);
            fv_clear_error(context);
        }
    }
}

/* The same from whole numbers. */
static void ends_for_whole_numbers(void **state)
{
    fv_context *context = *state;
    static const struct {
        fv_dtype dtype;
        int64_t low, high;
    } ends[] = { { FV_U8, 0, UINT8_MAX },
                 { FV_I8, INT8_MIN, INT8_MAX },
                 { FV_I16, INT16_MIN, INT16_MAX },
                 { FV_I32, INT32_MIN, INT32_MAX } };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        int64_t numbers[] = { ends[i].low, ends[i].high };
        fv_tensor tensor = FV_TENSOR(numbers, FV_I64, 2);
        fv_tensor result = fv_tensor_convert(context, &tensor, ends[i].dtype);
        check_tensor(&result, ends[i].dtype, SHAPE(2),
                     NUMBERS((double)ends[i].low, (double)ends[i].high));
        for (int beyond = 0; beyond < 2; beyond++) {
            numbers[0] = beyond ? ends[i].high + 1 : ends[i].low - 1;
            assert_int_equal(
                fv_tensor_convert(context, &tensor, ends[i].dtype).rank, -1);
            assert_int_equal(fv_failed(context), FV_MISUSE);
            fv_clear_error(context);
        }
    }
}

static void fractions_beyond_the_ends(void **state)
{
    fv_context *context = *state;
    double numbers[] = { 255.9, -0.9 };
    fv_tensor tensor = FV_TENSOR(numbers, FV_F64, 2);
    fv_tensor result = fv_tensor_convert(context, &tensor, FV_U8);
    check_tensor(&result, FV_U8, SHAPE(2), NUMBERS(255, 0));
}

static void floats(void **state)
{
    fv_context *context = *state;
    double numbers[] = {
        (double)NAN,          (double)INFINITY, -(double)INFINITY,
        0x1.fffffeffffffp127, 1e-300,           0.1
    };
    fv_tensor tensor = FV_TENSOR(numbers, FV_F64, 6);
    fv_tensor result = fv_tensor_convert(context, &tensor, FV_F32);
    check_tensor(&result, FV_F32, SHAPE(6),
                 NUMBERS((double)NAN, (double)INFINITY, -(double)INFINITY,
                         0x1.fffffep127, 0, (double)0.1F));
    int64_t wide[] = { INT64_MAX, -(((int64_t)1 << 53) + 1) };
    tensor = FV_TENSOR(wide, FV_I64, 2);
    result = fv_tensor_convert(context, &tensor, FV_F64);
    check_tensor(&result, FV_F64, SHAPE(2), NUMBERS(0x1p63, -0x1p53));
    result = fv_tensor_convert(context, &tensor, FV_I64);
    assert_memory_equal(result.data, wide, sizeof wide);
}

static void sentences(void **state)
{
    fv_context *context = *state;
    int64_t wide[] = { 1, 255, 300, -1, INT64_MAX, INT64_MIN };
    fv_tensor tensor = FV_TENSOR(wide, FV_I64, 2, 3);
    check_failed(context, fv_tensor_convert(context, &tensor, FV_U8),
                 "convert: element [0, 2] is 300, outside 0..255 of u8");
    check_failed(context, fv_tensor_convert(context, &tensor, FV_I32),
                 "convert: element [1, 1] is 9223372036854775807, outside "
                 "-2147483648..2147483647 of i32");
    double numbers[] = { 1, (double)NAN, 1e39, 1e19 };
    fv_tensor line = FV_TENSOR(numbers, FV_F64, 4);
    check_failed(context, fv_tensor_convert(context, &line, FV_I8),
                 "convert: element [1] is nan, outside -128..127 of i8");
    check_failed(context, fv_tensor_convert(context, &line, FV_F32),
                 "convert: element [2] is 1e+39, outside "
                 "-3.40282e+38..3.40282e+38 of f32");
    fv_tensor last = fv_tensor_at(context, &line, 0, 3);
    check_failed(context, fv_tensor_convert(context, &last, FV_I64),
                 "convert: element [] is 1e+19, outside "
                 "-9223372036854775808..9223372036854775807 of i64");
    check_failed(context, fv_tensor_convert(context, &last, FV_I16),
                 "convert: element [] is 1e+19, outside -32768..32767 of "
                 "i16");
    check_failed(context, fv_tensor_convert(context, &line, (fv_dtype)8),
                 "tensor: unknown element type 8");
    check_failed(context, fv_tensor_convert(context, NULL, FV_U8),
                 "convert: no tensor");
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
}

/* The index is that of the view, wherever in a block it lies. */
static void the_first_misfit(void **state)
{
    fv_context *context = *state;
    fv_tensor whole = fv_tensor_new(context, FV_F32, SHAPE(700, 2));
    set_number(&whole, 2 * 555 + 1, 1e9);
    set_number(&whole, 2 * 600, -1e9);
    fv_tensor turned =
        fv_tensor_permute(context, &whole, (const int32_t[]){ 1, 0 });
    check_failed(context, fv_tensor_convert(context, &turned, FV_I16),
                 "convert: element [0, 600] is -1000000000, outside "
                 "-32768..32767 of i16");
    check_failed(context, fv_tensor_convert(context, &whole, FV_I16),
                 "convert: element [555, 1] is 1000000000, outside "
                 "-32768..32767 of i16");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(towards_zero),
        CASE(every_pair),
        CASE(ends_of_the_types),
        CASE(ends_for_whole_numbers),
        CASE(fractions_beyond_the_ends),
        CASE(floats),
        CASE(sentences),
        CASE(the_first_misfit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
