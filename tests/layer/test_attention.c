/* Self-attention as a layer: parameters, values by the definition, masks. */
#include "nets.h"

#include "layer/layer.h"

#include <math.h>

enum { N = 2, T = 5, F = 6, HEADS = 3, D = F / HEADS };

static fv_variable *values_of(fv_context *ctx, int32_t rank,
                              const int64_t shape[], int seed)
{
    fv_tensor x = fv_tensor_new(ctx, FV_F64, rank, shape);
    for (int64_t i = 0; i < fv_tensor_count(&x); i++)
        ((double *)x.data)[i] = net_number(1000 * seed + i);
    return fv_variable_new(ctx, &x);
}

static const double *data_of(const fv_variable *x)
{
    return fv_variable_value(x)->data;
}

/* Row `row` of a weight [rows][F] times the features of a position. */
static double projected(const double *weight, const double *bias, int64_t row,
                        const double *x)
{
    double sum = bias ? bias[row] : 0;
    for (int64_t k = 0; k < F; k++) sum += weight[row * F + k] * x[k];
    return sum;
}

typedef struct parts {
    const double *in, *in_bias, *out, *out_bias;
    const double *mask; /* [T][T] for each image, or NULL */
    bool causal;
} parts;

/* Heads of one image side by side, before the last projection. */
static void heads_of(const parts *p, const double *x, const double *mask,
                     double mixed[T][F])
{
    for (int64_t h = 0; h < HEADS; h++)
        for (int64_t i = 0; i < T; i++) {
            double total = 0, sum[D] = { 0 };
            for (int64_t j = 0; j < (p->causal ? i + 1 : T); j++) {
                double score = 0;
                for (int64_t d = h * D; d < (h + 1) * D; d++)
                    score += projected(p->in, p->in_bias, d, x + i * F)
                             * projected(p->in, p->in_bias, F + d, x + j * F);
                const double e =
                    exp(score / sqrt((double)D) + (mask ? mask[i * T + j] : 0));
                total += e;
                for (int64_t d = 0; d < D; d++)
                    sum[d] += e
                              * projected(p->in, p->in_bias, 2 * F + h * D + d,
                                          x + j * F);
            }
            for (int64_t d = 0; d < D; d++)
                mixed[i][h * D + d] = sum[d] / total;
        }
}

static void check_values(const parts *p, const fv_variable *x,
                         const fv_variable *y)
{
    const int64_t shape[] = { N, T, F };
    for (int32_t i = 0; i < 3; i++)
        assert_int_equal(fv_variable_value(y)->shape[i], shape[i]);
    for (int64_t n = 0; n < N; n++) {
        double mixed[T][F];
        heads_of(p, data_of(x) + n * T * F,
                 p->mask ? p->mask + n * T * T : NULL, mixed);
        for (int64_t i = 0; i < T * F; i++)
            assert_near(data_of(y)[n * T * F + i],
                        projected(p->out, p->out_bias, i % F, mixed[i / F]),
                        1e-13);
    }
}

/* Masks of positions [N][T], or of pairs [N][T][T]; some hide altogether. */
static fv_variable *mask_of(fv_context *ctx, bool pairs, double *all)
{
    double numbers[N * T * T];
    const int64_t shape[] = { N, T, T };
    for (int64_t i = 0; i < N * T * T; i++) {
        const int64_t at = pairs ? i : i / (T * T) * T + i % T;
        all[i] = at % 4 == 3 ? -(double)INFINITY : net_number(at);
        numbers[at] = all[i];
    }
    const fv_tensor mask = fv_tensor_of(numbers, FV_F64, pairs ? 3 : 2, shape);
    return fv_constant(ctx, &mask);
}

