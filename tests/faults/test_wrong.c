/* Wrong inputs, each with its exact sentence, and network texts mutated at
 * random, none of which may do harm. */
#include "nets.h"

#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

/* A file of the test's folder, for calls that take a path. */
static const char *at(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const void *content, size_t bytes)
{
    FILE *file = fopen(at(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, bytes, file), bytes);
    fclose(file);
}

/* The pending failure is "FOLDER/<sentence>", or the sentence alone if it has
 * no FOLDER in front. */
static void expect(fv_context *ctx, const char *sentence)
{
    const char *is = fv_error(ctx);
    size_t length = strlen(folder);
    if (!strncmp(is, folder, length)) is += length + 1 + (is[length] == ':');
    assert_string_equal(is, sentence);
    assert_int_not_equal(fv_failed(ctx), FV_OK);
    fv_clear_error(ctx);
    fv_forget(ctx);
}

/* ---- shapes and options -------------------------------------------------- */

static fv_variable *zeros(fv_context *ctx, int32_t rank, const int64_t *shape)
{
    fv_tensor tensor = fv_tensor_new(ctx, FV_F32, rank, shape);
    fv_variable *x = fv_variable_new(ctx, &tensor);
    fv_tensor_free(ctx, &tensor);
    return x;
}

#define X(...)                                                                 \
    zeros(ctx, (int32_t)(sizeof((int64_t[]){ __VA_ARGS__ }) / 8),              \
          (const int64_t[]){ __VA_ARGS__ })
#define REFUSED(call, sentence)                                                \
    do {                                                                       \
        assert_null(call);                                                     \
        expect(ctx, sentence);                                                 \
    } while (0)

static void test_operations(void **state)
{
    (void)state;
    fv_context *ctx = fv_context_new(NULL);
    REFUSED(fv_add(X(2, 3), X(4)),
            "add: shapes [2, 3] and [4] do not broadcast");
    REFUSED(fv_matmul(X(2, 3), X(4, 2)),
            "matmul: inner extents 3 and 4 differ ([2, 3] x [4, 2])");
    REFUSED(fv_sum_axis(X(2, 3), 2), "sum: axis 2 is outside 0..1");
    REFUSED(fv_reshape(X(2, 3), 1, (const int64_t[]){ 5 }),
            "reshape: 6 elements do not fill [5] (5)");
    REFUSED(fv_slice(X(4), 0, 4, 5, 1),
            "slice: start 4 of axis 0 is outside 0..3");
    REFUSED(fv_dropout_of(X(4), 2), "dropout: probability 2 is outside 0..1");
    REFUSED(fv_conv2d(X(1, 3, 3, 1), X(2, 5, 5, 1), NULL, NULL),
            "conv2d: kernel 5x5 exceeds input 3x3 (padding 0)");
    REFUSED(fv_conv2d(X(1, 3, 3, 2), X(2, 1, 1, 1), NULL, NULL),
            "conv2d: input has 2 channels, weight [2, 1, 1, 1] with 1 group "
            "expects 1");
    REFUSED(fv_conv2d(X(3, 3, 2), X(2, 1, 1, 2), NULL, NULL),
            "conv2d: input [3, 3, 2] has rank 3, expected 4");
    REFUSED(fv_linear_of(X(2, 3), X(4, 5), NULL),
            "linear: input [2, 3] has 3 features, weight [4, 5] expects 5");
    REFUSED(
        fv_softmax_cross_entropy_of(X(2, 3), X(3, 3)),
        "softmax_cross_entropy: the target requires a gradient, but has none");
    REFUSED(fv_mse_of(X(2, 3), X(3)), "mse: input is [2, 3], target is [3]");
    fv_context_free(ctx);
}

/* Of a type in which the context does not compute. */
static fv_variable *integers(fv_context *ctx, int32_t rank,
                             const int64_t *shape)
{
    fv_tensor tensor = fv_tensor_new(ctx, FV_I64, rank, shape);
    fv_variable *x = fv_constant(ctx, &tensor);
    fv_tensor_free(ctx, &tensor);
    return x;
}

#define I(...)                                                                 \
    integers(ctx, (int32_t)(sizeof((int64_t[]){ __VA_ARGS__ }) / 8),           \
             (const int64_t[]){ __VA_ARGS__ })
#define NAMED(call, who, what)                                                 \
    REFUSED(call, who ": " what " is i64, the context computes in f32")
