/* `fovea bench train` and `fovea bench infer`: images a second of whole
 * networks. */
#include "cli/bench.h"

#include <stdio.h>
#include <string.h>

#define OPTIONS(images)                                                        \
    { "batch", CLI_BATCH, "N", 0, images, 0 }, CLI_SIZE_OPTION,                \
        CLI_THREADS_OPTION,                                                    \
        { "dtype", CLI_DTYPE, "TYPE", 0, "f32 or f64 (f32)", 0 },              \
        { "layout",                                                            \
          CLI_LAYOUT,                                                          \
          "ORDER",                                                             \
          0,                                                                   \
          "axes of image tensors, nhwc or nchw (nhwc)",                        \
          0 },                                                                 \
        { "seconds", CLI_SECONDS, "S", 0, "of measuring (0.3)", 0 }, { 0 },

static const struct argp_option train_options[] = { OPTIONS(
    "images a step (32)") };
static const struct argp_option infer_options[] = { OPTIONS(
    "images at a time (1)") };

static const struct argp train_usage = {
    .options = train_options,
    .args_doc = "NET",
    .doc = "Time training steps on random images: forward, loss, backward and "
           "an update by plain gradient descent.",
};

static const struct argp infer_usage = {
    .options = infer_options,
    .args_doc = "FILE|NET",
    .doc = "Time the forward pass in evaluation, on random images.",
};

typedef struct work {
    fv_context *context;
    fv_network *network;
    fv_optimizer *optimizer;
    fv_tensor images, labels, output;
} work;

static fv_status step(void *user)
{
    const work *w = user;
    fv_train_step(w->network, w->optimizer, &w->images, &w->labels);
    return fv_failed(w->context);
}

static fv_status predict(void *user)
{
    const work *w = user;
    return fv_network_predict(w->network, &w->images, &w->output);
}

static void prepare(work *w, const cli_options *o)
{
    w->network = cli_load_sized(w->context, o);
    const fv_shape input = fv_network_input_shape(w->network);
    const fv_shape output = fv_network_output_shape(w->network);
    w->images = cli_batch(w->context, o->batch, &input);
    w->output = cli_batch(w->context, o->batch, &output);
    w->labels = fv_tensor_new(w->context, FV_I64, 1, &o->batch);
    cli_fill_classes(&w->labels, fv_network_classes(w->network));
}

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
    prepare(&w, &o);
    if (train) w.optimizer = fv_sgd(w.network, 0.01);
    cli_time time = { 0 };
    if (!fv_failed(w.context)) cli_roofline(w.context, stderr);
    if (!fv_failed(w.context))
        time = cli_measure(train ? step : predict, &w, o.seconds);
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
