/* Operators of ONNX on shapes, indices and types: versions, orders of axes and
 * what exporters write. */
#include "faults.h"
#include "onnx/model.h"

enum { MOST = 1024 };

/* 0, 1, 2, ... */
static float *counted(void)
{
    static float numbers[MOST];
    for (int i = 0; i < MOST; i++) numbers[i] = (float)i;
    return numbers;
}

/* The input "x", counted. */
static fv_named_tensor counted_x(int32_t rank, const int64_t shape[])
{
    return (fv_named_tensor){
        .name = "x", .tensor = fv_tensor_of(counted(), FV_F32, rank, shape)
    };
}

/* What an expected output is: element i of counting along axes of these
 * extents, of which axis perm[k] of the input is axis k. */
static void permuted(int32_t rank, const int64_t shape[], const int perm[],
                     double out[])
{
    int64_t stride[8], at[8] = { 0 }, count = 1;
    for (int32_t i = rank - 1; i >= 0; i--) {
        stride[i] = count;
        count *= shape[i];
    }
    for (int64_t n = 0; n < count; n++) {
        int64_t from = 0;
        for (int32_t i = 0; i < rank; i++) from += at[i] * stride[perm[i]];
        out[n] = (double)from;
        for (int32_t i = rank - 1; i >= 0; i--) {
            if (++at[i] < shape[perm[i]]) break;
            at[i] = 0;
        }
    }
}

/* ---- a model around nodes -------------------------------------------------
 */

/* A model whose value "h" is its input x [2, 3, 4, 5], counted, with channels
 * last inside if `last`: a convolution has made it. */
static model *begin(int64_t version, int last)
{
    static const float identity[] = { 1, 0, 0, 0, 1, 0, 0, 0, 1 };
    model *m = model_new(version);
    model_input(m, "x", FLOAT, 4, (int64_t[]){ -1, 3, last ? 4 : -1, 5 });
    model_floats(m, "identity", 4, (int64_t[]){ 3, 3, 1, 1 }, identity);
    if (last) {
        model_node(m, "Conv", "x,identity", "h");
    } else { /* by transposes, so that the order is another */
        model_node(m, "Transpose", "x", "x_t");
        MODEL_LIST(m, "perm", 3, 2, 0, 1);
        model_node(m, "Relu", "x_t", "x_r");
        model_node(m, "Transpose", "x_r", "h");
        MODEL_LIST(m, "perm", 2, 3, 1, 0);
    }
    return m;
}

/* Element (n, c, y, x) of the input. */
static double at(int64_t n, int64_t c, int64_t y, int64_t x)
{
    return (double)(((n * 3 + c) * 4 + y) * 5 + x);
}

/* The text of the model's network has `word` so many times. */
static void check_text(model *m, const char *word, int expected)
{
    fv_network *network = model_load(m, model_context);
    assert_ok(model_context);
    int count = 0;
    const char *text = fv_network_text(network);
    for (const char *from = text; (from = strstr(from, word)); from++) count++;
    if (count != expected)
        fail_msg("\"%s\" is there %d times, expected %d:\n%s", word, count,
                 expected, text);
    fv_network_free(network);
}

static void finish(model *m, int32_t rank, const int64_t shape[],
                   const double expected[])
{
    const fv_named_tensor x = counted_x(4, (int64_t[]){ 2, 3, 4, 5 });
    model_output(m, "y");
    model_check(m, model_context, 1, &x, rank, shape, expected);
}

#define FINISH(m, expected, ...)                                               \
    finish((m),                                                                \
           (int32_t)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)),    \
           (int64_t[]){ __VA_ARGS__ }, (expected))

/* Fills `out` with number(i, j, k, l) of all indices. */
#define FILL(out, a, b, c, d, number)                                          \
    do {                                                                       \
        int64_t filled = 0;                                                    \
        for (int64_t i = 0; i < (a); i++)                                      \
            for (int64_t j = 0; j < (b); j++)                                  \
                for (int64_t k = 0; k < (c); k++)                              \
                    for (int64_t l = 0; l < (d); l++)                          \
                        (out)[filled++] = (number);                            \
    } while (0)

static double out[MOST];

/* ---- axes -----------------------------------------------------------------
 */

static void transposes(void **state)
{
    (void)state;
    const int64_t shape[] = { 2, 3, 4, 5 };
    model *m = model_new(13);
    model_input(m, "x", FLOAT, 4, (int64_t[]){ -1, 3, 4, 5 });
    model_node(m, "Transpose", "x", "t");
    MODEL_LIST(m, "perm", 0, 2, 3, 1);
    model_node(m, "Transpose", "t", "y");
    MODEL_LIST(m, "perm", 3, 0, 1, 2);
    permuted(4, shape, (int[]){ 1, 0, 2, 3 }, out);
    FINISH(m, out, 3, 2, 4, 5);
    m = begin(13, 1); /* two that cancel leave none */
    model_node(m, "Transpose", "h", "t");
    MODEL_LIST(m, "perm", 0, 2, 3, 1);
    model_node(m, "Relu", "t", "r");
    model_node(m, "Transpose", "r", "y");
    MODEL_LIST(m, "perm", 0, 3, 1, 2);
    model_output(m, "y");
    check_text(m, "permute", 0);
    free(m);
}

