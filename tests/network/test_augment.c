/* Transforms of a network: in its text, its copies and its files, checked
 * against its input and its loss, and applied to one picture. */
#include "faults.h"
#include "nets.h"
#include "network/network.h"

#include <unistd.h>

static const char text[] = "input 6 5 3\n"
                           "augment resize shorter=8 # first\n"
                           "augment\tcenter_crop 6 5\n"
                           "conv2d 2 3 3\n"
                           "augment flip\r\n"
                           "flatten\n"
                           "linear 3\n"
                           "softmax_cross_entropy\n";
static const char lines[] = "augment resize shorter=8\n"
                            "augment center_crop 6 5\n"
                            "augment flip\n";

static fv_network *parse(fv_context *ctx, const char *net)
{
    fv_network *network = fv_network_parse(ctx, net, "net");
    assert_ok(ctx);
    return network;
}

static void test_texts(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = parse(ctx, text);
    assert_string_equal(fv_network_augment_text(net), lines);
    char expected[512];
    snprintf(expected, sizeof expected,
             "input 6 5 3\n%sconv2d 2 3 3\nflatten\nlinear 3\n"
             "softmax_cross_entropy\n",
             lines);
    assert_string_equal(fv_network_text(net), expected);
    assert_int_equal(fv_network_count(net), 5);
    fv_network *copies[] = { parse(ctx, fv_network_text(net)),
                             fv_network_with_head(net, 7),
                             fv_network_with_loss(net, NULL) };
    for (int i = 0; i < 3; i++) {
        assert_ok(ctx);
        assert_string_equal(fv_network_augment_text(copies[i]), lines);
    }
    fv_network_augment(net, "blur 3");
    assert_non_null(strstr(fv_network_text(net), "\naugment blur 3\n"));
    fv_network_augment_none(net);
    assert_ok(ctx);
    assert_string_equal(fv_network_augment_text(net), "");
    assert_null(strstr(fv_network_text(net), "augment"));
    fv_context_free(ctx);
}

static void test_files(void **state)
{
    (void)state;
    if (!TEST_HAS_JANSSON) skip();
    char path[] = "/tmp/fovea-augment-XXXXXX";
    const int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network_save(parse(ctx, text), path);
    fv_network *net = fv_network_load(ctx, path);
    assert_ok(ctx);
    assert_string_equal(fv_network_augment_text(net), lines);
    assert_int_equal(unlink(path), 0);
    fv_context_free(ctx);
}

static void test_refused_lines(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        { "input 4\naugment flip q=2\nrelu\n",
          "net:2:14: flip has no option \"q\" (has: p, on)" },
        { "input 4\n  augment\nrelu\n",
          "net:2:10: augment names no transform" },
        { "input 4\naugment blur 2\nrelu\n",
          "net:2:9: blur: a size of 2 pixels, expected an odd number of at "
          "most 127" },
        { "input 4\naugmnt blur 2\nrelu\n",
          "net:2:1: there is no layer \"augmnt\"; did you mean \"augment\"?" },
    };
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_null(fv_network_parse(ctx, wrong[i][0], "net"));
        assert_string_equal(fv_error(ctx), wrong[i][1]);
        fv_clear_error(ctx);
    }
    fv_network *net = parse(ctx, "input 4\nrelu\n");
    fv_network_augment(net, "flip\nflip");
    assert_string_equal(fv_error(ctx), "augment: the line is more than one");
    fv_clear_error(ctx);
    fv_network_augment(net, NULL);
    assert_string_equal(fv_error(ctx), "augment: the line is NULL");
    fv_clear_error(ctx);
    fv_network_augment(net, "flop");
    assert_string_equal(fv_error(ctx),
                        "augment:1:1: there is no transform \"flop\"; did you "
                        "mean \"flip\"?");
    fv_clear_error(ctx);
    for (int i = 0; i < 64; i++) fv_network_augment(net, "flip");
    assert_ok(ctx);
    fv_network_augment(net, "flip");
    assert_string_equal(fv_error(ctx),
                        "augment: a network has at most 64 transforms");
    fv_context_free(ctx);
}

static void expect(fv_context *ctx, const char *net, const char *sentence)
{
    fv_network *network = parse(ctx, net);
    if (fv__network_check_transforms(network) == FV_OK)
        fv__network_check_mixing(network);
    assert_string_equal(fv_error(ctx), sentence);
    fv_clear_error(ctx);
    fv_network_free(network);
}

