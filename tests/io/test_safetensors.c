/* Safetensors archives: what is written comes back, byte for byte, and every
 * file that breaks a rule is refused with its sentence. */
#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "faults.h"
#include "io/io.h"
#include "memory_files.h"

#ifdef FOVEA_WITH_JANSSON

static memory_files files;
static unsigned char room[1 << 18];
static size_t used;
static char folder[64];

static int begin_all(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/fovea-safetensors-XXXXXX");
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int end_all(void **state)
{
    (void)state;
    unlink("m");
    unlink("again");
    return chdir("/") || rmdir(folder);
}

/* ---- files made by hand ------------------------------------------------ */

static void put(const void *bytes, size_t size)
{
    assert_true(used + size <= sizeof room);
    memcpy(room + used, bytes, size);
    used += size;
}

static void begin_file(uint64_t header_size)
{
    used = 0;
    for (int i = 0; i < 8; i++) {
        const unsigned char byte = (unsigned char)(header_size >> 8 * i);
        put(&byte, 1);
    }
}

/* A file of a header and zeros. */
static void make(const char *header, size_t data)
{
    begin_file(strlen(header));
    put(header, strlen(header));
    assert_true(used + data <= sizeof room);
    memset(room + used, 0, data);
    used += data;
}

static fv_context *context_over_files(void)
{
    fv_io io = memory_files_io(&files);
    fv_context *context = fv_context_new(FV_OPTIONS(
        fv_context_options, .io = &io, .max_bytes = (size_t)1 << 30));
    assert_ok(context);
    return context;
}

static fv_status refused(const char *sentence)
{
    memory_files_put(&files, "m", room, used);
    fv_context *context = context_over_files();
    assert_null(fv__safetensors_read(context, "m"));
    const fv_status status = fv_failed(context);
    assert_error(context, sentence);
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    fv_context_free(context);
    return status;
}

static void refused_header(const char *header, size_t data,
                           const char *sentence)
{
    make(header, data);
    refused(sentence);
}

#define TENSOR(name, type, shape, begin, end)                                  \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":[" shape                   \
    "],\"data_offsets\":[" #begin "," #end "]}"

/* ---- one of everything ------------------------------------------------- */

static float weights[6] = { 0, 1, 2, -3, 0.5f, 5 };
static double scalar[1] = { 3.25 };
static uint8_t bytes[3] = { 7, 8, 255 };
static int8_t small[2] = { -128, 127 };
static int16_t middle[2] = { -300, 300 };
static int32_t whole[1] = { -70000 };
static int64_t wide[2] = { -5000000000, 5 };
static float many[3000];

enum { ENTRIES = 10 };

static const fv__pair pairs[] = { { "fovea.network",
                                    "input 28x28x1\nconv \"8\"\n" },
                                  { "who", "M\xc3\xbcller" } };

static void make_entries(fv__entry entries[ENTRIES])
{
    const fv_tensor matrix = FV_TENSOR(weights, FV_F32, 2, 3);
    const int32_t turn[] = { 2, 0, 1 };
    fv_tensor turned = FV_TENSOR(many, FV_F32, 10, 15, 20);
    fv_context *context = fv_context_new(NULL);
    turned = fv_tensor_permute(context, &turned, turn);
    fv_context_free(context);
    for (int i = 0; i < 3000; i++) many[i] = (float)i;
    const fv__entry all[ENTRIES] = {
        { "bytes", FV_TENSOR(bytes, FV_U8, 3) },
        { "conv1.weight", matrix },
        { "scalar", fv_tensor_of(scalar, FV_F64, 0, NULL) },
        { "turned", turned },
        { "i8", FV_TENSOR(small, FV_I8, 2) },
        { "i16 \"\xc3\xa9\"\n", FV_TENSOR(middle, FV_I16, 2) },
        { "i32", FV_TENSOR(whole, FV_I32, 1) },
        { "i64", FV_TENSOR(wide, FV_I64, 2, 1) },
        { "none", FV_TENSOR(NULL, FV_F32, 0, 5) },
        { "", FV_TENSOR(bytes, FV_U8, 1) },
    };
    memcpy(entries, all, sizeof all);
}

static void write_all(fv_context *context)
{
    fv__entry entries[ENTRIES];
    make_entries(entries);
    fv__safetensors_write(context, "m", ENTRIES, entries, 2, pairs);
}

/* The file on the disk into `room`. */
static void load(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    used = fread(room, 1, sizeof room, file);
    assert_true(used < sizeof room);
    fclose(file);
}

static void check_all(const fv__archive *archive)
{
    fv__entry entries[ENTRIES];
    make_entries(entries);
    assert_int_equal(archive->num_entries, ENTRIES);
    for (size_t i = 0; i < ENTRIES; i++) {
        const fv_tensor *was = &entries[i].tensor;
        const fv_tensor *is = &archive->entries[i].tensor;
        assert_string_equal(archive->entries[i].name, entries[i].name);
        assert_ptr_equal(fv__archive_find(archive, entries[i].name), is);
        assert_int_equal(is->dtype, was->dtype);
        assert_true(fv_tensor_same_shape(is, was));
        assert_true(fv_tensor_is_contiguous(is));
        const size_t size = fv_dtype_bytes(is->dtype);
        assert_int_equal((uintptr_t)is->data % size, 0);
        if (strcmp(entries[i].name, "turned") != 0)
            assert_memory_equal(is->data, was->data,
                                (size_t)fv_tensor_count(is) * size);
    }
    const float *turned = fv__archive_find(archive, "turned")->data;
    for (int i = 0; i < 3000; i++) {
        const int a = i / 150, b = i / 15 % 10, c = i % 15;
        assert_true(turned[i] == many[b * 300 + c * 20 + a]);
    }
    assert_null(fv__archive_find(archive, "bytes "));
    assert_null(fv__archive_find(archive, NULL));
    assert_int_equal(archive->num_pairs, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(archive->pairs[i].key, pairs[i].key);
        assert_string_equal(fv__archive_value(archive, pairs[i].key),
                            pairs[i].value);
    }
    assert_null(fv__archive_value(archive, "fovea.crc32"));
    assert_true(archive->has_digest);
}

static void test_round_trip(void **state)
{
    (void)state;
    static unsigned char first[sizeof room];
    fv_context *context = fv_context_new(NULL);
    write_all(context);
    assert_ok(context);
    fv__archive *archive = fv__safetensors_read(context, "m");
    assert_ok(context);
    check_all(archive);
    fv__safetensors_write(context, "again", archive->num_entries,
                          archive->entries, archive->num_pairs, archive->pairs);
    assert_ok(context);
    fv__archive_free(archive);
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    load("m");
    const size_t size = used;
    memcpy(first, room, size);
    load("again");
    assert_int_equal(used, size);
    assert_memory_equal(room, first, size);
    assert_int_equal((room[0] | room[1] << 8) % 8, 0);
    fv_context_free(context);
}

static void test_nothing(void **state)
{
    (void)state;
    fv_context *context = fv_context_new(NULL);
    fv__safetensors_write(context, "m", 0, NULL, 0, NULL);
    fv__archive *archive = fv__safetensors_read(context, "m");
    assert_ok(context);
    assert_int_equal(archive->num_entries, 0);
    assert_int_equal(archive->num_pairs, 0);
    assert_null(fv__archive_find(archive, "a"));
    assert_null(fv__archive_value(archive, "a"));
    fv__archive_free(archive);
    fv__archive_free(NULL);
    assert_null(fv__archive_find(NULL, "a"));
    assert_null(fv__archive_value(NULL, "a"));
    fv_fail(context, FV_IO, "before");
    assert_null(fv__safetensors_read(context, "m"));
    assert_int_equal(fv__safetensors_write(context, "m", 0, NULL, 0, NULL),
                     FV_IO);
    assert_error(context, "before");
    fv_context_free(context);
}

/* What Python's package safetensors 0.8.0 writes. */
static void test_from_python(void **state)
{
    (void)state;
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"np\",\"n\":\"\\\"x\\\"\"},"
        "\"k\xc3\xa9y\":{\"dtype\":\"I64\",\"shape\":[1,1],"
        "\"data_offsets\":[0,8]},\"s\":{\"dtype\":\"F64\",\"shape\":[],"
        "\"data_offsets\":[8,16]},\"e\":{\"dtype\":\"F32\","
        "\"shape\":[0,5],\"data_offsets\":[16,16]},\"w\":{\"dtype\":"
        "\"F32\",\"shape\":[2,3],\"data_offsets\":[16,40]},\"b\":"
        "{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[40,43]}}     ";
    static const char data[] =
        "\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x04@"
        "\x00\x00\x00\x00\x00\x00\x80?\x00\x00\x00@\x00\x00@@\x00\x00\x80@"
        "\x00\x00\xa0@\x01\x02\x03";
    begin_file(0x148);
    put(header, 0x148);
    put(data, 43);
    memory_files_put(&files, "m", room, used);
    fv_context *context = context_over_files();
    fv__archive *archive = fv__safetensors_read(context, "m");
    assert_ok(context);
    assert_false(archive->has_digest);
    assert_int_equal(archive->num_entries, 5);
    assert_string_equal(fv__archive_value(archive, "n"), "\"x\"");
    const float *w = fv__archive_find(archive, "w")->data;
    for (int i = 0; i < 6; i++) assert_true(w[i] == (float)i);
    const fv_tensor *k = fv__archive_find(archive, "k\xc3\xa9y");
    assert_int_equal(*(int64_t *)k->data, -1);
    assert_true(*(double *)fv__archive_find(archive, "s")->data == 2.5);
    assert_int_equal(fv__archive_find(archive, "e")->shape[1], 5);
    fv__archive_free(archive);
    fv_context_free(context);
}

/* ---- frames ------------------------------------------------------------ */

static void test_frame(void **state)
{
    (void)state;
    used = 0;
    refused("m: 0 bytes, a safetensors file has 10 or more");
    put("1234567", 7);
    refused("m: 7 bytes, a safetensors file has 10 or more");
    begin_file(0);
    refused("m: header of 0 bytes, 0 follow its length");
    begin_file(1);
    put("{", 1);
    assert_int_equal(refused("m: byte 9: header: string or '}' expected near "
                             "end of file"),
                     FV_MALFORMED);
    begin_file(UINT64_MAX);
    put("{}", 2);
    refused("m: header of 18446744073709551615 bytes, 2 follow its length");
    begin_file(3);
    put("{}", 2);
    refused("m: header of 3 bytes, 2 follow its length");
    begin_file(100000001);
    put("{}", 2);
    refused("m: header of 100000001 bytes, 2 follow its length");
    make(" {}", 0);
    refused("m: byte 8: header must begin with {");
    make("[]", 0);
    refused("m: byte 8: header must begin with {");
}

static void test_header_limit(void **state)
{
    (void)state;
    static const size_t size = 100000001;
    unsigned char *large = calloc(1, size + 8);
    assert_non_null(large);
    begin_file(size);
    memcpy(large, room, 8);
    large[8] = '{';
    memory_files_put(&files, "large", large, size + 8);
    fv_context *context = context_over_files();
    assert_null(fv__safetensors_read(context, "large"));
    assert_int_equal(fv_failed(context), FV_LIMIT);
    assert_error(context,
                 "large: header of 100000001 bytes, at most 100000000");
    fv_context_free(context);
    files.count = 0;
    free(large);
}

static void test_other_files(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t size;
        const char *sentence;
    } others[] = {
        { "PK\3\4\0\0\0\0\0\0", 10,
          "m: a zip archive (.pt, .npz, .keras), not a safetensors file" },
        { "\x89HDF\r\n\x1a\n\0\0", 10,
          "m: an HDF5 file (.h5), not a safetensors file" },
        { "GGUF\3\0\0\0\0\0", 10, "m: a GGUF file, not a safetensors file" },
        { "\x80\2}q\0.......", 12,
          "m: a Python pickle (.pkl, .pt), not a safetensors file" },
        { "\x89PNG\r\n\x1a\n", 8, "m: a PNG image, not a safetensors file" },
        { "\xff\xd8\xff\xe0", 4, "m: a JPEG image, not a safetensors file" },
        { "\x1f\x8b\x08\0", 4, "m: a gzip file, not a safetensors file" },
        { "<!DOCTYPE html>", 15, "m: a web page, not a safetensors file" },
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        used = 0;
        put(others[i].text, others[i].size);
        refused(others[i].sentence);
    }
    memset(room, 'x', 512);
    memcpy(room + 257, "ustar", 5);
    used = 512;
    refused("m: a tar archive, not a safetensors file");
}