/* Axes that come and go leave the order as it is. */
static void axes(void **state)
{
    (void)state;
    FILL(out, 2, 3, 4, 5, at(i, j, k, l));
    for (int version = 11; version <= 13; version += 2)
        for (int last = 0; last < 2; last++) {
            model *m = begin(version, last);
            MODEL_VECTOR(m, "axes", 2, -1);
            model_node(m, "Unsqueeze", version < 13 ? "h" : "h,axes", "u");
            if (version < 13) MODEL_LIST(m, "axes", 2, 5);
            model_node(m, "Relu", "u", "r");
            model_node(m, "Squeeze", "r", "s");
            model_node(m, "Unsqueeze", version < 13 ? "s" : "s,one", "y");
            if (version < 13) MODEL_LIST(m, "axes", 1);
            MODEL_VECTOR(m, "one", 1);
            FINISH(m, out, 2, 1, 3, 4, 5);
        }
    model *m = begin(13, 1); /* a sequence as an image of one row */
    MODEL_VECTOR(m, "axes", 2);
    MODEL_VECTOR(m, "index", 1);
    model_node(m, "Gather", "h,index", "g");
    model_int(m, "axis", 2);
    model_node(m, "Squeeze", "g,axes", "s");
    model_node(m, "Unsqueeze", "s,axes", "u");
    model_node(m, "Conv", "u,identity", "y");
    model_output(m, "y");
    check_text(m, "permute", 0);
    free(m);
}

static void copies(void **state)
{
    (void)state;
    for (int last = 0; last < 2; last++) {
        model *m = begin(13, last);
        MODEL_VECTOR(m, "repeats", 1, 2, 1, 3);
        model_node(m, "Tile", "h,repeats", "y");
        FILL(out, 2, 6, 4, 15, at(i, j % 3, k, l % 5));
        FINISH(m, out, 2, 6, 4, 15);
        m = begin(13, last);
        MODEL_VECTOR(m, "starts", 1);
        MODEL_VECTOR(m, "ends", 2);
        MODEL_VECTOR(m, "axis", 3);
        MODEL_VECTOR(m, "shape", 1, 1, 3);
        model_node(m, "Slice", "h,starts,ends,axis", "s");
        model_node(m, "Expand", "s,shape", "y");
        FILL(out, 2, 3, 4, 3, at(i, j, k, 1));
        FINISH(m, out, 2, 3, 4, 3);
    }
    model *m = begin(5, 1); /* version 1 of Tile */
    model_ints(m, "times", 0, NULL, (int64_t[]){ 2 });
    model_ints(m, "axis", 0, NULL, (int64_t[]){ 2 });
    model_node(m, "Tile", "h,times,axis", "y");
    FILL(out, 2, 3, 8, 5, at(i, j, k % 4, l));
    FINISH(m, out, 2, 3, 8, 5);
}

/* ---- parts ----------------------------------------------------------------
 */

static void slices(void **state)
{
    (void)state;
    for (int last = 0; last < 2; last++) {
        model *m = begin(7, last);
        model_node(m, "Slice", "h", "y");
        MODEL_LIST(m, "axes", 3, 2);
        MODEL_LIST(m, "starts", 1, -2);
        MODEL_LIST(m, "ends", -1, INT64_MAX);
        FILL(out, 2, 3, 2, 3, at(i, j, k + 2, l + 1));
        FINISH(m, out, 2, 3, 2, 3);
        m = begin(13, last);
        MODEL_VECTOR(m, "starts", -1, 100, 2);
        MODEL_VECTOR(m, "ends", INT64_MIN, 0, 3);
        MODEL_VECTOR(m, "axes", 2, -1, 1);
        MODEL_VECTOR(m, "steps", -1, -2, 1);
        model_node(m, "Slice", "h,starts,ends,axes,steps", "y");
        FILL(out, 2, 1, 4, 2, at(i, 2, 3 - k, 4 - 2 * l));
        FINISH(m, out, 2, 1, 4, 2);
        m = begin(13, last); /* what is whole leaves no line */
        MODEL_VECTOR(m, "starts", 0, 0);
        MODEL_VECTOR(m, "ends", 2147483647, 3);
        MODEL_VECTOR(m, "axes", 2, 1);
        model_node(m, "Slice", "h,starts,ends,axes", "y");
        model_output(m, "y");
        check_text(m, "slice", 0);
        free(m);
    }
}