static void test_checks(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    expect(ctx, "input 4\naugment flip\nrelu\n",
           "augment: transforms are for networks with one input of rows, "
           "columns and channels");
    expect(ctx, "input 4 4 1\naugment resize 4 5\nrelu\n",
           "augment: the transforms of training make 4 rows x 5 columns, the "
           "network takes [4, 4, 1]");
    expect(ctx,
           "input 4 ? 1\naugment resize 4 on=training\n"
           "augment resize 5 on=evaluation\nrelu\n",
           "augment: the transforms of evaluation make 5 rows x 5 columns, the "
           "network takes [4, ?, 1]");
    expect(ctx, "input 4 4 3\naugment grey\nrelu\n",
           "augment: the transforms of training make 1 channels, the network "
           "takes [4, 4, 3]");
    expect(ctx, "input ? ? 1\naugment grey\naugment resize 9\nrelu\n", "");
    expect(ctx, "input 4 4 3\naugment mixup\nflatten\n",
           "augment: batches are mixed, and the network has no loss");
    expect(ctx,
           "input 4 4 3\naugment cutmix\nflatten\nlinear 3\nlog_softmax\n"
           "nll name=last\n",
           "augment: batches are mixed, and last takes class indices only");
    expect(ctx, "input 4 4 3\naugment mixup\nsoftmax_cross_entropy name=s\n",
           "augment: batches are mixed, and s is not of one row of classes for "
           "an image");
    expect(ctx,
           "input 4 4 3\naugment mixup\nflatten\nlinear 3\n"
           "softmax_cross_entropy\n",
           "");
    fv_context_free(ctx);
}

/* A picture that is resized, cropped and normalised, in both layouts. */
static void test_prepare(void **state)
{
    (void)state;
    enum { ROWS = 9, COLUMNS = 12 };
    unsigned char bytes[ROWS * COLUMNS * 3];
    for (int i = 0; i < ROWS * COLUMNS * 3; i++)
        bytes[i] = (unsigned char)(i * 7 % 256);
    const fv_tensor picture = FV_TENSOR(bytes, FV_U8, ROWS, COLUMNS, 3);
    for (int layout = 0; layout < 2; layout++) {
        fv_context *ctx =
            NET_CONTEXT(.threads = 1, .layout = layout ? FV_NCHW : FV_NHWC);
        fv_network *net =
            parse(ctx, "input 5 6 3\naugment flip\naugment center_crop 5 6\n"
                       "augment normalise mean=0.5 std=2\nrelu\n");
        const fv_tensor input = fv_network_prepare(net, &picture);
        assert_ok(ctx);
        assert_int_equal(input.rank, 4);
        for (int i = 0; i < 5; i++)
            for (int j = 0; j < 6; j++)
                for (int c = 0; c < 3; c++) {
                    const int64_t at[] = { 0, layout ? c : i, layout ? i : j,
                                           layout ? j : c };
                    const int from = ((i + 2) * COLUMNS + j + 3) * 3 + c;
                    assert_near(fv_tensor_get(ctx, &input, at),
                                (bytes[from] / 255.0 - 0.5) / 2, 1e-6);
                }
        fv_context_free(ctx);
    }
}

/* What a picture looks like, without normalisation; what is random depends on
 * the epoch and the index. */
static void test_transform(void **state)
{
    (void)state;
    unsigned char bytes[4 * 5], flipped[4 * 5];
    for (int i = 0; i < 20; i++) {
        bytes[i] = (unsigned char)(i * 12);
        flipped[i] = (unsigned char)((i / 5 * 5 + 4 - i % 5) * 12);
    }
    const fv_tensor picture = FV_TENSOR(bytes, FV_U8, 4, 5, 1);
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = parse(
        ctx, "input 4 5 1\naugment flip\naugment normalise mean=0.5 std=2\n"
             "relu\n");
    int counts[2] = { 0 };
    bool differ = false;
    for (int i = 0; i < 64; i++) {
        fv_tensor made = fv_network_transform(net, &picture, i > 0, i / 8, i);
        assert_ok(ctx);
        assert_int_equal(made.dtype, FV_U8);
        assert_true(fv_tensor_same_shape(&made, &picture));
        const bool same = memcmp(made.data, bytes, sizeof bytes) == 0;
        if (!same) assert_memory_equal(made.data, flipped, sizeof flipped);
        if (i == 0) assert_true(same); /* in evaluation */
        counts[same]++;
        fv_tensor_free(ctx, &made);
        made = fv_network_transform(net, &picture, 1, 100 + i, 0);
        differ = differ || memcmp(made.data, bytes, sizeof bytes) != 0;
        fv_tensor_free(ctx, &made);
    }
    assert_true(differ && counts[0] > 10 && counts[1] > 10);
    const fv_tensor flat = FV_TENSOR(bytes, FV_U8, 20);
    assert_int_equal(fv_network_transform(net, &flat, 0, 0, 0).rank, -1);
    assert_string_equal(fv_error(ctx),
                        "network: a picture has 3 axes, rows, columns and "
                        "channels, in row-major order");
    fv_clear_error(ctx);
    float numbers[6] = { 0 };
    const fv_tensor real = FV_TENSOR(numbers, FV_F32, 2, 3, 1);
    assert_int_equal(fv_network_transform(net, &real, 0, 0, 0).rank, -1);
    assert_string_equal(fv_error(ctx),
                        "network: a picture of f32, expected u8");
    fv_context_free(ctx);
}

