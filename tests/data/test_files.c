/* Sets of picture files: folders, manifests, images with masks; damaged files,
 * and reading them in threads. */
#include "pictures.h"

#include "data/loader.h"
#include "faults.h"

#include <errno.h>

enum { COUNT = 12 };

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

static void refused(const char *name, const char *sentence)
{
    char expected[1024];
    size_t used = 0;
    for (const char *from = sentence; *from; from++)
        used += (size_t)snprintf(expected + used, sizeof expected - used,
                                 *from == '@' ? "%s" : "%.1s",
                                 *from == '@' ? root : from);
    const size_t before = fv_context_memory(context).data_bytes;
    assert_null(fv_dataset_open(context, name));
    assert_error(context, expected);
    assert_int_equal(fv_context_memory(context).data_bytes, before);
}

/* animals/{cat,dog}/N.png, 5 x 4; cats are 0, 1, 2... and dogs COUNT / 2... */
static void make_animals(const char *folder)
{
    char name[64];
    make_folder(folder);
    for (int i = 0; i < COUNT; i++) {
        const char *kind = i < COUNT / 2 ? "cat" : "dog";
        snprintf(name, sizeof name, "%s/%s", folder, kind);
        if (i % (COUNT / 2) == 0) make_folder(name);
        snprintf(name, sizeof name, "%s/%s/%c.png", folder, kind, 'a' + i);
        write_picture(name, 5, 4, 3, i);
    }
}

static void test_folder(void **state)
{
    (void)state;
    needs(PNG);
    make_animals("animals");
    write_text("animals/cat/.hidden.png", "x");
    write_text("animals/cat/notes.txt", "x");
    fv_dataset *set = fv_dataset_open(context, at("animals"));
    assert_ok(context);
    assert_int_equal(fv_dataset_count(set), COUNT);
    assert_int_equal(fv_dataset_classes(set), 2);
    assert_string_equal(fv_dataset_class_name(set, 1), "dog");
    assert_string_equal(fv_dataset_path(set, 7), at("animals/dog/h.png"));
    assert_null(fv_dataset_images(set));
    const fv_shape shape = fv_dataset_image_shape(set);
    assert_int_equal(shape.rank, 3);
    assert_int_equal(shape.extent[0], 5);
    assert_int_equal(shape.extent[1], 4);
    assert_int_equal(shape.extent[2], 3);
    const int64_t *labels = fv_dataset_labels(set)->data;
    for (int64_t i = 0; i < COUNT; i++) {
        fv_tensor target;
        const fv_tensor image = fv_dataset_read(set, i, &target);
        assert_ok(context);
        for (int64_t k = 0; k < 60; k++)
            assert_int_equal(((unsigned char *)image.data)[k],
                             pixel_of((int)i, k));
        assert_int_equal(*(int64_t *)target.data, i >= COUNT / 2);
        assert_int_equal(labels[i], i >= COUNT / 2);
    }
    refused(at("animals:test"),
            "data set \"@/animals:test\": @/animals is not divided into parts, "
            "write @/animals");
    assert_int_equal(fv_dataset_has(context, at("animals"), NULL), 1);
    assert_int_equal(fv_dataset_has(context, at("animals"), "train"), 0);
    fv_dataset_free(set);
}

static void test_parts(void **state)
{
    (void)state;
    needs(PNG);
    make_folder("set");
    make_animals("set/train");
    make_folder("set/val");
    make_folder("set/val/dog");
    write_picture("set/val/dog/x.png", 6, 4, 1, 3);
    fv_dataset *set = fv_dataset_open(context, at("set:val"));
    assert_ok(context);
    assert_int_equal(fv_dataset_count(set), 1);
    assert_int_equal(((int64_t *)fv_dataset_labels(set)->data)[0], 1);
    refused(at("set:test"), "data set \"@/set:test\": @/set has no part test, "
                            "it has train and val");
    refused(at("set"), "data set \"@/set\": part missing, @/set has train and "
                       "val; write @/set:train");
    assert_int_equal(fv_dataset_has(context, at("set"), "val"), 1);
    fv_dataset_free(set);
}

