/* Numbers start, start + delta, ... before limit. */
#include "op/op.h"

#include <inttypes.h>
#include <math.h>

/* Operand k, as a double. */
static double number_of(const fv_tensor *operand)
{
    double number;
    fv__load_doubles(operand->dtype, operand->data, 1, 1, &number);
    return number;
}

/* How many numbers there are; negative: none of the operands says. */
static double count_of(const fv_tensor *const *operands)
{
    const double start = number_of(operands[0]), limit = number_of(operands[1]);
    return ceil((limit - start) / number_of(operands[2]));
}

static fv_status infer(fv_inference *inference)
{
    const fv_tensor *const *operands = inference->inputs;
    fv_status status = fv__infer_numbers(inference);
    for (int32_t k = 0; k < 3 && !status; k++) {
        if (fv_tensor_count(operands[k]) != 1)
            return fv_fail(inference->context, FV_MISUSE,
                           "%s: operand %d has %" PRId64 " numbers, expected 1",
                           inference->name, k + 1,
                           fv_tensor_count(operands[k]));
        if (!operands[k]->data)
            return fv_fail(inference->context, FV_MISUSE,
                           "%s: operand %d must be known when the plan is made",
                           inference->name, k + 1);
    }
    if (status) return status;
    const double count = count_of(operands);
    if (number_of(operands[2]) == 0 || !(count < 0x1p62))
        return fv_fail(inference->context, FV_MISUSE,
                       "%s: steps of %s do not lead from %s to %s",
                       inference->name, FV__NUMBER(number_of(operands[2])),
                       FV__NUMBER(number_of(operands[0])),
                       FV__NUMBER(number_of(operands[1])));
    const int64_t n = count > 0 ? (int64_t)count : 0;
    return fv__infer_moved(inference, 1, &n);
}

static void forward(const fv_call *call)
{
    const fv_tensor *y = call->outputs[0];
    const int64_t n = y->shape[0];
    if (!fv__dtype_is_real(y->dtype)) {
        int64_t start, delta;
        fv__load_integers(y->dtype, call->inputs[0]->data, 1, 1, &start);
        fv__load_integers(y->dtype, call->inputs[2]->data, 1, 1, &delta);
        for (int64_t i = 0; i < n; i++) {
            const int64_t number =
                (int64_t)((uint64_t)start + (uint64_t)i * (uint64_t)delta);
            fv__store_wrapped(y->dtype, fv__tensor_byte(y, i), 1, &number);
        }
        return;
    }
    const double start = number_of(call->inputs[0]);
    const double delta = number_of(call->inputs[2]);
    for (int64_t i = 0; i < n; i++) {
        const double number = start + (double)i * delta;
        if (y->dtype == FV_F64)
            ((double *)y->data)[i] = number;
        else
            ((float *)y->data)[i] = (float)number;
    }
}

const fv_operator fv__op_range = { .size = sizeof(fv_operator),
                                   .name = "range",
                                   .min_inputs = 3,
                                   .max_inputs = 3,
                                   .infer = infer,
                                   .forward = forward,
                                   .onnx = "Range" };

fv_variable *fv_range(fv_variable *start, fv_variable *limit,
                      fv_variable *delta)
{
    fv_variable *const operands[] = { start, limit, delta };
    return fv_apply(&fv__op_range, NULL, 3, operands);
}

/* ---- the layer ----------------------------------------------------------- */

static fv_variable *apply(fv_layer *layer, int32_t count,
                          fv_variable *const inputs[])
{
    (void)layer, (void)count;
    return fv_range(inputs[0], inputs[1], inputs[2]);
}

const fv__layer_type fv__layer_range = {
    .kind = "range",
    .about = "start, start + delta, ... before limit: start, limit, delta",
    FV__LAYER_OPTIONS(fv_layer_options),
    .min_inputs = 3,
    .max_inputs = 3,
    .forward = apply,
};