static void test_definition(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        const bool bias = i % 2 == 0, masked = i >= 4;
        fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
        double all[N * T * T];
        fv_layer *layer = fv_attention(ctx, HEADS, .in_shape = { T, F },
                                       .no_bias = !bias, .causal = i / 2 % 2);
        fv_variables w = fv_layer_variables(layer);
        assert_ok(ctx);
        assert_int_equal(w.count, bias ? 4 : 2);
        for (int64_t k = 0; k < w.count; k++) {
            double *at = fv_variable_value(w.at[k])->data;
            for (int64_t j = 0; j < fv_tensor_count(fv_variable_value(w.at[k]));
                 j++)
                at[j] = net_number(9000 * (k + 1) + j);
        }
        fv_variable *x = values_of(ctx, 3, (const int64_t[]){ N, T, F }, 1);
        fv_variable *inputs[] = { x, NULL };
        /* of causal attention, position 0 must see itself */
        if (masked) inputs[1] = mask_of(ctx, i / 2 % 2 == 0, all);
        fv_variable *y = fv_layer_forward_n(layer, masked ? 2 : 1, inputs);
        assert_ok(ctx);
        const parts p = { .in = data_of(w.at[0]),
                          .in_bias = bias ? data_of(w.at[1]) : NULL,
                          .out = data_of(w.at[bias ? 2 : 1]),
                          .out_bias = bias ? data_of(w.at[3]) : NULL,
                          .mask = masked ? all : NULL,
                          .causal = i / 2 % 2 };
        check_values(&p, x, y);
        fv_context_free(ctx);
    }
}

/* Names and shapes are PyTorch's. */
static void test_parameters(void **state)
{
    static const char *const names[] = { "in_proj_weight", "in_proj_bias",
                                         "out_proj.weight", "out_proj.bias" };
    const int64_t shapes[][2] = {
        { 3 * F, F }, { 3 * F, 0 }, { F, F }, { F, 0 }
    };
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_layer *layer = fv_attention(ctx, 2, .in_shape = { T, F });
    assert_int_equal(fv_layer_variables(layer).count, 4);
    assert_ok(ctx);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(layer->parameters[i].name, names[i]);
        for (int32_t k = 0; k < layer->parameters[i].rank; k++)
            assert_int_equal(layer->parameters[i].shape[k], shapes[i][k]);
    }
    fv_context_free(ctx);
}

static fv_variable *checked(void *user, fv_variables at)
{
    return fv_layer_forward_n(user, 2, at.at);
}

static void test_gradients(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    fv_layer *layer = fv_attention(ctx, 2, .in_shape = { T, F }, .causal = 1);
    fv_variables w = fv_layer_variables(layer);
    fv_variable *at[6];
    at[0] = values_of(ctx, 3, (const int64_t[]){ N, T, F }, 1);
    at[1] = values_of(ctx, 3, (const int64_t[]){ N, T, T }, 2);
    for (int i = 0; i < 4; i++) at[2 + i] = w.at[i];
    const double error =
        fv_gradcheck(checked, layer, (fv_variables){ 6, at }, 0, 0);
    assert_ok(ctx);
    if (!(error < 1e-6)) fail_msg("gradients differ by %g", error);
    fv_context_free(ctx);
}

/* Positions and a mask of them in a network. */
static void test_text(void **state)
{
    const char *const text = "input 5 6\n"
                             "attention 3 causal=yes bias=no\n"
                             "attention 2\n";
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        { "input 5 6\nattention 4\n",
          "t:2:1: attention1: 4 heads do not divide 6 features" },
        { "input 5 6\nattention\n",
          "t:2:1: attention1: 0 heads do not divide 6 features" },
        { "input 6\nattention 2\n", "t:2:1: attention1: input [6] is not "
                                    "positions and their features" },
        { "input 5 6 name=x\ninput 4 name=m\nattention 2 from=x,m\n",
          "t:3:1: attention1: mask [4] is neither [5] nor [5, 5]" },
    };
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(ctx, text, "t");
    assert_ok(ctx);
    assert_string_equal(fv_network_text(net), text);
    assert_int_equal(fv_network_variables(net).count, 6);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(fv_network_parse(ctx, cases[i].text, "t"));
        assert_error(ctx, cases[i].sentence);
    }
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
