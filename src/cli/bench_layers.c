/* `fovea bench layers`: the bandwidth of layers whose time is that of reading
 * and writing memory, beside that of a copy. */
#include "cli/bench.h"

#include <stdio.h>
#include <string.h>

static const struct argp_option options[] = {
    CLI_THREADS_OPTION,
    CLI_DTYPE_OPTION,
    { "seconds", CLI_SECONDS, "S", 0, "of each measurement (0.3)", 0 },
    { "csv", CLI_CSV, NULL, 0, "comma-separated; the machine on standard error",
      0 },
    { 0 },
};

static const struct argp usage = {
    .options = options,
    .args_doc = "[KIND|LINE...]",
    .doc = "Time the forward pass of layers on random tensors whose largest is "
           "32 MiB: those of some kinds (all that are measured), or lines of "
           "a network text with one input. GB/s count each input and output "
           "once; the share is of the bandwidth of a copy of 32 MiB (the layer "
           "\"cast type=real\"), measured right before.",
};

/* A line of a network text, the types of its inputs (r: the type that is
 * computed in, b: bool, u: u8, i: i32, l: i64), and the channels of images. */
typedef struct row {
    const char *line, *inputs;
    int64_t channels;
} row;

enum { CHANNELS = 64 };

static const row rows[] = {
    { "abs", "r", CHANNELS },
    { "neg", "r", CHANNELS },
    { "sign", "r", CHANNELS },
    { "floor", "r", CHANNELS },
    { "round", "r", CHANNELS },
    { "sqrt", "r", CHANNELS },
    { "reciprocal", "r", CHANNELS },
    { "exp", "r", CHANNELS },
    { "log", "r", CHANNELS },
    { "sin", "r", CHANNELS },
    { "erf", "r", CHANNELS },
    { "clip low=0 high=0.5", "r", CHANNELS },
    { "relu", "r", CHANNELS },
    { "leaky_relu", "r", CHANNELS },
    { "elu", "r", CHANNELS },
    { "sigmoid", "r", CHANNELS },
    { "tanh", "r", CHANNELS },
    { "gelu", "r", CHANNELS },
    { "silu", "r", CHANNELS },
    { "mish", "r", CHANNELS },
    { "softplus", "r", CHANNELS },
    { "hard_swish", "r", CHANNELS },
    { "prelu", "r", CHANNELS },
    { "add", "rr", CHANNELS },
    { "mul", "rr", CHANNELS },
    { "div", "rr", CHANNELS },
    { "mul 3", "r", CHANNELS },
    { "pow 2", "r", CHANNELS },
    { "mod", "rr", CHANNELS },
    { "mod 0.3", "r", CHANNELS },
    { "equal", "rr", CHANNELS },
    { "less", "rr", CHANNELS },
    { "less 0", "r", CHANNELS },
    { "less", "ii", CHANNELS },
    { "less", "ll", CHANNELS },
    { "is_nan", "r", CHANNELS },
    { "where", "brr", CHANNELS },
    { "and", "bb", CHANNELS },
    { "not", "b", CHANNELS },
    { "cast type=real", "r", CHANNELS },
    { "cast type=i32", "r", CHANNELS },
    { "cast type=u8", "r", CHANNELS },
    { "cast type=bool", "r", CHANNELS },
    { "cast type=i64", "r", CHANNELS },
    { "cast type=real", "u", CHANNELS },
    { "cast type=real", "i", CHANNELS },
    { "cast type=real", "l", CHANNELS },
    { "cast type=real", "b", CHANNELS },
    { "cast type=i32", "l", CHANNELS },
    { "cast type=i64", "i", CHANNELS },
    { "flip 1", "r", CHANNELS },
    { "flip 3", "r", CHANNELS },
    { "flip 1,2,3", "r", CHANNELS },
    { "permute 0,3,1,2", "r", CHANNELS },
    { "maxpool 2", "r", CHANNELS },
    { "maxpool 3 stride=2 padding=1", "r", CHANNELS },
    { "avgpool 2", "r", CHANNELS },
    { "lppool 2", "r", CHANNELS },
    { "global_average_pool", "r", CHANNELS },
    { "global_max_pool", "r", CHANNELS },
    { "adaptive_avgpool 7", "r", CHANNELS },
    { "batchnorm", "r", CHANNELS },
    { "groupnorm 32", "r", CHANNELS },
    { "groupnorm 32", "r", 256 },
    { "groupnorm 32", "r", 1024 },
    { "instancenorm", "r", CHANNELS },
    { "instancenorm", "r", 256 },
    { "layernorm", "r", CHANNELS },
    { "layernorm", "r", 1024 },
    { "rmsnorm", "r", CHANNELS },
    { "l2norm", "r", CHANNELS },
    { "lrn 5", "r", CHANNELS },
    { "softmax", "r", CHANNELS },
    { "log_softmax", "r", CHANNELS },
};
enum { ROWS = sizeof rows / sizeof *rows };

