/* Writes what a file with a training step has beside its body: constants,
 * declarations, memory, the update, and a self-test. */
#include "export/train.h"

#include <fovea/train.h>

#include <stdio.h>
#include <string.h>

/* ---- the header ---------------------------------------------------------- */

static size_t state_of(const fv__training *t)
{
    return t->parameters * (size_t)t->optimizer->slots;
}

static bool is_dense(const fv__training *t)
{
    return fv__dtype_is_real(t->plan.target->value.dtype);
}

static int64_t targets_of(const fv__training *t)
{
    return fv_tensor_count(&t->plan.target->value);
}

/* "FC3_WEIGHT" */
static void add_name(fv__text *out, const char *name)
{
    for (; *name; name++) {
        const bool small = *name >= 'a' && *name <= 'z';
        const bool fits = small || (*name >= 'A' && *name <= 'Z')
                          || (*name >= '0' && *name <= '9');
        fv__text_add(out, "%c", small ? *name - 'a' + 'A' : fits ? *name : '_');
    }
}

void fv__training_constants(fv__text *out, const fv__export *e)
{
    const fv__training *t = e->training;
    const char *name = e->capitals;
    const size_t scratch = fv__scratch_of(e), state = state_of(t);
    fv__text_add(
        out,
        "/* Training: numbers that are trained, those and running statistics, "
        "numbers of\n * the optimizer, floats of the scratch that a step "
        "uses, labels or targets of a\n * step, and bytes of static memory in "
        "all. */\nenum {\n    %s_PARAMETERS = %zu,\n    %s_TRAINED = %zu,\n"
        "    %s_STATE = %zu,\n    %s_TRAIN_SCRATCH = %zu,\n    %s_%s = %lld,\n"
        "    %s_TRAIN_BYTES = %zu\n};\n",
        name, t->parameters, name, t->numbers, name, state, name,
        t->plan.graph.block_bytes / sizeof(float), name,
        is_dense(t) ? "TARGETS" : "LABELS", (long long)targets_of(t), name,
        (scratch + t->parameters + t->numbers + state) * sizeof(float));
    fv__text_add(out, "/* Where parameters begin among those that are trained. "
                      "*/\nenum {\n");
    for (size_t i = 0; i < t->num_leaves; i++) {
        const fv_layer *layer = e->network->places[t->leaves[i].place].layer;
        char shape[FV__SHAPE_BYTES];
        const fv_tensor *value = &t->leaves[i].leaf->value;
        fv__text_add(out, "    %s_AT_", name);
        add_name(out, layer->name);
        fv__text_add(out, "_");
        add_name(out, layer->parameters[t->leaves[i].parameter].name);
        fv__text_add(
            out, " = %zu%s /* %s */\n", t->leaves[i].at,
            i + 1 < t->num_leaves ? "," : "",
            fv__shape_text(shape, sizeof shape, value->rank, value->shape));
    }
    fv__text_add(out, "};\n#define %s_LEARNING_RATE %s\n\n", name,
                 FV__NUMBER(t->optimizer->options.first.learning_rate));
}

static void add_signature(fv__text *out, const fv__export *e)
{
    fv__text_add(out, "float %s_train_step(", e->name);
    for (int32_t k = 0; k < e->inputs; k++)
        fv__text_add(out, "const float *input_%d, ", k);
    fv__text_add(out, "%s, double learning_rate)",
                 is_dense(e->training) ? "const float *targets"
                                       : "const int32_t *labels");
}

