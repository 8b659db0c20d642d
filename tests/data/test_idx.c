/* IDX files are read byte by byte right, or refused with a sentence. */
#include "common.h"
#include "faults.h"

#include "data/data.h"

static bytes images, labels, other;
static memory_files files;

static int begin(void **state)
{
    (void)state;
    files = (memory_files){ 0 };
    other.count = 0;
    make_images(&images, 10, 3, 5);
    make_labels(&labels, 10);
    memory_files_put(&files, "images", images.at, images.count);
    memory_files_put(&files, "labels", labels.at, labels.count);
    return 0;
}

#define CASE(function) cmocka_unit_test_setup(function, begin)

static void has_shape(const fv_tensor *tensor, fv_tensor expected)
{
    assert_int_equal(tensor->dtype, expected.dtype);
    assert_true(fv_tensor_same_shape(tensor, &expected));
    assert_true(fv_tensor_is_contiguous(tensor));
}

static void test_read(void **state)
{
    (void)state;
    fv_context *context = context_over(&files);
    const fv_memory before = fv_context_memory(context);
    fv_dataset *set = fv_dataset_open_idx(context, "images", "labels");
    assert_ok(context);
    assert_int_equal(fv_dataset_count(set), 10);
    assert_int_equal(fv_dataset_classes(set), 4);
    assert_string_equal(fv_dataset_class_name(set, 3), "3");
    assert_string_equal(fv_dataset_class_name(set, 4), "");
    assert_string_equal(fv_dataset_class_name(set, -1), "");
    const fv_tensor *x = fv_dataset_images(set);
    const fv_tensor *y = fv_dataset_labels(set);
    has_shape(x, FV_TENSOR(NULL, FV_U8, 10, 3, 5, 1));
    has_shape(y, FV_TENSOR(NULL, FV_I64, 10));
    for (size_t i = 0; i < 150; i++)
        assert_int_equal(((const uint8_t *)x->data)[i], pixel(i));
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(((const int64_t *)y->data)[i], label(i));
    assert_int_equal(fv_context_memory(context).bytes, before.bytes);
    assert_true(fv_context_memory(context).data_bytes > 0);
    fv_dataset_free(set);
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    fv_context_free(context);
}

/* Rank 4 holds channels last; a context of the other layout gets them
 * second. */
static void test_colours(void **state)
{
    (void)state;
    fv_io io = memory_files_io(&files);
    IDX(&other, 2, 2, 3, 3);
    for (size_t i = 0; i < 36; i++)
        add(&other, (unsigned char[]){ pixel(i) }, 1);
    make_labels(&labels, 2);
    memory_files_put(&files, "images", other.at, other.count);
    memory_files_put(&files, "labels", labels.at, labels.count);
    for (fv_layout layout = FV_NHWC; layout <= FV_NCHW; layout++) {
        fv_context *context = fv_context_new(
            FV_OPTIONS(fv_context_options, .io = &io, .layout = layout));
        fv_dataset *set = fv_dataset_open_idx(context, "images", "labels");
        assert_ok(context);
        const fv_tensor *x = fv_dataset_images(set);
        const bool first = layout == FV_NCHW;
        has_shape(x, first ? FV_TENSOR(NULL, FV_U8, 2, 3, 2, 3)
                           : FV_TENSOR(NULL, FV_U8, 2, 2, 3, 3));
        for (size_t i = 0; i < 36; i++) {
            const size_t n = i / 18, h = i / 9 % 2, w = i / 3 % 3, c = i % 3;
            const size_t at = first ? n * 18 + c * 6 + h * 3 + w : i;
            assert_int_equal(((const uint8_t *)x->data)[at], pixel(i));
        }
        fv_context_free(context);
    }
}

/* One channel lies alike in both layouts. */
static void test_grey_channels_second(void **state)
{
    (void)state;
    fv_io io = memory_files_io(&files);
    fv_context *context = fv_context_new(
        FV_OPTIONS(fv_context_options, .io = &io, .layout = FV_NCHW));
    fv_dataset *set = fv_dataset_open_idx(context, "images", "labels");
    assert_ok(context);
    has_shape(fv_dataset_images(set), FV_TENSOR(NULL, FV_U8, 10, 1, 3, 5));
    fv_context_free(context);
}

