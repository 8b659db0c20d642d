/* Data sets: found by name, made from tensors, shuffled, cut into batches. */
#include "common.h"
#include "faults.h"

#include <stdlib.h>

#include "data/data.h"

static bytes images, labels;
static memory_files files;

static int begin(void **state)
{
    (void)state;
    files = (memory_files){ 0 };
    make_images(&images, 10, 3, 5);
    make_labels(&labels, 10);
    unsetenv("FOVEA_DATA_PATH");
    setenv("HOME", "/home/me", 1);
    return 0;
}

#define CASE(function) cmocka_unit_test_setup(function, begin)

/* ---- names ------------------------------------------------------------- */

static void opens(const char *name, const char *images_path,
                  const char *labels_path)
{
    files.count = 0;
    memory_files_put(&files, images_path, images.at, images.count);
    memory_files_put(&files, labels_path, labels.at, labels.count);
    fv_context *context = context_over(&files);
    fv_dataset *set = fv_dataset_open(context, name);
    assert_ok(context);
    assert_int_equal(fv_dataset_count(set), 10);
    fv_dataset_free(set);
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    fv_context_free(context);
}

static void refused(const char *name, const char *sentence)
{
    fv_context *context = context_over(&files);
    assert_null(fv_dataset_open(context, name));
    assert_error(context, sentence);
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
    fv_context_free(context);
}

static void test_places(void **state)
{
    (void)state;
#define AT(folder, part)                                                       \
    folder "/" part "-images-idx3-ubyte", folder "/" part "-labels-idx1-ubyte"
    opens("mnist:train", AT("/usr/share/datasets/mnist", "train"));
    opens("mnist:test", AT("/usr/share/datasets/mnist", "t10k"));
    opens("mnist:test", AT("/usr/share/datasets/mnist", "test"));
    opens("mnist:train", AT("/usr/share/mnist", "train"));
    opens("mnist:train", AT("/home/me/.local/share/fovea/mnist", "train"));
    opens("mnist:train", AT("./mnist", "train"));
    opens("mnist:train", AT("./data/mnist", "train"));
    opens("my/own:train", AT("my/own", "train"));
    opens("./:test", AT("./", "t10k"));
    opens(".:test", AT(".", "t10k"));
    opens("a:b/c:test", AT("a:b/c", "t10k"));
    setenv("FOVEA_DATA_PATH", "::/x:y:", 1);
    opens("mnist:train", AT("/x/mnist", "train"));
    opens("mnist:train", AT("y/mnist", "train"));
    opens("mnist:train", AT("/usr/share/datasets/mnist", "train"));
    opens("d/x:train", "d/x/train-images.idx3-ubyte",
          "d/x/train-labels-idx1-ubyte");
#ifdef FOVEA_WITH_ZLIB
    static bytes zipped;
    make_gzip(&zipped, &labels);
    labels = zipped;
    opens("d/x:train", "d/x/train-images-idx3-ubyte",
          "d/x/train-labels.idx1-ubyte.gz");
#endif
}

#define NO_FILES                                                               \
    "-images-idx3-ubyte[.gz], CIFAR files, images with masks, folders of "     \
    "pictures, manifest (.csv) or NumPy files in "

static void test_names(void **state)
{
    (void)state;
    files.count = 0;
    refused("mnist:valid", "data set \"mnist:valid\": no train" NO_FILES
                           "/usr/share/datasets/mnist:valid, "
                           "/usr/share/mnist:valid, "
                           "/home/me/.local/share/fovea/mnist:valid, "
                           "./mnist:valid, ./data/mnist:valid");
    refused("a:b/c", "data set \"a:b/c\": no train" NO_FILES "a:b/c");
    refused("..:train", "data set \"..:train\": no train" NO_FILES "..");
    refused(":digits:train",
            "data set \":digits:train\": no train" NO_FILES
            "/usr/share/datasets/:digits, /usr/share/:digits, "
            "/home/me/.local/share/fovea/:digits, ./:digits, ./data/:digits");
    refused("", "data set: name missing");
    refused(NULL, "data set: name missing");
    memory_files_put(&files, "a/b/train-images-idx3-ubyte", images.at,
                     images.count);
    refused("a/b", "data set \"a/b\": part missing, a/b has train; write "
                   "a/b:train");
    refused("a/b:test", "data set \"a/b:test\": a/b has no part test, it has "
                        "train");
}

