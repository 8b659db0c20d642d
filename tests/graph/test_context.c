/* Making a context: options, kernel tables, and memory that is lacking. */
#include "support.h"

#include "faults.h"
#include "graph/graph.h"

#include <stdbool.h>
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
        { { .strict = 7 }, "context: strict 7 is neither 0 nor 1" },
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

/* Which of 64 ones dropout keeps tells the seed. */
static uint64_t drawn(fv_context *ctx)
{
    double ones[64];
    for (size_t i = 0; i < 64; i++) ones[i] = 1;
    fv_tensor tensor = FV_TENSOR(ones, FV_F64, 64);
    fv_variable *y = fv_dropout_of(fv_constant(ctx, &tensor), 0.5);
    assert_ok(ctx);
    uint64_t kept = 0;
    for (int64_t i = 0; i < 64; i++)
        if (fv_tensor_get(ctx, fv_variable_value(y), &i) > 0)
            kept |= UINT64_C(1) << i;
    fv_forget(ctx);
    assert_ok(ctx);
    return kept;
}

/* What the options of a context come to. */
typedef struct nature {
    fv_dtype dtype;
    fv_layout layout;
    int32_t threads;
    char isa[16];
    uint64_t drawn;
    size_t limit;
} nature;

static nature nature_of(const fv_context_options *options)
{
    fv_context *ctx = fv_context_new(options);
    assert_ok(ctx);
    nature n = { .dtype = fv_context_dtype(ctx),
                 .layout = fv_context_layout(ctx),
                 .threads = fv_context_threads(ctx),
                 .drawn = drawn(ctx),
                 .limit = ctx->max_bytes };
    snprintf(n.isa, sizeof n.isa, "%s", fv_context_isa(ctx));
    fv_context_free(ctx);
    return n;
}

static bool same(const nature *a, const nature *b)
{
    return a->dtype == b->dtype && a->layout == b->layout
           && a->threads == b->threads && !strcmp(a->isa, b->isa)
           && a->drawn == b->drawn && a->limit == b->limit;
}

/* Each default is the same as its value written out, alone and with the
 * others, and another value is not. */
static void test_defaults_written_out(void **state)
{
    (void)state;
    const nature usual = nature_of(NULL);
    assert_int_equal(usual.dtype, FV_F32);
    assert_int_equal(usual.layout, FV_NHWC);
    const fv_context_options written[] = {
        { .size = sizeof *written },
        { .size = sizeof *written, .dtype = FV_F32 },
        { .size = sizeof *written, .layout = FV_NHWC },
        { .size = sizeof *written, .seed = 0 },
        { .size = sizeof *written, .threads = usual.threads },
        { .size = sizeof *written, .isa = usual.isa },
        { .size = sizeof *written, .max_bytes = usual.limit },
        { sizeof *written, FV_F32, FV_NHWC, 0, usual.threads, 0, usual.isa,
          usual.limit, NULL, NULL, NULL, NULL, NULL, NULL },
    };
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        const nature n = nature_of(&written[i]);
        if (!same(&usual, &n)) fail_msg("options %zu are not the default", i);
    }
    const fv_context_options other[] = {
        { .size = sizeof *other, .dtype = FV_F64 },
        { .size = sizeof *other, .layout = FV_NCHW },
        { .size = sizeof *other, .seed = 1 },
        { .size = sizeof *other, .seed = UINT64_MAX },
        { .size = sizeof *other, .threads = usual.threads + 1 },
        { .size = sizeof *other, .max_bytes = usual.limit - 1 },
    };
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        const nature n = nature_of(&other[i]);
        if (same(&usual, &n)) fail_msg("options %zu change nothing", i);
    }
}

/* The host's own threads: none are started for the largest number. */
static void in_order(void *user, size_t items, fv_task *task, void *argument)
{
    (void)user;
    for (size_t i = 0; i < items; i++) task(argument, i);
}

static void test_limits(void **state)
{
    (void)state;
    fv_context *ctx = MAKE(.threads = 1);
    assert_int_equal(fv_context_threads(ctx), 1);
    assert_works(ctx);
    fv_context_free(ctx);
    ctx = MAKE(.threads = 1024, .parallel_for = in_order);
    assert_ok(ctx);
    assert_int_equal(fv_context_threads(ctx), 1024);
    assert_works(ctx);
    fv_context_free(ctx);
    ctx = MAKE(.threads = 1025, .parallel_for = in_order);
    assert_error(ctx, "context: threads 1025 is not in 0..1024");
    fv_context_free(ctx);

    /* a limit that fits to the byte, and one byte less */
    const int64_t bytes = 1000;
    ctx = MAKE(.threads = 1);
    fv_tensor_new(ctx, FV_U8, 1, &bytes);
    const fv_memory memory = fv_context_memory(ctx);
    const size_t all = memory.bytes + memory.data_bytes;
    fv_context_free(ctx);
    ctx = MAKE(.threads = 1, .max_bytes = all);
    assert_int_equal(fv_tensor_new(ctx, FV_U8, 1, &bytes).rank, 1);
    assert_ok(ctx);
    fv_context_free(ctx);
    ctx = MAKE(.threads = 1, .max_bytes = all - 1);
    assert_ok(ctx);
    assert_int_equal(fv_tensor_new(ctx, FV_U8, 1, &bytes).rank, -1);
    assert_int_equal(fv_failed(ctx), FV_LIMIT);
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
        cmocka_unit_test(test_defaults_written_out),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
