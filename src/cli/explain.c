/* `fovea explain`: which algorithm each convolution uses, why, and how near it
 * comes to what this machine can do; with an image, see explain_image.c. */
#include "cli/bench.h"

#include <stdio.h>

static const struct argp_option options[] = {
    { "batch", CLI_BATCH, "N", 0, "images at a time (1)", 0 },
    CLI_SIZE_OPTION,
    CLI_SHAPE_OPTION,
    CLI_THREADS_OPTION,
    { "pass", CLI_PASS, "P,P", 0,
      "of forward, backward_data, backward_weights (all)", 0 },
    { "dtype", CLI_DTYPE, "TYPE", 0, "f32 or f64 (f32)", 0 },
    { "seconds", CLI_SECONDS, "S", 0, "of each measurement (0.1)", 0 },
    { "method", CLI_METHOD, "NAME", 0,
      "with an image: grad-cam, saliency, occlusion, features of a layer, or, "
      "without one, filters (grad-cam)",
      0 },
    { "layer", CLI_LAYER, "NAME", 0,
      "of grad-cam and features (the last one before the head that has rows "
      "and columns), of filters (the first convolution)",
      0 },
    { "class", CLI_CLASS, "N|NAME", 0,
      "that is explained (the one that the model answers)", 0 },
    { "out", CLI_OUT, "FILE", 0,
      "write the picture there (IMAGE.METHOD.png in this folder)", 0 },
    { "json", CLI_JSON, NULL, 0, "as one line of JSON", 0 },
    { 0 },
};

static const struct argp usage = {
    .options = options,
    .args_doc = "FILE|NET [IMAGE]",
    .doc = "Show for each convolution of a saved model or a network text, and "
           "each of its passes, the algorithm that was chosen and why, those "
           "that were not, multiply-accumulates done and saved, bytes of "
           "packed weights and of scratch, and, measured alone on random data, "
           "GFLOP/s by the definition and the share of this machine's "
           "roofline for what is done.\vWith an image, write a picture of what "
           "the class that the model answers depends on, or of what a layer "
           "computes, and say which class it is.",
};

typedef struct explanation {
    cli_options options;
    fv_context *context;
    fv_network *network;
    fv_machine machine;
    cli_json *layers;           /* NULL: as text */
    double seconds[CLI_PASSES]; /* of all convolutions */
    double multiply_adds[CLI_PASSES];
} explanation;

/* One direction of one convolution. */
typedef struct pass {
    const fv_conv *conv;
    fv_conv_pass which;
    fv_conv_facts facts;
    fv_conv_candidate chosen;
    cli_time time;
    double gflops, share;
} pass;

static fv_conv_candidate chosen_of(const pass *p)
{
    fv_conv_candidate candidate = { 0 };
    for (int32_t i = 0; i < p->facts.candidates && !candidate.chosen; i++)
        candidate = fv_conv_pass_candidate(p->conv, p->which, i);
    return candidate;
}

static pass measure(explanation *e, fv_conv *conv, fv_conv_pass which)
{
    const cli_options *o = &e->options;
    pass p = { .conv = conv,
               .which = which,
               .facts = fv_conv_pass_facts(conv, which) };
    p.chosen = chosen_of(&p);
    p.time = cli_convolve(e->context, conv, o->batch, which, o->seconds);
    if (fv_failed(e->context)) return p;
    const double best =
        cli_roofline_seconds(&e->machine, 2 * (double)p.facts.performed,
                             cli_convolve_bytes(e->context, conv, o->batch));
    p.share = best / p.time.median;
    p.gflops = 2e-9 * (double)p.facts.multiply_accumulates / p.time.median;
    e->seconds[which] += p.time.median;
    e->multiply_adds[which] += (double)p.facts.multiply_accumulates;
    return p;
}

/* ---- text --------------------------------------------------------------- */

static void print_pass(const pass *p)
{
    char done[CLI_CELL], scratch[CLI_CELL], packed[CLI_CELL];
    const int64_t all = p->facts.multiply_accumulates;
    const double saved =
        all ? 100 * (double)(all - p->facts.performed) / (double)all : 0;
    printf("  %-16s  %-9s  %15s  %5.0f %%  %9s  %9s  %10.4f  %8.2f  %6.0f %%  "
           "%s\n",
           cli_pass_names[p->which], p->facts.algorithm,
           cli_number(p->facts.performed, done), saved,
           cli_bytes(p->facts.packed_bytes, packed),
           cli_bytes(p->facts.scratch_bytes, scratch), p->time.median * 1e3,
           p->gflops, 100 * p->share, p->chosen.reason);
    for (int32_t i = 0; i < p->facts.candidates; i++) {
        const fv_conv_candidate c =
            fv_conv_pass_candidate(p->conv, p->which, i);
        if (c.chosen) continue;
        printf("  %16s  not %s", "", c.algorithm);
        if (c.cost > 0 && p->chosen.cost > 0)
            printf(", predicted %.2f times the cost", c.cost / p->chosen.cost);
        printf(": %s\n", c.reason);
    }
}

static void print_layer(const fv_layer_info *info)
{
    char shape[CLI_CELL], macs[CLI_CELL];
    printf("%s: %s, %s", info->name, info->kind,
           cli_shape(&info->output_shape, shape));
    if (info->multiply_accumulates)
        printf(", %s multiply-adds an image",
               cli_number(info->multiply_accumulates, macs));
    putchar('\n');
    if (info->convolution)
        printf("  %-16s  %-9s  %15s  %7s  %9s  %9s  %10s  %8s  %8s  %s\n",
               "pass", "algorithm", "multiply-adds", "saved", "packed",
               "scratch", "median ms", "GFLOP/s", "roofline", "why");
}