/* The first half of the columns: an end that follows from the input. */
static void slices_by_sizes(void **state)
{
    (void)state;
    model *m = begin(13, 1);
    m->inputs[0]->type->tensor_type->shape->dim[3]->value_case =
        FV__ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE__NOT_SET;
    MODEL_VECTOR(m, "three", 3);
    MODEL_VECTOR(m, "two", 2);
    MODEL_VECTOR(m, "end", INT64_MAX);
    model_node(m, "Shape", "h", "s");
    model_node(m, "Gather", "s,three", "w");
    model_node(m, "Div", "w,two", "half");
    model_node(m, "Slice", "h,half,end,three", "y");
    FILL(out, 2, 3, 4, 3, at(i, j, k, l + 2));
    FINISH(m, out, 2, 3, 4, 3);
}

static void parts(void **state)
{
    (void)state;
    for (int last = 0; last < 2; last++) {
        model *m = begin(11, last);
        model_node(m, "Split", "h", "a,y,c");
        model_int(m, "axis", -1);
        MODEL_LIST(m, "split", 1, 3, 1);
        FILL(out, 2, 3, 4, 3, at(i, j, k, l + 1));
        FINISH(m, out, 2, 3, 4, 3);
        m = begin(18, last); /* 2, 2 and 0 of 4 rows, which may be open */
        model_node(m, "Split", "h", "a,y,c");
        model_int(m, "axis", 2);
        model_int(m, "num_outputs", 3);
        FILL(out, 2, 3, 2, 5, at(i, j, k + 2, l));
        FINISH(m, out, 2, 3, 2, 5);
    }
    model *m = begin(13, 1); /* more parts than a list has */
    MODEL_VECTOR(m, "shape", 0, -1);
    MODEL_VECTOR(m, "sizes", 1, 2, 3, 4, 5, 6, 7, 8, 9, 15);
    model_node(m, "Reshape", "h,shape", "r");
    model_node(m, "Split", "r,sizes", "a,b,c,d,e,f,g,y,i,j");
    model_int(m, "axis", 1);
    FILL(out, 1, 1, 2, 8, (double)(int32_t)(k * 60 + 28 + l));
    FINISH(m, out, 2, 8);
}

/* ---- padding --------------------------------------------------------------
 */

static void padding(void **state)
{
    (void)state;
    for (int version = 2; version <= 18; version += 8)
        for (int last = 0; last < 2; last++) {
            model *m = begin(version < 7 ? 7 : version + 1, last);
            MODEL_VECTOR(m, "all", 0, 1, 0, 1, 0, 0, 0, -2);
            MODEL_VECTOR(m, "some", 1, 1, -2, 0);
            MODEL_VECTOR(m, "axes", -1, 1);
            model_floats(m, "number", 0, NULL, (float[]){ 7 });
            model_node(m, "Pad",
                       version < 10   ? "h"
                       : version < 18 ? "h,all,number"
                                      : "h,some,number,axes",
                       "y");
            if (version < 10) {
                MODEL_LIST(m, "pads", 0, 1, 0, 1, 0, 0, 0, -2);
                model_float(m, "value", 7);
            }
            FILL(out, 2, 4, 4, 4, j && l ? at(i, j - 1, k, l - 1) : 7);
            FINISH(m, out, 2, 4, 4, 4);
        }
    static const char *const modes[] = { "reflect", "edge", "wrap" };
    for (int mode = 0; mode < 3; mode++) {
        static const int64_t from[][7] = { { 2, 1, 0, 1, 2, 3, 2 },
                                           { 0, 0, 0, 1, 2, 3, 3 },
                                           { 2, 3, 0, 1, 2, 3, 0 } };
        const int64_t *row = from[mode];
        model *m = begin(19, mode % 2);
        MODEL_VECTOR(m, "pads", 0, 0, 2, 0, 0, 0, 1, 0);
        model_node(m, "Pad", "h,pads", "y");
        model_word(m, "mode", modes[mode]);
        FILL(out, 2, 3, 7, 5, at(i, j, row[k], l));
        FINISH(m, out, 2, 3, 7, 5);
    }
}

