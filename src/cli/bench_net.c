/* `fovea bench train` and `fovea bench infer`: images a second of whole
 * networks. */
#include "cli/bench.h"

#include <stdio.h>
#include <string.h>

#define OPTIONS(layout)                                                        \
    CLI_SIZE_OPTION, CLI_THREADS_OPTION,                                       \
        { "dtype", CLI_DTYPE, "TYPE", 0, "f32 or f64 (f32)", 0 },              \
        { "layout",                                                            \
          CLI_LAYOUT,                                                          \
          "ORDER",                                                             \
          0,                                                                   \
          "axes of image tensors, nhwc or nchw (" layout ")",                  \
          0 },                                                                 \
        { "seconds", CLI_SECONDS, "S", 0, "of measuring (0.3)", 0 }, { 0 },

static const struct argp_option train_options[] = {
    { "batch", CLI_BATCH, "N", 0, "images a step (32)", 0 }, OPTIONS("nhwc")
};
static const struct argp_option infer_options[] = {
    { "batch", CLI_BATCH, "N", 0, "images at a time (1)", 0 },
    CLI_SHAPE_OPTION,
    OPTIONS("that of the file")
};

static const struct argp train_usage = {
    .options = train_options,
    .args_doc = "NET",
    .doc = "Time training steps on random images: forward, loss, backward and "
           "an update by plain gradient descent.",
};

static const struct argp infer_usage = {
    .options = infer_options,
    .args_doc = "FILE|NET",
    .doc = "Time the forward pass in evaluation, on random numbers for all "
           "inputs.",
};

typedef struct work {
    fv_context *context;
    fv_network *network;
    fv_optimizer *optimizer;
    fv_tensor images, labels;               /* of training */
    fv_named_tensor inputs[CLI_MOST_GRADS]; /* of evaluation */
    int32_t num_inputs;
} work;

static fv_status step(void *user)
{
    const work *w = user;
    fv_train_step(w->network, w->optimizer, &w->images, &w->labels);
    return fv_failed(w->context);
}

static fv_status evaluate(void *user)
{
    const work *w = user;
    fv_named_tensor output = { 0 };
    return fv_network_run(w->network, w->num_inputs, w->inputs, 1, &output);
}

static void prepare_training(work *w, cli_options *o)
{
    w->network = cli_load_sized(w->context, o);
    const fv_shape input = fv_network_input_shape(w->network);
    w->images = cli_batch(w->context, o->batch, &input);
    w->labels = fv_tensor_new(w->context, FV_I64, 1, &o->batch);
    cli_fill_classes(&w->labels, fv_network_classes(w->network));
}

/* ---- inputs of evaluation ---------------------------------------------------
 */

/* The shape that --shape gives an input; false: none. */
static bool given_shape(const cli_options *o, const char *name, bool first,
                        fv_shape *shape)
{
    for (int i = 0; i < o->num_input_shapes; i++) {
        const cli_input_shape *s = &o->input_shapes[i];
        const size_t length = s->name ? strlen(name) : 0;
        if (s->name ? length == s->length && !strncmp(s->name, name, length)
                    : first) {
            *shape = s->shape;
            return true;
        }
    }
    return false;
}

/* Random numbers for an input; integers are zeros. */
static fv_tensor values_of(const work *w, cli_options *o,
                           const fv_value_info *info, bool first)
{
    fv_shape shape;
    if (given_shape(o, info->name, first, &shape)) {
        if (info->batched) o->batch = shape.extent[0];
    } else {
        shape = (fv_shape){ .rank = info->batched };
        if (info->batched) shape.extent[0] = o->batch;
        for (int32_t i = 0; i < info->shape.rank; i++) {
            if (info->shape.extent[i] == FV_OPEN) {
                fv_fail(w->context, FV_MISUSE,
                        "%s: the shape of input %s is open, give it with "
                        "--shape",
                        o->words[0], info->name);
                break;
            }
            shape.extent[shape.rank++] = info->shape.extent[i];
        }
    }
    const fv_tensor values =
        fv_tensor_new(w->context, info->dtype, shape.rank, shape.extent);
    const bool real = info->dtype == fv_context_dtype(w->context);
    if (values.rank >= 0 && real) cli_fill(&values);
    return values;
}

static void prepare_evaluation(work *w, cli_options *o)
{
    w->network = cli_load_own(&w->context, o);
    if (w->network && (o->size[0] || !o->num_input_shapes))
        cli_set_size(w->context, w->network, o, NULL);
    for (; !fv_failed(w->context) && w->num_inputs < CLI_MOST_GRADS;
         w->num_inputs++) {
        const int32_t k = w->num_inputs;
        const fv_value_info info = fv_network_input_info(w->network, (size_t)k);
        if (!info.name) break;
        w->inputs[k].tensor = values_of(w, o, &info, k == 0);
    }
}

/* ---- the whole
 * ---------------------------------------------------------------- */

static void report(const work *w, const cli_options *o, const char *what,
                   cli_time time)
{
    const char *slash = strrchr(o->words[0], '/');
    if (fv_failed(w->context)) return;
    printf("%s,fovea,%s,%s,batch=%lld,threads=%d,images_per_s=%.1f\n", what,
           o->layout == FV_NCHW ? "nchw" : "nhwc",
           slash ? slash + 1 : o->words[0], (long long)o->batch,
           (int)fv_context_threads(w->context), (double)o->batch / time.median);
}

static int bench(const struct argp *usage, int argc, char **argv, bool train)
{
    cli_options o = cli_defaults();
    if (!train) o.batch = 1;
    cli_parse(usage, argc, argv, 1, 1, &o);
    work w = { .context = cli_context(&o) };
    if (train)
        prepare_training(&w, &o);
    else
        prepare_evaluation(&w, &o);
    if (train) w.optimizer = fv_sgd(w.network, 0.01);
    cli_time time = { 0 };
    if (!fv_failed(w.context)) cli_roofline(w.context, stderr);
    if (!fv_failed(w.context))
        time = cli_measure(train ? step : evaluate, &w, o.seconds);
    report(&w, &o, train ? "train" : "infer", time);
    return cli_end(w.context, CLI_DONE);
}

int cli_bench_train(int argc, char **argv)
{
    return bench(&train_usage, argc, argv, true);
}

int cli_bench_infer(int argc, char **argv)
{
    return bench(&infer_usage, argc, argv, false);
}
