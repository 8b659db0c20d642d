/* Lion and LAMB against their formulas, the bits of every optimizer, and the
 * options that each refuses. */
#include "nets.h"

#include "train/optimizer.h"

enum { SMALL = 3, LARGE = 40000, MOST = LARGE, STEPS = 25 };

/* Two leaves, one of several chunks. */
typedef struct pair {
    fv_context *ctx;
    fv_variable *at[2];
    double *w[2], *m[2], *v[2], *g[2];
} pair;

static const int64_t lengths[] = { SMALL, LARGE };

static void begin(pair *p, fv_dtype dtype)
{
    p->ctx = NET_CONTEXT(.dtype = dtype, .threads = 3);
    for (int i = 0; i < 2; i++) {
        const size_t bytes = (size_t)lengths[i] * sizeof(double);
        p->w[i] = malloc(bytes), p->g[i] = malloc(bytes);
        p->m[i] = calloc(1, bytes), p->v[i] = calloc(1, bytes);
        for (int64_t k = 0; k < lengths[i]; k++)
            p->w[i][k] = (double)(float)net_number(k + i * MOST);
        fv_tensor start = fv_tensor_of(p->w[i], FV_F64, 1, &lengths[i]);
        p->at[i] = fv_variable_new(p->ctx, &start);
    }
    assert_ok(p->ctx);
}

static void end(pair *p)
{
    for (int i = 0; i < 2; i++)
        free(p->w[i]), free(p->m[i]), free(p->v[i]), free(p->g[i]);
    fv_context_free(p->ctx);
}

/* Gradients of step t that do not depend on the weights; of the first leaf they
 * are zeros at first, so that LAMB's direction has no length. */
static void backprop(pair *p, int t)
{
    for (int i = 0; i < 2; i++) {
        for (int64_t k = 0; k < lengths[i]; k++)
            p->g[i][k] =
                !i && t == 1 ? 0 : (double)(float)net_number(k * 31 + t * 7919);
        fv_tensor gradient = fv_tensor_of(p->g[i], FV_F64, 1, &lengths[i]);
        fv_variable *g = fv_constant(p->ctx, &gradient);
        assert_int_equal(fv_backprop(fv_sum(fv_mul(p->at[i], g))), FV_OK);
        fv_forget(p->ctx);
    }
}

static void check(const pair *p, double slack)
{
    for (int i = 0; i < 2; i++) {
        fv_tensor is =
            fv_tensor_convert(p->ctx, fv_variable_value(p->at[i]), FV_F64);
        double worst = 0;
        for (int64_t k = 0; k < lengths[i]; k++)
            worst =
                fmax(worst, fabs(((const double *)is.data)[k] - p->w[i][k]));
        assert_true(worst <= slack);
        fv_tensor_free(p->ctx, &is);
    }
}

static void lion(pair *p, double rate, double b1, double b2, double decay)
{
    for (int i = 0; i < 2; i++)
        for (int64_t k = 0; k < lengths[i]; k++) {
            const double g = p->g[i][k], c = b1 * p->m[i][k] + (1 - b1) * g;
            p->w[i][k] -= rate * (decay * p->w[i][k] + (c > 0) - (c < 0));
            p->m[i][k] = b2 * p->m[i][k] + (1 - b2) * g;
        }
}

static void test_lion(void **state)
{
    (void)state;
    for (fv_dtype dtype = FV_F32; dtype <= FV_F64; dtype++) {
        pair p;
        begin(&p, dtype);
        fv_optimizer *o = fv_lion(NULL, 0.01, .variables = { 2, p.at },
                                  .betas = { 0.8, 0.95 }, .weight_decay = 0.2);
        for (int t = 1; t <= STEPS; t++) {
            backprop(&p, t);
            lion(&p, 0.01, 0.8, 0.95, 0.2);
            assert_int_equal(fv_optimizer_update(o), FV_OK);
            check(&p, dtype == FV_F64 ? 1e-14 : 1e-5);
        }
        end(&p);
    }
}

/* The direction of one leaf is left in `g`. */
static void lamb(pair *p, int i, int t, double rate, double b1, double b2,
                 double epsilon, double decay)
{
    double weights = 0, steps = 0;
    for (int64_t k = 0; k < lengths[i]; k++) {
        const double g = p->g[i][k], w = p->w[i][k];
        const double m = p->m[i][k] = b1 * p->m[i][k] + (1 - b1) * g;
        const double v = p->v[i][k] = b2 * p->v[i][k] + (1 - b2) * g * g;
        const double s =
            m / (1 - pow(b1, t)) / (sqrt(v / (1 - pow(b2, t))) + epsilon)
            + decay * w;
        p->g[i][k] = s;
        weights += w * w;
        steps += s * s;
    }
    const double ratio =
        weights > 0 && steps > 0 ? sqrt(weights) / sqrt(steps) : 1;
    for (int64_t k = 0; k < lengths[i]; k++)
        p->w[i][k] -= rate * ratio * p->g[i][k];
}

static void test_lamb(void **state)
{
    (void)state;
    for (int setting = 0; setting < 4; setting++) {
        const fv_dtype dtype = setting % 2 ? FV_F64 : FV_F32;
        const double decay = setting < 2 ? 0 : 0.3;
        pair p;
        begin(&p, dtype);
        fv_optimizer *o = fv_lamb(NULL, 0.02, .variables = { 2, p.at },
                                  .betas = { 0.8, 0.99 }, .epsilon = 1e-4,
                                  .weight_decay = decay);
        for (int t = 1; t <= STEPS; t++) {
            backprop(&p, t);
            for (int i = 0; i < 2; i++)
                lamb(&p, i, t, 0.02, 0.8, 0.99, 1e-4, decay);
            assert_int_equal(fv_optimizer_update(o), FV_OK);
            check(&p, dtype == FV_F64 ? 1e-12 : 1e-4);
        }
        end(&p);
    }
}

