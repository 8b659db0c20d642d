/* Every layer alone: shapes, variables, layouts, weights and when they are
 * drawn. */
#include "nets.h"

#include "layer/layer.h"

#define IMAGE .in_shape = { h, w, c }

static fv_layer *make_activation(fv_context *ctx, int which, int64_t h,
                                 int64_t w, int64_t c)
{
    switch (which) {
    case 7:
        return fv_relu(ctx, IMAGE);
    case 8:
        return fv_relu6(ctx, IMAGE);
    case 9:
        return fv_leaky_relu(ctx, 0.01, IMAGE);
    case 10:
        return fv_elu(ctx, 1, IMAGE);
    case 11:
        return fv_sigmoid(ctx, IMAGE);
    case 12:
        return fv_tanh(ctx, IMAGE);
    case 13:
        return fv_prelu(ctx, 0.25, IMAGE);
    case 14:
        return fv_softplus(ctx, IMAGE);
    case 15:
        return fv_softsign(ctx, IMAGE);
    case 16:
        return fv_selu(ctx, IMAGE);
    case 17:
        return fv_silu(ctx, IMAGE);
    case 18:
        return fv_mish(ctx, IMAGE);
    case 19:
        return fv_hard_sigmoid(ctx, IMAGE);
    case 20:
        return fv_hard_swish(ctx, IMAGE);
    case 21:
        return fv_celu(ctx, 1, IMAGE);
    case 22:
        return fv_gelu(ctx, IMAGE);
    case 23:
        return fv_hard_tanh(ctx, -1, 1, IMAGE);
    default:
        return NULL;
    }
}

static fv_layer *make_norm(fv_context *ctx, int which, int64_t h, int64_t w,
                           int64_t c)
{
    switch (which) {
    case 24:
        return fv_layernorm(ctx, IMAGE);
    case 25:
        return fv_rmsnorm(ctx, IMAGE, .axes = 3);
    case 26:
        return fv_l2norm(ctx, IMAGE);
    case 27:
        return fv_groupnorm(ctx, 2, IMAGE);
    case 28:
        return fv_instancenorm(ctx, IMAGE, .affine = 1);
    case 29:
        return fv_lrn(ctx, 3, IMAGE);
    default:
        return make_activation(ctx, which, h, w, c);
    }
}

/* One of each, for images of 6 x 5 with 4 channels or vectors of 12. */
static fv_layer *make(fv_context *ctx, int which)
{
    bool first = fv_context_layout(ctx) == FV_NCHW;
    int64_t h = first ? 4 : 6, w = first ? 6 : 5, c = first ? 5 : 4;
    switch (which) {
    case 0:
        return fv_convolutional(ctx, IMAGE, .num_filters = 3, .kernel = { 3 },
                                .padding = { 1, 0 }, .stride = { 2, 1 });
    case 1:
        return fv_convolutional(ctx, IMAGE, .num_filters = 8, .kernel = { 2 },
                                .groups = 4, .no_bias = 1);
    case 2:
        return fv_maxpool(ctx, IMAGE, .kernel = { 2 });
    case 3:
        return fv_avgpool(ctx, IMAGE, .kernel = { 3, 2 }, .stride = { 1 });
    case 4:
        return fv_batchnorm(ctx, IMAGE);
    case 5:
        return fv_global_average_pool(ctx, IMAGE);
    case 6:
        return fv_flatten(ctx, IMAGE);
    case 30:
        return fv_linear(ctx, 7, .in_shape = { 12 });
    case 31:
        return fv_softmax(ctx, .in_shape = { 12 });
    case 32:
        return fv_log_softmax(ctx, .in_shape = { 12 });
    default:
        return make_norm(ctx, which, h, w, c);
    }
}

enum { LAYERS = 33, VECTORS = 30 };

typedef struct expected {
    const char *kind;
    int64_t shape[3]; /* rows, columns, channels; or numbers */
    int variables;
} expected;

