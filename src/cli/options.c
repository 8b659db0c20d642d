/* Reads command lines, strictly: every number is checked, whole and in range,
 * before the first file is opened. It is longer than 600 lines because
 * the options of all commands are read here: each means the same everywhere. */
#include "cli/cli.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SIZE = 1 << 20 };
enum { MOST_CLASSES = 1 << 24 };
enum {
    MOST_EPOCHS = 1000000,
    MOST_BATCH = 1 << 20,
    MOST_THREADS = 1024,
    MOST_WORKERS = 256
};
static const int64_t most_images = (int64_t)1 << 40;

const char *const cli_pass_names[CLI_PASSES] = { "forward", "backward_data",
                                                 "backward_weights" };

const char *const cli_method_names[CLI_METHODS + 1] = { "grad-cam",  "saliency",
                                                        "occlusion", "features",
                                                        "filters",   NULL };

/* A command line being read. */
typedef struct line {
    const struct argp *argp;
    cli_options *options;
    int least, most;
} line;

cli_options cli_defaults(void)
{
    return (cli_options){ .epochs = 5,
                          .batch = 32,
                          .index = -1,
                          .passes = 7,
                          .seconds = 0.3,
                          .method = -1 };
}

/* The option as it is written, for messages. */
static const char *name_of(const struct argp_state *state, int key)
{
    const line *l = state->input;
    const struct argp_option *option = l->argp->options;
    while (option->key != key) option++;
    return option->name;
}

static int64_t whole(struct argp_state *state, int key, const char *text,
                     int64_t least, int64_t most)
{
    const size_t digits = strspn(text, "0123456789");
    errno = 0;
    const long long number = strtoll(text, NULL, 10);
    if (!digits || text[digits] || errno || number < least || number > most)
        argp_error(state, "--%s %s: expected a whole number from %lld to %lld",
                   name_of(state, key), text, (long long)least,
                   (long long)most);
    return number;
}

/* A finite number in decimal notation, above `bound` or, if `may_equal`, equal
 * to it, and below `limit`. */
static double number(struct argp_state *state, int key, const char *text,
                     bool may_equal, double limit)
{
    char *end;
    const double value = strtod(text, &end);
    const bool plain =
        *text && !*end && strspn(text, "0123456789.eE+-") == strlen(text);
    if (plain && value < limit && (value > 0 || (may_equal && value >= 0)))
        return value;
    argp_error(state, "--%s %s: expected a number %s%s", name_of(state, key),
               text, may_equal ? "of 0 or more" : "above 0",
               limit == 1 ? ", below 1" : "");
    return 0;
}

/* "224x320", or "224" for both. */
static void read_size(struct argp_state *state, int key, char *text,
                      int64_t size[2])
{
    char *second = strchr(text, 'x');
    if (second) *second++ = '\0';
    size[0] = whole(state, key, text, 1, MOST_SIZE);
    size[1] = second ? whole(state, key, second, 1, MOST_SIZE) : size[0];
    if (second) second[-1] = 'x';
}

static cli_input_shape input_shape(struct argp_state *state, const char *text)
{
    const char *equals = strrchr(text, '='), *at = equals ? equals + 1 : text;
    cli_input_shape is = { .name = equals ? text : NULL,
                           .length = equals ? (size_t)(equals - text) : 0 };
    bool more = true;
    while (more && *at >= '0' && *at <= '9' && is.length < CLI_TEXT
           && is.shape.rank < FV_MAX_EXTENTS) {
        int64_t extent = 0;
        for (; *at >= '0' && *at <= '9' && extent < 1 << 30; at++)
            extent = 10 * extent + (*at - '0');
        is.shape.extent[is.shape.rank++] = extent;
        more = *at == 'x';
        at += more;
    }
    if (more || *at)
        argp_error(state, "--shape %s: expected extents such as 1x3x224x224",
                   text);
    return is;
}