void fv__training_declarations(fv__text *out, const fv__export *e)
{
    const char *name = e->name, *capitals = e->capitals;
    fv__text_add(out,
                 "/* One step of training, with %s; returns the loss before "
                 "it. If that\n * is not finite, or a gradient is not (then it "
                 "returns NaN), nothing has changed. */\n",
                 e->training->text);
    add_signature(out, e);
    fv__text_add(
        out,
        ";\n/* Begins anew: the weights of the file, and nothing of former "
        "steps. The first call\n * of another function does so, too. */\nvoid "
        "%s_reset(void);\n/* What has been trained, %s_TRAINED floats: to be "
        "stored, and written to\n * before training or running goes on. "
        "*/\nfloat *%s_weights(void);\n/* The optimizer's memory, %s_STATE "
        "floats (NULL: none), and the number of steps:\n * with the weights, "
        "all that training goes on from. */\nfloat *%s_state(void);\nuint64_t "
        "*%s_steps(void);\n",
        name, capitals, name, capitals, name, name);
}

/* ---- the C file ---------------------------------------------------------- */

void fv__training_memory(fv__text *out, const fv__export *e)
{
    const fv__training *t = e->training;
    const char *name = e->name;
    const size_t state = state_of(t);
    fv__text_add(out,
                 "static float trained[%zu] ALIGNED, gradients[%zu] ALIGNED;\n",
                 t->numbers, t->parameters);
    if (state) fv__text_add(out, "static float state[%zu] ALIGNED;\n", state);
    fv__text_add(
        out,
        "static uint64_t updates;\nstatic bool has_begun;\n\nvoid "
        "%s_reset(void)\n{\n    memcpy(trained, weights + %zu, sizeof "
        "trained);\n%s    updates = 0;\n    has_begun = true;\n}\n\nstatic "
        "void begin(void)\n{\n    if (!has_begun) %s_reset();\n}\n\nfloat "
        "*%s_weights(void)\n{\n    begin();\n    return trained;\n}\n\nfloat "
        "*%s_state(void)\n{\n    begin();\n    return %s;\n}\n\nuint64_t "
        "*%s_steps(void)\n{\n    begin();\n    return &updates;\n}\n\n",
        name, t->initial, state ? "    memset(state, 0, sizeof state);\n" : "",
        name, name, name, state ? "state" : "NULL", name);
}

/* The numbers of the optimizer's options. */
typedef struct rates {
    double momentum, dampening, decay, betas[2], epsilon;
    bool nesterov, adam, decoupled;
} rates;

static rates rates_of(const fv_optimizer *optimizer)
{
    if (strcmp(optimizer->type->name, "sgd") == 0) {
        fv_sgd_options o;
        memcpy(&o, optimizer->options.bytes, sizeof o);
        return (rates){ .momentum = o.momentum,
                        .dampening = o.dampening,
                        .decay = o.weight_decay,
                        .nesterov = o.nesterov != 0 };
    }
    fv_adam_options o;
    memcpy(&o, optimizer->options.bytes, sizeof o);
    return (rates){ .decay = o.weight_decay,
                    .betas = { o.betas[0], o.betas[1] },
                    .epsilon = o.epsilon,
                    .adam = true,
                    .decoupled = strcmp(optimizer->type->name, "adamw") == 0 };
}

static void add_sgd(fv__text *out, const fv__training *t, const rates *n)
{
    fv__text_add(out,
                 "    const double rest = updates > 0 ? 1 - (double)%s : 1;\n"
                 "    const rates u = { (float)learning_rate, 0, (float)%s, 1, "
                 "(float)%s, (float)rest, 0, 0, 0, 0 };\n"
                 "    sgd(%zu, u, %s, gradients, trained, %s);\n",
                 FV__NUMBER(n->dampening), FV__NUMBER(n->decay),
                 FV__NUMBER(n->momentum), t->parameters,
                 n->nesterov ? "true" : "false",
                 t->optimizer->slots ? "state" : "NULL");
}

