/* The layers of tensor operators, in networks: each net reads x, and its last
 * layer has these values. */
#include "nets.h"

#include <string.h>

static double x[] = { 1.0, -2.0, 3.0,  0.5, -1.0, 2.0,
                      4.0, 0.0,  -3.0, 1.5, 2.5,  -0.5 };

typedef struct example {
    const char *text; /* behind "input 2 3 name=x" */
    int32_t rank;
    int64_t shape[4];
    double values[64];
} example;

static const example examples[] = {
    { "add 0.5\n",
      3,
      { 2, 2, 3 },
      { 1.5, -1.5, 3.5, 1.0, -0.5, 2.5, 4.5, 0.5, -2.5, 2.0, 3.0, 0.0 } },
    { "sub 2\n",
      3,
      { 2, 2, 3 },
      { -1.0, -4.0, 1.0, -1.5, -3.0, 0.0, 2.0, -2.0, -5.0, -0.5, 0.5, -2.5 } },
    { "mul -3\n",
      3,
      { 2, 2, 3 },
      { -3.0, 6.0, -9.0, -1.5, 3.0, -6.0, -12.0, -0.0, 9.0, -4.5, -7.5, 1.5 } },
    { "div 4\n",
      3,
      { 2, 2, 3 },
      { 0.25, -0.5, 0.75, 0.125, -0.25, 0.5, 1.0, 0.0, -0.75, 0.375, 0.625,
        -0.125 } },
    { "abs\n"
      "pow 2\n",
      3,
      { 2, 2, 3 },
      { 1.0, 4.0, 9.0, 0.25, 1.0, 4.0, 16.0, 0.0, 9.0, 2.25, 6.25, 0.25 } },
    { "mod 2\n",
      3,
      { 2, 2, 3 },
      { 1.0, 0.0, 1.0, 0.5, 1.0, 0.0, 0.0, 0.0, 1.0, 1.5, 0.5, 1.5 } },
    { "mod 2 truncated=yes\n",
      3,
      { 2, 2, 3 },
      { 1.0, 0.0, 1.0, 0.5, -1.0, 0.0, 0.0, 0.0, -1.0, 1.5, 0.5, -0.5 } },
    { "sum axes=-1 name=s\n"
      "sub from=x,s\n",
      3,
      { 2, 2, 3 },
      { -1.0, -4.0, 1.0, -1.0, -2.5, 0.5, 3.0, -1.0, -4.0, -2.0, -1.0, -4.0 } },
    { "max axes=2 name=s\n"
      "mul from=x,s\n",
      3,
      { 2, 2, 3 },
      { 3.0, -6.0, 9.0, 1.0, -2.0, 4.0, 16.0, 0.0, -12.0, 3.75, 6.25, -1.25 } },
    { "mul 0.5 name=h\n"
      "div 1 name=o\n"
      "add 3\n"
      "div from=x,add1\n",
      3,
      { 2, 2, 3 },
      { 0.2857142857142857, -1.0, 0.6666666666666666, 0.15384615384615385, -0.4,
        0.5, 0.8, 0.0, -2.0, 0.4, 0.5882352941176471, -0.18181818181818182 } },
    { "mul -1 name=m\n"
      "min from=x,m\n",
      3,
      { 2, 2, 3 },
      { -1.0, -2.0, -3.0, -0.5, -1.0, -2.0, -4.0, -0.0, -3.0, -1.5, -2.5,
        -0.5 } },
    { "mul -1 name=m\n"
      "max from=x,m\n",
      3,
      { 2, 2, 3 },
      { 1.0, 2.0, 3.0, 0.5, 1.0, 2.0, 4.0, -0.0, 3.0, 1.5, 2.5, 0.5 } },
    { "max\n", 3, { 2, 1, 1 }, { 3.0, 4.0 } },
    { "min axes=1 keepdims=no\n",
      2,
      { 2, 3 },
      { 0.5, -2.0, 2.0, 1.5, 0.0, -3.0 } },
    { "sum axes=1,2 keepdims=no\n", 1, { 2 }, { 3.5, 4.5 } },
    { "mean axes=-2\n",
      3,
      { 2, 1, 3 },
      { 0.75, -1.5, 2.5, 2.75, 1.25, -1.75 } },
    { "prod axes=2\n", 3, { 2, 2, 1 }, { -6.0, -1.0, -0.0, -1.875 } },
    { "reduce_l1 axes=1\n", 3, { 2, 1, 3 }, { 1.5, 3.0, 5.0, 5.5, 2.5, 3.5 } },
    { "reduce_l2 axes=2 keepdims=no\n",
      2,
      { 2, 2 },
      { 3.7416573867739413, 2.29128784747792, 5.0, 2.958039891549808 } },
    { "sum_square axes=2\n", 3, { 2, 2, 1 }, { 14.0, 5.25, 25.0, 8.75 } },
    { "log_sum_exp axes=1\n",
      3,
      { 2, 1, 3 },
      { 1.4740769841801067, -0.6867383124817771, 3.3132616875182226,
        4.07888973429255, 2.5788897342925496, -0.42111026570745036 } },
    { "abs\n"
      "log_sum axes=2\n",
      3,
      { 2, 2, 1 },
      { 1.791759469228055, 1.252762968495368, 1.9459101490553132,
        1.504077396776274 } },
    { "constant 1 values=2 name=two\n"
      "constant type=i64 1 values=1 name=a\n"
      "sum from=x,a\n",
      3,
      { 2, 1, 3 },
      { 1.5, -3.0, 5.0, 5.5, 2.5, -3.5 } },
    { "floor\n",
      3,
      { 2, 2, 3 },
      { 1.0, -2.0, 3.0, 0.0, -1.0, 2.0, 4.0, 0.0, -3.0, 1.0, 2.0, -1.0 } },
    { "ceil\n",
      3,
      { 2, 2, 3 },
      { 1.0, -2.0, 3.0, 1.0, -1.0, 2.0, 4.0, 0.0, -3.0, 2.0, 3.0, -0.0 } },
    { "round\n",
      3,
      { 2, 2, 3 },
      { 1.0, -2.0, 3.0, 0.0, -1.0, 2.0, 4.0, 0.0, -3.0, 2.0, 2.0, -0.0 } },
    { "sign\n",
      3,
      { 2, 2, 3 },
      { 1.0, -1.0, 1.0, 1.0, -1.0, 1.0, 1.0, 0.0, -1.0, 1.0, 1.0, -1.0 } },
    { "erf\n",
      3,
      { 2, 2, 3 },
      { 0.8427007929497149, -0.9953222650189527, 0.9999779095030014,
        0.5204998778130465, -0.8427007929497149, 0.9953222650189527,
        0.9999999845827421, 0.0, -0.9999779095030014, 0.9661051464753108,
        0.999593047982555, -0.5204998778130465 } },
    { "add 5\n"
      "reciprocal\n",
      3,
      { 2, 2, 3 },
      { 0.16666666666666666, 0.3333333333333333, 0.125, 0.18181818181818182,
        0.25, 0.14285714285714285, 0.1111111111111111, 0.2, 0.5,
        0.15384615384615385, 0.13333333333333333, 0.2222222222222222 } },
    { "clip low=-1 high=2\n",
      3,
      { 2, 2, 3 },
      { 1.0, -1.0, 2.0, 0.5, -1.0, 2.0, 2.0, 0.0, -1.0, 1.5, 2.0, -0.5 } },
    { "clip low=0\n",
      3,
      { 2, 2, 3 },
      { 1.0, 0.0, 3.0, 0.5, 0.0, 2.0, 4.0, 0.0, 0.0, 1.5, 2.5, 0.0 } },
    { "constant values=1 name=c\n"
      "clip from=x,c\n",
      3,
      { 2, 2, 3 },
      { 1.0, 1.0, 3.0, 1.0, 1.0, 2.0, 4.0, 1.0, 1.0, 1.5, 2.5, 1.0 } },
    { "reshape 0 3 -1\n",
      3,
      { 2, 3, 2 },
      { 1.0, -2.0, 3.0, 0.5, -1.0, 2.0, 4.0, 0.0, -3.0, 1.5, 2.5, -0.5 } },
    { "reshape shape=-1,2\n",
      2,
      { 6, 2 },
      { 1.0, -2.0, 3.0, 0.5, -1.0, 2.0, 4.0, 0.0, -3.0, 1.5, 2.5, -0.5 } },
    { "constant type=i64 2 values=-1,3 name=s\n"
      "reshape from=x,s\n",
      2,
      { 4, 3 },
      { 1.0, -2.0, 3.0, 0.5, -1.0, 2.0, 4.0, 0.0, -3.0, 1.5, 2.5, -0.5 } },
    { "constant type=i64 values=0 name=i\n"
      "shape from=x\n"
      "gather from=shape1,i name=n\n"
      "constant type=i64 1 values=0 name=z\n"
      "unsqueeze 0 from=n name=n1\n"
      "constant type=i64 1 values=-1 name=r\n"
      "concat 0 from=n1,r name=s\n"
      "reshape from=x,s\n",
      2,
      { 2, 6 },
      { 1.0, -2.0, 3.0, 0.5, -1.0, 2.0, 4.0, 0.0, -3.0, 1.5, 2.5, -0.5 } },
    { "permute 0 2 1\n",
      3,
      { 2, 3, 2 },
      { 1.0, 0.5, -2.0, -1.0, 3.0, 2.0, 4.0, 1.5, 0.0, 2.5, -3.0, -0.5 } },
    { "permute\n",
      3,
      { 3, 2, 2 },
      { 1.0, 4.0, 0.5, 1.5, -2.0, 0.0, -1.0, 2.5, 3.0, -3.0, 2.0, -0.5 } },
    { "slice starts=1 stops=3 axes=2\n",
      3,
      { 2, 2, 2 },
      { -2.0, 3.0, -1.0, 2.0, 0.0, -3.0, 2.5, -0.5 } },
    { "slice starts=0,-1 stops=2,-9 axes=1,2 steps=1,-2\n",
      3,
      { 2, 2, 2 },
      { 3.0, 1.0, 2.0, 0.5, -3.0, 4.0, -0.5, 1.5 } },
    { "constant type=i64 1 values=-1 name=a\n"
      "constant type=i64 1 values=9 name=b\n"
      "constant type=i64 1 values=2 name=c\n"
      "slice from=x,a,b,c\n",
      3,
      { 2, 2, 1 },
      { 3.0, 2.0, -3.0, -0.5 } },
    { "split 3\n"
      "add from=split1:0,split1:2\n",
      3,
      { 2, 2, 1 },
      { 4.0, 2.5, 1.0, 1.0 } },
    { "split axis=2 sizes=1,2\n"
      "relu from=split1:1\n",
      3,
      { 2, 2, 2 },
      { 0.0, 3.0, 0.0, 2.0, 0.0, 0.0, 2.5, 0.0 } },
    { "concat 1 from=x,x\n",
      3,
      { 2, 4, 3 },
      { 1.0, -2.0, 3.0,  0.5, -1.0, 2.0,  1.0, -2.0, 3.0,  0.5, -1.0, 2.0,
        4.0, 0.0,  -3.0, 1.5, 2.5,  -0.5, 4.0, 0.0,  -3.0, 1.5, 2.5,  -0.5 } },
    { "stack 1 from=x,x\n",
      4,
      { 2, 2, 2, 3 },
      { 1.0, -2.0, 3.0,  0.5, -1.0, 2.0,  1.0, -2.0, 3.0,  0.5, -1.0, 2.0,
        4.0, 0.0,  -3.0, 1.5, 2.5,  -0.5, 4.0, 0.0,  -3.0, 1.5, 2.5,  -0.5 } },
    { "unsqueeze 1 -1\n"
      "squeeze -1\n",
      4,
      { 2, 1, 2, 3 },
      { 1.0, -2.0, 3.0, 0.5, -1.0, 2.0, 4.0, 0.0, -3.0, 1.5, 2.5, -0.5 } },
    { "slice starts=0 stops=1 axes=2\n"
      "expand -1 -1 4\n",
      3,
      { 2, 2, 4 },
      { 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 4.0, 4.0, 4.0, 4.0, 1.5, 1.5,
        1.5, 1.5 } },
    { "tile 1 2 2\n",
      3,
      { 2, 4, 6 },
      { 1.0, -2.0, 3.0,  1.0, -2.0, 3.0,  0.5, -1.0, 2.0,  0.5, -1.0, 2.0,
        1.0, -2.0, 3.0,  1.0, -2.0, 3.0,  0.5, -1.0, 2.0,  0.5, -1.0, 2.0,
        4.0, 0.0,  -3.0, 4.0, 0.0,  -3.0, 1.5, 2.5,  -0.5, 1.5, 2.5,  -0.5,
        4.0, 0.0,  -3.0, 4.0, 0.0,  -3.0, 1.5, 2.5,  -0.5, 1.5, 2.5,  -0.5 } },
    { "flip 1 2\n",
      3,
      { 2, 2, 3 },
      { 2.0, -1.0, 0.5, 3.0, -2.0, 1.0, -0.5, 2.5, 1.5, -3.0, 0.0, 4.0 } },
    { "cast type=i64\n"
      "cast\n",
      3,
      { 2, 2, 3 },
      { 1.0, -2.0, 3.0, 0.0, -1.0, 2.0, 4.0, 0.0, -3.0, 1.0, 2.0, -0.0 } },
    { "greater 1\n"
      "cast\n",
      3,
      { 2, 2, 3 },
      { 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0 } },
    { "equal 0\n"
      "not\n"
      "cast\n",
      3,
      { 2, 2, 3 },
      { 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0 } },
    { "less 0 name=a\n"
      "less_or_equal 2 from=x name=b\n"
      "or from=a,b name=o\n"
      "and from=a,b name=d\n"
      "xor from=o,d\n"
      "cast\n",
      3,
      { 2, 2, 3 },
      { 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0 } },
    { "greater_or_equal 0.5 name=c\n"
      "mul 10 from=x name=t\n"
      "where from=c,t,x\n",
      3,
      { 2, 2, 3 },
      { 10.0, -2.0, 30.0, 5.0, -1.0, 20.0, 40.0, 0.0, -3.0, 15.0, 25.0,
        -0.5 } },
    { "log\n"
      "is_nan\n"
      "cast\n",
      3,
      { 2, 2, 3 },
      { 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0 } },
    { "constant type=i64 2 values=2,-3 name=i\n"
      "gather 2 from=x,i\n",
      3,
      { 2, 2, 2 },
      { 3.0, 1.0, 2.0, 0.5, -3.0, 4.0, -0.5, 1.5 } },
    { "arg_max\n"
      "cast\n",
      3,
      { 2, 2, 1 },
      { 2.0, 2.0, 0.0, 1.0 } },
    { "arg_max last=yes\n"
      "cast\n",
      3,
      { 2, 2, 1 },
      { 2.0, 2.0, 0.0, 1.0 } },
    { "sign\n"
      "arg_min 1 keepdims=no last=yes\n"
      "cast\n",
      2,
      { 2, 3 },
      { 1.0, 1.0, 1.0, 1.0, 0.0, 1.0 } },
    { "arg_min 1 keepdims=no\n"
      "cast\n",
      2,
      { 2, 3 },
      { 1.0, 0.0, 1.0, 1.0, 0.0, 0.0 } },
    { "arg_max keepdims=no\n"
      "one_hot 3\n",
      3,
      { 2, 2, 3 },
      { 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0 } },
    { "arg_max keepdims=no\n"
      "one_hot 3 axis=1 off=-1 on=2\n",
      3,
      { 2, 3, 2 },
      { -1.0, -1.0, -1.0, -1.0, 2.0, 2.0, 2.0, -1.0, -1.0, 2.0, -1.0, -1.0 } },
    { "top_k 2\n"
      "relu from=top_k1\n",
      3,
      { 2, 2, 2 },
      { 3.0, 1.0, 2.0, 0.5, 4.0, 0.0, 2.5, 1.5 } },
    { "top_k 2 axis=2 smallest=yes\n"
      "cast from=top_k1:1\n",
      3,
      { 2, 2, 2 },
      { 1.0, 0.0, 1.0, 0.0, 2.0, 1.0, 2.0, 0.0 } },
    { "cumulative_sum\n",
      3,
      { 2, 2, 3 },
      { 1.0, -1.0, 2.0, 0.5, -0.5, 1.5, 4.0, 4.0, 1.0, 1.5, 4.0, 3.5 } },
    { "cumulative_sum 1 exclusive=yes reverse=yes\n",
      3,
      { 2, 2, 3 },
      { 0.5, -1.0, 2.0, 0.0, 0.0, 0.0, 1.5, 2.5, -0.5, 0.0, 0.0, 0.0 } },
    { "softmax 1\n",
      3,
      { 2, 2, 3 },
      { 0.6224593312018545, 0.26894142136999505, 0.7310585786300048,
        0.3775406687981454, 0.731058578630005, 0.2689414213699951,
        0.9241418199787564, 0.07585818002124355, 0.07585818002124355,
        0.07585818002124356, 0.9241418199787564, 0.9241418199787564 } },
    { "log_softmax -2\n",
      3,
      { 2, 2, 3 },
      { -0.4740769841801068, -1.313261687518223, -0.3132616875182229,
        -0.9740769841801067, -0.31326168751822264, -1.3132616875182228,
        -0.07888973429254963, -2.5788897342925496, -2.5788897342925496,
        -2.5788897342925496, -0.07888973429254963, -0.07888973429254963 } },
    { "permute 0 2 1 name=t\n"
      "matmul from=x,t\n",
      3,
      { 2, 2, 2 },
      { 14.0, 8.5, 8.5, 5.25, 25.0, 7.5, 7.5, 8.75 } },
    { "shape\n"
      "constant_of_shape 1.5\n"
      "add from=x,constant_of_shape1\n",
      3,
      { 2, 2, 3 },
      { 2.5, -0.5, 4.5, 2.0, 0.5, 3.5, 5.5, 1.5, -1.5, 3.0, 4.0, 1.0 } },
    { "constant type=i64 values=0 name=a\n"
      "constant type=i64 values=6 name=b\n"
      "constant type=i64 values=2 name=d\n"
      "range from=a,b,d\n"
      "cast\n"
      "add from=x,cast1\n",
      3,
      { 2, 2, 3 },
      { 1.0, 0.0, 7.0, 0.5, 1.0, 6.0, 4.0, 2.0, 1.0, 1.5, 4.5, 3.5 } },
    { "shape\n"
      "mul 2\n"
      "sub 1\n"
      "mod 2\n"
      "cast\n"
      "add from=x,cast1\n",
      3,
      { 2, 2, 3 },
      { 2.0, -1.0, 4.0, 1.5, 0.0, 3.0, 5.0, 1.0, -2.0, 2.5, 3.5, 0.5 } },
};
enum { EXAMPLES = sizeof examples / sizeof *examples };

