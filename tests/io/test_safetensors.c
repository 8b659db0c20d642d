/* Safetensors archives: what is written comes back, byte for byte, damage is
 * found, and no fault of machine or file system loses the old file. */
#include "archives.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "faults.h"

#ifdef FOVEA_WITH_JANSSON

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

static void make_entries(fv_named_tensor entries[ENTRIES])
{
    const fv_tensor matrix = FV_TENSOR(weights, FV_F32, 2, 3);
    const int32_t turn[] = { 2, 0, 1 };
    fv_tensor turned = FV_TENSOR(many, FV_F32, 10, 15, 20);
    fv_context *context = fv_context_new(NULL);
    turned = fv_tensor_permute(context, &turned, turn);
    fv_context_free(context);
    for (int i = 0; i < 3000; i++) many[i] = (float)i;
    const fv_named_tensor all[ENTRIES] = {
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
    fv_named_tensor entries[ENTRIES];
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
    fv_named_tensor entries[ENTRIES];
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

/* ---- damage ------------------------------------------------------------ */

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

/* ---- writing what cannot be written ------------------------------------ */

static void not_written(size_t num_entries, const fv_named_tensor *entries,
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
    const fv_named_tensor twice[] = { { "a", one }, { "a", one } };
    const fv_named_tensor reserved[] = { { "__metadata__", one } };
    const fv_named_tensor broken[] = { { "a\xff", one } };
    const fv_named_tensor failed[] = { { "a", { .rank = -1 } } };
    const fv_named_tensor nameless[] = { { NULL, one } };
    const fv_named_tensor empty[] = { { "a", FV_TENSOR(NULL, FV_U8, 1) } };
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
    const fv_named_tensor entry[] = { { "new",
                                        FV_TENSOR(many, FV_F32, 3000) } };
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

int main(void) { return 0; } /* test_safetensors_refused has the sentence */

#endif
