/* Data sets that are split: of memory, files and rows of large files. */
#include "pictures.h"

#include "data/data.h"
#include "faults.h"

enum { CATS = 9, DOGS = 5, COUNT = CATS + DOGS };

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

/* zoo/{cat,dog}/X.png, picture i of seed i. */
static void make_zoo(void)
{
    char name[64];
    make_folder("zoo");
    make_folder("zoo/cat");
    make_folder("zoo/dog");
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "zoo/%s/%c.png", i < CATS ? "cat" : "dog",
                 'a' + i);
        write_picture(name, 3, 3, 1, i);
    }
}

/* Which picture of the zoo an item is, by its pixels. */
static int number_of(fv_dataset *set, int64_t index)
{
    fv_tensor target;
    fv_tensor image = fv_dataset_read(set, index, &target);
    assert_ok(context);
    int i = 0;
    while (((unsigned char *)image.data)[0] != pixel_of(i, 0)) i++;
    assert_int_equal(*(int64_t *)target.data, i >= CATS);
    assert_int_equal(((int64_t *)fv_dataset_labels(set)->data)[index],
                     i >= CATS);
    fv_tensor_free(context, &image);
    fv_tensor_free(context, &target);
    return i;
}

/* Bits of the pictures of a set, in ascending order, of both classes. */
static unsigned members(fv_dataset *set, int64_t cats, int64_t dogs)
{
    unsigned all = 0;
    int last = -1;
    assert_int_equal(fv_dataset_count(set), cats + dogs);
    assert_int_equal(fv_dataset_classes(set), 2);
    for (int64_t i = 0; i < cats + dogs; i++) {
        const int number = number_of(set, i);
        assert_true(number > last);
        assert_int_equal(number >= CATS, i >= cats);
        const char *path = fv_dataset_path(set, i);
        if (*path) assert_int_equal(path[strlen(path) - 5], 'a' + number);
        all |= 1u << number;
        last = number;
    }
    return all;
}

static void check_split(fv_dataset *set, uint64_t seed, unsigned *moved)
{
    fv_dataset *part = fv_dataset_split(set, 0.34, seed);
    assert_ok(context);
    *moved = members(part, 3, 2);
    const unsigned rest = members(set, 6, 3);
    assert_int_equal(*moved & rest, 0);
    assert_int_equal(*moved | rest, (1u << COUNT) - 1);
    /* again, of both halves; then in any order of freeing */
    fv_dataset *of_part = fv_dataset_split(part, 0.4, seed);
    fv_dataset *of_rest = fv_dataset_split(set, 0.4, seed);
    assert_ok(context);
    const unsigned parts[] = { members(of_part, 1, 1), members(part, 2, 1),
                               members(of_rest, 2, 1), members(set, 4, 2) };
    assert_int_equal(parts[0] | parts[1], *moved);
    assert_int_equal(parts[2] | parts[3], rest);
    fv_dataset_limit(of_rest, 2);
    members(of_rest, 2, 0);
    fv_dataset_free(set);
    fv_dataset_free(of_part);
    members(of_rest, 2, 0);
    fv_dataset_free(part);
    members(of_rest, 2, 0);
    fv_dataset_free(of_rest);
    assert_int_equal(fv_context_memory(context).data_bytes, 0);
}

static void test_files(void **state)
{
    (void)state;
    needs(PNG);
    unsigned moved[3];
    make_zoo();
    for (int i = 0; i < 3; i++)
        check_split(fv_dataset_open(context, at("zoo"), .cache_bytes = 60),
                    i == 2, &moved[i]);
    assert_int_equal(moved[0], moved[1]);
    assert_int_not_equal(moved[0], moved[2]);
    /* with its context */
    fv_dataset *set = fv_dataset_open(context, at("zoo"));
    fv_dataset_split(fv_dataset_split(set, 0.5, 1), 0.5, 1);
    fv_dataset_free(set);
}