static void check(fv_context *ctx, const example *e, double tolerance)
{
    char text[600];
    snprintf(text, sizeof text, "input 2 3 name=x\n%s", e->text);
    fv_network *net = fv_network_parse(ctx, text, "n.net");
    if (fv_failed(ctx)) fail_msg("%s: %s", e->text, fv_error(ctx));
    const int64_t shape[] = { 2, 2, 3 };
    const fv_named_tensor input = { NULL, fv_tensor_of(x, FV_F64, 3, shape) };
    fv_named_tensor output = { .name = NULL };
    fv_network_run(net, 1, &input, 1, &output);
    if (fv_failed(ctx)) fail_msg("%s: %s", e->text, fv_error(ctx));
    const fv_tensor *y = &output.tensor;
    const fv_tensor expected = fv_tensor_of(NULL, y->dtype, e->rank, e->shape);
    if (!fv_tensor_same_shape(y, &expected)) fail_msg("%s: shape", e->text);
    for (int64_t i = 0; i < fv_tensor_count(y); i++) {
        const double is = y->dtype == FV_F64
                              ? ((const double *)y->data)[i]
                              : (double)((const float *)y->data)[i];
        if (!(fabs(is - e->values[i]) <= tolerance))
            fail_msg("%s: element %d is %g, expected %g", e->text, (int)i, is,
                     e->values[i]);
    }
    /* what the network writes is what it reads */
    fv_network *again = fv_network_parse(ctx, fv_network_text(net), "n.net");
    assert_ok(ctx);
    assert_string_equal(fv_network_text(again), fv_network_text(net));
}