#define NUMBERED(call, who, number)                                            \
    REFUSED(call, who ": operand " number " has type i64, expected f32")

static void test_element_types(void **state)
{
    (void)state;
    const fv_pooling two = { .kernel = { 2 } };
    fv_context *ctx = fv_context_new(NULL);
    NAMED(fv_conv2d(I(1, 3, 3, 1), X(2, 3, 3, 1), NULL, NULL), "conv2d",
          "input");
    NAMED(fv_conv2d(X(1, 3, 3, 1), I(2, 3, 3, 1), NULL, NULL), "conv2d",
          "weight");
    NAMED(fv_conv2d(X(1, 3, 3, 1), X(2, 3, 3, 1), I(2), NULL), "conv2d",
          "bias");
    NAMED(fv_linear_of(I(2, 3), X(4, 3), X(4)), "linear", "input");
    NAMED(fv_linear_of(X(2, 3), I(4, 3), X(4)), "linear", "weight");
    NAMED(fv_linear_of(X(2, 3), X(4, 3), I(4)), "linear", "bias");
    NAMED(fv_maxpool_of(I(1, 4, 4, 1), &two), "maxpool", "input");
    NAMED(fv_avgpool_of(I(1, 4, 4, 1), &two), "avgpool", "input");
    NAMED(fv_global_average_pool_of(I(1, 4, 4, 1)), "global_average_pool",
          "input");
    for (int k = 0; k < 5; k++) {
        static const char *const names[] = { "input", "gamma", "beta", "mean",
                                             "variance" };
        fv_variable *of[] = { X(4, 2), X(2), X(2), X(2), X(2) };
        char sentence[80];
        of[k] = k ? I(2) : I(4, 2);
        snprintf(sentence, sizeof sentence,
                 "batchnorm: %s is i64, the context computes in f32", names[k]);
        REFUSED(fv_batchnorm_of(of[0], of[1], of[2], of[3], of[4], 1e-5, 0.1),
                sentence);
    }
    NAMED(fv_softmax_of(I(2, 3)), "softmax", "input");
    NAMED(fv_mse_of(I(2, 3), X(2, 3)), "mse", "input");
    NAMED(fv_mse_of(X(2, 3), I(2, 3)), "mse", "target");
    NAMED(fv_sigmoid_cross_entropy_of(I(2, 3), X(2, 3)),
          "sigmoid_cross_entropy", "input");
    NAMED(fv_sigmoid_cross_entropy_of(X(2, 3), I(2, 3)),
          "sigmoid_cross_entropy", "target");
    NAMED(fv_softmax_cross_entropy_of(I(2, 3), I(2)), "softmax_cross_entropy",
          "input");
    NUMBERED(fv_matmul(I(2, 3), X(3, 2)), "matmul", "1");
    NUMBERED(fv_matmul(X(2, 3), I(3, 2)), "matmul", "2");
    NUMBERED(fv_dropout_of(I(4), 0.5), "dropout", "1");
    NUMBERED(fv_concat_of(2, (fv_variable *[]){ X(4), I(4) }, 0), "concat",
             "2");
    NUMBERED(fv_stack(2, (fv_variable *[]){ X(4), I(4) }, 0), "stack", "2");
    fv_context_free(ctx);
}

/* Operands with no axis, and one too few or too many. */
static void test_ranks(void **state)
{
    (void)state;
    const fv_pooling two = { .kernel = { 2 } };
    fv_context *ctx = fv_context_new(NULL);
#define NUMBER fv_variable_number(ctx, 1)
    REFUSED(fv_batchnorm_of(NUMBER, X(1), X(1), X(1), X(1), 1e-5, 0.1),
            "batchnorm: input has rank 0, expected at least 1");
    REFUSED(fv_batchnorm_of(X(4, 2), X(2), X(2, 1), X(2), X(2), 1e-5, 0.1),
            "batchnorm: beta [2, 1] has rank 2, expected 1");
    REFUSED(fv_conv2d(X(1, 3, 3, 1), X(2, 3, 3), NULL, NULL),
            "conv2d: weight [2, 3, 3] has rank 3, expected 4");
    REFUSED(fv_conv2d(X(1, 3, 3, 1), X(2, 3, 3, 1), X(2, 1), NULL),
            "conv2d: bias [2, 1] has rank 2, expected 1");
    REFUSED(fv_linear_of(X(2, 3), X(3), NULL),
            "linear: weight [3] has rank 1, expected 2");
    REFUSED(fv_linear_of(X(2, 3), X(4, 3), NUMBER),
            "linear: bias [] has rank 0, expected 1");
    REFUSED(fv_maxpool_of(X(4, 4), &two),
            "maxpool: input [4, 4] has rank 2, expected 3 to 5");
    REFUSED(fv_avgpool_of(X(1, 4, 4, 4, 1, 1), &two),
            "avgpool: input [1, 4, 4, 4, 1, 1] has rank 6, expected 3 to 5");
    REFUSED(fv_sigmoid_cross_entropy_of(X(2), NUMBER),
            "sigmoid_cross_entropy: target has rank 0, expected at least 1");
    REFUSED(fv_softmax_cross_entropy_of(X(2), I(2)),
            "softmax_cross_entropy: input [2] has rank 1, expected at least 2");
#undef NUMBER
    fv_context_free(ctx);
}

