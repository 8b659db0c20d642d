/* Forms of data sets: CIFAR, NumPy archives, large IDX files, names that are
 * not UTF-8, masks with palettes; layouts of pictures; names of classes that
 * cannot be read; files that go while a network is trained. */
#include "pictures.h"

#include "base/internal.h"
#include "data/data.h"

#include <errno.h>

static fv_context *context;

static int begin(void **state)
{
    if (make_root(state)) return -1;
    context = fv_context_new(FV_OPTIONS(fv_context_options, .threads = 1));
    return (int)fv_failed(context);
}

static int end(void **state)
{
    fv_context_free(context);
    return remove_root(state);
}

/* ---- CIFAR --------------------------------------------------------------- */

enum { PLANE = 1024 };

/* Element (y, x, c) of image i. */
static unsigned char colour_of(int i, int at, int c)
{
    return (unsigned char)(i * 50 + at * 3 + c * 101);
}

/* Two records of `labels` labels, of which the last is the class. */
static void write_records(const char *name, int labels, int first, size_t cut)
{
    static unsigned char bytes[2 * (2 + 3 * PLANE)];
    size_t n = 0;
    for (int i = first; i < first + 2; i++) {
        if (labels == 2) bytes[n++] = 99;
        bytes[n++] = (unsigned char)i;
        for (int c = 0; c < 3; c++)
            for (int at = 0; at < PLANE; at++) bytes[n++] = colour_of(i, at, c);
    }
    write_file(name, bytes, n - cut);
}

static void check_cifar(const char *name, int first, int64_t count)
{
    fv_dataset *set = fv_dataset_open(context, at(name));
    assert_ok(context);
    assert_int_equal(fv_dataset_count(set), count);
    for (int64_t i = 0; i < count; i++) {
        fv_tensor target;
        const fv_tensor image = fv_dataset_read(set, i, &target);
        const int number = first + (int)i;
        assert_int_equal(*(int64_t *)target.data, number);
        for (int at = 0; at < PLANE; at++)
            for (int c = 0; c < 3; c++)
                assert_int_equal(((unsigned char *)image.data)[3 * at + c],
                                 colour_of(number, at, c));
    }
    fv_dataset_free(set);
}

static int open_but_names(void *user, const char *path, int flags, int mode)
{
    const char *bad = user;
    if (strstr(path, bad)) return -EIO;
    return fv__io_posix.open(NULL, path, flags, mode);
}

/* Opens data where a file of that name cannot be read. */
static void names_refused(const char *name, const char *bad)
{
    char expected[256];
    fv_io io = fv__io_posix;
    io.open = open_but_names;
    io.user = (char *)(uintptr_t)bad;
    fv_context *other =
        fv_context_new(FV_OPTIONS(fv_context_options, .threads = 1, .io = &io));
    assert_null(fv_dataset_open(other, at(name)));
    snprintf(expected, sizeof expected, "%s: cannot open: Input/output error",
             bad);
    assert_non_null(strstr(fv_error(other), expected));
    fv_context_free(other);
}