static void test_values(void **state)
{
    (void)state;
    for (int i = 0; i < EXAMPLES; i++) {
        const bool wide = i % 2;
        fv_context *ctx = NET_CONTEXT(.dtype = wide ? FV_F64 : FV_F32);
        check(ctx, &examples[i], wide ? 1e-12 : 2e-4);
        fv_context_free(ctx);
    }
}

/* Rows of the embedding, and the gradients of all but the padding. */
static void test_embedding(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64, .seed = 3);
    fv_network *net = fv_network_parse(ctx,
                                       "input 2 type=i64\n"
                                       "embedding 4 3 padding=1\n",
                                       "n.net");
    assert_ok(ctx);
    fv_layer *layer = fv_network_layer(net, 1);
    fv_variable *weight = fv_layer_variables(layer).at[0];
    int64_t rows[] = { 3, 1, 0, 3 };
    const fv_tensor indices = FV_TENSOR(rows, FV_I64, 2, 2);
    fv_variable *y = fv_layer_forward(layer, fv_constant(ctx, &indices));
    assert_ok(ctx);
    const double *w = fv_variable_value(weight)->data;
    const double *is = fv_variable_value(y)->data;
    for (int i = 0; i < 12; i++)
        assert_true(is[i] == w[3 * rows[i / 3] + i % 3]);
    assert_int_equal(fv_backprop(y), FV_OK);
    const double *g = fv_variable_grad(weight)->data;
    const double expected[] = { 1, 1, 1, 0, 0, 0, 0, 0, 0, 2, 2, 2 };
    for (int i = 0; i < 12; i++) assert_true(g[i] == expected[i]);
    fv_context_free(ctx);
}

