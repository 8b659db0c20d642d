/* `fovea info`: layers, shapes, parameters, work, and memory before the
 * run. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const struct argp_option options[] = {
    { "batch", CLI_BATCH, "N", 0, "images that memory is planned for (32)", 0 },
    CLI_SIZE_OPTION,
    CLI_SHAPE_OPTION,
    { "dtype", CLI_DTYPE, "TYPE", 0, "f32 or f64 (f32)", 0 },
    { "json", CLI_JSON, NULL, 0, "as one line of JSON", 0 },
    { 0 },
};

static const struct argp usage = {
    .options = options,
    .args_doc = "FILE|NET",
    .doc = "Show the layers of a saved model or a network text: shapes, "
           "parameters, multiply-accumulates, receptive fields and bytes for "
           "one image, and the memory that running it will take.",
};

enum { NAME, KIND, SHAPE, PARAMETERS, MACS, FIELD, BYTES, COLUMNS };

/* What is known before printing. */
typedef struct facts {
    const cli_options *options;
    fv_network *network;
    fv_layer_info whole;
    size_t training, evaluation;
} facts;

static void format_field(const int64_t field[2], char *text)
{
    if (field[0] && field[1])
        snprintf(text, CLI_CELL, "%lld x %lld", (long long)field[0],
                 (long long)field[1]);
    else
        snprintf(text, CLI_CELL, "all");
}

static void heading(int column, char *text)
{
    static const char *const names[COLUMNS] = {
        "layer",         "kind", "output", "parameters",
        "multiply-adds", "sees", "memory",
    };
    snprintf(text, CLI_CELL, "%s", names[column]);
}

static void cell(const void *user, int64_t row, int column, char *text)
{
    const facts *f = user;
    if (row == 0) {
        heading(column, text);
        return;
    }
    const size_t count = fv_network_count(f->network);
    const bool total = (size_t)row > count;
    const fv_layer_info info =
        total ? f->whole : fv_network_layer_info(f->network, (size_t)row - 1);
    switch (column) {
    case NAME:
        snprintf(text, CLI_CELL, "%s", total ? "total" : info.name);
        break;
    case KIND:
        snprintf(text, CLI_CELL, "%s", total ? "" : info.kind);
        break;
    case SHAPE:
        cli_shape(&info.output_shape, text);
        break;
    case PARAMETERS:
        cli_number(info.parameters, text);
        break;
    case MACS:
        cli_number(info.multiply_accumulates, text);
        break;
    case FIELD:
        format_field(info.receptive_field, text);
        break;
    default: /* the whole needs less than its parts: see below the table */
        if (total) *text = '\0';
        if (!total) cli_bytes(info.output_bytes, text);
        break;
    }
}

static void put_facts(cli_json *json, const fv_layer_info *info)
{
    cli_json_integer(json, "parameters", info->parameters);
    cli_json_integer(json, "multiply_accumulates", info->multiply_accumulates);
    cli_json *field = cli_json_array(json, "receptive_field");
    cli_json_integer(field, NULL, info->receptive_field[0]);
    cli_json_integer(field, NULL, info->receptive_field[1]);
}

/* The lines as a list of texts. */
static void put_transforms(cli_json *json, const char *lines)
{
    cli_json *list = cli_json_array(json, "transforms");
    for (; *lines; lines += strcspn(lines, "\n") + 1) {
        char line[4 * CLI_TEXT];
        snprintf(line, sizeof line, "%.*s", (int)strcspn(lines, "\n"), lines);
        cli_json_text(list, NULL, line);
    }
}

static void print_json(const facts *f, fv_context *context)
{
    cli_json *json = cli_json_new();
    put_facts(json, &f->whole);
    cli_json_bytes(json, "planned_bytes", f->training);
    cli_json_bytes(json, "planned_bytes_evaluation", f->evaluation);
    cli_json_integer(json, "batch", f->options->batch);
    cli_json_text(json, "dtype", fv_dtype_name(f->options->dtype));
    cli_json *layers = cli_json_array(json, "layers");
    for (size_t i = 0; i < fv_network_count(f->network); i++) {
        const fv_layer_info info = fv_network_layer_info(f->network, i);
        cli_json *layer = cli_json_object(layers, NULL);
        cli_json_text(layer, "name", info.name);
        cli_json_text(layer, "kind", info.kind);
        cli_json_shape(layer, "output_shape", &info.output_shape);
        put_facts(layer, &info);
        cli_json_bytes(layer, "output_bytes", info.output_bytes);
    }
    put_transforms(json, fv_network_augment_text(f->network));
    cli_json_print(json, context);
}

static void print_table(const facts *f)
{
    char training[CLI_CELL], evaluation[CLI_CELL];
    const cli_table table = {
        .columns = COLUMNS,
        .align = "lllrrrr",
        .rows = (int64_t)fv_network_count(f->network) + 2,
        .cell = cell,
        .user = f,
    };
    cli_table_print(&table);
    if (*fv_network_augment_text(f->network))
        printf("\n%s", fv_network_augment_text(f->network));
    cli_bytes(f->training, training);
    printf("\nmemory with batches of %lld: %s in training, %s in evaluation\n",
           (long long)f->options->batch, f->training ? training : "none",
           cli_bytes(f->evaluation, evaluation));
}

/* In a context of its own, so that one plan does not count for the other; 0
 * for a network that cannot be trained. */
static size_t training_bytes(const cli_options *o, const char *text)
{
    fv_context *context = cli_context(o);
    fv_network *network = fv_network_parse(context, text, NULL);
    const size_t bytes = fv_network_planned_bytes(network, o->batch, 1);
    fv_context_free(context);
    return bytes;
}

int cli_info(int argc, char **argv)
{
    cli_options o = cli_defaults();
    cli_parse(&usage, argc, argv, 1, 1, &o);
    facts f = { .options = &o };
    fv_context *context = cli_context(&o);
    f.network = cli_load_sized(context, &o);
    f.whole = fv_network_info(f.network);
    f.evaluation = fv_network_planned_bytes(f.network, o.batch, 0);
    if (fv_failed(context) == FV_OK) {
        f.training = training_bytes(&o, fv_network_text(f.network));
        if (o.json)
            print_json(&f, context);
        else
            print_table(&f);
    }
    return cli_end(context, CLI_DONE);
}