static const expected table[LAYERS] = {
    { "conv2d", { 3, 3, 3 }, 2 },
    { "conv2d", { 5, 4, 8 }, 1 },
    { "maxpool", { 3, 2, 4 }, 0 },
    { "avgpool", { 4, 4, 4 }, 0 },
    { "batchnorm", { 6, 5, 4 }, 2 },
    { "global_average_pool", { 1, 1, 4 }, 0 },
    { "flatten", { 120 }, 0 },
    { "relu", { 6, 5, 4 }, 0 },
    { "relu6", { 6, 5, 4 }, 0 },
    { "leaky_relu", { 6, 5, 4 }, 0 },
    { "elu", { 6, 5, 4 }, 0 },
    { "sigmoid", { 6, 5, 4 }, 0 },
    { "tanh", { 6, 5, 4 }, 0 },
    { "prelu", { 6, 5, 4 }, 1 },
    { "softplus", { 6, 5, 4 }, 0 },
    { "softsign", { 6, 5, 4 }, 0 },
    { "selu", { 6, 5, 4 }, 0 },
    { "silu", { 6, 5, 4 }, 0 },
    { "mish", { 6, 5, 4 }, 0 },
    { "hard_sigmoid", { 6, 5, 4 }, 0 },
    { "hard_swish", { 6, 5, 4 }, 0 },
    { "celu", { 6, 5, 4 }, 0 },
    { "gelu", { 6, 5, 4 }, 0 },
    { "hard_tanh", { 6, 5, 4 }, 0 },
    { "layernorm", { 6, 5, 4 }, 2 },
    { "rmsnorm", { 6, 5, 4 }, 1 },
    { "l2norm", { 6, 5, 4 }, 0 },
    { "groupnorm", { 6, 5, 4 }, 2 },
    { "instancenorm", { 6, 5, 4 }, 2 },
    { "lrn", { 6, 5, 4 }, 0 },
    { "linear", { 7 }, 2 },
    { "softmax", { 12 }, 0 },
    { "log_softmax", { 12 }, 0 },
};

static int64_t rank_of(const expected *e) { return e->shape[1] ? 3 : 1; }

static void test_shapes_are_known_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * LAYERS; i++) {
        const expected *e = &table[i / 2];
        bool first = i % 2;
        fv_context *ctx = NET_CONTEXT(.layout = first ? FV_NCHW : FV_NHWC);
        fv_layer *layer = make(ctx, i / 2);
        assert_string_equal(fv_layer_kind(layer), e->kind);
        assert_string_equal(fv_layer_name(layer), e->kind);
        fv_shape shape = fv_layer_output_shape(layer);
        assert_ok(ctx);
        assert_int_equal(shape.rank, rank_of(e));
        int64_t order[] = { e->shape[0], e->shape[1], e->shape[2] };
        if (first && shape.rank == 3) {
            order[0] = e->shape[2];
            order[1] = e->shape[0];
            order[2] = e->shape[1];
        }
        for (int32_t k = 0; k < shape.rank; k++)
            assert_int_equal(shape.extent[k], order[k]);
        assert_int_equal(fv_layer_variables(layer).count, e->variables);
        fv_context_free(ctx);
    }
}

static fv_tensor input(fv_context *ctx, int which)
{
    bool vector = which >= VECTORS;
    const int64_t image[] = { 2, 6, 5, 4 }, numbers[] = { 2, 12 };
    fv_tensor x =
        fv_tensor_new(ctx, FV_F64, vector ? 2 : 4, vector ? numbers : image);
    for (int64_t i = 0; i < fv_tensor_count(&x); i++)
        ((double *)x.data)[i] = 4 * net_number(i);
    return x;
}