/* A residual that is broadcast is not added by the convolution. */
static void test_broadcast_residual(void **state)
{
    (void)state;
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64, .seed = 3);
    fv_network *net = fv_network_parse(ctx,
                                       "input 4 4 2 name=x\n"
                                       "mean axes=1,2 name=m\n"
                                       "conv2d 2 3 3 padding=1 from=x name=c\n"
                                       "add from=c,m\nrelu\n",
                                       "n.net");
    assert_ok(ctx);
    double image[32];
    for (int i = 0; i < 32; i++) image[i] = net_number(i);
    fv_tensor in = FV_TENSOR(image, FV_F64, 1, 4, 4, 2);
    fv_variable *at = fv_variable_new(ctx, &in);
    fv_variable *c = fv_layer_forward(fv_network_layer(net, 2), at);
    fv_variable *m = fv_reduce(at, FV_REDUCE_MEAN, 2, (int32_t[]){ 1, 2 }, 1);
    const double *expected = fv_variable_value(fv_relu_of(fv_add(c, m)))->data;
    const fv_named_tensor input = { NULL, in };
    fv_named_tensor output = { .name = NULL };
    assert_int_equal(fv_network_run(net, 1, &input, 1, &output), FV_OK);
    for (int i = 0; i < 32; i++)
        assert_near(((const double *)output.tensor.data)[i], expected[i],
                    1e-12);
    fv_context_free(ctx);
}

