/* |x| of each element; the gradient at 0 is 0. */
#include "op/op.h"

const fv_operator fv__op_abs = {
    FV__UNARY_OPERATOR_INFER("abs", FV_READS_INPUT(0), fv__infer_same_numbers),
    .onnx = "Abs"
};

fv_variable *fv_abs(fv_variable *a)
{
    return fv__apply_unary(&fv__op_abs, a, FV__ABS, 0, 0);
}

/* ---- the layer ----------------------------------------------------------- */

const fv__layer_type fv__layer_abs = { FV__PLAIN_LAYER("abs", fv_abs),
                                       .about = "|x|" };
