// A C++ program that uses the C functions as they are, and options by name.
#include <fovea/fovea.h>

#include <cmath>
#include <cstdio>

int main()
{
    fv_context *context =
        fv_context_new(FV_OPTIONS(fv_context_options, .dtype = FV_F64));
    fv_variable *x = fv_variable_number(context, 2);
    fv_backprop(fv_exp(x));
    double number = std::nan("");
    if (fv_variable_grad(x))
        number = fv_tensor_get(context, fv_variable_grad(x), nullptr);
    std::printf("%s: %.6f\n", fv_version(), number);
    fv_context_free(context);
    return std::fabs(number - std::exp(2.0)) < 1e-9 ? 0 : 1;
}
