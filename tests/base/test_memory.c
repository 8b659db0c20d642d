/* Memory is aligned, counted to the byte, limited, and given back. */
#include "bare.h"
#include "faults.h"

#include <sys/resource.h>

static void test_aligned_and_counted(void **state)
{
    (void)state;
    faults_memory watch = { 0 };
    fv_allocator allocator = faults_allocator(&watch);
    fv_context *context =
        bare_new(FV_OPTIONS(fv_context_options, .allocator = &allocator));
    fv_memory before = fv_context_memory(context);
    assert_int_equal(watch.bytes, before.bytes + sizeof *context);
    static const size_t sizes[] = { 0, 1, 63, 64, 65, 1000, 4096, 100003 };
    enum { SIZES = sizeof sizes / sizeof *sizes };
    unsigned char *memory[SIZES];
    size_t run = before.bytes, data = before.data_bytes;
    for (size_t i = 0; i < SIZES; i++) {
        fv__account account = i % 2 ? FV__DATA : FV__RUN;
        memory[i] = fv__allocate(context, account, sizes[i]);
        assert_non_null(memory[i]);
        assert_int_equal((uintptr_t)memory[i] % 64, 0);
        memset(memory[i], (int)i, sizes[i]);
        *(i % 2 ? &data : &run) += fv__footprint(sizes[i]);
        fv_memory now = fv_context_memory(context);
        assert_int_equal(now.bytes, run);
        assert_int_equal(now.data_bytes, data);
        assert_int_equal(now.peak_bytes, run);
        assert_int_equal(watch.bytes, run + data + sizeof *context);
    }
    for (size_t i = 0; i < SIZES; i++) {
        for (size_t k = 0; k < sizes[i]; k++) assert_int_equal(memory[i][k], i);
        fv__release(context, memory[i]);
    }
    fv__release(context, NULL);
    fv_memory after = fv_context_memory(context);
    assert_int_equal(after.bytes, before.bytes);
    assert_int_equal(after.data_bytes, before.data_bytes);
    assert_int_equal(after.peak_bytes, run);
    bare_free(context);
    assert_int_equal(watch.blocks, 0);
    assert_int_equal(watch.bytes, 0);
    assert_int_equal(watch.wrong, 0);
}

/* An allocator may return memory aligned to 16 bytes only. */
static void *odd_allocate(void *user, size_t bytes)
{
    unsigned char *block =
        fv__allocator_standard.allocate(NULL, bytes + *(size_t *)user);
    return block ? block + *(size_t *)user : NULL;
}

static void odd_release(void *user, void *memory, size_t bytes)
{
    (void)bytes;
    unsigned char *block = (unsigned char *)memory - *(size_t *)user;
    fv__allocator_standard.release(NULL, block, 0);
}

static void test_any_alignment(void **state)
{
    (void)state;
    for (size_t shift = 0; shift < 64; shift += 16) {
        fv_allocator allocator = { odd_allocate, odd_release, &shift };
        fv_context *context =
            bare_new(FV_OPTIONS(fv_context_options, .allocator = &allocator));
        for (size_t bytes = 0; bytes < 130; bytes++) {
            unsigned char *memory = fv__allocate(context, FV__RUN, bytes);
            assert_int_equal((uintptr_t)memory % 64, 0);
            memset(memory, 0xff, bytes);
            fv__release(context, memory);
        }
        bare_free(context);
    }
}

static void test_zeroed(void **state)
{
    (void)state;
    faults_memory watch = { 0 };
    fv_allocator allocator = faults_allocator(&watch);
    fv_context *context =
        bare_new(FV_OPTIONS(fv_context_options, .allocator = &allocator));
    unsigned char *memory = fv__allocate_zero(context, FV__DATA, 777);
    for (int i = 0; i < 777; i++) assert_int_equal(memory[i], 0);
    fv__release(context, memory);
    bare_free(context);
}

static void test_limit(void **state)
{
    (void)state;
    fv_context *context = bare_new(
        FV_OPTIONS(fv_context_options, .threads = 1, .max_bytes = 10000));
    size_t used = fv_context_memory(context).bytes;
    size_t most = 10000 - used - fv__footprint(0);
    assert_null(fv__allocate(context, FV__RUN, most + 1));
    char sentence[200];
    snprintf(sentence, sizeof sentence,
             "memory: %zu bytes wanted and %zu bytes in use, the limit is "
             "10000 bytes (the option max_bytes)",
             fv__footprint(most + 1), used);
    assert_int_equal(fv_failed(context), FV_LIMIT);
    assert_error(context, sentence);
    void *all = fv__allocate(context, FV__DATA, most);
    assert_non_null(all);
    assert_null(fv__allocate(context, FV__RUN, 0));
    assert_int_equal(fv_failed(context), FV_LIMIT);
    fv_clear_error(context);
    fv__release(context, all);
    bare_free(context);
}

