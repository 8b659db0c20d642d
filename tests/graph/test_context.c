/* Making a context: options, kernel tables, and memory that is lacking. */
#include "support.h"

#include "faults.h"

#include <stdlib.h>

#define MAKE(...) fv_context_new(FV_OPTIONS(fv_context_options, __VA_ARGS__))

/* The context computes: 2 * 3 by the tape. */
static void assert_works(fv_context *ctx)
{
    fv_variable *x = fv_variable_number(ctx, 2);
    double three = 3;
    fv_tensor number = fv_tensor_of(&three, FV_F64, 0, NULL);
    fv_variable *y = fv_mul(x, fv_constant(ctx, &number));
    assert_true(fv_item(y) == 6);
    assert_int_equal(fv_backprop(y), FV_OK);
    fv_forget(ctx);
    assert_ok(ctx);
}

static void test_defaults(void **state)
{
    (void)state;
    fv_context *ctx = fv_context_new(NULL);
    assert_ok(ctx);
    assert_int_equal(fv_context_dtype(ctx), FV_F32);
    assert_int_equal(fv_context_layout(ctx), FV_NHWC);
    assert_true(fv_context_threads(ctx) >= 1);
    assert_string_not_equal(fv_context_isa(ctx), "");
    assert_works(ctx);
    fv_context_free(ctx);
    fv_context_free(NULL);
    assert_int_equal(fv_failed(NULL), FV_NO_MEMORY);
    assert_string_equal(fv_error(NULL), "context: out of memory");
}

static void test_wrong_option_then_cleared(void **state)
{
    (void)state;
    const struct {
        fv_context_options options;
        const char *sentence;
    } cases[] = {
        { { .threads = -1 }, "context: threads -1 is not in 0..1024" },
        { { .threads = 1025 }, "context: threads 1025 is not in 0..1024" },
        { { .dtype = FV_U8 }, "context: dtype 2 is neither FV_F32 nor FV_F64" },
        { { .layout = (fv_layout)2 },
          "context: layout 2 is neither FV_NHWC nor FV_NCHW" },
        { { .reserved = 7 }, "context: reserved 7 is not 0" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fv_context_options options = cases[i].options;
        options.size = sizeof options;
        fv_context *ctx = fv_context_new(&options);
        assert_int_equal(fv_failed(ctx), FV_MISUSE);
        assert_null(fv_variable_number(ctx, 1));
        assert_error(ctx, cases[i].sentence);
        assert_works(ctx);
        fv_context_free(ctx);
    }
    fv_context *ctx = fv_context_new(&(fv_context_options){ .size = 3 });
    assert_error(ctx, "context: size of the options is 3, FV_OPTIONS sets it");
    assert_works(ctx);
    fv_context_free(ctx);
}

static void test_unknown_kernel_table(void **state)
{
    (void)state;
    fv_context *ctx = MAKE(.isa = "riscv");
    assert_int_equal(fv_failed(ctx), FV_UNSUPPORTED);
    const char *sentence = "FOVEA_ISA: kernel table \"riscv\" is unknown";
    assert_int_equal(strncmp(fv_error(ctx), sentence, strlen(sentence)), 0);
    fv_clear_error(ctx);
    assert_string_equal(fv_context_isa(ctx), "ref");
    assert_works(ctx);
    fv_context_free(ctx);
    setenv("FOVEA_ISA", "ref", 1);
    ctx = MAKE(.dtype = FV_F64);
    assert_string_equal(fv_context_isa(ctx), "ref");
    assert_works(ctx);
    fv_context_free(ctx);
    setenv("FOVEA_ISA", "none", 1);
    ctx = MAKE(.isa = "ref"); /* the option wins */
    assert_ok(ctx);
    fv_context_free(ctx);
    unsetenv("FOVEA_ISA");
}

static void test_too_small_a_limit(void **state)
{
    (void)state;
    fv_context *ctx = MAKE(.max_bytes = 10);
    assert_int_equal(fv_failed(ctx), FV_LIMIT);
    for (int i = 0; i < 2; i++) {
        fv_clear_error(ctx);
        double one = 1;
        fv_tensor number = fv_tensor_of(&one, FV_F64, 0, NULL);
        assert_null(fv_constant(ctx, &number));
        assert_int_equal(fv_failed(ctx), FV_LIMIT);
        fv_clear_error(ctx);
        assert_null(fv_tape_last(ctx));
        assert_int_equal(fv_failed(ctx), FV_LIMIT);
        fv_forget(ctx);
    }
    fv_context_free(ctx);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    for (size_t k = 1; k < 1000; k++) {
        faults_memory memory = { .fail_at = k };
        fv_allocator allocator = faults_allocator(&memory);
        fv_context *ctx = MAKE(.allocator = &allocator, .threads = 2);
        bool reached = memory.calls >= k;
        memory.fail_at = 0;
        if (!ctx) assert_int_equal(k, 1);
        if (ctx && reached) assert_int_equal(fv_failed(ctx), FV_NO_MEMORY);
        if (ctx) {
            fv_clear_error(ctx);
            assert_works(ctx);
        }
        fv_context_free(ctx);
        assert_int_equal(memory.blocks, 0);
        assert_int_equal(memory.wrong, 0);
        if (!reached) return;
    }
    fail_msg("a context needs 1000 allocations");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_wrong_option_then_cleared),
        cmocka_unit_test(test_unknown_kernel_table),
        cmocka_unit_test(test_too_small_a_limit),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
