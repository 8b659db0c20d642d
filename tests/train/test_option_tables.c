/* Every option of every layer and optimizer: left out it is the documented
 * default written out, and its limits hold on both sides. */
#include "nets.h"

#include "layer/layer.h"

#include <float.h>

extern const fv__layer_type *const fv__layer_types[];

/* ---- what a layer does --------------------------------------------------- */

/* Text of the network, output and gradients of one pass in training. */
typedef struct outcome {
    char text[400];
    fv_shape shape;
    size_t bytes;
    unsigned char *all;
} outcome;

/* Takes over the network's context. */
static outcome outcome_of(fv_context *ctx, fv_network *net)
{
    double x[2 * 5 * 6 * 7 * 4];
    for (int i = 0; i < 2 * 5 * 6 * 7 * 4; i++) x[i] = net_number(i);
    assert_ok(ctx);
    outcome o = { .shape = fv_network_layer_info(net, 1).output_shape };
    const fv_shape in = fv_network_layer_info(net, 0).output_shape;
    int64_t image[FV_MAX_RANK] = { 2 };
    for (int32_t i = 0; i < in.rank; i++) image[1 + i] = in.extent[i];
    fv_tensor images = fv_tensor_of(x, FV_F64, in.rank + 1, image);
    fv_variable *at = fv_variable_new(ctx, &images);
    fv_variable *y = fv_layer_forward(fv_network_layer(net, 1), at);
    fv_variables weights = fv_layer_variables(fv_network_layer(net, 1));
    assert_ok(ctx);
    const fv_tensor *value = fv_variable_value(y);
    const size_t output = net_bytes(value);
    unsigned char *copy = malloc(output);
    assert_non_null(copy);
    memcpy(copy, value->data, output);
    fv_backprop(fv_sum(fv_mul(y, y)));
    assert_ok(ctx);
    size_t inputs, gradients;
    unsigned char *dx = net_dump((fv_variables){ 1, &at }, 1, &inputs);
    unsigned char *dw = net_dump(weights, 1, &gradients);
    o.bytes = output + inputs + gradients;
    o.all = malloc(o.bytes);
    assert_non_null(o.all);
    memcpy(o.all, copy, output);
    memcpy(o.all + output, dx, inputs);
    memcpy(o.all + output + inputs, dw, gradients);
    free(copy);
    free(dx);
    free(dw);
    const char *text = fv_network_text(net);
    assert_true(strlen(text) < sizeof o.text);
    strcpy(o.text, text);
    fv_context_free(ctx);
    return o;
}

static void check_same(outcome a, outcome b, bool same_text)
{
    if (same_text) assert_string_equal(a.text, b.text);
    assert_memory_equal(&a.shape, &b.shape, sizeof a.shape);
    assert_int_equal(a.bytes, b.bytes);
    assert_memory_equal(a.all, b.all, a.bytes);
    free(a.all);
    free(b.all);
}

static fv_context *begin_context(void)
{
    return NET_CONTEXT(.dtype = FV_F64, .seed = 3);
}

/* ---- defaults in the text ------------------------------------------------ */