/* Zeros before a window become its own, and stay if others read them, too. */
static void padding_of_windows(void **state)
{
    (void)state;
    static const float ones[9] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    for (int k = 0; k < 4; k++) {
        model *m = begin(13, 1);
        MODEL_VECTOR(m, "pads", 0, 0, 1, 0, 0, 0, 0, 1);
        model_floats(m, "ones", 4, (int64_t[]){ 1, 3, 1, 3 }, ones);
        model_node(m, "Pad", "h,pads", "p");
        model_node(m, k < 2 ? "Conv" : "AveragePool", k < 2 ? "p,ones" : "p",
                   "y");
        MODEL_LIST(m, "kernel_shape", 1, 3);
        if (k < 2) MODEL_LIST(m, "pads", 0, 1, 0, 0);
        if (k > 2) model_int(m, "count_include_pad", 1);
        model_output(m, "y");
        if (k == 1) {
            model_node(m, "Relu", "p", "z");
            model_output(m, "z");
        }
        /* the kernel has one row, so that a row of zeros is too much for it */
        check_text(m, "\npad", 1);
        free(m);
        m = begin(13, 1);
        MODEL_VECTOR(m, "pads", 0, 0, 0, 1, 0, 0, 0, 1);
        model_floats(m, "ones", 4, (int64_t[]){ 1, 3, 1, 3 }, ones);
        model_node(m, "Pad", "h,pads", "p");
        model_node(m, k < 2 ? "Conv" : "AveragePool", k < 2 ? "p,ones" : "p",
                   "y");
        MODEL_LIST(m, "kernel_shape", 1, 3);
        if (k > 2) model_int(m, "count_include_pad", 1);
        if (k == 1) {
            model_node(m, "Relu", "p", "z");
            model_output(m, "z");
        }
        model_output(m, "y");
        check_text(m, "\npad", k == 1 || k == 2);
        free(m);
    }
    model *m = begin(13, 1);
    MODEL_VECTOR(m, "pads", 0, 0, 0, 1, 0, 0, 0, 1);
    model_node(m, "Pad", "h,pads", "p");
    model_node(m, "AveragePool", "p", "y");
    MODEL_LIST(m, "kernel_shape", 1, 3);
    model_int(m, "count_include_pad", 1);
    FILL(out, 2, 3, 4, 5,
         ((l > 0 ? at(i, j, k, l - 1) : 0) + at(i, j, k, l)
          + (l < 4 ? at(i, j, k, l + 1) : 0))
             / 3);
    FINISH(m, out, 2, 3, 4, 5);
}

/* ---- indices --------------------------------------------------------------
 */

static void gathers(void **state)
{
    (void)state;
    for (int last = 0; last < 2; last++) {
        model *m = begin(13, last);
        model_ints(m, "i", 2, (int64_t[]){ 2, 2 }, (int64_t[]){ 2, 0, -1, 1 });
        model_node(m, "Gather", "h,i", "y");
        model_int(m, "axis", 1);
        static const int64_t from[] = { 2, 0, 2, 1 };
        FILL(out, 2, 4, 4, 5, at(i, from[j], k, l));
        FINISH(m, out, 2, 2, 2, 4, 5);
        m = begin(13, last);
        model_ints(m, "i", 0, NULL, (int64_t[]){ -2 });
        model_node(m, "Gather", "h,i", "y");
        model_int(m, "axis", 3);
        FILL(out, 1, 2, 3, 4, at(j, k, l, 3));
        FINISH(m, out, 2, 3, 4);
        m = begin(13, last);
        model_ints(m, "i", 4, (int64_t[]){ 1, 2, 1, 2 },
                   (int64_t[]){ 1, 0, -1, 2 });
        model_node(m, "GatherElements", "h,i", "y");
        model_int(m, "axis", -3);
        static const int64_t channel[] = { 1, 0, 2, 2 };
        FILL(out, 1, 2, 1, 2, at(0, channel[j * 2 + l], 0, l));
        FINISH(m, out, 1, 2, 1, 2);
        m = begin(13, last); /* vectors (row, column) for each channel */
        model_ints(m, "i", 3, (int64_t[]){ 1, 1, 2 }, (int64_t[]){ 3, -1 });
        MODEL_VECTOR(m, "all", 2, 3, 2);
        model_node(m, "Expand", "i,all", "e");
        model_node(m, "GatherND", "h,e", "y");
        model_int(m, "batch_dims", 2);
        FILL(out, 1, 1, 2, 3, at(k, l, 3, 4));
        if (last) {
            free(m); /* the batch is open there */
        } else {
            m->inputs[0] =
                model_value(m, "x", FLOAT, 4, (int64_t[]){ 2, 3, 4, 5 });
            FINISH(m, out, 2, 3);
        }
    }
}

