/* Views: slices, single indices, permutations, other shapes and types. */
#include "common.h"

#define AXES(...) ((const int32_t[]){ __VA_ARGS__ })

static void one_index(void **state)
{
    fv_context *context = *state;
    fv_tensor k = count_up(context, FV_I64, SHAPE(3, 3, 3));
    fv_tensor view = fv_tensor_at(context, &k, 0, 0);
    check_tensor(&view, FV_I64, SHAPE(3, 3),
                 NUMBERS(0, 1, 2, 3, 4, 5, 6, 7, 8));
    view = fv_tensor_at(context, &k, 1, 1);
    check_tensor(&view, FV_I64, SHAPE(3, 3),
                 NUMBERS(3, 4, 5, 12, 13, 14, 21, 22, 23));
    view = fv_tensor_at(context, &k, -1, -1);
    check_tensor(&view, FV_I64, SHAPE(3, 3),
                 NUMBERS(2, 5, 8, 11, 14, 17, 20, 23, 26));
    view = fv_tensor_at(context, &view, 0, 1);
    view = fv_tensor_at(context, &view, 0, 2);
    check_tensor(&view, FV_I64, 0, NULL, NUMBERS(17));
    check_failed(context, fv_tensor_at(context, &view, 0, 0),
                 "tensor: axis 0 of a tensor of rank 0");
}

static void wrong_indices(void **state)
{
    fv_context *context = *state;
    float data[4] = { 1, 2, 3, 4 };
    fv_tensor square = FV_TENSOR(data, FV_F32, 2, 2);
    check_failed(context, fv_tensor_at(context, &square, 0, 3),
                 "tensor: index 3 of axis 0 is outside 0..1");
    check_failed(context, fv_tensor_at(context, &square, 1, -3),
                 "tensor: index -3 of axis 1 is outside 0..1");
    check_failed(context, fv_tensor_at(context, &square, 0, INT64_MIN),
                 "tensor: index -9223372036854775808 of axis 0 is outside "
                 "0..1");
    check_failed(context, fv_tensor_at(context, &square, 2, 0),
                 "tensor: axis 2 is outside 0..1");
    check_failed(context, fv_tensor_at(context, &square, -3, 0),
                 "tensor: axis -3 is outside 0..1");
    check_failed(context, fv_tensor_slice(context, &square, 0, 3, 4, 1),
                 "slice: start 3 of axis 0 is outside 0..1");
    check_failed(context, fv_tensor_slice(context, &square, 0, 3, 9, 2),
                 "slice: start 3 of axis 0 is outside 0..1");
    check_failed(context, fv_tensor_slice(context, &square, 0, 2, 2, 1),
                 "slice: start 2 of axis 0 is outside 0..1");
    check_failed(context, fv_tensor_slice(context, &square, 1, -3, 2, 1),
                 "slice: start -3 of axis 1 is outside 0..1");
    check_failed(context, fv_tensor_slice(context, &square, 0, 0, 2, 0),
                 "slice: step 0 is below 1");
    check_failed(context, fv_tensor_slice(context, &square, 0, 0, 2, -1),
                 "slice: step -1 is below 1");
    check_failed(context, fv_tensor_slice(context, NULL, 0, 0, 2, 1),
                 "slice: no tensor");
    fv_tensor empty = FV_TENSOR(data, FV_F32, 0, 2);
    check_failed(context, fv_tensor_at(context, &empty, 0, 0),
                 "tensor: index 0 of axis 0, which is empty");
}

static void slices(void **state)
{
    fv_context *context = *state;
    fv_tensor k = count_up(context, FV_U8, SHAPE(3, 3, 3));
    fv_tensor view = fv_tensor_slice(context, &k, 0, 1, 3, 2);
    check_tensor(&view, FV_U8, SHAPE(1, 3, 3),
                 NUMBERS(9, 10, 11, 12, 13, 14, 15, 16, 17));
    view = fv_tensor_slice(context, &k, -1, 0, INT64_MAX, 2);
    check_tensor(&view, FV_U8, SHAPE(3, 3, 2),
                 NUMBERS(0, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18, 20, 21,
                         23, 24, 26));
    fv_tensor line = count_up(context, FV_F64, SHAPE(10));
    view = fv_tensor_slice(context, &line, 0, 0, 10, 2);
    check_tensor(&view, FV_F64, SHAPE(5), NUMBERS(0, 2, 4, 6, 8));
    view = fv_tensor_slice(context, &view, 0, 1, 5, 3);
    check_tensor(&view, FV_F64, SHAPE(2), NUMBERS(2, 8));
    view = fv_tensor_slice(context, &line, 0, -3, -1, 1);
    check_tensor(&view, FV_F64, SHAPE(2), NUMBERS(7, 8));
    view = fv_tensor_slice(context, &line, 0, 9, 99, INT64_MAX);
    check_tensor(&view, FV_F64, SHAPE(1), NUMBERS(9));
    assert_true(fv_tensor_is_contiguous(&view));
    assert_ok(context);
}