static const struct {
    const char *omitted, *written;
    bool other_text; /* the same numbers, but not the same words */
} lines[] = {
    { "conv2d 4 3", "conv2d 4 3 3 stride=1", false },
    { "conv2d 4 3 stride=2", "conv2d 4 3 stride=2,2", false },
    { "conv2d 4 3 stride=,2", "conv2d 4 3 stride=1,2", false },
    { "conv2d 4 3", "conv2d 4 3 padding=0,0", false },
    { "conv2d 4 3 padding=1", "conv2d 4 3 padding=1,1", false },
    { "conv2d 4 3 padding=2,0", "conv2d 4 3 padding=2,0 padding_end=2,0",
      false },
    { "conv2d 4 3", "conv2d 4 3 padding_end=0", false },
    { "conv2d 4 3", "conv2d 4 3 dilation=1,1", false },
    { "conv2d 4 3 dilation=2", "conv2d 4 3 dilation=2,2", false },
    { "conv2d 4 3", "conv2d 4 3 groups=1", false },
    { "conv2d 4 3", "conv2d 4 3 bias=yes", false },
    { "conv2d 4 3", "conv2d 4 3 init=kaiming_normal", true },
    { "conv2d 4 3", "conv2d 4 3 init_fan=in", false },
    { "conv2d 4 3 init=orthogonal", "conv2d 4 3 init=orthogonal init_gain=1",
      false },
    { "conv2d 4 3 init=normal", "conv2d 4 3 init=normal init_deviation=1",
      false },
    { "conv2d 4 3 init=uniform", "conv2d 4 3 init=uniform init_low=0", false },
    { "conv2d 4 3 init=uniform", "conv2d 4 3 init=uniform init_high=1", false },
    { "conv2d 4 3 init=constant", "conv2d 4 3 init=constant init_value=0",
      false },
    { "conv2d 4 3", "conv2d 4 3 algorithm=auto", false },
    { "conv2d 4 3", "conv2d 4 3 strict=no", false },
    { "conv2d 4 3", "conv2d 4 3 max_workspace=999999999999999", true },
    { "conv2d 4 3 padding=1", "conv2d 4 3 padding=1 padding_mode=zeros",
      false },
    { "conv2d 4 3 padding=1 padding_mode=constant",
      "conv2d 4 3 padding=1 padding_mode=constant padding_value=0", false },
    { "conv2d 4 3", "conv2d 4 3 depthwise=no", false },
    { "conv2d 4 3 depthwise=yes", "conv2d 4 3 groups=4", true },
    { "conv2d 4 3", "conv2d 4 3 parametrization=none", false },
    { "conv2d 4 3 parametrization=standardise",
      "conv2d 4 3 parametrization=standardise weight_epsilon=1e-5", false },
    { "conv_transpose2d 4 3", "conv_transpose2d 4 3 parametrization=none",
      false },
    { "conv_transpose2d 4 3 parametrization=standardise",
      "conv_transpose2d 4 3 parametrization=standardise weight_epsilon=1e-5",
      false },
    { "conv1d 4 3 padding=1", "conv1d 4 3 stride=1 padding=1", false },
    { "conv1d 4 3 padding=2", "conv1d 4 3 padding=2 padding_end=2", false },
    { "conv3d 4 3", "conv3d 4 3 3 3 stride=1,1,1 dilation=1", false },
    { "conv3d 4 3 2", "conv3d 4 3 2 3 padding=0,0,0", false },
    { "conv3d 4 3 stride=,2", "conv3d 4 3 stride=1,2,1", false },
    { "conv_transpose2d 4 3", "conv_transpose2d 4 3 stride=1", false },
    { "conv_transpose2d 4 3", "conv_transpose2d 4 3 padding=0,0", false },
    { "conv_transpose2d 4 3 padding=1",
      "conv_transpose2d 4 3 padding=1,1 padding_end=1", false },
    { "conv_transpose2d 4 3 stride=2",
      "conv_transpose2d 4 3 stride=2,2 output_padding=0", false },
    { "conv_transpose2d 4 3", "conv_transpose2d 4 3 dilation=1", false },
    { "conv_transpose2d 4 3", "conv_transpose2d 4 3 groups=1", false },
    { "conv_transpose2d 4 3", "conv_transpose2d 4 3 bias=yes", false },
    { "conv_transpose2d 4 3", "conv_transpose2d 4 3 init=kaiming_normal",
      true },
    { "conv_transpose2d 4 3", "conv_transpose2d 4 3 init_fan=in", false },
    { "conv_transpose2d 4 3 init=orthogonal",
      "conv_transpose2d 4 3 init=orthogonal init_gain=1", false },
    { "conv_transpose2d 4 3 init=normal",
      "conv_transpose2d 4 3 init=normal init_deviation=1", false },
    { "conv_transpose2d 4 3 init=uniform",
      "conv_transpose2d 4 3 init=uniform init_low=0", false },
    { "conv_transpose2d 4 3 init=uniform",
      "conv_transpose2d 4 3 init=uniform init_high=1", false },
    { "conv_transpose2d 4 3 init=constant",
      "conv_transpose2d 4 3 init=constant init_value=0", false },
    { "conv_transpose2d 4 3", "conv_transpose2d 4 3 algorithm=auto", false },
    { "conv_transpose2d 4 3", "conv_transpose2d 4 3 strict=no", false },
    { "conv_transpose2d 4 3",
      "conv_transpose2d 4 3 max_workspace=999999999999999", true },
    { "conv_transpose1d 4 3", "conv_transpose1d 4 3 output_padding=0", false },
    { "conv_transpose3d 4 3 stride=2", "conv_transpose3d 4 3 stride=2,2,2",
      false },
    { "pad", "pad before=0", true },
    { "pad 1", "pad 1 axis=1", false },
    { "pad 1 2", "pad 1 2 after=1,2", true },
    { "pad 1", "pad 1 mode=zeros", false },
    { "pad 1 mode=constant", "pad 1 mode=constant value=0", false },
    { "separable_conv2d 4 3", "separable_conv2d 4 3 stride=1", false },
    { "separable_conv2d 4 3", "separable_conv2d 4 3 padding=0,0", false },
    { "separable_conv2d 4 3 padding=1",
      "separable_conv2d 4 3 padding=1,1 padding_end=1", false },
    { "separable_conv2d 4 3", "separable_conv2d 4 3 dilation=1", false },
    { "separable_conv2d 4 3", "separable_conv2d 4 3 multiplier=1", false },
    { "separable_conv2d 4 3", "separable_conv2d 4 3 bias=yes", false },
    { "separable_conv2d 4 3", "separable_conv2d 4 3 init=kaiming_normal",
      true },
    { "separable_conv2d 4 3", "separable_conv2d 4 3 init_fan=in", false },
    { "separable_conv2d 4 3 init=orthogonal",
      "separable_conv2d 4 3 init=orthogonal init_gain=1", false },
    { "separable_conv2d 4 3 init=normal",
      "separable_conv2d 4 3 init=normal init_deviation=1", false },
    { "separable_conv2d 4 3 init=uniform",
      "separable_conv2d 4 3 init=uniform init_low=0", false },
    { "separable_conv2d 4 3 init=uniform",
      "separable_conv2d 4 3 init=uniform init_high=1", false },
    { "separable_conv2d 4 3 init=constant",
      "separable_conv2d 4 3 init=constant init_value=0", false },
    { "linear 5", "linear 5 bias=yes", false },
    { "linear 5", "linear 5 parametrization=none", false },
    { "linear 5 parametrization=standardise",
      "linear 5 parametrization=standardise weight_epsilon=1e-5", false },
    { "linear 5", "linear 5 init=kaiming_normal", true },
    { "linear 5", "linear 5 init_fan=in", false },
    { "linear 5 init=orthogonal", "linear 5 init=orthogonal init_gain=1",
      false },
    { "linear 5 init=normal", "linear 5 init=normal init_deviation=1", false },
    { "linear 5 init=uniform", "linear 5 init=uniform init_low=0", false },
    { "linear 5 init=uniform", "linear 5 init=uniform init_high=1", false },
    { "linear 5 init=constant", "linear 5 init=constant init_value=0", false },
    { "maxpool 2", "maxpool 2 2 stride=2,2", false },
    { "maxpool 3 2", "maxpool 3 2 stride=3,2", false },
    { "maxpool 3 2 stride=1", "maxpool 3 2 stride=1,1", false },
    { "maxpool 2", "maxpool 2 padding=0", false },
    { "maxpool 2 padding=1", "maxpool 2 padding=1,1 padding_end=1,1", false },
    { "avgpool 2", "avgpool 2 2 stride=2,2", false },
    { "avgpool 3 2", "avgpool 3 2 stride=3,2", false },
    { "avgpool 2", "avgpool 2 padding=0", false },
    { "avgpool 2 padding=1", "avgpool 2 padding=1,1 padding_end=1,1", false },
    { "avgpool 2 padding=1", "avgpool 2 padding=1 count_padding=yes", false },
    { "maxpool 2", "maxpool 2 dilation=1,1", false },
    { "maxpool 3", "maxpool 3 ceil_mode=no", false },
    { "avgpool 2", "avgpool 2 dilation=1", false },
    { "avgpool 3", "avgpool 3 ceil_mode=no", false },
    { "avgpool 3", "avgpool 3 divisor=0", false },
    { "avgpool 3", "avgpool 3 divisor=9", true },
    { "lppool 3 2", "lppool 3 2 stride=3,2 p=2", false },
    { "lppool 2", "lppool 2 padding=0 padding_end=0", false },
    { "lppool 3", "lppool 3 dilation=1 ceil_mode=no", false },
    { "maxpool1d 3", "maxpool1d 3 stride=3 padding=0", false },
    { "avgpool1d 3 padding=1", "avgpool1d 3 padding=1 padding_end=1", false },
    { "lppool1d 3", "lppool1d 3 p=2", false },
    { "maxpool3d 2 3", "maxpool3d 2 3 2 stride=2,3,2", false },
    { "avgpool3d 2", "avgpool3d 2 2 2 divisor=8", true },
    { "lppool3d 2", "lppool3d 2 dilation=1,1,1", false },
    { "dropout", "dropout probability=0.5", false },
    { "leaky_relu", "leaky_relu slope=0.01", false },
    { "prelu", "prelu slope=0.25", false },
    { "prelu", "prelu shared=no", false },
    { "elu", "elu alpha=1", false },
    { "celu", "celu alpha=1", false },
    { "gelu", "gelu approximate=none", false },
    { "hard_tanh", "hard_tanh low=-1", false },
    { "hard_tanh", "hard_tanh high=1", false },
    { "softplus", "softplus beta=1", false },
    { "softplus", "softplus threshold=20", false },
    { "batchnorm", "batchnorm epsilon=1e-5", false },
    { "batchnorm", "batchnorm momentum=0.1", false },
    { "batchnorm", "batchnorm affine=yes", false },
    { "batchnorm", "batchnorm track=yes", false },
    { "batchnorm", "batchnorm cumulative=no", false },
    { "layernorm", "layernorm axes=1", false },
    { "layernorm", "layernorm epsilon=1e-5", false },
    { "layernorm", "layernorm affine=yes", false },
    { "layernorm", "layernorm bias=yes", false },
    { "rmsnorm", "rmsnorm axes=1", false },
    { "rmsnorm", "rmsnorm epsilon=1e-5", false },
    { "rmsnorm", "rmsnorm affine=yes", false },
    { "l2norm", "l2norm axes=1", false },
    { "l2norm", "l2norm epsilon=1e-12", false },
    { "groupnorm 2", "groupnorm groups=2", false },
    { "groupnorm 2", "groupnorm 2 epsilon=1e-5", false },
    { "groupnorm 2", "groupnorm 2 affine=yes", false },
    { "instancenorm", "instancenorm epsilon=1e-5", false },
    { "instancenorm", "instancenorm affine=no", false },
    { "lrn 5", "lrn size=5", false },
    { "lrn 5", "lrn 5 alpha=0.0001", false },
    { "lrn 5", "lrn 5 beta=0.75", false },
    { "lrn 5", "lrn 5 k=1", false },
    { "lstm 3", "lstm 3 bidirectional=no reversed=no bias=yes", false },
    { "gru 3", "gru 3 bidirectional=no reversed=no bias=yes", false },
    { "rnn 3", "rnn 3 bidirectional=no reversed=no bias=yes", false },
};
enum { LINES = sizeof lines / sizeof *lines };

/* What layers of that kind take. */
static const char *input_of(const char *line)
{
    if (!strncmp(line, "linear", 6)) return "5";
    if (strstr(line, "1d ") || strstr(line, "lstm") || strstr(line, "gru ")
        || strstr(line, "rnn"))
        return "8 4";
    return strstr(line, "3d ") ? "5 6 7 4" : "8 8 4";
}

static outcome outcome_of_line(const char *line)
{
    fv_context *ctx = begin_context();
    char text[200];
    snprintf(text, sizeof text, "input %s\n%s\n", input_of(line), line);
    return outcome_of(ctx, fv_network_parse(ctx, text, "t"));
}

static void test_defaults_of_the_text(void **state)
{
    (void)state;
    for (int i = 0; i < LINES; i++)
        check_same(outcome_of_line(lines[i].omitted),
                   outcome_of_line(lines[i].written), !lines[i].other_text);
}

static bool has_lines(const char *kind)
{
    const size_t length = strlen(kind);
    for (int i = 0; i < LINES; i++)
        if (!strncmp(lines[i].written, kind, length)
            && lines[i].written[length] == ' ')
            return true;
    return false;
}

/* Whether the options of a kind are those of another one with another number
 * of axes, "conv2d" for "conv1d". */
static bool has_options_elsewhere(const char *kind)
{
    const char *axes = strstr(kind, "1d");
    if (!axes) axes = strstr(kind, "3d");
    return axes && !axes[2];
}