static void test_damaged(void **state)
{
    (void)state;
    needs(PNG);
    make_animals("zoo");
    write_text("zoo/cat/z.png", "no picture");
    assert_int_equal(symlink("nowhere", at("zoo/dog/lost.png")), 0);
    assert_null(fv_dataset_open(context, at("zoo")));
    assert_non_null(strstr(fv_error(context), "2 of 14 pictures cannot be "
                                              "read: "));
    assert_non_null(strstr(fv_error(context), "/zoo/cat/z.png, "));
    fv_clear_error(context);
    fv_dataset *set = fv_dataset_open(context, at("zoo"), .skip_damaged = 1);
    assert_ok(context);
    assert_int_equal(fv_dataset_count(set), COUNT);
    assert_int_equal(fv_dataset_damaged(set), 2);
    fv_dataset_free(set);

    make_folder("round");
    make_folder("round/a");
    write_picture("round/a/x.png", 2, 2, 1, 1);
    assert_int_equal(symlink("../a", at("round/a/again")), 0);
    assert_null(fv_dataset_open(context, at("round")));
    assert_non_null(strstr(fv_error(context), "more than 16 deep"));
    fv_clear_error(context);
}

static void test_manifest(void **state)
{
    (void)state;
    needs(PNG);
    make_folder("list");
    for (int i = 0; i < 4; i++)
        write_picture((char[]){ 'l', 'i', 's', 't', '/', (char)('a' + i), '.',
                                'p', 'n', 'g', '\0' },
                      3, 3, 3, i);
    write_text("list/all.csv", "path,label\r\na.png,10\n\"b.png\",9\n"
                               "c.png,9\n\n");
    fv_dataset *set = fv_dataset_open(context, at("list/all.csv"));
    assert_ok(context);
    assert_int_equal(fv_dataset_count(set), 3);
    assert_string_equal(fv_dataset_class_name(set, 0), "9");
    assert_int_equal(((int64_t *)fv_dataset_labels(set)->data)[0], 1);
    fv_dataset_free(set);

    write_text("list/parts.csv", "split,path,label\ntrain,a.png,x\n"
                                 "val,b.png,\"y \"\"q\"\", z\"\n");
    set = fv_dataset_open(context, at("list/parts.csv:val"));
    assert_ok(context);
    assert_int_equal(fv_dataset_count(set), 1);
    assert_string_equal(fv_dataset_class_name(set, 1), "y \"q\", z");
    fv_dataset_free(set);

    write_text("list/some.csv", "path,label\na.png,x;y\nb.png,\nc.png,z\n");
    set = fv_dataset_open(context, at("list/some.csv"));
    assert_ok(context);
    assert_int_equal(fv_dataset_target(set), FV_TARGET_LABELS);
    fv_tensor target;
    fv_dataset_read(set, 0, &target);
    assert_memory_equal(target.data, "\1\1\0", 3);
    fv_dataset_read(set, 1, &target);
    assert_memory_equal(target.data, "\0\0\0", 3);
    fv_dataset_free(set);

    write_text("list/flags.csv", "path,x,y\na.png,0,1\nb.png,1,1\n");
    set = fv_dataset_open(context, at("list/flags.csv"));
    assert_ok(context);
    fv_dataset_read(set, 0, &target);
    assert_memory_equal(target.data, "\0\1", 2);
    fv_dataset_free(set);
}

static void test_hostile_manifests(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        { "path,label\n\"a.png,x\n",
          "@/bad.csv: line 2: the quote does not end" },
        { "path,label\n\"a.png\"b,x\n",
          "@/bad.csv: line 2: text behind the closing quote" },
        { "path,label\na\"b,x\n", "@/bad.csv: line 2: a quote within a field" },
        { "path,label\na,x,1\n",
          "@/bad.csv: line 2: 3 fields, the columns are 2" },
        { "path,label\na,\n", "@/bad.csv: line 2: no label" },
        { "path,label\n,x\n", "@/bad.csv: line 2: no path" },
        { "path,x\na,2\n", "@/bad.csv: line 2: '2' in the column of class x, "
                           "must be 0 or 1" },
        { "a,b\n1,2\n", "@/bad.csv: its first line names no columns \"path\" "
                        "and \"label\"" },
        { "path,label\n", "data set \"@/bad.csv\": @/bad.csv has no pictures" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_text("bad.csv", cases[i].text);
        refused(at("bad.csv"), cases[i].sentence);
    }
    write_text("bad.csv", "path,label,split\na,x,tset\n");
    refused(at("bad.csv:train"),
            "@/bad.csv: line 2: split 'tset', must be train, val or test");
    refused(at("none.csv"),
            "data set \"@/none.csv\": no train-images-idx3-ubyte[.gz], CIFAR "
            "files, images with masks, folders of pictures, manifest (.csv) or "
            "NumPy files in @/none.csv");
}

