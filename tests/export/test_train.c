/* Networks that are trained by C files: the steps have the bits of the
 * library's. */
#include "faults.h"
#include "support.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define WARNINGS "-Wall -Wextra -Wconversion -pedantic -Werror"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/fovea-train-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

/* Runs a command in the folder; its exit status. */
static int run(const char *command)
{
    char text[1024];
    snprintf(text, sizeof text, "cd %s && %s", folder, command);
    const int status = system(text);
    return status == -1 ? -1 : status >> 8;
}

static const char *at(const char *name)
{
    static char text[128];
    snprintf(text, sizeof text, "%s/%s", folder, name);
    return text;
}

/* A program that reads inputs and targets of each step, and writes the losses,
 * what was trained and, of the last inputs, the output. */
static const char driver[] =
    "#include \"net.h\"\n#include <stdio.h>\n"
    "static float in[NET_INPUT_0], out[NET_OUTPUT_0];\n"
    "int main(void)\n{\n"
    "#ifdef DENSE\n"
    "    static float targets[NET_TARGETS];\n#else\n"
    "    static int32_t targets[NET_LABELS];\n#endif\n"
    "    while (fread(in, sizeof in, 1, stdin) == 1\n"
    "           && fread(targets, sizeof targets, 1, stdin) == 1) {\n"
    "        const float loss = net_train_step(in, targets, RATE);\n"
    "        fwrite(&loss, sizeof loss, 1, stdout);\n    }\n"
    "    fwrite(net_weights(), sizeof(float), NET_TRAINED, stdout);\n"
    "    net_run(in, out);\n"
    "    fwrite(out, sizeof out, 1, stdout);\n    return 0;\n}\n";

typedef struct trial {
    const char *text, *optimizer, *frozen;
    int64_t batch;
    int steps;
    double rate;
} trial;

enum { MOST = 1 << 19 };
static float numbers[MOST], expected[MOST], answers[MOST];

static void fill(float *to, int64_t count, uint32_t word)
{
    for (int64_t i = 0; i < count; i++) {
        word = word * 1664525u + 1013904223u;
        to[i] = (float)(int32_t)word * 0x1p-31f;
    }
}

static size_t append(size_t used, const fv_tensor *value)
{
    const size_t count = (size_t)fv_tensor_count(value);
    assert_true(used + count < MOST);
    memcpy(expected + used, value->data, count * sizeof(float));
    return used + count;
}

/* Trains by the library and writes the inputs of the program; returns how many
 * numbers are expected. */
static size_t train(fv_context *context, fv_network *network, const trial *t,
                    fv_optimizer *optimizer)
{
    const fv_value_info in = fv_network_input_info(network, 0);
    const fv_value_info out = fv_network_output_info(network, 0);
    const bool dense = fv_network_meaning(network) == FV_MEANS_VALUES;
    int64_t shape[FV_MAX_RANK] = { t->batch }, target[2] = { t->batch };
    for (int32_t i = 0; i < in.shape.rank; i++)
        shape[1 + i] = in.shape.extent[i];
    target[1] = out.shape.extent[0];
    const fv_tensor x = fv_tensor_of(numbers, FV_F32, in.shape.rank + 1, shape);
    const int64_t count = fv_tensor_count(&x);
    int64_t labels[256];
    int32_t small[256];
    float values[4096];
    size_t used = 0;
    FILE *file = fopen(at("in"), "wb");
    assert_non_null(file);
    for (int step = 0; step < t->steps; step++) {
        fill(numbers, count, (uint32_t)step);
        fwrite(numbers, sizeof(float), (size_t)count, file);
        for (int64_t i = 0; i < t->batch; i++)
            labels[i] = small[i] = (int32_t)((i * 7 + step) % target[1]);
        fill(values, t->batch * target[1], (uint32_t)(step + 99));
        fv_tensor y = dense ? fv_tensor_of(values, FV_F32, 2, target)
                            : fv_tensor_of(labels, FV_I64, 1, target);
        if (dense)
            fwrite(values, sizeof(float), (size_t)fv_tensor_count(&y), file);
        else
            fwrite(small, sizeof *small, (size_t)t->batch, file);
        expected[used++] =
            (float)fv_train_step(network, optimizer, &x, &y).loss;
        assert_ok(context);
    }
    fclose(file);
    const fv_variables variables = fv_network_variables(network);
    for (int64_t i = 0; i < variables.count; i++)
        if (fv_variable_requires_grad(variables.at[i]))
            used = append(used, fv_variable_value(variables.at[i]));
    const fv_named_tensors all = fv_network_weights(network, 0);
    for (int64_t i = 0; i < all.count; i++)
        if (strstr(all.at[i].name, "running"))
            used = append(used, &all.at[i].tensor);
    fv_named_tensor output = { NULL, { 0 } };
    const fv_named_tensor input = { NULL, x };
    fv_network_run(network, 1, &input, 1, &output);
    assert_ok(context);
    return append(used, &output.tensor);
}