/* ---- headers ----------------------------------------------------------- */

static void test_json(void **state)
{
    (void)state;
    begin_file(100001);
    put("{", 1);
    memset(room + used, '[', 100000);
    used += 100000;
    refused("m: byte 40: header nested deeper than 32");
    refused_header("{} x", 0,
                   "m: byte 12: header: end of file expected near 'x'");
    refused_header("{\"a\":1.5}", 0,
                   "m: tensor \"a\": must have dtype, shape and data_offsets "
                   "alone");
    refused_header(
        "{" TENSOR("a", "U8", "1", 0, 1) "," TENSOR("a", "U8", "1", 0, 1) "}",
        1, "m: byte 64: header: duplicate object key near '\"a\"'");
    refused_header("{" TENSOR("a", "U8", "1", 0, 1) "," TENSOR("\\u0061", "U8",
                                                               "1", 0, 1) "}",
                   1,
                   "m: byte 69: header: duplicate object key near "
                   "'\"\\u0061\"'");
    refused_header("{" TENSOR("\\u0000", "U8", "1", 0, 1) "}", 1,
                   "m: byte 17: header: NUL byte in object key not supported "
                   "near '\"\\u0000\"'");
    refused_header("{" TENSOR("\xff", "U8", "1", 0, 1) "}", 1,
                   "m: byte 10: header: unable to decode byte 0xff near '\"'");
    refused_header("{" TENSOR("\x1b[31m", "Q7", "1", 0, 1) "}", 1,
                   "m: byte 10: header: control character 0x1b near '\"'");
    refused_header("{" TENSOR("\\u001b[31m", "Q7", "1", 0, 1) "}", 1,
                   "m: tensor \"\\x1b[31m\": unknown type \"Q7\"");
    make("{\"__metadata__\":{\"a\":\"..\"}}", 0);
    room[31] = 0;
    refused("m: byte 31: header: control character 0x0 near '\".'");
}

