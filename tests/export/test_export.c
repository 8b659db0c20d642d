/* Networks as C files: what compilers say of them, and whether they compute the
 * bits of the library. The self-test of a file has inputs and the answers of
 * the library; here its program is also run on other inputs. */
#include "faults.h"
#include "support.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define WARNINGS "-Wall -Wextra -Wconversion -pedantic -Werror"

/* Skips a test of bits that a build's own matrix products do not have. */
#define bits_only()                                                            \
    do {                                                                       \
        values_only();                                                         \
        if (FOREIGN) skip();                                                   \
    } while (0)

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/fovea-export-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

/* Runs a command with the folder in place of each @; its exit status. */
static int run(const char *command)
{
    char text[1024];
    size_t n = 0;
    for (; *command && n < sizeof text - sizeof folder; command++)
        n +=
            (size_t)(*command == '@'
                         ? snprintf(text + n, sizeof text - n, "%s", folder)
                         : snprintf(text + n, sizeof text - n, "%c", *command));
    const int status = system(text);
    return status == -1 ? -1 : status >> 8;
}

static const char *at(const char *name)
{
    static char text[2][128];
    static int next;
    next = !next;
    snprintf(text[next], sizeof text[next], "%s/%s", folder, name);
    return text[next];
}

/* Instructions that the machine has, as its kernel table says. */
static const char *machine(const fv_context *context)
{
    const char *isa = fv_context_isa(context);
    return strncmp(isa, "avx", 3) == 0 ? "-mavx2 -mfma" : "";
}

/* Compiles the file as a program; false if there is no such compiler. */
static bool compile(const fv_context *context, const char *compiler,
                    const char *options)
{
    char command[512];
    snprintf(command, sizeof command, "command -v %.16s > /dev/null 2>&1",
             compiler);
    if (run(command) != 0) return false;
    snprintf(command, sizeof command,
             "cd @ && %s %s %s " WARNINGS " -DFOVEA_MAIN net.c -o net -lm",
             compiler, options, machine(context));
    assert_int_equal(run(command), 0);
    return true;
}

static const char *const compilers[][2] = {
    { "gcc", "-std=c99 -O3" },
    { "clang", "-std=c99 -O2" },
    { "g++", "-x c++ -std=c++17 -O0" },
    { "clang++", "-x c++ -std=c++17 -O0" },
};
/* What compilers make of a file does not depend on sanitizers in the library.
 */
enum {
    COMPILERS = SANITIZED ? 1 : (int)(sizeof compilers / sizeof compilers[0])
};

static fv_context *context_of(const char *isa)
{
    return fv_context_new(
        FV_OPTIONS(fv_context_options, .seed = 7, .isa = isa, .strict = 1));
}

/* Fills with numbers in -2..2. */
static void fill(float *numbers, int64_t count)
{
    uint32_t word = 1;
    for (int64_t i = 0; i < count; i++) {
        word = word * 1664525u + 1013904223u;
        numbers[i] = (float)(int32_t)word * 0x1p-30f;
    }
}

