/* Mixed batches against the definition in double precision. */
#include "augment/pictures.h"
#include "faults.h"

enum { N = 5, H = 7, W = 9, C = 3, EACH = H * W * C, CLASSES = 4 };

/* A batch and its targets, as doubles in the order rows, columns, channels. */
typedef struct batch {
    double images[N][EACH], targets[N][CLASSES];
} batch;

static void fill(batch *b)
{
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < EACH; k++)
            b->images[i][k] = (k * 37 + i * 101) % 211 / 64.0;
        for (int c = 0; c < CLASSES; c++) b->targets[i][c] = c == i % CLASSES;
    }
}

/* The place of element k of an image in a layout. */
static int place_of(fv_layout layout, int k)
{
    return layout == FV_NHWC ? k : k % C * H * W + k / C;
}

/* Runs the line over the batch in a context. */
static void run(fv_context *context, const char *line, uint64_t index,
                const batch *in, batch *out)
{
    const bool twice = fv_context_dtype(context) == FV_F64;
    const fv_layout layout = fv_context_layout(context);
    const int64_t shape[] = { N, layout == FV_NHWC ? H : C,
                              layout == FV_NHWC ? W : H,
                              layout == FV_NHWC ? C : W };
    fv_tensor images =
        fv_tensor_new(context, fv_context_dtype(context), 4, shape);
    fv_tensor targets = fv_tensor_new(context, fv_context_dtype(context), 2,
                                      (int64_t[]){ N, CLASSES });
    for (int i = 0; i < N * EACH; i++) {
        const int at = i / EACH * EACH + place_of(layout, i % EACH);
        const double value = in->images[i / EACH][i % EACH];
        if (twice)
            ((double *)images.data)[at] = value;
        else
            ((float *)images.data)[at] = (float)value;
    }
    for (int i = 0; i < N * CLASSES; i++)
        if (twice)
            ((double *)targets.data)[i] = in->targets[i / CLASSES][i % CLASSES];
        else
            ((float *)targets.data)[i] =
                (float)in->targets[i / CLASSES][i % CLASSES];
    fv__transforms list = list_of(context, line);
    fv__example example = { .context = context };
    fv__transforms_mix(&list, 1, 2, index, &example, &images, &targets);
    assert_ok(context);
    for (int i = 0; i < N * EACH; i++) {
        const int at = i / EACH * EACH + place_of(layout, i % EACH);
        out->images[i / EACH][i % EACH] =
            twice ? ((double *)images.data)[at]
                  : (double)((float *)images.data)[at];
    }
    for (int i = 0; i < N * CLASSES; i++)
        out->targets[i / CLASSES][i % CLASSES] =
            twice ? ((double *)targets.data)[i]
                  : (double)((float *)targets.data)[i];
    fv__example_free(&example);
    fv__transforms_free(context, &list);
    fv_tensor_free(context, &images);
    fv_tensor_free(context, &targets);
}

static void check_mixup(const batch *in, const batch *out, double tolerance)
{
    /* image 1 is the only one of class 1, and image 0 before it of class 0 */
    const double b = out->targets[1][1];
    assert_true(b > 0 && b < 1);
    for (int i = 0; i < N; i++) {
        const int before = (i + N - 1) % N;
        for (int k = 0; k < EACH; k++)
            assert_near(out->images[i][k],
                        b * in->images[i][k] + (1 - b) * in->images[before][k],
                        tolerance);
        for (int c = 0; c < CLASSES; c++)
            assert_near(out->targets[i][c],
                        b * in->targets[i][c]
                            + (1 - b) * in->targets[before][c],
                        tolerance);
    }
}

static void check_cutmix(const batch *in, const batch *out, double tolerance)
{
    int pasted = 0, top = H, bottom = 0, left = W, right = 0;
    for (int p = 0; p < H * W; p++) {
        if (out->images[0][p * C] == in->images[0][p * C]) continue;
        pasted++;
        top = p / W < top ? p / W : top;
        bottom = p / W + 1 > bottom ? p / W + 1 : bottom;
        left = p % W < left ? p % W : left;
        right = p % W + 1 > right ? p % W + 1 : right;
    }
    assert_int_equal(pasted, pasted ? (bottom - top) * (right - left) : 0);
    const double b = 1 - pasted / (double)(H * W);
    for (int i = 0; i < N; i++) {
        const int before = (i + N - 1) % N;
        for (int k = 0; k < EACH; k++) {
            const int row = k / C / W, column = k / C % W;
            const bool inside =
                row >= top && row < bottom && column >= left && column < right;
            assert_near(out->images[i][k], in->images[inside ? before : i][k],
                        tolerance);
        }
        for (int c = 0; c < CLASSES; c++)
            assert_near(out->targets[i][c],
                        b * in->targets[i][c]
                            + (1 - b) * in->targets[before][c],
                        tolerance);
    }
}

static void test_mixtures(void **state)
{
    (void)state;
    static batch in, out, again;
    fill(&in);
    for (int k = 0; k < 4; k++) {
        fv_context *context = fv_context_new(FV_OPTIONS(
            fv_context_options, .threads = 1, .dtype = k & 1 ? FV_F64 : FV_F32,
            .layout = k & 2 ? FV_NCHW : FV_NHWC));
        const double tolerance = k & 1 ? 1e-14 : 1e-6;
        int different = 0;
        for (uint64_t index = 0; index < 6; index++) {
            run(context, "mixup 0.5", index, &in, &out);
            check_mixup(&in, &out, tolerance);
            run(context, "mixup 0.5", index, &in, &again);
            assert_memory_equal(&out, &again, sizeof out);
            run(context, "mixup 0.5", index + 1, &in, &again);
            different += out.targets[1][1] != again.targets[1][1];
            run(context, "cutmix", index, &in, &out);
            check_cutmix(&in, &out, tolerance);
        }
        assert_int_equal(different, 6);
        run(context, "cutmix p=0", 1, &in, &out);
        assert_memory_equal(out.targets, in.targets, sizeof in.targets);
        run(context, "mixup p=0", 1, &in, &out);
        assert_memory_equal(out.targets, in.targets, sizeof in.targets);
        fv_context_free(context);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    faults_memory memory = { .fail_at = 0 };
    const fv_allocator allocator = faults_allocator(&memory);
    fv_context *context = fv_context_new(
        FV_OPTIONS(fv_context_options, .threads = 1, .allocator = &allocator));
    float rows[6] = { 0 };
    const fv_tensor images = FV_TENSOR(rows, FV_F32, 2, 3);
    const fv_tensor targets = FV_TENSOR(rows, FV_F32, 2, 3);
    fv__transforms list = list_of(context, "cutmix");
    fv__example example = { .context = context };
    fv__transforms_mix(&list, 1, 2, 3, &example, &images, &targets);
    assert_string_equal(fv_error(context),
                        "cutmix: images have rows, columns and channels");
    fv_clear_error(context);
    fv__transforms_free(context, &list);
    list = list_of(context, "mixup");
    memory.fail_at = memory.calls + 1;
    fv__transforms_mix(&list, 1, 2, 3, &example, &images, &targets);
    assert_int_equal(fv_failed(context), FV_NO_MEMORY);
    fv_clear_error(context);
    fv__transforms_free(context, &list);
    fv__example_free(&example);
    fv_context_free(context);
    assert_int_equal(memory.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixtures),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
