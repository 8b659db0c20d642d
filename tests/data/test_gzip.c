/* Gzip'ed files: the same bytes, and every kind of damage is refused. */
#include "common.h"
#include "faults.h"

#include "data/data.h"

static bytes images, labels, zipped;
static memory_files files;

#ifdef FOVEA_WITH_ZLIB

static int begin(void **state)
{
    (void)state;
    files = (memory_files){ 0 };
    make_images(&images, 10, 3, 5);
    make_labels(&labels, 10);
    make_gzip(&zipped, &images);
    memory_files_put(&files, "x.gz", zipped.at, zipped.count);
    memory_files_put(&files, "labels", labels.at, labels.count);
    return 0;
}

#define CASE(function) cmocka_unit_test_setup(function, begin)

static void use(void)
{
    memory_files_put(&files, "x.gz", zipped.at, zipped.count);
}

static void accepted(void)
{
    use();
    fv_context *context = context_over(&files);
    fv_dataset *set = fv_dataset_open_idx(context, "x.gz", "labels");
    assert_ok(context);
    const uint8_t *x = fv_dataset_images(set)->data;
    for (size_t i = 0; i < 150; i++) assert_int_equal(x[i], pixel(i));
    fv_dataset_free(set);
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    fv_context_free(context);
}

static void refused(const char *sentence)
{
    use();
    fv_context *context = context_over(&files);
    fv__idx idx;
    assert_null(fv_dataset_open_idx(context, "x.gz", "labels"));
    assert_error(context, sentence);
    assert_int_not_equal(fv__idx_read(context, "x.gz", false, &idx), FV_OK);
    assert_error(context, sentence);
    assert_null(idx.memory);
    assert_null(idx.bytes);
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    fv_context_free(context);
}

static void test_read(void **state)
{
    (void)state;
    accepted();
}

/* Both files, whatever they are called. */
static void test_by_content(void **state)
{
    (void)state;
    static bytes zipped_labels;
    make_gzip(&zipped_labels, &labels);
    memory_files_put(&files, "labels", zipped_labels.at, zipped_labels.count);
    accepted();
}

static void test_members(void **state)
{
    (void)state;
    zipped.count = 0;
    add_member(&zipped, 0, NULL, 0, images.at, 7);
    add_member(&zipped, 0, NULL, 0, images.at, 0);
    add_member(&zipped, 0, NULL, 0, images.at + 7, images.count - 7);
    add_member(&zipped, 0, NULL, 0, images.at, 0);
    accepted();
    add_member(&zipped, 0, NULL, 0, images.at, 1);
    refused("x.gz: header says [10, 3, 5] = 150 bytes, the file holds more");
}

static void test_optional_fields(void **state)
{
    (void)state;
    static unsigned char extra[2 + 65535];
    extra[0] = extra[1] = 255;
    zipped.count = 0;
    add_member(&zipped, 8, "name", 5, images.at, images.count);
    accepted();
    zipped.count = 0;
    add_member(&zipped, 4, extra, sizeof extra, images.at, images.count);
    accepted();
    zipped.count = 0;
    add_member(&zipped, 4, extra, 2, images.at, images.count);
    refused("x.gz: its gzip data is cut short");
    zipped.count = 0;
    add_member(&zipped, 8, extra, 1000, images.at, 0);
    memset(zipped.at + 10, 'n', zipped.count - 10);
    refused("x.gz: its gzip data is cut short");
    zipped.count = 0;
    add_member(&zipped, 0x20, NULL, 0, images.at, images.count);
    refused("x.gz: damaged gzip data: unknown header flags set");
}

static void test_digests(void **state)
{
    (void)state;
    zipped.at[zipped.count - 8] ^= 1;
    refused("x.gz: damaged gzip data: incorrect data check");
    zipped.at[zipped.count - 8] ^= 1;
    zipped.at[zipped.count - 1] ^= 1;
    refused("x.gz: damaged gzip data: incorrect length check");
    make_gzip(&zipped, &images);
    zipped.at[2] = 9;
    refused("x.gz: damaged gzip data: unknown compression method");
}

static void test_behind_the_end(void **state)
{
    (void)state;
    const size_t size = zipped.count;
    char sentence[200];
    snprintf(sentence, sizeof sentence,
             "x.gz: from byte %zu on, behind its gzip data, it is not gzip",
             size);
    static const char zeros[100000];
    const size_t lengths[] = { 1, 2, 4, 511, sizeof zeros };
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        zipped.count = size;
        add(&zipped, zeros, lengths[i]);
        accepted();
        add(&zipped, "\1", 1);
        refused(sentence);
    }
    zipped.count = size;
    add(&zipped, "\0\x1f\x8b", 3);
    refused(sentence);
    zipped.count = size;
    add(&zipped, "\x1f", 1);
    refused(sentence);
    zipped.count = size;
    add(&zipped, "\x1f\x8b", 2);
    refused("x.gz: its gzip data is cut short");
}

static void test_sizes(void **state)
{
    (void)state;
    bytes *const x = &images;
    add(x, "", 1);
    make_gzip(&zipped, x);
    refused("x.gz: header says [10, 3, 5] = 150 bytes, the file holds more");
    x->count -= 2;
    make_gzip(&zipped, x);
    refused("x.gz: header says [10, 3, 5] = 150 bytes, the file holds 149");
    x->count = 0;
    IDX(x, 60000, 28, 28);
    add(x, labels.at, 10);
    make_gzip(&zipped, x);
    refused("x.gz: header says [60000, 28, 28] = 47040000 bytes, more than 49 "
            "bytes of gzip data can hold");
    x->count = 0;
    IDX(x, 1u << 24, 2u << 24, 5u << 24);
    add(x, labels.at, 10);
    make_gzip(&zipped, x);
    refused("x.gz: header says [16777216, 33554432, 83886080], too large; "
            "little-endian extents would fit, IDX is big-endian");
    x->count = 0;
    make_gzip(&zipped, x);
    refused("x.gz: ends within its IDX header");
    add(x, "\0\0\x08\3\0\0", 6);
    make_gzip(&zipped, x);
    refused("x.gz: ends within its IDX header");
    x->count = 0;
    make_gzip(&zipped, &labels);
    refused("x.gz: rank 1, images have rank 3 or 4");
}