static void scatters(void **state)
{
    (void)state;
    static const char *const words[] = { "none", "add", "mul", "min", "max" };
    for (int w = 0; w < 5; w++)
        for (int nd = 0; nd < 2; nd++) {
            model *m = begin(18, !nd);
            /* channel 1 of image 0, pixel (0, 0), twice */
            model_ints(m, "i", nd ? 2 : 4,
                       nd ? (int64_t[]){ 2, 4 } : (int64_t[]){ 1, 2, 1, 1 },
                       nd ? (int64_t[]){ 0, 1, 0, 0, 0, 1, 0, 0 }
                          : (int64_t[]){ 1, -2 });
            model_floats(m, "u", nd ? 1 : 4, (int64_t[]){ nd ? 2 : 1, 2, 1, 1 },
                         (float[]){ 30, 3 });
            model_node(m, nd ? "ScatterND" : "ScatterElements", "h,i,u", "y");
            if (!nd) model_int(m, "axis", 1);
            model_word(m, "reduction", words[w]);
            FILL(out, 2, 3, 4, 5, at(i, j, k, l)); /* 20 is there */
            out[20] = (double[]){ 3, 53, 1800, 3, 30 }[w];
            FINISH(m, out, 2, 3, 4, 5);
        }
}

static void chosen(void **state)
{
    (void)state;
    model *m = begin(13, 1);
    model_bools(m, "c", 1, (int64_t[]){ 3 }, (uint8_t[]){ 0, 1, 1 });
    model_node(m, "Compress", "h,c", "y");
    model_int(m, "axis", 1);
    FILL(out, 2, 2, 4, 5, at(i, j + 1, k, l));
    FINISH(m, out, 2, 2, 4, 5);
    for (int last = 0; last < 2; last++) {
        m = begin(13, last); /* whose batch is the time axis */
        MODEL_VECTOR(m, "l", 2, 3);
        MODEL_LIST(m, "perm", 1, 0, 2, 3);
        m->node->n_attribute--;
        model_node(m, "Slice", "h,zero,two,one", "s");
        MODEL_VECTOR(m, "zero", 0);
        MODEL_VECTOR(m, "one", 2);
        MODEL_VECTOR(m, "two", 2);
        model_node(m, "Transpose", "s", "t");
        MODEL_LIST(m, "perm", 1, 2, 0, 3);
        model_node(m, "ReverseSequence", "t,l", "y");
        FILL(out, 3, 2, 2, 5,
             at(k, i < (j ? 3 : 2) ? (j ? 2 : 1) - i : i, j, l));
        FINISH(m, out, 3, 2, 2, 5);
    }
}

/* ---- shapes ---------------------------------------------------------------
 */

/* What a view to rows becomes: nothing but a flatten. */
static void views(void **state)
{
    (void)state;
    model *m = begin(13, 1);
    model_ints(m, "zero", 0, NULL, (int64_t[]){ 0 });
    MODEL_VECTOR(m, "axis", 0);
    MODEL_VECTOR(m, "rest", -1);
    model_node(m, "Shape", "h", "s");
    model_node(m, "Gather", "s,zero", "n");
    model_node(m, "Unsqueeze", "n,axis", "u");
    model_node(m, "Cast", "u", "c");
    model_int(m, "to", INT64);
    model_node(m, "Concat", "c,rest", "r");
    model_int(m, "axis", 0);
    model_node(m, "Reshape", "h,r", "y");
    model_output(m, "y");
    check_text(m, "shape", 0);
    check_text(m, "flatten", 1);
    m->graph.n_output = 0;
    FILL(out, 2, 3, 4, 5, at(i, j, k, l));
    FINISH(m, out, 2, 60);
}

/* Extents in the order of the graph, where the batch is another axis, too. */
static void extents(void **state)
{
    (void)state;
    for (int last = 0; last < 2; last++) {
        model *m = begin(15, last);
        model_node(m, "Shape", "h", "y");
        FINISH(m, ((double[]){ 2, 3, 4, 5 }), 4);
        m = begin(15, last);
        model_node(m, "Transpose", "h", "t");
        MODEL_LIST(m, "perm", 3, 0, 2, 1);
        model_node(m, "Reshape", "t,r", "f");
        MODEL_VECTOR(m, "r", 5, -1, 3);
        model_node(m, "Shape", "f", "y");
        model_int(m, "start", -2);
        FINISH(m, ((double[]){ 8, 3 }), 2);
        m = begin(13, last);
        model_node(m, "Size", "h", "y");
        finish(m, 0, NULL, (double[]){ 120 });
        m = begin(13, last);
        model_node(m, "Shape", "h", "s");
        model_node(m, "ConstantOfShape", "s", "y");
        fv__onnx_attribute *a = model_attribute(m, "value");
        a->t = model_tensor(m, "", INT64, 1, (int64_t[]){ 1 }, (int64_t[]){ 7 },
                            8);
        FILL(out, 2, 3, 4, 5, 7 + 0 * at(i, j, k, l));
        FINISH(m, out, 2, 3, 4, 5);
    }
}