/* Every option of those kinds that may be left out has a line above. */
static void test_no_default_is_forgotten(void **state)
{
    (void)state;
    static const char *const required[] = { "shape", "num_filters", "kernel",
                                            "num_outputs", "hidden" };
    for (int t = 0; fv__layer_types[t]; t++) {
        const fv__field *field = fv__layer_types[t]->fields;
        const char *kind = fv__layer_types[t]->kind;
        const size_t length = strlen(kind);
        if (!has_lines(kind) || has_options_elsewhere(kind)) continue;
        for (; field && field->key; field++) {
            bool found = false;
            char word[40];
            snprintf(word, sizeof word, " %s=", field->key);
            for (int i = 0; i < 5; i++)
                found |= !strcmp(field->key, required[i]);
            for (int i = 0; i < LINES; i++)
                found |= !strncmp(lines[i].written, kind, length)
                         && lines[i].written[length] == ' '
                         && strstr(lines[i].written, word);
            if (!found) fail_msg("%s: %s is not tested", kind, field->key);
        }
    }
}

/* ---- defaults in C ------------------------------------------------------- */

/* Two ways to make a layer, in contexts of their own, called ctx. */
#define SAME(omitted, written)                                                 \
    do {                                                                       \
        fv_context *ctx = begin_context();                                     \
        outcome a = outcome_of(ctx, fv_network_of(ctx, INPUT, omitted));       \
        ctx = begin_context();                                                 \
        outcome b = outcome_of(ctx, fv_network_of(ctx, INPUT, written));       \
        check_same(a, b, true);                                                \
    } while (0)
#define CONV(...)                                                              \
    fv_convolutional(ctx, .num_filters = 4, .kernel = { 3 }, __VA_ARGS__)
#define POOL(...) fv_avgpool(ctx, .kernel = { 3, 2 }, __VA_ARGS__)

static void test_defaults_of_options(void **state)
{
    (void)state;
#define INPUT fv_input(ctx, 8, 8, 4)
    SAME(CONV(.strict = 0),
         fv_convolutional(ctx, .num_filters = 4, .kernel = { 3, 3 }));
    SAME(CONV(.stride = { 0 }), CONV(.stride = { 1, 1 }));
    SAME(CONV(.stride = { 2 }), CONV(.stride = { 2, 2 }));
    SAME(CONV(.stride = { 0, 2 }), CONV(.stride = { 1, 2 }));
    SAME(CONV(.dilation = { 0 }), CONV(.dilation = { 1, 1 }));
    SAME(CONV(.dilation = { 2 }), CONV(.dilation = { 2, 2 }));
    SAME(CONV(.groups = 0), CONV(.groups = 1));
    SAME(CONV(.padding = { 1 }), CONV(.padding = { 1, 0 }));
    SAME(CONV(.padding = { 2, 1 }),
         CONV(.padding_begin = { 2, 1 }, .padding_end = { 2, 1 }));
    SAME(CONV(.padding_begin = { 0, 1 }),
         CONV(.padding_begin = { 0, 1 }, .padding_end = { 0, 0 }));
    SAME(CONV(.auto_pad = FV_AUTO_PAD_VALID),
         CONV(.padding = { 1, 1 }, .auto_pad = FV_AUTO_PAD_VALID));
    SAME(CONV(.init = FV_INIT_UNIFORM),
         CONV(.init = FV_INIT_UNIFORM, .init_high = 1));
    SAME(CONV(.no_bias = 0), CONV(.init_fan = FV_FAN_IN, .init_value = 0));
    SAME(POOL(.stride = { 0 }), POOL(.stride = { 3, 2 }));
    SAME(POOL(.stride = { 0, 1 }), POOL(.stride = { 3, 1 }));
    SAME(POOL(.stride = { 1 }), POOL(.stride = { 1, 1 }));
    SAME(POOL(.padding = { 0, 1 }),
         POOL(.padding_begin = { 0, 1 }, .padding_end = { 0, 1 }));
    SAME(fv_batchnorm(ctx), fv_batchnorm(ctx, .epsilon = 1e-5));
    SAME(fv_batchnorm(ctx), fv_batchnorm(ctx, .momentum = 0.1));
    SAME(fv_layernorm(ctx), fv_layernorm(ctx, .axes = 1, .epsilon = 1e-5));
    SAME(fv_rmsnorm(ctx), fv_rmsnorm(ctx, .axes = 1, .epsilon = 1e-5));
    SAME(fv_l2norm(ctx), fv_l2norm(ctx, .axes = 1, .epsilon = 1e-12));
    SAME(fv_groupnorm(ctx, 2), fv_groupnorm(ctx, 2, .epsilon = 1e-5));
    SAME(fv_instancenorm(ctx), fv_instancenorm(ctx, .epsilon = 1e-5));
    SAME(fv_lrn(ctx, 5), fv_lrn(ctx, 5, .alpha = 1e-4, .beta = 0.75, .k = 1));
    SAME(fv_gelu(ctx), fv_gelu(ctx, .approximate = FV_GELU_EXACT));
    SAME(fv_softplus(ctx), fv_softplus(ctx, .beta = 1, .threshold = 20));
#undef INPUT
}

/* Zero where it is a value is zero. */
static void test_zero_means_zero(void **state)
{
    (void)state;
    fv_context *ctx = begin_context();
    double x[] = { -1, 2, -3, 4 };
    fv_tensor vector = FV_TENSOR(x, FV_F64, 1, 4);
    const double relu[] = { 0, 2, 0, 4 };
    fv_layer *layers[] = { fv_dropout(ctx, 0), fv_leaky_relu(ctx, 0),
                           fv_elu(ctx, 0),
                           fv_prelu(ctx, 0, .in_shape = { 4 }) };
    for (int i = 0; i < 4; i++) {
        fv_variable *y = fv_layer_forward(layers[i], fv_constant(ctx, &vector));
        const double *at = fv_variable_value(y)->data;
        for (int k = 0; k < 4; k++) assert_true(at[k] == (i ? relu : x)[k]);
    }
    assert_ok(ctx);
    fv_context_free(ctx);
}

/* ---- limits -------------------------------------------------------------- */

typedef union options {
    fv_layer_options first;
    fv_convolutional_options conv;
    fv_conv_transpose_options transposed;
    fv_separable_conv2d_options separable;
    fv_linear_options linear;
    fv_pool_options pool;
    fv_dropout_options dropout;
    fv_batchnorm_options norm;
    fv_layernorm_options layernorm;
    fv_rmsnorm_options rmsnorm;
    fv_l2norm_options l2norm;
    fv_groupnorm_options groupnorm;
    fv_instancenorm_options instancenorm;
    fv_lrn_options lrn;
    fv_leaky_relu_options leaky;
    fv_prelu_options prelu;
    fv_elu_options elu;
    fv_softplus_options softplus;
    fv_celu_options celu;
    fv_gelu_options gelu;
    fv_hard_tanh_options hard_tanh;
    fv_recurrent_options recurrent;
    fv_loss_options loss;
    fv_huber_options huber;
    fv_smooth_l1_options smooth_l1;
    fv_bce_options bce;
    fv_kl_options kl;
    fv_nll_options nll;
    fv_hinge_options hinge;
    fv_dice_options dice;
    fv_ctc_options ctc;
    fv_cosine_embedding_options cosine;
    fv_triplet_options triplet;
    fv_sigmoid_focal_options sigmoid_focal;
    fv_softmax_focal_options softmax_focal;
    fv_sigmoid_cross_entropy_options sigmoid;
    fv_softmax_cross_entropy_options softmax;
} options;

/* Values of one number of the options: the least and the most that are legal,
 * then what lies outside, with its sentence; NULL where there is no limit. */
#define INT64(member, low, high) offsetof(options, member), 'l', 0, 0, low, high
#define INT32(member, low, high) offsetof(options, member), 'i', 0, 0, low, high
#define DOUBLE(member, low, high)                                              \
    offsetof(options, member), 'd', low, high, 0, 0
typedef struct limit {
    const char *kind;
    size_t offset;
    char form;
    double least, most;
    int64_t lowest, highest;
    double under, over;
    const char *too_low, *too_high;
} limit;

