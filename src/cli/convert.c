/* `fovea convert`: writes a model in another form, which the ending of the
 * output's name says. */
#include "cli/cli.h"

#include <string.h>

static const struct argp_option options[] = {
    { "batch", CLI_BATCH, "N", 0, "images of a call of a C file (1)", 0 },
    CLI_SIZE_OPTION,
    { "weights", CLI_WEIGHTS, "FILE", 0,
      "write the weights of a C file to a file of their own, which "
      "its program reads",
      0 },
    { 0 },
};

static const struct argp usage = {
    .options = options,
    .args_doc = "IN OUT",
    .doc = "Write a model in another form: OUT.c is the network as one C file, "
           "with a header beside it.",
};

/* A form of output. */
typedef struct form {
    const char *ending;
    void (*write)(fv_network *network, const cli_options *o);
} form;

static void write_c(fv_network *network, const cli_options *o)
{
    fv_network_export_c(
        network, o->words[1],
        FV_OPTIONS(fv_c_options, .batch = o->batch, .weights = o->weights));
}

static const form forms[] = {
    { ".c", write_c },
};
enum { FORMS = sizeof forms / sizeof forms[0] };

static const form *form_of(const char *path)
{
    const char *ending = strrchr(path, '.');
    for (int i = 0; ending && i < FORMS; i++)
        if (strcmp(ending, forms[i].ending) == 0) return &forms[i];
    return NULL;
}

int cli_convert(int argc, char **argv)
{
    cli_options o = cli_defaults();
    o.batch = 1;
    cli_parse(&usage, argc, argv, 2, 2, &o);
    const form *to = form_of(o.words[1]);
    if (!to)
        cli_refuse(argv[0], "%s: expected a name that ends in .c", o.words[1]);
    fv_context *context = cli_context(&o);
    fv_network *network = cli_load_sized(context, &o);
    if (network) to->write(network, &o);
    return cli_end(context, CLI_DONE);
}