static void test_not_found(void **state)
{
    (void)state;
    refused("fashion-mnist:train",
            "data set \"fashion-mnist:train\": no train" NO_FILES
            "/usr/share/datasets/fashion-mnist, /usr/share/fashion-mnist, "
            "/home/me/.local/share/fovea/fashion-mnist, ./fashion-mnist, "
            "./data/fashion-mnist; Debian has it in the package "
            "dataset-fashion-mnist");
    setenv("HOME", "", 1);
    setenv("FOVEA_DATA_PATH", "", 1);
    refused("other:test",
            "data set \"other:test\": no t10k" NO_FILES
            "/usr/share/datasets/other, /usr/share/other, ./other, "
            "./data/other");
    unsetenv("HOME");
    setenv("FOVEA_DATA_PATH", "here", 1);
    refused("other:test",
            "data set \"other:test\": no t10k" NO_FILES
            "here/other, /usr/share/datasets/other, /usr/share/other, "
            "./other, ./data/other");
    refused("a/c:test", "data set \"a/c:test\": no t10k" NO_FILES "a/c");
    memory_files_put(&files, "a/b/train-images-idx3-ubyte", images.at,
                     images.count);
    refused("a/b:train", "data set \"a/b:train\": "
                         "a/b/train-images-idx3-ubyte has no labels beside "
                         "it");
}

static void test_class_names(void **state)
{
    (void)state;
    memory_files_put(&files, "./fashion-mnist/t10k-images-idx3-ubyte",
                     images.at, images.count);
    memory_files_put(&files, "./fashion-mnist/t10k-labels-idx1-ubyte",
                     labels.at, labels.count);
    fv_context *context = context_over(&files);
    fv_dataset *set = fv_dataset_open(context, "fashion-mnist:test");
    assert_ok(context);
    assert_int_equal(fv_dataset_classes(set), 10);
    assert_string_equal(fv_dataset_class_name(set, 0), "T-shirt/top");
    assert_string_equal(fv_dataset_class_name(set, 7), "Sneaker");
    assert_string_equal(fv_dataset_class_name(set, 9), "Ankle boot");
    fv_dataset_free(set);
    labels.at[8 + 6] = 10;
    assert_null(fv_dataset_open(context, "fashion-mnist:test"));
    assert_error(context, "./fashion-mnist/t10k-labels-idx1-ubyte: label 10 "
                          "of image 6, must be 0 to 9");
    fv_context_free(context);
}

/* Splits of EMNIST: found by name or alone in a folder, turned upright, letters
 * from 0 on. */