/* The file in `other` as images, or as labels, is refused. */
static void refused_as(bool as_labels, const char *sentence)
{
    fv_context *context = context_over(&files);
    fv_dataset *set = fv_dataset_open_idx(context, as_labels ? "images" : "x",
                                          as_labels ? "x" : "labels");
    assert_null(set);
    assert_error(context, sentence);
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    fv_context_free(context);
}

static void refused(const char *sentence)
{
    memory_files_put(&files, "x", other.at, other.count);
    refused_as(false, sentence);
    other.count = 0;
}

static void refused_text(const char *text, size_t size, const char *sentence)
{
    add(&other, text, size);
    refused(sentence);
}

static void test_not_idx(void **state)
{
    (void)state;
    refused_text("", 0, "x: ends within its IDX header");
    refused_text("\0\0\x08", 3, "x: ends within its IDX header");
    refused_text("\0\0\x08\3\0\0", 6, "x: ends within its IDX header");
    refused_text("\0\1\x08\3\0\0\0\1", 8,
                 "x: begins with 00 01 08 03, not an IDX file");
    refused_text("\1\0\x08\3\0\0\0\1", 8,
                 "x: begins with 01 00 08 03, not an IDX file");
    refused_text("\3\x08\0\0\x60\0\0\0", 8,
                 "x: its header is little-endian, IDX is big-endian");
    refused_text("\3\x09\0\0\x60\0\0\0", 8,
                 "x: begins with 03 09 00 00, not an IDX file");
    refused_text("\3\x08\1\0\x60\0\0\0", 8,
                 "x: begins with 03 08 01 00, not an IDX file");
    refused_text("\3\x08\0\1\x60\0\0\0", 8,
                 "x: begins with 03 08 00 01, not an IDX file");
    refused_text("\x89PNG\r\n\x1a\n", 8, "x: a PNG image, not an IDX file");
    refused_text("PK\3\4....", 8,
                 "x: a zip archive (.pt, .npz, .keras), not an IDX file");
    refused_text("<!DOCTYPE html>", 15, "x: a web page, not an IDX file");
    refused_text("\x93NUMPY\1\0", 8, "x: a NumPy file (.npy), not an IDX file");
}

static void test_wrong_header(void **state)
{
    (void)state;
    refused_text("\0\0\7\3\0\0\0\1", 8,
                 "x: elements of type 0x07, must be 0x08 (unsigned byte)");
    refused_text("\0\0\xd\3\0\0\0\1", 8,
                 "x: elements of type 0x0d, must be 0x08 (unsigned byte)");
    IDX(&other, 3);
    refused("x: rank 1, images have rank 3 or 4");
    refused_text("\0\0\x08\xff", 4, "x: rank 255, images have rank 3 or 4");
    refused_text("\0\0\x08\0", 4, "x: rank 0, images have rank 3 or 4");
    IDX(&other, 65536, 65536, 65536, 65536);
    refused("x: header says [65536, 65536, 65536, 65536], too large");
    IDX(&other, 4294967295, 4294967295, 4294967295);
    refused("x: header says [4294967295, 4294967295, 4294967295], too large");
    IDX(&other, 0, 28, 28);
    refused("x: header says [0, 28, 28], it is empty");
    IDX(&other, 1, 28, 0);
    refused("x: header says [1, 28, 0], it is empty");
}

static void test_wrong_size(void **state)
{
    (void)state;
    make_images(&other, 10, 2, 2);
    other.at[6] = 0xea;
    other.at[7] = 0x60;
    refused("x: header says [60000, 2, 2] = 240000 bytes, the file holds 40");
    make_images(&other, 10, 2, 2);
    add(&other, "", 1);
    refused("x: header says [10, 2, 2] = 40 bytes, the file holds 41");
    IDX(&other, 10u << 24, 2u << 24, 3u << 24);
    add(&other, images.at, 60);
    refused("x: header says [167772160, 33554432, 50331648], too large; "
            "little-endian extents would fit, IDX is big-endian");
    IDX(&other, 1u << 24, 1, 1);
    add(&other, "!", 1);
    memory_files_put(&files, "x", other.at, other.count);
    other.at[3] = 3;
    refused("x: header says [16777216, 1, 1] = 16777216 bytes, the file "
            "holds 1");
}