static bool compile(const fv_context *context, const char *compiler, bool dense,
                    double rate)
{
    char command[512];
    const bool avx = strncmp(fv_context_isa(context), "avx", 3) == 0;
    snprintf(command, sizeof command, "command -v %.16s > /dev/null 2>&1",
             compiler);
    if (run(command) != 0) return false;
    snprintf(command, sizeof command,
             "%s %s " WARNINGS " -DRATE=%g %s main.c net.c -o net -lm",
             compiler, avx ? "-mavx2 -mfma" : "", rate, dense ? "-DDENSE" : "");
    assert_int_equal(run(command), 0);
    return true;
}

/* Trains by a C file, compiled by some compilers, and by the library. */
static void check(const trial *t, const char *const compilers[])
{
    fv_context *context = fv_context_new(
        FV_OPTIONS(fv_context_options, .seed = 7, .strict = 1, .threads = 1));
    fv_network *network = fv_network_parse(context, t->text, "net");
    for (const char *f = t->frozen; f && *f; f += strlen(f) + 1)
        fv_set_trained(network, f, 0);
    fv_network_export_c(
        network, at("net.c"),
        FV_OPTIONS(fv_c_options, .batch = t->batch, .optimizer = t->optimizer));
    assert_ok(context);
    FILE *file = fopen(at("main.c"), "w");
    assert_non_null(file);
    fputs(driver, file);
    fclose(file);
    fv_optimizer *optimizer = fv_optimizer_parse(network, t->optimizer);
    fv_set_learning_rate(optimizer, t->rate);
    const size_t count = train(context, network, t, optimizer);
    const bool dense = fv_network_meaning(network) == FV_MEANS_VALUES;
    for (int i = 0; compilers[i]; i++) {
        if (!compile(context, compilers[i], dense, t->rate)) continue;
        assert_int_equal(run("./net < in > out"), 0);
        file = fopen(at("out"), "rb");
        assert_non_null(file);
        assert_int_equal(fread(answers, sizeof *answers, MOST, file), count);
        fclose(file);
        assert_memory_equal(answers, expected, count * sizeof *answers);
    }
    fv_context_free(context);
}

static const char *const all[] = { "gcc -std=c99 -O2", "clang -std=c99 -O3",
                                   "g++ -x c++ -std=c++17 -O1", NULL };
static const char *const one[] = { "gcc -std=c99 -O2", NULL };

/* Skips a test of bits that a build's own matrix products do not have. */
#define bits_only()                                                            \
    do {                                                                       \
        values_only();                                                         \
        if (FOREIGN) skip();                                                   \
    } while (0)

static void lenet5(void **state)
{
    (void)state;
    bits_only();
    check(&(trial){ "input 28 28 1\n"
                    "conv2d 6 5 5 padding=2\ntanh\navgpool 2 2\n"
                    "conv2d 16 5 5\ntanh\navgpool 2 2\nflatten\n"
                    "linear 120\ntanh\nlinear 84\ntanh\nlinear 10\n"
                    "softmax_cross_entropy\n",
                    "sgd momentum=0.9 nesterov=yes weight_decay=0.01", NULL, 5,
                    20, 0.05 },
          one);
}

static const char residual[] =
    "input 12 10 3\n"
    "conv2d 18 3 3 padding=1 bias=no\nbatchnorm\nrelu\nmaxpool 2 2 name=a\n"
    "conv2d 18 3 3 padding=1 stride=1 groups=2 name=b\n"
    "batchnorm name=c\nadd from=c,a\nrelu name=d\n"
    "conv2d 5 1 1 stride=2 name=e\n"
    "conv2d 5 3 3 stride=2 padding=1 from=d name=f\nbatchnorm affine=no "
    "name=g\n"
    "add from=e,g\n"
    "avgpool 2 2 stride=1\ndropout 0.3\ngelu\nflatten\nlinear 17\nsigmoid\n"
    "linear 4\n";

static void batch_norms(void **state)
{
    char text[1024];
    (void)state;
    bits_only();
    snprintf(text, sizeof text, "%ssoftmax_cross_entropy\n", residual);
    check(&(trial){ text, "adamw weight_decay=0.1", NULL, 6, 20, 0.01 }, all);
}