/* The values of the layer's result in NHWC order, and its loss's gradient. */
static fv_tensor forward(fv_context *ctx, int which)
{
    fv_tensor x = input(ctx, which);
    const int32_t in[] = { 0, 3, 1, 2 }, out[] = { 0, 2, 3, 1 };
    bool first = fv_context_layout(ctx) == FV_NCHW;
    if (first && x.rank == 4) x = fv_tensor_permute(ctx, &x, in);
    fv_variable *v = fv_variable_new(ctx, &x);
    fv_layer *layer = make(ctx, which);
    fv_variable *y = fv_layer_forward(layer, v);
    assert_ok(ctx);
    fv_shape shape = fv_layer_output_shape(layer);
    const fv_tensor *value = fv_variable_value(y);
    assert_int_equal(value->rank, shape.rank + 1);
    for (int32_t k = 0; k < shape.rank; k++)
        assert_int_equal(value->shape[k + 1], shape.extent[k]);
    fv_tensor result = *value;
    if (first && result.rank == 4)
        result = fv_tensor_permute(ctx, &result, out);
    result = fv_tensor_dup(ctx, &result);
    assert_int_equal(fv_backprop(fv_mul(y, y)), FV_OK);
    bool some = false;
    const fv_tensor *grad = fv_variable_grad(v);
    for (int64_t i = 0; i < fv_tensor_count(grad); i++)
        some |= ((const double *)grad->data)[i] != 0;
    assert_true(some);
    assert_ok(ctx);
    return result;
}

static void test_layouts_have_the_same_values(void **state)
{
    (void)state;
    for (int i = 0; i < LAYERS; i++) {
        fv_context *a = NET_CONTEXT(.dtype = FV_F64, .seed = 3);
        fv_context *b =
            NET_CONTEXT(.dtype = FV_F64, .seed = 3, .layout = FV_NCHW);
        fv_tensor x = forward(a, i), y = forward(b, i);
        assert_true(fv_tensor_same_shape(&x, &y));
        assert_memory_equal(x.data, y.data, net_bytes(&x));
        fv_context_free(a);
        fv_context_free(b);
    }
}

static void test_dropout(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    enum { N = 20000 };
    fv_tensor ones = fv_tensor_new(ctx, FV_F64, 2, (const int64_t[]){ 2, N });
    for (int i = 0; i < 2 * N; i++) ((double *)ones.data)[i] = 1;
    const double given[] = { 0.5, 0.2, 0 };
    for (int k = 0; k < 3; k++) {
        fv_layer *layer = fv_dropout(ctx, given[k]);
        fv_variable *x = fv_constant(ctx, &ones);
        const double *y = fv_variable_value(fv_layer_forward(layer, x))->data;
        int dropped = 0;
        for (int i = 0; i < 2 * N; i++) {
            dropped += y[i] == 0;
            if (y[i] != 0) assert_near(y[i], 1 / (1 - given[k]), 1e-15);
        }
        assert_near(dropped / (2.0 * N), given[k], 0.01);
        fv_forget(ctx);
    }
    fv_training(ctx, 0);
    fv_variable *y =
        fv_layer_forward(fv_dropout(ctx, 0.5), fv_constant(ctx, &ones));
    assert_memory_equal(fv_variable_value(y)->data, ones.data,
                        net_bytes(&ones));
    fv_context_free(ctx);
}

