/* NumPy files: what loads, what is refused and why, and what is written. */
#include "../tensor/common.h"

#include "base/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- files in memory ----------------------------------------------------- */

static struct {
    unsigned char bytes[16384];
    size_t size, at;
} file;

static int memory_open(void *user, const char *path, int flags, int mode)
{
    (void)user, (void)path, (void)flags, (void)mode;
    file.at = 0;
    return 3;
}

/* At most 100 bytes at a time. */
static int64_t memory_read(void *user, int handle, void *buffer, size_t bytes)
{
    (void)user, (void)handle;
    size_t left = file.size - file.at;
    if (bytes > left) bytes = left;
    if (bytes > 100) bytes = 100;
    memcpy(buffer, file.bytes + file.at, bytes);
    file.at += bytes;
    return (int64_t)bytes;
}

static int64_t memory_write(void *user, int handle, const void *buffer,
                            size_t bytes)
{
    (void)user, (void)handle, (void)buffer, (void)bytes;
    return -EROFS;
}

static int64_t memory_size(void *user, int handle)
{
    (void)user, (void)handle;
    return (int64_t)file.size;
}

static int memory_close(void *user, int handle)
{
    (void)user, (void)handle;
    return 0;
}

static int memory_rename(void *user, const char *from, const char *to)
{
    (void)user, (void)from, (void)to;
    return -EROFS;
}

static int memory_unlink(void *user, const char *path)
{
    (void)user, (void)path;
    return -EROFS;
}

static int begin_memory(void **state)
{
    fv_io io = fv__io_posix; /* what is not reached */
    io.open = memory_open;
    io.read = memory_read;
    io.write = memory_write;
    io.size = memory_size;
    io.fsync = io.close = memory_close;
    io.rename = memory_rename;
    io.unlink = memory_unlink;
    fv_context *context = fv__context_allocate(NULL);
    if (!context) return -1;
    *state = context;
    fv__context_begin(context,
                      FV_OPTIONS(fv_context_options, .threads = 1, .io = &io));
    return fv_failed(context) != FV_OK;
}

#define MEMORY(function)                                                       \
    cmocka_unit_test_setup_teardown(function, begin_memory, end_context)

static void put(const void *bytes, size_t count)
{
    assert_true(file.size + count <= sizeof file.bytes);
    memcpy(file.bytes + file.size, bytes, count);
    file.size += count;
}

/* Prefix of the version and the header text, padded so that the elements begin
 * at a multiple of `align`. */
static void make_file(int version, const char *header, size_t align)
{
    size_t digits = version == 1 ? 2 : 4, length = strlen(header) + 1;
    while ((8 + digits + length) % align != 0) length++;
    unsigned char prefix[12] = "\x93NUMPY";
    prefix[6] = (unsigned char)version;
    for (size_t i = 0; i < digits; i++)
        prefix[8 + i] = (unsigned char)(length >> (8 * i) & 255);
    file.size = 0;
    put(prefix, 8 + digits);
    put(header, strlen(header));
    while (file.size < 8 + digits + length - 1) put(" ", 1);
    put("\n", 1);
}

/* 0, 1, ... as integers of the width. */
static void put_integers(int64_t count, size_t bytes, bool big)
{
    for (int64_t i = 0; i < count; i++) {
        for (size_t j = 0; j < bytes; j++) {
            size_t shift = 8 * (big ? bytes - 1 - j : j);
            unsigned char byte = 0;
            if (shift < 64) byte = (unsigned char)((uint64_t)i >> shift);
            put(&byte, 1);
        }
    }
}

static fv_tensor load(void **state) { return fv_npy_load(*state, "model.npy"); }

/* ---- what loads ---------------------------------------------------------- */

static void the_file_of_rank_two(void **state)
{
    make_file(1, "{'descr': '<i8', 'fortran_order': False, 'shape': (5, 5), }",
              64);
    put_integers(25, 8, false);
    assert_int_equal(file.size, 328);
    assert_memory_equal(file.bytes, "\x93NUMPY\1\0\x76\0{'descr'", 18);
    fv_tensor tensor = load(state);
    assert_ok((fv_context *)*state);
    check_tensor(&tensor, FV_I64, SHAPE(5, 5),
                 NUMBERS(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
                         16, 17, 18, 19, 20, 21, 22, 23, 24));
    fv_tensor_free(*state, &tensor);
    assert_int_equal(fv_context_memory(*state).data_bytes, 0);
}

