/* Maps of an image: Grad-CAM against central differences of a computation of
 * its own, what scores are, what a run leaves as it was, and refusals. */
#include "nets.h"

#include "base/base.h"
#include "faults.h"
#include "graph/graph.h"

typedef fv_tensor explain_function(fv_network *network, const fv_tensor *image,
                                   int64_t class_index,
                                   const fv_explain_options *options);
static explain_function *const functions[] = { fv_grad_cam, fv_saliency,
                                               fv_occlusion };
static const char *const names[] = { "grad_cam", "saliency", "occlusion" };

#define HOW(...) FV_OPTIONS(fv_explain_options, __VA_ARGS__)

/* An image of that many rows, columns and channels in the context's order. */
static fv_tensor image_of(fv_context *ctx, int64_t rows, int64_t columns,
                          int64_t channels)
{
    const int64_t shape[] = { rows, columns, channels };
    fv_tensor image = fv_tensor_new(ctx, FV_F64, 3, shape);
    assert_ok(ctx);
    for (int64_t i = 0; i < fv_tensor_count(&image); i++)
        ((double *)image.data)[i] = net_number(i + 5);
    static const int32_t first[] = { 2, 0, 1 };
    const fv_tensor planes = fv_tensor_permute(ctx, &image, first);
    return fv_context_layout(ctx) == FV_NCHW ? planes : image;
}

static fv_network *parse(fv_context *ctx, const char *text)
{
    fv_network *net = fv_network_parse(ctx, text, "net");
    assert_ok(ctx);
    return net;
}

/* ---- Grad-CAM by central differences ------------------------------------ */

enum { ROWS = 6, COLUMNS = 7, CHANNELS = 2, FILTERS = 3, CLASSES = 3 };
enum { H = 3, W = 4, LAST = 4 }; /* the map of relu1, filters behind it */
static const char differences[] = "input 6 7 2\n"
                                  "conv2d 3 3 3 padding=1 stride=2\n"
                                  "relu\n"
                                  "conv2d 4 2 2\n"
                                  "tanh\n"
                                  "global_average_pool\n"
                                  "flatten\n"
                                  "linear 3\n"
                                  "softmax_cross_entropy\n";

/* The weights as doubles, in the order of memory. */
typedef struct weights {
    double conv1[FILTERS * 3 * 3 * CHANNELS], bias1[FILTERS];
    double conv2[LAST * 2 * 2 * FILTERS], bias2[LAST];
    double linear[CLASSES * LAST], bias3[CLASSES];
} weights;

static void read_weights(fv_context *ctx, fv_network *net, weights *w)
{
    double *const to[] = { w->conv1, w->bias1,  w->conv2,
                           w->bias2, w->linear, w->bias3 };
    const fv_variables all = fv_network_variables(net);
    assert_int_equal(all.count, 6);
    for (int i = 0; i < 6; i++) {
        fv_tensor t =
            fv_tensor_convert(ctx, fv_variable_value(all.at[i]), FV_F64);
        assert_ok(ctx);
        memcpy(to[i], t.data, (size_t)fv_tensor_count(&t) * sizeof(double));
    }
}

/* The values of relu1, [H][W][FILTERS], of an image of rows. */
static void first_layers(const weights *w, const double *x, double *out)
{
    for (int i = 0; i < H * W * FILTERS; i++) {
        const int f = i % FILTERS, column = i / FILTERS % W;
        const int row = i / FILTERS / W;
        double sum = w->bias1[f];
        for (int t = 0; t < 9 * CHANNELS; t++) {
            const int c = t % CHANNELS;
            const int r = 2 * row + t / CHANNELS / 3 - 1;
            const int k = 2 * column + t / CHANNELS % 3 - 1;
            if (r < 0 || r >= ROWS || k < 0 || k >= COLUMNS) continue;
            sum += w->conv1[f * 9 * CHANNELS + t]
                   * x[(r * COLUMNS + k) * CHANNELS + c];
        }
        out[i] = fmax(sum, 0);
    }
}

