/* x + s of each element; x - s is x + (-s). */
#include "op/op.h"

const fv_operator fv__op_add_number = { FV__UNARY_OPERATOR("add_number", 0) };

fv_variable *fv_add_number(fv_variable *a, double s)
{
    return fv__apply_unary(&fv__op_add_number, a, FV__SCALE_ADD, 1, s);
}

fv_variable *fv_sub_number(fv_variable *a, double s)
{
    return fv__apply_unary(&fv__op_add_number, a, FV__SCALE_ADD, 1, -s);
}
