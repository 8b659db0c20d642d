/* The network text: what is read, what is written, where errors are. */
#include "nets.h"

#include "layer/layer.h"
#include "layer/text.h"

static char *copy(const char *text)
{
    char *out = malloc(strlen(text) + 1);
    assert_non_null(out);
    return strcpy(out, text);
}

/* Parse, write, parse, write: the same text. */
static void check_stable(fv_context *ctx, const char *text)
{
    fv_network *net = fv_network_parse(ctx, text, "t");
    assert_ok(ctx);
    char *once = copy(fv_network_text(net));
    fv_network_free(net);
    net = fv_network_parse(ctx, once, "t");
    assert_ok(ctx);
    assert_string_equal(fv_network_text(net), once);
    fv_network_free(net);
    free(once);
}

static void test_text_of_a_text(void **state)
{
    (void)state;
    const char *const texts[] = {
        net_plain,
        net_residual,
        net_branches,
        net_dropout,
        net_regression,
        "input 9 7 4\nconv2d 6 3 2 stride=2,1 padding=1,0 padding_end=0,1 "
        "dilation=1,2 groups=2 bias=no init=xavier_uniform init_fan=out "
        "init_value=0.1 algorithm=im2col name=x.y-z_1\n"
        "avgpool 2 2 stride=1 padding=1 count_padding=no\n"
        "leaky_relu 0\ndropout 0\nbatchnorm epsilon=0.001 momentum=1\n"
        "batchnorm affine=no track=no\nbatchnorm cumulative=yes\n"
        "elu 0.30000000000000004\nmaxpool 2 1 padding=same_lower\n"
        "prelu 0.1 shared=yes\nsoftplus beta=2 threshold=0.1\n"
        "layernorm 2 epsilon=0.01 bias=no\nrmsnorm 3 affine=no\n"
        "groupnorm 2 affine=no\ninstancenorm affine=yes\nl2norm 2\n"
        "lrn 4 alpha=0.1 beta=0.5 k=2\n"
        "celu 0.5\ngelu approximate=tanh\nhard_tanh -0.5 2\n"
        "lppool 2 1 stride=1 p=1.5 ceil_mode=yes dilation=1,2\n"
        "avgpool 1 divisor=3\nadaptive_maxpool ? 4\n"
        "maxpool_indices 2 1 stride=1,1\n"
        "max_unpool 2 1 stride=1 from=maxpool_indices1,maxpool_indices1:1\n"
        "adaptive_avgpool 2\nglobal_max_pool\n"
        "flatten\nlinear 3 bias=yes init=constant init_value=-2e-3\nmse\n",
        "input 7 4\nlstm 3 bidirectional=yes\ngru 5 reversed=yes bias=no\n"
        "rnn 2\n",
        "input 3\nlinear 3 init=orthogonal init_gain=1.5\n"
        "linear 3 init=truncated_normal init_deviation=0.02\n"
        "linear 3 init=uniform init_low=-0.5 init_high=0\n"
        "linear 3 init=identity\nl1\n",
        "input 3\nsoftmax_cross_entropy class_weights=1,0.5,2 "
        "ignore_index=0 label_smoothing=0.1 reduction=sum\n",
        "input 3\nnll ignore_index=-100 class_weights=1,2,3\n",
        "input 3\nhinge margin=0.5 power=2 ignore_index=1\n",
        "input 3\nsigmoid_cross_entropy class_weights=2 "
        "positive_weights=1,2,3 reduction=mean\n",
        "input 3\nkl log_target=yes reduction=batch\n",
        "input 3\nhuber delta=0.5\n",
        "input 5 3\nctc 4 blank=2 logits=yes zero_infinity=yes\n",
        "input 3\ndice smooth=0.5\n",
        "input 3 name=a\nlinear 3 name=b\nlinear 3 name=c\n"
        "triplet margin=0.5 power=1 swap=yes from=a,b,c\n",
        "input 3 name=a\nlinear 3 name=b\n"
        "cosine_embedding margin=0.5 from=a,b\n",
    };
    for (int layout = 0; layout < 2; layout++)
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
            fv_context *ctx = NET_CONTEXT(.layout = (fv_layout)layout);
            check_stable(ctx, texts[i]);
            fv_context_free(ctx);
        }
}