static void reshapes(void **state)
{
    (void)state;
    for (int last = 0; last < 2; last++) {
        /* pixels in one axis, which keeps channels last */
        model *m = begin(14, last);
        MODEL_VECTOR(m, "r", 0, 0, -1);
        model_node(m, "Reshape", "h,r", "f");
        model_node(m, "Transpose", "f", "y");
        MODEL_LIST(m, "perm", 0, 2, 1);
        FILL(out, 1, 2, 20, 3, at(j, l, k / 5, k % 5));
        FINISH(m, out, 2, 20, 3);
        m = begin(14, last); /* the batch of a file with one image */
        MODEL_VECTOR(m, "r", 1, 15, 4);
        model_node(m, "Transpose", "h", "t");
        MODEL_LIST(m, "perm", 0, 1, 3, 2);
        model_node(m, "Reshape", "t,r", "y");
        FILL(out, 1, 2, 15, 4, at(j, k / 5, l, k % 5));
        if (last)
            FINISH(m, out, 2, 15, 4);
        else
            free(m);
        m = begin(14, last); /* allowzero, with nothing that is zero */
        MODEL_VECTOR(m, "r", last ? 1 : -1, 60);
        model_node(m, "Reshape", "h,r", "y");
        model_int(m, "allowzero", 1);
        FILL(out, 1, 1, 2, 60,
             at(k, l / 20, l / 5 % 4, l % 5) + 0 * at(i, j, 0, 0));
        if (last)
            FINISH(m, out, 2, 60);
        else
            free(m);
    }
    model *m = begin(14, 1); /* allowzero: none are left */
    MODEL_VECTOR(m, "r", 0, 3);
    MODEL_VECTOR(m, "none", 0);
    MODEL_VECTOR(m, "two", 1);
    model_node(m, "Slice", "h,none,none,two", "s");
    model_node(m, "Reshape", "s,r", "y");
    model_int(m, "allowzero", 1);
    FINISH(m, out, 0, 3);
    for (int axis = 0; axis <= 4; axis++) { /* of an open height, too */
        m = begin(13, axis % 2);
        model_node(m, "Flatten", "h", "y");
        model_int(m, "axis", axis - (axis == 3 ? 4 : 0));
        FILL(out, 2, 3, 4, 5, at(i, j, k, l));
        const int64_t rows[] = { 1, 2, 6, 24, 120 };
        FINISH(m, out, rows[axis], 120 / rows[axis]);
    }
}

/* Channels that are shuffled stay last. */
static void shuffled_channels(void **state)
{
    (void)state;
    model *m = begin(14, 1);
    MODEL_VECTOR(m, "cut", 0, 2, -1, 4, 5);
    MODEL_VECTOR(m, "merged", 0, 6, 4, 5);
    model_node(m, "Concat", "h,h", "c");
    model_int(m, "axis", 1);
    model_node(m, "Reshape", "c,cut", "r");
    model_node(m, "Transpose", "r", "t");
    MODEL_LIST(m, "perm", 0, 2, 1, 3, 4);
    model_node(m, "Reshape", "t,merged", "y");
    model_output(m, "y");
    check_text(m, "permute", 1);
    m->graph.n_output = 0;
    FILL(out, 2, 6, 4, 5, at(i, j / 2, k, l));
    FINISH(m, out, 2, 6, 4, 5);
}

/* ---- types ----------------------------------------------------------------
 */

static void types(void **state)
{
    (void)state;
    for (int version = 5; version < 7; version++) {
        model *m = begin(version, 1);
        model_node(m, "Cast", "h", "c");
        if (version < 6)
            model_word(m, "to", "BOOL");
        else
            model_int(m, "to", BOOL);
        model_node(m, "Cast", "c", "y");
        model_int(m, "to", INT32);
        if (version < 6) {
            m->node->n_attribute = 0;
            model_word(m, "to", "INT32");
        }
        FILL(out, 2, 3, 4, 5, at(i, j, k, l) != 0);
        FINISH(m, out, 2, 3, 4, 5);
    }
    model *m = begin(15, 1);
    MODEL_VECTOR(m, "like", 1);
    model_node(m, "Div", "h,two", "d");
    model_floats(m, "two", 0, NULL, (float[]){ 2 });
    model_node(m, "CastLike", "d,like", "y");
    FILL(out, 2, 3, 4, 5, floor(at(i, j, k, l) / 2));
    FINISH(m, out, 2, 3, 4, 5);
}