static const limit limits[] = {
    { "conv2d", INT64(conv.num_filters, 1, 1000), 0, 0,
      "conv2d: filters 0 is below 1", NULL },
    { "conv2d", INT64(conv.kernel[0], 1, 8), -1, 9,
      "conv2d: kernel -1 is below 1",
      "conv2d: kernel 9x2 exceeds input 8x8 (height x width, padding 0)" },
    { "conv2d", INT64(conv.stride[1], 1, INT64_C(140737488355327)), -1, 0x1p47,
      "conv2d: stride -1 is below 1",
      "conv2d: stride 140737488355328 is over 140737488355327" },
    { "conv2d", INT64(conv.dilation[0], 1, 7), -1, 8,
      "conv2d: dilation -1 is below 1",
      "conv2d: kernel 2x2 dilated by 8 spans 9x9, more than the padded input "
      "8x8" },
    { "conv2d", INT64(conv.padding[0], 0, 1000), -1, 0x1p47,
      "conv2d: padding -1 is below 0",
      "conv2d: padding 140737488355328 is over 140737488355327" },
    { "conv2d", INT64(conv.padding_begin[1], 0, 1000), -1, 0,
      "conv2d: padding -1 is below 0", NULL },
    { "conv2d", INT64(conv.padding_end[0], 0, 1000), -1, 0,
      "conv2d: padding -1 is below 0", NULL },
    { "conv2d", INT64(conv.groups, 1, 4), -1, 8, "conv2d: groups -1 is below 1",
      "conv2d: groups 8 does not divide channels 4" },
    { "conv2d", INT64(conv.max_workspace, FV_OFF, INT64_MAX), -1, 0,
      "conv2d: max_workspace -1 is below 0", NULL },
    { "conv2d", INT32(conv.auto_pad, 0, FV_AUTO_PAD_SAME_LOWER), -1, 4,
      "conv2d: auto_pad -1 is unknown (0 to 3)",
      "conv2d: auto_pad 4 is unknown (0 to 3)" },
    { "conv2d", INT32(conv.init, 0, FV_INIT_ORTHOGONAL), -1, 15,
      "conv2d: init -1 is unknown (0 to 14)",
      "conv2d: init 15 is unknown (0 to 14)" },
    { "conv2d", INT32(conv.init_fan, 0, FV_FAN_AVERAGE), -1, 3,
      "conv2d: init_fan -1 is unknown (0 to 2)",
      "conv2d: init_fan 3 is unknown (0 to 2)" },
    { "conv2d", INT32(conv.algorithm, 0, FV_CONV_DIRECT), -1, 8,
      "conv2d: algorithm -1 is unknown (0 to 7)",
      "conv2d: algorithm 8 is unknown (0 to 7)" },
    { "conv2d", INT32(conv.padding_mode, 0, FV_PAD_CONSTANT), -1, 5,
      "conv2d: padding_mode -1 is unknown (0 to 4)",
      "conv2d: padding_mode 5 is unknown (0 to 4)" },
    { "conv2d", DOUBLE(conv.padding_value, -DBL_MAX, DBL_MAX),
      -(double)INFINITY, (double)INFINITY, "conv2d: padding_value -inf",
      "conv2d: padding_value inf" },
    { "conv2d", DOUBLE(conv.init_value, -DBL_MAX, DBL_MAX), -(double)INFINITY,
      (double)INFINITY, "conv2d: init_value -inf", "conv2d: init_value inf" },
    { "conv_transpose2d", INT64(transposed.num_filters, 1, 1000), 0, 0,
      "conv_transpose2d: filters 0 is below 1", NULL },
    { "conv_transpose2d", INT64(transposed.kernel[0], 1, 9), -1, 0,
      "conv_transpose2d: kernel -1 is below 1", NULL },
    { "conv_transpose2d", INT64(transposed.stride[1], 1, 100), -1, 0x1p47,
      "conv_transpose2d: stride -1 is below 1",
      "conv_transpose2d: stride 140737488355328 is over 140737488355327" },
    { "conv_transpose2d", INT64(transposed.dilation[0], 1, 100), -1, 0,
      "conv_transpose2d: dilation -1 is below 1", NULL },
    { "conv_transpose2d", INT64(transposed.padding[0], 0, 4), -1, 5,
      "conv_transpose2d: padding -1 is below 0",
      "conv_transpose2d: input 8x8 gives an output of -1x9, the padding takes "
      "all of it" },
    { "conv_transpose2d", INT64(transposed.padding_begin[1], 0, 8), -1, 9,
      "conv_transpose2d: padding -1 is below 0",
      "conv_transpose2d: input 8x8 gives an output of 9x0, the padding takes "
      "all of it" },
    { "conv_transpose2d", INT64(transposed.padding_end[0], 0, 8), -1, 0,
      "conv_transpose2d: padding -1 is below 0", NULL },
    { "conv_transpose2d", INT64(transposed.output_padding[0], 0, 0), -1, 1,
      "conv_transpose2d: output_padding -1 is not in 0..0, below the larger of "
      "stride 1 and dilation 1",
      "conv_transpose2d: output_padding 1 is not in 0..0, below the larger of "
      "stride 1 and dilation 1" },
    { "conv_transpose2d", INT64(transposed.groups, 1, 4), -1, 8,
      "conv_transpose2d: groups -1 is below 1",
      "conv_transpose2d: groups 8 does not divide channels 4" },
    { "conv_transpose2d", INT64(transposed.max_workspace, FV_OFF, INT64_MAX),
      -1, 0, "conv_transpose2d: max_workspace -1 is below 0", NULL },
    { "conv_transpose2d", INT32(transposed.init, 0, FV_INIT_ORTHOGONAL), -1, 15,
      "conv_transpose2d: init -1 is unknown (0 to 14)",
      "conv_transpose2d: init 15 is unknown (0 to 14)" },
    { "conv_transpose2d", INT32(transposed.init_fan, 0, FV_FAN_AVERAGE), -1, 3,
      "conv_transpose2d: init_fan -1 is unknown (0 to 2)",
      "conv_transpose2d: init_fan 3 is unknown (0 to 2)" },
    { "conv_transpose2d", INT32(transposed.algorithm, 0, FV_CONV_DIRECT), -1, 8,
      "conv_transpose2d: algorithm -1 is unknown (0 to 7)",
      "conv_transpose2d: algorithm 8 is unknown (0 to 7)" },
    { "conv_transpose2d", DOUBLE(transposed.init_value, -DBL_MAX, DBL_MAX),
      -(double)INFINITY, (double)INFINITY, "conv_transpose2d: init_value -inf",
      "conv_transpose2d: init_value inf" },
    { "conv2d",
      INT32(conv.parametrization, 0, FV_PARAMETRIZATION_SPECTRAL_NORM), -1, 4,
      "conv2d: parametrization -1 is unknown (0 to 3)",
      "conv2d: parametrization 4 is unknown (0 to 3)" },
    { "conv2d", DOUBLE(conv.weight_epsilon, DBL_MIN, 1), -1, 2,
      "conv2d: weight_epsilon -1 is not above 0 and at most 1",
      "conv2d: weight_epsilon 2 is not above 0 and at most 1" },
    { "conv_transpose2d",
      INT32(transposed.parametrization, 0, FV_PARAMETRIZATION_SPECTRAL_NORM),
      -1, 4, "conv_transpose2d: parametrization -1 is unknown (0 to 3)",
      "conv_transpose2d: parametrization 4 is unknown (0 to 3)" },
    { "conv_transpose2d", DOUBLE(transposed.weight_epsilon, DBL_MIN, 1), -1, 2,
      "conv_transpose2d: weight_epsilon -1 is not above 0 and at most 1",
      "conv_transpose2d: weight_epsilon 2 is not above 0 and at most 1" },
    { "separable_conv2d", INT64(separable.num_filters, 1, 1000), 0, 0,
      "separable_conv2d: filters 0 is below 1", NULL },
    { "separable_conv2d", INT64(separable.kernel[0], 1, 8), -1, 9,
      "separable_conv2d: kernel -1 is below 1",
      "separable_conv2d: kernel 9x2 exceeds input 8x8 (height x width, padding "
      "0)" },
    { "separable_conv2d", INT64(separable.stride[1], 1, 1000), -1, 0,
      "separable_conv2d: stride -1 is below 1", NULL },
    { "separable_conv2d", INT64(separable.dilation[0], 1, 7), -1, 0,
      "separable_conv2d: dilation -1 is below 1", NULL },
    { "separable_conv2d", INT64(separable.multiplier, 1, 5), -1, 0,
      "separable_conv2d: multiplier -1 is below 1", NULL },
    { "separable_conv2d", INT64(separable.padding_begin[1], 0, 9), -1, 0,
      "separable_conv2d: padding -1 is below 0", NULL },
    { "separable_conv2d", INT64(separable.padding_end[0], 0, 9), -1, 0,
      "separable_conv2d: padding -1 is below 0", NULL },
    { "separable_conv2d", INT32(separable.init, 0, FV_INIT_CONSTANT), -1, 15,
      "separable_conv2d: init -1 is unknown (0 to 14)",
      "separable_conv2d: init 15 is unknown (0 to 14)" },
    { "separable_conv2d", DOUBLE(separable.init_gain, -DBL_MAX, DBL_MAX),
      -(double)INFINITY, (double)INFINITY, "separable_conv2d: init_gain -inf",
      "separable_conv2d: init_gain inf" },
    { "separable_conv2d", DOUBLE(separable.init_low, -DBL_MAX, DBL_MAX),
      -(double)INFINITY, (double)INFINITY, "separable_conv2d: init_low -inf",
      "separable_conv2d: init_low inf" },
    { "separable_conv2d", DOUBLE(separable.init_high, -DBL_MAX, DBL_MAX),
      -(double)INFINITY, (double)INFINITY, "separable_conv2d: init_high -inf",
      "separable_conv2d: init_high inf" },
    { "separable_conv2d", DOUBLE(separable.init_deviation, 1e-300, DBL_MAX), -1,
      (double)INFINITY,
      "separable_conv2d: init_deviation -1 is not above 0 and finite",
      "separable_conv2d: init_deviation inf" },
    { "separable_conv2d", INT32(separable.init_fan, 0, FV_FAN_AVERAGE), -1, 3,
      "separable_conv2d: init_fan -1 is unknown (0 to 2)",
      "separable_conv2d: init_fan 3 is unknown (0 to 2)" },
    { "separable_conv2d", DOUBLE(separable.init_value, -DBL_MAX, DBL_MAX),
      -(double)INFINITY, (double)INFINITY, "separable_conv2d: init_value -inf",
      "separable_conv2d: init_value inf" },
    { "linear", INT64(linear.num_outputs, 1, 1000), 0, 0,
      "linear: 0 outputs, expected at least 1", NULL },
    { "linear", INT32(linear.init, 0, FV_INIT_ORTHOGONAL), -1, 15,
      "linear: init -1 is unknown (0 to 14)",
      "linear: init 15 is unknown (0 to 14)" },
    { "linear", INT32(linear.init_fan, 0, FV_FAN_AVERAGE), -1, 3,
      "linear: init_fan -1 is unknown (0 to 2)",
      "linear: init_fan 3 is unknown (0 to 2)" },
    { "linear", DOUBLE(linear.init_value, -DBL_MAX, DBL_MAX), -(double)INFINITY,
      (double)INFINITY, "linear: init_value -inf", "linear: init_value inf" },
    { "linear",
      INT32(linear.parametrization, 0, FV_PARAMETRIZATION_SPECTRAL_NORM), -1, 4,
      "linear: parametrization -1 is unknown (0 to 3)",
      "linear: parametrization 4 is unknown (0 to 3)" },
    { "linear", DOUBLE(linear.weight_epsilon, DBL_MIN, 1), -1, 2,
      "linear: weight_epsilon -1 is not above 0 and at most 1",
      "linear: weight_epsilon 2 is not above 0 and at most 1" },
    { "maxpool", INT64(pool.kernel[0], 1, 8), -1, 9,
      "maxpool: kernel -1 is below 1",
      "maxpool: kernel 9x2 exceeds input 8x8 (height x width, padding 0)" },
    { "maxpool", INT64(pool.stride[0], 1, 1000), -1, 0,
      "maxpool: stride -1 is below 1", NULL },
    { "maxpool", INT64(pool.padding[0], 0, 1), -1, 2,
      "maxpool: padding -1 is below 0",
      "maxpool: padding 2 is not below kernel 2" },
    { "maxpool", INT64(pool.padding_begin[0], 0, 1), -1, 2,
      "maxpool: padding -1 is below 0",
      "maxpool: padding 2 is not below kernel 2" },
    { "maxpool", INT64(pool.padding_end[0], 0, 1), -1, 2,
      "maxpool: padding -1 is below 0",
      "maxpool: padding 2 is not below kernel 2" },
    { "avgpool", INT64(pool.stride[1], 1, 1000), -1, 0,
      "avgpool: stride -1 is below 1", NULL },
    { "avgpool", INT64(pool.padding_begin[1], 0, 1), -1, 2,
      "avgpool: padding -1 is below 0",
      "avgpool: padding 2 is not below kernel 2" },
    { "avgpool", INT64(pool.padding_end[1], 0, 1), -1, 2,
      "avgpool: padding -1 is below 0",
      "avgpool: padding 2 is not below kernel 2" },
    { "avgpool", INT64(pool.kernel[1], 1, 8), -1, 9,
      "avgpool: kernel -1 is below 1",
      "avgpool: kernel 2x9 exceeds input 8x8 (height x width, padding 0)" },
    { "maxpool", INT64(pool.dilation[0], 1, 7), -1, 8,
      "maxpool: dilation -1 is below 1",
      "maxpool: kernel 2x2 dilated by 8 spans 9x9, more than the padded input "
      "8x8" },
    { "avgpool", INT64(pool.dilation[1], 1, 7), -1, 0,
      "avgpool: dilation -1 is below 1", NULL },
    { "avgpool", INT64(pool.divisor, 0, 1000), -1, 0,
      "avgpool: divisor -1 is below 0", NULL },
    { "lppool", INT64(pool.kernel[0], 1, 8), -1, 9,
      "lppool: kernel -1 is below 1",
      "lppool: kernel 9x2 exceeds input 8x8 (height x width, padding 0)" },
    { "lppool", INT64(pool.stride[1], 1, 1000), -1, 0,
      "lppool: stride -1 is below 1", NULL },
    { "lppool", INT64(pool.padding_begin[1], 0, 1), -1, 2,
      "lppool: padding -1 is below 0",
      "lppool: padding 2 is not below kernel 2" },
    { "lppool", INT64(pool.padding_end[1], 0, 1), -1, 2,
      "lppool: padding -1 is below 0",
      "lppool: padding 2 is not below kernel 2" },
    { "lppool", INT64(pool.dilation[1], 1, 7), -1, 0,
      "lppool: dilation -1 is below 1", NULL },
    { "lppool", DOUBLE(pool.p, 1e-300, DBL_MAX), -1, (double)INFINITY,
      "lppool: p -1 is not above 0 and finite", "lppool: p inf" },
    { "avgpool", INT32(pool.auto_pad, 0, FV_AUTO_PAD_SAME_LOWER), -1, 4,
      "avgpool: auto_pad -1 is unknown (0 to 3)",
      "avgpool: auto_pad 4 is unknown (0 to 3)" },
    { "dropout", DOUBLE(dropout.probability, 0, 1), -0.001, 1.001,
      "dropout: probability -0.001 is not in 0..1",
      "dropout: probability 1.001 is not in 0..1" },
    { "batchnorm", DOUBLE(norm.epsilon, 1e-300, 1), -1e-300, 1.001,
      "batchnorm: epsilon -1e-300 is not above 0 and at most 1",
      "batchnorm: epsilon 1.001 is not above 0 and at most 1" },
    { "batchnorm", DOUBLE(norm.momentum, 1e-300, 1), -1e-300, 1.001,
      "batchnorm: momentum -1e-300 is not above 0 and at most 1",
      "batchnorm: momentum 1.001 is not above 0 and at most 1" },
    { "layernorm", INT64(layernorm.axes, 1, 3), -1, 4,
      "layernorm: axes -1 is not 1 to 3, as the input has",
      "layernorm: axes 4 is not 1 to 3, as the input has" },
    { "rmsnorm", INT64(rmsnorm.axes, 1, 3), -1, 4,
      "rmsnorm: axes -1 is not 1 to 3, as the input has",
      "rmsnorm: axes 4 is not 1 to 3, as the input has" },
    { "l2norm", INT64(l2norm.axes, 1, 3), -1, 4,
      "l2norm: axes -1 is not 1 to 3, as the input has",
      "l2norm: axes 4 is not 1 to 3, as the input has" },
    { "layernorm", DOUBLE(layernorm.epsilon, 1e-300, 1), -1e-300, 1.001,
      "layernorm: epsilon -1e-300 is not above 0 and at most 1",
      "layernorm: epsilon 1.001 is not above 0 and at most 1" },
    { "rmsnorm", DOUBLE(rmsnorm.epsilon, 1e-300, 1), -1e-300, 1.001,
      "rmsnorm: epsilon -1e-300 is not above 0 and at most 1",
      "rmsnorm: epsilon 1.001 is not above 0 and at most 1" },
    { "l2norm", DOUBLE(l2norm.epsilon, 1e-300, 1), -1e-300, 1.001,
      "l2norm: epsilon -1e-300 is not above 0 and at most 1",
      "l2norm: epsilon 1.001 is not above 0 and at most 1" },
    { "groupnorm", DOUBLE(groupnorm.epsilon, 1e-300, 1), -1e-300, 1.001,
      "groupnorm: epsilon -1e-300 is not above 0 and at most 1",
      "groupnorm: epsilon 1.001 is not above 0 and at most 1" },
    { "instancenorm", DOUBLE(instancenorm.epsilon, 1e-300, 1), -1e-300, 1.001,
      "instancenorm: epsilon -1e-300 is not above 0 and at most 1",
      "instancenorm: epsilon 1.001 is not above 0 and at most 1" },
    { "groupnorm", INT64(groupnorm.groups, 1, 4), 0, 3,
      "groupnorm: groups 0 is below 1",
      "groupnorm: groups 3 does not divide channels 4" },
    { "lrn", INT64(lrn.channels, 1, INT64_MAX), 0, 0, "lrn: size 0 is below 1",
      NULL },
    { "lrn", DOUBLE(lrn.alpha, 1e-300, DBL_MAX), -1e-300, (double)INFINITY,
      "lrn: alpha -1e-300 is not above 0 and finite", "lrn: alpha inf" },
    { "lrn", DOUBLE(lrn.beta, 1e-300, DBL_MAX), -1e-300, (double)INFINITY,
      "lrn: beta -1e-300 is not above 0 and finite", "lrn: beta inf" },
    { "lrn", DOUBLE(lrn.k, 1e-300, DBL_MAX), -1e-300, (double)INFINITY,
      "lrn: k -1e-300 is not above 0 and finite", "lrn: k inf" },
    { "leaky_relu", DOUBLE(leaky.slope, -DBL_MAX, DBL_MAX), -(double)INFINITY,
      (double)INFINITY, "leaky_relu: slope -inf", "leaky_relu: slope inf" },
    { "prelu", DOUBLE(prelu.slope, -DBL_MAX, DBL_MAX), -(double)INFINITY,
      (double)INFINITY, "prelu: slope -inf", "prelu: slope inf" },
    { "elu", DOUBLE(elu.alpha, -DBL_MAX, DBL_MAX), -(double)INFINITY,
      (double)INFINITY, "elu: alpha -inf", "elu: alpha inf" },
    { "celu", DOUBLE(celu.alpha, 1e-300, DBL_MAX), 0, (double)INFINITY,
      "celu: alpha 0 is not above 0", "celu: alpha inf" },
    { "gelu", INT32(gelu.approximate, 0, FV_GELU_TANH), -1, 2,
      "gelu: approximate -1 is unknown (0 to 1)",
      "gelu: approximate 2 is unknown (0 to 1)" },
    { "hard_tanh", DOUBLE(hard_tanh.low, -DBL_MAX, 0.999), -(double)INFINITY, 1,
      "hard_tanh: low -inf", "hard_tanh: low 1 is not below high 1" },
    { "hard_tanh", DOUBLE(hard_tanh.high, -0.999, DBL_MAX), -1,
      (double)INFINITY, "hard_tanh: low -1 is not below high -1",
      "hard_tanh: high inf" },
    { "softplus", DOUBLE(softplus.beta, -DBL_MAX, DBL_MAX), -(double)INFINITY,
      (double)INFINITY, "softplus: beta -inf", "softplus: beta inf" },
    { "softplus", DOUBLE(softplus.threshold, -DBL_MAX, DBL_MAX),
      -(double)INFINITY, (double)INFINITY, "softplus: threshold -inf",
      "softplus: threshold inf" },
    { "lstm", INT64(recurrent.hidden, 1, 99), 0, 0,
      "lstm: hidden is 0, expected at least 1", NULL },
    { "gru", INT64(recurrent.hidden, 1, 99), -1, 0,
      "gru: hidden is -1, expected at least 1", NULL },
    { "rnn", INT64(recurrent.hidden, 1, 99), -1, 0,
      "rnn: hidden is -1, expected at least 1", NULL },
    { "mse", INT32(loss.reduction, 0, FV_REDUCTION_BATCH), -1, 5,
      "mse: reduction -1 is unknown (0 to 4)",
      "mse: reduction 5 is unknown (0 to 4)" },
    { "l1", INT32(loss.reduction, 0, FV_REDUCTION_BATCH), -1, 5,
      "l1: reduction -1 is unknown (0 to 4)",
      "l1: reduction 5 is unknown (0 to 4)" },
    { "huber", INT32(huber.reduction, 0, FV_REDUCTION_BATCH), -1, 5,
      "huber: reduction -1 is unknown (0 to 4)",
      "huber: reduction 5 is unknown (0 to 4)" },
    { "smooth_l1", INT32(smooth_l1.reduction, 0, FV_REDUCTION_BATCH), -1, 5,
      "smooth_l1: reduction -1 is unknown (0 to 4)",
      "smooth_l1: reduction 5 is unknown (0 to 4)" },
    { "bce", INT32(bce.reduction, 0, FV_REDUCTION_BATCH), -1, 5,
      "bce: reduction -1 is unknown (0 to 4)",
      "bce: reduction 5 is unknown (0 to 4)" },
    { "kl", INT32(kl.reduction, 0, FV_REDUCTION_BATCH), -1, 5,
      "kl: reduction -1 is unknown (0 to 4)",
      "kl: reduction 5 is unknown (0 to 4)" },
    { "nll", INT32(nll.reduction, 0, FV_REDUCTION_BATCH), -1, 5,
      "nll: reduction -1 is unknown (0 to 4)",
      "nll: reduction 5 is unknown (0 to 4)" },
    { "hinge", INT32(hinge.reduction, 0, FV_REDUCTION_BATCH), -1, 5,
      "hinge: reduction -1 is unknown (0 to 4)",
      "hinge: reduction 5 is unknown (0 to 4)" },
    { "sigmoid_focal", INT32(sigmoid_focal.reduction, 0, FV_REDUCTION_BATCH),
      -1, 5, "sigmoid_focal: reduction -1 is unknown (0 to 4)",
      "sigmoid_focal: reduction 5 is unknown (0 to 4)" },
    { "softmax_focal", INT32(softmax_focal.reduction, 0, FV_REDUCTION_BATCH),
      -1, 5, "softmax_focal: reduction -1 is unknown (0 to 4)",
      "softmax_focal: reduction 5 is unknown (0 to 4)" },
    { "sigmoid_cross_entropy", INT32(sigmoid.reduction, 0, FV_REDUCTION_BATCH),
      -1, 5, "sigmoid_cross_entropy: reduction -1 is unknown (0 to 4)",
      "sigmoid_cross_entropy: reduction 5 is unknown (0 to 4)" },
    { "softmax_cross_entropy", INT32(softmax.reduction, 0, FV_REDUCTION_BATCH),
      -1, 5, "softmax_cross_entropy: reduction -1 is unknown (0 to 4)",
      "softmax_cross_entropy: reduction 5 is unknown (0 to 4)" },
    { "huber", DOUBLE(huber.delta, 1e-300, DBL_MAX), -1, (double)INFINITY,
      "huber: delta -1 is not above 0 and finite", "huber: delta inf" },
    { "smooth_l1", DOUBLE(smooth_l1.beta, 1e-300, DBL_MAX), -1,
      (double)INFINITY, "smooth_l1: beta -1 is not above 0 and finite",
      "smooth_l1: beta inf" },
    { "sigmoid_focal", DOUBLE(sigmoid_focal.gamma, 1e-300, DBL_MAX), -1,
      (double)INFINITY, "sigmoid_focal: gamma -1 is not above 0 and finite",
      "sigmoid_focal: gamma inf" },
    { "softmax_focal", DOUBLE(softmax_focal.gamma, 1e-300, DBL_MAX), -1,
      (double)INFINITY, "softmax_focal: gamma -1 is not above 0 and finite",
      "softmax_focal: gamma inf" },
    { "sigmoid_focal", DOUBLE(sigmoid_focal.alpha, -DBL_MAX, DBL_MAX),
      -(double)INFINITY, (double)INFINITY, "sigmoid_focal: alpha -inf",
      "sigmoid_focal: alpha inf" },
    { "hinge", DOUBLE(hinge.margin, -DBL_MAX, DBL_MAX), -(double)INFINITY,
      (double)INFINITY, "hinge: margin -inf", "hinge: margin inf" },
    { "hinge", DOUBLE(hinge.power, 1, 2), 0.5, 3,
      "hinge: power 0.5 is neither 1 nor 2",
      "hinge: power 3 is neither 1 nor 2" },
    { "softmax_cross_entropy", DOUBLE(softmax.label_smoothing, 0, 1), -0.1, 1.1,
      "softmax_cross_entropy: label_smoothing -0.1 is not in 0..1",
      "softmax_cross_entropy: label_smoothing 1.1 is not in 0..1" },
    { "conv2d", DOUBLE(conv.init_gain, -DBL_MAX, DBL_MAX), -(double)INFINITY,
      (double)INFINITY, "conv2d: init_gain -inf", "conv2d: init_gain inf" },
    { "conv2d", DOUBLE(conv.init_low, -DBL_MAX, DBL_MAX), -(double)INFINITY,
      (double)INFINITY, "conv2d: init_low -inf", "conv2d: init_low inf" },
    { "conv2d", DOUBLE(conv.init_high, -DBL_MAX, DBL_MAX), -(double)INFINITY,
      (double)INFINITY, "conv2d: init_high -inf", "conv2d: init_high inf" },
    { "conv2d", DOUBLE(conv.init_deviation, 1e-300, DBL_MAX), -1,
      (double)INFINITY, "conv2d: init_deviation -1 is not above 0 and finite",
      "conv2d: init_deviation inf" },
    { "conv_transpose2d", DOUBLE(transposed.init_gain, -DBL_MAX, DBL_MAX),
      -(double)INFINITY, (double)INFINITY, "conv_transpose2d: init_gain -inf",
      "conv_transpose2d: init_gain inf" },
    { "conv_transpose2d", DOUBLE(transposed.init_low, -DBL_MAX, DBL_MAX),
      -(double)INFINITY, (double)INFINITY, "conv_transpose2d: init_low -inf",
      "conv_transpose2d: init_low inf" },
    { "conv_transpose2d", DOUBLE(transposed.init_high, -DBL_MAX, DBL_MAX),
      -(double)INFINITY, (double)INFINITY, "conv_transpose2d: init_high -inf",
      "conv_transpose2d: init_high inf" },
    { "conv_transpose2d", DOUBLE(transposed.init_deviation, 1e-300, DBL_MAX),
      -1, (double)INFINITY,
      "conv_transpose2d: init_deviation -1 is not above 0 and finite",
      "conv_transpose2d: init_deviation inf" },
    { "linear", DOUBLE(linear.init_gain, -DBL_MAX, DBL_MAX), -(double)INFINITY,
      (double)INFINITY, "linear: init_gain -inf", "linear: init_gain inf" },
    { "linear", DOUBLE(linear.init_low, -DBL_MAX, DBL_MAX), -(double)INFINITY,
      (double)INFINITY, "linear: init_low -inf", "linear: init_low inf" },
    { "linear", DOUBLE(linear.init_high, -DBL_MAX, DBL_MAX), -(double)INFINITY,
      (double)INFINITY, "linear: init_high -inf", "linear: init_high inf" },
    { "linear", DOUBLE(linear.init_deviation, 1e-300, DBL_MAX), -1,
      (double)INFINITY, "linear: init_deviation -1 is not above 0 and finite",
      "linear: init_deviation inf" },
    { "dice", INT32(dice.reduction, 0, FV_REDUCTION_BATCH), -1, 5,
      "dice: reduction -1 is unknown (0 to 4)",
      "dice: reduction 5 is unknown (0 to 4)" },
    { "ctc", INT32(ctc.reduction, 0, FV_REDUCTION_BATCH), -1, 5,
      "ctc: reduction -1 is unknown (0 to 4)",
      "ctc: reduction 5 is unknown (0 to 4)" },
    { "cosine_embedding", INT32(cosine.reduction, 0, FV_REDUCTION_BATCH), -1, 5,
      "cosine_embedding: reduction -1 is unknown (0 to 4)",
      "cosine_embedding: reduction 5 is unknown (0 to 4)" },
    { "triplet", INT32(triplet.reduction, 0, FV_REDUCTION_BATCH), -1, 5,
      "triplet: reduction -1 is unknown (0 to 4)",
      "triplet: reduction 5 is unknown (0 to 4)" },
    { "dice", DOUBLE(dice.smooth, 1e-300, DBL_MAX), -1, (double)INFINITY,
      "dice: smooth -1 is not above 0 and finite", "dice: smooth inf" },
    { "ctc", INT64(ctc.max_labels, 1, 1000), 0, 0x1p40,
      "ctc: max_labels 0 is not in 1..2147483647",
      "ctc: max_labels 1099511627776 is not in 1..2147483647" },
    { "ctc", INT64(ctc.blank, 0, 3), -1, 4, "ctc: blank -1 is outside 0..3",
      "ctc: blank 4 is outside 0..3" },
    { "cosine_embedding", DOUBLE(cosine.margin, -DBL_MAX, DBL_MAX),
      -(double)INFINITY, (double)INFINITY, "cosine_embedding: margin -inf",
      "cosine_embedding: margin inf" },
    { "triplet", DOUBLE(triplet.margin, -DBL_MAX, DBL_MAX), -(double)INFINITY,
      (double)INFINITY, "triplet: margin -inf", "triplet: margin inf" },
    { "triplet", DOUBLE(triplet.power, 1, DBL_MAX), 0.5, (double)INFINITY,
      "triplet: power 0.5 is not 1 or more and finite", "triplet: power inf" },
};