static void test_sizes_that_overflow(void **state)
{
    (void)state;
    fv_context *context =
        bare_new(FV_OPTIONS(fv_context_options, .max_bytes = SIZE_MAX));
    static const size_t sizes[] = { SIZE_MAX, SIZE_MAX - 64, SIZE_MAX / 2 + 1,
                                    PTRDIFF_MAX };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_null(fv__allocate(context, FV__RUN, sizes[i]));
        assert_int_equal(fv_failed(context), FV_LIMIT);
        fv_clear_error(context);
    }
    assert_int_equal(fv__footprint(SIZE_MAX), SIZE_MAX);
    if (!SANITIZED) { /* within the limit, but more than there is */
        char sentence[128];
        snprintf(sentence, sizeof sentence,
                 "memory: out of memory, 4398046511104.1 MiB wanted and %zu "
                 "bytes in use",
                 fv_context_memory(context).bytes);
        assert_null(fv__allocate(context, FV__RUN, PTRDIFF_MAX / 2));
        assert_error(context, sentence);
    }
    bare_free(context);
}

static void test_default_limit(void **state)
{
    (void)state;
    fv_context *context = bare_new(NULL);
    assert_true(context->max_bytes > 1 << 20);
    assert_true(context->max_bytes <= PTRDIFF_MAX);
    const char *source = NULL;
    assert_int_equal(context->max_bytes, fv__memory_limit(&source));
    assert_string_equal(context->limit_source, source);
    bare_free(context);
}

/* A limit of the address space below that of the memory is the limit. */
static void test_limit_of_the_address_space(void **state)
{
    (void)state;
    if (SANITIZED) skip();
    struct rlimit before, less;
    const char *source = NULL;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    const size_t usual = fv__memory_limit(&source);
    less = before;
    less.rlim_cur = usual - 1;
    if (setrlimit(RLIMIT_AS, &less) != 0) skip();
    getrlimit(RLIMIT_AS, &less);
    if (less.rlim_cur != usual - 1) skip(); /* QEMU sets none */
    fv_context *context = bare_new(NULL);
    less.rlim_cur = usual;
    setrlimit(RLIMIT_AS, &less);
    const char *other = NULL;
    const size_t equal = fv__memory_limit(&other);
    setrlimit(RLIMIT_AS, &before);
    assert_int_equal(context->max_bytes, usual - 1);
    assert_string_equal(context->limit_source, "RLIMIT_AS");
    assert_int_equal(equal, usual);
    assert_string_equal(other, source);
    bare_free(context);
}

static void test_allocator_says_no(void **state)
{
    (void)state;
    faults_memory watch = { .fail_at = 3 };
    fv_allocator allocator = faults_allocator(&watch);
    fv_context *context =
        bare_new(FV_OPTIONS(fv_context_options, .allocator = &allocator));
    size_t used = fv_context_memory(context).bytes;
    assert_null(fv__allocate_zero(context, FV__RUN, 100));
    assert_int_equal(fv_failed(context), FV_NO_MEMORY);
    char sentence[200];
    snprintf(sentence, sizeof sentence,
             "memory: out of memory, %zu bytes wanted and %zu bytes in use",
             fv__footprint(100), used);
    assert_error(context, sentence);
    assert_int_equal(fv_context_memory(context).bytes, used);
    void *memory = fv__allocate(context, FV__RUN, 100);
    assert_non_null(memory);
    fv__release(context, memory);
    bare_free(context);
    assert_int_equal(watch.blocks, 0);
}

