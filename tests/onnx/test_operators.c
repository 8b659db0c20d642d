/* Operators of elements in all their versions: the cases of
 * tests/data/onnx/operators.txt, which make_operators.py writes, each with its
 * operands as inputs, as constants and, where the first is an image, with that
 * in the order that a layer of images makes; and while an allocation fails. */
#include "onnx/model.h"

#include "graph/graph.h"
#include "faults.h"

enum { MOST_NUMBERS = 256 };

typedef struct operand {
    char name[8]; /* "": it is left out */
    int32_t type, rank;
    fv_dtype dtype;
    int64_t dims[FV_MAX_RANK], count;
    size_t bytes; /* of an element */
    double numbers[MOST_NUMBERS];
    _Alignas(8) unsigned char data[MOST_NUMBERS * 8];
} operand;

typedef struct test {
    char kind[64], attributes[128];
    int64_t version;
    int32_t num_inputs, num_outputs;
    operand inputs[32], outputs[2];
} test;

/* ---- the text ---------------------------------------------------------------
 */

static void read_type(operand *o, const char *word)
{
    static const struct {
        const char *word;
        int32_t type;
        fv_dtype dtype;
        size_t bytes;
    } types[] = { { "f32", FLOAT, FV_F32, 4 },
                  { "i32", INT32, FV_I32, 4 },
                  { "i64", INT64, FV_I64, 8 },
                  { "u8", UINT8, FV_U8, 1 },
                  { "bool", BOOL, FV_BOOL, 1 } };
    size_t k = 0;
    while (strcmp(types[k].word, word) != 0) k++;
    o->type = types[k].type;
    o->dtype = types[k].dtype;
    o->bytes = types[k].bytes;
}

static void store(operand *o, int64_t i)
{
    const int64_t whole = o->dtype == FV_F32 ? 0 : (int64_t)o->numbers[i];
    if (o->dtype == FV_F32)
        ((float *)(void *)o->data)[i] = (float)o->numbers[i];
    else if (o->dtype == FV_I32)
        ((int32_t *)(void *)o->data)[i] = (int32_t)whole;
    else if (o->dtype == FV_I64)
        ((int64_t *)(void *)o->data)[i] = whole;
    else
        o->data[i] = (unsigned char)whole;
}

/* "a f32 2x3 1 2 3 4 5 6" */
static void read_operand(operand *o, char *line)
{
    char *word = strtok(line, " ");
    o->name[0] = '\0';
    if (strcmp(word, "-") == 0) return;
    snprintf(o->name, sizeof o->name, "%s", word);
    read_type(o, strtok(NULL, " "));
    word = strtok(NULL, " ");
    o->rank = 0;
    for (char *at = word; *at >= '0' && *at <= '9'; at += *at == 'x')
        o->dims[o->rank++] = strtoll(at, &at, 10);
    for (o->count = 0; (word = strtok(NULL, " ")); o->count++) {
        assert_true(o->count < MOST_NUMBERS);
        o->numbers[o->count] = strtod(word, NULL);
        store(o, o->count);
    }
}

/* False at the end of the file. */
static bool read_test(FILE *file, test *t)
{
    static char line[1 << 14];
    long long version;
    t->num_inputs = t->num_outputs = 0;
    t->attributes[0] = '\0';
    if (!fgets(line, sizeof line, file)) return false;
    assert_true(
        sscanf(line, "%63s %lld %127[^\n]", t->kind, &version, t->attributes)
        >= 2);
    t->version = version;
    while (fgets(line, sizeof line, file) && *line != '\n') {
        line[strcspn(line, "\n")] = '\0';
        const bool output = *line == 'y' || *line == 'z';
        read_operand(output ? &t->outputs[t->num_outputs++]
                            : &t->inputs[t->num_inputs++],
                     line);
    }
    return true;
}

/* ---- the model --------------------------------------------------------------
 */