/* Not padded to 64 bytes. */
static void the_file_of_rank_one(void **state)
{
    make_file(1, "{'descr': '<i4', 'fortran_order': False, 'shape': (4,), }",
              1);
    put("\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0", 16);
    assert_int_equal(file.size, 84);
    assert_memory_equal(file.bytes, "\x93NUMPY\1\0\x3a\0{'descr'", 18);
    fv_tensor tensor = load(state);
    assert_ok((fv_context *)*state);
    check_tensor(&tensor, FV_I32, SHAPE(4), NUMBERS(1, 2, 3, 4));
}

static void integers_of_either_byte_order(void **state)
{
    static const struct {
        const char *descr;
        fv_dtype dtype;
        bool big;
    } types[] = {
        { "<i8", FV_I64, false }, { ">i8", FV_I64, true },
        { "<i4", FV_I32, false }, { ">i4", FV_I32, true },
        { "<i2", FV_I16, false }, { ">i2", FV_I16, true },
        { "|i1", FV_I8, false },  { ">i1", FV_I8, false },
        { "|u1", FV_U8, false },  { "<u1", FV_U8, false },
        { "u1", FV_U8, false },   { "|b1", FV_U8, false },
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char header[128];
        for (int version = 1; version <= 3; version++) {
            snprintf(header, sizeof header,
                     "{'descr': '%s', 'fortran_order': False, "
                     "'shape': (2, 3)}",
                     types[i].descr);
            make_file(version, header, 16);
            put_integers(6, fv_dtype_bytes(types[i].dtype), types[i].big);
            fv_tensor tensor = load(state);
            assert_ok((fv_context *)*state);
            check_tensor(&tensor, types[i].dtype, SHAPE(2, 3),
                         NUMBERS(0, 1, 2, 3, 4, 5));
        }
    }
}

static void floats_of_either_byte_order(void **state)
{
    make_file(1, "{'descr': '>f4', 'fortran_order': False, 'shape': (3,)}", 64);
    put("\x3f\x80\0\0\xc0\x20\0\0\x7f\x80\0\0", 12);
    fv_tensor tensor = load(state);
    check_tensor(&tensor, FV_F32, SHAPE(3), NUMBERS(1, -2.5, (double)INFINITY));
    make_file(1, "{'descr': '<f8', 'fortran_order': False, 'shape': ()}", 64);
    put("\0\0\0\0\0\0\x04\x40", 8);
    tensor = load(state);
    check_tensor(&tensor, FV_F64, 0, NULL, NUMBERS(2.5));
    make_file(1, "{'descr': '>f8', 'fortran_order': False, 'shape': ()}", 64);
    put("\x40\x04\0\0\0\0\0\0", 8);
    tensor = load(state);
    check_tensor(&tensor, FV_F64, 0, NULL, NUMBERS(2.5));
    assert_ok((fv_context *)*state);
}

static void columns_first(void **state)
{
    make_file(1, "{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3)}", 1);
    put_integers(6, 2, false);
    fv_tensor tensor = load(state);
    check_tensor(&tensor, FV_I16, SHAPE(2, 3), NUMBERS(0, 2, 4, 1, 3, 5));
    assert_true(fv_tensor_is_contiguous(&tensor));
    make_file(1, "{'descr': '>i4', 'fortran_order': True, 'shape': (2, 1, 3)}",
              1);
    put_integers(6, 4, true);
    tensor = load(state);
    check_tensor(&tensor, FV_I32, SHAPE(2, 1, 3), NUMBERS(0, 2, 4, 1, 3, 5));
    make_file(1, "{'descr': '<i4', 'fortran_order': True, 'shape': (0, 3)}", 1);
    tensor = load(state);
    check_tensor(&tensor, FV_I32, SHAPE(0, 3), 0, NULL);
    assert_ok((fv_context *)*state);
}

/* Any order of keys, either quote, space wherever Python allows it. */
static void other_ways_to_write_the_header(void **state)
{
    static const char *const headers[] = {
        "{\"shape\":(3,),\"fortran_order\":False,\"descr\":\"|u1\"}",
        " { 'shape' : ( 3 , ) , 'descr' : '|u1' , 'fortran_order' : True , }",
        "{'shape':(3L,),'fortran_order':False,\n\t'descr':'|u1'}\r\n",
    };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        make_file(2, headers[i], 1);
        put_integers(3, 1, false);
        fv_tensor tensor = load(state);
        assert_ok((fv_context *)*state);
        check_tensor(&tensor, FV_U8, SHAPE(3), NUMBERS(0, 1, 2));
    }
}

