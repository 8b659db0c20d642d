/* Tensors as text. */
#include "common.h"

static void check_text(const fv_tensor *tensor, const char *expected)
{
    char text[1024];
    size_t length = fv_tensor_format(tensor, text, sizeof text);
    assert_string_equal(text, expected);
    assert_int_equal(length, strlen(expected));
}

static void nested_lists(void **state)
{
    fv_context *context = *state;
    fv_tensor tensor = count_up(context, FV_I64, SHAPE(2, 2, 3));
    check_text(&tensor, "[[[0, 1, 2],\n"
                        "  [3, 4, 5]],\n"
                        "\n"
                        " [[6, 7, 8],\n"
                        "  [9, 10, 11]]]");
    fv_tensor view = fv_tensor_at(context, &tensor, 0, 1);
    view = fv_tensor_permute(context, &view, (const int32_t[]){ 1, 0 });
    check_text(&view, "[[6, 9],\n [7, 10],\n [8, 11]]");
    view = fv_tensor_at(context, &view, 0, 1);
    check_text(&view, "[7, 10]");
    view = fv_tensor_at(context, &view, 0, 1);
    check_text(&view, "10");
}

static void numbers(void **state)
{
    (void)state;
    float floats[] = { 0.1F, -1.5F, 1e20F, (float)NAN, -INFINITY };
    fv_tensor tensor = FV_TENSOR(floats, FV_F32, 5);
    check_text(&tensor, "[0.1, -1.5, 1e+20, nan, -inf]");
    int64_t ends[] = { INT64_MIN, INT64_MAX };
    tensor = FV_TENSOR(ends, FV_I64, 2);
    check_text(&tensor, "[-9223372036854775808, 9223372036854775807]");
    int8_t bytes[] = { -128, 127 };
    tensor = FV_TENSOR(bytes, FV_I8, 2);
    check_text(&tensor, "[-128, 127]");
}

static void long_axes(void **state)
{
    fv_context *context = *state;
    fv_tensor tensor = count_up(context, FV_U8, SHAPE(8));
    check_text(&tensor, "[0, 1, 2, 3, 4, 5, 6, 7]");
    tensor = count_up(context, FV_U8, SHAPE(9));
    check_text(&tensor, "[0, 1, 2, ..., 6, 7, 8]");
    tensor = count_up(context, FV_I16, SHAPE(100, 2));
    check_text(&tensor, "[[0, 1],\n [2, 3],\n [4, 5],\n ...,\n"
                        " [194, 195],\n [196, 197],\n [198, 199]]");
}

static void nothing_to_show(void **state)
{
    (void)state;
    fv_tensor tensor = FV_TENSOR(NULL, FV_F32, 0);
    check_text(&tensor, "[]");
    tensor = FV_TENSOR(NULL, FV_F32, 2, 0);
    check_text(&tensor, "[[],\n []]");
    tensor = FV_TENSOR(NULL, FV_F32, 2);
    check_text(&tensor, "(no memory)");
    tensor = fv__tensor_failed();
    check_text(&tensor, "(no tensor)");
    check_text(NULL, "(no tensor)");
}

/* As snprintf: never more than asked for, the full length returned. */
static void too_little_room(void **state)
{
    fv_context *context = *state;
    fv_tensor tensor = count_up(context, FV_I32, SHAPE(2, 2));
    const char *full = "[[0, 1],\n [2, 3]]";
    assert_int_equal(fv_tensor_format(&tensor, NULL, 0), strlen(full));
    assert_int_equal(fv_tensor_format(&tensor, NULL, 9), strlen(full));
    for (size_t bytes = 0; bytes <= strlen(full) + 1; bytes++) {
        char text[32];
        memset(text, '#', sizeof text);
        assert_int_equal(fv_tensor_format(&tensor, text, bytes), strlen(full));
        assert_int_equal(text[bytes], '#');
        if (bytes == 0) continue;
        assert_int_equal(strlen(text), bytes - 1);
        assert_memory_equal(text, full, bytes - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(nested_lists),    CASE(numbers),         CASE(long_axes),
        CASE(nothing_to_show), CASE(too_little_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
