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

static const fv__kernels few_f32, few_f64, many_f32, many_f64;
static const fv__kernel_entry pair[] = {
    { "few", "nothing", &few_f32, &few_f64, 0 },
    { "many", "wings and fins", &many_f32, &many_f64, 0 },
};

/* The best is the last that this machine runs. */
static void test_pick(void **state)
{
    (void)state;
    fv_context context = { 0 };
    for (int lacks = 0; lacks < 3; lacks++) {
        fv__kernel_entry entries[] = { pair[0], pair[1] };
        entries[1].lacks = lacks;
        assert_ptr_equal(fv__kernels_pick(&context, entries, 2, NULL, FV_F32),
                         lacks ? &few_f32 : &many_f32);
        assert_ptr_equal(fv__kernels_pick(&context, entries, 2, NULL, FV_F64),
                         lacks ? &few_f64 : &many_f64);
        assert_ptr_equal(fv__kernels_pick(&context, entries, 2, "few", FV_F64),
                         &few_f64);
        const fv__kernels *many =
            fv__kernels_pick(&context, entries, 2, "many", FV_F32);
        if (lacks == 0) {
            assert_ptr_equal(many, &many_f32);
            assert_ok(&context);
            continue;
        }
        assert_null(many);
        assert_int_equal(fv_failed(&context), FV_UNSUPPORTED);
        assert_error(&context, "FOVEA_ISA: kernel table \"many\" needs wings "
                               "and fins, which this machine lacks");
    }
    assert_null(fv__kernels_pick(&context, pair, 2, "man", FV_F32));
    assert_error(&context, "FOVEA_ISA: kernel table \"man\" is unknown (built "
                           "in: few, many)");
    assert_null(fv__kernels_pick(&context, pair, 1, "many", FV_F32));
    assert_error(&context, "FOVEA_ISA: kernel table \"many\" is unknown (built "
                           "in: few)");
}

/* A list that is too long ends with the last whole name: 255 characters fit,
 * 256 do not. */
static void test_pick_of_many(void **state)
{
    (void)state;
    for (size_t length = 10; length < 14; length++) {
        char name[16] = "abcdefghijklmno";
        name[length] = 0;
        fv__kernel_entry entries[32];
        char expected[512] =
            "FOVEA_ISA: kernel table \"z\" is unknown (built in: ";
        const size_t begin = strlen(expected);
        for (size_t i = 0; i < 32; i++) {
            entries[i] = pair[0];
            entries[i].name = name;
            if (strlen(expected) - begin + length + (i ? 2 : 0) > 255) continue;
            if (i) strcat(expected, ", ");
            strcat(expected, name);
        }
        strcat(expected, ")");
        fv_context context = { 0 };
        assert_null(fv__kernels_pick(&context, entries, 32, "z", FV_F32));
        assert_error(&context, expected);
    }
    /* a name as long as the room, with its end, and one that is longer */
    char longest[258];
    memset(longest, 'a', sizeof longest);
    for (size_t length = 254; length < 258; length++) {
        longest[length] = 0;
        const fv__kernel_entry one = { longest, "", &few_f32, &few_f64, 0 };
        fv_context context = { 0 };
        assert_null(fv__kernels_pick(&context, &one, 1, "z", FV_F32));
        char expected[512];
        snprintf(expected, sizeof expected,
                 "FOVEA_ISA: kernel table \"z\" is unknown (built in: %s)",
                 length < 256 ? longest : "");
        assert_error(&context, expected);
        longest[length] = 'a';
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_complete),     cmocka_unit_test(test_best),
        cmocka_unit_test(test_unknown),      cmocka_unit_test(test_pick),
        cmocka_unit_test(test_pick_of_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