/* More inputs than a line has. */
static void many_parts(void **state)
{
    (void)state;
    model *m = begin(13, 1);
    MODEL_VECTOR(m, "begin", 127 * 3);
    MODEL_VECTOR(m, "end", 129 * 3);
    MODEL_VECTOR(m, "axis", 1);
    m->node = model_take(m, sizeof *m->node);
    fv__onnx__node_proto__init(m->node);
    m->node->op_type = model_text(m, "Concat", 6);
    m->node->n_input = 130;
    m->node->input = model_take(m, 130 * sizeof(char *));
    for (int k = 0; k < 130; k++) m->node->input[k] = model_text(m, "h", 1);
    m->node->n_output = model_names(m, "c", &m->node->output);
    m->node->attribute = model_take(m, sizeof(void *));
    m->nodes[m->graph.n_node++] = m->node;
    model_int(m, "axis", 1);
    model_node(m, "Slice", "c,begin,end,axis", "y");
    FILL(out, 2, 6, 4, 5, at(i, j % 3, k, l));
    FINISH(m, out, 2, 6, 4, 5);
}

/* ---- what is known --------------------------------------------------------
 */

static void constants(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *inputs;
        int32_t rank;
        int64_t shape[2];
        double numbers[8];
    } cases[] = {
        { "NonZero", "m", 2, { 2, 3 }, { 0, 0, 1, 0, 1, 1 } },
        { "Range", "five,zero,step", 1, { 3 }, { 5, 3, 1 } },
        { "EyeLike", "m", 2, { 2, 2 }, { 1, 0, 0, 1 } },
        { "ConstantOfShape", "v", 2, { 2, 1 }, { 0, 0 } },
        { "OneHot", "v,two,onoff", 2, { 2, 2 }, { 9, 9, 9, 4 } },
        { "Compress", "v,c", 1, { 1 }, { 1 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        model *m = begin(13, 1);
        model_ints(m, "m", 2, (int64_t[]){ 2, 2 }, (int64_t[]){ 3, 1, 0, 8 });
        model_ints(m, "five", 0, NULL, (int64_t[]){ 5 });
        model_ints(m, "zero", 0, NULL, (int64_t[]){ 0 });
        model_ints(m, "step", 0, NULL, (int64_t[]){ -2 });
        model_ints(m, "two", 0, NULL, (int64_t[]){ 2 });
        MODEL_VECTOR(m, "v", 2, 1);
        MODEL_VECTOR(m, "onoff", 9, 4);
        model_bools(m, "c", 1, (int64_t[]){ 2 }, (uint8_t[]){ 0, 1 });
        model_node(m, cases[i].kind, cases[i].inputs, "y");
        finish(m, cases[i].rank, cases[i].shape, cases[i].numbers);
    }
    model *m = model_new(13); /* a graph without inputs */
    MODEL_VECTOR(m, "v", 2, 1);
    model_node(m, "Identity", "v", "y");
    model_output(m, "y");
    model_check(m, model_context, 0, NULL, 1, (int64_t[]){ 2 },
                (double[]){ 2, 1 });
}

/* ---- what is wrong --------------------------------------------------------
 */

static void refused(model *m, const char *sentence)
{
    model_output(m, "y");
    if (model_load(m, model_context))
        fail_msg("it is not refused: %s", sentence);
    if (!strstr(fv_error(model_context), sentence))
        fail_msg("\"%s\", expected \"%s\"", fv_error(model_context), sentence);
    fv_clear_error(model_context);
    free(m);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *inputs, *attribute;
        int64_t number;
        const char *sentence;
    } cases[] = {
        { "Unsqueeze", "h,two,two", NULL, 0, "at most 8 are" },
        { "Unsqueeze", "h", NULL, 0, "it lacks axes" },
        { "Unsqueeze", "h,same", NULL, 0, "axis 1 is named twice" },
        { "Squeeze", "h,far", NULL, 0, "axis 9 of 4 axes" },
        { "Squeeze", "h,one", NULL, 0, "axis 3 has extent 3, not 1" },
        { "Slice", "h,one", NULL, 0, "it lacks starts or ends" },
        { "Slice", "h,one,same", NULL, 0, "1 starts and 2 ends" },
        { "Slice", "h,one,one,far", NULL, 0, "axis 9 of 4 axes" },
        { "Slice", "h,one,one,one,zero", NULL, 0, "a step of 0" },
        { "Split", "h,one", NULL, 0, "1 sizes for" },
        { "Split", "h", "axis", 7, "axis 7 of an input of 4 axes" },
        { "Pad", "h,one", NULL, 0, "pads has 1 numbers, expected 8" },
        { "Pad", "h", NULL, 0, "pads has 0 numbers, expected 8" },
        { "Gather", "h", NULL, 0, "input 2 is left out" },
        { "Gather", "h,one", "axis", -5, "axis -5 of an input of 4 axes" },
        { "GatherElements", "h,one", NULL, 0, "inputs of 4 and 1 axes" },
        { "GatherND", "h,one", "batch_dims", 1, "do not have the first 1" },
        { "ScatterND", "h,one", NULL, 0, "input 3 is left out" },
        { "Expand", "h,far", NULL, 0, NULL },
        { "Expand", "h", NULL, 0, "input 2 is left out" },
        { "Tile", "h,one", NULL, 0, "1 repeats for 4 axes" },
        { "Cast", "h", "to", STRING, "element type 8 is not supported" },
        { "Cast", "h", NULL, 0, "element type 0 is not supported" },
        { "CastLike", "h", NULL, 0, "input 2 is left out" },
        { "NonZero", "h", NULL, 0, "how many elements are not 0" },
        { "Compress", "h,h", NULL, 0, "its condition depends" },
        { "OneHot", "one,h,h", NULL, 0, "are no known numbers" },
        { "EyeLike", "h", NULL, 0, "no matrix" },
        { "Range", "one,h,one", NULL, 0, NULL },
        { "Range", "zero,huge,one", NULL, 0, "more than 2^24 numbers" },
        { "ConstantOfShape", "huge", NULL, 0, "more than 16777216" },
        { "DepthToSpace", "h", "blocksize", 0, NULL },
        { "SpaceToDepth", "h", "blocksize", 3, NULL },
        { "ReverseSequence", "h,one", "batch_axis", 3, "batch_axis 3" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        model *m = begin(13, 1);
        MODEL_VECTOR(m, "zero", 0);
        MODEL_VECTOR(m, "one", 1);
        MODEL_VECTOR(m, "two", 1, 2, 3, 4, 5);
        MODEL_VECTOR(m, "same", 1, 1);
        MODEL_VECTOR(m, "far", 9);
        MODEL_VECTOR(m, "huge", (int64_t)1 << 40);
        model_node(m, cases[i].kind, cases[i].inputs, "y,z");
        if (!strcmp(cases[i].kind, "Unsqueeze")) m->node->n_output = 1;
        if (cases[i].attribute)
            model_int(m, cases[i].attribute, cases[i].number);
        const char *sentence = cases[i].sentence;
        refused(m, sentence ? sentence : cases[i].kind);
    }
}

/* A model of many of them, whose memory fails at each call. */
static void memory_fails(void **state)
{
    (void)state;
    model *m = begin(18, 0);
    MODEL_VECTOR(m, "pads", 0, 0, 1, 1, 0, 0, 1, 1);
    MODEL_VECTOR(m, "two", 2);
    MODEL_VECTOR(m, "rest", -1);
    MODEL_VECTOR(m, "some", 1, 2);
    model_floats(m, "w", 4, (int64_t[]){ 4, 3, 3, 3 }, counted());
    model_node(m, "Pad", "h,pads", "p");
    model_node(m, "Conv", "p,w", "c");
    model_node(m, "Shape", "c", "s");
    model_int(m, "end", 2);
    model_node(m, "Shape", "c", "e");
    model_int(m, "start", 2);
    model_node(m, "Mul", "e,two", "b");
    model_node(m, "Concat", "s,rest", "r");
    model_int(m, "axis", 0);
    model_node(m, "Reshape", "c,r", "f");
    model_node(m, "Concat", "s,b", "t");
    model_int(m, "axis", 0);
    model_node(m, "ConstantOfShape", "t", "n");
    MODEL_VECTOR(m, "one", 1);
    model_node(m, "Gather", "b,one", "end");
    model_node(m, "Slice", "n,two,end,two", "o");
    model_node(m, "Unsqueeze", "f,two", "u");
    model_node(m, "Gather", "u,some", "y");
    model_int(m, "axis", 1);
    model_output(m, "y");
    model_output(m, "o");
    bool loaded = false;
    for (size_t k = 1; !loaded; k++) {
        faults_memory memory = { .fail_at = k, .from_then_on = k % 2 == 0 };
        fv_allocator allocator = faults_allocator(&memory);
        fv_context *poor =
            fv_context_new(FV_OPTIONS(fv_context_options, .layout = FV_NCHW,
                                      .threads = 1, .allocator = &allocator));
        if (!poor) continue;
        loaded = model_load(m, poor) != NULL;
        if (loaded) assert_ok(poor);
        if (!loaded && fv_failed(poor) != FV_NO_MEMORY)
            fail_msg("allocation %zu: %s", k, fv_error(poor));
        fv_context_free(poor);
        assert_int_equal(memory.blocks, 0);
        assert_int_equal(memory.wrong, 0);
        assert_true(k < 20000);
    }
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, model_begin, model_end)
        TEST(transposes),
        TEST(axes),
        TEST(copies),
        TEST(slices),
        TEST(slices_by_sizes),
        TEST(parts),
        TEST(padding),
        TEST(padding_of_windows),
        TEST(gathers),
        TEST(scatters),
        TEST(chosen),
        TEST(views),
        TEST(extents),
        TEST(reshapes),
        TEST(types),
        TEST(constants),
        TEST(shuffled_channels),
        TEST(many_parts),
        TEST(refusals),
        TEST(memory_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
