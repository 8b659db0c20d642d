/* The constants as a list, and the words that the program is called with:
 *
 *     calibration measure THREADS SECONDS BUDGET < shapes
 *     calibration pretend NAME VALUE < shapes
 *     calibration fit LAYERS [THEME] < times
 */
#include "calibration.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE(theme, name, value, how, unit, what) .theme##_##name = (value),
fv__conv_costs calibrated = { FV__CONV_COSTS(VALUE) };

#define ENTRY(theme, name, value, how, unit, what)                             \
    {                                                                          \
        #theme,                                                                \
        #theme "_" #name,                                                      \
        &calibrated.theme##_##name,                                            \
        (value),                                                               \
        how,                                                                   \
        unit,                                                                  \
        what                                                                   \
    },
const constant constants[] = { FV__CONV_COSTS(ENTRY) };

enum { COUNT = sizeof constants / sizeof *constants };
const int constant_count = COUNT;
_Static_assert(COUNT <= 64, "a set of constants is a number of 64 bits");

void constant_set(const constant *c, double value, double factor)
{
    const double product = value * factor;

    *c->at = strcmp(c->unit, "share") == 0 && product > 1 ? 1 : product;
}

static fv_status set_by_name(fv_context *context, const char *name,
                             const char *value)
{
    for (int i = 0; i < COUNT; i++)
        if (strcmp(constants[i].name, name) == 0) {
            constant_set(&constants[i], strtod(value, NULL), 1);
            return FV_OK;
        }
    return fv_fail(context, FV_MISUSE, "calibrate: no constant is called %s",
                   name);
}

static fv_status check_theme(fv_context *context, const char *theme)
{
    for (int i = 0; i < COUNT; i++)
        if (strcmp(constants[i].theme, theme) == 0) return FV_OK;
    return fv_fail(context, FV_MISUSE,
                   "calibrate: no constant belongs to a theme %s", theme);
}

int main(int argc, char **argv)
{
    const char *job = argc > 1 ? argv[1] : "";
    const bool measuring = strcmp(job, "measure") == 0 && argc == 5;
    fv_context *context = fv_context_new(FV_OPTIONS(
        fv_context_options, .threads = measuring ? (int32_t)atoi(argv[2]) : 1));
    int code = 0;

    if (measuring)
        measure(context, strtod(argv[3], NULL), strtod(argv[4], NULL));
    else if (strcmp(job, "pretend") == 0 && argc == 4) {
        if (set_by_name(context, argv[2], argv[3]) == FV_OK) pretend(context);
    } else if (strcmp(job, "fit") == 0 && (argc == 3 || argc == 4)) {
        const char *theme = argc == 4 ? argv[3] : NULL;

        if (!theme || check_theme(context, theme) == FV_OK)
            fit(context, strtoll(argv[2], NULL, 10), theme);
    } else
        fv_fail(context, FV_MISUSE, "calibration: see tools/calibrate");
    if (fv_failed(context)) {
        fprintf(stderr, "%s\n", fv_error(context));
        code = 1;
    }
    fv_context_free(context);
    return code;
}