static void test_written_text(void **state)
{
    (void)state;
    fv_context *ctx = fv_context_new(NULL);
    fv_network *net = fv_network_parse(ctx,
                                       "\t# a comment\r\n\n"
                                       "input 8 8 3   # the image\r\n"
                                       "  conv2d\t5 3 padding=same name=c\n"
                                       "maxpool 2#x\n"
                                       "relu from=c\n"
                                       "conv2d 4 1 stride=1 padding=0\n",
                                       "t");
    assert_ok(ctx);
    assert_string_equal(fv_network_text(net),
                        "input 8 8 3\n"
                        "conv2d 5 3 3 padding=same name=c\n"
                        "maxpool 2 2\n"
                        "relu from=c\n"
                        "conv2d 4 1 1\n");
    fv_context_free(ctx);
}

/* Numbers by position that have their default stand before those that have not,
 * and 0 where it is not the default. */
static void test_numbers_keep_their_places(void **state)
{
    (void)state;
    const char *const text = "input 3\nhard_tanh -1 2\nhard_tanh -1 0.5\n"
                             "hard_tanh -2\nhard_tanh\ntop_k 0\n";
    fv_context *ctx = fv_context_new(NULL);
    fv_network *net = fv_network_parse(ctx, text, "t");
    assert_ok(ctx);
    assert_string_equal(fv_network_text(net), text);
    fv_context_free(ctx);
}

/* Options given by the program reach the text, and back. */
static void test_options_survive_the_text(void **state)
{
    (void)state;
    fv_context *ctx = fv_context_new(NULL);
    fv_network *net = fv_network_of(
        ctx, fv_input(ctx, 16, 16, 2),
        fv_convolutional(ctx, .num_filters = 4, .kernel = { 3 },
                         .stride = { 0, 2 }, .padding_begin = { 1, 0 },
                         .padding_end = { 1, 1 }, .no_bias = 1),
        fv_maxpool(ctx, .kernel = { 2, 3 }, .stride = { 0, 1 }),
        fv_convolutional(ctx, .num_filters = 2, .kernel = { 2 },
                         .dilation = { 0, 2 }, .name = "last"));
    assert_ok(ctx);
    assert_string_equal(fv_network_text(net),
                        "input 16 16 2\n"
                        "conv2d 4 3 3 stride=1,2 padding=1,0 padding_end=1 "
                        "bias=no\n"
                        "maxpool 2 3 stride=2,1\n"
                        "conv2d 2 2 2 dilation=1,2 name=last\n");
    fv_network *again = fv_network_parse(ctx, fv_network_text(net), "t");
    assert_ok(ctx);
    for (size_t i = 0; i < fv_network_count(net); i++) {
        fv_shape a = fv_network_layer_info(net, i).output_shape;
        fv_shape b = fv_network_layer_info(again, i).output_shape;
        assert_memory_equal(&a, &b, sizeof a);
    }
    /* rows: (16 + 1 + 1 - 3) / 1 + 1; columns: (16 + 0 + 1 - 3) / 2 + 1 */
    fv_shape conv = fv_network_layer_info(net, 1).output_shape;
    assert_int_equal(conv.extent[0], 16);
    assert_int_equal(conv.extent[1], 8);
    fv_shape pool = fv_network_layer_info(net, 2).output_shape;
    assert_int_equal(pool.extent[0], 8);
    assert_int_equal(pool.extent[1], 6);
    fv_context_free(ctx);
}

/* ---- errors -------------------------------------------------------------- */

