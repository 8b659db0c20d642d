/* Data sets divided by class, and orders in which all classes come equally
 * often. */
#include "nets.h"

#include "train/train.h"

enum { N = 101, C = 4 };

/* A data set of images that are their numbers; class 2 has none, class 3 two.
 */
static fv_dataset *numbers(fv_context *ctx)
{
    float pixels[N];
    int64_t labels[N];
    for (int i = 0; i < N; i++) {
        pixels[i] = (float)i;
        labels[i] = i == 7 || i == 70 ? 3 : i % 5 == 0;
    }
    const fv_tensor images = FV_TENSOR(pixels, FV_F32, N, 1);
    const fv_tensor classes = FV_TENSOR(labels, FV_I64, N);
    return fv_dataset_of(ctx, &images, &classes);
}

/* Counts by class; marks the images that are there. */
static void look(const fv_dataset *data, int counts[C], int there[N])
{
    const float *pixels = fv_dataset_images(data)->data;
    const int64_t *labels = fv_dataset_labels(data)->data;
    memset(counts, 0, C * sizeof *counts);
    for (int64_t i = 0; i < fv_dataset_count(data); i++) {
        const int image = (int)pixels[i];
        assert_true(i == 0 || pixels[i] > pixels[i - 1]);
        assert_int_equal(labels[i],
                         image == 7 || image == 70 ? 3 : image % 5 == 0);
        counts[labels[i]]++;
        there[image]++;
    }
}

static void test_split(void **state)
{
    (void)state;
    int former[N] = { 0 };
    for (uint64_t seed = 0; seed < 3; seed++) {
        fv_context *ctx = NET_CONTEXT(.threads = 1);
        fv_dataset *data = numbers(ctx);
        int all[C], kept[C], moved[C], there[N] = { 0 }, held[N] = { 0 };
        int unused[N] = { 0 };
        look(data, all, unused);
        fv_dataset *part = fv_dataset_split(data, 0.3, seed);
        assert_ok(ctx);
        look(data, kept, there);
        look(part, moved, there);
        look(part, moved, held);
        for (int i = 0; i < N; i++) assert_int_equal(there[i], 1);
        for (int c = 0; c < C; c++) {
            assert_int_equal(kept[c] + moved[c], all[c]);
            assert_int_equal(moved[c],
                             c == 3 ? 1 : (int)floor(0.3 * all[c] + 0.5));
        }
        if (seed) assert_memory_not_equal(held, former, sizeof held);
        memcpy(former, held, sizeof held);
        fv_context_free(ctx);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_dataset *data = numbers(ctx);
    assert_null(fv_dataset_split(data, 1, 0));
    assert_error(ctx, "data set: a share of 1, expected more than 0 and less "
                      "than 1");
    assert_null(fv_dataset_split(data, 0.001, 0));
    assert_error(ctx,
                 "data set: a share of 0.001 of 101 images in 4 classes is "
                 "none");
    assert_int_equal(fv_dataset_count(data), N);
    assert_null(fv_dataset_split(NULL, 0.1, 0));
    fv_context_free(ctx);
}

static void test_balance(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_dataset *data = numbers(ctx);
    const int64_t *labels = fv_dataset_labels(data)->data;
    int64_t order[N], shuffled[N];
    fv_dataset_shuffle(data, 1, 2, shuffled);
    memcpy(order, shuffled, sizeof order);
    assert_int_equal(fv__balance(data, ctx, order), FV_OK);
    static const int64_t turn[] = { 0, 1, 3 };
    int64_t at[C] = { 0 };
    for (int i = 0; i < N; i++) {
        const int64_t class_index = labels[order[i]];
        assert_int_equal(class_index, turn[i % 3]);
        /* the next of its class in the shuffled order */
        do at[class_index] %= N;
        while (labels[shuffled[at[class_index]++]] != class_index);
        assert_int_equal(order[i], shuffled[at[class_index] - 1]);
    }
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_balance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