static void test_masks(void **state)
{
    (void)state;
    needs(PNG);
    make_folder("road");
    make_folder("road/images");
    make_folder("road/masks");
    write_picture("road/images/a.png", 4, 6, 3, 1);
    write_picture("road/masks/a.png", 4, 6, 1, 2);
    write_text("road/classes.txt", "sky\nroad\n");
    fv_dataset *set = fv_dataset_open(context, at("road"));
    assert_ok(context);
    assert_int_equal(fv_dataset_target(set), FV_TARGET_MASK);
    assert_int_equal(fv_dataset_classes(set), 2);
    fv_tensor target;
    fv_dataset_read(set, 0, &target);
    assert_ok(context);
    assert_int_equal(target.shape[1], 6);
    for (int64_t k = 0; k < 24; k++)
        assert_int_equal(((unsigned char *)target.data)[k], pixel_of(2, k));
    fv_dataset_free(set);
    write_picture("road/images/b.png", 4, 6, 3, 1);
    refused(at("road"),
            "data set \"@/road\": images/b.png has no mask of its name");
    write_picture("road/masks/b.png", 4, 5, 1, 2);
    set = fv_dataset_open(context, at("road"));
    assert_ok(context);
    const fv_tensor none = fv_dataset_read(set, 1, NULL);
    assert_int_equal(none.rank, -1);
    assert_non_null(strstr(fv_error(context), "a mask of 4 x 5 for "));
    fv_clear_error(context);
    fv_dataset_free(set);
}

/* ---- the loader ------------------------------------------------------------
 */

/* Bytes of two epochs of batches of 5, in parts of 2. */
static void load(fv_dataset *set, int32_t workers, float *images,
                 int64_t *labels)
{
    fv__transforms lines = { 0 };
    fv__loader_options o = { .dataset = set,
                             .transforms = &lines,
                             .stage = FV__TRAINING,
                             .batch = 5,
                             .part = 2,
                             .image = { 3, 0, { 5, 4, 3 } },
                             .workers = workers };
    int64_t order[COUNT];
    fv__loader *loader = fv__loader_new(context, &o);
    assert_ok(context);
    for (uint64_t epoch = 0; epoch < 2; epoch++) {
        fv_dataset_shuffle(set, 3, epoch, order);
        fv__loader_start(loader, epoch, order, COUNT, 0);
        for (int64_t n = 0; n < COUNT;) {
            const int64_t in = n % 5, count = in == 4 || n == 11 ? 1 : 2;
            const fv_tensor to = FV_TENSOR(images, FV_F32, count, 5, 4, 3);
            fv_tensor targets;
            fv__loader_next(loader, &to, &targets);
            assert_ok(context);
            assert_int_equal(targets.shape[0], count);
            memcpy(labels, targets.data, (size_t)count * sizeof *labels);
            for (int64_t i = 0; i < count; i++)
                assert_int_equal(labels[i], order[n + i] >= COUNT / 2);
            images += count * 60;
            labels += count;
            n += count;
        }
    }
    fv__loader_free(loader);
}

static void test_workers(void **state)
{
    (void)state;
    needs(PNG);
    static float images[2][2 * COUNT * 60];
    static int64_t labels[2][2 * COUNT];
    static const int32_t workers[] = { 1, 2, 4 };
    make_animals("many");
    fv_dataset *set = fv_dataset_open(context, at("many"));
    assert_ok(context);
    load(set, FV_OFF, images[0], labels[0]);
    for (int i = 0; i < 3; i++) {
        memset(images[1], 0, sizeof images[1]);
        load(set, workers[i], images[1], labels[1]);
        assert_memory_equal(images[0], images[1], sizeof images[0]);
        assert_memory_equal(labels[0], labels[1], sizeof labels[0]);
    }
    fv_dataset_free(set);
    /* the same from the cache, which not all fit into */
    set = fv_dataset_open(context, at("many"), .cache_bytes = 1000);
    load(set, 2, images[1], labels[1]);
    assert_memory_equal(images[0], images[1], sizeof images[0]);
    fv_dataset_free(set);
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
}

/* Half of each class moves, and what is read is the picture of its path, also
 * after the other pictures had been kept. */