static void test_errors_name_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        { "", "n.net: 0 layers, expected an input and at least one more" },
        { "# nothing\n",
          "n.net: 0 layers, expected an input and at least one more" },
        { "input 8 8 3\n",
          "n.net: 1 layers, expected an input and at least one more" },
        { "input 8 8 3\n  convolution 3\n",
          "n.net:2:3: there is no layer \"convolution\"; did you mean "
          "\"conv2d\"?" },
        { "input 8 8 3\nrelu\n\nrelu 4\n",
          "n.net:4:6: relu takes no further \"4\"" },
        { "input 8 8 3 1 1 1 1 1\nrelu\n",
          "n.net:1:21: input takes no further \"1\"" },
        { "input 8 8 3\nconv2d 4 3 3 strides=2\n",
          "n.net:2:14: conv2d has no option \"strides\" (has: num_filters, "
          "kernel, stride, padding, padding_end, dilation, groups, bias, init, "
          "init_fan, init_value, init_gain, init_deviation, init_low, "
          "init_high, algorithm, strict, max_workspace, "
          "parametrization, weight_epsilon, "
          "padding_mode, padding_value, depthwise, name, "
          "from, weights); did you mean \"stride\"?" },
        { "input 8 8 3\nrelu slope=1\n",
          "n.net:2:6: relu has no option \"slope\" (has: name, from, "
          "weights)" },
        { "input 8 8 3\nconv2d 4 3 3 stride=\n",
          "n.net:2:21: stride has no value" },
        { "input 8 8 3\nconv2d 4 3 3 stride=1 stride=2\n",
          "n.net:2:23: stride is given twice" },
        { "input 8 8 3\nconv2d 4 3 3 kernel=2\n",
          "n.net:2:14: kernel is given twice" },
        { "input 8 8 3\nrelu name=a name=b\n",
          "n.net:2:13: name is given twice" },
        { "input 8 8 3\nconv2d x 3 3\n",
          "n.net:2:8: num_filters \"x\" is no whole number of at most 15 "
          "digits" },
        { "input 8 8 3\nconv2d -4 3 3\n",
          "n.net:2:8: num_filters \"-4\" is no whole number of at most 15 "
          "digits" },
        { "input 8 8 3\nconv2d 4 3 3 padding=1,x\n",
          "n.net:2:24: padding \"x\" is no whole number of at most 15 digits" },
        { "input 8 8 3\nconv2d 4 3 3 padding=full\n",
          "n.net:2:22: padding \"full\" is none of valid, same, same_lower" },
        { "input 8 8 3\nconv2d 4 3 3 bias=maybe\n",
          "n.net:2:19: bias \"maybe\" is neither yes nor no" },
        { "input 8 8 3\nconv2d 4 3 3 init=he\n",
          "n.net:2:19: init \"he\" is none of kaiming_normal, "
          "kaiming_uniform, xavier_normal, xavier_uniform, lecun_normal, "
          "lecun_uniform, zeros, constant, normal, truncated_normal, uniform, "
          "orthogonal, dirac, identity; did you mean "
          "\"kaiming_normal\"?" },
        { "input 8 8 3\ndropout 0.5x\n",
          "n.net:2:9: probability \"0.5x\" is no number" },
        { "input 8 8 3\ndropout nan\n",
          "n.net:2:9: probability \"nan\" is no number" },
        { "input 8 8 3\ndropout 0x1p-1\n",
          "n.net:2:9: probability \"0x1p-1\" is no number" },
        { "input 8 8 3\ndropout 1.5\n",
          "n.net:2:1: dropout1: probability 1.5 is not in 0..1" },
        { "input 8 8 3\nlinear 4\n",
          "n.net:2:1: linear1: input [8, 8, 3] is not a vector, put flatten "
          "before it" },
        { "input 8\nconv2d 4 3 3\n",
          "n.net:2:1: conv1: input [8] is not an image of rows, columns and "
          "channels" },
        { "input 3 3 1\nconv2d 4 5 5\n",
          "n.net:2:1: conv1: kernel 5x5 exceeds input 3x3 (padding 0)" },
        { "input 8 8 3\nrelu\nadd from=relu1,relu2\n",
          "n.net:3:1: add1: from names \"relu2\", which is no layer above "
          "it" },
        { "input 8 8 3\nrelu name=a b\n", "n.net:2:13: relu takes no further "
                                          "\"b\"" },
        { "input 8 8 3\nrelu name=a\nrelu name=a\n",
          "n.net:3:1: a: another layer has this name" },
        { "input 8 8 3\nrelu name=a!b\n", "n.net:2:1: network: \"a!b\" is no "
                                          "name: letters, digits, _ . - / and "
                                          "at most 255 of them" },
        { "input 8 8 3\nmse\nrelu\n",
          "n.net:3:1: relu: the loss mse1 must be the last layer" },
        { "relu\n",
          "n.net:1:1: relu: the first layer of a network must be an input" },
        { "input 4 4 1\nlinear 2 weights=fc\n",
          "n.net:2:1: linear1: weights names \"fc\", which is no layer above "
          "it" },
        { "input 4 4 1\nrelu from=input1:1\n",
          "n.net:2:1: relu1: from names \"input1:1\"; the outputs of input1 "
          "are 0 to 0" },
        { "input 0 4 1\nrelu\n", "n.net:1:7: shape 0 is below 1" },
        { "input 8 8 3\nconv2d 4 3 3 stride=0\n",
          "n.net:2:21: stride 0 is below 1" },
        { "input 8 8 3\nconv2d 4 3 0\n", "n.net:2:12: kernel 0 is below 1" },
        { "input 8 8 3\nconv2d 0 3\n",
          "n.net:2:1: conv1: filters 0 is below 1" },
        { "input 8 8 3\nmaxpool 2 stride=1,0\n",
          "n.net:2:20: stride 0 is below 1" },
        { "input 8 8 3\nbatchnorm momentum=0\n",
          "n.net:2:20: momentum 0 is not above 0" },
        { "input 8 8 3\nmaxpool 2 stride=1,2,3\n",
          "n.net:2:22: stride \"3\" is more than the 2 numbers of it" },
        { "input shape=8,8,3,1,1,1,1,1\nrelu\n",
          "n.net:1:27: shape has more than 7 numbers" },
        { "input 8 8 3 from=x\nrelu\n",
          "n.net:1:1: input1: an input reads from no layer" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fv_context *ctx = fv_context_new(NULL);
        assert_null(fv_network_parse(ctx, cases[i].text, "n.net"));
        assert_error(ctx, cases[i].sentence);
        assert_int_equal(fv_context_memory(ctx).data_bytes, 0);
        fv_context_free(ctx);
    }
}

