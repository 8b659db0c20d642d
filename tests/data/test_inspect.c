/* What is found of data sets: facts of items, moments, perceptual hashes. */
#include "pictures.h"

#include "faults.h"

#include <math.h>

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

/* zoo/{a,b}/N.png: pictures of several sizes, the last of one channel. */
enum { COUNT = 7 };
static void make_zoo(void)
{
    char name[64];
    make_folder("zoo");
    make_folder("zoo/a");
    make_folder("zoo/b");
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "zoo/%c/%d.png", 'a' + i / 4, i);
        write_picture(name, 3 + i, 5, i == COUNT - 1 ? 1 : 3, i);
    }
}

static void test_facts(void **state)
{
    (void)state;
    needs(PNG);
    fv_item_facts facts[2][COUNT];
    make_zoo();
    for (int t = 0; t < 2; t++) {
        fv_context *other = fv_context_new(
            FV_OPTIONS(fv_context_options, .threads = t ? 4 : 1));
        memset(facts[t], 255, sizeof facts[t]);
        fv_dataset *set = fv_dataset_open(other, at("zoo"));
        fv_dataset_inspect(set, 0, COUNT, facts[t]);
        assert_ok(other);
        fv_context_free(other);
    }
    assert_memory_equal(facts[0], facts[1], sizeof facts[0]);
    for (int i = 0; i < COUNT; i++) {
        const fv_item_facts *f = &facts[0][i];
        assert_int_equal(f->index, i);
        assert_int_equal(f->rows, 3 + i);
        assert_int_equal(f->columns, 5);
        assert_int_equal(f->channels, i == COUNT - 1 ? 1 : 3);
        assert_int_equal(f->class_index, i / 4);
        assert_int_equal(f->format, FV_IMAGE_PNG);
        double sum = 0, squares = 0;
        for (int k = 0; k < 5 * (3 + i); k++) {
            const double v = pixel_of(i, k * f->channels) / 255.0;
            sum += v;
            squares += v * v;
        }
        assert_true(fabs(f->sum[0] - sum) < 1e-9);
        assert_true(fabs(f->squares[0] - squares) < 1e-9);
        for (int k = 0; k < i; k++)
            assert_true(facts[0][k].digest != f->digest);
    }
}

/* Against sums over all pixels; grey counts as coloured. */
static void test_moments(void **state)
{
    (void)state;
    needs(PNG);
    make_zoo();
    fv_dataset *set = fv_dataset_open(context, at("zoo"));
    const fv_moments moments = fv_dataset_moments(set);
    assert_ok(context);
    assert_int_equal(moments.channels, 3);
    for (int c = 0; c < 3; c++) {
        double sum = 0, squares = 0, n = 0;
        for (int i = 0; i < COUNT; i++)
            for (int k = 0; k < 5 * (3 + i); k++, n++) {
                const int at = i == COUNT - 1 ? k : 3 * k + c;
                const double v = pixel_of(i, at) / 255.0;
                sum += v;
                squares += v * v;
            }
        assert_true(fabs(fv_moments_mean(&moments, c) - sum / n) < 1e-12);
        assert_true(fabs(fv_moments_deviation(&moments, c)
                         - sqrt(squares / n - sum / n * sum / n))
                    < 1e-12);
    }
    assert_true(isnan(fv_moments_mean(&moments, 3)));
    /* numbers, in both layouts: 2 images of 2 x 1 pixels, 2 channels */
    static const float numbers[2][8] = { { 1, 10, 2, 20, 3, 30, 4, 40 },
                                         { 1, 2, 10, 20, 3, 4, 30, 40 } };
    const int64_t labels[] = { 0, 1 };
    for (int planar = 0; planar < 2; planar++) {
        fv_context *other =
            fv_context_new(FV_OPTIONS(fv_context_options, .threads = 1,
                                      .layout = planar ? FV_NCHW : FV_NHWC));
        float *data = (float *)(uintptr_t)numbers[planar];
        const fv_tensor x = planar ? FV_TENSOR(data, FV_F32, 2, 2, 2, 1)
                                   : FV_TENSOR(data, FV_F32, 2, 2, 1, 2);
        const fv_tensor y = FV_TENSOR((int64_t *)(uintptr_t)labels, FV_I64, 2);
        const fv_moments m = fv_dataset_moments(fv_dataset_of(other, &x, &y));
        assert_int_equal(m.channels, 2);
        assert_true(fv_moments_mean(&m, 0) == 2.5);
        assert_true(fv_moments_mean(&m, 1) == 25);
        assert_true(fabs(fv_moments_deviation(&m, 1) - sqrt(125)) < 1e-12);
        fv_context_free(other);
    }
}

static void test_damage(void **state)
{
    (void)state;
    needs(PNG);
    fv_item_facts facts[COUNT];
    make_zoo();
    fv_dataset *set = fv_dataset_open(context, at("zoo"));
    assert_int_equal(truncate(at("zoo/a/2.png"), 60), 0);
    fv_dataset_inspect(set, 0, COUNT, facts);
    assert_ok(context);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(facts[i].status, i == 2 ? FV_MALFORMED : FV_OK);
    assert_non_null(strstr(facts[2].sentence, "zoo/a/2.png: "));
    assert_int_equal(fv_dataset_moments(set).channels, 0);
    assert_string_equal(fv_error(context), facts[2].sentence);
    fv_clear_error(context);
    fv_dataset_inspect(set, 1, COUNT, facts);
    assert_error(context, "data set: items 1 to 7 into facts, there are 7");
    set = fv_dataset_open(context, at("zoo"), .skip_damaged = 1);
    assert_int_equal(fv_dataset_moments(set).channels, 3);
    assert_ok(context);
}

