/* What clang's analyzer, which reads one file at a time, cannot know: after
 * fv_fail() a context has failed. Included before each file by tests/gates/tidy
 * only. */
#include "base/base.h"

static inline fv_status fv__now_failed(const fv_context *context)
{
    if (!context) return FV_NO_MEMORY;
    if (context->status == FV_OK) __builtin_unreachable();
    return context->status;
}

#define fv_fail(context, ...)                                                  \
    (fv_fail((context), __VA_ARGS__), fv__now_failed(context))