static void test_other_errors(void **state)
{
    (void)state;
    fv_context *ctx = fv_context_new(NULL);
    assert_null(fv_network_parse(ctx, NULL, "x"));
    assert_error(ctx, "network: the text is NULL");
    assert_null(fv_network_parse(ctx, "xy", NULL));
    assert_error(ctx, "network:1:1: there is no layer \"xy\"");
    assert_null(fv_network_parse(ctx, "\x1b[31m\n", "a\nb"));
    assert_error(ctx, "a\\x0ab:1:1: there is no layer \"\\x1b[31m\"");
    char *line = malloc(70001);
    memset(line, 'a', 70000);
    line[70000] = 0;
    assert_null(fv_network_parse(ctx, line, "x"));
    assert_error(ctx, "x:1:1: the line is longer than 65536 characters");
    free(line);
    assert_null(fv_network_parse(NULL, "x", "x"));
    assert_string_equal(fv_network_text(NULL), "");
    fv_context_free(ctx);
}

/* The end of the sentence about an unknown word. */
static void check_guess(const char *line, const char *guess)
{
    char text[128], ending[80];
    fv_context *ctx = fv_context_new(NULL);
    snprintf(text, sizeof text, "input 8 8 3\n%s\n", line);
    assert_null(fv_network_parse(ctx, text, "n.net"));
    const char *sentence = fv_error(ctx);
    assert_memory_equal(sentence, "n.net:2:", 8);
    if (guess) {
        snprintf(ending, sizeof ending, "; did you mean \"%s\"?", guess);
        assert_true(strlen(sentence) > strlen(ending));
        assert_string_equal(sentence + strlen(sentence) - strlen(ending),
                            ending);
    } else {
        assert_null(strstr(sentence, "did you mean"));
    }
    fv_context_free(ctx);
}

