/* Matrix products. */
#include "onnx/out/out.h"
#include "op/operand.h"

#include <math.h>

fv__out_emit fv__out_linear, fv__out_matmul, fv__out_causal_mask;

void fv__out_linear(fv__out *out)
{
    fv__out_value *y =
        FV__OUT_NODE(out, "Gemm", fv__out_plain(out, 0), fv__out_plain(out, 1),
                     out->node->num_inputs > 2 ? fv__out_plain(out, 2) : NULL);
    fv__out_int(out, "transB", 1);
    fv__out_set_plain(out, 0, y);
}

void fv__out_matmul(fv__out *out)
{
    fv__out_set_plain(out, 0,
                      FV__OUT_NODE(out, "MatMul", fv__out_plain(out, 0),
                                   fv__out_plain(out, 1)));
}

/* Minus infinity above the diagonal of a matrix. */
static fv__out_value *mask(fv__out *out, int64_t rows, int64_t columns)
{
    const int64_t shape[] = { rows, columns };
    const fv_tensor made = fv__out_tensor(out, out->context->dtype, 2, shape);
    if (made.rank < 0) return NULL;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = i + 1; j < columns; j++)
            fv__real_set(out->context, made.data, i * columns + j,
                         -(double)INFINITY);
    return fv__out_data(out, "mask", &made);
}

void fv__out_causal_mask(fv__out *out)
{
    enum { OPSET = 14 };
    const fv_tensor *x = &out->node->inputs[0]->value;
    const int32_t last = x->rank - 1;
    fv__out_value *value = fv__out_plain(out, 0), *hidden;
    if (fv__out_fixed(out, 0, last) && fv__out_fixed(out, 0, last - 1)) {
        hidden = mask(out, x->shape[last - 1], x->shape[last]);
    } else if (out->opset >= OPSET) {
        hidden = FV__OUT_NODE(out, "Expand",
                              fv__out_number(out, "hidden", -(double)INFINITY),
                              FV__OUT_NODE(out, "Shape", value));
        hidden = FV__OUT_NODE(out, "Trilu", hidden,
                              fv__out_whole(out, "diagonal", 1));
        fv__out_int(out, "upper", 1);
    } else {
        fv__out_refuse(out, "a causal mask of open size needs operator set %d",
                       OPSET);
        return;
    }
    fv__out_set_plain(out, 0, FV__OUT_NODE(out, "Add", value, hidden));
}