#define LAYER(make, sentence)                                                  \
    do {                                                                       \
        fv_shape found = fv_layer_output_shape(make);                          \
        assert_int_equal(found.rank, -1);                                      \
        expect(ctx, sentence);                                                 \
    } while (0)

static void test_layers(void **state)
{
    (void)state;
    fv_context *ctx = fv_context_new(NULL);
#define IN .in_shape = { 8, 8, 4 }
#define TWO .num_filters = 2
#define CONV(...) fv_convolutional(ctx, __VA_ARGS__)
    LAYER(fv_relu(ctx), "relu: in_shape is required for a layer used alone");
    LAYER(CONV(IN, .kernel = { 3 }, .num_filters = -1),
          "conv2d: filters -1 is below 1");
    LAYER(CONV(IN, TWO, .kernel = { 0 }), "conv2d: kernel 0 is below 1");
    LAYER(CONV(IN, TWO, .kernel = { INT64_MIN }, .auto_pad = FV_AUTO_PAD_SAME),
          "conv2d: kernel -9223372036854775808 is below 1");
    LAYER(CONV(IN, TWO, .kernel = { 3 }, .stride = { INT64_MIN },
               .auto_pad = FV_AUTO_PAD_SAME),
          "conv2d: stride -9223372036854775808 is below 1");
    LAYER(CONV(IN, TWO, .kernel = { 3 }, .dilation = { INT64_MIN },
               .auto_pad = FV_AUTO_PAD_SAME),
          "conv2d: dilation -9223372036854775808 is below 1");
    LAYER(CONV(IN, TWO, .kernel = { 9 }),
          "conv2d: kernel 9x9 exceeds input 8x8 (padding 0)");
    LAYER(CONV(IN, TWO, .kernel = { 3 }, .stride = { -1 }),
          "conv2d: stride -1 is below 1");
    LAYER(CONV(IN, TWO, .kernel = { 3 }, .padding = { -1 }),
          "conv2d: padding -1 is below 0");
    LAYER(CONV(IN, TWO, .kernel = { 3 }, .dilation = { -3 }),
          "conv2d: dilation -3 is below 1");
    LAYER(CONV(IN, TWO, .kernel = { 3 }, .groups = 3),
          "conv2d: groups 3 does not divide channels 4");
    LAYER(CONV(IN, TWO, .kernel = { INT64_MAX }),
          "conv2d: kernel 9223372036854775807 is over 140737488355327");
    LAYER(CONV(TWO, .kernel = { 3 }, .in_shape = { 8, -8, 4 }),
          "conv2d: in_shape has an extent of -8");
    LAYER(CONV(TWO, .kernel = { 3 }, .in_shape = { INT64_MAX, 8, 4 }),
          "conv2d: input [9223372036854775807, 8, 4] has too many elements");
    LAYER(CONV(TWO, .kernel = { 3 }, .in_shape = { 8, 0, 4 }),
          "conv2d: in_shape has an extent of 0");
    LAYER(CONV(IN, TWO, .kernel = { 3 }, .padding = { 1, 0 },
               .padding_end = { 0, 1 }),
          "conv2d: padding 1x0 is for both sides, but padding_begin 0x0 and "
          "padding_end 0x1 are given too");
    for (int i = 0; i < 4; i++)
        LAYER(CONV(IN, TWO, .kernel = { 3 }, .padding = { i / 2, 1 },
                   .padding_begin = { i == 0, i == 1 },
                   .padding_end = { i == 2, i == 3 }),
              ((const char *const[]){
                  "conv2d: padding 0x1 is for both sides, but padding_begin "
                  "1x0 and padding_end 0x0 are given too",
                  "conv2d: padding 0x1 is for both sides, but padding_begin "
                  "0x1 and padding_end 0x0 are given too",
                  "conv2d: padding 1x1 is for both sides, but padding_begin "
                  "0x0 and padding_end 1x0 are given too",
                  "conv2d: padding 1x1 is for both sides, but padding_begin "
                  "0x0 and padding_end 0x1 are given too" })[i]);
#define SAME .auto_pad = FV_AUTO_PAD_SAME
    LAYER(CONV(IN, TWO, SAME, .kernel = { 0 }), "conv2d: kernel 0 is below 1");
    LAYER(CONV(IN, TWO, SAME, .kernel = { INT64_MAX }),
          "conv2d: kernel 9223372036854775807 is over 140737488355327");
    LAYER(CONV(IN, TWO, SAME, .kernel = { 3 }, .stride = { -1 }),
          "conv2d: stride -1 is below 1");
    LAYER(CONV(IN, TWO, SAME, .kernel = { 3 }, .dilation = { -1 }),
          "conv2d: dilation -1 is below 1");
    LAYER(CONV(IN, TWO, SAME, .kernel = { 3 }, .dilation = { INT64_MAX }),
          "conv2d: dilation 9223372036854775807 is over 140737488355327");
#undef SAME
    LAYER(CONV(IN, TWO, .kernel = { 3 }, .max_workspace = -1),
          "conv2d: max_workspace -1 is below 0");
    LAYER(CONV(TWO, .kernel = { 3 }, .in_shape = { 8, 0, 0 }),
          "conv2d: input [8] is not an image of rows, columns and channels");
    REFUSED(CONV(IN, TWO, .kernel = { 3 }, .init = (fv_initializer)15),
            "conv2d: init 15 is unknown (0 to 14)");
    REFUSED(CONV(IN, TWO, .kernel = { 3 }, .init_fan = (fv_fan)3),
            "conv2d: init_fan 3 is unknown (0 to 2)");
    REFUSED(CONV(IN, TWO, .kernel = { 3 }, .auto_pad = (fv_auto_pad)4),
            "conv2d: auto_pad 4 is unknown (0 to 3)");
    REFUSED(CONV(IN, TWO, .kernel = { 3 }, .algorithm = (fv_algorithm)99),
            "conv2d: algorithm 99 is unknown (0 to 7)");
    REFUSED(CONV(IN, TWO, .kernel = { 3 }, .init_value = (double)NAN),
            "conv2d: init_value nan");
    REFUSED(fv_leaky_relu(ctx, (double)INFINITY), "leaky_relu: slope inf");
#undef CONV
#undef TWO
#undef IN
    LAYER(fv_linear(ctx, 0, .in_shape = { 4 }),
          "linear: 0 outputs, expected at least 1");
    LAYER(fv_linear(ctx, 4, .in_shape = { 2, 2, 4 }),
          "linear: input [2, 2, 4] is not a vector, put flatten before it");
    LAYER(fv_linear(ctx, INT64_MAX / 2, .in_shape = { 100 }),
          "linear: weight [4611686018427387903, 100] has too many elements");
    LAYER(fv_maxpool(ctx, .in_shape = { 8, 8, 1 }, .kernel = { 2 },
                     .padding = { 2 }),
          "maxpool: padding 2 is not below kernel 2");
    LAYER(fv_avgpool(ctx, .in_shape = { 8, 8, 1 }),
          "avgpool: kernel 0 is below 1");
    LAYER(fv_avgpool(ctx, .in_shape = { 8 }, .kernel = { 2 }),
          "avgpool: input [8] is not an image of rows, columns and channels");
    LAYER(fv_maxpool(ctx, .in_shape = { 8 }, .kernel = { 2 }),
          "maxpool: input [8] is not an image of rows, columns and channels");
    LAYER(fv_global_average_pool(ctx, .in_shape = { 8 }),
          "global_average_pool: input [8] is not an image of rows, columns and "
          "channels");
    LAYER(fv_concat_layers(ctx, .in_shape = { 8 }),
          "concat: 1 inputs, expected at least 2");
    LAYER(fv_batchnorm(ctx, .in_shape = { 8, 0, 2 }),
          "batchnorm: in_shape has an extent of 0");
    LAYER(fv_dropout(ctx, 1.25, .in_shape = { 8 }),
          "dropout: probability 1.25 is not in 0..1");
    LAYER(fv_batchnorm(ctx, .in_shape = { 8 }, .epsilon = -1),
          "batchnorm: epsilon -1 is not above 0 and at most 1");
    LAYER(fv_batchnorm(ctx, .in_shape = { 8 }, .momentum = 2),
          "batchnorm: momentum 2 is not above 0 and at most 1");
    LAYER(fv_batchnorm(ctx, .in_shape = { 8 }, .no_track = 1, .cumulative = 1),
          "batchnorm: cumulative, but track=no keeps no statistics");
    LAYER(fv_add_layers(ctx, .in_shape = { 8 }),
          "add: 1 inputs, expected at least 2");
    LAYER(fv_softmax_cross_entropy(ctx, .in_shape = { 8 },
                                   .class_weights = { 2, (double[2]){ 1 } }),
          "softmax_cross_entropy: 2 class weights for 8 classes");
    LAYER(fv_input(ctx, -1), "input: the number of features cannot be open");
    LAYER(fv_input(ctx, 28, 0, 1), "input: extent 0 is below 1");
    LAYER(fv_input(ctx, 0, 28), "input: extent 0 is below 1");
    LAYER(fv_input(ctx, 1 << 30, 1 << 30, 4),
          "input: shape [1073741824, 1073741824, 4] has too many elements");
    fv_variable *scalar = X(5);
    REFUSED(fv_layer_forward(fv_batchnorm(ctx), scalar),
            "batchnorm: the input has a batch axis and no other");
    REFUSED(fv_layer_forward_n(fv_concat_layers(ctx), 2,
                               (fv_variable *const[]){ scalar, scalar }),
            "concat: the input has a batch axis and no other");
    scalar = fv_variable_number(ctx, 1);
    REFUSED(fv_layer_forward(fv_relu(ctx), scalar),
            "relu: input 1 has no batch axis");
    REFUSED(fv_layer_forward(fv_relu(ctx), NULL), "relu: input 1 is NULL");
    fv_context_free(ctx);
}