static void test_guesses(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "dense 4", "linear" },
        { "swish", "silu" },
        { "Dense 4", "linear" },
        { "fully_connected 4", "linear" },
        { "Linear 4", "linear" },
        { "liner 4", "linear" },
        { "Conv2D 4 3 3", "conv2d" },
        { "conv 4 3 3", "conv2d" },
        { "convv2d 4 3 3", "conv2d" },
        { "BatchNormalization", "batchnorm" },
        { "batch_norm", "batchnorm" },
        { "MaxPooling2D 2 2", "maxpool" },
        { "GlobalAveragePooling2D", "global_average_pool" },
        { "ReLU", "relu" },
        { "LeakyReLU 0.1", "leaky_relu" },
        { "Input 8 8 3", "input" },
        { "crossentropyloss", "softmax_cross_entropy" },
        { "softmaxcrossentropy", "softmax_cross_entropy" },
        { "conv2d filters=4 kernel=3", "num_filters" },
        { "conv2d 4 kernel_size=3", "kernel" },
        { "conv2d 4 3 3 pad=1", "padding" },
        { "conv2d 4 3 3 Stride=1", "stride" },
        { "conv2d 4 3 3 strid=1", "stride" },
        { "conv2d 4 3 3 use_bias=no", "bias" },
        { "conv2d 4 3 3 inputs=a", "from" },
        { "batchnorm eps=0.1", "epsilon" },
        { "elu slope=1", "alpha" },
        { "leaky_relu alpha=1", "slope" },
        { "conv2d 4 3 3 padding=SAME", "same" },
        { "conv2d 4 3 3 padding=same_upper", "same" },
        { "conv2d 4 3 3 padding=vald", "valid" },
        { "conv2d 4 3 3 bias=True", "yes" },
        { "conv2d 4 3 3 bias=0", "no" },
        { "conv2d 4 3 3 init=glorot_uniform", "xavier_uniform" },
        { "conv2d 4 3 3 init_fan=fan_in", "in" },
        { "conv2d 4 3 3 algorithm=Winograd", "winograd" },
        { "lstm 4", NULL },
        { "x", NULL },
        { "re", NULL },
        { "relu colour=red", NULL },
        { "conv2d 4 3 3 padding=full", NULL },
        { "conv2d 4 3 3 bias=maybe", NULL },
        { "a_word_that_is_much_longer_than_any_of_ours_could_ever_be", NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_guess(cases[i][0], cases[i][1]);
}

/* UTF-16 handed over as a string: what stands before the first zero byte. */
static void test_utf_16(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        { "\xff\xfei\0n\0p\0u\0t\0",
          "a.net: this is UTF-16 text (little-endian; Fovea reads UTF-8), not "
          "a network or a model" },
        { "\xfe\xff\0i\0n\0p\0u\0t",
          "a.net: this is UTF-16 text (big-endian; Fovea reads UTF-8), not a "
          "network or a model" },
        { "i\0n\0p\0u\0t\0",
          "a.net: the text ends after its first character, as UTF-16 text does "
          "where it is read as a string (Fovea reads UTF-8)" },
        { "\0i\0n\0p\0u\0t",
          "a.net: 0 layers, expected an input and at least one more" },
        { "\n", "a.net: 0 layers, expected an input and at least one more" },
    };
    fv_context *ctx = fv_context_new(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(fv_network_parse(ctx, cases[i].text, "a.net"));
        assert_error(ctx, cases[i].sentence);
    }
    fv_context_free(ctx);
}

/* A byte order mark at the beginning is none of the text; elsewhere it is. */
static void test_byte_order_mark(void **state)
{
    (void)state;
    fv_context *ctx = fv_context_new(NULL);
    fv_network *net =
        fv_network_parse(ctx, "\xef\xbb\xbfinput 4\r\nrelu\r\n", "n.net");
    assert_ok(ctx);
    assert_string_equal(fv_network_text(net), "input 4\nrelu\n");
    assert_null(fv_network_parse(ctx, "\xef\xbb\xbfinputs 4\nrelu\n", "n.net"));
    assert_error(ctx, "n.net:1:1: there is no layer \"inputs\"; did you mean "
                      "\"input\"?");
    assert_null(fv_network_parse(ctx, "input 4\n\xef\xbb\xbfrelu\n", "n.net"));
    assert_error(ctx, "n.net:2:1: there is no layer \"\\xef\\xbb\\xbfrelu\"");
    fv_context_free(ctx);
}