static void test_emnist(void **state)
{
    (void)state;
    opens("d/x:train", AT("d/x", "emnist-digits-train"));
    opens("d/x:digits:train", AT("d/x", "emnist-digits-train"));
    opens("emnist:balanced:test",
          AT("/usr/share/datasets/emnist", "emnist-balanced-test"));
    opens("emnist:test", AT("./data/emnist", "emnist-bymerge-test"));
    opens("a:b/mnist:train", AT("a:b/mnist", "train"));
    for (int layout = 0; layout < 2; layout++) {
        for (int i = 0; i < 10; i++) labels.at[8 + i] = (unsigned char)(i + 1);
        labels.at[8 + 9] = 26;
        files.count = 0;
        memory_files_put(&files, "d/x/emnist-letters-train-images-idx3-ubyte",
                         images.at, images.count);
        memory_files_put(&files, "d/x/emnist-letters-train-labels-idx1-ubyte",
                         labels.at, labels.count);
        const fv_io io = memory_files_io(&files);
        fv_context *context = fv_context_new(FV_OPTIONS(
            fv_context_options, .io = &io, .layout = (fv_layout)layout));
        fv_dataset *set = fv_dataset_open(context, "d/x:train");
        assert_ok(context);
        assert_int_equal(fv_dataset_classes(set), 26);
        assert_string_equal(fv_dataset_class_name(set, 0), "A");
        assert_string_equal(fv_dataset_class_name(set, 25), "Z");
        const int64_t *classes = fv_dataset_labels(set)->data;
        assert_int_equal(classes[0], 0);
        assert_int_equal(classes[9], 25);
        /* 3 x 5 in the file: five rows of three */
        const fv_tensor *all = fv_dataset_images(set);
        assert_int_equal(all->shape[1 + layout], 5);
        assert_int_equal(all->shape[2 + layout], 3);
        assert_true(fv_tensor_is_contiguous(all));
        const unsigned char *at = all->data;
        for (size_t n = 0; n < 10; n++)
            for (size_t row = 0; row < 5; row++)
                for (size_t column = 0; column < 3; column++)
                    assert_int_equal(*at++, pixel(n * 15 + column * 5 + row));
        fv_context_free(context);
    }
    refused("d/x:balanced:train",
            "data set \"d/x:balanced:train\": no "
            "emnist-balanced-train-images-idx3-ubyte[.gz] in d/x");
    refused("d/x:letters:test",
            "data set \"d/x:letters:test\": d/x has no part "
            "test, it has train");
    memory_files_put(&files, "d/x/emnist-byclass-train-images-idx3-ubyte",
                     images.at, images.count);
    refused("d/x:train", "data set \"d/x:train\": d/x has emnist-byclass and "
                         "emnist-letters, write d/x:byclass:train or another "
                         "of them");
    memory_files_put(&files, "d/x/emnist-byclass-test-images-idx3-ubyte",
                     images.at, images.count);
    memory_files_put(&files, "d/x/emnist-mnist-test-images-idx3-ubyte",
                     images.at, images.count);
    refused("d/x:test", "data set \"d/x:test\": d/x has emnist-byclass and "
                        "emnist-mnist, write d/x:byclass:test or another of "
                        "them");
    refused("d/x:byclass:train",
            "data set \"d/x:byclass:train\": "
            "d/x/emnist-byclass-train-images-idx3-ubyte has no labels beside "
            "it");
    labels.at[8 + 3] = 0;
    refused("d/x:letters:train", "d/x/emnist-letters-train-labels-idx1-ubyte: "
                                 "label 0 of image 3, must be 1 to 26");
    labels.at[8 + 3] = 27;
    refused("d/x:letters:train", "d/x/emnist-letters-train-labels-idx1-ubyte: "
                                 "label 27 of image 3, must be 1 to 26");
}

/* The packaged files, where they are installed. */
static void test_fashion_mnist(void **state)
{
    (void)state;
    needs(ZLIB);
    fv_context *context = fv_context_new(NULL);
    assert_ok(context);
    if (fv__file_probe(context, "/usr/share/datasets/fashion-mnist/"
                                "train-images-idx3-ubyte.gz")) {
        fv_context_free(context);
        skip();
    }
    static const int64_t counts[] = { 60000, 10000 };
    static const char *const names[] = { "fashion-mnist:train",
                                         "fashion-mnist:test" };
    for (int part = 0; part < 2; part++) {
        fv_dataset *set = fv_dataset_open(context, names[part]);
        assert_ok(context);
        assert_int_equal(fv_dataset_count(set), counts[part]);
        assert_int_equal(fv_dataset_images(set)->shape[1], 28);
        assert_int_equal(fv_dataset_images(set)->shape[2], 28);
        int64_t each[10] = { 0 };
        const int64_t *y = fv_dataset_labels(set)->data;
        for (int64_t i = 0; i < counts[part]; i++) each[y[i]]++;
        for (int i = 0; i < 10; i++)
            assert_int_equal(each[i], counts[part] / 10);
        fv_dataset_free(set);
    }
    fv_context_free(context);
}