static void test_labels(void **state)
{
    (void)state;
    fv_context *context = context_over(&files);
    make_labels(&other, 9);
    memory_files_put(&files, "x", other.at, other.count);
    refused_as(true, "images holds 10 images but x 9 labels");
    memory_files_put(&files, "x", images.at, images.count);
    refused_as(true, "x: rank 3, labels have rank 1");
    other.count = 0;
    IDX(&other, 10u << 24);
    add(&other, labels.at, 10);
    memory_files_put(&files, "x", other.at, other.count);
    refused_as(true, "x: header says [167772160] = 167772160 bytes, the file "
                     "holds 10; little-endian extents would fit, IDX is "
                     "big-endian");
    make_labels(&other, 10);
    other.at[8 + 3] = 255;
    memory_files_put(&files, "x", other.at, other.count);
    assert_null(fv__dataset_from_idx(context, "images", "x",
                                     &(fv__idx_set){ .classes = 10 }));
    assert_error(context, "x: label 255 of image 3, must be 0 to 9");
    fv_dataset *set = fv_dataset_open_idx(context, "images", "x");
    assert_ok(context);
    assert_int_equal(fv_dataset_classes(set), 256);
    assert_string_equal(fv_dataset_class_name(set, 255), "255");
    fv_context_free(context);
}

static void test_paths(void **state)
{
    (void)state;
    fv_context *context = context_over(&files);
    assert_null(fv_dataset_open_idx(context, "images", "nowhere"));
    assert_error(context, "nowhere: cannot open: No such file or directory");
    assert_null(fv_dataset_open_idx(context, NULL, "labels"));
    assert_error(context, "data set: a path is missing");
    assert_null(fv_dataset_open_idx(context, "images", NULL));
    assert_error(context, "data set: a path is missing");
    make_labels(&other, 9);
    memory_files_put(&files, "a\nb", other.at, other.count);
    assert_null(fv_dataset_open_idx(context, "images", "a\nb"));
    assert_error(context, "images holds 10 images but a\\x0ab 9 labels");
    fv_fail(context, FV_IO, "before");
    assert_null(fv_dataset_open_idx(context, "images", "labels"));
    assert_error(context, "before");
    fv_context_free(context);
}

static void test_every_prefix(void **state)
{
    (void)state;
    fv_context *context = context_over(&files);
    for (size_t size = 0; size < images.count; size++) {
        memory_files_put(&files, "x", images.at, size);
        assert_null(fv_dataset_open_idx(context, "x", "labels"));
        assert_int_equal(fv_failed(context), FV_MALFORMED);
        fv_clear_error(context);
    }
    for (size_t size = 0; size < labels.count; size++) {
        memory_files_put(&files, "x", labels.at, size);
        assert_null(fv_dataset_open_idx(context, "images", "x"));
        assert_int_equal(fv_failed(context), FV_MALFORMED);
        fv_clear_error(context);
    }
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    fv_context_free(context);
}

static void test_random_flips(void **state)
{
    (void)state;
    fv_context *context = context_over(&files);
    memory_files_put(&files, "x", other.at, images.count);
    for (uint64_t turn = 0; turn < 2000; turn++) {
        uint32_t words[4];
        fv__philox(1, 2, turn, words);
        memcpy(other.at, images.at, images.count);
        const size_t range = turn % 2 ? images.count : 16;
        for (size_t k = 0; k < 1 + turn % 3; k++)
            other.at[words[k] % range] ^= (unsigned char)(1 << words[3] % 8);
        fv_dataset *set = fv_dataset_open_idx(context, "x", "labels");
        assert_true((set != NULL) == (fv_failed(context) == FV_OK));
        fv_dataset_free(set);
        fv_clear_error(context);
    }
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    fv_context_free(context);
}

/* Without memory: a clean failure, nothing lost, and the next call succeeds. */
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
        set = fv_dataset_open_idx(context, "images", "labels");
        if (set) break;
        assert_int_equal(fv_failed(context), FV_NO_MEMORY);
        assert_int_equal(memory.blocks, before);
        fv_clear_error(context);
        assert_true(k < 100);
    }
    assert_true(memory.fail_at > 5);
    fv_context_free(context);
    assert_int_equal(memory.blocks, 0);
    assert_int_equal(memory.wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_read),
        CASE(test_colours),
        CASE(test_not_idx),
        CASE(test_grey_channels_second),
        CASE(test_wrong_header),
        CASE(test_wrong_size),
        CASE(test_labels),
        CASE(test_paths),
        CASE(test_every_prefix),
        CASE(test_random_flips),
        CASE(test_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