/* The position of the text among `names`, which are written in any case. */
static int choice(struct argp_state *state, int key, const char *text,
                  const char *const names[], const char *expected)
{
    for (int i = 0; names[i]; i++)
        if (cli_same_word(text, names[i])) return i;
    argp_error(state, "--%s %s: expected %s", name_of(state, key), text,
               expected);
    return 0;
}

static const char *file(struct argp_state *state, int key, const char *text)
{
    if (!*text)
        argp_error(state, "--%s: the name is empty", name_of(state, key));
    return text;
}

/* Options of what to measure, and how long. */
static unsigned passes(struct argp_state *state, int key, const char *text)
{
    unsigned found = 0;
    for (const char *at = text; at; at = strchr(at, ',')) {
        at += *at == ',';
        const size_t length = strcspn(at, ",");
        int pass = 0;
        while (pass < CLI_PASSES
               && (strlen(cli_pass_names[pass]) != length
                   || strncmp(cli_pass_names[pass], at, length) != 0))
            pass++;
        if (pass == CLI_PASSES)
            argp_error(state,
                       "--%s %s: expected some of forward, backward_data, "
                       "backward_weights, by comma",
                       name_of(state, key), text);
        found |= 1u << pass;
    }
    return found;
}

static fv_algorithm algorithm(struct argp_state *state, int key,
                              const char *text)
{
    char expected[256] = "";
    fv_algorithm found = FV_CONV_AUTO;
    for (const char *name; (name = fv_algorithm_name(found)); found++) {
        if (cli_same_word(text, name)) return found;
        const size_t used = strlen(expected);
        snprintf(expected + used, sizeof expected - used, "%s%s",
                 used ? ", " : "", name);
    }
    argp_error(state, "--%s %s: expected one of %s", name_of(state, key), text,
               expected);
    return FV_CONV_AUTO;
}