static void refused(const char *text, const char *sentence)
{
    char all[300];
    fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
    snprintf(all, sizeof all, "input 2 3 name=x\n%s", text);
    assert_null(fv_network_parse(ctx, all, "n"));
    assert_error(ctx, sentence);
    fv_context_free(ctx);
}

static void test_refusals(void **state)
{
    (void)state;
    refused("add\n", "n:2:1: add1: 1 inputs, expected at least 2");
    refused("permute 0 1\n", "n:2:1: permute1: 2 axes for a tensor of rank 3");
    refused("slice starts=1\n",
            "n:2:1: slice1: 1 starts, 0 stops, 0 axes and 0 steps");
    refused("cast type=i64 name=c\nreshape from=x,c\n",
            "n:3:1: reshape1: the shape is not a vector of at most 8 numbers");
    refused("embedding 4 3\n",
            "n:2:1: embedding1: operand 2 has type f64, expected i64 or i32");
    refused("embedding 4 3 padding=4\n",
            "n:2:1: embedding1: padding 4 is no row of 4");
    refused("embedding 0 3\n", "n:2:1: embedding1: a table of 0 x 3 is empty");
    refused("split 70\n", "n:2:1: split1: 70 parts, expected 1 to 64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_embedding),
        cmocka_unit_test(test_broadcast_residual),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