/* ---- bits ---------------------------------------------------------------- */

static uint64_t train(const char *text, const char *isa, int32_t threads)
{
    fv_context *ctx = NET_CONTEXT(.threads = threads, .isa = isa, .seed = 4);
    /* its linear layer has more weights than a chunk */
    fv_network *net = fv_network_parse(ctx,
                                       "input 8 8 3\nconv2d 5 3 3\nbatchnorm\n"
                                       "relu\nflatten\nlinear 120\nrelu\n"
                                       "linear 4\nsoftmax_cross_entropy\n",
                                       "net");
    fv_optimizer *o = fv_optimizer_parse(net, text);
    fv_tensor images = net_images(ctx, 5), labels = net_labels(ctx, 5);
    for (int i = 0; i < 4; i++) fv_train_step(net, o, &images, &labels);
    assert_ok(ctx);
    const uint64_t digest = net_digest(net);
    fv_tensor_free(ctx, &images);
    fv_tensor_free(ctx, &labels);
    fv_context_free(ctx);
    return digest;
}

static void test_same_bits(void **state)
{
    (void)state;
    static const char *const more[] = { "sgd momentum=0.9 dampening=0.2",
                                        "adam amsgrad=yes",
                                        "rmsprop centered=yes momentum=0.5",
                                        "lamb weight_decay=0.1" };
    uint64_t seen[32];
    int count = 0;
    for (int i = 0; i < 4 || fv_optimizer_name(i - 4); i++) {
        const char *text = i < 4 ? more[i] : fv_optimizer_name(i - 4);
        const uint64_t digest = train(text, NULL, 1);
        assert_true(train(text, NULL, 3) == digest);
        assert_true(train(text, NULL, 4) == digest);
        assert_true(train(text, "ref", 2) == digest);
        for (int k = 0; k < count; k++) assert_true(seen[k] != digest);
        seen[count++] = digest;
    }
    assert_true(count >= 14);
}

/* ---- refusals ------------------------------------------------------------ */

static void test_refusals(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        { "sgd momentum=0.5 dampening=1",
          "sgd: dampening 1 is not at least 0 and below 1" },
        { "sgd momentum=0.5 dampening=0.1 nesterov=yes",
          "sgd: nesterov with dampening 0.1, expected 0" },
        { "adam amsgrad=1", "optimizer:1:14: amsgrad \"1\" is neither yes nor "
                            "no; did you mean \"yes\"?" },
        { "rmsprop alpha=1", "rmsprop: alpha 1 is not above 0 and below 1" },
        { "rmsprop momentum=-1",
          "rmsprop: momentum -1 is not at least 0 and below 1" },
        { "rmsprop centred=yes",
          "optimizer:1:9: rmsprop has no option \"centred\" (has: "
          "learning_rate, alpha, epsilon, momentum, centered, weight_decay); "
          "did you mean \"centered\"?" },
        { "adagrad rate_decay=-1",
          "adagrad: rate_decay -1 is not a number of at least 0" },
        { "adagrad initial=-1",
          "adagrad: initial -1 is not a number of at least 0" },
        { "adadelta rho=1.5", "adadelta: rho 1.5 is not above 0 and below 1" },
        { "nadam momentum_decay=-1",
          "nadam: momentum_decay -1 is not above 0 and finite" },
        { "radam beta1=1", "radam: beta1 1 is not at least 0 and below 1" },
        { "lion beta2=1", "lion: beta2 1 is not above 0 and below 1" },
        { "lamb epsilon=-1", "lamb: epsilon -1 is not above 0 and finite" },
        { "lamb -1", "lamb: learning_rate -1 is not a number of at least 0" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        fv_context *ctx = NET_CONTEXT(.threads = 1);
        fv_network *net = fv_network_parse(ctx, net_plain, "net");
        assert_null(fv_optimizer_parse(net, wrong[i][0]));
        assert_error(ctx, wrong[i][1]);
        fv_context_free(ctx);
    }
}

/* What is left out in C is the default of the text. */
static void test_defaults(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(ctx, net_plain, "net");
    fv_optimizer *made[][2] = {
        { fv_rmsprop(net, 0.01), fv_optimizer_parse(net, "rmsprop") },
        { fv_adagrad(net, 0.01), fv_optimizer_parse(net, "adagrad") },
        { fv_adadelta(net, 1), fv_optimizer_parse(net, "adadelta") },
        { fv_nadam(net, 2e-3), fv_optimizer_parse(net, "nadam") },
        { fv_radam(net, 1e-3), fv_optimizer_parse(net, "radam") },
        { fv_lion(net, 1e-4), fv_optimizer_parse(net, "lion") },
        { fv_lamb(net, 1e-3), fv_optimizer_parse(net, "lamb") },
        { fv_adam(net, 1e-3, .amsgrad = 1),
          fv_optimizer_parse(net, "adam amsgrad=yes") },
        { fv_sgd(net, 0.01, .momentum = 0.9, .dampening = 0.5),
          fv_optimizer_parse(net, "sgd momentum=0.9 dampening=0.5") },
    };
    assert_ok(ctx);
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        char text[2][300];
        for (int k = 0; k < 2; k++)
            fv__optimizer_text(made[i][k], text[k], 300);
        assert_string_equal(text[0], text[1]);
        assert_true(fv_learning_rate(made[i][0])
                    == fv_learning_rate(made[i][1]));
    }
    fv_context_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lion),      cmocka_unit_test(test_lamb),
        cmocka_unit_test(test_same_bits), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