/* ---- tensors ----------------------------------------------------------- */

static float numbers[6 * 4];
static int16_t classes[12];

static fv_tensor number_images(void)
{
    for (int i = 0; i < 24; i++) numbers[i] = (float)i / 3 - 2;
    return FV_TENSOR(numbers, FV_F32, 6, 2, 2);
}

static fv_tensor class_labels(void)
{
    for (int16_t i = 0; i < 12; i++) classes[i] = i / 2 % 5;
    fv_tensor tensor = FV_TENSOR(classes, FV_I16, 6);
    tensor.stride[0] = 2; /* labels 0 1 2 3 4 0 */
    return tensor;
}

static void test_of(void **state)
{
    (void)state;
    fv_context *context = fv_context_new(NULL);
    const fv_tensor x = number_images(), y = class_labels();
    const int32_t back[] = { 0, 2, 1 };
    const fv_tensor turned = fv_tensor_permute(context, &x, back);
    fv_dataset *set = fv_dataset_of(context, &turned, &y);
    assert_ok(context);
    memset(numbers, 0, sizeof numbers);
    memset(classes, 0, sizeof classes);
    assert_int_equal(fv_dataset_count(set), 6);
    assert_int_equal(fv_dataset_classes(set), 5);
    const float *own = fv_dataset_images(set)->data;
    for (int i = 0; i < 24; i++) {
        const int from = i / 4 * 4 + i % 2 * 2 + i / 2 % 2;
        assert_true(own[i] == (float)from / 3 - 2);
    }
    const int64_t *own_labels = fv_dataset_labels(set)->data;
    for (int i = 0; i < 6; i++) assert_int_equal(own_labels[i], i % 5);
    fv_context_free(context); /* the data set too */
}

static void not_of(fv_context *context, fv_tensor x, fv_tensor y,
                   const char *sentence)
{
    assert_null(fv_dataset_of(context, &x, &y));
    assert_error(context, sentence);
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
}

static void test_not_of(void **state)
{
    (void)state;
    fv_context *context = fv_context_new(NULL);
    fv_tensor x = number_images(), y = class_labels();
    int64_t wide[] = { 0, 1, 2, 3, 4, -1 };
    double large[] = { 1, 1e300 };
    const fv_tensor wide_labels = FV_TENSOR(wide, FV_I64, 6);
    not_of(context, x, FV_TENSOR(classes, FV_I16, 5),
           "data set: 6 images but 5 labels");
    not_of(context, x, FV_TENSOR(classes, FV_I16, 6, 1),
           "data set: labels of rank 2 are i16, must be f32, f64 or bool");
    not_of(context, x, FV_TENSOR(numbers, FV_F32, 6),
           "data set: labels are f32, must be of an integer type");
    not_of(context, fv_tensor_of(numbers, FV_F32, 0, NULL), y,
           "data set: images of rank 0, must have an axis");
    not_of(context, x, FV_TENSOR(large, FV_F64, 2),
           "data set: labels are f64, must be of an integer type");
    not_of(context, x, FV_TENSOR(NULL, FV_I16, 6),
           "data set: the tensor has no memory");
    not_of(context, FV_TENSOR(NULL, FV_F32, 0, 2), FV_TENSOR(NULL, FV_I16, 0),
           "data set: it is empty");
    not_of(context, FV_TENSOR(NULL, FV_F32, 6, 2), y,
           "data set: the tensor has no memory");
    not_of(context, x, wide_labels,
           "data set: label -1 of image 5, must be 0 to 999999");
    wide[5] = 1000000;
    not_of(context, x, wide_labels,
           "data set: label 1000000 of image 5, must be 0 to 999999");
    wide[5] = 999999;
    fv_dataset *set = fv_dataset_of(context, &x, &wide_labels);
    assert_ok(context);
    assert_int_equal(fv_dataset_classes(set), 1000000);
    assert_string_equal(fv_dataset_class_name(set, 999999), "999999");
    assert_string_equal(fv_dataset_class_name(set, 1234), "1234");
    fv_dataset_free(set);
    assert_null(fv_dataset_of(context, NULL, &y));
    assert_error(context, "data set: no tensor");
    not_of(context, FV_TENSOR(large, FV_F64, 2, 1), FV_TENSOR(wide, FV_I64, 2),
           "data set: element [1, 0] is 1e+300, outside "
           "-3.40282e+38..3.40282e+38 of f32");
    fv_context_free(context);
}

