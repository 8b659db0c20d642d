/* x + s of each element, which x - s is too. */
#include "op/op.h"

const fv_operator fv__op_add_number = { FV__MAPPING("add_number", 0) };

fv_variable *fv_add_number(fv_variable *a, double s)
{
    return fv__apply_mapping(&fv__op_add_number, a, FV__SCALE_ADD, 1, s);
}

fv_variable *fv_sub_number(fv_variable *a, double s)
{
    return fv__apply_mapping(&fv__op_add_number, a, FV__SCALE_ADD, 1, -s);
}