/* A picture of spots of several sizes, brighter by `more`. */
static fv_tensor landscape(int64_t rows, int64_t columns, int seed, int more)
{
    const int64_t shape[] = { rows, columns, 3 };
    const fv_tensor image = fv_tensor_new(context, FV_U8, 3, shape);
    unsigned char *to = image.data;
    for (int64_t i = 0; i < rows * columns; i++) {
        const double y = (double)(i / columns) / (double)rows;
        const double x = (double)(i % columns) / (double)columns;
        double sum = 0;
        for (int k = 0; k < 40; k++) {
            const int n = 40 * seed + k;
            const double dx = x - (n * 29 % 101) / 101.0;
            const double dy = y - (n * 47 % 103) / 103.0;
            sum += (n % 2 ? 90 : -90)
                   * exp(-(dx * dx + dy * dy) * (60 + n * 31 % 200));
        }
        for (int c = 0; c < 3; c++)
            to[3 * i + c] =
                (unsigned char)fmax(0, fmin(255, 110 + more + 10 * c + sum));
    }
    return image;
}

static int distance(uint64_t a, uint64_t b)
{
    int bits = 0;
    for (uint64_t x = a ^ b; x; x &= x - 1) bits++;
    return bits;
}

static void test_hash(void **state)
{
    (void)state;
    uint64_t hashes[6];
    for (int seed = 0; seed < 6; seed++) {
        const fv_tensor image = landscape(90, 120, seed, 0);
        const fv_tensor bright = landscape(90, 120, seed, 20);
        const fv_tensor small =
            fv_image_resize(context, &image, 45, 64, FV_RESAMPLE_BICUBIC);
        hashes[seed] = fv_image_hash(context, &image);
        assert_true(distance(hashes[seed], fv_image_hash(context, &bright))
                    <= 2);
        assert_true(distance(hashes[seed], fv_image_hash(context, &small))
                    <= 4);
        for (int k = 0; k < seed; k++)
            assert_true(distance(hashes[seed], hashes[k]) > 5);
    }
    assert_ok(context);
    /* a step from left to right has coefficients in the first row only, the
     * odd ones, of which those below the median of zeros have no bit */
    unsigned char pixels[32 * 32];
    for (int i = 0; i < 32 * 32; i++) pixels[i] = i % 32 < 16 ? 200 : 0;
    const fv_tensor step = FV_TENSOR(pixels, FV_U8, 32, 32, 1);
    assert_true(fv_image_hash(context, &step) == (1u << 1 | 1u << 5));
    const fv_tensor none = FV_TENSOR(pixels, FV_F32, 8, 8, 1);
    assert_int_equal(fv_image_hash(context, &none), 0);
    assert_int_not_equal(fv_failed(context), FV_OK);
    fv_clear_error(context);
}

static void test_every_allocation(void **state)
{
    (void)state;
    needs(PNG);
    faults_memory memory = { 0 };
    fv_allocator allocator = faults_allocator(&memory);
    make_zoo();
    fv_context *other = fv_context_new(
        FV_OPTIONS(fv_context_options, .threads = 1, .allocator = &allocator));
    fv_dataset *set = fv_dataset_open(other, at("zoo"));
    const size_t before = memory.blocks;
    bool failed = true;
    for (size_t k = 1; failed; k++) {
        memory.fail_at = memory.calls + k;
        const fv_moments moments = fv_dataset_moments(set);
        failed = fv_failed(other) != FV_OK;
        assert_int_equal(moments.channels, failed ? 0 : 3);
        if (failed) assert_int_equal(fv_failed(other), FV_NO_MEMORY);
        fv_clear_error(other);
        assert_int_equal(memory.blocks, before);
    }
    memory.fail_at = 0;
    fv_context_free(other);
    assert_int_equal(memory.blocks, 0);
}

/* ---- normalise auto ------------------------------------------------------ */

static void test_normalise_auto(void **state)
{
    (void)state;
    unsigned char pixels[4] = { 0, 255, 255, 0 };
    int64_t labels[2] = { 0, 1 };
    const fv_tensor x = FV_TENSOR(pixels, FV_U8, 2, 1, 2, 1);
    const fv_tensor y = FV_TENSOR(labels, FV_I64, 2);
    fv_dataset *set = fv_dataset_of(context, &x, &y);
    fv_network *network = fv_network_parse(
        context,
        "input 1 2 1\naugment normalise auto\nflatten\nlinear 2\n"
        "softmax_cross_entropy\n",
        "test");
    assert_ok(context);
    assert_string_equal(fv_network_augment_text(network),
                        "augment normalise auto\n");
    const fv_tensor picture = FV_TENSOR(pixels, FV_U8, 1, 2, 1);
    assert_int_equal(fv_network_prepare(network, &picture).rank, -1);
    assert_error(context, "normalise: auto has not been measured, which "
                          "training does when it begins");
    fv_fit(network, fv_sgd(network, 0.1), set, .epochs = 1, .batch = 2);
    assert_ok(context);
    assert_string_equal(fv_network_augment_text(network),
                        "augment normalise mean=0.5 std=0.5\n");
    const fv_tensor input = fv_network_prepare(network, &picture);
    assert_true(((float *)input.data)[0] == -1
                && ((float *)input.data)[1] == 1);
    fv_network_augment(network, "normalise auto mean=1 std=1");
    assert_error(context,
                 "augment:1:1: normalise: auto measures mean and std, which "
                 "are given here");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_facts, begin, end),
        cmocka_unit_test_setup_teardown(test_moments, begin, end),
        cmocka_unit_test_setup_teardown(test_damage, begin, end),
        cmocka_unit_test_setup_teardown(test_hash, begin, end),
        cmocka_unit_test_setup_teardown(test_every_allocation, begin, end),
        cmocka_unit_test_setup_teardown(test_normalise_auto, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