static void test_metadata(void **state)
{
    (void)state;
    refused_header("{\"__metadata__\":[]}", 0, "m: metadata is not an object");
    refused_header("{\"__metadata__\":{\"a\":1}}", 0,
                   "m: metadata \"a\" is not a text");
    refused_header("{\"__metadata__\":{\"a\":{\"b\":\"c\"}}}", 0,
                   "m: metadata \"a\" is not a text");
}

static void test_types(void **state)
{
    (void)state;
    make("{" TENSOR("a", "BF16", "1", 0, 2) "}", 2);
    assert_int_equal(refused("m: tensor \"a\": type BF16, Fovea has F32 F64 "
                             "U8 I8 I16 I32 I64"),
                     FV_UNSUPPORTED);
    make("{" TENSOR("a", "F4", "1", 0, 1) "}", 1);
    assert_int_equal(refused("m: tensor \"a\": type F4, Fovea has F32 F64 "
                             "U8 I8 I16 I32 I64"),
                     FV_UNSUPPORTED);
    make("{" TENSOR("a", "f32", "1", 0, 4) "}", 4);
    assert_int_equal(refused("m: tensor \"a\": unknown type \"f32\""),
                     FV_MALFORMED);
    refused_header("{\"a\":{\"dtype\":1,\"shape\":[],"
                   "\"data_offsets\":[0,0]}}",
                   0, "m: tensor \"a\": dtype is not a text");
    refused_header("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,0]}}", 0,
                   "m: tensor \"a\": must have dtype, shape and data_offsets "
                   "alone");
    refused_header("{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"x\":0,"
                   "\"data_offsets\":[0,0]}}",
                   0,
                   "m: tensor \"a\": must have dtype, shape and data_offsets "
                   "alone");
}