/* The axis stays, with extent 0. */
static void empty_slices(void **state)
{
    fv_context *context = *state;
    fv_tensor square = count_up(context, FV_F32, SHAPE(2, 2));
    fv_tensor view = fv_tensor_slice(context, &square, 1, 1, 1, 1);
    check_tensor(&view, FV_F32, SHAPE(2, 0), 0, NULL);
    view = fv_tensor_slice(context, &square, 0, 1, -9, 1);
    check_tensor(&view, FV_F32, SHAPE(0, 2), 0, NULL);
    view = fv_tensor_slice(context, &view, 0, 0, 5, 1);
    check_tensor(&view, FV_F32, SHAPE(0, 2), 0, NULL);
    view = fv_tensor_at(context, &view, 1, 1);
    check_tensor(&view, FV_F32, SHAPE(0), 0, NULL);
    view = fv_tensor_dup(context, &view);
    check_tensor(&view, FV_F32, SHAPE(0), 0, NULL);
    assert_ok(context);
}

static void permutations(void **state)
{
    fv_context *context = *state;
    fv_tensor tensor = count_up(context, FV_F32, SHAPE(1, 2, 3));
    fv_tensor view = fv_tensor_permute(context, &tensor, AXES(2, 0, 1));
    check_tensor(&view, FV_F32, SHAPE(3, 1, 2), NUMBERS(0, 3, 1, 4, 2, 5));
    view = fv_tensor_permute(context, &view, AXES(-2, -1, 0));
    check_tensor(&view, FV_F32, SHAPE(1, 2, 3), NUMBERS(0, 1, 2, 3, 4, 5));
    check_failed(context, fv_tensor_permute(context, &tensor, AXES(0, 1, 1)),
                 "permute: axis 1 is named twice");
    check_failed(context, fv_tensor_permute(context, &tensor, AXES(0, 2, -1)),
                 "permute: axis 2 is named twice");
    check_failed(context, fv_tensor_permute(context, &tensor, AXES(0, 1, 3)),
                 "permute: axis 3 is outside 0..2");
    check_failed(context, fv_tensor_permute(context, &tensor, NULL),
                 "permute: no axes");
}

static void other_shapes(void **state)
{
    fv_context *context = *state;
    fv_tensor k = count_up(context, FV_F64, SHAPE(3, 3, 3));
    fv_tensor given = fv_tensor_reshape(context, &k, SHAPE(9, 3));
    fv_tensor open = fv_tensor_reshape(context, &k, SHAPE(-1, 3));
    assert_ok(context);
    assert_true(fv_tensor_same_shape(&given, &open));
    assert_ptr_equal(open.data, k.data);
    assert_true(number_at(&open, 26) == 26);
    assert_int_equal(open.shape[0], 9);
    fv_tensor number = fv_tensor_reshape(context, &k, SHAPE(27, 1, 1));
    number = fv_tensor_at(context, &number, 0, 5);
    number = fv_tensor_reshape(context, &number, 0, NULL);
    check_tensor(&number, FV_F64, 0, NULL, NUMBERS(5));
    fv_tensor empty = fv_tensor_new(context, FV_F32, SHAPE(0, 3));
    empty = fv_tensor_reshape(context, &empty, SHAPE(4, -1));
    check_tensor(&empty, FV_F32, SHAPE(4, 0), 0, NULL);
}

static void shapes_that_do_not_fit(void **state)
{
    fv_context *context = *state;
    fv_tensor k = count_up(context, FV_F64, SHAPE(3, 3, 3));
    const int64_t ones[9] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    check_failed(context, fv_tensor_reshape(context, &k, SHAPE(10, 10)),
                 "reshape: 27 elements do not fill [10, 10] (100)");
    check_failed(context, fv_tensor_reshape(context, &k, SHAPE(-1, 10)),
                 "reshape: 27 elements do not fill [-1, 10]");
    check_failed(context, fv_tensor_reshape(context, &k, SHAPE(-1, 0)),
                 "reshape: 27 elements do not fill [-1, 0]");
    check_failed(context, fv_tensor_reshape(context, &k, SHAPE(-1, -1)),
                 "reshape: [-1, -1] leaves more than one extent open");
    check_failed(context, fv_tensor_reshape(context, &k, SHAPE(9, -3)),
                 "reshape: [9, -3] has a negative extent");
    check_failed(context,
                 fv_tensor_reshape(context, &k,
                                   SHAPE((int64_t)1 << 40, (int64_t)1 << 40)),
                 "reshape: 27 elements do not fill "
                 "[1099511627776, 1099511627776]");
    check_failed(context, fv_tensor_reshape(context, &k, 9, ones),
                 "reshape: rank 9 is outside 0..8");
    check_failed(context, fv_tensor_reshape(context, &k, 1, NULL),
                 "reshape: no extents");
    fv_tensor turned = fv_tensor_permute(context, &k, AXES(2, 1, 0));
    check_failed(context, fv_tensor_reshape(context, &turned, SHAPE(27)),
                 "reshape: [3, 3, 3] with strides [1, 3, 9] is not "
                 "contiguous");
}

