/* Contexts of the base module alone, without kernels and tape. */
#ifndef FV_TESTS_BASE_BARE_H
#define FV_TESTS_BASE_BARE_H

#include "support.h"

#include "base/internal.h"

/* Whether a sanitizer holds the address space and the threads. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

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