static void test_add_and_concat(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64, .layout = FV_NCHW);
    double a[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, b[4] = { 10, 20, 30, 40 };
    fv_tensor two = FV_TENSOR(a, FV_F64, 1, 2, 2, 2);
    fv_tensor one = FV_TENSOR(b, FV_F64, 1, 1, 2, 2);
    fv_variable *x = fv_variable_new(ctx, &two),
                *y = fv_variable_new(ctx, &one);
    fv_variable *both[] = { x, y, x };
    fv_variable *joined = fv_layer_forward_n(fv_concat_layers(ctx), 3, both);
    assert_ok(ctx);
    const fv_tensor *value = fv_variable_value(joined);
    assert_int_equal(value->shape[1], 5);
    const double *at = value->data;
    for (int i = 0; i < 8; i++) assert_true(at[i] == a[i]);
    for (int i = 0; i < 4; i++) assert_true(at[8 + i] == b[i]);
    fv_variable *same[] = { x, x, x };
    at = fv_variable_value(fv_layer_forward_n(fv_add_layers(ctx), 3, same))
             ->data;
    for (int i = 0; i < 8; i++) assert_true(at[i] == 3 * a[i]);
    at = fv_variable_value(fv_layer_forward_n(fv_add_layers(ctx), 2, both))
             ->data;
    for (int i = 0; i < 8; i++) assert_true(at[i] == a[i] + b[i % 4]);
    fv_tensor narrow = FV_TENSOR(b, FV_F64, 1, 4, 1, 1);
    both[1] = fv_variable_new(ctx, &narrow);
    assert_null(fv_layer_forward_n(fv_add_layers(ctx), 2, both));
    assert_error(ctx, "add: inputs [2, 2, 2] and [4, 1, 1] differ in shape");
    assert_null(fv_layer_forward(fv_concat_layers(ctx), x));
    assert_error(ctx, "concat: 1 inputs, expected at least 2");
    fv_context_free(ctx);
}

static void test_losses(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    double x[] = { 1, 2, 3, -1, 0, 1 }, t[] = { 0, 1, 0, 1, 0, 0 };
    int32_t classes[] = { 1, 0 };
    fv_tensor logits = FV_TENSOR(x, FV_F64, 2, 3);
    fv_tensor values = FV_TENSOR(t, FV_F64, 2, 3);
    fv_tensor labels = FV_TENSOR(classes, FV_I32, 2);
    fv_variable *in[] = { fv_variable_new(ctx, &logits), NULL };
    double log_sum = log(exp(1) + exp(2) + exp(3));
    double cross = ((log_sum - 2) + (log(exp(-1) + 1 + exp(1)) + 1)) / 2;
    in[1] = fv_constant(ctx, &labels);
    fv_layer *loss = fv_softmax_cross_entropy(ctx);
    assert_near(fv_item(fv_layer_forward_n(loss, 2, in)), cross, 1e-14);
    in[1] = fv_constant(ctx, &values);
    assert_near(fv_item(fv_layer_forward_n(loss, 2, in)), cross, 1e-14);
    double square = 0, binary = 0;
    for (int i = 0; i < 6; i++) {
        square += (x[i] - t[i]) * (x[i] - t[i]) / 6;
        binary += (fmax(x[i], 0) - x[i] * t[i] + log1p(exp(-fabs(x[i])))) / 2;
    }
    assert_near(fv_item(fv_layer_forward_n(fv_mse(ctx), 2, in)), square, 1e-14);
    loss = fv_sigmoid_cross_entropy(ctx);
    assert_near(fv_item(fv_layer_forward_n(loss, 2, in)), binary, 1e-14);
    assert_ok(ctx);
    fv_context_free(ctx);
}

/* ---- variables ----------------------------------------------------------- */

static void test_variables_and_their_order(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.seed = 1);
    fv_layer *a = make(ctx, 0), *b = make(ctx, VECTORS), *norm = make(ctx, 4);
    /* weights are drawn on first use, in the order of use */
    fv_variables second = fv_layer_variables(b), first = fv_layer_variables(a);
    const fv_tensor *w = fv_variable_value(first.at[0]);
    assert_true(w->rank == 4 && w->shape[0] == 3 && w->shape[1] == 3
                && w->shape[2] == 3 && w->shape[3] == 4);
    assert_int_equal(fv_variable_value(first.at[1])->shape[0], 3);
    w = fv_variable_value(second.at[0]);
    assert_true(w->rank == 2 && w->shape[0] == 7 && w->shape[1] == 12);
    fv_variables gamma = fv_layer_variables(norm);
    for (int i = 0; i < 4; i++) {
        assert_true(((float *)fv_variable_value(gamma.at[0])->data)[i] == 1);
        assert_true(((float *)fv_variable_value(gamma.at[1])->data)[i] == 0);
    }
    /* asked again, they are the same */
    assert_ptr_equal(fv_layer_variables(a).at[0], first.at[0]);
    fv_context *other = NET_CONTEXT(.seed = 1);
    fv_layer *c = make(other, VECTORS);
    w = fv_variable_value(fv_layer_variables(c).at[0]);
    assert_memory_equal(w->data, fv_variable_value(second.at[0])->data,
                        net_bytes(w));
    assert_ok(ctx);
    assert_ok(other);
    fv_context_free(ctx);
    fv_context_free(other);
}

