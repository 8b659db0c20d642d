/* Making and freeing a context: base, kernel table and tape together. */
#include "graph/graph.h"

#include <stdlib.h>

fv_context *fv_context_new(const fv_context_options *options)
{
    fv_context *context = fv__context_allocate(options);
    if (!context) return NULL;
    fv__context_begin(context, options);
    context->training = true;
    const char *isa = options ? options->isa : NULL;
    if (!isa) isa = getenv("FOVEA_ISA");
    context->kernels = fv__kernels_find(context, isa, context->dtype);
    if (!context->kernels) /* The plain table always exists: the context can be
                              used once the error is cleared. */
        context->kernels = fv__kernels_find(context, "ref", context->dtype);
    fv__tape_begin(context);
    return context;
}

void fv_context_free(fv_context *context)
{
    if (!context) return;
    fv__tape_end(context);
    fv__context_end(context);
    fv__context_release(context);
}