static void test_limit(void **state)
{
    (void)state;
    fv_context *context = fv_context_new(NULL);
    const fv_tensor x = number_images(), y = class_labels();
    fv_dataset *set = fv_dataset_of(context, &x, &y);
    assert_ok(context);
    assert_int_equal(fv_dataset_limit(set, 7), FV_OK);
    assert_int_equal(fv_dataset_count(set), 6);
    assert_int_equal(fv_dataset_limit(set, 4), FV_OK);
    assert_int_equal(fv_dataset_count(set), 4);
    assert_int_equal(fv_dataset_images(set)->shape[0], 4);
    assert_int_equal(fv_dataset_limit(set, 5), FV_OK);
    assert_int_equal(fv_dataset_count(set), 4);
    assert_int_equal(fv_dataset_classes(set), 5);
    assert_int_equal(fv_dataset_limit(set, 0), FV_MISUSE);
    assert_error(context, "data set: limit 0, must be at least 1");
    fv_context_free(context);
}

static void test_nothing(void **state)
{
    (void)state;
    assert_int_equal(fv_dataset_count(NULL), 0);
    assert_int_equal(fv_dataset_classes(NULL), 0);
    assert_null(fv_dataset_images(NULL));
    assert_null(fv_dataset_labels(NULL));
    assert_string_equal(fv_dataset_class_name(NULL, 0), "");
    assert_int_equal(fv_dataset_limit(NULL, 1), FV_NO_MEMORY);
    assert_int_equal(fv_dataset_batch(NULL, NULL, 0, NULL, NULL), FV_NO_MEMORY);
    fv_dataset_shuffle(NULL, 0, 0, NULL);
    fv_dataset_free(NULL);
}

/* ---- orders ------------------------------------------------------------ */

static fv_dataset *counted(fv_context *context, int64_t n)
{
    static uint8_t zeros[1000];
    const fv_tensor x = fv_tensor_of(zeros, FV_U8, 1, &n);
    fv_dataset *set = fv_dataset_of(context, &x, &x);
    assert_ok(context);
    return set;
}

static void test_shuffle(void **state)
{
    (void)state;
    fv_context *context = fv_context_new(NULL);
    fv_dataset *set = counted(context, 1000);
    int64_t a[1000], b[1000];
    char seen[1000] = { 0 };
    fv_dataset_shuffle(set, 7, 3, a);
    size_t fixed = 0;
    for (int64_t i = 0; i < 1000; i++) {
        assert_true(a[i] >= 0 && a[i] < 1000 && !seen[a[i]]);
        seen[a[i]] = 1;
        fixed += a[i] == i;
    }
    assert_true(fixed < 10);
    fv_dataset_shuffle(set, 7, 3, b);
    assert_memory_equal(a, b, sizeof a);
    fv_dataset_shuffle(set, 7, 4, b);
    assert_memory_not_equal(a, b, sizeof a);
    fv_dataset_shuffle(set, 8, 3, b);
    assert_memory_not_equal(a, b, sizeof a);
    fv_dataset_free(set);
    set = counted(context, 1);
    fv_dataset_shuffle(set, 7, 3, a);
    assert_int_equal(a[0], 0);
    fv_context_free(context);
}