/* Who has no in_shape and no input has no shape; who takes one input takes no
 * second, and a sum or a row of them takes 64. */
static void test_number_of_inputs(void **state)
{
    (void)state;
    char sentence[100];
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_layer *const bare[] = {
        fv_convolutional(ctx, .num_filters = 2, .kernel = { 2 }),
        fv_maxpool(ctx, .kernel = { 2 }),
        fv_avgpool(ctx, .kernel = { 2 }),
        fv_lppool(ctx, .kernel = { 2 }),
        fv_adaptive_avgpool(ctx, .output = { 2 }),
        fv_adaptive_maxpool(ctx, .output = { 2 }),
        fv_global_max_pool(ctx),
        fv_batchnorm(ctx),
        fv_layernorm(ctx),
        fv_rmsnorm(ctx),
        fv_l2norm(ctx),
        fv_groupnorm(ctx, 1),
        fv_instancenorm(ctx),
        fv_lrn(ctx, 1),
        fv_global_average_pool(ctx),
        fv_flatten(ctx),
        fv_relu(ctx),
        fv_relu6(ctx),
        fv_leaky_relu(ctx, 0.01),
        fv_prelu(ctx, 0.25),
        fv_elu(ctx, 1),
        fv_softplus(ctx),
        fv_softsign(ctx),
        fv_selu(ctx),
        fv_silu(ctx),
        fv_mish(ctx),
        fv_hard_sigmoid(ctx),
        fv_hard_swish(ctx),
        fv_celu(ctx, 1),
        fv_gelu(ctx),
        fv_hard_tanh(ctx, -1, 1),
        fv_log_softmax(ctx),
        fv_sigmoid(ctx),
        fv_tanh(ctx),
        fv_linear(ctx, 3),
        fv_softmax(ctx),
        fv_dropout(ctx, 0.5),
        fv_mse(ctx),
        fv_l1(ctx),
        fv_huber(ctx),
        fv_smooth_l1(ctx),
        fv_bce(ctx),
        fv_kl(ctx),
        fv_sigmoid_focal(ctx),
        fv_softmax_focal(ctx),
        fv_nll(ctx),
        fv_hinge(ctx),
        fv_dice(ctx),
        fv_ctc(ctx, 4),
        fv_cosine_embedding(ctx),
        fv_triplet(ctx),
        fv_sigmoid_cross_entropy(ctx),
        fv_softmax_cross_entropy(ctx),
        fv_add_layers(ctx),
        fv_concat_layers(ctx),
    };
    for (size_t i = 0; i < sizeof bare / sizeof *bare; i++) {
        assert_int_equal(fv_layer_output_shape(bare[i]).rank, -1);
        snprintf(sentence, sizeof sentence,
                 "%s: in_shape is required for a layer used alone",
                 bare[i]->type->kind);
        assert_error(ctx, sentence);
    }
    fv_tensor image = input(ctx, 0), vector = input(ctx, VECTORS);
    fv_variable *images[65], *vectors[2];
    for (int i = 0; i < 65; i++) images[i] = fv_constant(ctx, &image);
    for (int i = 0; i < 2; i++) vectors[i] = fv_constant(ctx, &vector);
    for (int i = 0; i < LAYERS; i++) {
        fv_layer *layer = make(ctx, i);
        assert_null(
            fv_layer_forward_n(layer, 2, i < VECTORS ? images : vectors));
        snprintf(sentence, sizeof sentence, "%s: 2 inputs, expected 1",
                 layer->type->kind);
        assert_error(ctx, sentence);
    }
    assert_non_null(fv_layer_forward_n(fv_add_layers(ctx), 64, images));
    assert_null(fv_layer_forward_n(fv_add_layers(ctx), 65, images));
    assert_error(ctx, "add: 65 inputs is not in 1..64");
    assert_non_null(fv_layer_forward_n(fv_concat_layers(ctx), 64, images));
    assert_null(fv_layer_forward_n(fv_concat_layers(ctx), 65, images));
    assert_error(ctx, "concat: 65 inputs is not in 1..64");
    fv_context_free(ctx);
}