static void test_shapes(void **state)
{
    (void)state;
#define SHAPE(shape) "{" TENSOR("a", "F32", shape, 0, 4) "}"
    refused_header(SHAPE("1,1,1,1,1,1,1,1,1"), 4,
                   "m: tensor \"a\": rank 9, at most 8");
    refused_header(
        SHAPE("1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
              "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
              "1,1,1"),
        4, "m: tensor \"a\": rank 65, at most 8");
    refused_header(SHAPE("-1"), 4,
                   "m: tensor \"a\": shape must hold integers, at least 0");
    refused_header(SHAPE("1.0"), 4,
                   "m: tensor \"a\": shape must hold integers, at least 0");
    refused_header(SHAPE("1e0"), 4,
                   "m: tensor \"a\": shape must hold integers, at least 0");
    refused_header(SHAPE("\"1\""), 4,
                   "m: tensor \"a\": shape must hold integers, at least 0");
    refused_header(SHAPE("4294967296,4294967296"), 4,
                   "m: tensor \"a\": 2^47 elements or more");
    refused_header(SHAPE("140737488355328"), 4,
                   "m: tensor \"a\": 2^47 elements or more");
    refused_header(SHAPE("99999999999999999999"), 4,
                   "m: byte 57: header: too big integer near "
                   "'99999999999999999999'");
    refused_header(SHAPE("2"), 4,
                   "m: tensor \"a\": 2 elements of F32 are 8 bytes, its "
                   "range 4");
    refused_header(SHAPE("0,5"), 4,
                   "m: tensor \"a\": 0 elements of F32 are 0 bytes, its "
                   "range 4");
    refused_header("{\"a\":{\"dtype\":\"U8\",\"shape\":1,"
                   "\"data_offsets\":[0,1]}}",
                   1, "m: tensor \"a\": shape is not a list");
}