/* ---- what is refused ----------------------------------------------------- */

static void refused(void **state, fv_status status, const char *sentence)
{
    fv_tensor tensor = load(state);
    assert_int_equal(fv_failed(*state), status);
    check_failed(*state, tensor, sentence);
    assert_int_equal(fv_context_memory(*state).data_bytes, 0);
}

/* Each header with the complaint after "model.npy: ". */
static void wrong_headers(void **state)
{
#define D "'descr': '<f4', "
#define F "'fortran_order': False, "
    static const char *const cases[][2] = {
        { "", "byte 11: expected {" },
        { "[]", "byte 10: expected {" },
        { "{}", "byte 12: key 'descr' is missing" },
        { "{" F "'shape': (1,)}", "byte 49: key 'descr' is missing" },
        { "{" D "'shape': (1,)}", "byte 41: key 'fortran_order' is missing" },
        { "{" D F "}", "byte 52: key 'shape' is missing" },
        { "{'descr': __import__('os').abort(), " F "'shape': (1,)}",
          "byte 20: expected an element type" },
        { "{" D F "'shape': (1,)", "byte 65: expected , or }" },
        { "{" D F "'shape': (1,) 'x': 1}", "byte 65: expected , or }" },
        { "{" D F "'shape': (1,), 'x': 1}", "byte 66: key 'x' is unknown" },
        { "{" D F "'sh\x1b[m': (1,)}", "byte 51: key 'sh\\x1b[m' is unknown" },
        { "{" D D F "'shape': (1,)}", "byte 27: key 'descr' is there twice" },
        { "{" D F "'shape': (1,)} + x", "byte 66: more text after the header" },
        { "{" D F "'shape': (1,), 5: 2}", "byte 66: expected a key" },
        { "{" D F "'shape: (1,)}", "byte 51: the quote does not end" },
        { "{" D F "'shape'= (1,)}", "byte 58: expected :" },
        { "{" D F "'shape': 1}", "byte 60: expected (" },
        { "{" D F "'shape': (1)}",
          "byte 63: the shape is a number, not a tuple" },
        { "{" D F "'shape': (-1,)}", "byte 61: expected an extent or )" },
        { "{" D F "'shape': (,)}", "byte 61: expected an extent or )" },
        { "{" D F "'shape': (1 2)}", "byte 63: expected , or )" },
        { "{" D F "'shape': (1, 1, 1, 1, 1, 1, 1, 1, 1)}",
          "byte 85: more than 8 extents" },
        { "{" D F "'shape': (999999999999999999999999,)}",
          "byte 61: the extent is too large" },
        { "{" D F "'shape': (9999999999, 9999999999)}",
          "byte 84: the shape has too many elements" },
        { "{" D "'fortran_order': 0, 'shape': (1,)}",
          "byte 44: expected True or False" },
        { "{'descr': '<x4', " F "'shape': (1,)}",
          "element type '<x4' is unknown" },
        { "{'descr': '', " F "'shape': (1,)}", "element type '' is unknown" },
        { "{'descr': '<\x80\n', " F "'shape': (1,)}",
          "element type '<\\x80\\x0a' is unknown" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char sentence[256];
        make_file(1, cases[i][0], 1);
        put("\0\0\0\0", 4);
        snprintf(sentence, sizeof sentence, "model.npy: %s", cases[i][1]);
        refused(state, FV_MALFORMED, sentence);
    }
}

/* Every pattern of two bytes is in test_halves.c. */
static void half_precision(void **state)
{
    static const char *const headers[] = {
        "{'descr': '<f2', 'fortran_order': False, 'shape': (2, 3)}",
        "{'descr': '>f2', 'fortran_order': True, 'shape': (2, 3)}"
    };
    static const char *const elements[] = {
        "\0\x3c\0\xc0\xff\x7b\1\0\x55\x35\0\x80",
        "\x3c\0\0\1\xc0\0\x35\x55\x7b\xff\x80\0"
    };
    for (int i = 0; i < 2; i++) {
        make_file(1, headers[i], 64);
        put(elements[i], 12);
        fv_tensor tensor = load(state);
        assert_ok((fv_context *)*state);
        check_tensor(&tensor, FV_F32, SHAPE(2, 3),
                     NUMBERS(1, -2, 65504, 0x1p-24, 0.333251953125, 0));
        fv_tensor_free(*state, &tensor);
        file.size--;
        refused(state, FV_MALFORMED,
                "model.npy: 139 bytes, f16 [2, 3] needs 140");
    }
}

static void types_that_fovea_lacks(void **state)
{
    static const char *const cases[][2] = {
        { "|O", "Python objects, which only running code could rebuild" },
        { "<c8", "complex numbers" },
        { "<c16", "complex numbers" },
        { "<u2", "unsigned integers wider than u8" },
        { "<u4", "unsigned integers wider than u8" },
        { ">u8", "unsigned integers wider than u8" },
        { "<f16", "floating point of a width other than 2, 4 or 8 bytes" },
        { "<U5", "text" },
        { "|S5", "text" },
        { "|V8", "records" },
        { "<M8[ns]", "dates" },
        { "<m8[s]", "time spans" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char header[128], sentence[256];
        snprintf(header, sizeof header,
                 "{'descr': '%s', 'fortran_order': False, 'shape': (1,)}",
                 cases[i][0]);
        snprintf(sentence, sizeof sentence,
                 "model.npy: element type '%s' is not supported: %s",
                 cases[i][0], cases[i][1]);
        make_file(1, header, 64);
        put_integers(1, 16, false);
        refused(state, FV_UNSUPPORTED, sentence);
    }
    make_file(1, "{'descr': [('x', '<f4')], " F "'shape': (1,)}", 64);
    refused(state, FV_UNSUPPORTED,
            "model.npy: the elements are records, which are not supported");
}

/* Wherever the header ends, what follows is elements, even if it would have
 * gone on with the header. */
static void headers_cut_short(void **state)
{
    static const char header[] = "{" D F "'shape': (1,)}";
    const size_t whole = strlen(header);
    for (size_t cut = 0; cut <= whole; cut++) {
        make_file(1, header, 1);
        file.bytes[8] = (unsigned char)cut;
        file.size = 10 + cut;
        const size_t rest = whole - cut < 4 ? whole - cut : 4;
        put(header + cut, rest);
        put("    ", 4 - rest);
        fv_tensor tensor = load(state);
        if (cut == whole) {
            assert_ok((fv_context *)*state);
            assert_int_equal(tensor.rank, 1);
            fv_tensor_free(*state, &tensor);
            continue;
        }
        assert_int_equal(tensor.rank, -1);
        assert_int_equal(fv_failed(*state), FV_MALFORMED);
        fv_clear_error(*state);
    }
}

static void wrong_prefixes(void **state)
{
    const char *header = "{" D F "'shape': (1,)}";
    make_file(1, header, 1);
    put("\0\0\0\0", 4);
    file.bytes[1] = 'n';
    refused(state, FV_MALFORMED, "model.npy: not a NumPy file");
    make_file(1, header, 1);
    file.bytes[6] = 0;
    refused(state, FV_MALFORMED,
            "model.npy: byte 6: version 0.0 is not 1.0, 2.0 or 3.0");
    file.bytes[6] = 4;
    refused(state, FV_MALFORMED,
            "model.npy: byte 6: version 4.0 is not 1.0, 2.0 or 3.0");
    file.bytes[6] = file.bytes[7] = 1;
    refused(state, FV_MALFORMED,
            "model.npy: byte 6: version 1.1 is not 1.0, 2.0 or 3.0");
    make_file(2, header, 1);
    memset(file.bytes + 8, 255, 4);
    refused(state, FV_MALFORMED,
            "model.npy: byte 8: header length 4294967295 exceeds 10000");
    memcpy(file.bytes + 8, "\x70\x11\1\0", 4);
    refused(state, FV_MALFORMED,
            "model.npy: byte 8: header length 70000 exceeds 10000");
    memcpy(file.bytes + 8, "\x11\x27\0\0", 4);
    refused(state, FV_MALFORMED,
            "model.npy: byte 8: header length 10001 exceeds 10000");
    memcpy(file.bytes + 8, "\x10\x27\0\0", 4);
    refused(state, FV_MALFORMED,
            "model.npy: byte 8: header length 10000 exceeds the 56 bytes "
            "left");
    file.size = 0;
    put("PK\3\4 and so on", 14);
    refused(state, FV_MALFORMED,
            "model.npy: not a NumPy file but a zip archive (.pt, .npz, "
            ".keras)");
    file.size = 0;
    refused(state, FV_MALFORMED, "model.npy: not a NumPy file");
}

static void the_longest_header(void **state)
{
    make_file(2, "{'descr': '|u1', " F "'shape': (1,)}", 10012);
    assert_int_equal(file.size, 10012);
    put("\7", 1);
    fv_tensor tensor = load(state);
    check_tensor(&tensor, FV_U8, SHAPE(1), NUMBERS(7));
}

static void elements_missing_or_left(void **state)
{
    make_file(1, "{'descr': '<i8', " F "'shape': (5, 5), }", 64);
    put_integers(25, 8, false);
    file.size--;
    refused(state, FV_MALFORMED, "model.npy: 327 bytes, i64 [5, 5] needs 328");
    file.size += 2;
    refused(state, FV_MALFORMED, "model.npy: 329 bytes, i64 [5, 5] needs 328");
    make_file(1, "{'descr': '<f8', " F "'shape': (100000000000000,), }", 64);
    refused(state, FV_MALFORMED,
            "model.npy: 128 bytes, f64 [100000000000000] needs "
            "800000000000128");
}

static void every_prefix(void **state)
{
    for (int version = 1; version <= 3; version++) {
        make_file(version, "{" D F "'shape': (2, 3), }", 64);
        put_integers(6, 4, false);
        size_t whole = file.size;
        for (file.size = 0; file.size < whole; file.size++) {
            fv_tensor tensor = load(state);
            assert_int_equal(tensor.rank, -1);
            assert_int_equal(fv_failed(*state), FV_MALFORMED);
            fv_clear_error(*state);
        }
        fv_tensor tensor = load(state);
        assert_ok((fv_context *)*state);
        assert_int_equal(tensor.rank, 2);
    }
}

/* One to four bytes of the header changed: refused or loaded, never worse. */
static void random_bytes_changed(void **state)
{
    uint64_t dice = 7;
    int loaded = 0;
    for (int round = 0; round < 2000; round++) {
        make_file(1 + round % 3, "{" D F "'shape': (2, 3), }",
                  round % 2 ? 64 : 1);
        size_t header = file.size;
        put_integers(6, 4, false);
        for (int i = 0; i <= round % 4; i++) {
            dice = dice * 6364136223846793005ULL + 1442695040888963407ULL;
            size_t at = (size_t)(dice >> 33) % header;
            file.bytes[at] =
                (unsigned char)(file.bytes[at] ^ (1 + (dice >> 20) % 255));
        }
        fv_tensor tensor = load(state);
        loaded += tensor.rank >= 0;
        assert_int_equal(tensor.rank < 0, fv_failed(*state) != FV_OK);
        assert_true(fv__is_utf8(fv_error(*state)));
        for (const char *at = fv_error(*state); *at; at++)
            assert_true((unsigned char)*at >= ' ' && *at != 0x7f);
        fv_clear_error(*state);
        fv_tensor_free(*state, &tensor);
        assert_int_equal(fv_context_memory(*state).data_bytes, 0);
    }
    assert_true(loaded < 1000);
}

/* ---- what is written ----------------------------------------------------- */

static char folder[] = "/tmp/fovea_npy_XXXXXX";

static int begin_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int end_folder(void **state)
{
    (void)state;
    return rmdir(folder); /* fails if a file is left behind */
}

/* Saves, reads the bytes into `file`, removes. */
static void save(fv_context *context, const fv_tensor *tensor)
{
    char path[64];
    snprintf(path, sizeof path, "%s/x.npy", folder);
    assert_int_equal(fv_npy_save(context, path, tensor), FV_OK);
    assert_ok(context);
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    file.size = fread(file.bytes, 1, sizeof file.bytes, stream);
    fclose(stream);
    fv_tensor again = fv_npy_load(context, path);
    assert_ok(context);
    assert_int_equal(again.dtype, tensor->dtype);
    assert_true(fv_tensor_same_shape(&again, tensor));
    for (int64_t i = 0; i < fv_tensor_count(tensor); i++)
        assert_true(number_at(&again, i) == number_at(tensor, i));
    fv_tensor_free(context, &again);
    assert_int_equal(unlink(path), 0);
}

/* What numpy.save of NumPy 2.4 wrote for the same arrays. */
static void the_bytes_of_numpy(void **state)
{
    fv_context *context = *state;
    static const char two_by_three[] =
        "\x93NUMPY\1\0v\0{'descr': '<f4', 'fortran_order': False, "
        "'shape': (2, 3), }"
        "                                                          \n"
        "\0\0\0\0\0\0\x80?\0\0\0@\0\0@@\0\0\x80@\0\0\xa0@";
    fv_tensor tensor = count_up(context, FV_F32, SHAPE(2, 3));
    save(context, &tensor);
    assert_int_equal(file.size, 152);
    assert_memory_equal(file.bytes, two_by_three, 152);

    static const char number[] =
        "\x93NUMPY\1\0v\0{'descr': '<f8', 'fortran_order': False, "
        "'shape': (), }"
        "                                                              \n"
        "\0\0\0\0\0\0\4@";
    double value = 2.5;
    tensor = fv_tensor_of(&value, FV_F64, 0, NULL);
    save(context, &tensor);
    assert_int_equal(file.size, 136);
    assert_memory_equal(file.bytes, number, 136);

    static const char bytes[] =
        "\x93NUMPY\1\0v\0{'descr': '|i1', 'fortran_order': False, "
        "'shape': (3,), }"
        "                                                            \n"
        "\0\1\2";
    tensor = count_up(context, FV_I8, SHAPE(3));
    save(context, &tensor);
    assert_int_equal(file.size, 131);
    assert_memory_equal(file.bytes, bytes, 131);
}

static void every_type_and_view(void **state)
{
    fv_context *context = *state;
    for (int type = FV_F32; type <= FV_I64; type++) {
        fv_tensor tensor = count_up(context, (fv_dtype)type, SHAPE(3, 1, 5, 2));
        save(context, &tensor);
        fv_tensor view = fv_tensor_permute(context, &tensor,
                                           (const int32_t[]){ 2, 0, 3, 1 });
        view = fv_tensor_slice(context, &view, 0, 1, 5, 2);
        save(context, &view);
        view = fv_tensor_broadcast(context, &tensor, SHAPE(3, 4, 5, 2));
        save(context, &view);
        view = fv_tensor_slice(context, &tensor, 0, 2, 1, 1);
        save(context, &view);
        assert_int_equal(file.size, 128);
    }
}

static void wrong_saves(void **state)
{
    fv_context *context = *state;
    fv_tensor tensor = count_up(context, FV_F32, SHAPE(2));
    char path[64], sentence[256];
    assert_int_equal(fv_npy_save(context, "x.npy", NULL), FV_MISUSE);
    assert_error(context, "npy: no tensor");
    assert_int_equal(fv_npy_save(context, NULL, &tensor), FV_MISUSE);
    assert_error(context, "file: path is NULL");
    snprintf(path, sizeof path, "%s/none/x.npy", folder);
    snprintf(sentence, sizeof sentence,
             "%s: cannot write: No such file or directory", path);
    assert_int_equal(fv_npy_save(context, path, &tensor), FV_IO);
    assert_error(context, sentence);
    check_failed(context, fv_npy_load(context, NULL), "file: path is NULL");
    snprintf(sentence, sizeof sentence,
             "%s: cannot open: No such file or directory", path);
    check_failed(context, fv_npy_load(context, path), sentence);
    fv_fail(context, FV_MISUSE, "test: pending");
    assert_int_equal(fv_npy_save(context, path, &tensor), FV_MISUSE);
    assert_int_equal(fv_npy_load(context, path).rank, -1);
    assert_error(context, "test: pending");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MEMORY(the_file_of_rank_two),
        MEMORY(the_file_of_rank_one),
        MEMORY(integers_of_either_byte_order),
        MEMORY(floats_of_either_byte_order),
        MEMORY(columns_first),
        MEMORY(other_ways_to_write_the_header),
        MEMORY(wrong_headers),
        MEMORY(headers_cut_short),
        MEMORY(half_precision),
        MEMORY(types_that_fovea_lacks),
        MEMORY(wrong_prefixes),
        MEMORY(the_longest_header),
        MEMORY(elements_missing_or_left),
        MEMORY(every_prefix),
        MEMORY(random_bytes_changed),
        CASE(the_bytes_of_numpy),
        CASE(every_type_and_view),
        CASE(wrong_saves),
    };
    return cmocka_run_group_tests(tests, begin_folder, end_folder);
}