static void test_line_ends(void **state)
{
    (void)state;
    static const char *const good[] = { "input 4\nrelu", "input 4\r\nrelu\r\n",
                                        "input 4\r\nrelu\r",
                                        "input 4\n\r\nrelu # \r\n" };
    static const struct {
        const char *text, *place;
    } bad[] = {
        { "input 4\rrelu\r", "1:8" },
        { "# a comment\rinput 4\rrelu\r", "1:12" },
        { "input 4\nrelu\rrelu\n", "2:5" },
        { "\rinput 4\nrelu\n", "1:1" },
    };
    fv_context *ctx = fv_context_new(NULL);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        fv_network *net = fv_network_parse(ctx, good[i], "n.net");
        assert_ok(ctx);
        assert_string_equal(fv_network_text(net), "input 4\nrelu\n");
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char sentence[128];
        snprintf(sentence, sizeof sentence,
                 "n.net:%s: a carriage return (CR) without a line feed; lines "
                 "end with LF or CR LF",
                 bad[i].place);
        assert_null(fv_network_parse(ctx, bad[i].text, "n.net"));
        assert_error(ctx, sentence);
    }
    fv_context_free(ctx);
}

/* Numbers that need 17 digits are written with all of them, others with no more
 * than they need. */
static void test_digits_of_numbers(void **state)
{
    (void)state;
    static const struct {
        double number;
        const char *digits;
    } cases[] = { { 0.30000000000000004, "0.30000000000000004" },
                  { 0.3, "0.3" },
                  { 1.0000000000000002, "1.0000000000000002" },
                  { 123456.7890123456, "123456.7890123456" },
                  { 5e-324, "5e-324" },
                  { 1.7976931348623157e308, "1.7976931348623157e+308" },
                  { 100, "100" },
                  { 1.2345678901234567e-5, "1.2345678901234568e-05" } };
    fv_context *ctx = fv_context_new(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128], written[128];
        snprintf(text, sizeof text, "input 4\nelu %.17g\n", cases[i].number);
        snprintf(written, sizeof written, "input 4\nelu %s\n", cases[i].digits);
        fv_network *net = fv_network_parse(ctx, text, "n.net");
        assert_ok(ctx);
        assert_string_equal(fv_network_text(net), written);
        net = fv_network_parse(ctx, written, "n.net");
        assert_ok(ctx);
        const fv_elu_options *elu = fv_network_layer(net, 1)->options;
        assert_memory_equal(&elu->alpha, &cases[i].number, sizeof(double));
    }
    fv_context_free(ctx);
}

static void test_deep_networks(void **state)
{
    (void)state;
    enum { LAYERS = 16384 };
    fv_context *ctx = fv_context_new(NULL);
    char *text = malloc((size_t)LAYERS * 5 + 20), *at = text;
    assert_non_null(text);
    at += sprintf(at, "input 2\n");
    for (int i = 0; i < LAYERS - 1; i++) at += sprintf(at, "relu\n");
    fv_network *net = fv_network_parse(ctx, text, "deep");
    assert_ok(ctx);
    assert_int_equal(fv_network_count(net), LAYERS);
    fv_network_free(net);
    sprintf(at, "relu\n");
    assert_null(fv_network_parse(ctx, text, "deep"));
    assert_error(ctx, "deep:16385:1: relu: a network has at most 16384 layers");
    free(text);
    fv_context_free(ctx);
}

extern const fv__layer_type *const fv__layer_types[];

/* The reader of a line has room for every layer type. */
static void test_room_for_every_layer(void **state)
{
    (void)state;
    for (size_t i = 0; fv__layer_types[i]; i++) {
        int fields = 0;
        const fv__field *field = fv__layer_types[i]->fields;
        while (field && field[fields].key) fields++;
        assert_true(fields <= FV__MOST_FIELDS);
        assert_true(fv__layer_types[i]->options_size <= FV__LARGEST_OPTIONS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_of_a_text),
        cmocka_unit_test(test_written_text),
        cmocka_unit_test(test_numbers_keep_their_places),
        cmocka_unit_test(test_options_survive_the_text),
        cmocka_unit_test(test_errors_name_the_place),
        cmocka_unit_test(test_other_errors),
        cmocka_unit_test(test_guesses),
        cmocka_unit_test(test_utf_16),
        cmocka_unit_test(test_byte_order_mark),
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_digits_of_numbers),
        cmocka_unit_test(test_deep_networks),
        cmocka_unit_test(test_room_for_every_layer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