static void test_grow(void **state)
{
    (void)state;
    faults_memory watch = { 0 };
    fv_allocator allocator = faults_allocator(&watch);
    fv_context *context = bare_new(FV_OPTIONS(
        fv_context_options, .allocator = &allocator, .max_bytes = SIZE_MAX));
    size_t capacity = 0, moves = 0;
    int32_t *array = NULL;
    for (int32_t i = 0; i < 1000; i++) {
        int32_t *grown = fv__grow(context, FV__DATA, array, (size_t)i, 1,
                                  sizeof *array, &capacity);
        assert_non_null(grown);
        moves += grown != array;
        array = grown;
        array[i] = i;
    }
    assert_in_range(capacity, 1000, 2000);
    assert_in_range(moves, 1, 8); /* it doubles */
    assert_int_equal(fv_context_memory(context).data_bytes,
                     fv__footprint(capacity * sizeof *array));
    array = fv__grow(context, FV__DATA, array, 1000, 5000, sizeof *array,
                     &capacity);
    assert_in_range(capacity, 6000, 8000);
    for (int32_t i = 0; i < 1000; i++) assert_int_equal(array[i], i);

    /* what does not fit leaves the array as it was */
    const size_t before = capacity;
    static const size_t more[] = { SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 4 };
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        assert_null(fv__grow(context, FV__DATA, array, 1000, more[i],
                             sizeof *array, &capacity));
        assert_int_equal(fv_failed(context), FV_LIMIT);
        fv_clear_error(context);
    }
    watch.fail_at = watch.calls + 1;
    assert_null(fv__grow(context, FV__DATA, array, 1000, 9000, sizeof *array,
                         &capacity));
    assert_int_equal(fv_failed(context), FV_NO_MEMORY);
    fv_clear_error(context);
    assert_int_equal(capacity, before);
    for (int32_t i = 0; i < 1000; i++) assert_int_equal(array[i], i);
    fv__release(context, array);

    /* no elements are an array too */
    capacity = 0;
    array = fv__grow(context, FV__DATA, NULL, 0, 0, sizeof *array, &capacity);
    assert_non_null(array);
    fv__release(context, array);
    bare_free(context);
    assert_int_equal(watch.blocks, 0);
}

static void test_context_without_memory(void **state)
{
    (void)state;
    faults_memory watch = { .fail_at = 1, .from_then_on = true };
    fv_allocator allocator = faults_allocator(&watch);
    const fv_context_options *options =
        FV_OPTIONS(fv_context_options, .allocator = &allocator);
    assert_null(bare_new(options));
    watch.calls = 0;
    watch.fail_at = 2;
    fv_context *context = bare_new(options);
    assert_int_equal(fv_failed(context), FV_NO_MEMORY);
    bare_free(context);
    assert_int_equal(watch.blocks, 0);
}

static void test_text(void **state)
{
    (void)state;
    faults_memory watch = { 0 };
    fv_allocator allocator = faults_allocator(&watch);
    fv_context *context =
        bare_new(FV_OPTIONS(fv_context_options, .allocator = &allocator));
    fv__text text = { .context = context, .account = FV__DATA };
    fv__text_add(&text, "%s", "");
    assert_string_equal(text.at, "");
    for (int i = 0; i < 1000; i++) fv__text_add(&text, "%d,", i % 10);
    assert_int_equal(text.length, 2000);
    assert_int_equal(strlen(text.at), 2000);
    for (size_t i = 0; i < 2000; i += 2) {
        assert_int_equal(text.at[i], '0' + (int)(i / 2 % 10));
        assert_int_equal(text.at[i + 1], ',');
    }
    watch.fail_at = watch.calls + 1;
    fv__text_add(&text, "%3000d", 1);
    assert_int_equal(fv_failed(context), FV_NO_MEMORY);
    fv__text_add(&text, "more");
    assert_int_equal(text.length, 2000);
    fv_clear_error(context);
    fv__text_free(&text);
    fv__text_free(&text);
    bare_free(context);
    assert_int_equal(watch.blocks, 0);
}

static void test_copy_text(void **state)
{
    (void)state;
    fv_context *context = bare_new(NULL);
    char *copy = fv__copy_text(context, FV__RUN, "abcdef", 3);
    assert_string_equal(copy, "abc");
    fv__release(context, copy);
    copy = fv__copy_text(context, FV__RUN, "abc", 100);
    assert_string_equal(copy, "abc");
    fv__release(context, copy);
    copy = fv__copy_text(context, FV__RUN, "", 0);
    assert_string_equal(copy, "");
    fv__release(context, copy);
    bare_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aligned_and_counted),
        cmocka_unit_test(test_any_alignment),
        cmocka_unit_test(test_zeroed),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_sizes_that_overflow),
        cmocka_unit_test(test_default_limit),
        cmocka_unit_test(test_limit_of_the_address_space),
        cmocka_unit_test(test_allocator_says_no),
        cmocka_unit_test(test_grow),
        cmocka_unit_test(test_context_without_memory),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_copy_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