/* Each of the 24 orders of four images as often: chi-squared of 23 degrees of
 * freedom stays below its 99.99 % point. */
static void test_orders_are_equally_likely(void **state)
{
    (void)state;
    fv_context *context = fv_context_new(NULL);
    fv_dataset *set = counted(context, 4);
    int found[256] = { 0 };
    const int turns = 24000;
    for (int turn = 0; turn < turns; turn++) {
        int64_t order[4];
        fv_dataset_shuffle(set, 42, (uint64_t)turn, order);
        found[order[0] << 6 | order[1] << 4 | order[2] << 2 | order[3]]++;
    }
    double sum = 0;
    int kinds = 0;
    for (int i = 0; i < 256; i++) {
        if (!found[i]) continue;
        kinds++;
        sum += (found[i] - 1000.0) * (found[i] - 1000.0) / 1000;
    }
    assert_int_equal(kinds, 24);
    assert_true(sum < 56.0);
    fv_context_free(context);
}

/* Of the last image whose turn it is, n - 1 down to 1, the place is a random
 * word modulo the images left. Word 199569 of seed 4187 is near 2^64, and still
 * below a whole multiple of them: it counts. */
static void test_large_order(void **state)
{
    (void)state;
    enum { N = 1 << 18 };
    static uint8_t zeros[N];
    static int64_t is[N], expected[N];
    const int64_t n = N;
    const uint64_t seed = 4187;
    fv_context *context = fv_context_new(NULL);
    const fv_tensor x = fv_tensor_of(zeros, FV_U8, 1, &n);
    fv_dataset *set = fv_dataset_of(context, &x, &x);
    assert_ok(context);
    fv_dataset_shuffle(set, seed, 0, is);
    for (int64_t i = 0; i < N; i++) expected[i] = i;
    for (int64_t i = N - 1; i > 0; i--) {
        uint32_t words[4];
        fv__philox(seed, FV__STREAM_SHUFFLE, (uint64_t)i, words);
        const uint64_t word = (uint64_t)words[0] << 32 | words[1];
        const int64_t j = (int64_t)(word % (uint64_t)(i + 1));
        const int64_t swap = expected[i];
        expected[i] = expected[j];
        expected[j] = swap;
    }
    assert_memory_equal(is, expected, sizeof is);
    fv_context_free(context);
}

/* ---- batches ----------------------------------------------------------- */

static const int64_t order[] = { 9, 0, 4, 4, 7 };

