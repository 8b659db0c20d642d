/* Memory handed out piece by piece and taken back as a whole. */
#include "support.h"

#include "faults.h"
#include "graph/graph.h"

static fv_context *make(faults_memory *memory)
{
    fv_allocator allocator = faults_allocator(memory);
    fv_context *ctx = fv_context_new(
        FV_OPTIONS(fv_context_options, .allocator = &allocator, .threads = 1));
    assert_ok(ctx);
    return ctx;
}

static void finish(fv_context *ctx, const faults_memory *memory)
{
    fv_context_free(ctx);
    assert_int_equal(memory->blocks, 0);
    assert_int_equal(memory->wrong, 0);
}

static void test_pieces_are_aligned_and_apart(void **state)
{
    (void)state;
    faults_memory memory = { 0 };
    fv_context *ctx = make(&memory);
    fv__arena arena = { .context = ctx };
    enum { PIECES = 400 };
    unsigned char *pieces[PIECES];
    for (int i = 0; i < PIECES; i++) {
        pieces[i] = fv__arena_allocate(&arena, (size_t)i);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 64, 0);
        memset(pieces[i], i & 255, (size_t)i);
    }
    for (int i = 0; i < PIECES; i++)
        for (int j = 0; j < i; j++) assert_int_equal(pieces[i][j], i & 255);
    fv__arena_free(&arena);
    assert_null(arena.chunks);
    finish(ctx, &memory);
}

static void test_equal_rounds_stop_allocating(void **state)
{
    (void)state;
    faults_memory memory = { 0 };
    fv_context *ctx = make(&memory);
    fv__arena arena = { .context = ctx };
    size_t calls = 0;
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < 50; i++)
            assert_non_null(fv__arena_allocate(&arena, 1000 * i));
        fv__arena_reset(&arena);
        if (round == 0) calls = memory.calls;
    }
    assert_int_equal(memory.calls, calls);
    fv__arena_free(&arena);
    finish(ctx, &memory);
}

static void test_without_memory(void **state)
{
    (void)state;
    faults_memory memory = { 0 };
    fv_context *ctx = make(&memory);
    fv__arena arena = { .context = ctx };
    assert_null(fv__arena_allocate(&arena, SIZE_MAX));
    assert_int_equal(fv_failed(ctx), FV_LIMIT);
    fv_clear_error(ctx);
    assert_null(fv__arena_allocate(&arena, SIZE_MAX - 70));
    assert_int_equal(fv_failed(ctx), FV_LIMIT);
    fv_clear_error(ctx);
    memory.fail_at = memory.calls + 1;
    assert_null(fv__arena_allocate(&arena, 100));
    assert_int_equal(fv_failed(ctx), FV_NO_MEMORY);
    fv_clear_error(ctx);
    assert_non_null(fv__arena_allocate(&arena, 100));
    /* a large piece leaves what was given before untouched */
    unsigned char *small = fv__arena_allocate(&arena, 10);
    memset(small, 7, 10);
    unsigned char *large = fv__arena_allocate(&arena, 1 << 20);
    memset(large, 9, 1 << 20);
    for (int i = 0; i < 10; i++) assert_int_equal(small[i], 7);
    /* the one chunk that a reset keeps may be refused; nothing is lost */
    memory.fail_at = memory.calls + 1;
    fv__arena_reset(&arena);
    assert_null(arena.chunks);
    fv_clear_error(ctx);
    assert_non_null(fv__arena_allocate(&arena, 10));
    fv__arena_reset(&arena);
    fv__arena_free(&arena);
    fv__arena_reset(&arena);
    finish(ctx, &memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_are_aligned_and_apart),
        cmocka_unit_test(test_equal_rounds_stop_allocating),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