static void test_ranges(void **state)
{
    (void)state;
#define RANGE(range)                                                           \
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" range "}}"
    static const char two[] =
        "m: tensor \"a\": data_offsets must be two integers, at least 0";
    refused_header(RANGE("[0,4,4]"), 4, two);
    refused_header(RANGE("[4]"), 4, two);
    refused_header(RANGE("{}"), 4, two);
    refused_header(RANGE("[-4,0]"), 4, two);
    refused_header(RANGE("[0,4.0]"), 4, two);
    refused_header(RANGE("[4,0]"), 4,
                   "m: tensor \"a\": ends at byte 0, before it begins at 4");
    refused_header(RANGE("[0,-4]"), 4,
                   "m: tensor \"a\": ends at byte -4, before it begins at 0");
    refused_header(RANGE("[0,3]"), 4,
                   "m: tensor \"a\": 4 elements of U8 are 4 bytes, its "
                   "range 3");
    refused_header(RANGE("[0,4]"), 3,
                   "m: tensor \"a\": ends at byte 4, the data at 3");
    refused_header(RANGE("[1,5]"), 5,
                   "m: tensor \"a\": begins at byte 1, must at 0");
    refused_header(RANGE("[0,4]"), 10, "m: 6 bytes follow the last tensor");
    refused_header("{}", 1, "m: 1 bytes follow the last tensor");
    refused_header(
        "{" TENSOR("a", "U8", "4", 0, 4) "," TENSOR("b", "U8", "4", 2, 6) "}",
        6, "m: tensor \"b\": begins at byte 2, must at 4");
    refused_header(
        "{" TENSOR("b", "U8", "4", 6, 10) "," TENSOR("a", "U8", "4", 0, 4) "}",
        10, "m: tensor \"b\": begins at byte 6, must at 4");
}

/* Memory cannot be multiplied by many tensors over one range. */
static void test_many_over_one_range(void **state)
{
    (void)state;
    static char header[1 << 18];
    size_t at = 0;
    for (int i = 0; i < 3000; i++)
        at += (size_t)snprintf(header + at, sizeof header - at,
                               "%c"
                               "\"%d\":{\"dtype\":\"U8\",\"shape\":[8],"
                               "\"data_offsets\":[0,8]}",
                               i ? ',' : '{', i);
    snprintf(header + at, sizeof header - at, "}");
    make(header, 8);
    refused("m: tensor \"1\": begins at byte 0, must at 8");
}

