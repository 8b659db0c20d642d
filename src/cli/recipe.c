/* Chooses the options of training that were not given, by the network and by
 * the data. */
#include "cli/cli.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MOST_PROBED = 100,
    LEAST_PHOTOGRAPH = 96, /* pixels of the shorter side */
    USUAL_SIZE = 224
};

/* What is known before anything is chosen. */
typedef struct facts {
    cli_recipe *recipe;
    cli_training *training;
    cli_options *options;
    int64_t count; /* images that are trained on */
    fv_target_kind target;
    int64_t size[2], channels; /* of the network's input; FV_OPEN */
    int64_t shorter;           /* median of the shorter sides of images */
    bool equal;                /* all images have the size of the input */
    bool files, photographs;
    bool tuning, normalised; /* the network has weights, batch normalisation */
} facts;

/* Adds a choice; returns its value. */
static const char *choose(facts *f, const char *option, const char *why,
                          const char *format, ...) FV_PRINTF(4, 5);
static const char *choose(facts *f, const char *option, const char *why,
                          const char *format, ...)
{
    cli_choice *c = &f->recipe->choices[f->recipe->count++];
    va_list list;
    c->option = option;
    snprintf(c->why, sizeof c->why, "%s", why);
    va_start(list, format);
    vsnprintf(c->value, sizeof c->value, format, list);
    va_end(list);
    return c->value;
}

/* ---- facts --------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void see_size(facts *f, int64_t rows, int64_t columns, int64_t *shorter)
{
    *shorter = rows < columns ? rows : columns;
    f->equal = f->equal && rows == f->size[0] && columns == f->size[1];
}

/* The sizes of some images, of equal distance in the data set. */
static void find_sizes(facts *f)
{
    int64_t sides[MOST_PROBED], count = 0;
    fv_context *context = f->training->context;
    const fv_dataset *data = f->training->train;
    const fv_shape shape = fv_dataset_image_shape(data);
    const int32_t row = f->options->layout == FV_NCHW ? 1 : 0;
    f->equal = true;
    for (int64_t i = 0; f->files && i < MOST_PROBED && i < f->count; i++) {
        const int64_t some = f->count < MOST_PROBED ? f->count : MOST_PROBED;
        const fv_image_info info =
            fv_image_probe(context, fv_dataset_path(data, i * f->count / some));
        if (fv_failed(context) == FV_OK)
            see_size(f, info.rows, info.columns, &sides[count++]);
        fv_clear_error(context); /* a damaged file, which others stand for */
    }
    if (!f->files && shape.rank == 3)
        see_size(f, shape.extent[row], shape.extent[row + 1], &sides[count++]);
    qsort(sides, (size_t)count, sizeof *sides, by_size);
    f->shorter = count ? sides[count / 2] : 0;
}

static bool has_kind(fv_network *network, const char *kind)
{
    for (size_t i = 0; i < fv_network_count(network); i++) {
        const fv_layer_info info = fv_network_layer_info(network, i);
        if (info.kind && strcmp(info.kind, kind) == 0) return true;
    }
    return false;
}

static facts facts_of(cli_training *t, cli_options *o)
{
    facts f = { .training = t, .options = o };
    const fv_shape input = fv_network_input_shape(t->network);
    const int32_t row = o->layout == FV_NCHW ? 1 : 0;
    if (fv_failed(t->context) || input.rank != 3) return f;
    for (int i = 0; i < 2; i++)
        f.size[i] = o->size[i] ? o->size[i] : input.extent[row + i];
    f.channels = input.extent[o->layout == FV_NCHW ? 0 : 2];
    f.count = fv_dataset_count(t->train);
    f.target = fv_dataset_target(t->train);
    f.files = f.count && *fv_dataset_path(t->train, 0);
    f.tuning = fv_network_has_weights(t->network);
    f.normalised = has_kind(t->network, "batchnorm");
    find_sizes(&f);
    f.photographs = f.files && f.shorter >= LEAST_PHOTOGRAPH;
    return f;
}

bool cli_recipe_applies(cli_training *training, cli_options *o)
{
    if (o->recipe || fv_failed(training->context))
        return o->recipe && strcmp(o->recipe, "auto") == 0;
    if (o->num_augments || *fv_network_augment_text(training->network))
        return false;
    const facts f = facts_of(training, o);
    return f.files && f.shorter && !f.equal && f.target != FV_TARGET_MASK;
}

/* ---- the network --------------------------------------------------------- */