static void write_floats(const char *name, size_t count, const float *numbers)
{
    FILE *file = fopen(at(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(numbers, sizeof *numbers, count, file), count);
    assert_int_equal(fclose(file), 0);
}

/* The program's output for other inputs has the bits of the library's. */
static void check_run(fv_context *context, fv_network *network, int64_t batch)
{
    fv_named_tensor inputs[4], output = { NULL, { 0 } };
    int32_t count = 0;
    int64_t total = 0;
    static float numbers[1 << 20], answer[1 << 20];
    for (; fv_network_input_info(network, (size_t)count).name; count++) {
        const fv_value_info info =
            fv_network_input_info(network, (size_t)count);
        int64_t shape[FV_MAX_RANK] = { batch };
        for (int32_t i = 0; i < info.shape.rank; i++)
            shape[1 + i] = info.shape.extent[i];
        inputs[count] =
            (fv_named_tensor){ NULL, fv_tensor_of(numbers + total, FV_F32,
                                                  info.shape.rank + 1, shape) };
        total += fv_tensor_count(&inputs[count].tensor);
    }
    fill(numbers, total);
    write_floats("in", (size_t)total, numbers);
    assert_int_equal(run("cd @ && ./net < in > out"), 0);
    fv_network_run(network, count, inputs, 1, &output);
    assert_ok(context);
    const size_t out = (size_t)fv_tensor_count(&output.tensor);
    FILE *file = fopen(at("out"), "rb");
    assert_non_null(file);
    assert_true(fread(answer, sizeof *answer, out, file) == out);
    fclose(file);
    assert_memory_equal(answer, output.tensor.data, out * sizeof *answer);
}

/* Exports a network from its text and runs it, by every compiler. */
static void check(const char *text, int64_t batch)
{
    fv_context *context = context_of(NULL);
    fv_network *network = fv_network_parse(context, text, "net");
    fv_network_export_c(network, at("net.c"),
                        FV_OPTIONS(fv_c_options, .batch = batch));
    assert_ok(context);
    for (int i = 0; i < COMPILERS; i++) {
        if (!compile(context, compilers[i][0], compilers[i][1])) continue;
        assert_int_equal(run("@/net --self-test > @/log"), 0);
        check_run(context, network, batch);
    }
    fv_context_free(context);
}

/* ---- networks --------------------------------------------------------------
 */

static void convolutions(void **state)
{
    (void)state;
    bits_only();
    check("input 11 9 3\n"
          "conv2d 20 3 3 padding=1 name=a\n"
          "relu\n"
          "conv2d 6 5 3 stride=2,1 dilation=1,2 bias=no\n"
          "conv2d 12 3 3 padding=1 groups=3\n"
          "batchnorm\n"
          "relu6 name=b\n"
          "conv2d 12 3 3 padding=1 groups=12 name=c\n"
          "add from=c,b\n"
          "relu\n"
          "conv2d 24 3 3 padding=1 groups=12 stride=2\n"
          "conv2d 40 1 1\n"
          "conv2d 3 2 2 padding_mode=constant padding_value=0.5 padding=2\n"
          "conv2d 4 3 3 padding_mode=reflect padding=2,1\n"
          "conv2d 4 3 3 padding_mode=circular padding=1\n"
          "pad 1,2 mode=reflect\n"
          "conv2d 20 3 3 padding_mode=replicate padding=2\n",
          1);
    check("input 7 7 300 name=x\n"
          "conv2d 17 3 3 padding=1 name=long\n" /* chains that are cut */
          "global_average_pool\n"
          "conv2d 300 1 1 name=one\n"
          "mul from=x,one\n"
          "flatten\n"
          "linear 33\n",
          3);
    check("input 40 5\nconv1d 7 5 padding=2\nmaxpool1d 3 stride=2\n"
          "conv_transpose1d 4 3 stride=2\n",
          2);
    check("input 5 6 7 2\nconv3d 4 3 3 3 padding=1\navgpool3d 2 2 2\n"
          "conv_transpose3d 3 2 3 2 stride=2 padding=0,1,0\n",
          1);
}

static void transposed(void **state)
{
    (void)state;
    bits_only();
    check("input 9 7 6\n"
          "conv_transpose2d 8 3 3 stride=2 padding=1 output_padding=1\n"
          "relu\n"
          "conv_transpose2d 4 4 3 stride=3,1 groups=2 dilation=1,2\n"
          "conv_transpose2d 4 2 2 stride=3 bias=no\n",
          2);
}

static void pools(void **state)
{
    (void)state;
    bits_only();
    check("input 40 37 5\n"
          "maxpool 3 3 stride=2 padding=1\n"
          "avgpool 3 2 stride=2,1 padding=1,0 name=b\n"
          "adaptive_avgpool 7 5 name=c\n"
          "adaptive_maxpool 3 2 from=b name=d\n"
          "global_max_pool from=c name=e\n"
          "global_average_pool from=b name=f\n"
          "flatten from=d name=g\n"
          "flatten from=e name=h\n"
          "flatten from=f name=i\n"
          "concat from=g,h,i\n",
          2);
}

static void resizing(void **state)
{
    (void)state;
    bits_only();
    check("input 7 9 5 name=x\n"
          "resize 14 5 name=a\n"
          "resize scale=1.7 mode=linear\n"
          "resize 9 11 mode=cubic antialias=yes\n"
          "resize 9 11\n"
          "softplus\n",
          2);
}

static void products(void **state)
{
    (void)state;
    bits_only();
    check("input 7 32 name=x\n"
          "attention 4 name=a\n"
          "layernorm\n"
          "input 32 2100 name=b\n"
          "matmul from=a,b name=c\n" /* then chains that are cut */
          "permute 0 2 1 from=b name=d\n"
          "matmul from=c,d\n",
          2);
}

static void recurrent(void **state)
{
    (void)state;
    bits_only();
    check("input 7 12 name=x\n"
          "lstm 20 bidirectional=yes\n"
          "gru 9 reversed=yes\n"
          "rnn 35 bias=no name=c\n"
          "input 35 name=h\n"
          "rnn 35 from=c,h name=d\n"
          "linear 5 from=d:1 name=e\n"
          "input 3 2100 name=long\n"
          "gru 4 from=long name=f\n"
          "concat from=e,f:1\n",
          2);
}

static void functions(void **state)
{
    static const char *const kinds[] = {
        "abs",
        "celu 0.7",
        "elu 0.5",
        "erf",
        "exp",
        "floor",
        "ceil",
        "gelu",
        "hard_sigmoid",
        "hard_swish",
        "hard_tanh",
        "leaky_relu 0.1",
        "mish",
        "neg",
        "relu",
        "relu6",
        "round",
        "selu",
        "sigmoid",
        "sign",
        "silu",
        "softplus",
        "softsign",
        "tanh",
        "clip low=-1 high=1",
        "dropout 0.5",
        "gelu approximate=tanh",
    };
    char text[4096];
    (void)state;
    bits_only();
    int n = snprintf(text, sizeof text, "input 3 5 2 name=x\n");
    const int count = sizeof kinds / sizeof kinds[0];
    for (int i = 0; i < count; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s from=x name=f%d\n",
                      kinds[i], i);
    n += snprintf(text + n, sizeof text - (size_t)n, "concat from=");
    for (int i = 0; i < count; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%sf%d", i ? "," : "",
                      i);
    snprintf(text + n, sizeof text - (size_t)n, "\n");
    check(text, 2);
}

static void shapes(void **state)
{
    (void)state;
    bits_only();
    check("input 4 6 8 name=x\n"
          "channel_shuffle 4\n"
          "pixel_shuffle 2\n"
          "pixel_unshuffle 2\n"
          "split 2 axis=-1 name=s\n"
          "flip axes=1 from=s name=f\n"
          "stack axis=1 from=f,s:1\n"
          "permute 0 2 1 4 3\n"
          "flatten\n"
          "softmax\n",
          2);
    check("input 4 6 8 name=x\n"
          "input 1 6 8 name=y\n"
          "sub from=x,y name=a\n"
          "div from=a,x\n"
          "max from=a,x name=b\n"
          "min from=b,y\n",
          2);
}

static void normalisations(void **state)
{
    (void)state;
    bits_only();
    check("input 4 6 8\n"
          "batchnorm\n"
          "elu\n"
          "layernorm\n"
          "rmsnorm\n"
          "flatten\n"
          "linear 5000\n"
          "l2norm\n"
          "log_softmax\n",
          2);
}

/* Sums along rows and columns, short ones and such as are cut; and norms of
 * two blocks of pixels. */
static void reductions(void **state)
{
    (void)state;
    bits_only();
    check("input 29 31 20\n"
          "groupnorm 5\n"
          "lrn 5 alpha=0.1 beta=0.6 k=1.5\n"
          "instancenorm\n"
          "lrn 4 alpha=1 k=2\n"
          "flatten name=norms\n"
          "input 7 130 3 name=x\n"
          "sum axes=1,2 name=a\n"
          "mean axes=-1 from=x name=b\n"
          "max axes=1 from=x name=c\n"
          "mod from=b,c name=d\n"
          "mod 0.75 truncated=yes name=e\n"
          "min axes=1,2,3 from=x name=f\n"
          "mean axes=2 from=e name=g\n"
          "add from=f,g\n"
          "flatten name=few\n"
          "input 17 1050 name=y\n"
          "sum axes=1\n"
          "flatten name=wide\n"
          "mean axes=2 from=y\n"
          "flatten name=rows\n"
          "input 18 2500 name=z\n"
          "mean axes=1\n"
          "flatten name=wider\n"
          "sum from=z\n"
          "flatten name=all\n"
          "flatten from=a name=channels\n"
          "concat from=norms,few,wide,rows,wider,all,channels\n",
          1);
}

/* A network of models/, whose images are given another size. */
static void check_model(const char *name, int64_t size)
{
    char text[256];
    fv_context *context = context_of(NULL);
    snprintf(text, sizeof text, "%s/../../models/%s.net", FOVEA_TEST_DATA,
             name);
    fv_network *network = fv_network_load(context, text);
    fv_shape shape = fv_network_input_shape(network);
    shape.extent[0] = shape.extent[1] = size ? size : shape.extent[0];
    fv_network_set_input(network, &shape);
    fv_network_export_c(network, at("net.c"),
                        FV_OPTIONS(fv_c_options, .weights = at("net.bin")));
    assert_ok(context);
    for (int i = 0; i < 2; i++) {
        if (!compile(context, compilers[i][0], compilers[i][1])) continue;
        assert_int_equal(run("@/net @/net.bin --self-test > @/log"), 0);
    }
    fv_context_free(context);
}

static void models(void **state)
{
    (void)state;
    bits_only();
    check_model("lenet5", 0);
    check_model("resnet20", 0);
    check_model("mobilenet_v2", 32);
}

/* ---- what a self-test finds, and files -------------------------------------
 */

static const char small[] = "input 6 6 1\nconv2d 3 3 3\ntanh\nflatten\n"
                            "linear 4\n";

/* Other weights give other answers, and the self-test says so. */
static void self_test_fails(void **state)
{
    (void)state;
    bits_only();
    fv_context *context = context_of(NULL);
    fv_network *network = fv_network_parse(context, small, "net");
    fv_network_export_c(network, at("net.c"),
                        FV_OPTIONS(fv_c_options, .weights = at("net.bin")));
    assert_ok(context);
    if (compile(context, "gcc", "-std=c99 -O1")) {
        assert_int_equal(run("@/net @/net.bin --self-test > @/log"), 0);
        assert_int_equal(
            run("printf '\\1' | dd of=@/net.bin conv=notrunc 2> /dev/null"), 0);
        assert_int_equal(run("@/net @/net.bin --self-test > @/log"), 1);
        assert_int_equal(run("@/net @/none --self-test 2> @/log"), 2);
        assert_int_equal(run("@/net @/net.bin < /dev/null 2> @/log"), 2);
    }
    if (compile(context, "gcc", "-std=c99 -O1 -DFOVEA_NO_FMA")) {
        fv_network_export_c(network, at("net.c"), NULL);
        compile(context, "gcc", "-std=c99 -O1 -DFOVEA_NO_FMA");
        assert_int_equal(run("@/net --self-test > @/log"), 0);
    }
    fv_context_free(context);
}

/* Every table writes the same file. */
static void same_file(void **state)
{
    (void)state;
    bits_only();
    for (int i = 0; i < TABLES; i++) {
        fv_context *context = context_of(tables[i]);
        if (fv_failed(context)) {
            fv_context_free(context);
            continue;
        }
        fv_network *network = fv_network_parse(context, small, "net");
        fv_network_export_c(network, at("net.c"), NULL);
        assert_ok(context);
        assert_int_equal(
            run(i ? "cmp @/net.c @/first.c" : "cp @/net.c @/first.c"), 0);
        fv_context_free(context);
    }
}

/* Whatever allocation fails: a failure that is recorded, and nothing is lost.
 */
static void failing_memory(void **state)
{
    (void)state;
    for (size_t k = 1;; k++) {
        faults_memory memory = { 0 };
        const fv_allocator allocator = faults_allocator(&memory);
        fv_context *context = fv_context_new(FV_OPTIONS(
            fv_context_options, .threads = 1, .allocator = &allocator));
        fv_network *network = fv_network_parse(context, small, "net");
        memory.fail_at = memory.calls + k;
        fv_network_export_c(network, at("net.c"),
                            FV_OPTIONS(fv_c_options, .weights = at("net.bin")));
        const bool failed = fv_failed(context) != FV_OK;
        if (failed) assert_int_equal(fv_failed(context), FV_NO_MEMORY);
        const bool reached = memory.calls >= memory.fail_at;
        assert_int_equal(failed, reached);
        fv_context_free(context);
        assert_int_equal(memory.blocks, 0);
        if (!reached) break;
    }
}

static void refused(const char *text, const char *file,
                    const fv_c_options *options, const char *sentence)
{
    fv_context *context = context_of(NULL);
    fv_network *network = fv_network_parse(context, text, "net");
    assert_ok(context);
    assert_int_not_equal(fv_network_export_c(network, file, options), FV_OK);
    assert_error(context, sentence);
    assert_int_not_equal(access(file, F_OK), 0);
    fv_context_free(context);
}

static void refusals(void **state)
{
    char file[128];
    (void)state;
    snprintf(file, sizeof file, "%s/no.c", folder);
    refused(
        "input 4 4 3 name=x\nprod axes=1 name=a\nsum axes=1,3 from=x name=b\n",
        file, NULL,
        "export: these layers cannot be written as C: a (prod: no C "
        "form), b (sum: axes that do not lie together)");
    refused(small, "net.h", NULL,
            "export: the path \"net.h\" does not end in .c");
    refused(small, file, FV_OPTIONS(fv_c_options, .batch = -1),
            "network: a batch of -1 images, expected at least 1");
    refused("input ? ? 3\nconv2d 2 3 3\n", file, NULL,
            "network: the input [?, ?, 3] is open, a plan needs the size "
            "of its images");
    fv_context *context =
        fv_context_new(FV_OPTIONS(fv_context_options, .dtype = FV_F64));
    fv_network *network = fv_network_parse(context, small, "net");
    fv_network_export_c(network, file, NULL);
    assert_error(context, "export: the context computes in f64 with NHWC "
                          "images, a C file in f32 with NHWC");
    assert_int_equal(fv_network_export_c(NULL, file, NULL), FV_MISUSE);
    fv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions),   cmocka_unit_test(transposed),
        cmocka_unit_test(pools),          cmocka_unit_test(recurrent),
        cmocka_unit_test(products),       cmocka_unit_test(resizing),
        cmocka_unit_test(functions),      cmocka_unit_test(shapes),
        cmocka_unit_test(normalisations), cmocka_unit_test(models),
        cmocka_unit_test(reductions),     cmocka_unit_test(self_test_fails),
        cmocka_unit_test(same_file),      cmocka_unit_test(failing_memory),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
