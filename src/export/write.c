/* Writes the files of an exported network: header, C file and weights. */
#include "export/train.h"

#include <stdio.h>
#include <string.h>

/* ---- examples ------------------------------------------------------------ */

enum { STREAM = FV__STREAM_CHECK, ZERO = 128 };
static const float unit = 1.0f / 64;

/* Draws the bytes of an example's inputs. */
static void draw(fv__export *e, int32_t example)
{
    const int64_t count = e->input_numbers;
    unsigned char *bytes = e->examples + example * count;
    for (int64_t i = 0; i < count; i++) {
        uint32_t words[4];
        fv__philox(0, STREAM, (uint64_t)(example * count + i), words);
        bytes[i] = (unsigned char)words[0];
    }
}

void fv__example_inputs(const fv__export *e, int32_t example, float *numbers)
{
    const unsigned char *bytes = e->examples + example * e->input_numbers;
    for (int64_t i = 0; i < e->input_numbers; i++)
        numbers[i] = (float)((int)bytes[i] - ZERO) * unit;
}

static fv_status answer(fv__export *e, float *numbers, float *answers)
{
    fv_named_tensor inputs[FV__MOST_INPUTS];
    for (int32_t k = 0; k < e->inputs; k++) {
        inputs[k] = (fv_named_tensor){ NULL, e->plan.inputs[k]->value };
        inputs[k].tensor.data = numbers;
        numbers += fv_tensor_count(&inputs[k].tensor);
    }
    fv_named_tensor *outputs = fv__allocate_zero(
        e->context, FV__DATA, (size_t)e->outputs * sizeof *outputs);
    if (outputs)
        fv_network_run(e->network, e->inputs, inputs, e->outputs, outputs);
    for (int32_t k = 0; outputs && k < e->outputs && fv__ok(e->context); k++) {
        const fv_tensor *output = &outputs[k].tensor;
        memcpy(answers, output->data, fv__tensor_bytes(output));
        answers += fv_tensor_count(output);
    }
    fv__release(e->context, outputs);
    return fv_failed(e->context);
}

fv_status fv__export_examples(fv__export *e)
{
    fv_context *context = e->context;
    const bool strict = context->strict;
    const size_t in = (size_t)e->input_numbers, out = (size_t)e->output_numbers;
    float *numbers = fv__allocate(context, FV__DATA, in * sizeof *numbers);
    e->examples = fv__allocate(context, FV__DATA, FV__EXAMPLES * in);
    e->answers = fv__allocate(context, FV__DATA,
                              FV__EXAMPLES * out * sizeof *e->answers);
    context->strict = true;
    for (int32_t i = 0; i < FV__EXAMPLES && fv__ok(context); i++) {
        draw(e, i);
        fv__example_inputs(e, i, numbers);
        answer(e, numbers, e->answers + (size_t)i * out);
    }
    context->strict = strict;
    fv__release(context, numbers);
    return fv_failed(context);
}

/* ---- files --------------------------------------------------------------- */

/* A text on its way to a file. */
typedef struct page {
    fv__writer file;
    fv__text text;
} page;

static fv_status page_begin(page *p, fv_context *context, const char *path)
{
    p->text = (fv__text){ .context = context, .account = FV__DATA };
    return fv__write_begin(&p->file, context, path);
}

static void page_flush(page *p)
{
    if (p->text.at) fv__write(&p->file, p->text.at, p->text.length);
    fv__text_free(&p->text);
    p->text = (fv__text){ .context = p->file.context, .account = FV__DATA };
}

static fv_status page_end(page *p)
{
    page_flush(p);
    return fv__write_end(&p->file);
}

enum { PAGE_BYTES = 1 << 16, A_LINE = 8 };

/* Before element i of an array: a comma, and a new line now and then. */
static void separate(page *p, size_t i, size_t a_line)
{
    if (p->text.length > PAGE_BYTES) page_flush(p);
    fv__text_add(&p->text, "%s", !i ? "\n    " : i % a_line ? ", " : ",\n    ");
}

static void write_numbers(page *p, size_t count, const float *numbers)
{
    char text[FV__NUMBER_BYTES];
    for (size_t i = 0; i < count; i++) {
        separate(p, i, A_LINE);
        fv__text_add(&p->text, "%s", fv__c_number((double)numbers[i], text));
    }
}

/* "1x28x28x1, input \"image\"" */
static void describe(fv__text *out, const fv__export *e, bool in, int32_t k)
{
    const fv_variable *value = in ? e->plan.inputs[k] : e->plan.outputs[k];
    const fv_value_info info =
        in ? fv_network_input_info(e->network, (size_t)k)
           : fv_network_output_info(e->network, (size_t)k);
    char shape[FV__SHAPE_BYTES];
    fv__text_add(out, "%s, %s",
                 fv__shape_text(shape, sizeof shape, value->value.rank,
                                value->value.shape),
                 info.name);
}