static void test_split(void **state)
{
    (void)state;
    needs(PNG);
    make_animals("halves");
    fv_dataset *sets[2],
        *set = fv_dataset_open(context, at("halves"), .cache_bytes = 1 << 16);
    for (int64_t i = 0; i < COUNT; i++) {
        fv_tensor picture = fv_dataset_read(set, i, NULL);
        fv_tensor_free(context, &picture);
    }
    sets[0] = set;
    sets[1] = fv_dataset_split(set, 0.5, 7);
    assert_ok(context);
    bool seen[COUNT] = { false };
    for (int k = 0; k < 2; k++) {
        assert_int_equal(fv_dataset_count(sets[k]), COUNT / 2);
        assert_int_equal(fv_dataset_classes(sets[k]), 2);
        assert_string_equal(fv_dataset_class_name(sets[k], 1), "dog");
        int64_t dogs = 0;
        for (int64_t i = 0; i < COUNT / 2; i++) {
            fv_tensor label;
            fv_tensor picture = fv_dataset_read(sets[k], i, &label);
            const int seed = strrchr(fv_dataset_path(sets[k], i), '/')[1] - 'a';
            assert_ok(context);
            assert_int_equal(((unsigned char *)picture.data)[3],
                             pixel_of(seed, 3));
            assert_int_equal(*(int64_t *)label.data, seed >= COUNT / 2);
            assert_false(seen[seed]);
            seen[seed] = true;
            dogs += *(int64_t *)label.data;
            fv_tensor_free(context, &picture);
            fv_tensor_free(context, &label);
        }
        assert_int_equal(dogs, COUNT / 4);
    }
    for (int k = 0; k < 2; k++) fv_dataset_free(sets[k]);
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
}

/* A loader that is freed before its epoch ends, and a picture that goes. */
static void test_early_end(void **state)
{
    (void)state;
    needs(PNG);
    float images[5 * 60];
    fv_tensor targets;
    make_animals("gone");
    const fv_tensor to = FV_TENSOR(images, FV_F32, 5, 5, 4, 3);
    for (int skip = 0; skip < 2; skip++) {
        write_picture("gone/dog/g.png", 5, 4, 3, COUNT / 2);
        fv_dataset *set =
            fv_dataset_open(context, at("gone"), .skip_damaged = skip);
        fv__loader_options o = { .dataset = set,
                                 .stage = FV__TRAINING,
                                 .batch = 5,
                                 .part = 5,
                                 .image = { 3, 0, { 5, 4, 3 } },
                                 .workers = 2 };
        assert_int_equal(unlink(at("gone/dog/g.png")), 0);
        fv__loader *loader = fv__loader_new(context, &o);
        fv__loader_start(loader, 0, NULL, COUNT, 0);
        fv__loader_next(loader, &to, &targets);
        assert_ok(context);
        fv__loader_next(loader, &to, &targets);
        if (skip) {
            assert_ok(context);
            assert_int_equal(fv__loader_skipped(loader), 1);
            for (int i = 0; i < 60; i++) /* the next one stands for it */
                assert_true(images[60 + i] == images[120 + i]);
        } else {
            assert_non_null(
                strstr(fv_error(context),
                       "gone/dog/g.png: cannot open: No such file"));
            fv_clear_error(context);
        }
        fv__loader_start(loader, 1, NULL, COUNT, 0); /* and is not finished */
        fv__loader_free(loader);
        fv_dataset_free(set);
        assert_int_equal(fv_context_memory(context).data_bytes, 0);
    }
}

/* ---- failures --------------------------------------------------------------
 */

static void test_every_failure(void **state)
{
    (void)state;
    needs(PNG);
    static float images[2 * 2 * 60];
    faults_memory memory = { 0 };
    faults_io files = { .error = EIO };
    fv_allocator allocator = faults_allocator(&memory);
    fv_io io = faults_io_table(&files);
    make_folder("f");
    make_folder("f/a");
    make_folder("f/b");
    write_picture("f/a/1.png", 5, 4, 3, 1);
    write_picture("f/b/2.png", 5, 4, 3, 2);
    write_text("f/set.csv", "path,label\na/1.png,x\nb/2.png,y;x\n");
    fv_context *other = fv_context_new(FV_OPTIONS(
        fv_context_options, .allocator = &allocator, .io = &io, .threads = 1));
    const fv_tensor to = FV_TENSOR(images, FV_F32, 2, 5, 4, 3);
    const size_t before = memory.blocks;
    for (int what = 0; what < 4; what++) {
        const char *name = what / 2 ? "f/set.csv" : "f";
        bool failed = true;
        for (size_t k = 1; failed; k++) {
            fv_tensor targets;
            memory.fail_at = what % 2 ? 0 : memory.calls + k;
            files.fail_at = what % 2 ? files.calls + k : 0;
            fv_dataset *set = fv_dataset_open(other, at(name));
            fv__loader *loader = NULL;
            if (set) assert_int_equal(fv_dataset_count(set), 2);
            if (set)
                loader = fv__loader_new(
                    other,
                    &(fv__loader_options){ .dataset = set,
                                           .stage = FV__EVALUATION,
                                           .batch = 2,
                                           .part = 2,
                                           .image = { 3, 0, { 5, 4, 3 } } });
            if (loader) fv__loader_start(loader, 0, NULL, 2, 0);
            if (loader) fv__loader_next(loader, &to, &targets);
            fv__loader_free(loader);
            fv_dataset_free(set);
            failed = what % 2 ? files.calls >= files.fail_at
                              : fv_failed(other) != FV_OK;
            fv_clear_error(other);
            assert_int_equal(memory.blocks, before);
            assert_int_equal(files.files, 0);
            assert_true(k < 1000);
        }
    }
    fv_context_free(other);
    assert_int_equal(memory.blocks, 0);
    assert_int_equal(memory.wrong, 0);
}