/* ---- files --------------------------------------------------------------- */

typedef struct wrong_file {
    const char *name;
    const char *content;
    size_t bytes;
    const char *sentence;
} wrong_file;

#define FILE_OF(name, content, sentence)                                       \
    {                                                                          \
        name, content, sizeof(content) - 1, sentence                           \
    }

static void refuse_files(fv_context *ctx, const wrong_file *files, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put(files[i].name, files[i].content, files[i].bytes);
        assert_null(fv_network_load(ctx, at(files[i].name)));
        expect(ctx, files[i].sentence);
        assert_int_equal(fv_context_memory(ctx).data_bytes, 0);
        unlink(at(files[i].name));
    }
}

static void test_files_that_are_no_models(void **state)
{
    (void)state;
    static const wrong_file files[] = {
        FILE_OF("a.png", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
                "a.png: this is a PNG image, not a network or a model"),
        FILE_OF("a.pt", "PK\x03\x04\x14\0\0\0\0\0",
                "a.pt: this is a zip archive (.pt, .npz, .keras), not a "
                "network or a model"),
        FILE_OF("a.gz", "\x1f\x8b\x08\0\0\0\0\0\0\x03",
                "a.gz: this is a gzip file, not a network or a model"),
        FILE_OF("empty.net", "",
                "empty.net: 0 layers, expected an input and at least one more"),
        FILE_OF("zero.net", "input 1\nre\0lu\n",
                "zero.net: byte 10 is zero, not text"),
        FILE_OF("bad.net", "input 1\nrely\n",
                "bad.net:2:1: there is no layer \"rely\"; did you mean "
                "\"relu\"?"),
        FILE_OF("cut.safetensors", "\x40\0\0\0\0\0\0\0{\"a\":",
                "cut.safetensors: header of 64 bytes, 5 follow its length"),
        FILE_OF("lie.safetensors", "\xff\xff\xff\xff\xff\xff\xff\x7f{}",
                "lie.safetensors: header of 9223372036854775807 bytes, 2 "
                "follow its length"),
    };
    fv_context *ctx = fv_context_new(NULL);
    refuse_files(ctx, files, sizeof files / sizeof *files);
    REFUSED(fv_network_load(ctx, at("absent.net")),
            "absent.net: cannot open: No such file or directory");
    REFUSED(fv_network_load(ctx, folder), "cannot read: Is a directory");
    REFUSED(fv_network_load(ctx, NULL), "load: the path is NULL");
    REFUSED(fv_network_load(ctx, ""), "load: the path is empty");
    assert_int_equal(mkfifo(at("pipe"), 0600), 0);
    REFUSED(fv_dataset_open_idx(ctx, at("pipe"), at("pipe")),
            "pipe: not a regular file"); /* without waiting for its writer */
    unlink(at("pipe"));
    fv_context_free(ctx);
}

