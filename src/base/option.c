/* What the numbers in an options struct mean. */
#include "base/base.h"

#include <stdio.h>

int64_t fv__option_count(int64_t option, int64_t fallback)
{
    return option ? option : fallback;
}

void fv__option_axes(int32_t axes, int64_t values[], int64_t missing,
                     const int64_t fallback[])
{
    const bool first = values[0] != missing;
    for (int32_t i = 0; i < axes; i++)
        if (values[i] == missing) values[i] = first ? values[0] : fallback[i];
}

static bool any(int32_t axes, const int64_t values[])
{
    for (int32_t i = 0; i < axes; i++)
        if (values[i]) return true;
    return false;
}

enum { AXES_BYTES = 80 }; /* of the text of three numbers */

/* "2x0": a number for each axis, of at most three. */
static const char *text_of(int32_t axes, const int64_t values[],
                           char out[AXES_BYTES])
{
    int length = 0;
    for (int32_t i = 0; i < axes; i++)
        length += snprintf(out + length, (size_t)(AXES_BYTES - length),
                           "%s%lld", i ? "x" : "", (long long)values[i]);
    return out;
}

fv_status fv__option_padding(fv_context *context, const char *who, int32_t axes,
                             const int64_t both[], int64_t begin[],
                             int64_t end[])
{
    char a[AXES_BYTES], b[AXES_BYTES], c[AXES_BYTES];
    if (!any(axes, both)) return FV_OK;
    if (any(axes, begin) || any(axes, end))
        return fv_fail(context, FV_MISUSE,
                       "%s: padding %s is for both sides, but padding_begin %s "
                       "and padding_end %s are given too",
                       who, text_of(axes, both, a), text_of(axes, begin, b),
                       text_of(axes, end, c));
    for (int32_t i = 0; i < axes; i++) begin[i] = end[i] = both[i];
    return FV_OK;
}