static void refuse(fv_context *ctx, const char *net, const fv_tensor *picture,
                   const char *sentence)
{
    fv_network *network = parse(ctx, net);
    assert_int_equal(fv_network_prepare(network, picture).rank, -1);
    assert_string_equal(fv_error(ctx), sentence);
    fv_clear_error(ctx);
    fv_network_free(network);
}

static void test_prepare_refuses(void **state)
{
    (void)state;
    unsigned char bytes[4 * 5 * 3] = { 0 };
    const fv_tensor picture = FV_TENSOR(bytes, FV_U8, 4, 5, 3);
    const fv_tensor flat = FV_TENSOR(bytes, FV_U8, 20, 3);
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    refuse(ctx, "input 4 4 3\nrelu\n", &picture,
           "network: the image has 4 rows x 5 columns, the network takes 4 x "
           "4; a line \"augment resize 4 4\" in it would resize images");
    refuse(ctx, "input 4 5 1\nrelu\n", &picture,
           "network: the image has 3 channels, the network takes 1");
    refuse(ctx, "input 60\nrelu\n", &picture,
           "network: it does not take one picture");
    refuse(ctx, "input 4 5 3\nrelu\n", &flat,
           "network: a picture has 3 axes, rows, columns and channels, in "
           "row-major order");
    refuse(ctx, "input 4 5 3\nrelu\n", NULL, "network: no tensor");
    fv_context_free(ctx);
}

/* Every allocation may fail. */
static void test_memory(void **state)
{
    (void)state;
    unsigned char bytes[9 * 12 * 3] = { 0 };
    const fv_tensor picture = FV_TENSOR(bytes, FV_U8, 9, 12, 3);
    bool done = false;
    for (size_t fail = 1; !done; fail++) {
        faults_memory memory = { .fail_at = 0 };
        const fv_allocator allocator = faults_allocator(&memory);
        fv_context *ctx = NET_CONTEXT(.threads = 1, .allocator = &allocator);
        memory.fail_at = memory.calls + fail;
        fv_network *net = fv_network_parse(
            ctx, "input 6 5 3\naugment normalise mean=1 std=2\nrelu\n", "net");
        fv_network_augment(net, "resize 6 5 filter=bilinear");
        fv_network_augment_text(net);
        fv_tensor shown = fv_network_transform(net, &picture, 1, 0, 0);
        fv_tensor_free(ctx, &shown);
        fv_tensor input = fv_network_prepare(net, &picture);
        done = fv_failed(ctx) == FV_OK;
        if (!done) assert_int_equal(fv_failed(ctx), FV_NO_MEMORY);
        fv_tensor_free(ctx, &input);
        fv_context_free(ctx);
        assert_int_equal(memory.blocks, 0);
        assert_int_equal(memory.wrong, 0);
    }
}

static void test_kinds(void **state)
{
    (void)state;
    int kinds = 0;
    for (; fv_transform_at(kinds).kind; kinds++) {
        assert_non_null(fv_transform_at(kinds).about);
        assert_non_null(fv_transform_at(kinds).notes);
        int options = 0;
        while (fv_transform_option_at(kinds, options).name) options++;
        assert_string_equal(fv_transform_option_at(kinds, options - 1).name,
                            "on");
        if (kinds)
            assert_true(strcmp(fv_transform_at(kinds - 1).kind,
                               fv_transform_at(kinds).kind)
                        < 0);
    }
    for (int i = 0; i < kinds; i++)
        for (const fv__field *f = fv__transform_types[i]->fields; f->key; f++)
            assert_true(f->offset + FV__AXES * sizeof(int64_t)
                        <= FV__MOST_TRANSFORM_BYTES);
    assert_int_equal(kinds, 20);
    assert_null(fv_transform_at(-1).kind);
    assert_null(fv_transform_option_at(kinds, 0).name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_refused_lines),
        cmocka_unit_test(test_checks),
        cmocka_unit_test(test_prepare),
        cmocka_unit_test(test_prepare_refuses),
        cmocka_unit_test(test_transform),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
