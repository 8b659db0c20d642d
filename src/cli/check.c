/* `fovea gradcheck`: compares the gradients of a network with central
 * differences, in f64. */
#include "cli/cli.h"

#include <stdio.h>

static const double most_error = 1e-6;

static const struct argp_option options[] = {
    { "batch", CLI_BATCH, "N", 0, "random images (2)", 0 },
    { "seed", CLI_SEED, "S", 0, "of weights and images (0)", 0 },
    CLI_SIZE_OPTION,
    CLI_SHAPE_OPTION,
    CLI_THREADS_OPTION,
    CLI_JSON_OPTION,
    { 0 },
};

static const struct argp usage = {
    .options = options,
    .args_doc = "NET",
    .doc = "Compare the gradients of NET with central differences, in f64, and "
           "print the largest relative error; above 1e-6 is a failure.",
};

int cli_gradcheck(int argc, char **argv)
{
    cli_options o = cli_defaults();
    o.batch = 2;
    o.dtype = FV_F64;
    cli_parse(&usage, argc, argv, 1, 1, &o);
    fv_context *context = cli_context(&o);
    fv_network *network = cli_load_sized(context, &o);
    const double error = fv_network_gradcheck(network, o.batch);
    const bool passed = error <= most_error;
    if (fv_failed(context)) return cli_end(context, CLI_FAILED);
    if (o.json) {
        cli_json *json = cli_json_new();
        cli_json_number(json, "error", error);
        cli_json_number(json, "limit", most_error);
        cli_json_integer(json, "batch", o.batch);
        cli_json_flag(json, "passed", passed);
        cli_json_print(json, context);
    } else {
        printf("largest relative error %.3g\n", error);
    }
    if (!passed)
        cli_error("%s: the gradient is wrong: relative error %.3g, at most "
                  "%.0e allowed",
                  o.words[0], error, most_error);
    return cli_end(context, passed ? CLI_DONE : CLI_FAILED);
}