static void test_in_shape_is_checked(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    fv_tensor x = input(ctx, 0), vector = input(ctx, VECTORS);
    fv_variable *image = fv_variable_new(ctx, &x);
    fv_layer *layer = fv_convolutional(ctx, .num_filters = 2, .kernel = { 2 },
                                       .in_shape = { 6, 5, 3 });
    assert_null(fv_layer_forward(layer, image));
    assert_error(ctx,
                 "conv2d: input [6, 5, 4] does not fit in_shape [6, 5, 3]");
    layer = fv_convolutional(ctx, .num_filters = 2, .kernel = { 2 });
    assert_null(fv_layer_forward(layer, image));
    assert_error(ctx, "conv2d: in_shape is required for a layer used alone");
    assert_int_equal(fv_layer_variables(fv_batchnorm(ctx)).count, 0);
    assert_error(ctx, "batchnorm: in_shape is required for a layer used alone");
    layer = fv_linear(ctx, 3, .in_shape = { 12 }, .name = "head");
    assert_null(fv_layer_forward(layer, image));
    assert_error(ctx, "head: input [6, 5, 4] does not fit in_shape [12]");
    assert_non_null(fv_layer_forward(layer, fv_constant(ctx, &vector)));
    /* without weights any input will do, one after another */
    layer = fv_tanh(ctx);
    assert_non_null(fv_layer_forward(layer, image));
    assert_non_null(fv_layer_forward(layer, fv_constant(ctx, &vector)));
    assert_int_equal(fv_layer_output_shape(layer).extent[0], 12);
    assert_null(fv_layer_forward(NULL, image));
    assert_int_equal(fv_layer_output_shape(NULL).rank, -1);
    assert_int_equal(fv_layer_variables(NULL).count, 0);
    assert_string_equal(fv_layer_kind(NULL), "");
    assert_ok(ctx);
    fv_context_free(ctx);
}

/* ---- limits -------------------------------------------------------------- */

static int32_t parameters, rank;

static fv_status bounds_declare(fv_layer *layer, int32_t count,
                                const fv_shape inputs[])
{
    (void)count, (void)inputs;
    const int64_t ones[FV__MAX_PARAMETER_RANK + 1] = { 1, 1, 1, 1, 1, 1 };
    for (int32_t i = 0; i < parameters; i++)
        fv__layer_parameter(layer, "weight", rank, ones,
                            (fv__init){ .initializer = FV_INIT_ZEROS });
    return fv_failed(layer->context);
}

static fv_variable *bounds_forward(fv_layer *layer, int32_t count,
                                   fv_variable *const inputs[])
{
    (void)layer, (void)count;
    return inputs[0];
}

static const fv__layer_type bounds_type = {
    .kind = "bounds",
    FV__LAYER_OPTIONS(fv_layer_options),
    .min_inputs = 1,
    .max_inputs = 1,
    .declare = bounds_declare,
    .forward = bounds_forward,
};