/* A legal layer of that kind. */
static options base_of(fv_context *ctx, const fv__layer_type *type)
{
    const char *kind = type->kind;
    options o;
    memset(&o, 0, sizeof o);
    if (!strcmp(kind, "conv2d"))
        o.conv =
            (fv_convolutional_options){ .num_filters = 8, .kernel = { 2, 2 } };
    if (!strcmp(kind, "conv_transpose2d"))
        o.transposed =
            (fv_conv_transpose_options){ .num_filters = 8, .kernel = { 2, 2 } };
    if (!strcmp(kind, "separable_conv2d"))
        o.separable = (fv_separable_conv2d_options){ .num_filters = 8,
                                                     .kernel = { 2, 2 } };
    if (strstr(kind, "pool")) o.pool = (fv_pool_options){ .kernel = { 2, 2 } };
    if (!strcmp(kind, "linear")) o.linear.num_outputs = 3;
    if (!strcmp(kind, "celu")) o.celu.alpha = 1;
    if (!strcmp(kind, "groupnorm")) o.groupnorm.groups = 2;
    if (!strcmp(kind, "lrn")) o.lrn.channels = 5;
    const bool positions = strstr("lstm gru rnn", kind) != NULL;
    if (!strcmp(kind, "hard_tanh"))
        o.hard_tanh = (fv_hard_tanh_options){ .low = -1, .high = 1 };
    o.first.size = type->options_size;
    o.first.context = ctx;
    int64_t in[3] = { 8, 8, 4 };
    if (!strcmp(kind, "linear")) in[1] = in[2] = 0;
    if (positions) in[2] = 0;
    if (type->target && type->min_inputs > 1) in[1] = in[2] = 0;
    if (!strcmp(kind, "ctc")) {
        o.ctc.max_labels = 3;
        in[1] = 4;
        in[2] = 0;
    }
    memcpy((char *)&o + type->in_shape, in, sizeof in);
    return o;
}

