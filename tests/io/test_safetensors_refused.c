/* Safetensors files that break a rule are refused, each with its sentence;
 * those of other programs load. */
#include "archives.h"

#include <stdlib.h>

#ifdef FOVEA_WITH_JANSSON

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
    make("{" TENSOR("a", "F8_E5M2", "1", 0, 1) "}", 1);
    assert_int_equal(refused("m: tensor \"a\": type F8_E5M2, Fovea reads F32 "
                             "F64 U8 I8 I16 I32 I64 BOOL F16 BF16"),
                     FV_UNSUPPORTED);
    make("{" TENSOR("a", "F4", "1", 0, 1) "}", 1);
    assert_int_equal(refused("m: tensor \"a\": type F4, Fovea reads F32 F64 "
                             "U8 I8 I16 I32 I64 BOOL F16 BF16"),
                     FV_UNSUPPORTED);
    make("{" TENSOR("a", "BF16", "3", 0, 12) "}", 12);
    assert_int_equal(refused("m: tensor \"a\": 3 elements of BF16 are 6 bytes, "
                             "its range 12"),
                     FV_MALFORMED);
    make("{" TENSOR("a", "BOOL", "3", 0, 6) "}", 6);
    assert_int_equal(refused("m: tensor \"a\": 3 elements of BOOL are 3 bytes, "
                             "its range 6"),
                     FV_MALFORMED);
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

/* A file of that header in memory of its own. */
static void refused_large(char *header, size_t size, fv_status status,
                          const char *sentence)
{
    begin_file(size);
    memcpy(header, room, 8);
    memory_files_put(&files, "large", header, size + 8);
    fv_context *context = context_over_files();
    assert_null(fv__safetensors_read(context, "large"));
    assert_int_equal(fv_failed(context), status);
    assert_error(context, sentence);
    fv_context_free(context);
    files.count = 0;
}

/* A million tensors are looked at, with one more object for the metadata and
 * one around all; more are not. */
static void test_too_many_tensors(void **state)
{
    (void)state;
    static const char piece[] = "\"a\":{},";
    for (size_t count = 1000001; count < 1000003; count++) {
        const bool many = count > 1000001;
        const size_t size = count * (sizeof piece - 1) + 1;
        char *large = malloc(8 + size + 1), *at = large + 8;
        assert_non_null(large);
        *at++ = '{';
        for (size_t i = 0; i < count; i++, at += sizeof piece - 1)
            memcpy(at, piece, sizeof piece - 1);
        at[-1] = '}';
        refused_large(large, size, many ? FV_LIMIT : FV_MALFORMED,
                      many ? "large: header has more than 1000000 tensors"
                           : "large: byte 19: header: duplicate object key "
                             "near '\"a\"'");
        free(large);
    }
}

/* A name of the longest length is looked into, a longer one is not. */
static void test_too_long_a_name(void **state)
{
    (void)state;
    static const char rest[] = "\":{}}";
    for (size_t length = 65536; length < 65538; length++) {
        const size_t size = 2 + length + sizeof rest - 1;
        char *large = malloc(8 + size + 1), sentence[200];
        assert_non_null(large);
        memcpy(large + 8, "{\"", 2);
        memset(large + 10, 'n', length);
        memcpy(large + 10 + length, rest, sizeof rest);
        snprintf(sentence, sizeof sentence, "large: tensor \"%.96s...\": %s",
                 large + 10,
                 length > 65536 ? "name of 65537 bytes, at most 65536"
                                : "must have dtype, shape and data_offsets "
                                  "alone");
        refused_large(large, size, length > 65536 ? FV_LIMIT : FV_MALFORMED,
                      sentence);
        free(large);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        cmocka_unit_test(test_too_many_tensors),
        cmocka_unit_test(test_too_long_a_name),
        cmocka_unit_test(test_memory_of_the_header),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_random_flips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void test_refused(void **state)
{
    (void)state;
    static const char empty[] = "\2\0\0\0\0\0\0\0{}";
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
