/* Element types, shapes, storage, single elements and picked ones. */
#include "common.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void element_types(void **state)
{
    (void)state;
    static const struct {
        fv_dtype dtype;
        size_t bytes;
        const char *name;
    } known[] = { { FV_F32, 4, "f32" }, { FV_F64, 8, "f64" },
                  { FV_U8, 1, "u8" },   { FV_I8, 1, "i8" },
                  { FV_I16, 2, "i16" }, { FV_I32, 4, "i32" },
                  { FV_I64, 8, "i64" }, { FV_BOOL, 1, "bool" } };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        assert_int_equal(fv_dtype_bytes(known[i].dtype), known[i].bytes);
        assert_string_equal(fv_dtype_name(known[i].dtype), known[i].name);
    }
    assert_int_equal(fv_dtype_bytes((fv_dtype)8), 0);
    assert_string_equal(fv_dtype_name((fv_dtype)8), "unknown");
}

static void over_the_callers_memory(void **state)
{
    (void)state;
    float data[24];
    fv_tensor tensor = FV_TENSOR(data, FV_F32, 2, 3, 4);
    assert_ptr_equal(tensor.data, data);
    assert_int_equal(tensor.rank, 3);
    assert_int_equal(tensor.stride[0], 12);
    assert_int_equal(tensor.stride[1], 4);
    assert_int_equal(tensor.stride[2], 1);
    assert_int_equal(fv_tensor_count(&tensor), 24);
    assert_true(fv_tensor_is_contiguous(&tensor));

    fv_tensor number = fv_tensor_of(data, FV_F32, 0, NULL);
    assert_int_equal(number.rank, 0);
    assert_int_equal(fv_tensor_count(&number), 1);
    assert_true(fv_tensor_is_contiguous(&number));

    fv_tensor empty = FV_TENSOR(data, FV_F32, 2, 0, 4);
    assert_int_equal(fv_tensor_count(&empty), 0);
    assert_int_equal(empty.stride[0], 4);
    assert_true(fv_tensor_is_contiguous(&empty));
}

static void impossible_shapes_give_the_failed_tensor(void **state)
{
    (void)state;
    float data[1];
    const int64_t ones[9] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    const int64_t huge[2] = { (int64_t)1 << 40, (int64_t)1 << 40 };
    const int64_t hidden[3] = { 0, (int64_t)1 << 40, (int64_t)1 << 40 };
    fv_tensor wrong[] = { FV_TENSOR(data, FV_F32, 2, -1),
                          fv_tensor_of(data, FV_F32, -1, ones),
                          fv_tensor_of(data, FV_F32, 9, ones),
                          fv_tensor_of(data, FV_F32, 1, NULL),
                          fv_tensor_of(data, (fv_dtype)8, 1, ones),
                          fv_tensor_of(data, FV_F32, 2, huge),
                          fv_tensor_of(data, FV_F32, 3, hidden) };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(wrong[i].rank, -1);
        assert_null(wrong[i].data);
        assert_int_equal(fv_tensor_count(&wrong[i]), 0);
        assert_false(fv_tensor_is_contiguous(&wrong[i]));
        assert_false(fv_tensor_same_shape(&wrong[i], &wrong[i]));
    }
    assert_int_equal(fv_tensor_of(data, FV_F32, 8, ones).rank, 8);
    assert_int_equal(fv_tensor_count(NULL), 0);
    assert_false(fv_tensor_is_contiguous(NULL));
    assert_false(fv_tensor_same_shape(NULL, &wrong[0]));
}

/* Row-major [2, 1] and column-major [1, 2], the latter by hand. */
static void strides(void **state)
{
    fv_tensor rows = fv_tensor_new(*state, FV_F32, SHAPE(2, 2));
    assert_int_equal(rows.stride[0], 2);
    assert_int_equal(rows.stride[1], 1);
    float data[4] = { 0, 1, 2, 3 };
    fv_tensor columns = FV_TENSOR(data, FV_F32, 2, 2);
    columns.stride[0] = 1;
    columns.stride[1] = 2;
    assert_false(fv_tensor_is_contiguous(&columns));
    assert_true(fv_tensor_same_shape(&rows, &columns));
    check_tensor(&columns, FV_F32, SHAPE(2, 2), NUMBERS(0, 2, 1, 3));
    fv_tensor thin = FV_TENSOR(data, FV_F32, 4, 1);
    thin.stride[1] = 77; /* never used */
    assert_true(fv_tensor_is_contiguous(&thin));
}