/* The layer with one number of its options changed: whether it has a shape. */
static bool made(fv_context *ctx, const limit *l, double number, int64_t whole)
{
    const fv__layer_type *type = fv__layer_type_find(l->kind, strlen(l->kind));
    assert_non_null(type);
    options o = base_of(ctx, type);
    char *at = (char *)&o + l->offset;
    const int32_t word = (int32_t)whole;
    if (l->form == 'd') memcpy(at, &number, sizeof number);
    if (l->form == 'l') memcpy(at, &whole, sizeof whole);
    if (l->form == 'i') memcpy(at, &word, sizeof word);
    fv_layer *layer = fv__layer_new(type, &o);
    if (!layer || !type->target || type->min_inputs <= 1)
        return fv_layer_output_shape(layer).rank > 0;
    const fv_shape shape = { .rank = 1, .extent = { 8 } };
    const fv_shape inputs[] = { shape, shape, shape };
    return fv__layer_find_shape(layer, type->min_inputs, inputs, NULL) == FV_OK;
}

static bool has_limits(const char *kind)
{
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (!strcmp(limits[i].kind, kind)) return true;
    return false;
}

/* Every option of those kinds that is a number has limits above. */
static void test_no_limit_is_forgotten(void **state)
{
    (void)state;
    for (int t = 0; fv__layer_types[t]; t++) {
        const fv__layer_type *type = fv__layer_types[t];
        if (!has_limits(type->kind) || has_options_elsewhere(type->kind))
            continue;
        for (const fv__field *f = type->fields; f && f->key; f++) {
            bool found =
                f->kind == FV__FIELD_SWITCH || f->kind == FV__FIELD_LACK
                || f->kind == FV__FIELD_EXTENTS || f->kind == FV__FIELD_INDEX
                || f->kind == FV__FIELD_LIST || f->kind == FV__FIELD_TEXT
                || f->kind == FV__FIELD_LABEL || f->kind == FV__FIELD_NUMBERS;
            const size_t bytes = f->kind == FV__FIELD_WORD      ? 4
                                 : f->kind == FV__FIELD_AXES    ? 24
                                 : f->kind == FV__FIELD_PADDING ? 24
                                                                : 8;
            for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
                found |= !strcmp(limits[i].kind, type->kind)
                         && limits[i].offset >= f->offset
                         && limits[i].offset < f->offset + bytes;
            if (!found) fail_msg("%s: %s is not tested", type->kind, f->key);
        }
    }
}