static void broadcasts(void **state)
{
    fv_context *context = *state;
    fv_tensor row = count_up(context, FV_I32, SHAPE(3));
    fv_tensor view = fv_tensor_broadcast(context, &row, SHAPE(3, 3));
    check_tensor(&view, FV_I32, SHAPE(3, 3),
                 NUMBERS(0, 1, 2, 0, 1, 2, 0, 1, 2));
    assert_int_equal(view.stride[0], 0);
    fv_tensor column = fv_tensor_reshape(context, &row, SHAPE(3, 1));
    view = fv_tensor_broadcast(context, &column, SHAPE(2, 3, 2));
    check_tensor(&view, FV_I32, SHAPE(2, 3, 2),
                 NUMBERS(0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2));
    view = fv_tensor_broadcast(context, &column, SHAPE(3, 0));
    check_tensor(&view, FV_I32, SHAPE(3, 0), 0, NULL);
    check_failed(context, fv_tensor_broadcast(context, &row, SHAPE(3, 5)),
                 "broadcast: [3] does not fit [3, 5]");
    fv_tensor square = count_up(context, FV_I32, SHAPE(3, 3));
    check_failed(context, fv_tensor_broadcast(context, &square, SHAPE(4)),
                 "broadcast: [3, 3] does not fit [4]");
    check_failed(context, fv_tensor_broadcast(context, &row, SHAPE(-1, 3)),
                 "broadcast: [3] does not fit [-1, 3]");
    check_failed(context, fv_tensor_broadcast(context, &row, SHAPE(-2, 3)),
                 "broadcast: [-2, 3] has a negative extent");
}

/* [0, 1, 2] in 32 bits is [0, 0, 1, 0, 2, 0] in 16, the low half first. */
static void other_types(void **state)
{
    fv_context *context = *state;
    int32_t data[3] = { 0, 1, 2 };
    int16_t halves[6];
    memcpy(halves, data, sizeof data);
    fv_tensor tensor = FV_TENSOR(data, FV_I32, 3);
    fv_tensor view = fv_tensor_view_as(context, &tensor, FV_I16);
    assert_ptr_equal(view.data, data);
    fv_tensor back = fv_tensor_view_as(context, &view, FV_I32);
    check_tensor(&back, FV_I32, SHAPE(3), NUMBERS(0, 1, 2));
    check_tensor(&view, FV_I16, SHAPE(6),
                 NUMBERS(halves[0], halves[1], halves[2], halves[3], halves[4],
                         halves[5]));
    if (halves[2] == 1)
        check_tensor(&view, FV_I16, SHAPE(6), NUMBERS(0, 0, 1, 0, 2, 0));
    float one[1] = { 1 };
    fv_tensor number = fv_tensor_of(one, FV_F32, 0, NULL);
    number = fv_tensor_view_as(context, &number, FV_I32);
    assert_ok(context);
    assert_int_equal(number.rank, 0);
}

static void types_that_do_not_fit(void **state)
{
    fv_context *context = *state;
    fv_tensor bytes = count_up(context, FV_U8, SHAPE(2, 6));
    check_failed(context, fv_tensor_view_as(context, NULL, FV_F32),
                 "view_as: no tensor");
    check_failed(context, fv_tensor_view_as(context, &bytes, FV_F32),
                 "view_as: the last axis of u8 [2, 6] does not divide into "
                 "f32");
    check_failed(context, fv_tensor_view_as(context, &bytes, (fv_dtype)8),
                 "view_as: unknown element type 8");
    fv_tensor odd = fv_tensor_at(context, &bytes, 0, 0);
    odd = fv_tensor_slice(context, &odd, 0, 1, 5, 1);
    check_failed(context, fv_tensor_view_as(context, &odd, FV_F32),
                 "view_as: the memory is not aligned to the 4 bytes of f32");
    fv_tensor part = fv_tensor_slice(context, &bytes, 1, 0, 4, 1);
    check_failed(context, fv_tensor_view_as(context, &part, FV_I8),
                 "view_as: [2, 4] is not contiguous");
    fv_tensor number = count_up(context, FV_U8, 0, NULL);
    check_failed(context, fv_tensor_view_as(context, &number, FV_I16),
                 "view_as: the last axis of u8 [] does not divide into i16");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(one_index),
        CASE(wrong_indices),
        CASE(slices),
        CASE(empty_slices),
        CASE(permutations),
        CASE(other_shapes),
        CASE(shapes_that_do_not_fit),
        CASE(broadcasts),
        CASE(other_types),
        CASE(types_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