static void test_cifar(void **state)
{
    (void)state;
    make_folder("ten");
    write_records("ten/data_batch_1.bin", 1, 0, 0);
    write_records("ten/data_batch_2.bin", 1, 2, 0);
    write_records("ten/test_batch.bin", 1, 4, 0);
    write_text("ten/batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
    check_cifar("ten:train", 0, 4);
    check_cifar("ten:test", 4, 2);
    fv_dataset *set = fv_dataset_open(context, at("ten:test"));
    assert_string_equal(fv_dataset_class_name(set, 9), "j");
    assert_int_equal(fv_dataset_classes(set), 10);
    names_refused("ten:train", "batches.meta.txt");
    names_refused("ten:train", "data_batch_2.bin");
    make_folder("hundred");
    make_folder("hundred/cifar-100-binary");
    write_records("hundred/cifar-100-binary/train.bin", 2, 7, 0);
    write_records("hundred/cifar-100-binary/test.bin", 2, 7, 1);
    check_cifar("hundred:train", 7, 2);
    assert_null(fv_dataset_open(context, at("hundred:test")));
    assert_non_null(strstr(fv_error(context),
                           "test.bin: 6147 bytes, which are not records of "
                           "3074: it ends within image 1"));
    fv_clear_error(context);
}

/* ---- archives and large files -------------------------------------------- */

static void test_archive(void **state)
{
    (void)state;
    needs(ZIP);
    unsigned char x[2 * 6], y[2] = { 1, 0 };
    float z[3 * 2] = { 1, 2, 3, 4, 5, 6 };
    int64_t w[3] = { 0, 2, 1 };
    for (int i = 0; i < 12; i++) x[i] = (unsigned char)(20 * i);
    const fv_named_tensor arrays[] = {
        { "x_train", FV_TENSOR(x, FV_U8, 2, 2, 3) },
        { "y_train", FV_TENSOR(y, FV_U8, 2, 1) },
        { "test_x", FV_TENSOR(z, FV_F32, 3, 2) },
        { "test_y", FV_TENSOR(w, FV_I64, 3) },
    };
    fv_npz_save(context, at("set.npz"), 4, arrays);
    fv_dataset *set = fv_dataset_open(context, at("set.npz:train"));
    assert_ok(context);
    fv_tensor target, image = fv_dataset_read(set, 1, &target);
    assert_int_equal(image.rank, 3);
    assert_int_equal(image.shape[2], 1);
    assert_memory_equal(image.data, x + 6, 6);
    assert_int_equal(*(int64_t *)target.data, 0);
    set = fv_dataset_open(context, at("set.npz:test"));
    assert_ok(context);
    assert_int_equal(fv_dataset_classes(set), 3);
    image = fv_dataset_read(set, 2, &target);
    assert_memory_equal(image.data, z + 4, 2 * sizeof *z);
    assert_null(fv_dataset_open(context, at("set.npz:val")));
    assert_non_null(strstr(fv_error(context), "has no part val, it has train "
                                              "and test"));
    fv_clear_error(context);
}

/* An IDX file with a hole, larger than what is kept in memory. */
static void test_large_idx(void **state)
{
    (void)state;
    enum { ROWS = 1 << 14, N = 2 };
    const unsigned char labels[] = { 0, 0, 8, 1, 0, 0, 0, N, 1, 0 };
    const unsigned char head[] = { 0, 0, 8,         3, 0, 0, 0,         N,
                                   0, 0, ROWS >> 8, 0, 0, 0, ROWS >> 8, 0 };
    const int64_t pixels = (int64_t)ROWS * ROWS;
    make_folder("big");
    write_file("big/train-labels-idx1-ubyte", labels, sizeof labels);
    write_file("big/train-images-idx3-ubyte", head, sizeof head);
    FILE *file = fopen(at("big/train-images-idx3-ubyte"), "r+b");
    assert_non_null(file);
    if (fseek(file, (long)sizeof head + (long)(N * pixels) - 1, SEEK_SET) != 0
        || putc(77, file) != 77 || fclose(file) != 0)
        skip();
    fv_dataset *set = fv_dataset_open(context, at("big:train"));
    assert_ok(context);
    assert_int_equal(fv_dataset_count(set), N);
    assert_null(fv_dataset_images(set));
    assert_int_equal(fv_dataset_image_shape(set).extent[1], ROWS);
    assert_true(fv_context_memory(context).data_bytes < 10000);
    fv_dataset *one = fv_dataset_split(set, 0.5, 0);
    assert_null(one); /* a picture of each class */
    fv_clear_error(context);
    fv_dataset_free(set);
    assert_int_equal(truncate(at("big/train-images-idx3-ubyte"), 1 << 29), 0);
    assert_null(fv_dataset_open(context, at("big:train")));
    fv_clear_error(context);
}

/* ---- pictures ------------------------------------------------------------ */

static void test_names(void **state)
{
    (void)state;
    needs(PNG);
    char path[256];
    make_folder("odd");
    make_folder("odd/caf\xe9");
    write_picture("odd/caf\xe9/\xff\xfe 1.png", 2, 2, 1, 5);
    fv_dataset *set = fv_dataset_open(context, at("odd"));
    assert_ok(context);
    assert_int_equal(fv_dataset_count(set), 1);
    snprintf(path, sizeof path, "%s", at("odd/caf\xe9/\xff\xfe 1.png"));
    assert_string_equal(fv_dataset_path(set, 0), path);
    fv_dataset_read(set, 0, NULL);
    assert_ok(context);
    for (const char *c = fv_dataset_class_name(set, 0); *c; c++)
        assert_true(*c >= ' ' && *c < 127);
    unlink(path);
    fv_dataset_read(set, 0, NULL);
    assert_int_equal(fv_failed(context), FV_IO);
    for (const char *c = fv_error(context); *c; c++)
        assert_true(*c >= ' ' && *c < 127);
    fv_clear_error(context);
}

/* 4 x 2 pixels, colours 0 1 2 3 / 3 2 1 0 of a palette, 2 bits each. */
static const unsigned char palette_png[] = {
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d,
    0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x02,
    0x02, 0x03, 0x00, 0x00, 0x00, 0x02, 0xc6, 0x95, 0xf0, 0x00, 0x00, 0x00,
    0x0c, 0x50, 0x4c, 0x54, 0x45, 0x00, 0x00, 0x00, 0x80, 0x00, 0x00, 0x00,
    0x80, 0x00, 0x80, 0x80, 0x00, 0x38, 0xec, 0x04, 0x80, 0x00, 0x00, 0x00,
    0x0c, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x90, 0x66, 0x78, 0x02,
    0x00, 0x01, 0x39, 0x01, 0x00, 0x45, 0x64, 0x91, 0x9b, 0x00, 0x00, 0x00,
    0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
};
/* 4 x 1 pixels, grey of 1 bit: 0 1 1 0. */
static const unsigned char bit_png[] = {
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d,
    0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x01,
    0x01, 0x00, 0x00, 0x00, 0x00, 0xd1, 0x47, 0x32, 0x60, 0x00, 0x00, 0x00,
    0x0a, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x48, 0x00, 0x00, 0x00,
    0x62, 0x00, 0x61, 0xb1, 0x98, 0x79, 0xf2, 0x00, 0x00, 0x00, 0x00, 0x49,
    0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
};

static void test_palette_masks(void **state)
{
    (void)state;
    needs(PNG);
    make_folder("road");
    make_folder("road/images");
    make_folder("road/masks");
    write_text("road/classes.txt", "a\nb\nc\nd\n");
    write_picture("road/images/a.png", 2, 4, 3, 1);
    write_file("road/masks/a.png", palette_png, sizeof palette_png);
    write_picture("road/images/b.png", 1, 4, 3, 1);
    write_file("road/masks/b.png", bit_png, sizeof bit_png);
    fv_dataset *set = fv_dataset_open(context, at("road"));
    assert_ok(context);
    fv_tensor mask;
    fv_dataset_read(set, 0, &mask);
    assert_ok(context);
    assert_memory_equal(mask.data, "\0\1\2\3\3\2\1\0", 8);
    fv_dataset_read(set, 1, &mask);
    assert_memory_equal(mask.data, "\0\1\1\0", 4);
    /* as pictures they are colours */
    const fv_tensor colours =
        fv_image_decode(context, "p", palette_png, sizeof palette_png, NULL);
    assert_int_equal(colours.shape[2], 3);
    assert_memory_equal(colours.data, "\0\0\0\200\0\0\0\200\0", 9);
    fv_dataset_free(set);
    names_refused("road", "classes.txt");
}

/* Bytes become the same numbers in any layout. */
static void test_layouts(void **state)
{
    (void)state;
    needs(PNG);
    static float values[2][16 * 16 * 3];
    make_folder("l");
    make_folder("l/a");
    write_picture("l/a/1.png", 16, 16, 3, 3);
    for (int i = 0; i < 2; i++) {
        fv_context *other = fv_context_new(FV_OPTIONS(
            fv_context_options, .threads = 1, .layout = i ? FV_NCHW : FV_NHWC));
        fv_dataset *set = fv_dataset_open(other, at("l"));
        int64_t label;
        const fv_tensor y = FV_TENSOR(&label, FV_I64, 1);
        const fv_tensor x = i ? FV_TENSOR(values[i], FV_F32, 1, 3, 16, 16)
                              : FV_TENSOR(values[i], FV_F32, 1, 16, 16, 3);
        fv_dataset_batch(set, (int64_t[]){ 0 }, 1, &x, &y);
        assert_ok(other);
        fv_context_free(other);
    }
    for (int at = 0; at < 256; at++)
        for (int c = 0; c < 3; c++) {
            const float value = values[0][3 * at + c];
            assert_true(value == values[1][256 * c + at]);
            assert_true(value == (float)(1.0 / 255) * pixel_of(3, 3 * at + c));
        }
}

/* ---- training ------------------------------------------------------------ */

typedef struct watch {
    int steps;
    const char *path;
} watch;

/* Removes a file in the second epoch. */
static void remove_file(void *user, const fv_progress *progress)
{
    watch *w = user;
    w->steps++;
    if (progress->epoch == 2 && !progress->test) unlink(w->path);
}

/* A picture that goes while a network is trained ends training with a sentence,
 * and the last checkpoint is whole. */
static void test_file_that_goes(void **state)
{
    (void)state;
    needs(PNG);
    char name[64];
    make_folder("go");
    for (int i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "go/%c", 'a' + i % 2);
        if (i < 2) make_folder(name);
        snprintf(name, sizeof name, "go/%c/%d.png", 'a' + i % 2, i);
        write_picture(name, 3, 3, 1, i);
    }
    for (int workers = 0; workers < 2; workers++) {
        fv_dataset *set = fv_dataset_open(context, at("go"));
        fv_network *network = fv_network_parse(
            context, "input 3 3 1\nflatten\nlinear 2\nsoftmax_cross_entropy\n",
            "test");
        char path[256], saved[256];
        snprintf(path, sizeof path, "%s", at("go/a/4.png"));
        snprintf(saved, sizeof saved, "%s", at("go.checkpoint"));
        watch w = { .path = path };
        fv_optimizer *optimizer = fv_sgd(network, 0.1);
        fv_fit(network, optimizer, set, .epochs = 50, .batch = 1,
               .checkpoint = saved, .progress = remove_file, .user = &w,
               .workers = workers ? 2 : FV_OFF);
        assert_int_equal(fv_failed(context), FV_IO);
        assert_non_null(strstr(fv_error(context), "go/a/4.png: cannot open"));
        assert_true(w.steps > 12);
        fv_clear_error(context);
        write_picture("go/a/4.png", 3, 3, 1, 4);
        fv_fit_report report;
        fv_fit(network, optimizer, set, .epochs = 3, .batch = 1,
               .checkpoint = saved, .resume = 1, .report = &report);
        assert_ok(context);
        assert_int_equal(report.resumed, 1);
        assert_int_equal(report.epochs, 3);
        unlink(saved);
        fv_network_free(network);
        fv_dataset_free(set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cifar, begin, end),
        cmocka_unit_test_setup_teardown(test_archive, begin, end),
        cmocka_unit_test_setup_teardown(test_large_idx, begin, end),
        cmocka_unit_test_setup_teardown(test_names, begin, end),
        cmocka_unit_test_setup_teardown(test_palette_masks, begin, end),
        cmocka_unit_test_setup_teardown(test_layouts, begin, end),
        cmocka_unit_test_setup_teardown(test_file_that_goes, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