static void test_models_that_do_not_hold(void **state)
{
    (void)state;
    needs(JANSSON);
    static const wrong_file files[] = {
        FILE_OF("none.safetensors", "\x02\0\0\0\0\0\0\0{}",
                "none.safetensors: there is no network text in the metadata "
                "(\"fovea.network\")"),
        FILE_OF("text.safetensors",
                "\x2b\0\0\0\0\0\0\0{\"__metadata__\":{\"fovea.network\":"
                "\"relu\\n\"}}",
                "text.safetensors:1:1: relu: the first layer of a network must "
                "be an input"),
        FILE_OF("miss.safetensors",
                "\x3f\0\0\0\0\0\0\0{\"__metadata__\":{\"fovea.network\":"
                "\"input 2\\nlinear 1\\nmse\\n\"}}  ",
                "miss.safetensors: does not fit the network: linear1.weight "
                "is missing; linear1.bias is missing"),
    };
    fv_context *ctx = fv_context_new(NULL);
    refuse_files(ctx, files, sizeof files / sizeof *files);
    fv_context_free(ctx);
}

static void test_idx_files(void **state)
{
    (void)state;
    static const char labels[] = "\0\0\x08\x01\0\0\0\x02\x01\x02";
    static const wrong_file files[] = {
        FILE_OF("i", "", "i: ends within its IDX header"),
        FILE_OF("i", "\0\0\x08", "i: ends within its IDX header"),
        FILE_OF("i",
                "\0\0\x0d\x03\0\0\0\x02\0\0\0\x01\0\0\0\x01"
                "12345678",
                "i: elements of type 0x0d, must be 0x08 (unsigned byte)"),
        FILE_OF("i",
                "\0\0\x08\x01\0\0\0\x02"
                "12",
                "i: rank 1, images have rank 3 or 4"),
        FILE_OF("i", "\x01\x02\x03\x04____",
                "i: begins with 01 02 03 04, not "
                "an IDX file"),
        FILE_OF("i",
                "\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\x02"
                "1234567",
                "i: header says [2, 2, 2] = 8 bytes, the file holds 7"),
        FILE_OF("i",
                "\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\x02"
                "123456789",
                "i: header says [2, 2, 2] = 8 bytes, the file holds 9"),
        FILE_OF("i",
                "\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                "\xff",
                "i: header says [4294967295, 4294967295, 4294967295], too "
                "large"),
        FILE_OF("i", "\0\0\x08\x03\0\0\0\0\0\0\0\x02\0\0\0\x02",
                "i: header says [0, 2, 2], it is empty"),
    };
    fv_context *ctx = fv_context_new(NULL);
    char label_path[128];
    put("l", labels, sizeof labels - 1);
    snprintf(label_path, sizeof label_path, "%s", at("l"));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        put("i", files[i].content, files[i].bytes);
        assert_null(fv_dataset_open_idx(ctx, at("i"), label_path));
        expect(ctx, files[i].sentence);
        assert_int_equal(fv_context_memory(ctx).data_bytes, 0);
    }
    static const char one[] = "\0\0\x08\x03\0\0\0\x01\0\0\0\x01\0\0\0\x01"
                              "1";
    put("i", one, sizeof one - 1);
    assert_null(fv_dataset_open_idx(ctx, at("i"), label_path));
    char sentence[300];
    snprintf(sentence, sizeof sentence, "i holds 1 images but %s 2 labels",
             label_path);
    expect(ctx, sentence);
    unlink(at("i"));
    unlink(at("l"));
    fv_context_free(ctx);
}