static void new_memory_is_zero_aligned_and_counted(void **state)
{
    fv_context *context = *state;
    fv_memory before = fv_context_memory(context);
    fv_tensor tensor = fv_tensor_new(context, FV_F64, SHAPE(3, 5));
    assert_ok(context);
    assert_int_equal((uintptr_t)tensor.data % 64, 0);
    for (int64_t i = 0; i < 15; i++) assert_true(number_at(&tensor, i) == 0);
    assert_true(fv_context_memory(context).data_bytes >= 120);
    assert_int_equal(fv_context_memory(context).bytes, before.bytes);
    fv_tensor_free(context, &tensor);
    assert_ok(context);
    assert_null(tensor.data);
    assert_int_equal(tensor.rank, -1);
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    fv_tensor_free(context, &tensor); /* freed before */
    fv_tensor_free(context, NULL);
    fv_tensor number = fv_tensor_new(context, FV_U8, 0, NULL);
    fv_tensor empty = fv_tensor_new(context, FV_U8, SHAPE(0, 5));
    assert_ok(context);
    assert_int_equal(number.rank, 0);
    assert_non_null(empty.data);
    fv_tensor_free(context, &empty);
    assert_ok(context); /* `number` goes with the context */
}

static void impossible_new_memory(void **state)
{
    fv_context *context = *state;
    const int64_t ones[9] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    check_failed(context, fv_tensor_new(context, FV_F32, 9, ones),
                 "tensor: rank 9 is outside 0..8");
    check_failed(context, fv_tensor_new(context, FV_F32, -1, ones),
                 "tensor: rank -1 is outside 0..8");
    check_failed(context, fv_tensor_new(context, FV_F32, 2, NULL),
                 "tensor: no extents");
    check_failed(context, fv_tensor_new(context, FV_F32, SHAPE(3, -4)),
                 "tensor: extent -4 of axis 1 is negative");
    check_failed(context, fv_tensor_new(context, (fv_dtype)8, 1, ones),
                 "tensor: unknown element type 8");
    check_failed(context,
                 fv_tensor_new(context, FV_F32, SHAPE(1048576, 1048576, 1024)),
                 "tensor: f32 [1048576, 1048576, 1024] has too many elements");
    fv_tensor over = fv_tensor_new(context, FV_F64, SHAPE((int64_t)1 << 46));
    assert_int_equal(over.rank, -1);
    assert_int_equal(fv_failed(context), FV_LIMIT);
}

static void freeing_what_is_not_whole(void **state)
{
    fv_context *context = *state;
    fv_tensor tensor = fv_tensor_new(context, FV_U8, SHAPE(300));
    fv_tensor odd = fv_tensor_slice(context, &tensor, 0, 3, 9, 1);
    fv_tensor line = fv_tensor_slice(context, &tensor, 0, 64, 99, 1);
    const char *sentence = "tensor: freed through a view or in another context";
    fv_tensor_free(context, &odd);
    check_failed(context, odd, sentence);
    fv_tensor_free(context, &line);
    check_failed(context, line, sentence);
    fv_tensor whole = tensor;
    fv_context *other = fv_context_new(NULL);
    fv_tensor_free(other, &whole);
    check_failed(other, whole, sentence);
    fv_context_free(other);
    fv_tensor kept = tensor;
    kept.rank = -1; /* the failed tensor has no memory, whatever it says */
    fv_tensor_free(context, &kept);
    kept = tensor;
    fv_tensor_free(NULL, &kept);
    assert_int_equal(kept.rank, -1);
    fv_tensor first = fv_tensor_slice(context, &tensor, 0, 0, 1, 1);
    fv_tensor_free(context, &first); /* the same memory, hence the owner */
    assert_ok(context);
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    assert_int_equal(fv_tensor_copy(context, &odd, &odd), FV_MISUSE);
    assert_error(context, "copy: no tensor");
}

/* Nothing is read before memory of the caller, which may be all that there is:
 * a page behind one that nobody may read. */
static void freeing_what_the_caller_owns(void **state)
{
    fv_context *context = *state;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *pages = NULL;
    assert_int_equal(posix_memalign(&pages, page, 2 * page), 0);
    assert_int_equal(mprotect(pages, page, PROT_NONE), 0);
    fv_tensor tensor = FV_TENSOR((char *)pages + page, FV_F32, 16);
    fv_tensor_free(context, &tensor);
    assert_int_equal(mprotect(pages, page, PROT_READ | PROT_WRITE), 0);
    free(pages);
    check_failed(context, tensor,
                 "tensor: freed through a view or in another context");
}