void cli_prepare_network(cli_training *t, const cli_options *o)
{
    const int64_t classes = fv_dataset_classes(t->train);
    if (o->new_head && fv_failed(t->context) == FV_OK)
        t->network = fv_network_with_head(t->network, classes);
    if (fv_failed(t->context) == FV_OK && o->size[0])
        cli_set_size(t->context, t->network, o, NULL);
    for (int i = 0; i < o->num_augments; i++)
        fv_network_augment(t->network, o->augment[i]);
}

static void choose_head(facts *f)
{
    char why[CLI_CELL];
    const int64_t outputs = fv_network_classes(f->training->network);
    const int64_t classes = fv_dataset_classes(f->training->train);
    if (f->options->new_head || classes < 2 || outputs == classes) return;
    snprintf(why, sizeof why, "%lld classes, the network has %lld",
             (long long)classes, (long long)outputs);
    choose(f, "head", why, "new");
    f->options->new_head = true;
}

static void choose_size(facts *f)
{
    int64_t *size = f->options->size, side = USUAL_SIZE;
    if (f->size[0] > 0 && f->size[1] > 0) return;
    if (f->shorter < USUAL_SIZE) side = f->shorter / 32 * 32;
    if (f->shorter < 32) side = f->shorter;
    for (int i = 0; i < 2; i++)
        f->size[i] = size[i] = f->size[i] > 0 ? f->size[i] : side;
    choose(f, "size", "the network takes any size", "%lldx%lld",
           (long long)size[0], (long long)size[1]);
}

/* ---- transforms ---------------------------------------------------------- */

static void add_line(facts *f, const char *why, const char *line)
{
    f->options->augment[f->options->num_augments++] =
        choose(f, "augment", why, "%s", line);
}

static void choose_normalise(facts *f)
{
    if (f->options->normalise) return;
    if (f->channels == 3 && (f->photographs || f->tuning))
        add_line(f, "of ImageNet's photographs",
                 "normalise mean=0.485,0.456,0.406 std=0.229,0.224,0.225");
    else
        add_line(f, "of the training images", "normalise auto");
}

/* Whether mirrored images are as good: not those of digits and letters. */
static bool may_flip(const facts *f)
{
    const char *name = f->options->data;
    return !strstr(name, "mnist") || strstr(name, "fashion");
}

static void choose_photograph_lines(facts *f)
{
    char line[CLI_CELL];
    const long long rows = f->size[0], columns = f->size[1];
    const long long most = rows > columns ? rows : columns;
    snprintf(line, sizeof line, "random_resized_crop %lld %lld", rows, columns);
    add_line(f, "photographs: the shorter side of most has 96 pixels or more",
             line);
    add_line(f, "", "flip");
    snprintf(line, sizeof line, "resize shorter=%lld on=evaluation",
             (most * 8 + 6) / 7);
    add_line(f, "8/7 of the input", line);
    snprintf(line, sizeof line, "center_crop %lld %lld on=evaluation", rows,
             columns);
    add_line(f, "", line);
}

static void choose_lines(facts *f)
{
    char line[CLI_CELL];
    const long long rows = f->size[0], columns = f->size[1];
    if (f->options->num_augments
        || *fv_network_augment_text(f->training->network))
        return;
    if (f->photographs && f->target != FV_TARGET_MASK) {
        choose_photograph_lines(f);
    } else {
        if (!f->equal) {
            snprintf(line, sizeof line, "resize %lld %lld", rows, columns);
            add_line(f, "images of other sizes", line);
        }
        snprintf(line, sizeof line, "random_crop %lld %lld padding=%lld", rows,
                 columns, (rows + 4) / 8);
        add_line(f, "small images", line);
        if (may_flip(f)) add_line(f, "", "flip");
    }
    choose_normalise(f);
}

/* ---- steps --------------------------------------------------------------- */

/* A number in the first line of a file that begins with `key`; -1. */
static double read_number(const char *path, const char *key)
{
    char line[CLI_TEXT];
    double number = -1;
    FILE *file = fopen(path, "r");
    while (file && number < 0 && fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0) {
            char *end;
            number = strtod(line + strlen(key), &end);
            if (end == line + strlen(key)) number = -1;
        }
    if (file) fclose(file);
    return number;
}

/* Bytes of memory that are free, of the machine and of the group of processes
 * in a container. */