/* The score of a class from these values. */
static double last_layers(const weights *w, const double *a, int class_index)
{
    double score = w->bias3[class_index];
    for (int i = 0; i < (H - 1) * (W - 1) * LAST; i++) {
        const int f = i % LAST, column = i / LAST % (W - 1);
        const int row = i / LAST / (W - 1);
        double sum = w->bias2[f];
        for (int t = 0; t < 4 * FILTERS; t++) {
            const int at =
                (row + t / FILTERS / 2) * W + column + t / FILTERS % 2;
            sum +=
                w->conv2[f * 4 * FILTERS + t] * a[at * FILTERS + t % FILTERS];
        }
        score +=
            w->linear[class_index * LAST + f] * tanh(sum) / ((H - 1) * (W - 1));
    }
    return score;
}

/* Grad-CAM of relu1, with gradients by central differences. */
static void cam_of(const weights *w, double *a, int class_index,
                   double out[H * W])
{
    double alpha[FILTERS] = { 0 };
    for (int i = 0; i < H * W * FILTERS; i++) {
        const double former = a[i], step = 1e-5;
        a[i] = former + step;
        double slope = last_layers(w, a, class_index);
        a[i] = former - step;
        slope = (slope - last_layers(w, a, class_index)) / (2 * step);
        a[i] = former;
        alpha[i % FILTERS] += slope / (H * W);
    }
    for (int i = 0; i < H * W; i++) {
        double sum = 0;
        for (int k = 0; k < FILTERS; k++) sum += alpha[k] * a[FILTERS * i + k];
        out[i] = fmax(sum, 0);
    }
}

/* A number of the map at any place, half a pixel from the edges constant. */
static double interpolate(const double map[H * W], double row, double column)
{
    row = fmin(fmax(row, 0), H - 1);
    column = fmin(fmax(column, 0), W - 1);
    double sum = 0;
    for (int i = 0; i < H * W; i++)
        sum += map[i] * fmax(1 - fabs(row - i / W), 0)
               * fmax(1 - fabs(column - i % W), 0);
    return sum;
}

static void check_differences(fv_dtype dtype, fv_layout layout, int strict)
{
    fv_context *ctx = NET_CONTEXT(.threads = 2, .seed = 6, .dtype = dtype,
                                  .layout = layout, .strict = strict);
    fv_network *net = parse(ctx, differences);
    const fv_tensor image = image_of(ctx, ROWS, COLUMNS, CHANNELS);
    double x[ROWS * COLUMNS * CHANNELS], a[H * W * FILTERS], map[H * W];
    for (int i = 0; i < ROWS * COLUMNS * CHANNELS; i++)
        x[i] = net_number(i + 5);
    weights w;
    read_weights(ctx, net, &w);
    first_layers(&w, x, a);
    int lit = 0;
    for (int c = 0; c < CLASSES; c++) {
        fv_decision d;
        double most = 0;
        const fv_tensor raw = fv_grad_cam(
            net, &image, c, HOW(.layer = "relu1", .decision = &d, .raw = 1));
        const fv_tensor scaled =
            fv_grad_cam(net, &image, c, HOW(.layer = "relu1"));
        assert_ok(ctx);
        cam_of(&w, a, c, map);
        for (int i = 0; i < ROWS * COLUMNS; i++) {
            const double is = (double)((const float *)raw.data)[i];
            const double y = (i / COLUMNS + 0.5) * H / ROWS - 0.5;
            const double z = (i % COLUMNS + 0.5) * W / COLUMNS - 0.5;
            assert_near(is, interpolate(map, y, z), 1e-6);
            most = fmax(most, is);
        }
        for (int i = 0; i < ROWS * COLUMNS; i++) {
            const double is = (double)((const float *)scaled.data)[i];
            const double was = (double)((const float *)raw.data)[i];
            assert_near(is, most > 0 ? was / most : 0, 1e-6);
        }
        lit += most > 0;
        assert_near(d.score, last_layers(&w, a, c), 1e-5);
        assert_int_equal(d.class_index, c);
        assert_int_equal(d.classes, CLASSES);
        assert_string_equal(d.layer, "relu1");
    }
    assert_true(lit > 0);
    fv_context_free(ctx);
}

static void test_differences(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++)
        check_differences(i & 1 ? FV_F64 : FV_F32, i & 2 ? FV_NCHW : FV_NHWC,
                          i >> 2);
}