static const row copy = { "cast type=real", "r", CHANNELS };

/* Elements of an image; bytes of the largest tensor; and runs after which the
 * tape, which holds the results and inputs of integer types, is emptied: one in
 * so many pays for a copy of the inputs. */
enum { IMAGE = 1 << 20, BYTES = 1 << 25, RUNS = 4, MOST_INPUTS = 3 };
enum { MOST_WORDS = 1024 };

/* A row, or the copy, in a context of its own. */
typedef struct bench {
    fv_context *context;
    fv_network *network;
    fv_tensor tensors[MOST_INPUTS];
    fv_variable *inputs[MOST_INPUTS];
    int32_t count, turn;
    bool whole;    /* an input is of an integer type */
    int64_t bytes; /* of inputs and output */
} bench;

static int64_t bytes_of(const fv_tensor *tensor)
{
    return fv_tensor_count(tensor) * (int64_t)fv_dtype_bytes(tensor->dtype);
}

static fv_dtype type_of(const fv_context *context, char letter)
{
    return letter == 'b'   ? FV_BOOL
           : letter == 'u' ? FV_U8
           : letter == 'i' ? FV_I32
           : letter == 'l' ? FV_I64
                           : fv_context_dtype(context);
}

/* As many images as make the largest input, or one of the context's type,
 * BYTES. */
static void make_inputs(bench *b, const row *r, int64_t side)
{
    size_t largest = fv_dtype_bytes(fv_context_dtype(b->context));
    for (; r->inputs[b->count]; b->count++) {
        const fv_dtype type = type_of(b->context, r->inputs[b->count]);
        if (largest < fv_dtype_bytes(type)) largest = fv_dtype_bytes(type);
    }
    const int64_t shape[] = { BYTES / IMAGE / (int64_t)largest, side, side,
                              r->channels };
    for (int32_t k = 0; k < b->count && !fv_failed(b->context); k++) {
        const bool real = r->inputs[k] == 'r';
        b->tensors[k] = fv_tensor_new(
            b->context, type_of(b->context, r->inputs[k]), 4, shape);
        if (fv_failed(b->context)) return;
        cli_fill(&b->tensors[k]);
        if (real)
            b->inputs[k] = fv_variable_new(b->context, &b->tensors[k]);
        else
            b->whole = true;
    }
}

static void make_network(bench *b, const row *r, int64_t side)
{
    char text[4 * CLI_TEXT], from[CLI_CELL] = "";
    int at = 0;
    for (int32_t k = 0; k < b->count; k++) {
        const char *type =
            r->inputs[k] == 'r' ? "real" : fv_dtype_name(b->tensors[k].dtype);
        at +=
            snprintf(text + at, CLI_TEXT,
                     "input %lld %lld %lld type=%s name=x%d\n", (long long)side,
                     (long long)side, (long long)r->channels, type, (int)k);
        snprintf(from + strlen(from), sizeof from - strlen(from), "%sx%d",
                 k ? "," : "", (int)k);
    }
    snprintf(text + at, CLI_TEXT, "%s from=%s\n", r->line, from);
    b->network = fv_network_parse(b->context, text, r->line);
}

