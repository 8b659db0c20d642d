/* Ten steps of training agree with PyTorch's: LeNet-5 and a network with batch
 * norm, by the tape and by plan. */
#include "oracle.h"

#include <stdlib.h>

enum { STEPS = 10, PRIME = 999983, MOST = 60000 };

/* Numbers from a formula of whole numbers, as the script has it. */
static void fill(double *at, int64_t n, int64_t seed, int64_t tensor,
                 double offset, double scale)
{
    int64_t first = 1 + 7001 * tensor + 104729 * seed;
    for (int64_t k = 0; k < n; k++) {
        int64_t t = (first + k) % PRIME;
        double v = (double)(t * t % PRIME * t % PRIME) / PRIME - 0.5;
        at[k] = offset + scale * v;
    }
}

/* One run of the file: "normed adam 0.01 0 0.1 0". */
typedef struct run {
    oracle o;
    int number;
    char net[32], rule[32];
    double rate, momentum, decay;
    int nesterov;
    int64_t seed;
    fv_network *network;
    fv_optimizer *optimizer;
    fv_tensor images;
    const fv_tensor *labels;
} run;

static const fv_tensor *find(const run *r, const char *name)
{
    char key[64];
    snprintf(key, sizeof key, "%s.%s", r->net, name);
    const fv_tensor *tensor = fv__archive_find(r->o.archive, key);
    if (!tensor) fail_msg("%s is not in the file", key);
    return tensor;
}

/* Whole numbers of the file, whatever type they were small enough for. */
static void integers(const run *r, const char *name, int64_t count,
                     int64_t *out)
{
    fv_tensor all = fv_tensor_convert(r->o.context, find(r, name), FV_I64);
    assert_ok(r->o.context);
    assert_int_equal(fv_tensor_count(&all), count);
    memcpy(out, all.data, (size_t)count * sizeof *out);
    fv_tensor_free(r->o.context, &all);
}

static void set_weights(run *r)
{
    fv_variables parameters = fv_network_variables(r->network);
    const fv_tensor *init = find(r, "init");
    assert_int_equal(init->shape[0], parameters.count);
    double *numbers = malloc(MOST * sizeof *numbers);
    assert_non_null(numbers);
    for (int32_t i = 0; i < parameters.count; i++) {
        const fv_tensor *value = fv_variable_value(parameters.at[i]);
        const int64_t *s = value->shape;
        assert_true(fv_tensor_count(value) <= MOST);
        const double *rule = (const double *)init->data + (ptrdiff_t)2 * i;
        fill(numbers, fv_tensor_count(value), r->seed, i, rule[0], rule[1]);
        fv_tensor given =
            value->rank == 4
                ? FV_TENSOR(numbers, FV_F64, s[0], s[3], s[1], s[2])
                : fv_tensor_of(numbers, FV_F64, value->rank, s);
        fv_tensor weight = oracle_weight(&r->o, &given);
        assert_int_equal(fv_variable_assign(parameters.at[i], &weight), FV_OK);
    }
    free(numbers);
}

static void set_images(run *r)
{
    int64_t shape[4];
    integers(r, "images", 4, shape);
    fv_tensor all = fv_tensor_new(r->o.context, FV_F64, 4, shape);
    assert_ok(r->o.context);
    fill(all.data, fv_tensor_count(&all), r->seed, 100, 0, 2);
    fv_tensor view = oracle_image(&r->o, &all);
    r->images =
        fv_tensor_convert(r->o.context, &view, fv_context_dtype(r->o.context));
    fv_tensor_free(r->o.context, &all);
    r->labels = find(r, "labels");
}

static fv_optimizer *optimizer_of(const run *r)
{
    if (!strcmp(r->rule, "sgd"))
        return fv_sgd(r->network, r->rate, .momentum = r->momentum,
                      .weight_decay = r->decay, .nesterov = r->nesterov);
    if (!strcmp(r->rule, "adam"))
        return fv_adam(r->network, r->rate, .weight_decay = r->decay);
    return fv_adamw(r->network, r->rate, r->decay);
}

/* False after the last run of the file. */
static bool begin(run *r, int number, int setting)
{
    *r = (run){ .o = oracle_open("training", setting), .number = number };
    const char *text = oracle_text(&r->o, number, "");
    if (!text) return false;
    snprintf(r->o.title, sizeof r->o.title, "%s, run %d: %s",
             r->o.setting->name, number, text);
    assert_int_equal(sscanf(text, "%31s %31s %lf %lf %lf %d", r->net, r->rule,
                            &r->rate, &r->momentum, &r->decay, &r->nesterov),
                     6);
    integers(r, "seed", 1, &r->seed);
    char key[64];
    snprintf(key, sizeof key, "%s.text", r->net);
    int64_t shape[4];
    integers(r, "images", 4, shape);
    fv_tensor extents = fv_tensor_of(NULL, FV_F64, 4, shape);
    r->network = oracle_network(&r->o, &extents,
                                fv__archive_value(r->o.archive, key), "");
    assert_ok(r->o.context);
    set_weights(r);
    set_images(r);
    r->optimizer = optimizer_of(r);
    assert_ok(r->o.context);
    return true;
}