/* ---- scores ------------------------------------------------------------- */

/* The maps of both networks, with the same weights, are the same. */
static void check_same(fv_context *ctx, fv_network *a, fv_network *b)
{
    const fv_tensor image = image_of(ctx, 8, 8, 3);
    fv_decision da, db;
    for (int f = 0; f < 2; f++) {
        const fv_tensor x =
            functions[f](a, &image, FV_PREDICTED, HOW(.decision = &da));
        const fv_tensor y =
            functions[f](b, &image, FV_PREDICTED, HOW(.decision = &db));
        assert_ok(ctx);
        assert_memory_equal(x.data, y.data, 64 * sizeof(float));
        assert_int_equal(da.class_index, db.class_index);
        assert_true(da.score == db.score);
        assert_true(da.probability == db.probability);
    }
}

static const char body[] = "input 8 8 3\nconv2d 5 3 3\nrelu\n"
                           "global_average_pool\nflatten\nlinear ";

/* A network with that end behind the body. */
static fv_network *with_end(fv_context *ctx, const char *end)
{
    char text[512];
    snprintf(text, sizeof text, "%s%s", body, end);
    return parse(ctx, text);
}

/* Scores are those before a softmax or sigmoid at the end, which a loss
 * contains. */
static void test_ends(void **state)
{
    static const char *const ends[][2] = {
        { "4\nsoftmax_cross_entropy\n", "4\nsoftmax\n" },
        { "4\nsoftmax_cross_entropy\n", "4\nlog_softmax\nnll\n" },
        { "4\nsoftmax_cross_entropy\n", "4\nsoftmax name=p\noutput from=p\n" },
        { "1\nsigmoid_cross_entropy\n", "1\nsigmoid\n" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        fv_context *ctx = NET_CONTEXT(.threads = 1, .dtype = FV_F64);
        fv_network *a = with_end(ctx, ends[i][0]);
        fv_network *b = with_end(ctx, ends[i][1]);
        const fv_variables from = fv_network_variables(a);
        const fv_variables to = fv_network_variables(b);
        for (int64_t k = 0; k < from.count; k++)
            fv_variable_assign(to.at[k], fv_variable_value(from.at[k]));
        check_same(ctx, a, b);
        fv_context_free(ctx);
    }
}

/* Probabilities of all classes are those of the output, and sum to 1; the
 * predicted one is the largest. */
static void test_probabilities(void **state)
{
    static const char *const ends[] = { "4\nsoftmax_cross_entropy\n",
                                        "1\nsigmoid_cross_entropy\n" };
    (void)state;
    for (int i = 0; i < 2; i++) {
        fv_context *ctx = NET_CONTEXT(.threads = 1, .dtype = FV_F64);
        fv_network *net = with_end(ctx, ends[i]);
        const fv_tensor image = image_of(ctx, 8, 8, 3);
        fv_decision best, d;
        double sum = 0, scores[4], most = -(double)INFINITY;
        fv_saliency(net, &image, FV_PREDICTED, HOW(.decision = &best));
        assert_int_equal(best.classes, i ? 2 : 4);
        for (int c = 0; c < best.classes; c++) {
            fv_saliency(net, &image, c, HOW(.decision = &d));
            sum += d.probability;
            scores[c] = d.score;
            most = fmax(most, d.score);
        }
        assert_ok(ctx);
        assert_near(sum, 1, 1e-12);
        assert_true(best.score == most);
        if (i) assert_true(scores[0] == -scores[1]);
        double out[4];
        const fv_tensor output =
            FV_TENSOR(out, FV_F64, 1, best.classes == 2 ? 1 : 4);
        const fv_tensor one =
            fv_tensor_reshape(ctx, &image, 4, (const int64_t[]){ 1, 8, 8, 3 });
        fv_network_predict(net, &one, &output);
        assert_ok(ctx);
        for (int c = 0; c < best.classes; c++)
            if (!i || c) assert_near(scores[c], out[i ? 0 : c], 1e-12);
        fv_context_free(ctx);
    }
    /* outputs that are values have no probabilities */
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = with_end(ctx, "3\n");
    const fv_tensor image = image_of(ctx, 8, 8, 3);
    fv_decision d;
    fv_grad_cam(net, &image, 2, HOW(.decision = &d));
    assert_ok(ctx);
    assert_true(isnan(d.probability));
    fv_context_free(ctx);
}

/* The two classes of one output have opposite scores: what speaks for one
 * speaks against the other. */
static void test_opposite(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = with_end(ctx, "1\nsigmoid_cross_entropy\n");
    const fv_tensor image = image_of(ctx, 8, 8, 3);
    const fv_explain_options *how =
        HOW(.raw = 1, .window = { 3, 2 }, .stride = { 2 }, .fill = 0.5);
    const fv_tensor a = fv_occlusion(net, &image, 0, how);
    const fv_tensor b = fv_occlusion(net, &image, 1, how);
    assert_ok(ctx);
    double most = 0;
    for (int i = 0; i < 64; i++) {
        const float x = ((const float *)a.data)[i];
        assert_true(x == -((const float *)b.data)[i]);
        most = fmax(most, fabs((double)x));
    }
    assert_true(most > 0);
    fv_context_free(ctx);
}

/* The last layer with more than one pixel before the head, if there is one, and
 * before the scores. */
static void test_default_layers(void **state)
{
    static const char *const nets[][2] = {
        { "relu1", "relu\nglobal_average_pool\nflatten\nlinear 2\n" },
        { "a", "conv2d 2 3 3\nglobal_average_pool\nflatten\n" },
        { "b", "conv2d 4 1 1 name=b\nadd from=a,b\nsoftmax_cross_entropy\n" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        fv_context *ctx = NET_CONTEXT(.threads = 1);
        char text[256];
        snprintf(text, sizeof text, "input 8 8 3\nconv2d 4 3 3 name=a\n%s",
                 nets[i][1]);
        fv_network *net = parse(ctx, text);
        const fv_tensor image = image_of(ctx, 8, 8, 3);
        fv_decision d;
        fv_grad_cam(net, &image, 1, HOW(.decision = &d));
        assert_ok(ctx);
        assert_string_equal(d.layer, nets[i][0]);
        fv_context_free(ctx);
    }
}

/* Clamps at other numbers than 0 pass negative gradients in guided
 * backpropagation, too. */
static void test_guided(void **state)
{
    static const char *const clamps[] = { "hard_tanh -1 1", "relu" };
    (void)state;
    for (int i = 0; i < 2; i++) {
        fv_context *ctx = NET_CONTEXT(.threads = 1);
        char text[256];
        snprintf(text, sizeof text,
                 "input 8 8 3\nconv2d 4 3 3\n%s\nflatten\nlinear 2\n",
                 clamps[i]);
        fv_network *net = parse(ctx, text);
        const fv_tensor image = image_of(ctx, 8, 8, 3);
        const fv_tensor a = fv_saliency(net, &image, 1, NULL);
        const fv_tensor b = fv_saliency(net, &image, 1, HOW(.plain = 1));
        assert_ok(ctx);
        assert_int_equal(memcmp(a.data, b.data, 64 * sizeof(float)) != 0, i);
        fv_context_free(ctx);
    }
}

/* ---- what a run leaves -------------------------------------------------- */

/* The same bits for any number of threads and both orders of axes, with a batch
 * of 1 or without, and of an input of open size. */
static void test_bits(void **state)
{
    float first[3][64];
    (void)state;
    for (int i = 0; i < 5; i++) {
        fv_context *ctx = NET_CONTEXT(.threads = i == 1 ? 4 : 1, .seed = 4,
                                      .layout = i == 2 ? FV_NCHW : FV_NHWC);
        fv_network *net = parse(ctx, net_residual);
        if (i == 4) {
            char open[512];
            snprintf(open, sizeof open, "input ? ? 3%s",
                     strchr(net_residual, '\n'));
            net = parse(ctx, open);
        }
        fv_tensor image = image_of(ctx, 8, 8, 3);
        if (i == 3)
            image = fv_tensor_reshape(ctx, &image, 4,
                                      (const int64_t[]){ 1, 8, 8, 3 });
        for (int f = 0; f < 3; f++) {
            const fv_tensor map = functions[f](net, &image, FV_PREDICTED, NULL);
            assert_ok(ctx);
            double most = 0;
            for (int k = 0; k < 64; k++)
                most = fmax(most, (double)((const float *)map.data)[k]);
            assert_true(most == 1);
            if (i == 0) memcpy(first[f], map.data, sizeof first[f]);
            if (i < 4) assert_memory_equal(first[f], map.data, sizeof first[f]);
        }
        fv_context_free(ctx);
    }
}

/* Weights, gradients, frozen parameters, the tape, settings and random numbers
 * are as before. */
static void test_left_alone(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = parse(ctx, net_dropout);
    const fv_tensor image = image_of(ctx, 8, 8, 3);
    const fv_variables all = fv_network_variables(net);
    fv_variable_set_requires_grad(all.at[1], 0);
    fv_variable *y = fv_mul_number(all.at[0], 3);
    const uint64_t digest = net_digest(net), draws = ctx->draws;
    for (int f = 0; f < 3; f++) functions[f](net, &image, 1, NULL);
    fv_feature_maps(net, &image, NULL);
    fv_filters(net, NULL);
    assert_ok(ctx);
    assert_true(net_digest(net) == digest);
    assert_true(ctx->draws == draws);
    assert_int_equal(fv_tape_count(ctx), 1);
    assert_int_equal(fv_training(ctx, 1), 1);
    assert_int_equal(fv_no_grad(ctx, 0), 0);
    for (int64_t i = 0; i < all.count; i++) {
        assert_int_equal(fv_variable_requires_grad(all.at[i]), i != 1);
        const fv_tensor *grad = fv_variable_grad(all.at[i]);
        for (int64_t k = 0; k < fv_tensor_count(grad); k++)
            assert_true(((const float *)grad->data)[k] == 0);
    }
    fv_backprop(y);
    assert_ok(ctx);
    assert_true(((const float *)fv_variable_grad(all.at[0])->data)[0] == 3);
    fv_context_free(ctx);
}

/* ---- refusals ----------------------------------------------------------- */

static void refuse(fv_context *ctx, explain_function *function, fv_network *net,
                   const fv_tensor *image, int64_t class_index,
                   const fv_explain_options *how, const char *sentence)
{
    const fv_tensor map = function(net, image, class_index, how);
    assert_error(ctx, sentence);
    assert_null(map.data);
    assert_int_equal(map.rank, -1);
}

static void test_refused(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = parse(ctx, net_plain);
    const fv_tensor image = image_of(ctx, 8, 8, 3);
    const fv_tensor small = image_of(ctx, 8, 7, 3);
    const fv_tensor two = net_images(ctx, 2);
    for (int f = 0; f < 3; f++) {
        char text[128];
        explain_function *run = functions[f];
        snprintf(text, sizeof text, "%s: class 4, there are 4, counted from 0",
                 names[f]);
        refuse(ctx, run, net, &image, 4, NULL, text);
        snprintf(text, sizeof text, "%s: class -2, there are 4, counted from 0",
                 names[f]);
        refuse(ctx, run, net, &image, -2, NULL, text);
        snprintf(text, sizeof text, "%s: a batch of 2 images, expected one",
                 names[f]);
        refuse(ctx, run, net, &two, 0, NULL, text);
        refuse(ctx, run, net, &small, 0, NULL,
               "network: input [1, 8, 7, 3] is not a batch of [8, 8, 3]");
        assert_null(run(NULL, &image, 0, NULL).data);
    }
    refuse(ctx, fv_grad_cam, net, &image, 0, HOW(.layer = "conv3"),
           "grad_cam: the network has no layer \"conv3\"; did you mean "
           "\"conv1\"?");
    refuse(ctx, fv_grad_cam, net, &image, 0, HOW(.layer = "zebra"),
           "grad_cam: the network has no layer \"zebra\"");
    refuse(ctx, fv_grad_cam, net, &image, 0, HOW(.layer = "linear1"),
           "grad_cam: linear1 computes [7], not rows and columns of channels "
           "from the image");
    refuse(ctx, fv_grad_cam, net, &image, 0, HOW(.layer = "input1"),
           "grad_cam: input1 is the input, not a layer that computes a map");
    refuse(ctx, fv_occlusion, net, &image, 0, HOW(.window = { 9, 1 }),
           "occlusion: a window of 9 rows, the image has 8");
    refuse(ctx, fv_occlusion, net, &image, 0, HOW(.window = { 2, -1 }),
           "occlusion: a window of -1 columns, the image has 8");
    refuse(ctx, fv_occlusion, net, &image, 0,
           HOW(.window = { 2 }, .stride = { 2, 3 }),
           "occlusion: a stride of 3 columns, the window has 2");
    refuse(ctx, fv_occlusion, net, &image, 0, HOW(.fill = (double)NAN),
           "occlusion: the fill is nan");
    net = parse(ctx, "input 8 8 3\nflatten\nlinear 2\n");
    refuse(ctx, fv_grad_cam, net, &image, 0, NULL,
           "grad_cam: no layer before the head has rows and columns");
    net = parse(ctx, "input ? ? 3\nglobal_average_pool\nflatten\nlinear 2\n");
    const fv_tensor none = FV_TENSOR(image.data, FV_F64, 0, 4, 3);
    refuse(ctx, fv_occlusion, net, &none, 0, NULL,
           "occlusion: the image has no pixels");
    net = parse(ctx, "input 9\nlinear 2\n");
    refuse(ctx, fv_saliency, net, &image, 0, NULL,
           "saliency: the network does not take images alone");
    net = parse(ctx, "input 8 8 3 name=x\nconv2d 2 3 3 name=a\n"
                     "conv2d 2 3 3 name=b from=x\nflatten from=a\nlinear 2\n");
    refuse(ctx, fv_grad_cam, net, &image, 0, HOW(.layer = "b"),
           "grad_cam: the score does not depend on b");
    ((double *)image.data)[17] = (double)NAN;
    refuse(ctx, fv_grad_cam, net, &image, 0, NULL,
           "grad_cam: the score of class 0 is nan");
    fv_context_free(ctx);
}

/* Every allocation fails once: a clean failure, and the network is as before;
 * then it works. */
static void test_allocations(void **state)
{
    (void)state;
    static const char text[] = "input 4 4 2\nconv2d 2 3 3\nrelu\nflatten\n"
                               "linear 2\nsoftmax_cross_entropy\n";
    for (int f = 0; f < 5; f++) {
        faults_memory memory = { 0 };
        const fv_allocator allocator = faults_allocator(&memory);
        fv_context *ctx = NET_CONTEXT(.threads = 1, .allocator = &allocator);
        fv_network *net = parse(ctx, text);
        const fv_tensor image = image_of(ctx, 4, 4, 2);
        const fv_variables all = fv_network_variables(net);
        const uint64_t digest = net_digest(net);
        int failures = 0;
        for (bool done = false; !done; failures++) {
            const size_t blocks = memory.blocks;
            memory.fail_at = memory.calls + (size_t)failures + 1;
            fv_tensor map = f == 3   ? fv_feature_maps(net, &image, NULL)
                            : f == 4 ? fv_filters(net, NULL)
                                     : functions[f](net, &image, 1, NULL);
            memory.fail_at = 0;
            done = !fv_failed(ctx);
            if (!done) {
                assert_int_equal(fv_failed(ctx), FV_NO_MEMORY);
                assert_null(map.data);
                fv_clear_error(ctx);
            } else {
                assert_non_null(map.data);
                fv_tensor_free(ctx, &map);
            }
            /* plans and the block of the network stay */
            if (f != 2) assert_true(memory.blocks == blocks);
            assert_true(net_digest(net) == digest);
            for (int64_t i = 0; i < all.count; i++)
                assert_true(fv_variable_requires_grad(all.at[i]));
        }
        assert_true(failures > 1);
        fv_context_free(ctx);
        assert_int_equal(memory.blocks, 0);
        assert_int_equal(memory.wrong, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_probabilities),
        cmocka_unit_test(test_opposite),
        cmocka_unit_test(test_default_layers),
        cmocka_unit_test(test_guided),
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_left_alone),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
