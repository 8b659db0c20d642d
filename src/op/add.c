/* a + b, broadcast. */
#include "op/op.h"

const fv_operator fv__op_add = {
    FV__ZIPPING_ABLE("add", 0, FV_OVERWRITES | FV_IN_PLACE), .onnx = "Add"
};

fv_variable *fv_add(fv_variable *a, fv_variable *b)
{
    return fv__apply_zipping(&fv__op_add, FV__ADD, a, b);
}