/* "void lenet5_run(const float *input_0, float *output_0)" */
static void add_signature(fv__text *out, const fv__export *e)
{
    fv__text_add(out, "void %s_run(", e->name);
    for (int32_t k = 0; k < e->inputs; k++)
        fv__text_add(out, "const float *input_%d, ", k);
    for (int32_t k = 0; k < e->outputs; k++)
        fv__text_add(out, "%sfloat *output_%d", k ? ", " : "", k);
    fv__text_add(out, ")");
}

size_t fv__scratch_of(const fv__export *e)
{
    size_t most = e->plan.graph.block_bytes;
    if (e->training && e->training->plan.graph.block_bytes > most)
        most = e->training->plan.graph.block_bytes;
    return most / sizeof(float);
}

static void add_counts(fv__text *out, const fv__export *e)
{
    const char *name = e->capitals;
    fv__text_add(out, "enum {\n");
    for (int32_t k = 0; k < e->inputs + e->outputs; k++) {
        const bool in = k < e->inputs;
        const int32_t i = in ? k : k - e->inputs;
        const fv_variable *value = in ? e->plan.inputs[i] : e->plan.outputs[i];
        fv__text_add(out, "    %s_%s_%d = %lld, /* ", name,
                     in ? "INPUT" : "OUTPUT", i,
                     (long long)fv_tensor_count(&value->value));
        describe(out, e, in, i);
        fv__text_add(out, " */\n");
    }
    fv__text_add(out,
                 "    %s_SCRATCH = %zu, /* memory that is static in the C file "
                 "*/\n    %s_WEIGHTS = %zu\n};\n\n",
                 name, fv__scratch_of(e), name, e->num_weights);
}

static void add_header(fv__text *out, const fv__export *e)
{
    fv__text_add(
        out,
        "/* A neural network, written by Fovea %s. */\n#ifndef %s_H\n"
        "#define %s_H\n\n%s#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
        "/* How many floats each array has. */\n",
        fv_version(), e->capitals, e->capitals,
        e->training ? "#include <stdint.h>\n\n" : "");
    add_counts(out, e);
    if (e->training) fv__training_constants(out, e);
    if (e->weights_path)
        fv__text_add(out,
                     "/* Sets the memory of the weights, the content of their "
                     "file, before the first run. */\nvoid "
                     "%s_use_weights(const float *weights);\n",
                     e->name);
    fv__text_add(
        out, "/* Runs the network. Arrays are row-major, channels last. Not "
             "for several threads\n * at a time. */\n");
    add_signature(out, e);
    fv__text_add(out, ";\n");
    if (e->training) fv__training_declarations(out, e);
    fv__text_add(out, "\n#ifdef __cplusplus\n}\n#endif\n#endif\n");
}

static fv_status write_header(const fv__export *e)
{
    page p;
    char *path = fv__copy_text(e->context, FV__DATA, e->path, strlen(e->path));
    if (!path) return fv_failed(e->context);
    path[strlen(path) - 1] = 'h';
    if (page_begin(&p, e->context, path) == FV_OK) add_header(&p.text, e);
    page_end(&p);
    fv__release(e->context, path);
    return fv_failed(e->context);
}

static fv_status write_weights(const fv__export *e)
{
    fv__writer file;
    if (fv__write_begin(&file, e->context, e->weights_path) == FV_OK)
        fv__write(&file, e->weights, e->num_weights * sizeof *e->weights);
    return fv__write_end(&file);
}

/* ---- the C file ---------------------------------------------------------- */

static void add_memory(page *p, const fv__export *e)
{
    if (e->weights_path) {
        fv__text_add(
            &p->text,
            "static const float *weights;\n\nvoid %s_use_weights(const "
            "float *memory)\n{\n    weights = memory;\n}\n\n",
            e->name);
    } else if (e->num_weights) {
        fv__text_add(&p->text, "static const float weights[%zu] ALIGNED = {",
                     e->num_weights);
        write_numbers(p, e->num_weights, e->weights);
        fv__text_add(&p->text, "\n};\n\n");
    }
    if (fv__scratch_of(e))
        fv__text_add(&p->text, "static float scratch[%zu] ALIGNED;\n\n",
                     fv__scratch_of(e));
}

