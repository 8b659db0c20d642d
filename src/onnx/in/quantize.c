#include "onnx/in/operators.h"
const fv__onnx_operator fv__onnx_quantizes[] = {{ NULL, NULL, NULL }};