/* "axis:i=1 equation:s=ij,jk" */
static void add_attributes(model *m, const char *text)
{
    char copy[128];
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
        char *value = strchr(word, ':');
        int64_t list[FV_MAX_RANK];
        size_t count = 0;
        *value = '\0';
        value += 3;
        if (value[-2] == 'i') model_int(m, word, strtoll(value, NULL, 10));
        if (value[-2] == 'f') model_float(m, word, strtof(value, NULL));
        if (value[-2] == 's') model_word(m, word, value);
        if (value[-2] != 'l') continue;
        for (char *at = value; *at; at += *at == ',')
            list[count++] = strtoll(at, &at, 10);
        model_list(m, word, count, list);
    }
}

typedef enum how { INPUTS, CONSTANTS, IMAGE } how;

static bool is_image(const test *t)
{
    const operand *a = &t->inputs[0];
    return a->name[0] == 'a' && a->dtype == FV_F32 && a->rank == 4;
}

/* The model, and what is given to it. */
static model *make_model(const test *t, how way, fv_named_tensor given[],
                         int32_t *count)
{
    model *m = model_new(t->version);
    char names[256] = "";
    *count = 0;
    for (int32_t k = 0; k < t->num_inputs; k++) {
        const operand *o = &t->inputs[k];
        const bool image = way == IMAGE && k == 0;
        const bool constant =
            way == CONSTANTS || (o->name[0] >= 'A' && o->name[0] <= 'Z');
        int64_t dims[FV_MAX_RANK];
        memcpy(dims, o->dims, sizeof dims);
        if (image) dims[0] = -1;
        snprintf(names + strlen(names), 16, "%s%s%s", k ? "," : "",
                 image ? "image_" : "", o->name);
        if (!o->name[0]) continue;
        if (constant) {
            m->initializers[m->graph.n_initializer++] = model_tensor(
                m, o->name, o->type, o->rank, o->dims, o->data, o->bytes);
            continue;
        }
        model_input(m, o->name, o->type, o->rank, dims);
        given[(*count)++] =
            (fv_named_tensor){ .name = m->inputs[m->graph.n_input - 1]->name,
                               .tensor =
                                   fv_tensor_of((void *)(uintptr_t)o->data,
                                                o->dtype, o->rank, o->dims) };
    }
    if (way == IMAGE) {
        model_node(m, "MaxPool", "a", "image_a");
        MODEL_LIST(m, "kernel_shape", 1, 1);
    }
    if (way == CONSTANTS) { /* a network has an input */
        static const float numbers[2];
        model_input(m, "q", FLOAT, 1, (int64_t[]){ 2 });
        model_node(m, "Identity", "q", "r");
        given[(*count)++] =
            (fv_named_tensor){ .name = "q",
                               .tensor =
                                   fv_tensor_of((void *)(uintptr_t)numbers,
                                                FV_F32, 1, (int64_t[]){ 2 }) };
    }
    model_node(m, t->kind, names, t->num_outputs > 1 ? "y,z" : "y");
    add_attributes(m, t->attributes);
    for (int32_t k = 0; k < t->num_outputs; k++)
        model_output(m, t->outputs[k].name);
    if (way == CONSTANTS) model_output(m, "r");
    return m;
}

/* ---- the check --------------------------------------------------------------
 */

static bool equal(const fv_tensor *is, const operand *expected, char why[256])
{
    double numbers[MOST_NUMBERS];
    bool same = is->rank == expected->rank;
    for (int32_t i = 0; same && i < is->rank; i++)
        same = is->shape[i] == expected->dims[i];
    snprintf(why, 256, "its shape is wrong");
    if (!same) return false;
    const fv_tensor plain = fv_tensor_of(numbers, FV_F64, is->rank, is->shape);
    if (expected->count) fv__tensor_convert_elements(&plain, is);
    for (int64_t i = 0; i < expected->count; i++) {
        const double x = numbers[i], e = expected->numbers[i];
        const double limit = 2e-5 * (1 + fabs(e));
        if (x == e || (isnan(x) && isnan(e)) || fabs(x - e) <= limit) continue;
        snprintf(why, 256, "element %lld is %.9g, expected %.9g", (long long)i,
                 x, e);
        return false;
    }
    return true;
}