static void print_totals(const explanation *e)
{
    printf("all convolutions, batch of %lld:\n", (long long)e->options.batch);
    for (int i = 0; i < CLI_PASSES; i++)
        if (e->seconds[i] > 0)
            printf("  %-16s  %10.4f ms  %8.2f GFLOP/s\n", cli_pass_names[i],
                   e->seconds[i] * 1e3,
                   2e-9 * e->multiply_adds[i] / e->seconds[i]);
}

/* ---- JSON --------------------------------------------------------------- */

static void put_candidates(cli_json *json, const pass *p)
{
    cli_json *list = cli_json_array(json, "candidates");
    for (int32_t i = 0; i < p->facts.candidates; i++) {
        const fv_conv_candidate c =
            fv_conv_pass_candidate(p->conv, p->which, i);
        cli_json *one = cli_json_object(list, NULL);
        cli_json_text(one, "algorithm", c.algorithm);
        cli_json_flag(one, "possible", c.possible);
        cli_json_flag(one, "chosen", c.chosen);
        cli_json_number(one, "cost", c.cost);
        cli_json_bytes(one, "workspace_bytes", c.workspace_bytes);
        cli_json_text(one, "reason", c.reason);
    }
}

static void put_pass(cli_json *passes, const pass *p)
{
    const fv_conv_facts *facts = &p->facts;
    cli_json *json = cli_json_object(passes, NULL);
    cli_json_text(json, "pass", cli_pass_names[p->which]);
    cli_json_text(json, "algorithm", facts->algorithm);
    cli_json_text(json, "reason", p->chosen.reason);
    cli_json_integer(json, "multiply_accumulates", facts->performed);
    cli_json_integer(json, "saved",
                     facts->multiply_accumulates - facts->performed);
    cli_json_bytes(json, "packed_bytes", facts->packed_bytes);
    cli_json_bytes(json, "scratch_bytes", facts->scratch_bytes);
    cli_json_number(json, "median_ms", p->time.median * 1e3);
    cli_json_number(json, "min_ms", p->time.least * 1e3);
    cli_json_number(json, "gflops", p->gflops);
    cli_json_number(json, "roofline", p->share);
    put_candidates(json, p);
}

static cli_json *put_layer(cli_json *layers, const fv_layer_info *info)
{
    cli_json *json = cli_json_object(layers, NULL);
    cli_json_text(json, "name", info->name);
    cli_json_text(json, "kind", info->kind);
    cli_json_shape(json, "output_shape", &info->output_shape);
    cli_json_integer(json, "multiply_accumulates", info->multiply_accumulates);
    return cli_json_array(json, "passes");
}

static void put_machine(cli_json *json, const explanation *e)
{
    cli_json_integer(json, "batch", e->options.batch);
    cli_json_text(json, "dtype", fv_dtype_name(e->options.dtype));
    cli_json_text(json, "isa", fv_context_isa(e->context));
    cli_json_integer(json, "threads", fv_context_threads(e->context));
    cli_json *machine = cli_json_object(json, "machine");
    cli_json_number(machine, "flops", e->machine.flops);
    cli_json_number(machine, "thread_flops", e->machine.thread_flops);
    cli_json_number(machine, "bytes", e->machine.bytes);
}

/* ---- the command -------------------------------------------------------- */

static void explain(explanation *e, size_t index)
{
    const fv_layer_info info = fv_network_layer_info(e->network, index);
    fv_conv *conv = NULL;
    cli_json *passes = NULL;
    if (info.convolution)
        conv = fv_conv_of_layer(fv_network_layer(e->network, index),
                                e->options.batch, 1);
    if (fv_failed(e->context)) return;
    if (e->layers)
        passes = put_layer(e->layers, &info);
    else
        print_layer(&info);
    for (int i = 0; conv && i < CLI_PASSES; i++) {
        if (!(e->options.passes & 1u << i)) continue;
        const pass p = measure(e, conv, (fv_conv_pass)i);
        if (fv_failed(e->context)) break;
        if (e->layers)
            put_pass(passes, &p);
        else
            print_pass(&p);
    }
    if (!e->layers) fflush(stdout);
    fv_conv_free(conv);
}

int cli_explain(int argc, char **argv)
{
    explanation e = { .options = cli_defaults() };
    e.options.batch = 1;
    e.options.seconds = 0.1;
    cli_parse(&usage, argc, argv, 1, 2, &e.options);
    if (e.options.count == 2 || e.options.method >= 0)
        return cli_explain_image(argv[0], &e.options);
    if (e.options.layer || e.options.class_word || e.options.out)
        cli_refuse(argv[0], "--%s: only with an image",
                   e.options.layer        ? "layer"
                   : e.options.class_word ? "class"
                                          : "out");
    e.context = cli_context(&e.options);
    e.network = cli_load_sized(e.context, &e.options);
    cli_json *json = NULL;
    if (!fv_failed(e.context))
        e.machine = cli_roofline(e.context, e.options.json ? stderr : stdout);
    if (e.options.json) {
        json = cli_json_new();
        put_machine(json, &e);
        e.layers = cli_json_array(json, "layers");
    }
    const size_t count = e.network ? fv_network_count(e.network) : 0;
    for (size_t i = 0; i < count && !fv_failed(e.context); i++) explain(&e, i);
    if (json)
        cli_json_print(json, e.context);
    else if (!fv_failed(e.context))
        print_totals(&e);
    return cli_end(e.context, CLI_DONE);
}