static void add_adam(fv__text *out, const fv__training *t, const rates *n)
{
    const size_t p = t->parameters;
    const bool largest = t->optimizer->slots > 2;
    fv__text_add(out,
                 "    const double count = (double)(updates + 1);\n"
                 "    const double beta1 = %s, beta2 = %s, decay = %s;\n"
                 "    const double rate = learning_rate / (1 - pow(beta1, "
                 "count));\n"
                 "    const double keep = %s;\n"
                 "    const rates u = { (float)rate, 0, (float)%s, "
                 "(float)keep, (float)beta1, (float)(1 - beta1), "
                 "(float)beta2, (float)(1 - beta2),\n        (float)sqrt(1 - "
                 "pow(beta2, count)), (float)%s };\n",
                 FV__NUMBER(n->betas[0]), FV__NUMBER(n->betas[1]),
                 FV__NUMBER(n->decay),
                 n->decoupled ? "1 - learning_rate * decay" : "1",
                 n->decoupled ? "0" : "decay", FV__NUMBER(n->epsilon));
    if (n->decoupled) fv__text_add(out, "    (void)decay;\n");
    fv__text_add(out, "    %s(%zu, u, gradients, trained, state, state + %zu",
                 largest ? "amsgrad" : "adam", p, p);
    if (largest) fv__text_add(out, ", state + %zu", 2 * p);
    fv__text_add(out, ");\n");
}

static void add_update(fv__text *out, const fv__export *e)
{
    const rates n = rates_of(e->training->optimizer);
    fv__text_add(out, "static void update(double learning_rate)\n{\n");
    if (n.adam)
        add_adam(out, e->training, &n);
    else
        add_sgd(out, e->training, &n);
    fv__text_add(out, "    updates++;\n}\n\n");
}

void fv__training_functions(fv__text *out, const fv__export *e)
{
    const fv__training *t = e->training;
    add_update(out, e);
    add_signature(out, e);
    fv__text_add(out,
                 "\n{\n    begin();\n    memset(gradients, 0, sizeof "
                 "gradients);\n%s    if (!all_finite(%zu, gradients)) return "
                 "(float)NAN;\n%s    update(learning_rate);\n    return "
                 "loss;\n}\n\n",
                 t->body.at ? t->body.at : "", t->parameters,
                 t->assignments.at ? t->assignments.at : "");
}

/* ---- the self-test ------------------------------------------------------- */

/* A target of the self-test; also in main.c. */
static int32_t label_of(int32_t example, int64_t i, int64_t classes)
{
    return (int32_t)((5 * example + 3 * i) % classes);
}

static float target_of(int32_t example, int64_t i)
{
    return (float)((7 * example + 3 * i) % 13 - 6) / 8;
}

static const double rate_of_test = 0.001;

void fv__training_test(fv__text *out, const fv__export *e)
{
    const fv__training *t = e->training;
    const long long targets = targets_of(t);
    int64_t in = 0;
    fv__text_add(out,
                 "#define TRAINS\n#define TRAINED %s_TRAINED\n#define "
                 "TRAIN_BYTES %s_TRAIN_BYTES\n#define train_reset "
                 "%s_reset\n#define train_weights %s_weights\n\n",
                 e->capitals, e->capitals, e->name, e->name);
    fv__text_add(out,
                 "/* The losses of three steps, and a hash of what they "
                 "trained. */\nstatic const uint32_t example_losses[%d] = {",
                 FV__EXAMPLES);
    for (int i = 0; i < FV__EXAMPLES; i++) {
        uint32_t bits;
        memcpy(&bits, &t->losses[i], sizeof bits);
        fv__text_add(out, "%s0x%08xu", i ? ", " : " ", (unsigned)bits);
    }
    fv__text_add(out,
                 " };\nstatic const uint32_t example_hash = 0x%08xu;\n\n"
                 "static float train_example(int number, const float *inputs)\n"
                 "{\n    static %s targets[%lld];\n"
                 "    for (int i = 0; i < %lld; i++)\n        targets[i] = ",
                 (unsigned)t->digest, is_dense(t) ? "float" : "int32_t",
                 targets, targets);
    if (is_dense(t))
        fv__text_add(out, "(float)((7 * number + 3 * i) %% 13 - 6) / 8;\n");
    else
        fv__text_add(out, "(5 * number + 3 * i) %% %lld;\n",
                     (long long)t->plan.classes);
    fv__text_add(out, "    return %s_train_step(", e->name);
    for (int32_t k = 0; k < e->inputs; k++) {
        fv__text_add(out, "inputs + %lld, ", (long long)in);
        in += fv_tensor_count(&e->plan.inputs[k]->value);
    }
    fv__text_add(out, "targets, %s);\n}\n\n", FV__NUMBER(rate_of_test));
}