/* From the middle of what was made, and twice through a copy. */
static void freeing_in_any_order(void **state)
{
    fv_context *context = *state;
    fv_tensor made[5];
    for (int i = 0; i < 5; i++)
        made[i] = fv_tensor_new(context, FV_F32, SHAPE(9));
    fv_tensor copy = made[2];
    const int order[] = { 2, 0, 4, 1, 3 };
    for (int i = 0; i < 5; i++) fv_tensor_free(context, &made[order[i]]);
    assert_ok(context);
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    fv_tensor_free(context, &copy);
    check_failed(context, copy,
                 "tensor: freed through a view or in another context");
}

static void freeing_while_a_failure_is_pending(void **state)
{
    fv_context *context = *state;
    fv_tensor tensor = fv_tensor_new(context, FV_U8, SHAPE(300));
    fv_fail(context, FV_MISUSE, "test: pending");
    fv_tensor_free(context, &tensor);
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    assert_error(context, "test: pending");
}

static void a_copy_is_independent_and_a_view_is_not(void **state)
{
    fv_context *context = *state;
    fv_tensor tensor = count_up(context, FV_I16, SHAPE(2, 3));
    fv_tensor copy = fv_tensor_dup(context, &tensor);
    fv_tensor view = fv_tensor_at(context, &tensor, 0, 1);
    set_number(&tensor, 4, 99);
    check_tensor(&copy, FV_I16, SHAPE(2, 3), NUMBERS(0, 1, 2, 3, 4, 5));
    check_tensor(&view, FV_I16, SHAPE(3), NUMBERS(3, 99, 5));
    fv_tensor turned =
        fv_tensor_permute(context, &copy, (const int32_t[]){ 1, 0 });
    fv_tensor straight = fv_tensor_dup(context, &turned);
    assert_true(fv_tensor_is_contiguous(&straight));
    check_tensor(&straight, FV_I16, SHAPE(3, 2), NUMBERS(0, 3, 1, 4, 2, 5));
    check_failed(context, fv_tensor_dup(context, NULL), "dup: no tensor");
}

static void single_elements(void **state)
{
    fv_context *context = *state;
    fv_tensor tensor = count_up(context, FV_F32, SHAPE(2, 3));
#define GET(...)                                                               \
    fv_tensor_get(context, &tensor, (const int64_t[]){ __VA_ARGS__ })
    assert_true(GET(1, 2) == 5);
    assert_true(GET(-1, -3) == 3);
    assert_ok(context);
    assert_true(isnan(GET(2, 0)));
    assert_error(context, "tensor: index 2 of axis 0 is outside 0..1");
    assert_true(isnan(GET(0, -4)));
    assert_error(context, "tensor: index -4 of axis 1 is outside 0..2");
    assert_true(isnan(fv_tensor_get(context, &tensor, NULL)));
    assert_error(context, "tensor: no index");
    fv_tensor line = fv_tensor_at(context, &tensor, 0, 1);
    assert_true(isnan(fv_tensor_get(context, &line, NULL)));
    assert_error(context, "tensor: no index");
    assert_true(isnan(fv_tensor_get(context, NULL, NULL)));
    assert_error(context, "tensor: no tensor");
    fv_tensor number = count_up(context, FV_I64, 0, NULL);
    set_number(&number, 0, -7);
    assert_true(fv_tensor_get(context, &number, NULL) == -7);
    for (int type = FV_F32; type <= FV_I64; type++) {
        const fv_tensor some = count_up(context, (fv_dtype)type, SHAPE(2, 3));
        assert_true(fv_tensor_get(context, &some, (int64_t[]){ 1, 2 }) == 5);
    }
    fv_tensor lost = FV_TENSOR(NULL, FV_F32, 2);
    assert_true(isnan(fv_tensor_get(context, &lost, (int64_t[]){ 0 })));
    assert_error(context, "tensor: the tensor has no memory");
    lost.dtype = (fv_dtype)9;
    assert_true(isnan(fv_tensor_get(context, &lost, (int64_t[]){ 0 })));
    assert_error(context, "tensor: unknown element type 9");
}

/* A tensor is an open struct: one that no maker gave may be anything. */
static void impossible_extents_are_refused(void **state)
{
    fv_context *context = *state;
    float memory[4] = { 0 };
    fv_tensor tensor = FV_TENSOR(memory, FV_F32, 2, 2);
    tensor.shape[0] = -2;
    assert_int_equal(fv_tensor_dup(context, &tensor).rank, -1);
    assert_error(context, "dup: shape [-2, 2] has a negative extent or too "
                          "many elements");
    tensor.shape[0] = INT64_C(1) << 46;
    assert_int_equal(fv_tensor_copy(context, &tensor, &tensor), FV_MISUSE);
    assert_error(context, "copy: shape [70368744177664, 2] has a negative "
                          "extent or too many elements");
}