static void test_parameters_of_a_type(void **state)
{
    (void)state;
    fv_context *ctx = fv_context_new(NULL);
    const fv_layer_options options = { .size = sizeof options,
                                       .context = ctx,
                                       .in_shape = { 3 } };
    parameters = FV__MAX_PARAMETERS, rank = FV__MAX_PARAMETER_RANK;
    fv_layer *layer = fv__layer_new(&bounds_type, &options);
    assert_int_equal(fv_layer_variables(layer).count, FV__MAX_PARAMETERS);
    assert_ok(ctx);
    parameters++;
    layer = fv__layer_new(&bounds_type, &options);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(fv_layer_output_shape(layer).rank, -1);
        assert_error(ctx,
                     "bounds: parameter weight is one more than the 8 of a "
                     "layer");
    }
    parameters = 1, rank++;
    assert_int_equal(fv_layer_variables(layer).count, 0);
    assert_error(ctx, "bounds: parameter weight of rank 6 is outside 0..5");
    rank = -1;
    assert_int_equal(fv_layer_variables(layer).count, 0);
    assert_error(ctx, "bounds: parameter weight of rank -1 is outside 0..5");
    rank = 0;
    assert_int_equal(fv_layer_variables(layer).count, 1);
    assert_ok(ctx);
    fv_context_free(ctx);
}

/* Inputs and outputs of any layer, alone or in a network. */
static void test_shapes_too_large(void **state)
{
    (void)state;
    const int64_t huge = INT64_C(1) << 46;
    fv_context *ctx = fv_context_new(NULL);
    fv_layer *layers[] = {
        fv_flatten(ctx, .in_shape = { huge, 1, 2 }),
        fv_relu(ctx, .in_shape = { huge, 1, 2 }),
        fv_batchnorm(ctx, .in_shape = { huge, 1, 2 }),
        fv_global_average_pool(ctx, .in_shape = { huge, 1, 2 }),
        fv_dropout(ctx, 0.5, .in_shape = { huge, 1, 2 }),
        fv_linear(ctx, 2, .in_shape = { 2 * huge }),
    };
    static const char *const sentences[] = {
        "flatten: input [70368744177664, 1, 2] has too many elements",
        "relu: input [70368744177664, 1, 2] has too many elements",
        "batchnorm: input [70368744177664, 1, 2] has too many elements",
        ("global_average_pool: input [70368744177664, 1, 2] has too many "
         "elements"),
        "dropout: input [70368744177664, 1, 2] has too many elements",
        "linear: input [140737488355328] has too many elements",
    };
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        for (int again = 0; again < 2; again++) {
            assert_int_equal(fv_layer_output_shape(layers[i]).rank, -1);
            assert_int_equal(fv_failed(ctx), FV_LIMIT);
            assert_error(ctx, sentences[i]);
            assert_int_equal(fv_layer_variables(layers[i]).count, 0);
            assert_error(ctx, sentences[i]);
        }
    assert_null(fv_network_parse(ctx,
                                 "input 1 1 70368744177664 name=a\n"
                                 "relu name=b\n"
                                 "concat from=a,b\n",
                                 "t"));
    assert_error(ctx,
                 "t:3:1: concat1: result [1, 1, 1, 140737488355328] has too "
                 "many elements");
    assert_non_null(fv_network_parse(ctx,
                                     "input 1 1 70368744177663 name=a\n"
                                     "relu name=b\n"
                                     "concat from=a,b\n",
                                     "t"));
    assert_ok(ctx);
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes_are_known_at_once),
        cmocka_unit_test(test_layouts_have_the_same_values),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_add_and_concat),
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_variables_and_their_order),
        cmocka_unit_test(test_number_of_inputs),
        cmocka_unit_test(test_in_shape_is_checked),
        cmocka_unit_test(test_parameters_of_a_type),
        cmocka_unit_test(test_shapes_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