static void test_batch_of(fv_dtype dtype, int32_t threads)
{
    fv_io io = memory_files_io(&files);
    memory_files_put(&files, "images", images.at, images.count);
    memory_files_put(&files, "labels", labels.at, labels.count);
    fv_context *context = fv_context_new(FV_OPTIONS(
        fv_context_options, .dtype = dtype, .io = &io, .threads = threads));
    fv_dataset *set = fv_dataset_open_idx(context, "images", "labels");
    assert_ok(context);
    double room[6 * 15];
    int64_t found[6] = { -7, -7, -7, -7, -7, -7 };
    memset(room, 0x33, sizeof room);
    const fv_tensor x = FV_TENSOR(room, dtype, 6, 3, 5, 1);
    const fv_tensor y = FV_TENSOR(found, FV_I64, 6);
    assert_int_equal(fv_dataset_batch(set, order, 5, &x, &y), FV_OK);
    for (size_t i = 0; i < 75; i++) {
        const double byte = pixel((size_t)order[i / 15] * 15 + i % 15);
        if (dtype == FV_F64)
            assert_true(room[i] == 1.0 / 255 * byte);
        else
            assert_near((double)((float *)room)[i], byte / 255, 1e-7);
    }
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(found[i], label((size_t)order[i]));
    assert_int_equal(found[5], -7);
    const unsigned char *rest =
        (unsigned char *)room + 75 * fv_dtype_bytes(dtype);
    for (size_t i = 0; i < 15 * fv_dtype_bytes(dtype); i++)
        assert_int_equal(rest[i], 0x33);
    assert_int_equal(fv_dataset_batch(set, order, 0, &x, &y), FV_OK);

    /* the same through strides: columns before rows, labels apart */
    double turned_room[5 * 15];
    int64_t apart[15];
    fv_tensor turned = FV_TENSOR(turned_room, dtype, 5, 5, 3, 1);
    const int32_t axes[] = { 0, 2, 1, 3 };
    turned = fv_tensor_permute(context, &turned, axes);
    fv_tensor wide = FV_TENSOR(apart, FV_I64, 5);
    wide.stride[0] = 3;
    assert_int_equal(fv_dataset_batch(set, order, 5, &turned, &wide), FV_OK);
    for (int64_t i = 0; i < 75; i++) {
        const int64_t at[] = { i / 15, i / 5 % 3, i % 5, 0 };
        assert_true(fv_tensor_get(context, &turned, at)
                    == fv_tensor_get(context, &x, at));
    }
    for (size_t i = 0; i < 5; i++) assert_int_equal(apart[3 * i], found[i]);
    assert_ok(context);
    fv_context_free(context);
}

static void test_batch(void **state)
{
    (void)state;
    for (int32_t threads = 1; threads < 4; threads++) {
        test_batch_of(FV_F32, threads);
        test_batch_of(FV_F64, threads);
    }
}

/* Other types than bytes keep their numbers. */
static void test_batch_of_numbers(void **state)
{
    (void)state;
    int32_t whole[] = { 1, -2, 300, 4, 5, 6 };
    float real[] = { 0.5f, -0.25f, 3, 4, 5, 6 };
    int8_t none[] = { 0, 0, 0 };
    const fv_tensor y = FV_TENSOR(none, FV_I8, 3);
    const int64_t last[] = { 2, 0 };
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        fv_context *context =
            fv_context_new(FV_OPTIONS(fv_context_options, .dtype = dtype));
        for (int kind = 0; kind < 2; kind++) {
            const fv_tensor x = FV_TENSOR(kind ? (void *)whole : real,
                                          kind ? FV_I32 : FV_F32, 3, 2);
            fv_dataset *set = fv_dataset_of(context, &x, &y);
            assert_ok(context);
            double room[4];
            int64_t found[2];
            const fv_tensor to = FV_TENSOR(room, dtype, 2, 2);
            const fv_tensor to_labels = FV_TENSOR(found, FV_I64, 2);
            fv_dataset_batch(set, last, 2, &to, &to_labels);
            assert_ok(context);
            for (int64_t i = 0; i < 4; i++) {
                const int64_t from = last[i / 2] * 2 + i % 2;
                const int64_t at[] = { i / 2, i % 2 };
                assert_true(fv_tensor_get(context, &to, at)
                            == (kind ? whole[from] : (double)real[from]));
            }
        }
        fv_context_free(context);
    }
}