static void nothing_happens_while_a_failure_is_pending(void **state)
{
    fv_context *context = *state;
    fv_tensor tensor = count_up(context, FV_F32, SHAPE(2, 3));
    fv_fail(context, FV_MISUSE, "test: pending");
    const int64_t three[1] = { 3 };
    assert_int_equal(fv_tensor_new(context, FV_F32, 1, three).rank, -1);
    assert_int_equal(fv_tensor_dup(context, &tensor).rank, -1);
    assert_int_equal(fv_tensor_at(context, &tensor, 0, 0).rank, -1);
    assert_int_equal(fv_tensor_convert(context, &tensor, FV_U8).rank, -1);
    assert_int_equal(fv_tensor_argmax(context, &tensor, 0).rank, -1);
    assert_int_equal(fv_tensor_copy(context, &tensor, &tensor), FV_MISUSE);
    assert_int_equal(fv_tensor_new(NULL, FV_F32, 1, three).rank, -1);
    assert_int_equal(fv_tensor_dup(NULL, &tensor).rank, -1);
    assert_error(context, "test: pending");
}

static void shapes_as_text(void **state)
{
    (void)state;
    char text[FV__SHAPE_BYTES];
    const int64_t shape[8] = { 2,         3,         4,         INT64_MIN,
                               INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN };
    assert_string_equal(fv__shape_text(text, sizeof text, 3, shape),
                        "[2, 3, 4]");
    assert_string_equal(fv__shape_text(text, sizeof text, 1, shape), "[2]");
    assert_string_equal(fv__shape_text(text, sizeof text, 0, shape), "[]");
    assert_string_equal(fv__shape_text(text, 5, 3, shape), "[2, ");
    assert_string_equal(fv__shape_text(text, 1, 3, shape), "");
    fv__shape_text(text, sizeof text, 8, shape);
    assert_int_equal(text[strlen(text) - 1], ']');
}

static void broadcast_shapes(void **state)
{
    (void)state;
    static const struct {
        int32_t rank[3]; /* of the result -1: none */
        int64_t shape[3][3];
    } cases[] = {
        { { 2, 1, 2 }, { { 3, 4 }, { 4 }, { 3, 4 } } },
        { { 1, 2, 2 }, { { 4 }, { 3, 4 }, { 3, 4 } } },
        { { 2, 2, 2 }, { { 3, 1 }, { 1, 5 }, { 3, 5 } } },
        { { 0, 3, 3 }, { { 0 }, { 2, 0, 1 }, { 2, 0, 1 } } },
        { { 1, 1, 1 }, { { 1 }, { 0 }, { 0 } } },
        { { 2, 1, -1 }, { { 3, 3 }, { 4 }, { 0 } } },
        { { 1, 1, -1 }, { { 0 }, { 2 }, { 0 } } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fv_tensor a =
            fv_tensor_of(NULL, FV_F32, cases[i].rank[0], cases[i].shape[0]);
        fv_tensor b =
            fv_tensor_of(NULL, FV_F32, cases[i].rank[1], cases[i].shape[1]);
        int32_t rank;
        int64_t shape[FV_MAX_RANK];
        bool fits = fv__broadcast_shape(&a, &b, &rank, shape);
        assert_int_equal(fits, cases[i].rank[2] >= 0);
        if (!fits) continue;
        assert_int_equal(rank, cases[i].rank[2]);
        for (int32_t axis = 0; axis < rank; axis++)
            assert_int_equal(shape[axis], cases[i].shape[2][axis]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(element_types),
        cmocka_unit_test(over_the_callers_memory),
        cmocka_unit_test(impossible_shapes_give_the_failed_tensor),
        CASE(strides),
        CASE(new_memory_is_zero_aligned_and_counted),
        CASE(impossible_new_memory),
        CASE(freeing_what_is_not_whole),
        CASE(freeing_what_the_caller_owns),
        CASE(freeing_in_any_order),
        CASE(freeing_while_a_failure_is_pending),
        CASE(a_copy_is_independent_and_a_view_is_not),
        CASE(single_elements),
        CASE(impossible_extents_are_refused),
        CASE(nothing_happens_while_a_failure_is_pending),
        cmocka_unit_test(shapes_as_text),
        cmocka_unit_test(broadcast_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