/* Values as targets, sums over one image, and movements. */
static void values(void **state)
{
    (void)state;
    bits_only();
    check(&(trial){ "input 9 4\n"
                    "conv1d 6 3 name=a\nsplit 2 axis=-1 name=s\n"
                    "sub from=s:1,s name=d\nconcat from=d,a,d\n"
                    "maxpool1d 3 stride=2 padding=1\nelu\nflatten\n"
                    "linear 40 bias=no\nlinear 3\nmse reduction=batch\n",
                    "adam amsgrad=yes weight_decay=0.01", NULL, 1, 10, 0.01 },
          one);
    check(&(trial){ "input 6 6 4\nglobal_average_pool\nflatten\n"
                    "linear 2\nmse\n",
                    "sgd momentum=0.5 dampening=0.25", NULL, 7, 10, 0.01 },
          one);
}

/* Sums that are cut: many terms, many pixels, parts of a batch. */
static void long_sums(void **state)
{
    (void)state;
    bits_only();
    check(&(trial){ "input 3 3 260\nconv2d 3 3 3 padding=1\nrelu\n"
                    "conv2d 260 3 3 padding=1\nbatchnorm\nflatten\n"
                    "linear 3\nsoftmax_cross_entropy\n",
                    "sgd", NULL, 3, 3, 0.01 },
          one);
    check(&(trial){ "input 40 67 1\nconv2d 2 3 3\nbatchnorm\nrelu6\n"
                    "avgpool 38 5\nflatten\nlinear 2\n"
                    "softmax_cross_entropy\n",
                    "sgd", NULL, 13, 3, 0.1 },
          one);
}

/* Layers whose parameters are frozen; the last layer alone is trained, and all
 * before it is as in evaluation. */
static void frozen(void **state)
{
    (void)state;
    bits_only();
    check(&(trial){ "input 8 8 2\nconv2d 4 3 3 name=a\nrelu\nflatten\n"
                    "linear 9 name=b\ntanh\nlinear 3 name=c\n"
                    "softmax_cross_entropy\n",
                    "adam", "a.*\0b.*\0", 4, 8, 0.01 },
          one);
    check(&(trial){ "input 8 8 2\nconv2d 4 3 3 name=a\nbatchnorm name=n\n"
                    "relu\nconv2d 3 3 3 name=b\ndropout 0.5\nflatten\n"
                    "linear 9 name=c\ntanh\nlinear 3\n"
                    "softmax_cross_entropy\n",
                    "adam", "n.*\0b.weight\0c.*\0", 4, 8, 0.01 },
          one);
}

/* ---- refusals and files ----------------------------------------------------
 */

static const char small[] = "input 6 6 1\nconv2d 3 3 3\nbatchnorm\nflatten\n"
                            "linear 4\nsoftmax_cross_entropy\n";

static void refused(const char *text, const char *optimizer, const char *frozen,
                    const char *sentence)
{
    fv_context *context = fv_context_new(NULL);
    fv_network *network = fv_network_parse(context, text, "net");
    if (frozen) fv_set_trained(network, frozen, 0);
    assert_ok(context);
    char file[128];
    snprintf(file, sizeof file, "%s", at("no.c"));
    fv_network_export_c(network, file,
                        FV_OPTIONS(fv_c_options, .optimizer = optimizer));
    assert_error(context, sentence);
    assert_int_not_equal(access(file, F_OK), 0);
    fv_context_free(context);
}

static void refusals(void **state)
{
    (void)state;
    refused(
        "input 4 4 3\nconv2d 2 3 3 padding_mode=reflect padding=1 name=a\n"
        "lrn 3 name=b\ninstancenorm name=c\nflatten\nlinear 2\n"
        "softmax_cross_entropy label_smoothing=0.1 name=d\n",
        "sgd", NULL,
        "export: these layers cannot be trained as C: a (conv2d: padding other "
        "than zeros in training), b (lrn: no training form), c "
        "(instancenorm: no training form), d (softmax_cross_entropy: smoothed "
        "labels)");
    refused("input 4 4 3\nconv2d 2 3 3 parametrization=weight_norm name=a\n"
            "flatten\nlinear 2\nmse\n",
            "sgd", "a.*",
            "export: these layers cannot be trained as C: a (conv2d: weights "
            "that are computed)");
    refused("input 4\nlinear 2 parametrization=weight_norm name=a\n", NULL,
            NULL,
            "export: these layers cannot be written as C: a (linear: weights "
            "that are computed)");
    refused("input 4\nlinear 2\nmse\n", "lion", NULL,
            "export: the optimizer lion cannot be written as C, expected sgd, "
            "adam or adamw");
    refused("input 4\nlinear 2\nmse\n", "sgd", "*",
            "export: all parameters are frozen, there is nothing to train");
    refused("input 4\nlinear 2\n", "sgd", NULL,
            "network: training needs a loss, end the network with "
            "softmax_cross_entropy, sigmoid_cross_entropy or mse");
}

