/* `fovea bench`: finds what is to be measured. */
#include "cli/bench.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} kinds[] = {
    { "conv", cli_bench_conv },
    { "train", cli_bench_train },
    { "infer", cli_bench_infer },
    { "layers", cli_bench_layers },
};

static const char usage[] =
    "Usage: fovea bench conv --shapes FILE [OPTION...]\n"
    "  or:  fovea bench train NET [OPTION...]\n"
    "  or:  fovea bench infer FILE|NET [OPTION...]\n"
    "  or:  fovea bench layers [KIND|LINE...] [OPTION...]\n"
    "Measure how fast convolutions, networks and layers that memory limits are "
    "on\nthis machine.\n\n"
    "`fovea bench conv --help` and the like tell more.\n";

int cli_bench(int argc, char **argv)
{
    if (argc < 2) cli_refuse(argv[0], "expected conv, train, infer or layers");
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-?") == 0) {
        fputs(usage, stdout);
        return CLI_DONE;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char whole[32];
        if (strcmp(name, kinds[i].name) != 0) continue;
        snprintf(whole, sizeof whole, "%s %s", argv[0], name);
        argv[1] = whole;
        return kinds[i].run(argc - 1, argv + 1);
    }
    cli_refuse(argv[0], "%s: expected conv, train, infer or layers", name);
}