/* ---- its answers --------------------------------------------------------- */

/* FNV-1a of the bits of all that is trained. */
static uint32_t digest_of(const fv__training *t, const fv_network *network)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < t->num_leaves; i++) {
        const fv_layer *layer = network->places[t->leaves[i].place].layer;
        const fv_tensor *value =
            &layer->parameters[t->leaves[i].parameter].variable->value;
        for (size_t k = 0; k < fv__count(value); k++) {
            uint32_t bits;
            memcpy(&bits, (const float *)value->data + k, sizeof bits);
            hash = (hash ^ bits) * 16777619u;
        }
    }
    return hash;
}

/* Room for the inputs and targets of a step. */
typedef struct batch {
    float *numbers, *dense;
    int64_t *labels;
} batch;

static void step(fv__export *e, fv_network *network, fv_optimizer *optimizer,
                 int32_t example, const batch *b)
{
    fv__training *t = e->training;
    fv_named_tensor inputs[FV__MOST_INPUTS];
    float *numbers = b->numbers;
    fv__example_inputs(e, example, numbers);
    for (int32_t k = 0; k < e->inputs; k++) {
        inputs[k] = (fv_named_tensor){ NULL, e->plan.inputs[k]->value };
        inputs[k].tensor.data = numbers;
        numbers += fv_tensor_count(&inputs[k].tensor);
    }
    for (int64_t i = 0; i < targets_of(t); i++) {
        b->labels[i] = label_of(example, i, t->plan.classes);
        b->dense[i] = target_of(example, i);
    }
    fv_tensor target = t->plan.target->value;
    target.data = is_dense(t) ? (void *)b->dense : (void *)b->labels;
    t->losses[example] = (float)fv_train_step_named(network, optimizer,
                                                    e->inputs, inputs, &target)
                             .loss;
}

static fv_network *copy_of(fv__export *e)
{
    fv_network *from = e->network;
    fv_network *copy =
        fv_network_parse(e->context, fv_network_text(from), "export");
    if (!copy || fv__network_draw(copy) != FV_OK) return copy;
    fv__network_copy(copy, from, NULL);
    for (int64_t i = 0; i < from->num_variables; i++)
        copy->variables[i]->requires_grad = from->variables[i]->requires_grad;
    return copy;
}

fv_status fv__training_examples(fv__export *e)
{
    fv__training *t = e->training;
    fv_context *context = e->context;
    const bool strict = context->strict;
    const uint64_t draws = context->draws;
    const size_t n = (size_t)targets_of(t);
    const batch b = {
        .numbers = fv__allocate(context, FV__DATA,
                                (size_t)e->input_numbers * sizeof(float)),
        .dense = fv__allocate(context, FV__DATA, n * sizeof(float)),
        .labels = fv__allocate(context, FV__DATA, n * sizeof(int64_t)),
    };
    fv_network *network = copy_of(e);
    fv_optimizer *optimizer = fv_optimizer_parse(network, t->text);
    fv_set_learning_rate(optimizer, rate_of_test);
    context->strict = true;
    for (int32_t i = 0; i < FV__EXAMPLES && fv__ok(context); i++)
        step(e, network, optimizer, i, &b);
    context->strict = strict;
    context->draws = draws;
    if (fv__ok(context)) t->digest = digest_of(t, network);
    fv_optimizer_free(optimizer);
    fv_network_free(network);
    fv__release(context, b.numbers);
    fv__release(context, b.dense);
    fv__release(context, b.labels);
    return fv_failed(context);
}