static void end(run *r)
{
    fv_tensor_free(r->o.context, &r->images);
    oracle_close(&r->o);
}

/* One array that is stored as samples with sums, NCHW or OIHW. */
static void compare(run *r, const char *name, int n, const fv_tensor *is)
{
    char key[32], label[80];
    snprintf(key, sizeof key, "%s%d", name, n);
    const fv_tensor *samples = oracle_find(&r->o, r->number, key);
    snprintf(label, sizeof label, "%s%d.sum", name, n);
    const fv_tensor *sums = oracle_find(&r->o, r->number, label);
    if (!samples || !sums) fail_msg("%s: no %s", r->o.title, key);
    fv_tensor outside = *is;
    if (is->rank == 4)
        outside = fv_tensor_permute(r->o.context, is,
                                    (const int32_t[]){ 0, 3, 1, 2 });
    snprintf(label, sizeof label, "%s %d", name, n);
    oracle_agree_sampled(&r->o, label, &outside, samples, sums);
}

static void compare_gradients(run *r)
{
    fv_variables parameters = fv_network_variables(r->network);
    for (int32_t i = 0; i < parameters.count; i++)
        compare(r, "grad", i, fv_variable_grad(parameters.at[i]));
}

/* Weights, running statistics, and what the trained network answers. */
static void compare_end(run *r)
{
    fv_variables parameters = fv_network_variables(r->network);
    for (int32_t i = 0; i < parameters.count; i++)
        compare(r, "weight", i, fv_variable_value(parameters.at[i]));
    int states = 0;
    for (size_t i = 0; i < fv_network_count(r->network); i++) {
        const fv_layer *layer = fv_network_layer(r->network, i);
        for (int32_t k = 0; k < layer->num_parameters; k++)
            if (!layer->parameters[k].trainable)
                compare(r, "state", states++,
                        fv_variable_value(layer->parameters[k].variable));
    }
    assert_int_equal(states, strcmp(r->net, "normed") ? 0 : 4);
    const fv_tensor *expected = oracle_find(&r->o, r->number, "logits");
    fv_tensor logits =
        fv_tensor_new(r->o.context, fv_context_dtype(r->o.context),
                      expected->rank, expected->shape);
    fv_network_predict(r->network, &r->images, &logits);
    oracle_agree(&r->o, "logits", &logits, expected);
    fv_tensor_free(r->o.context, &logits);
}

static void compare_losses(run *r, double *losses)
{
    fv_tensor is = FV_TENSOR(losses, FV_F64, STEPS);
    oracle_agree(&r->o, "losses", &is, oracle_find(&r->o, r->number, "losses"));
}

static void by_tape(run *r)
{
    double losses[STEPS];
    for (int step = 0; step < STEPS; step++) {
        fv_variable *x = fv_constant(r->o.context, &r->images);
        fv_variable *y = fv_network_forward(r->network, x);
        fv_variable *loss = fv_network_loss(r->network, y, r->labels);
        losses[step] = fv_item(loss);
        fv_backprop(loss);
        assert_ok(r->o.context);
        if (!step) compare_gradients(r);
        fv_optimizer_update(r->optimizer);
        fv_forget(r->o.context);
    }
    compare_losses(r, losses);
    compare_end(r);
}

static void by_plan(run *r)
{
    double losses[STEPS];
    for (int step = 0; step < STEPS; step++) {
        fv_metrics metrics =
            fv_train_step(r->network, r->optimizer, &r->images, r->labels);
        assert_ok(r->o.context);
        losses[step] = metrics.loss;
    }
    compare_losses(r, losses);
    compare_end(r);
}

static void runs(const char *name, void (*steps)(run *r), int stride)
{
    for (int setting = 0; setting < ORACLE_SETTINGS; setting += stride) {
        int number = 0;
        double worst = 0;
        run r;
        for (; begin(&r, number, setting); number++) {
            steps(&r);
            worst = fmax(worst, r.o.worst);
            end(&r);
        }
        end(&r);
        assert_true(number >= 7);
        print_message("training by %s: %d runs in %s, worst error %.1e\n", name,
                      number, oracle_settings[setting].name, worst);
    }
}

static void test_tape(void **state)
{
    (void)state;
    runs("tape", by_tape, 1);
}

static void test_plan(void **state)
{
    (void)state;
    runs("plan", by_plan, 3); /* f64 NHWC, f32 NCHW */
}

/* test_oracle_training [FOLDER] */
int main(int argc, char **argv)
{
    if (argc > 1) oracle_folder = argv[1];
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_tape),
                                        cmocka_unit_test(test_plan) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