/* The memory jansson would take counts against the context's limit. */
static void test_memory_of_the_header(void **state)
{
    (void)state;
    static char header[100000];
    header[0] = '{';
    memcpy(header + 1, "\"a\":[", 5);
    for (size_t i = 6; i < sizeof header - 3; i += 2)
        memcpy(header + i, "1,", 2);
    memcpy(header + sizeof header - 4, "1]}", 4);
    make(header, 0);
    memory_files_put(&files, "m", room, used);
    fv_io io = memory_files_io(&files);
    fv_context *context = fv_context_new(
        FV_OPTIONS(fv_context_options, .io = &io, .max_bytes = 1000000));
    assert_ok(context);
    assert_null(fv__safetensors_read(context, "m"));
    assert_int_equal(fv_failed(context), FV_LIMIT);
    assert_non_null(strstr(fv_error(context), "m: header needs up to "));
    fv_context_free(context);
}

/* ---- damage ------------------------------------------------------------ */

static void test_digest(void **state)
{
    (void)state;
#define DIGEST(digest) "{\"__metadata__\":{\"fovea.crc32\":" digest "}}      "
    static const char bad[] =
        "m: metadata \"fovea.crc32\" must be 8 hexadecimal digits";
    refused_header(DIGEST("\"1234567\""), 0, bad);
    refused_header(DIGEST("\"1234567G\""), 0, bad);
    refused_header(DIGEST("\"1234567A\""), 0, bad);
    refused_header("{\"__metadata__\":{\"fovea\\u002ecrc32\":\"12345678\"}}", 0,
                   bad);
    make(DIGEST(" \"00000000\""), 0);
    char digits[9], sentence[100];
    snprintf(digits, sizeof digits, "%08x", fv__crc32(0, room, used));
    snprintf(sentence, sizeof sentence,
             "m: damaged: its digest is 00000000, the content has %s", digits);
    refused(sentence);
    memcpy(room + 8 + 33, digits, 8);
    memory_files_put(&files, "m", room, used);
    fv_context *context = context_over_files();
    fv__archive *archive = fv__safetensors_read(context, "m");
    assert_ok(context);
    assert_true(archive->has_digest);
    fv__archive_free(archive);
    fv_context_free(context);
}

static void test_every_prefix(void **state)
{
    (void)state;
    fv_context *disk = fv_context_new(NULL);
    write_all(disk);
    assert_ok(disk);
    fv_context_free(disk);
    load("m");
    fv_context *context = context_over_files();
    for (size_t size = 0; size < used; size += size < 2000 ? 1 : 97) {
        memory_files_put(&files, "m", room, size);
        assert_null(fv__safetensors_read(context, "m"));
        assert_int_equal(fv_failed(context), FV_MALFORMED);
        fv_clear_error(context);
    }
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    fv_context_free(context);
}

/* Every bit of the header, and random ones behind it: found by the digest. The
 * digest's own key is the one place where a flip leaves a file without
 * digest. */
static void test_every_bit(void **state)
{
    (void)state;
    load("m");
    const char *key = "fovea.crc32";
    size_t at = 8;
    while (memcmp(room + at, key, strlen(key)) != 0) at++;
    fv_context *context = context_over_files();
    memory_files_put(&files, "m", room, used);
    for (size_t i = 0; i < 1000 * 8 + 1000; i++) {
        uint32_t words[4];
        fv__philox(5, 6, i, words);
        const size_t bit = i < 8000 ? i : words[0] % (8 * used);
        const unsigned char mask = (unsigned char)(1 << bit % 8);
        room[bit / 8] ^= mask;
        fv__archive *archive = fv__safetensors_read(context, "m");
        if (archive) assert_true(bit / 8 >= at && bit / 8 < at + strlen(key));
        if (archive) assert_false(archive->has_digest);
        fv__archive_free(archive);
        fv_clear_error(context);
        room[bit / 8] ^= mask;
    }
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    fv_context_free(context);
}

