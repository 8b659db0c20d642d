/* Finding a kernel table by name. */
#include "kernel/tables.h"

static void test_complete(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        assert_non_null(table_of("ref", dtype));
        for (size_t i = 0; i < TABLES; i++) {
            const fv__kernels *kernels = table_of(tables[i], dtype);
            if (!kernels) continue;
            /* every member is a pointer or, once, the pair of tile sizes */
            const void *member[sizeof *kernels / sizeof(void *)];
            memcpy(member, kernels, sizeof member);
            for (size_t j = 2; j < sizeof member / sizeof *member; j++)
                assert_non_null(member[j]);
        }
    }
}

/* Never the one for tests. */
static void test_best(void **state)
{
    (void)state;
    fv_context context = { 0 };
    const fv__kernels *best = fv__kernels_find(&context, NULL, FV_F64);
    assert_non_null(best);
    assert_ok(&context);
    assert_string_not_equal(best->isa, "wide");
    assert_ptr_equal(best, table_of(best->isa, FV_F64));
}

/* A table of another processor is either absent or named as lacking. */
static void test_unknown(void **state)
{
    (void)state;
    fv_context context = { 0 };
    assert_null(fv__kernels_find(&context, "neon\n", FV_F32));
    assert_int_equal(fv_failed(&context), FV_UNSUPPORTED);
    const char *const begin =
        "FOVEA_ISA: kernel table \"neon\\x0a\" is unknown (built in: ref";
    assert_memory_equal(fv_error(&context), begin, strlen(begin));
    fv_clear_error(&context);
    if (!fv__kernels_find(&context, "avx512", FV_F32)) {
        assert_int_equal(fv_failed(&context), FV_UNSUPPORTED);
        assert_non_null(strstr(fv_error(&context), "\"avx512\""));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_complete),
        cmocka_unit_test(test_best),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
