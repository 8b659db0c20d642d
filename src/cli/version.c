/* `fovea version`: what this program is made of and what it runs on. */
#include "cli/cli.h"

#include <stdio.h>

static const struct argp_option options[] = {
    { "json", CLI_JSON, NULL, 0, "as one line of JSON", 0 },
    { 0 },
};

static const struct argp usage = {
    .options = options,
    .doc = "Say which version of Fovea this is, which kernels this machine can "
           "run and which of them are in use.",
};

static const char *const isas[] = { "ref", "avx2", "avx512", "neon", "wide" };
enum { ISAS = sizeof isas / sizeof isas[0] };

/* Whether a context can be made with these kernels here. */
static bool runs(const char *isa)
{
    fv_context *context = fv_context_new(
        FV_OPTIONS(fv_context_options, .isa = isa, .threads = 1));
    const bool ok = fv_failed(context) == FV_OK;
    fv_context_free(context);
    return ok;
}

static void print_json(fv_context *context)
{
    cli_json *json = cli_json_new();
    cli_json_text(json, "version", fv_version());
    cli_json_text(json, "isa", fv_context_isa(context));
    cli_json *list = cli_json_array(json, "isas");
    for (int i = 0; i < ISAS; i++)
        if (runs(isas[i])) cli_json_text(list, NULL, isas[i]);
    list = cli_json_array(json, "dtypes");
    cli_json_text(list, NULL, fv_dtype_name(FV_F32));
    cli_json_text(list, NULL, fv_dtype_name(FV_F64));
    cli_json_integer(json, "threads", fv_context_threads(context));
    cli_json_print(json, context);
}

static void print_text(fv_context *context)
{
    printf("fovea %s\n", fv_version());
    printf("kernels in use: %s; this machine can run:",
           fv_context_isa(context));
    for (int i = 0; i < ISAS; i++)
        if (runs(isas[i])) printf(" %s", isas[i]);
    printf("\nelement types: %s %s\nthreads: %d\n", fv_dtype_name(FV_F32),
           fv_dtype_name(FV_F64), (int)fv_context_threads(context));
}

int cli_version(int argc, char **argv)
{
    cli_options o = cli_defaults();
    cli_parse(&usage, argc, argv, 0, 0, &o);
    fv_context *context = cli_context(&o);
    if (fv_failed(context) == FV_OK) {
        if (o.json)
            print_json(context);
        else
            print_text(context);
    }
    return cli_end(context, CLI_DONE);
}
