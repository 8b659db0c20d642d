/* Half-precision numbers and truth values of safetensors files: every one of
 * them is read exactly. */
#include "archives.h"

#include <math.h>
#include <stdlib.h>

#ifdef FOVEA_WITH_JANSSON

enum { ALL = 1 << 16 };

/* A file with all 65536 patterns of two bytes, behind `odd` bytes. */
static fv__archive *read_all(fv_context *context, const char *type, int odd)
{
    char header[256];
    snprintf(header, sizeof header,
             "{\"odd\":{\"dtype\":\"U8\",\"shape\":[%d],\"data_offsets\":[0,%d]"
             "},\"all\":{\"dtype\":\"%s\",\"shape\":[256,256],"
             "\"data_offsets\":[%d,%d]}}",
             odd, odd, type, odd, odd + 2 * ALL);
    make(header, (size_t)(odd + 2 * ALL));
    unsigned char *at = room + used - 2 * ALL;
    for (int i = 0; i < ALL; i++) {
        at[2 * i] = (unsigned char)i;
        at[2 * i + 1] = (unsigned char)(i >> 8);
    }
    memory_files_put(&files, "m", room, used);
    fv__archive *archive = fv__safetensors_read(context, "m");
    assert_ok(context);
    const fv_tensor *tensor = fv__archive_find(archive, "all");
    assert_int_equal(tensor->dtype, FV_F32);
    assert_int_equal(tensor->rank, 2);
    assert_int_equal(tensor->shape[0], 256);
    assert_int_equal(tensor->shape[1], 256);
    assert_true(fv_tensor_is_contiguous(tensor));
    assert_int_equal((uintptr_t)tensor->data % sizeof(float), 0);
    return archive;
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* IEEE 754 binary16: 5 bits of exponent, 10 of fraction. */
static void test_f16(void **state)
{
    (void)state;
    fv_context *context = context_over_files();
    for (int odd = 0; odd < 4; odd++) {
        fv__archive *archive = read_all(context, "F16", odd);
        const float *values = fv__archive_find(archive, "all")->data;
        for (int i = 0; i < ALL; i++) {
            const int exponent = i >> 10 & 31, fraction = i & 1023;
            const float value = values[i];
            assert_int_equal(bits_of(value) >> 31, i >> 15);
            if (exponent == 31 && fraction) {
                assert_true(isnan(value));
                assert_int_equal(bits_of(value) >> 13 & 1023, fraction);
                continue;
            }
            const double size = exponent == 31 ? (double)INFINITY
                                : exponent
                                    ? ldexp(1024 + fraction, exponent - 25)
                                    : ldexp(fraction, -24);
            assert_true(fabs((double)value) == size);
        }
        assert_true(values[0x3c00] == 1 && values[0xc000] == -2
                    && values[0x7bff] == 65504 && values[1] == 0x1p-24F
                    && values[0x3555] == 0.333251953125F);
        fv__archive_free(archive);
    }
    fv_context_free(context);
}

/* The upper half of a float. */
static void test_bf16(void **state)
{
    (void)state;
    fv_context *context = context_over_files();
    for (int odd = 0; odd < 4; odd++) {
        fv__archive *archive = read_all(context, "BF16", odd);
        const float *values = fv__archive_find(archive, "all")->data;
        for (uint32_t i = 0; i < ALL; i++)
            assert_int_equal(bits_of(values[i]), i << 16);
        assert_true(values[0x3f80] == 1 && values[0xc049] == -3.140625F);
        fv__archive_free(archive);
    }
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    fv_context_free(context);
}

/* A file of PyTorch's, with everything beside the weights. */
static void test_other_types_beside(void **state)
{
    (void)state;
    fv_context *context = context_over_files();
    make("{\"mask\":{\"dtype\":\"BOOL\",\"shape\":[3],\"data_offsets\":[0,3]},"
         "\"w\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[3,7]},"
         "\"n\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[7,15]},"
         "\"h\":{\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[15,17]},"
         "\"none\":{\"dtype\":\"F16\",\"shape\":[0],\"data_offsets\":[17,17]}}",
         17);
    static const unsigned char data[] = { 1,    0, 1, 0x80, 0x3f, 0x80,
                                          0xbf, 9, 0, 0,    0,    0,
                                          0,    0, 0, 0,    0x3c };
    memcpy(room + used - 17, data, 17);
    memory_files_put(&files, "m", room, used);
    fv__archive *archive = fv__safetensors_read(context, "m");
    assert_ok(context);
    const fv_tensor *mask = fv__archive_find(archive, "mask");
    assert_int_equal(mask->dtype, FV_U8);
    assert_memory_equal(mask->data, "\1\0\1", 3);
    const float *w = fv__archive_find(archive, "w")->data;
    assert_true(w[0] == 1 && w[1] == -1);
    assert_int_equal(*(const int64_t *)fv__archive_find(archive, "n")->data, 9);
    assert_true(*(const float *)fv__archive_find(archive, "h")->data == 1);
    assert_int_equal(fv__archive_find(archive, "none")->shape[0], 0);
    fv__archive_free(archive);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f16),
        cmocka_unit_test(test_bf16),
        cmocka_unit_test(test_other_types_beside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void) { return 0; } /* test_safetensors_refused has the sentence */

#endif