static bool passes(const test *t, how way)
{
    static const char *const words[] = { "inputs", "constants", "images" };
    fv_context *context = fv_context_new(
        FV_OPTIONS(fv_context_options, .layout = FV_NCHW, .threads = 1));
    fv_named_tensor given[32], made[3] = { { .name = NULL } };
    const int32_t outputs = t->num_outputs + (way == CONSTANTS);
    int32_t count;
    char why[256];
    model *m = make_model(t, way, given, &count);
    fv_network *network = model_load(m, context);
    bool good =
        network
        && fv_network_run(network, count, given, outputs, made) == FV_OK;
    if (!good) snprintf(why, sizeof why, "%.255s", fv_error(context));
    for (int32_t k = 0; good && k < t->num_outputs; k++)
        good = equal(&made[k].tensor, &t->outputs[k], why);
    if (!good)
        print_error("%s-%lld %s (%s): %s\n", t->kind, (long long)t->version,
                    t->attributes, words[way], why);
    free(m);
    fv_context_free(context);
    return good;
}

static void cases(void **state)
{
    (void)state;
    FILE *file = fopen(FOVEA_TEST_DATA "/onnx/operators.txt", "r");
    static test t;
    int count = 0, failed = 0;
    assert_non_null(file);
    while (read_test(file, &t)) {
        count++;
        failed += !passes(&t, INPUTS);
        failed += !passes(&t, CONSTANTS);
        if (is_image(&t)) failed += !passes(&t, IMAGE);
    }
    fclose(file);
    assert_true(count > 600);
    assert_int_equal(failed, 0);
}

/* The allocator is asked for each part of an arena, too (tests/CMakeLists.txt).
 */
void *__real_fv__arena_allocate(fv__arena *arena, size_t bytes);
void *__wrap_fv__arena_allocate(fv__arena *arena, size_t bytes);
void *__wrap_fv__arena_allocate(fv__arena *arena, size_t bytes)
{
    void *probe = fv__allocate(arena->context, FV__DATA, 1);
    if (!probe) return NULL;
    fv__release(arena->context, probe);
    return __real_fv__arena_allocate(arena, bytes);
}

/* Loads the model while the k-th allocation fails; false: none did. */
static bool fails(const test *t, size_t k)
{
    faults_memory memory = { .fail_at = k };
    const fv_allocator allocator = faults_allocator(&memory);
    fv_context *context = fv_context_new(
        FV_OPTIONS(fv_context_options, .allocator = &allocator, .threads = 1));
    fv_named_tensor given[32];
    int32_t count;
    model *m = make_model(t, is_image(t) ? IMAGE : INPUTS, given, &count);
    fv_network *network = context ? model_load(m, context) : NULL;
    const bool failed = memory.calls >= k;
    free(m);
    if (context
        && (failed != !network
            || (failed && fv_failed(context) != FV_NO_MEMORY)))
        fail_msg("%s %s, allocation %zu: \"%s\"", t->kind, t->attributes, k,
                 fv_error(context));
    fv_context_free(context);
    assert_int_equal(memory.blocks, 0);
    assert_int_equal(memory.wrong, 0);
    return failed;
}

/* The first case of each kind. */
static void failures(void **state)
{
    (void)state;
    FILE *file = fopen(FOVEA_TEST_DATA "/onnx/operators.txt", "r");
    static test t;
    char kind[64] = "";
    assert_non_null(file);
    while (read_test(file, &t)) {
        if (strcmp(kind, t.kind) == 0) continue;
        memcpy(kind, t.kind, sizeof kind);
        for (size_t k = 1; fails(&t, k); k++) {
        }
    }
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(cases),
                                        cmocka_unit_test(failures) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
