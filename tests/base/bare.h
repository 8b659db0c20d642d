/* Contexts of the base module alone, without kernels and tape. */
#ifndef FV_TESTS_BASE_BARE_H
#define FV_TESTS_BASE_BARE_H

#include "support.h"

#include "base/internal.h"

static inline fv_context *bare_new(const fv_context_options *options)
{
    fv_context *context = fv__context_allocate(options);
    if (context) fv__context_begin(context, options);
    return context;
}

static inline void bare_free(fv_context *context)
{
    fv__context_end(context);
    fv__context_release(context);
}

#endif