/* The bytes of the zoo in memory, and in a file that is read row by row. */
static void test_rows(void **state)
{
    (void)state;
    unsigned char pixels[COUNT * 9], labels[COUNT];
    unsigned moved[2];
    for (int i = 0; i < COUNT; i++) {
        labels[i] = i >= CATS;
        for (int k = 0; k < 9; k++) pixels[9 * i + k] = pixel_of(i, k);
    }
    write_file("x", pixels, sizeof pixels);
    const fv_tensor x = FV_TENSOR(pixels, FV_U8, COUNT, 3, 3, 1);
    const fv_tensor y = FV_TENSOR(labels, FV_U8, COUNT);
    check_split(fv_dataset_of(context, &x, &y), 5, &moved[0]);
    fv__rows rows = { .rank = 3,
                      .path = (char *)(uintptr_t)at("x"),
                      .shape = { 3, 3, 1 },
                      .dtype = FV_U8,
                      .pictures = true };
    fv__file_open(&rows.file, context, rows.path);
    fv_dataset *set = fv__dataset_begin(context, &fv__store_rows);
    fv__dataset_set_targets(set, "test", &y);
    fv__dataset_set_classes(set, "test", 0, 0);
    fv__dataset_set_rows(set, &rows, COUNT);
    set = fv__dataset_end(set);
    assert_ok(context);
    check_split(set, 5, &moved[1]);
    assert_int_equal(moved[0], moved[1]);
}

/* Several labels and masks: a share of all. */
static void test_no_classes(void **state)
{
    (void)state;
    unsigned char pixels[10 * 4], masks[10 * 4];
    float marks[10 * 2] = { 0 };
    for (int i = 0; i < 40; i++) masks[i] = pixels[i] = (unsigned char)i;
    for (int i = 0; i < 10; i++) marks[2 * i + i % 2] = 1;
    const fv_tensor x = FV_TENSOR(pixels, FV_U8, 10, 2, 2, 1);
    const fv_tensor targets[] = { FV_TENSOR(masks, FV_U8, 10, 2, 2),
                                  FV_TENSOR(marks, FV_F32, 10, 2) };
    for (int kind = 0; kind < 2; kind++) {
        fv_dataset *set = fv_dataset_of(context, &x, &targets[kind]);
        fv_dataset *part = fv_dataset_split(set, 0.3, 0);
        assert_ok(context);
        assert_int_equal(fv_dataset_count(part), 3);
        assert_int_equal(fv_dataset_count(set), 7);
        for (int64_t i = 0; i < 3; i++) {
            fv_tensor target;
            const fv_tensor image = fv_dataset_read(part, i, &target);
            const unsigned char first = *(unsigned char *)image.data;
            assert_int_equal(*(unsigned char *)target.data,
                             kind ? first / 4 % 2 == 0 : first);
        }
    }
}

static void read_nothing(void *user, int64_t index, fv_data_item *item)
{
    (void)user, (void)index, (void)item;
}

static void test_refused(void **state)
{
    (void)state;
    unsigned char pixels[4] = { 0 }, labels[4] = { 0, 1, 2, 3 };
    const fv_tensor x = FV_TENSOR(pixels, FV_U8, 4, 1, 1, 1);
    const fv_tensor y = FV_TENSOR(labels, FV_U8, 4);
    fv_dataset *set =
        fv_dataset_new(context, .count = 4, .read = read_nothing, .classes = 2);
    assert_null(fv_dataset_split(set, 0.5, 0));
    assert_error(context, "data set: items of functions of the caller cannot "
                          "be split, their targets are known only when they "
                          "are read");
    set = fv_dataset_of(context, &x, &y);
    assert_null(fv_dataset_split(set, 0.5, 0));
    assert_error(context, "data set: a share of 0.5 of 4 images in 4 classes "
                          "is none");
    assert_null(fv_dataset_split(set, 1, 0));
    assert_error(context, "data set: a share of 1, expected more than 0 and "
                          "less than 1");
}

/* A split that fails leaves the set as it was. */
static void test_every_allocation(void **state)
{
    (void)state;
    needs(PNG);
    faults_memory memory = { 0 };
    fv_allocator allocator = faults_allocator(&memory);
    make_zoo();
    fv_context *own = context;
    context = fv_context_new(
        FV_OPTIONS(fv_context_options, .threads = 1, .allocator = &allocator));
    fv_dataset *set = fv_dataset_open(context, at("zoo")), *part = NULL;
    for (size_t k = 1; !part; k++) {
        const size_t before = memory.blocks;
        memory.fail_at = memory.calls + k;
        part = fv_dataset_split(set, 0.34, 1);
        memory.fail_at = 0;
        if (part) break;
        assert_int_equal(fv_failed(context), FV_NO_MEMORY);
        fv_clear_error(context);
        assert_int_equal(memory.blocks, before);
        members(set, CATS, DOGS);
    }
    members(part, 3, 2);
    fv_context_free(context);
    assert_int_equal(memory.blocks, 0);
    context = own;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_files, begin, end),
        cmocka_unit_test_setup_teardown(test_rows, begin, end),
        cmocka_unit_test_setup_teardown(test_no_classes, begin, end),
        cmocka_unit_test_setup_teardown(test_refused, begin, end),
        cmocka_unit_test_setup_teardown(test_every_allocation, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