/* The network is as it was, and weights may lie in a file of their own. */
static void unchanged(void **state)
{
    (void)state;
    values_only();
    fv_context *context =
        fv_context_new(FV_OPTIONS(fv_context_options, .seed = 3));
    fv_network *network = fv_network_parse(context, small, "net");
    const fv_named_tensors before = fv_network_weights(network, 0);
    float first[64];
    memcpy(first, before.at[0].tensor.data, 27 * sizeof *first);
    fv_network_export_c(
        network, at("net.c"),
        FV_OPTIONS(fv_c_options, .batch = 2, .optimizer = "adam"));
    assert_ok(context);
    assert_memory_equal(before.at[0].tensor.data, first, 27 * sizeof *first);
    const bool avx = strncmp(fv_context_isa(context), "avx", 3) == 0;
    char command[256];
    snprintf(command, sizeof command,
             "gcc -std=c99 -O1 %s -DFOVEA_MAIN net.c -o net -lm",
             avx ? "-mavx2 -mfma" : "");
    if (!FOREIGN && run(command) == 0)
        assert_int_equal(run("./net --self-test > log"), 0);
    fv_context_free(context);
}

/* A step that is not finite changes nothing, and what was stored goes on to the
 * same bits. */
static const char storing[] =
    "#include \"net.h\"\n#include <math.h>\n#include <string.h>\n"
    "static float in[NET_INPUT_0], all[NET_TRAINED], state[NET_STATE];\n"
    "int main(void)\n{\n"
    "    const int32_t labels[NET_LABELS] = { 1, 3 };\n"
    "    for (int i = 0; i < NET_INPUT_0; i++) in[i] = (float)(i % 7) - 2;\n"
    "    net_train_step(in, labels, 0.1);\n"
    "    memcpy(all, net_weights(), sizeof all);\n"
    "    memcpy(state, net_state(), sizeof state);\n"
    "    in[0] = (float)NAN;\n"
    "    if (!isnan(net_train_step(in, labels, 0.1))) return 1;\n"
    "    in[0] = 0;\n"
    "    if (memcmp(all, net_weights(), sizeof all) != 0) return 2;\n"
    "    if (memcmp(state, net_state(), sizeof state) != 0) return 3;\n"
    "    if (*net_steps() != 1) return 4;\n"
    "    const float loss = net_train_step(in, labels, 0.1);\n"
    "    const float next = net_train_step(in, labels, 0.1);\n"
    "    net_reset();\n"
    "    if (*net_steps() != 0) return 5;\n"
    "    memcpy(net_weights(), all, sizeof all);\n"
    "    memcpy(net_state(), state, sizeof state);\n"
    "    *net_steps() = 1;\n"
    "    if (net_train_step(in, labels, 0.1) != loss) return 6;\n"
    "    return net_train_step(in, labels, 0.1) == next ? 0 : 7;\n}\n";

static void stored(void **state)
{
    (void)state;
    values_only();
    fv_context *context =
        fv_context_new(FV_OPTIONS(fv_context_options, .seed = 3));
    fv_network *network = fv_network_parse(context, small, "net");
    fv_network_export_c(
        network, at("net.c"),
        FV_OPTIONS(fv_c_options, .batch = 2, .optimizer = "adam"));
    assert_ok(context);
    fv_context_free(context);
    FILE *file = fopen(at("main.c"), "w");
    assert_non_null(file);
    fputs(storing, file);
    fclose(file);
    if (run("gcc -std=c99 -O1 -DFOVEA_NO_FMA main.c net.c -o net -lm") == 0)
        assert_int_equal(run("./net"), 0);
}

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
        fv_network_export_c(
            network, at("net.c"),
            FV_OPTIONS(fv_c_options, .batch = 2, .optimizer = "adam"));
        const bool failed = fv_failed(context) != FV_OK;
        if (failed) assert_int_equal(fv_failed(context), FV_NO_MEMORY);
        const bool reached = memory.calls >= memory.fail_at;
        assert_int_equal(failed, reached);
        fv_context_free(context);
        assert_int_equal(memory.blocks, 0);
        if (!reached) break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lenet5),         cmocka_unit_test(batch_norms),
        cmocka_unit_test(values),         cmocka_unit_test(long_sums),
        cmocka_unit_test(frozen),         cmocka_unit_test(refusals),
        cmocka_unit_test(unchanged),      cmocka_unit_test(stored),
        cmocka_unit_test(failing_memory),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