static void test_output_that_cannot_be_written(void **state)
{
    (void)state;
    needs(JANSSON);
    fv_context *ctx = fv_context_new(NULL);
    fv_network *net = fv_network_parse(ctx, net_plain, "net");
#define SAVE(path, sentence)                                                   \
    do {                                                                       \
        assert_int_not_equal(fv_network_save(net, path), FV_OK);               \
        expect(ctx, sentence);                                                 \
    } while (0)
    SAVE(at("no/such/m.safetensors"),
         "no/such/m.safetensors: cannot write: No such file or directory");
    SAVE("/dev/null", "/dev/null: cannot write: Not a regular file");
    SAVE("/dev/full", "/dev/full: cannot write: Not a regular file");
    SAVE(folder, "cannot write: Is a directory");
    SAVE("/", "/: cannot write: Not the name of a file");
    SAVE(NULL, "save: the path is NULL");
    SAVE("", "save: the path is empty");
    assert_int_equal(fv_network_save(NULL, "x"), FV_MISUSE);
    fv_context_free(ctx);
}

/* ---- mutations ----------------------------------------------------------- */

static uint64_t random_bits;

static size_t below(size_t n)
{
    random_bits ^= random_bits << 13;
    random_bits ^= random_bits >> 7;
    random_bits ^= random_bits << 17;
    return (size_t)(random_bits >> 20) % n;
}

