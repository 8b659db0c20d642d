/* Broadcasting in both directions: the operand and the request are broadcast to
 * one shape. */
#include "op/op.h"

fv_variable *fv_expand(fv_variable *a, int32_t rank, const int64_t shape[])
{
    if (!a || !fv__ok(a->context)) return NULL;
    int64_t wanted[FV_MAX_RANK] = { 0 }, both[FV_MAX_RANK];
    int32_t result;
    bool fits = rank >= 0 && rank <= FV_MAX_RANK && (shape || !rank);
    for (int32_t i = 0; fits && i < rank; i++) {
        wanted[i] = shape[i] == -1 ? 1 : shape[i]; /* -1 keeps an extent */
        fits = wanted[i] >= 0;
    }
    const fv_tensor request =
        fv_tensor_of(NULL, FV_I64, fits ? rank : -1, wanted);
    if (request.rank >= 0
        && fv__broadcast_shape(&a->value, &request, &result, both))
        return fv_broadcast(a, result, both);
    char is[FV__SHAPE_BYTES], text[FV__SHAPE_BYTES];
    fv_fail(a->context, FV_MISUSE, "expand: %s does not broadcast to %s",
            fv__shape_text(is, sizeof is, a->value.rank, a->value.shape),
            fv__shape_text(text, sizeof text, fits ? rank : 0, wanted));
    return NULL;
}
