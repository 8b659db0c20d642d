/* `fovea bench conv`: how fast convolutions of given shapes are. */
#include "cli/bench.h"

#include <stdio.h>
#include <string.h>

static const struct argp_option options[] = {
    { "shapes", CLI_SHAPES, "FILE", 0,
      "CSV with the columns net, layer, N, H, W, C, K, R, S, sh, sw, ph, pw, "
      "dh, dw, groups, and, for a third axis, D, T, sd, pd, dd (required)",
      0 },
    { "nets", CLI_NETS, "A,B", 0, "shapes of these nets only", 0 },
    { "batch", CLI_BATCH, "N", 0, "images (column N of the file)", 0 },
    CLI_THREADS_OPTION,
    { "pass", CLI_PASS, "P,P", 0,
      "of forward, backward_data, backward_weights (all)", 0 },
    { "algorithm", CLI_ALGORITHM, "NAME", 0,
      "of auto, reference, im2col, ...; shapes that it cannot do are left out "
      "(auto)",
      0 },
    { "dtype", CLI_DTYPE, "TYPE", 0, "f32 or f64 (f32)", 0 },
    { "layout", CLI_LAYOUT, "ORDER", 0,
      "axes of image tensors, nhwc or nchw (nhwc)", 0 },
    { "seconds", CLI_SECONDS, "S", 0, "of each measurement (0.3)", 0 },
    { "csv", CLI_CSV, NULL, 0, "comma-separated; the machine on standard error",
      0 },
    { 0 },
};

static const struct argp usage = {
    .options = options,
    .doc = "Time convolutions on random data: median and shortest of all runs "
           "after a warm-up. In the forward pass weights are packed before, "
           "in the others as often as training packs them. GFLOP/s count two "
           "for each multiply-accumulate of the definition.",
};

typedef struct bench {
    cli_options options;
    fv_context *context;
    fv_machine machine;
    int64_t shapes; /* measured so far */
} bench;

/* Whether the name is one of those separated by commas. */
static bool listed(const char *names, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = names; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strcspn(at, ",") == length && !strncmp(at, name, length))
            return true;
    }
    return false;
}

static fv_conv *plan(const bench *b, const int64_t number[CLI_NUMBERS])
{
    const int64_t h = number[CLI_H], w = number[CLI_W], c = number[CLI_C];
    const bool first = b->options.layout == FV_NCHW;
    const fv_conv_options o = {
        .size = sizeof o,
        .context = b->context,
        .batch = number[CLI_N],
        .in_shape = { first ? c : h, first ? h : w, first ? w : c },
        .num_filters = number[CLI_K],
        .kernel = { number[CLI_R], number[CLI_S] },
        .stride = { number[CLI_SH], number[CLI_SW] },
        .padding = { number[CLI_PH], number[CLI_PW] },
        .dilation = { number[CLI_DH], number[CLI_DW] },
        .groups = number[CLI_GROUPS],
        .in_depth = number[CLI_D],
        .kernel_depth = number[CLI_T],
        .stride_depth = number[CLI_SD],
        .padding_depth = { number[CLI_PD], number[CLI_PD] },
        .dilation_depth = number[CLI_DD],
        .algorithm = b->options.algorithm,
        .weights_unchanged = 1,
        .forward_only = b->options.passes == 1u << FV_PASS_FORWARD,
    };
    return fv_conv_new(&o);
}

static void begin(bench *b, const cli_conv_shape *shape)
{
    const bool depth = shape->numbers > CLI_D;

    b->machine = cli_roofline(b->context, b->options.csv ? stderr : stdout);
    if (b->options.csv)
        printf("%s%s%s,pass,peer,layout,threads,algorithm,median_ms,min_ms,"
               "gflops\n",
               cli_shape_columns, depth ? "," : "",
               depth ? cli_depth_columns : "");
    else
        printf("\n%-28s  %5s  %-16s  %-9s  %10s  %10s  %8s  %5s\n", "layer",
               "batch", "pass", "algorithm", "median ms", "least ms", "GFLOP/s",
               "peak");
}

static void print_row(const bench *b, const cli_conv_shape *shape,
                      const char *pass, const fv_conv_facts *facts,
                      cli_time time)
{
    const double flops = 2 * (double)facts->multiply_accumulates / time.median;
    if (b->options.csv) {
        printf("%s,%s", shape->net, shape->layer);
        for (int i = 0; i < shape->numbers; i++)
            printf(",%lld", (long long)shape->number[i]);
        printf(",%s,fovea,%s,%d,%s,%.4f,%.4f,%.2f\n", pass,
               b->options.layout == FV_NCHW ? "nchw" : "nhwc",
               (int)fv_context_threads(b->context), facts->algorithm,
               time.median * 1e3, time.least * 1e3, flops / 1e9);
    } else {
        char layer[2 * CLI_CELL];
        snprintf(layer, sizeof layer, "%s/%s", shape->net, shape->layer);
        printf("%-28s  %5lld  %-16s  %-9s  %10.4f  %10.4f  %8.2f  %3.0f %%\n",
               layer, (long long)shape->number[CLI_N], pass, facts->algorithm,
               time.median * 1e3, time.least * 1e3, flops / 1e9,
               100 * flops / b->machine.flops);
    }
    fflush(stdout);
}

static void measure(bench *b, const cli_conv_shape *shape, fv_conv *conv)
{
    for (int i = 0; i < CLI_PASSES; i++) {
        const fv_conv_pass pass = (fv_conv_pass)i;
        if (!(b->options.passes & 1u << i)) continue;
        const fv_conv_facts facts = fv_conv_pass_facts(conv, pass);
        const cli_time time = cli_convolve(
            b->context, conv, shape->number[CLI_N], pass, b->options.seconds);
        if (fv_failed(b->context)) return;
        print_row(b, shape, cli_pass_names[pass], &facts, time);
    }
}

static void use(void *user, const cli_conv_shape *given)
{
    bench *b = user;
    const cli_options *o = &b->options;
    cli_conv_shape shape = *given;
    if (o->nets && !listed(o->nets, shape.net)) return;
    if (o->batch) shape.number[CLI_N] = o->batch;
    fv_conv *conv = plan(b, shape.number);
    if (!conv && o->algorithm && fv_failed(b->context) == FV_UNSUPPORTED) {
        cli_error("%s/%s left out: %s", shape.net, shape.layer,
                  fv_error(b->context));
        fv_clear_error(b->context);
        return;
    }
    if (!conv) {
        char why[512];
        const fv_status status = fv_failed(b->context);
        snprintf(why, sizeof why, "%s", fv_error(b->context));
        fv_clear_error(b->context);
        fv_fail(b->context, status, "%s: %s/%s: %s", o->shapes, shape.net,
                shape.layer, why);
        return;
    }
    if (!b->shapes++) begin(b, &shape);
    measure(b, &shape, conv);
    fv_conv_free(conv);
}

int cli_bench_conv(int argc, char **argv)
{
    bench b = { .options = cli_defaults() };
    b.options.batch = 0;
    cli_parse(&usage, argc, argv, 0, 0, &b.options);
    if (!b.options.shapes) cli_refuse(argv[0], "expected --shapes FILE");
    b.context = cli_context(&b.options);
    cli_read_shapes(b.context, b.options.shapes, use, &b);
    if (!b.shapes)
        fv_fail(b.context, FV_MISUSE, "%s: there is nothing to measure%s%s",
                b.options.shapes, b.options.nets ? " of " : "",
                b.options.nets ? b.options.nets : "");
    return cli_end(b.context, CLI_DONE);
}
