/* The kernel tables of this build, and which of them this machine runs. */
#include "kernel/kernel.h"

#include "kernel/tables.h" /* from cmake/kernels.cmake */

#include <stdio.h>
#include <string.h>

/* FV__TABLES(X) is X(name, what it needs, whether this machine has it) for each
 * instruction set, the best last. */
#define DECLARE(name, needs, runs)                                             \
    extern const fv__kernels fv__kernels_##name##_f32, fv__kernels_##name##_f64;
FV__TABLES(DECLARE)

typedef struct entry {
    const char *name, *needs;
    const fv__kernels *f32, *f64;
    bool runs;
} entry;

static void entry_list(char *out, size_t bytes)
{
    static const char *const names[] = {
#define NAME(name, needs, runs) #name,
        FV__TABLES(NAME)
    };
    size_t used = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const int added =
            snprintf(out + used, bytes - used, "%s%s", i ? ", " : "", names[i]);
        if (added < 0 || (size_t)added >= bytes - used) return;
        used += (size_t)added;
    }
}

static const fv__kernels *missing(fv_context *context, const char *isa)
{
    char name[64], list[256];
    entry_list(list, sizeof list);
    fv_fail(context, FV_UNSUPPORTED,
            "FOVEA_ISA: kernel table \"%s\" is unknown (built in: %s)",
            fv__printable(isa, strlen(isa), name, sizeof name), list);
    return NULL;
}

const fv__kernels *fv__kernels_find(fv_context *context, const char *isa,
                                    fv_dtype dtype)
{
    const entry entries[] = {
#define ENTRY(name, needs, runs)                                               \
    { #name, needs, &fv__kernels_##name##_f32, &fv__kernels_##name##_f64,      \
      runs },
        FV__TABLES(ENTRY)
    };
    for (size_t i = sizeof entries / sizeof *entries; i-- > 0;) {
        const entry *found = &entries[i];
        if (isa ? strcmp(isa, found->name) != 0 : !found->runs) continue;
        if (found->runs) return dtype == FV_F64 ? found->f64 : found->f32;
        fv_fail(context, FV_UNSUPPORTED,
                "FOVEA_ISA: kernel table \"%s\" needs %s, which this machine "
                "lacks",
                found->name, found->needs);
        return NULL;
    }
    return missing(context, isa);
}