/* Without a digest damage may go unseen, but never harms. */
static void test_random_flips(void **state)
{
    (void)state;
    static unsigned char whole_file[400];
    make("{\"__metadata__\":{\"k\":\"v\"}," TENSOR(
             "a", "F32", "2,3", 0,
             24) "," TENSOR("b", "I16", "1", 24, 26) "," TENSOR("c", "F64", "1",
                                                                26, 34) "}",
         34);
    assert_true(used <= sizeof whole_file);
    memcpy(whole_file, room, used);
    fv_context *context = context_over_files();
    memory_files_put(&files, "m", room, used);
    size_t good = 0;
    for (uint64_t turn = 0; turn < 2000; turn++) {
        uint32_t words[4];
        fv__philox(7, 8, turn, words);
        memcpy(room, whole_file, used);
        for (size_t k = 0; k < turn % 4; k++)
            room[words[k] % used] ^= (unsigned char)(1 << words[3] % 8);
        fv__archive *archive = fv__safetensors_read(context, "m");
        assert_true((archive != NULL) == (fv_failed(context) == FV_OK));
        good += archive != NULL;
        fv__archive_free(archive);
        fv_clear_error(context);
    }
    assert_true(good >= 500);
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    fv_context_free(context);
}

/* ---- writing what cannot be written ------------------------------------ */

static void not_written(size_t num_entries, const fv__entry *entries,
                        size_t num_pairs, const fv__pair *given,
                        const char *sentence)
{
    fv_context *context = fv_context_new(NULL);
    assert_int_equal(fv__safetensors_write(context, "wrong", num_entries,
                                           entries, num_pairs, given),
                     FV_MISUSE);
    assert_error(context, sentence);
    assert_int_not_equal(access("wrong", F_OK), 0);
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    fv_context_free(context);
}

static void test_wrong_entries(void **state)
{
    (void)state;
    const fv_tensor one = FV_TENSOR(bytes, FV_U8, 1);
    const fv__entry twice[] = { { "a", one }, { "a", one } };
    const fv__entry reserved[] = { { "__metadata__", one } };
    const fv__entry broken[] = { { "a\xff", one } };
    const fv__entry failed[] = { { "a", { .rank = -1 } } };
    const fv__entry nameless[] = { { NULL, one } };
    const fv__entry empty[] = { { "a", FV_TENSOR(NULL, FV_U8, 1) } };
    not_written(2, twice, 0, NULL, "wrong: two entries \"a\"");
    not_written(1, reserved, 0, NULL, "wrong: two entries \"__metadata__\"");
    not_written(1, broken, 0, NULL, "wrong: text of \"a\\xff\" is not UTF-8");
    not_written(1, failed, 0, NULL, "wrong: entry 0 is not a named tensor");
    not_written(1, nameless, 0, NULL, "wrong: entry 0 is not a named tensor");
    not_written(1, empty, 0, NULL, "wrong: entry 0 is not a named tensor");
    const fv__pair digest[] = { { "fovea.crc32", "00000000" } };
    const fv__pair value[] = { { "key", "\xc3" } };
    not_written(0, NULL, 1, digest, "wrong: two entries \"fovea.crc32\"");
    not_written(0, NULL, 1, value, "wrong: text of \"key\" is not UTF-8");
}

/* ---- faults ------------------------------------------------------------ */

/* Whether the file "m" is the one in `old`; if not, it must be a good one. */
static bool is_old(const unsigned char *old, size_t size)
{
    load("m");
    if (used == size && memcmp(room, old, size) == 0) return true;
    fv_context *context = fv_context_new(NULL);
    fv__archive *archive = fv__safetensors_read(context, "m");
    assert_ok(context);
    assert_non_null(fv__archive_find(archive, "new"));
    fv__archive_free(archive);
    fv_context_free(context);
    return false;
}

/* Any call of the file system may fail: the old file stays, or the new one is
 * complete; that nothing else stays in the folder shows when it is removed. */