static fv_status run(void *user)
{
    bench *b = user;
    fv_variable *y = NULL;
    const bool first = !b->whole || b->turn++ % RUNS == 0;
    if (first) fv_forget(b->context);
    for (int32_t k = 0; k < b->count && first && b->whole; k++)
        b->inputs[k] = fv_constant(b->context, &b->tensors[k]);
    if (fv_network_apply(b->network, b->count, b->inputs, 1, &y) != FV_OK)
        return fv_failed(b->context);
    b->bytes = bytes_of(fv_variable_value(y));
    for (int32_t k = 0; k < b->count; k++) b->bytes += bytes_of(&b->tensors[k]);
    return FV_OK;
}

static bench prepare(const cli_options *o, const row *r)
{
    bench b = { .context = cli_context(o) };
    int64_t side = 1;
    while (side * side * r->channels < IMAGE) side *= 2;
    fv_training(b.context, 0);
    fv_no_grad(b.context, 1);
    make_inputs(&b, r, side);
    make_network(&b, r, side);
    for (int i = 0; i < 2 * RUNS && run(&b) == FV_OK; i++) continue;
    return b;
}

/* ---- rows ---------------------------------------------------------------- */

static void print_head(const cli_options *o)
{
    if (o->csv)
        puts("layer,inputs,channels,threads,median_ms,min_ms,gb_per_s,copy");
    else
        printf("\n%-30s  %6s  %8s  %9s  %9s  %6s  %4s\n", "layer", "inputs",
               "channels", "median ms", "least ms", "GB/s", "copy");
}

static void print_row(const bench *b, const row *r, const cli_options *o,
                      cli_time time, double share)
{
    const double rate = (double)b->bytes / time.median;
    printf(o->csv ? "\"%s\",%s,%lld" : "%-30s  %6s  %8lld", r->line, r->inputs,
           (long long)r->channels);
    if (o->csv) printf(",%d", (int)fv_context_threads(b->context));
    printf(o->csv ? ",%.4f,%.4f,%.2f,%.3f\n" : "  %9.4f  %9.4f  %6.2f  %4.2f\n",
           time.median * 1e3, time.least * 1e3, rate / 1e9, share);
    fflush(stdout);
}

/* The copy is measured before each row, because other work on a machine changes
 * what its memory has to give. */
static int measure(bench *reference, const row *r, const cli_options *o)
{
    bench b = prepare(o, r);
    cli_time base = { 0 }, time = { 0 };
    if (!fv_failed(b.context)) base = cli_measure(run, reference, o->seconds);
    if (base.median > 0) time = cli_measure(run, &b, o->seconds);
    if (time.median > 0)
        print_row(&b, r, o, time,
                  (double)b.bytes / time.median
                      / ((double)reference->bytes / base.median));
    return cli_end(b.context, CLI_DONE);
}

/* Measures the rows of the table whose line or its first word is `word`, NULL:
 * all; or else the line. */
static int measure_word(bench *reference, const char *word,
                        const cli_options *o)
{
    int code = CLI_DONE, found = 0;
    for (size_t i = 0; i < ROWS && code == CLI_DONE; i++) {
        const char *line = rows[i].line;
        const size_t kind = strcspn(line, " ");
        if (word && strcmp(line, word) != 0
            && (strlen(word) != kind || strncmp(line, word, kind) != 0))
            continue;
        code = measure(reference, &rows[i], o);
        found++;
    }
    const row own = { word, "r", CHANNELS };
    return found ? code : measure(reference, &own, o);
}

int cli_bench_layers(int argc, char **argv)
{
    cli_options o = cli_defaults();
    cli_parse(&usage, argc, argv, 0, MOST_WORDS, &o);
    bench reference = prepare(&o, &copy);
    int code = CLI_DONE;
    if (!fv_failed(reference.context)) {
        cli_roofline(reference.context, o.csv ? stderr : stdout);
        print_head(&o);
        if (!o.count) code = measure_word(&reference, NULL, &o);
        for (int i = 0; i < o.count && code == CLI_DONE; i++)
            code = measure_word(&reference, o.words[i], &o);
    }
    return cli_end(reference.context, code);
}