static double free_memory(void)
{
    const double kibibytes = read_number("/proc/meminfo", "MemAvailable:");
    const double most = read_number("/sys/fs/cgroup/memory.max", "");
    const double used = read_number("/sys/fs/cgroup/memory.current", "");
    const double all =
        (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    const double open = kibibytes >= 0 ? 1024 * kibibytes : all / 2;
    return most > 0 && used >= 0 ? fmin(open, fmax(most - used, 0)) : open;
}

static void choose_batch(facts *f)
{
    fv_context *context = f->training->context;
    char why[CLI_CELL + 32], bytes[CLI_CELL];
    int64_t batch = f->photographs ? 64 : 128;
    size_t planned = 0;
    const double room = free_memory() * 0.6;
    if (f->options->batch) return;
    while (batch > 8 && batch * 8 > f->count) batch /= 2;
    for (;; batch /= 2) {
        planned = fv_network_planned_bytes(f->training->network, batch, 1);
        if (fv_failed(context) || batch == 1 || (double)planned <= room) break;
    }
    snprintf(why, sizeof why, "%s in training: %s", cli_bytes(planned, bytes),
             f->count < 8 * batch * 2 ? "at least 8 updates an epoch"
                                      : "at most 60 % of free memory");
    choose(f, "batch", why, "%lld", (long long)batch);
    f->options->batch = batch;
}

/* The rate for a batch. */
static double scaled(double rate, int64_t batch)
{
    return batch < 128 ? rate * (double)batch / 128 : rate;
}

static void choose_rule(facts *f)
{
    cli_options *o = f->options;
    if (o->optimizer || o->momentum || o->nesterov) return;
    if (f->normalised) {
        o->optimizer = choose(f, "optimizer",
                              "the network has batch normalisation", "sgd");
        o->momentum = choose(f, "momentum", "", "0.9");
        choose(f, "nesterov", "", "%s", "");
        o->nesterov = true;
    } else {
        o->optimizer = choose(
            f, "optimizer", "the network has no batch normalisation", "adamw");
    }
    if (!o->weight_decay)
        o->weight_decay = choose(f, "weight-decay", "", "%s",
                                 !f->normalised ? "0.01"
                                 : f->tuning    ? "0.0001"
                                                : "0.0005");
    if (o->lr) return;
    const double rate =
        f->normalised ? (f->tuning ? 0.01 : 0.1) : (f->tuning ? 1e-4 : 1e-3);
    o->lr = choose(f, "lr",
                   f->tuning ? "a tenth, of a network with weights"
                             : "try fovea lrfind for another",
                   "%.3g", f->normalised ? scaled(rate, o->batch) : rate);
}

/* So many epochs that a number of images is seen. */
static void choose_epochs(facts *f)
{
    cli_options *o = f->options;
    const int64_t seen = f->tuning ? 100000 : 1200000;
    const int64_t least = f->tuning ? 5 : 10, most = f->tuning ? 20 : 100;
    int64_t epochs = (seen + f->count / 2) / f->count;
    if (!o->epochs) {
        epochs = epochs < least ? least : epochs > most ? most : epochs;
        choose(f, "epochs",
               f->tuning ? "100,000 images, 5 to 20 epochs"
                         : "1,200,000 images, 10 to 100 epochs",
               "%lld", (long long)epochs);
        o->epochs = epochs;
    }
    if (f->tuning && o->new_head && !o->freeze_epochs && o->epochs > 1) {
        choose(f, "freeze-epochs", "the new head first, then all layers", "1");
        o->freeze_epochs = 1;
    }
}

static void choose_schedule(facts *f)
{
    cli_options *o = f->options;
    const long long updates = (f->count + o->batch - 1) / o->batch;
    if (o->schedule) return;
    if (f->tuning || o->epochs < 5)
        o->schedule = choose(f, "schedule", "down to 0", "cosine");
    else
        o->schedule =
            choose(f, "schedule", "an epoch up, then down to 0",
                   "linear %lld for %lld then cosine", updates, updates);
}

static void choose_validation(facts *f)
{
    cli_options *o = f->options;
    if (f->training->test || o->val_data || o->val_split > 0
        || f->target != FV_TARGET_CLASS || f->count < 20)
        return;
    choose(f, "val-split", "there is neither a part val nor test", "0.1");
    o->val_split = 0.1;
}

void cli_recipe_choose(cli_recipe *recipe, cli_training *training,
                       cli_options *options)
{
    facts f = facts_of(training, options);
    f.recipe = recipe;
    if (fv_failed(training->context)) return;
    if (!f.count || !f.shorter) {
        fv_fail(training->context, FV_MISUSE,
                "recipe: the network or the data has no images of rows and "
                "columns");
        return;
    }
    choose_head(&f);
    choose_size(&f);
    choose_lines(&f);
    cli_prepare_network(training, options);
    if (fv_failed(training->context)) return;
    choose_validation(&f);
    choose_batch(&f);
    choose_rule(&f);
    choose_epochs(&f);
    choose_schedule(&f);
}