static void test_limits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        const limit *l = &limits[i];
        const bool whole = l->form != 'd';
        fv_context *ctx = begin_context();
        assert_true(made(ctx, l, l->least, l->lowest));
        assert_true(made(ctx, l, l->most, l->highest));
        assert_ok(ctx);
        if (l->too_low) {
            assert_false(made(ctx, l, l->under, whole ? (int64_t)l->under : 0));
            assert_error(ctx, l->too_low);
        }
        if (l->too_high) {
            assert_false(made(ctx, l, l->over, whole ? (int64_t)l->over : 0));
            assert_error(ctx, l->too_high);
        }
        fv_context_free(ctx);
    }
}

/* ---- optimizers ---------------------------------------------------------- */

static fv_variables leaves_of(fv_context *ctx, fv_variable **at)
{
    *at = fv_variable_number(ctx, 1.5);
    return (fv_variables){ 1, at };
}

/* Where five steps down x^2 lead. */
static double steps_of(fv_context *ctx, fv_variables leaves, fv_optimizer *rule)
{
    assert_ok(ctx);
    for (int i = 0; i < 5; i++) {
        fv_backprop(fv_mul(leaves.at[0], leaves.at[0]));
        fv_optimizer_update(rule);
    }
    assert_ok(ctx);
    const double x = fv_item(leaves.at[0]);
    fv_context_free(ctx);
    return x;
}

