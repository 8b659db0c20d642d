/* The kernel tables of this build, and the choice of one for this machine. */
#include "kernel/kernel.h"

#include "kernel/tables.h" /* from cmake/kernels.cmake */

#include <stdio.h>
#include <string.h>

/* FV__TABLES(X) expands to X(name, requirement in words, number of required
 * processor features that this machine lacks) for each instruction set, the
 * preferred one last. */
#define DECLARE(name, needs, lacks)                                            \
    extern const fv__kernels fv__kernels_##name##_f32, fv__kernels_##name##_f64;
FV__TABLES(DECLARE)

/* Writes the names of the tables, separated by commas, as many as fit. */
static void name_list(const fv__kernel_entry entries[], size_t count, char *out,
                      size_t bytes)
{
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 0; i < count; i++) {
        const char *const between = i ? ", " : "";
        const size_t added = strlen(between) + strlen(entries[i].name);
        if (added >= bytes - used) return;
        snprintf(out + used, bytes - used, "%s%s", between, entries[i].name);
        used += added;
    }
}

static const fv__kernels *missing(fv_context *context,
                                  const fv__kernel_entry entries[],
                                  size_t count, const char *isa)
{
    char name[64], list[256];
    name_list(entries, count, list, sizeof list);
    fv_fail(context, FV_UNSUPPORTED,
            "FOVEA_ISA: kernel table \"%s\" is unknown (built in: %s)",
            fv__printable(isa, strlen(isa), name, sizeof name), list);
    return NULL;
}

const fv__kernels *fv__kernels_pick(fv_context *context,
                                    const fv__kernel_entry entries[],
                                    size_t count, const char *isa,
                                    fv_dtype dtype)
{
    for (size_t i = count; i-- > 0;) {
        const fv__kernel_entry *found = &entries[i];
        if (isa ? strcmp(isa, found->name) != 0 : found->lacks > 0) continue;
        if (found->lacks == 0) return dtype == FV_F64 ? found->f64 : found->f32;
        fv_fail(context, FV_UNSUPPORTED,
                "FOVEA_ISA: kernel table \"%s\" needs %s, which this machine "
                "lacks",
                found->name, found->needs);
        return NULL;
    }
    return missing(context, entries, count, isa);
}

const fv__kernels *fv__kernels_find(fv_context *context, const char *isa,
                                    fv_dtype dtype)
{
    const fv__kernel_entry entries[] = {
#define ENTRY(name, needs, lacks)                                              \
    { #name, needs, &fv__kernels_##name##_f32, &fv__kernels_##name##_f64,      \
      lacks },
        FV__TABLES(ENTRY)
    };
    return fv__kernels_pick(context, entries, sizeof entries / sizeof *entries,
                            isa, dtype);
}

const char *fv_context_isa(const fv_context *context)
{
    return context && context->kernels ? context->kernels->isa : "";
}