/* Changes, inserts, deletes, repeats or swaps a few characters. */
static void mutate(char *text, size_t room)
{
    static const char *const pieces[] = {
        "0",       "9",        "-",        ",",
        "=",       "#",        "\n",       " ",
        "name=a",  "from=a,b", "\xff",     "999999999999999",
        "1e308",   "conv2d",   "input",    "padding=same",
        "\t",      "groups=2", "stride=0", "linear",
        "flatten", "softmax",  "4",        "add"
    };
    for (size_t changes = 1 + below(1 + below(3)); changes; changes--) {
        size_t length = strlen(text), place = below(length + 1);
        const char *piece = pieces[below(sizeof pieces / sizeof *pieces)];
        size_t more = strlen(piece);
        if (below(3) == 0 && place < length) {
            size_t cut = 1 + below(8);
            if (cut > length - place) cut = length - place;
            memmove(text + place, text + place + cut, length - place - cut + 1);
        } else if (length + more + 1 < room) {
            memmove(text + place + more, text + place, length - place + 1);
            memcpy(text + place, piece, more);
        }
    }
}

static void test_mutated_texts(void **state)
{
    (void)state;
    const char *const texts[] = { net_plain, net_residual, net_branches,
                                  net_dropout };
    enum { ROUNDS = 20000, ROOM = 2048 };
    char text[ROOM];
    int legal = 0;
    random_bits = UINT64_C(0x123456789abcdef);
    fv_context *ctx = NET_CONTEXT(.threads = 1, .max_bytes = 1 << 26);
    size_t bytes = fv_context_memory(ctx).bytes;
    for (int i = 0; i < ROUNDS; i++) {
        strcpy(text, texts[i % 4]);
        mutate(text, ROOM);
        fv_network *net = fv_network_parse(ctx, text, "m");
        if (net) {
            legal++;
            const char *once = fv_network_text(net);
            fv_network *again = fv_network_parse(ctx, once, "again");
            assert_ok(ctx);
            assert_string_equal(fv_network_text(again), once);
            fv_network_free(again);
            /* some are planned, too; the limit on memory may refuse it */
            if (i % 16 == 0) fv_network_planned_bytes(net, 3, i % 32 == 0);
        } else {
            assert_int_not_equal(fv_failed(ctx), FV_OK);
            assert_true(*fv_error(ctx) != 0);
        }
        fv_network_free(net);
        fv_clear_error(ctx);
        fv_forget(ctx);
        assert_int_equal(fv_context_memory(ctx).bytes, bytes);
        assert_int_equal(fv_context_memory(ctx).data_bytes, 0);
    }
    assert_true(legal > 500 && legal < ROUNDS - 500);
    fv_context_free(ctx);
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/fovea-wrong-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_element_types),
        cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_layers),
        cmocka_unit_test(test_files_that_are_no_models),
        cmocka_unit_test(test_models_that_do_not_hold),
        cmocka_unit_test(test_idx_files),
        cmocka_unit_test(test_output_that_cannot_be_written),
        cmocka_unit_test(test_mutated_texts),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