/* Two ways to make an optimizer of `leaves`. */
#define SAME_RULE(omitted, written)                                            \
    do {                                                                       \
        fv_variable *at;                                                       \
        fv_context *ctx = begin_context();                                     \
        fv_variables leaves = leaves_of(ctx, &at);                             \
        const double a = steps_of(ctx, leaves, omitted);                       \
        ctx = begin_context();                                                 \
        leaves = leaves_of(ctx, &at);                                          \
        assert_true(steps_of(ctx, leaves, written) == a);                      \
    } while (0)
#define SGD(rate, ...) fv_sgd(NULL, rate, .variables = leaves, __VA_ARGS__)
#define ADAM(rate, ...) fv_adam(NULL, rate, .variables = leaves, __VA_ARGS__)
#define ADAMW(rate, decay, ...)                                                \
    fv_adamw(NULL, rate, decay, .variables = leaves, __VA_ARGS__)

static void test_defaults_of_optimizers(void **state)
{
    (void)state;
    SAME_RULE(fv_sgd(NULL, 0.1, .variables = leaves), SGD(0.1, .momentum = 0));
    SAME_RULE(SGD(0.1, .momentum = 0.5),
              SGD(0.1, .momentum = 0.5, .weight_decay = 0, .nesterov = 0));
    SAME_RULE(fv_adam(NULL, 0.1, .variables = leaves),
              ADAM(0.1, .betas = { 0.9, 0.999 }));
    SAME_RULE(ADAM(0.1, .betas = { 0, 0 }),
              ADAM(0.1, .epsilon = 1e-8, .weight_decay = 0));
    SAME_RULE(ADAM(0.1, .epsilon = 0), ADAMW(0.1, 0, .epsilon = 1e-8));
    SAME_RULE(SGD(0, .momentum = 0.9), ADAMW(0, 0.3, .epsilon = 0));
    /* beta1 0: the step is the sign of the gradient */
    fv_variable *at;
    fv_context *ctx = begin_context();
    fv_variables leaves = leaves_of(ctx, &at);
    fv_optimizer *rule = ADAM(0.25, .betas = { 0, 0.5 });
    fv_backprop(fv_mul(at, at));
    fv_optimizer_update(rule);
    assert_near(fv_item(at), 1.25, 1e-8);
    fv_backprop(fv_mul(at, at));
    fv_optimizer_update(rule);
    const double g = 2 * 1.25, v = (0.5 * 9 / 2 + g * g / 2) / 0.75;
    assert_near(fv_item(at), 1.25 - 0.25 * g / sqrt(v), 1e-7);
    fv_context_free(ctx);
}

#define REFUSE(make, sentence)                                                 \
    do {                                                                       \
        assert_null(make);                                                     \
        assert_error(ctx, sentence);                                           \
    } while (0)

static void test_limits_of_optimizers(void **state)
{
    (void)state;
    fv_variable *at;
    fv_context *ctx = begin_context();
    fv_variables leaves = leaves_of(ctx, &at);
    const double tiny = 0x1p-1074, below = nextafter(1, 0);
    assert_non_null(SGD(0, .momentum = 0));
    assert_non_null(SGD(DBL_MAX, .momentum = below));
    assert_non_null(SGD(1, .weight_decay = DBL_MAX));
    assert_non_null(SGD(1, .momentum = tiny, .nesterov = 1));
    assert_non_null(ADAM(0, .betas = { 0, tiny }, .epsilon = tiny));
    assert_non_null(ADAM(DBL_MAX, .betas = { below, below }));
    assert_non_null(ADAM(1, .epsilon = DBL_MAX, .weight_decay = DBL_MAX));
    assert_non_null(ADAMW(0, 0, .epsilon = 0));
    assert_non_null(ADAMW(0, DBL_MAX, .epsilon = 0));
    assert_ok(ctx);
    REFUSE(SGD(-1e-300, .momentum = 0),
           "sgd: learning_rate -1e-300 is not a number of at least 0");
    REFUSE(SGD((double)INFINITY, .momentum = 0),
           "sgd: learning_rate inf is not a number of at least 0");
    REFUSE(SGD(1, .momentum = -1e-300),
           "sgd: momentum -1e-300 is not at least 0 and below 1");
    REFUSE(SGD(1, .momentum = 1),
           "sgd: momentum 1 is not at least 0 and below 1");
    REFUSE(SGD(1, .weight_decay = -1e-300),
           "sgd: weight_decay -1e-300 is not a number of at least 0");
    REFUSE(SGD(1, .weight_decay = (double)INFINITY),
           "sgd: weight_decay inf is not a number of at least 0");
    REFUSE(SGD(1, .momentum = 0, .nesterov = 1),
           "sgd: nesterov needs a momentum above 0");
    REFUSE(ADAM(-1e-300, .epsilon = 0),
           "adam: learning_rate -1e-300 is not a number of at least 0");
    REFUSE(ADAMW((double)NAN, 0, .epsilon = 0),
           "adamw: learning_rate nan is not a number of at least 0");
    REFUSE(ADAM(1, .betas = { 1, 0.5 }),
           "adam: beta1 1 is not at least 0 and below 1");
    REFUSE(ADAM(1, .betas = { -1e-300, 0.5 }),
           "adam: beta1 -1e-300 is not at least 0 and below 1");
    REFUSE(ADAM(1, .betas = { 0.9, 0 }),
           "adam: beta2 0 is not above 0 and below 1");
    REFUSE(ADAMW(1, 0, .betas = { 0.9, 1 }),
           "adamw: beta2 1 is not above 0 and below 1");
    REFUSE(ADAM(1, .epsilon = -1e-300),
           "adam: epsilon -1e-300 is not above 0 and finite");
    REFUSE(ADAM(1, .epsilon = (double)INFINITY),
           "adam: epsilon inf is not above 0 and finite");
    REFUSE(ADAM(1, .weight_decay = -1e-300),
           "adam: weight_decay -1e-300 is not a number of at least 0");
    REFUSE(ADAMW(1, (double)INFINITY, .epsilon = 0),
           "adamw: weight_decay inf is not a number of at least 0");
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_of_the_text),
        cmocka_unit_test(test_no_default_is_forgotten),
        cmocka_unit_test(test_defaults_of_options),
        cmocka_unit_test(test_zero_means_zero),
        cmocka_unit_test(test_no_limit_is_forgotten),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_defaults_of_optimizers),
        cmocka_unit_test(test_limits_of_optimizers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