static void test_wrong_batches(void **state)
{
    (void)state;
    fv_context *context = fv_context_new(NULL);
    const fv_tensor own = number_images(), own_labels = class_labels();
    fv_dataset *set = fv_dataset_of(context, &own, &own_labels);
    assert_ok(context);
    double room[24];
    int64_t found[6];
    const int64_t far[] = { 0, 6 }, negative[] = { -1 };
    const fv_tensor x = FV_TENSOR(room, FV_F32, 6, 2, 2);
    const fv_tensor y = FV_TENSOR(found, FV_I64, 6);
    const struct {
        const int64_t *order;
        int64_t count;
        fv_tensor x, y;
        const char *sentence;
    } cases[] = {
        { far, 2, x, y,
          "data set: batch asks for image 6, the 6 images are counted from 0" },
        { negative, 1, x, y,
          "data set: batch asks for image -1, the 6 images are counted from "
          "0" },
        { far, -1, x, y, "data set: batch of -1" },
        { NULL, 1, x, y, "data set: batch without order" },
        { far, 1, FV_TENSOR(room, FV_F64, 6, 2, 2), y,
          "data set: batch of images is f64, must be f32" },
        { far, 1, FV_TENSOR(room, FV_F32, 6, 2, 3), y,
          "data set: batch of images of [2, 3], must be [2, 2]" },
        { far, 1, FV_TENSOR(room, FV_F32, 6, 4), y,
          "data set: batch of images of [4], must be [2, 2]" },
        { far, 2, FV_TENSOR(room, FV_F32, 1, 2, 2), y,
          "data set: batch of 2 into room for 1 images" },
        { far, 1, x, FV_TENSOR(found, FV_F64, 6),
          "data set: batch of labels is f64, must be i64" },
        { far, 1, x, FV_TENSOR(found, FV_I64, 6, 1),
          "data set: batch of labels has rank 2, must be 1" },
        { far, 2, x, FV_TENSOR(found, FV_I64, 1),
          "data set: batch of 2 into room for 1 labels" },
        { far, 1, x, FV_TENSOR(NULL, FV_I64, 6),
          "data set: the tensor has no memory" },
        { far, 1, *fv_dataset_images(set), y,
          "data set: a batch cannot be written into the data set" },
        { far, 1, x, *fv_dataset_labels(set),
          "data set: a batch cannot be written into the data set" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(fv_dataset_batch(set, cases[i].order, cases[i].count,
                                          &cases[i].x, &cases[i].y),
                         FV_MISUSE);
        assert_error(context, cases[i].sentence);
    }
    assert_int_equal(fv_dataset_limit(set, 3), FV_OK);
    const int64_t third[] = { 3 };
    fv_dataset_batch(set, third, 1, &x, &y);
    assert_error(
        context,
        "data set: batch asks for image 3, the 3 images are counted from 0");
    fv_context_free(context);
}

static void test_every_allocation(void **state)
{
    (void)state;
    faults_memory memory = { 0 };
    fv_allocator allocator = faults_allocator(&memory);
    fv_io io = memory_files_io(&files);
    memory_files_put(&files, "./mnist/train-images-idx3-ubyte", images.at,
                     images.count);
    memory_files_put(&files, "./mnist/train-labels-idx1-ubyte", labels.at,
                     labels.count);
    fv_context *context = fv_context_new(
        FV_OPTIONS(fv_context_options, .io = &io, .allocator = &allocator));
    assert_ok(context);
    const size_t before = memory.blocks;
    fv_dataset *set = NULL;
    for (size_t k = 1; !set; k++) {
        memory.fail_at = memory.calls + k;
        set = fv_dataset_open(context, "mnist:train");
        if (set) break;
        assert_int_equal(fv_failed(context), FV_NO_MEMORY);
        assert_int_equal(memory.blocks, before);
        fv_clear_error(context);
        assert_true(k < 100);
    }
    fv_context_free(context);
    assert_int_equal(memory.blocks, 0);
    assert_int_equal(memory.wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_places),
        CASE(test_names),
        CASE(test_not_found),
        CASE(test_class_names),
        CASE(test_emnist),
        CASE(test_fashion_mnist),
        CASE(test_of),
        CASE(test_not_of),
        CASE(test_limit),
        CASE(test_nothing),
        CASE(test_shuffle),
        CASE(test_orders_are_equally_likely),
        CASE(test_large_order),
        CASE(test_batch),
        CASE(test_batch_of_numbers),
        CASE(test_wrong_batches),
        CASE(test_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