/* A set of 1 TB needs no more memory than its labels. */
static void test_large_file(void **state)
{
    (void)state;
    enum { ROWS = 4 };
    const int64_t pixels = (int64_t)1 << 36;
    char header[128];
    memset(header, ' ', sizeof header);
    memcpy(header, "\x93NUMPY\1\0\x76\0", 10);
    const int length =
        snprintf(header + 10, 100,
                 "{'descr': '|u1', 'fortran_order': False, 'shape': (%d, "
                 "262144, 262144, 1), }",
                 ROWS);
    header[10 + length] = ' ';
    header[127] = '\n';
    write_file("x.npy", header, sizeof header);
    if (truncate(at("x.npy"), 128 + ROWS * pixels) != 0) skip();
    const int8_t labels[ROWS] = { 0, 1, 1, 0 };
    const fv_tensor y = FV_TENSOR((void *)(uintptr_t)labels, FV_I8, ROWS);
    fv_npy_save(context, at("y.npy"), &y);
    assert_ok(context);
    const size_t before = fv_context_memory(context).bytes;
    fv_dataset *set = fv_dataset_open(context, at("x.npy,y.npy"));
    assert_ok(context);
    assert_int_equal(fv_dataset_count(set), ROWS);
    assert_int_equal(fv_dataset_image_shape(set).extent[0], 262144);
    assert_true(fv_context_memory(context).data_bytes < 10000);
    assert_int_equal(fv_context_memory(context).bytes, before);
    fv_dataset_free(set);
}

/* ---- the caller's functions ------------------------------------------------
 */

static void read_own(void *user, int64_t index, fv_data_item *item)
{
    unsigned char bytes[4] = { (unsigned char)index, 1, 2, 3 };
    const fv_tensor image = FV_TENSOR(bytes, FV_U8, 2, 2, 1);
    if (index == 3) fv_fail(fv_data_item_context(item), FV_IO, "no item 3");
    fv_data_item_set_image(item, &image);
    if (index != *(int64_t *)user) fv_data_item_set_class(item, index % 2);
}

static void test_functions(void **state)
{
    (void)state;
    int64_t without = 2;
    fv_dataset *set = fv_dataset_new(context, .count = 5, .read = read_own,
                                     .user = &without, .classes = 2);
    assert_ok(context);
    float images[8];
    int64_t labels[2];
    const fv_tensor x = FV_TENSOR(images, FV_F32, 2, 2, 2, 1);
    const fv_tensor y = FV_TENSOR(labels, FV_I64, 2);
    fv_dataset_batch(set, (int64_t[]){ 4, 1 }, 2, &x, &y);
    assert_ok(context);
    assert_true(images[0] == 4.0f / 255 && images[4] == 1.0f / 255);
    assert_true(labels[0] == 0 && labels[1] == 1);
    fv_dataset_batch(set, (int64_t[]){ 3 }, 1, &x, &y);
    assert_error(context, "no item 3");
    fv_dataset_batch(set, (int64_t[]){ 2 }, 1, &x, &y);
    assert_error(context, "data set: item 2 was given no class");
    fv_dataset_free(set);
    assert_null(fv_dataset_new(context, .count = 0, .read = read_own));
    assert_error(context, "data set: count 0, must be at least 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_folder, begin, end),
        cmocka_unit_test_setup_teardown(test_parts, begin, end),
        cmocka_unit_test_setup_teardown(test_damaged, begin, end),
        cmocka_unit_test_setup_teardown(test_manifest, begin, end),
        cmocka_unit_test_setup_teardown(test_hostile_manifests, begin, end),
        cmocka_unit_test_setup_teardown(test_masks, begin, end),
        cmocka_unit_test_setup_teardown(test_workers, begin, end),
        cmocka_unit_test_setup_teardown(test_split, begin, end),
        cmocka_unit_test_setup_teardown(test_early_end, begin, end),
        cmocka_unit_test_setup_teardown(test_every_failure, begin, end),
        cmocka_unit_test_setup_teardown(test_large_file, begin, end),
        cmocka_unit_test_setup_teardown(test_functions, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
