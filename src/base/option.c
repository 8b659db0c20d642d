/* What the numbers in an options struct mean. */
#include "base/base.h"

int64_t fv__option_count(int64_t option, int64_t fallback)
{
    return option ? option : fallback;
}

void fv__option_pair(int64_t pair[2], int64_t missing,
                     const int64_t fallback[2])
{
    bool first = pair[0] != missing;
    if (!first) pair[0] = fallback[0];
    if (pair[1] == missing) pair[1] = first ? pair[0] : fallback[1];
}

fv_status fv__option_padding(fv_context *context, const char *who,
                             const int64_t both[2], int64_t begin[2],
                             int64_t end[2])
{
    if (!both[0] && !both[1]) return FV_OK;
    if (begin[0] || begin[1] || end[0] || end[1])
        return fv_fail(context, FV_MISUSE,
                       "%s: padding %lldx%lld is for both sides, but "
                       "padding_begin %lldx%lld and padding_end %lldx%lld are "
                       "given too",
                       who, (long long)both[0], (long long)both[1],
                       (long long)begin[0], (long long)begin[1],
                       (long long)end[0], (long long)end[1]);
    for (int32_t i = 0; i < 2; i++) begin[i] = end[i] = both[i];
    return FV_OK;
}