/* Appends bits, the first at the lowest place. */
static void add_bits(bytes *to, size_t *place, unsigned value, int count)
{
    for (int i = 0; i < count; i++, (*place)++) {
        if (*place % 8 == 0) add(to, "", 1);
        to->at[to->count - 1] |=
            (unsigned char)((value >> i & 1) << *place % 8);
    }
}

/* 8-bit codes of the fixed table stand with their highest bit first. */
static void add_code(bytes *to, size_t *place, unsigned code)
{
    for (int i = 7; i >= 0; i--) add_bits(to, place, code >> i & 1, 1);
}

/* 16 kB of gzip data that inflate to 2.6 MB, behind a header that promises
 * 100 bytes: inflating must stop there, so the digest, wrong on purpose, is
 * never reached. */
static void test_bomb(void **state)
{
    (void)state;
    static const unsigned char header[] = { 0, 0, 8,  3, 0, 0, 0,  1, 0,
                                            0, 0, 10, 0, 0, 0, 10, 0 };
    size_t place = 0;
    zipped.count = 0;
    add(&zipped, (unsigned char[]){ 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3 }, 10);
    add_bits(&zipped, &place, 3, 3); /* the last block, fixed codes */
    for (size_t i = 0; i < sizeof header; i++)
        add_code(&zipped, &place, 0x30u + header[i]);
    for (int i = 0; i < 10000; i++) {
        add_code(&zipped, &place, 0xc5); /* copy 258 bytes */
        add_bits(&zipped, &place, 0, 5); /* from one byte before */
    }
    add_bits(&zipped, &place, 0, 7);
    add(&zipped, "12345678", 8);
    refused("x.gz: header says [1, 10, 10] = 100 bytes, the file holds more");
}

static void test_every_prefix(void **state)
{
    (void)state;
    fv_context *context = context_over(&files);
    for (size_t size = 0; size < zipped.count; size++) {
        memory_files_put(&files, "x.gz", zipped.at, size);
        assert_null(fv_dataset_open_idx(context, "x.gz", "labels"));
        assert_int_equal(fv_failed(context), FV_MALFORMED);
        fv_clear_error(context);
    }
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    fv_context_free(context);
}

static void test_random_flips(void **state)
{
    (void)state;
    static bytes flipped;
    fv_context *context = context_over(&files);
    memory_files_put(&files, "x.gz", flipped.at, zipped.count);
    for (uint64_t turn = 0; turn < 2000; turn++) {
        uint32_t words[4];
        fv__philox(3, 4, turn, words);
        memcpy(flipped.at, zipped.at, zipped.count);
        const size_t range = turn % 2 ? zipped.count : 32;
        for (size_t k = 0; k < 1 + turn % 3; k++)
            flipped.at[words[k] % range] ^= (unsigned char)(1 << words[3] % 8);
        fv_dataset *set = fv_dataset_open_idx(context, "x.gz", "labels");
        assert_true((set != NULL) == (fv_failed(context) == FV_OK));
        fv_dataset_free(set);
        fv_clear_error(context);
    }
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    fv_context_free(context);
}

/* zlib's own memory is ours, too. */
static void test_every_allocation(void **state)
{
    (void)state;
    fv_io io = memory_files_io(&files);
    faults_memory memory = { 0 };
    fv_allocator allocator = faults_allocator(&memory);
    fv_context *context = fv_context_new(
        FV_OPTIONS(fv_context_options, .io = &io, .allocator = &allocator));
    assert_ok(context);
    const size_t before = memory.blocks;
    fv_dataset *set = NULL;
    for (size_t k = 1; !set; k++) {
        memory.fail_at = memory.calls + k;
        set = fv_dataset_open_idx(context, "x.gz", "labels");
        if (set) break;
        assert_int_equal(fv_failed(context), FV_NO_MEMORY);
        assert_int_equal(memory.blocks, before);
        fv_clear_error(context);
        assert_true(k < 100);
    }
    assert_true(memory.calls > before + 8);
    fv_context_free(context);
    assert_int_equal(memory.blocks, 0);
    assert_int_equal(memory.wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_every_allocation),
        CASE(test_read),
        CASE(test_by_content),
        CASE(test_members),
        CASE(test_optional_fields),
        CASE(test_digests),
        CASE(test_behind_the_end),
        CASE(test_sizes),
        CASE(test_bomb),
        CASE(test_every_prefix),
        CASE(test_random_flips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void test_refused(void **state)
{
    (void)state;
    make_images(&images, 10, 3, 5);
    make_labels(&labels, 10);
    make_gzip(&zipped, &images);
    memory_files_put(&files, "x.gz", zipped.at, zipped.count);
    memory_files_put(&files, "labels", labels.at, labels.count);
    fv_context *context = context_over(&files);
    assert_null(fv_dataset_open_idx(context, "x.gz", "labels"));
    assert_error(context, "x.gz: this build of Fovea cannot read gzip files "
                          "(zlib); gunzip it");
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