static error_t read_measuring(int key, char *text, struct argp_state *state,
                              cli_options *o)
{
    switch (key) {
    case CLI_SHAPES:
        o->shapes = file(state, key, text);
        return 0;
    case CLI_NETS:
        o->nets = file(state, key, text);
        return 0;
    case CLI_PASS:
        o->passes = passes(state, key, text);
        return 0;
    case CLI_ALGORITHM:
        o->algorithm = algorithm(state, key, text);
        return 0;
    case CLI_SECONDS:
        o->seconds = number(state, key, text, false, (double)INFINITY);
        return 0;
    case CLI_METHOD:
        o->method = choice(state, key, text, cli_method_names,
                           "grad-cam, saliency, occlusion, features or "
                           "filters");
        return 0;
    case CLI_LAYER:
        o->layer = file(state, key, text);
        return 0;
    case CLI_CLASS:
        o->class_word = file(state, key, text);
        return 0;
    case CLI_CSV:
        o->csv = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Options of what an optimizer does. */
static error_t read_optimizing(int key, char *text, struct argp_state *state,
                               cli_options *o)
{
    switch (key) {
    case CLI_OPTIMIZER:
        o->optimizer = file(state, key, text);
        return 0;
    case CLI_LR:
        number(state, key, text, true, (double)INFINITY);
        o->lr = text;
        return 0;
    case CLI_MOMENTUM:
        number(state, key, text, true, 1);
        o->momentum = text;
        return 0;
    case CLI_NESTEROV:
        o->nesterov = true;
        return 0;
    case CLI_WEIGHT_DECAY:
        number(state, key, text, true, (double)INFINITY);
        o->weight_decay = text;
        return 0;
    case CLI_NO_DECAY_BIAS:
        o->no_decay_bias = true;
        return 0;
    case CLI_SCHEDULE:
        o->schedule = file(state, key, text);
        return 0;
    case CLI_DECAY_OF:
        o->decay_of = file(state, key, text);
        return 0;
    case CLI_SCALE_LR:
        o->scale_lr = file(state, key, text);
        return 0;
    case CLI_TRAIN:
        o->train = true;
        return 0;
    case CLI_FREEZE:
        o->freeze = file(state, key, text);
        return 0;
    case CLI_LOSS:
        o->loss = file(state, key, text);
        return 0;
    case CLI_CLIP_NORM:
        o->clip_norm = number(state, key, text, false, (double)INFINITY);
        return 0;
    case CLI_CLIP_VALUE:
        o->clip_value = number(state, key, text, false, (double)INFINITY);
        return 0;
    case CLI_AVERAGE:
        o->average = number(state, key, text, false, 1);
        return 0;
    default:
        return read_measuring(key, text, state, o);
    }
}

/* Options of weights for a network. */
static error_t read_matching(int key, char *text, struct argp_state *state,
                             cli_options *o)
{
    static const char *const heads[] = { "new", NULL };
    switch (key) {
    case CLI_INTO:
        o->into = file(state, key, text);
        return 0;
    case CLI_PREFIX:
        o->prefix = file(state, key, text);
        return 0;
    case CLI_HEAD:
        choice(state, key, text, heads, "new");
        o->new_head = true;
        return 0;
    case CLI_CLASSES:
        o->classes = whole(state, key, text, 1, MOST_CLASSES);
        return 0;
    case CLI_PARTIAL:
        o->partial = true;
        return 0;
    default:
        return read_optimizing(key, text, state, o);
    }
}

/* Options of how to run. */
static error_t read_running(int key, char *text, struct argp_state *state,
                            cli_options *o)
{
    switch (key) {
    case CLI_GRAD:
        if (o->num_grads == CLI_MOST_GRADS)
            argp_error(state, "--grad: more than %d of them", CLI_MOST_GRADS);
        o->grads[o->num_grads++] = file(state, key, text);
        return 0;
    case CLI_SHAPE:
        if (o->num_input_shapes == CLI_MOST_GRADS)
            argp_error(state, "--shape: more than %d of them", CLI_MOST_GRADS);
        o->input_shapes[o->num_input_shapes++] = input_shape(state, text);
        return 0;
    case CLI_TRAINING:
        o->training = true;
        return 0;
    case CLI_WEIGHTS:
        o->weights = file(state, key, text);
        return 0;
    case CLI_OPSET:
        o->opset = (int32_t)whole(state, key, text, 1, INT16_MAX);
        return 0;
    case CLI_FOLD:
        o->fold = true;
        return 0;
    case CLI_SOFTMAX:
        o->softmax = true;
        return 0;
    default:
        return read_matching(key, text, state, o);
    }
}

/* Options of what is watched, kept and logged while training. */
static error_t read_watching(int key, char *text, struct argp_state *state,
                             cli_options *o)
{
    static const char *const ways[] = { "stop", "rollback", NULL };
    static const char *const monitors[] = { "loss", "accuracy", "train-loss",
                                            "train-accuracy", NULL };
    switch (key) {
    case CLI_PATIENCE:
        o->patience = whole(state, key, text, 1, MOST_EPOCHS);
        return 0;
    case CLI_MIN_DELTA:
        o->min_delta = number(state, key, text, true, (double)INFINITY);
        return 0;
    case CLI_MONITOR:
        o->monitor =
            (fv_monitor)choice(state, key, text, monitors,
                               "loss, accuracy, train-loss or train-accuracy");
        return 0;
    case CLI_KEEP_BEST:
        o->keep_best = true;
        return 0;
    case CLI_KEEP:
        o->keep = whole(state, key, text, 1, MOST_EPOCHS);
        return 0;
    case CLI_ON_NAN:
        o->rollback = choice(state, key, text, ways, "stop or rollback");
        return 0;
    case CLI_LOG:
        o->log = file(state, key, text);
        return 0;
    case CLI_LOG_EVERY:
        o->log_every = whole(state, key, text, 1, most_images);
        return 0;
    case CLI_TENSORBOARD:
        o->tensorboard = file(state, key, text);
        return 0;
    case CLI_REPORT:
        o->report = file(state, key, text);
        return 0;
    case CLI_ONCE:
        o->once = true;
        return 0;
    default:
        return read_running(key, text, state, o);
    }
}

/* "0.8,0.1,0.1", or two shares: of the parts, in order; their sum is 1. */
static void read_shares(struct argp_state *state, int key, const char *text,
                        double shares[CLI_PARTS])
{
    char copy[CLI_TEXT], *at = copy;
    double sum = 0;
    int count = 0;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *next = copy; next && count < CLI_PARTS; at = next) {
        next = strchr(at, ',');
        if (next) *next++ = '\0';
        shares[count] = number(state, key, at, true, (double)INFINITY);
        sum += shares[count++];
        if (next && count == CLI_PARTS) sum = 0;
    }
    if (count < 2 || fabs(sum - 1) > 1e-6)
        argp_error(state,
                   "--%s %s: expected shares of train, val and test, such as "
                   "0.8,0.1,0.1",
                   name_of(state, key), text);
}

/* Options of recipes, and of the search for a learning rate. */
static error_t read_recipe(int key, char *text, struct argp_state *state,
                           cli_options *o)
{
    switch (key) {
    case CLI_RECIPE:
        o->recipe = file(state, key, text);
        return 0;
    case CLI_PRINT_RECIPE:
        o->print_recipe = true;
        return 0;
    case CLI_AUGMENT:
        if (o->num_augments == CLI_MOST_LINES)
            argp_error(state, "--augment: more than %d of them",
                       CLI_MOST_LINES);
        o->augment[o->num_augments++] = file(state, key, text);
        return 0;
    case CLI_FREEZE_EPOCHS:
        o->freeze_epochs = whole(state, key, text, 1, MOST_EPOCHS);
        return 0;
    case CLI_STEPS:
        o->steps = whole(state, key, text, 2, CLI_MOST_STEPS);
        return 0;
    case CLI_FROM:
        o->from = number(state, key, text, false, (double)INFINITY);
        return 0;
    case CLI_TO:
        o->to = number(state, key, text, false, (double)INFINITY);
        return 0;
    default:
        return read_watching(key, text, state, o);
    }
}

/* Options of the data that is trained on. */
static error_t read_sampling(int key, char *text, struct argp_state *state,
                             cli_options *o)
{
    static const char *const automatic[] = { "auto", NULL };
    switch (key) {
    case CLI_VAL_SPLIT:
        o->val_split = number(state, key, text, false, 1);
        return 0;
    case CLI_VAL_DATA:
        o->val_data = file(state, key, text);
        return 0;
    case CLI_NORMALISE:
        choice(state, key, text, automatic, "auto");
        o->normalise = true;
        return 0;
    case CLI_SPLIT:
        read_shares(state, key, text, o->split);
        return 0;
    case CLI_SHEET:
        o->sheet = file(state, key, text);
        return 0;
    case CLI_CLASS_WEIGHTS:
        o->class_weights = file(state, key, text);
        return 0;
    case CLI_BALANCED:
        o->balanced = true;
        return 0;
    default:
        return read_recipe(key, text, state, o);
    }
}

/* Options of how to train. */
static error_t read_training(int key, char *text, struct argp_state *state,
                             cli_options *o)
{
    switch (key) {
    case CLI_EPOCHS:
        o->epochs = whole(state, key, text, 1, MOST_EPOCHS);
        return 0;
    case CLI_MICRO_BATCH:
        o->micro_batch = whole(state, key, text, 1, MOST_BATCH);
        return 0;
    case CLI_OUT:
        o->out = file(state, key, text);
        return 0;
    case CLI_FORCE:
        o->force = true;
        return 0;
    case CLI_RESUME:
        o->resume = true;
        return 0;
    case CLI_DROP_LAST:
        o->drop_last = true;
        return 0;
    case CLI_WORKERS:
        o->workers = (int32_t)whole(state, key, text, 0, MOST_WORKERS);
        if (!o->workers) o->workers = FV_OFF;
        return 0;
    case CLI_CACHE:
        o->cache = whole(state, key, text, 0, most_images);
        return 0;
    case CLI_SKIP_DAMAGED:
        o->skip_damaged = true;
        return 0;
    default:
        return read_sampling(key, text, state, o);
    }
}

/* Options of several commands. */
static error_t read_common(int key, char *text, struct argp_state *state,
                           cli_options *o)
{
    static const char *const dtypes[] = { "f32",     "f64",    "float32",
                                          "float64", "single", "double",
                                          NULL };
    static const char *const layouts[] = { "nhwc", "nchw", NULL };
    switch (key) {
    case CLI_DATA:
        o->data = file(state, key, text);
        return 0;
    case CLI_BATCH:
        o->batch = whole(state, key, text, 1, MOST_BATCH);
        return 0;
    case CLI_SEED:
        o->seed = whole(state, key, text, 0, INT64_MAX);
        return 0;
    case CLI_THREADS:
        o->threads = (int32_t)whole(state, key, text, 1, MOST_THREADS);
        return 0;
    case CLI_DTYPE:
        o->dtype = choice(state, key, text, dtypes, "f32 or f64") % 2 ? FV_F64
                                                                      : FV_F32;
        return 0;
    case CLI_LAYOUT:
        o->layout = choice(state, key, text, layouts, "nhwc or nchw") ? FV_NCHW
                                                                      : FV_NHWC;
        o->layout_given = true;
        return 0;
    case CLI_STRICT:
        o->strict = true;
        return 0;
    case CLI_MARKDOWN:
        o->markdown = true;
        return 0;
    case CLI_SIZE:
        read_size(state, key, text, o->size);
        return 0;
    case CLI_LIMIT:
        o->limit = whole(state, key, text, 1, most_images);
        return 0;
    case CLI_INDEX:
        o->index = whole(state, key, text, 0, most_images);
        return 0;
    case CLI_JSON:
        if (!cli_json_there())
            argp_error(state, "--json: this program was built without JSON");
        o->json = true;
        return 0;
    default:
        return read_training(key, text, state, o);
    }
}

static error_t read(int key, char *text, struct argp_state *state)
{
    line *l = state->input;
    switch (key) {
    case ARGP_KEY_ARGS:
        l->options->words = state->argv + state->next;
        l->options->count = state->argc - state->next;
        return 0;
    case ARGP_KEY_END:
        if (l->options->count < l->least)
            argp_error(state, "expected %s", l->argp->args_doc);
        if (l->options->count > l->most)
            argp_error(state, "%s: one word too many",
                       l->options->words[l->most]);
        return 0;
    default:
        return read_common(cli_option_key(key), text, state, l->options);
    }
}

void cli_parse(const struct argp *argp, int argc, char **argv, int least,
               int most, cli_options *options)
{
    struct argp strict = *argp;
    struct argp_option all[CLI_MOST_OPTIONS];
    cli_add_aliases(argp->options, all);
    strict.parser = read;
    strict.options = all;
    line l = { .argp = argp, .options = options, .least = least, .most = most };
    argp_err_exit_status = CLI_USAGE;
    cli_check_names(all, argc, argv);
    const error_t error = argp_parse(&strict, argc, argv, 0, NULL, &l);
    if (error) cli_refuse(argv[0], "%s", strerror(error));
}

void cli_take_data(const char *command, cli_options *options, int index)
{
    if (options->count > index && options->data)
        cli_refuse(command, "%s: one word too many", options->words[index]);
    if (options->count > index) options->data = options->words[index];
    if (!options->data || !*options->data)
        cli_refuse(command, "expected --data NAME");
}

void cli_refuse(const char *command, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fprintf(stderr, "%s: ", command);
    vfprintf(stderr, format, list);
    fprintf(stderr, "\nTry `%s --help' for more information.\n", command);
    va_end(list);
    exit(CLI_USAGE);
}
