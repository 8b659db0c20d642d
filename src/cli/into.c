/* `fovea convert --weights FILE --into NET`: weights of a file in a network,
 * with a report of what has become of each. */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { KINDS = FV_MATCH_UNUSED + 1 };
static const char *const words[KINDS] = { "read", "missing",   "unfit",
                                          "new",  "left_over", "unused" };

typedef struct report {
    cli_json *lists[KINDS]; /* NULL: lines are printed */
    int64_t counts[KINDS];
    int64_t numbers; /* that are read */
} report;

static fv_shape shape_of(const fv_tensor *tensor)
{
    fv_shape shape = { .rank = tensor->rank };
    memcpy(shape.extent, tensor->shape, sizeof shape.extent);
    return shape;
}

/* Names come from a file: what is no character of a line is shown as '?'. */
static void print_name(const char *before, const char *name)
{
    printf("%s", before);
    for (; *name; name++)
        putchar((unsigned char)*name < ' ' || *name == 127 ? '?' : *name);
}

static void print_shape(const char *before, const fv_named_tensor *tensor)
{
    char text[CLI_CELL];
    const fv_shape shape = shape_of(&tensor->tensor);
    printf("%s%s", before,
           shape.rank ? cli_shape(&shape, text) : "a single number");
}

static void print_line(const fv_weight_match *match)
{
    const fv_named_tensor *parameter = &match->parameter;
    const fv_named_tensor *tensor = &match->tensor;
    const fv_named_tensor *first = parameter->name ? parameter : tensor;
    printf("%-9s", words[match->match]);
    print_name(" ", first->name);
    print_shape("  ", first);
    if (first == parameter && tensor->name) {
        if (strcmp(tensor->name, parameter->name) != 0)
            print_name("  from ", tensor->name);
        if (match->match == FV_MATCH_UNFIT) {
            print_shape("  the file has ", tensor);
            printf(" of %s", fv_dtype_name(tensor->tensor.dtype));
        }
    }
    putchar('\n');
}

/* As {"KEY": {"name": ..., "shape": [...], "dtype": ...}}. */
static void put_tensor(cli_json *json, const char *key,
                       const fv_named_tensor *tensor)
{
    const fv_shape shape = shape_of(&tensor->tensor);
    if (!tensor->name) return;
    cli_json *object = cli_json_object(json, key);
    cli_json_text(object, "name", tensor->name);
    cli_json_shape(object, "shape", &shape);
    cli_json_text(object, "dtype", fv_dtype_name(tensor->tensor.dtype));
}

/* Of fv_match_options. */
static void add(void *user, const fv_weight_match *match)
{
    report *r = user;
    r->counts[match->match]++;
    if (match->match == FV_MATCH_READ)
        r->numbers += fv_tensor_count(&match->parameter.tensor);
    if (!r->lists[0]) {
        if (match->match != FV_MATCH_UNUSED) print_line(match);
        return;
    }
    cli_json *entry = cli_json_object(r->lists[match->match], NULL);
    put_tensor(entry, "parameter", &match->parameter);
    put_tensor(entry, "tensor", &match->tensor);
}

static void print_sum(const report *r)
{
    char numbers[CLI_CELL];
    int64_t parameters = 0;
    for (int i = FV_MATCH_READ; i <= FV_MATCH_NEW; i++)
        parameters += r->counts[i];
    printf("%" PRId64 " of %" PRId64 " parameters read, %s numbers",
           r->counts[FV_MATCH_READ], parameters,
           cli_number(r->numbers, numbers));
    for (int i = FV_MATCH_MISSING; i < KINDS; i++)
        if (r->counts[i]) printf("; %" PRId64 " %s", r->counts[i], words[i]);
    putchar('\n');
}

/* Prints the report, if there is any, whether or not the network has been
 * refused. */
static void print_report(fv_context *context, const report *r, cli_json *json)
{
    char sentence[1024];
    const fv_status status = fv_failed(context);
    int64_t all = 0;
    for (int i = 0; i < KINDS; i++) all += r->counts[i];
    if (all && !json) print_sum(r);
    if (!json) return;
    cli_json_integer(json, "numbers", r->numbers);
    cli_json_flag(json, "fits", status == FV_OK);
    snprintf(sentence, sizeof sentence, "%s", fv_error(context));
    if (all) fv_clear_error(context);
    cli_json_print(json, context);
    if (all && status) fv_fail(context, status, "%s", sentence);
}

fv_network *cli_load_into(fv_context *context, const cli_options *o)
{
    report r = { 0 };
    fv_network *network = cli_load(context, o->into);
    if (network && o->size[0]) cli_set_size(context, network, o, NULL);
    if (network && o->new_head)
        network = fv_network_with_head(network, o->classes);
    if (fv_failed(context)) return NULL;
    cli_json *json = o->json ? cli_json_new() : NULL;
    for (int i = 0; json && i < KINDS; i++)
        r.lists[i] = cli_json_array(json, words[i]);
    fv_network_match_weights(network, cli_input(o->weights),
                             .prefix = o->prefix, .new_head = o->new_head,
                             .partial = o->partial, .report = add, .user = &r);
    print_report(context, &r, json);
    return fv_failed(context) ? NULL : network;
}