static void test_every_file_call(void **state)
{
    (void)state;
    static unsigned char old[sizeof room];
    load("m");
    const size_t size = used;
    memcpy(old, room, size);
    const fv__entry entry[] = { { "new", FV_TENSOR(many, FV_F32, 3000) } };
    bool reached = true;
    size_t failures = 0;
    for (size_t k = 1; reached; k++) {
        faults_io faults = { .fail_at = k, .error = ENOSPC, .most = 1000 };
        fv_io io = faults_io_table(&faults);
        fv_context *context =
            fv_context_new(FV_OPTIONS(fv_context_options, .io = &io));
        fv__safetensors_write(context, "m", 1, entry, 0, NULL);
        const bool failed = fv_failed(context) != FV_OK;
        reached = faults.calls >= k;
        failures += failed;
        assert_int_equal(faults.files, 0);
        assert_int_equal(fv_context_memory(context).data_bytes, 0);
        fv_context_free(context);
        if (is_old(old, size)) assert_true(failed);
        FILE *again = fopen("m", "wb");
        assert_int_equal(fwrite(old, 1, size, again), size);
        fclose(again);
        assert_true(k < 200);
    }
    assert_true(failures > 5);
}

static void test_every_read_call(void **state)
{
    (void)state;
    fv__archive *archive = NULL;
    for (size_t k = 1; !archive; k++) {
        faults_io faults = { .fail_at = k, .error = EIO, .most = 1000 };
        fv_io io = faults_io_table(&faults);
        fv_context *context =
            fv_context_new(FV_OPTIONS(fv_context_options, .io = &io));
        archive = fv__safetensors_read(context, "m");
        assert_int_equal(faults.files, 0);
        assert_true((archive != NULL) == (fv_failed(context) == FV_OK));
        if (archive) check_all(archive);
        fv__archive_free(archive);
        fv_context_free(context);
        assert_true(k < 200);
    }
}

static void test_every_allocation(void **state)
{
    (void)state;
    faults_memory memory = { 0 };
    fv_allocator allocator = faults_allocator(&memory);
    fv_context *context =
        fv_context_new(FV_OPTIONS(fv_context_options, .allocator = &allocator));
    assert_ok(context);
    const size_t blocks = memory.blocks;
    fv__archive *archive = NULL;
    size_t k = 1;
    for (; !archive; k++) {
        memory.fail_at = memory.calls + k;
        archive = fv__safetensors_read(context, "m");
        if (archive) break;
        assert_int_equal(fv_failed(context), FV_NO_MEMORY);
        assert_int_equal(memory.blocks, blocks);
        fv_clear_error(context);
    }
    assert_true(k > 5);
    memory.fail_at = 0;
    fv__archive_free(archive);
    for (k = 1;; k++) {
        memory.fail_at = memory.calls + k;
        write_all(context);
        assert_int_equal(memory.blocks, blocks);
        if (!fv_failed(context)) break;
        assert_int_equal(fv_failed(context), FV_NO_MEMORY);
        fv_clear_error(context);
    }
    assert_true(k > 3);
    fv_context_free(context);
    assert_int_equal(memory.blocks, 0);
    assert_int_equal(memory.wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_from_python),
        cmocka_unit_test(test_frame),
        cmocka_unit_test(test_header_limit),
        cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_many_over_one_range),
        cmocka_unit_test(test_memory_of_the_header),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_random_flips),
        cmocka_unit_test(test_wrong_entries),
        /* from here on with the file "m" on the disk */
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_every_file_call),
        cmocka_unit_test(test_every_read_call),
        cmocka_unit_test(test_every_allocation),
    };
    return cmocka_run_group_tests(tests, begin_all, end_all);
}

#else

static void test_refused(void **state)
{
    (void)state;
    static const char empty[] = "\2\0\0\0\0\0\0\0{}";
    memory_files files = { 0 };
    memory_files_put(&files, "m", empty, 10);
    fv_io io = memory_files_io(&files);
    fv_context *context =
        fv_context_new(FV_OPTIONS(fv_context_options, .io = &io));
    static const char sentence[] =
        "m: this build of Fovea has no safetensors (jansson)";
    assert_null(fv__safetensors_read(context, "m"));
    assert_error(context, sentence);
    fv__safetensors_write(context, "m", 0, NULL, 0, NULL);
    assert_error(context, sentence);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