static void add_examples(page *p, const fv__export *e)
{
    const size_t in = (size_t)e->input_numbers, out = (size_t)e->output_numbers;
    fv__text_add(&p->text,
                 "/* Inputs, where a byte b stands for (b - 128) / 64, and the "
                 "bits of the answers. */\nstatic const unsigned char "
                 "example_inputs[%d][%zu] = {",
                 FV__EXAMPLES, in);
    for (int32_t i = 0; i < FV__EXAMPLES; i++) {
        fv__text_add(&p->text, "%s{", i ? ",\n" : "\n");
        for (size_t j = 0; j < in; j++) {
            separate(p, j, 2 * A_LINE);
            fv__text_add(&p->text, "%u", e->examples[(size_t)i * in + j]);
        }
        fv__text_add(&p->text, "\n}");
    }
    fv__text_add(&p->text,
                 "\n};\n\nstatic const uint32_t example_answers[%d][%zu] = {",
                 FV__EXAMPLES, out);
    for (int32_t i = 0; i < FV__EXAMPLES; i++) {
        fv__text_add(&p->text, "%s{", i ? ",\n" : "\n");
        for (size_t j = 0; j < out; j++) {
            uint32_t bits;
            memcpy(&bits, &e->answers[(size_t)i * out + j], sizeof bits);
            separate(p, j, A_LINE);
            fv__text_add(&p->text, "0x%08xu", bits);
        }
        fv__text_add(&p->text, "\n}");
    }
    fv__text_add(&p->text, "\n};\n\n");
}

static void add_run_example(page *p, const fv__export *e)
{
    int64_t in = 0, out = 0;
    fv__text_add(&p->text,
                 "static void run_example(const float *inputs, float "
                 "*outputs)\n{\n    %s_run(",
                 e->name);
    for (int32_t k = 0; k < e->inputs; k++) {
        fv__text_add(&p->text, "inputs + %lld, ", (long long)in);
        in += fv_tensor_count(&e->plan.inputs[k]->value);
    }
    for (int32_t k = 0; k < e->outputs; k++) {
        fv__text_add(&p->text, "%soutputs + %lld", k ? ", " : "",
                     (long long)out);
        out += fv_tensor_count(&e->plan.outputs[k]->value);
    }
    fv__text_add(&p->text, ");\n}\n\n");
}

static void add_main(page *p, const fv__export *e)
{
    fv__text_add(&p->text,
                 "#ifdef FOVEA_MAIN\n#define INPUTS ((size_t)%lld)\n#define "
                 "OUTPUTS ((size_t)%lld)\n#define SCRATCH %s_SCRATCH\n#define "
                 "WEIGHTS %s_WEIGHTS\n%s",
                 (long long)e->input_numbers, (long long)e->output_numbers,
                 e->capitals, e->capitals,
                 e->weights_path ? "#define WEIGHTS_APART\n" : "");
    if (e->weights_path)
        fv__text_add(&p->text, "#define use_weights %s_use_weights\n", e->name);
    fv__text_add(&p->text, "\n");
    add_examples(p, e);
    add_run_example(p, e);
    if (e->training) fv__training_test(&p->text, e);
    fv__text_add(&p->text, "%s#endif\n", fv__embedded_text("main.c"));
}

static void add_all(page *p, const fv__export *e)
{
    fv__text needs = { .context = e->context, .account = FV__DATA };
    const char *functions = e->functions.at ? e->functions.at : "";
    const char *calls = e->calls.at ? e->calls.at : "";
    const char *slash = strrchr(e->path, '/');
    const char *base = slash ? slash + 1 : e->path;
    const int length = (int)strlen(base) - 1; /* without the c */
    fv__text_add(&needs, "%s%s", functions, calls);
    if (e->training) fv__training_functions(&needs, e);
    fv__text_add(
        &p->text,
        "/* A neural network, written by Fovea %s: what computes it, "
        "its weights and, with\n * -DFOVEA_MAIN, a program. %.*sh says "
        "how to call it. */\n#include \"%.*sh\"\n\n%s\n",
        fv_version(), length, base, length, base,
        fv__embedded_text("preamble.c"));
    if (needs.at) fv__library_write(&p->text, needs.at);
    fv__text_free(&needs);
    fv__text_add(&p->text, "%s", functions);
    add_memory(p, e);
    if (e->training) fv__training_memory(&p->text, e);
    add_signature(&p->text, e);
    fv__text_add(&p->text, "\n{\n%s%s}\n\n",
                 e->training ? "    begin();\n" : "", calls);
    if (e->training) fv__training_functions(&p->text, e);
    add_main(p, e);
}

fv_status fv__export_write(fv__export *e)
{
    page p;
    if (write_header(e) != FV_OK
        || (e->weights_path && write_weights(e) != FV_OK))
        return fv_failed(e->context);
    if (page_begin(&p, e->context, e->path) == FV_OK) add_all(&p, e);
    return page_end(&p);
}
