/* The square root of each element. */
#include "op/op.h"

const fv_operator fv__op_sqrt = { FV__MAPPING("sqrt", FV_READS_OUTPUT),
                                  .onnx = "Sqrt" };

fv_variable *fv_sqrt(fv_variable *a)
{
    return fv__apply_mapping(&fv__op_sqrt, a, FV__SQRT, 0, 0);
}
