/* Every kind of layer in a small network, read, planned and run while one
 * allocation fails: a clean error each time, nothing lost, and the same context
 * does the work afterwards. */
#include "nets.h"

#include "faults.h"
#include "layer/layer.h"

extern const fv__layer_type *const fv__layer_types[];

enum { BATCH = 2, MOST_INPUTS = 4, MOST_FAILURES = 100 };

/* The allocator is asked for each part of an arena, too, not for chunks alone,
 * so that every part can fail (tests/CMakeLists.txt). */
void *__real_fv__arena_allocate(fv__arena *arena, size_t bytes);
void *__wrap_fv__arena_allocate(fv__arena *arena, size_t bytes);
void *__wrap_fv__arena_allocate(fv__arena *arena, size_t bytes)
{
    void *probe = fv__allocate(arena->context, FV__DATA, 1);
    if (!probe) return NULL;
    fv__release(arena->context, probe);
    return __real_fv__arena_allocate(arena, bytes);
}

/* ---- a network for each kind --------------------------------------------- */

#define TRAINED "prelu shared=yes name=p\n" /* its weight has a gradient */
#define VECTOR "input 4\n" TRAINED
#define SEQUENCE "input 6 4\n" TRAINED
#define IMAGE "input 4 4 4\n" TRAINED
#define VOLUME "input 4 4 4 2\n" TRAINED
#define LOGIC "input 4 type=bool name=a\ninput 4 type=bool name=b\n"

/* Kinds that do not work as fv__layer_type's defaults have it: with 2 or 0.5
 * for each number by position, on an image, losses on a vector. Kinds may have
 * several. A loss is added where the output is real. */
static const struct {
    const char *kind, *text;
} specials[] = {
    { "acosh", IMAGE "add 9\nacosh\n" },
    { "affine_grid", "input 6\n" TRAINED "affine_grid 2 3\n" },
    { "and", LOGIC "and from=a,b\n" },
    { "atanh", IMAGE "tanh\natanh\n" },
    { "attention", SEQUENCE "attention 2\n" },
    { "attention", SEQUENCE "input 6 6 name=m\nattention 2 from=p,m\n" },
    { "avgpool1d", SEQUENCE "avgpool1d 2\n" },
    { "avgpool3d", VOLUME "avgpool3d 2\n" },
    { "cast", IMAGE "cast type=i32\n" },
    { "cast", IMAGE "cast\n" },
    { "concat", IMAGE "concat 2 from=p,p\n" },
    { "constant", VECTOR "constant 4 values=1,2,3,4 name=c\nadd from=p,c\n" },
    { "constant", "input 4 name=x\nconstant 4 trainable=yes name=c\n"
                  "add from=x,c\n" },
    { "constant_of_shape",
      VECTOR "shape\nconstant_of_shape 0.5 name=c\nadd from=p,c\n" },
    { "conv1d", SEQUENCE "conv1d 2 3\n" },
    { "conv2d", IMAGE "conv2d 4 3 padding=1 padding_mode=reflect\nbatchnorm\n"
                      "relu\n" },
    { "conv2d",
      IMAGE "conv2d 4 3 parametrization=spectral_norm\n"
            "conv_transpose2d 4 3 groups=2 parametrization=standardise\n"
            "conv_transpose2d 2 3 parametrization=spectral_norm\nrelu\n" },
    { "conv3d", VOLUME "conv3d 2 3\n" },
    { "conv_transpose1d", SEQUENCE "conv_transpose1d 2 3\n" },
    { "conv_transpose3d", VOLUME "conv_transpose3d 2 2\n" },
    { "cosine_embedding",
      VECTOR "input 4 name=b\ncosine_embedding from=p,b\n" },
    { "ctc", SEQUENCE "ctc 2 logits=yes\n" },
    { "embedding", "input 3 type=i64\nembedding 4 2\n" },
    { "expand", "input 1 4\n" TRAINED "expand -1 3 4\n" },
    { "flip", IMAGE "flip 1 2\n" },
    { "fold", "input 4 8\n" TRAINED "fold 3 3 2 2\n" },
    { "gather", IMAGE "constant 2 type=i64 values=0,1 name=i\n"
                      "gather 2 from=p,i\n" },
    { "gather_elements",
      VECTOR "input 3 type=i64 name=i\ngather_elements 1 from=p,i\n" },
    { "gather_nd", VECTOR "input 3 2 type=i64 name=i\ngather_nd from=p,i\n" },
    { "grid_sample", IMAGE "input 3 3 2 name=g\ngrid_sample from=p,g\n" },
    { "gru", SEQUENCE "gru 3\n" },
    { "gru", SEQUENCE "gru 3 bidirectional=yes\n" },
    { "hard_tanh", IMAGE "hard_tanh -0.5 0.5\n" },
    { "linear", VECTOR "linear 3\n" },
    { "linear", VECTOR "linear 3 parametrization=weight_norm\n" },
    { "lppool1d", SEQUENCE "lppool1d 2\n" },
    { "lppool3d", VOLUME "lppool3d 2\n" },
    { "lstm", SEQUENCE "lstm 3\n" },
    { "lstm", SEQUENCE "lstm 3 bidirectional=yes\n" },
    { "matmul", IMAGE "matmul from=p,p\n" },
    { "max_unpool", IMAGE "maxpool_indices 2 2 name=m\n"
                          "max_unpool 2 2 from=m,m:1\n" },
    { "maxpool1d", SEQUENCE "maxpool1d 2\n" },
    { "maxpool3d", VOLUME "maxpool3d 2\n" },
    { "maxpool_indices", IMAGE "maxpool_indices 2 2\n" },
    { "min", IMAGE "min from=p,p\n" },
    { "not", "input 4 type=bool\nnot\n" },
    { "one_hot", "input 3 type=i64\none_hot 4\n" },
    { "or", LOGIC "or from=a,b\n" },
    { "pad", IMAGE "pad 1 1 0 mode=reflect\n" },
    { "permute", IMAGE "permute 0 2 1 3\n" },
    { "range", VECTOR "constant values=0 name=a\nconstant values=4 name=b\n"
                      "constant values=1 name=c\nrange from=a,b,c name=r\n"
                      "add from=p,r\n" },
    { "reshape", IMAGE "reshape 0 -1\n" },
    { "rnn", SEQUENCE "rnn 3 reversed=yes\n" },
    { "roi_align", IMAGE "input 4 name=r\ninput type=i64 name=i\n"
                         "roi_align 2 2 from=p,r,i\n" },
    { "scatter_elements",
      VECTOR "input 3 type=i64 name=i\ninput 3 name=u\n"
             "scatter_elements 1 from=p,i,u reduction=sum\n" },
    { "scatter_nd", VECTOR "input 3 2 type=i64 name=i\ninput 3 name=u\n"
                           "scatter_nd from=p,i,u\n" },
    { "slice", IMAGE "slice starts=1 stops=3 axes=1\n" },
    { "squeeze", "input 1 4\n" TRAINED "squeeze 1\n" },
    { "tile", VECTOR "tile 1 2\n" },
    { "triplet", VECTOR "input 4 name=b\ninput 4 name=c\n"
                        "triplet from=p,b,c\n" },
    { "unsqueeze", VECTOR "unsqueeze 1\n" },
    { "where", VECTOR "input 4 type=bool name=c\ninput 4 name=b\n"
                      "where from=c,p,b\n" },
    { "xor", LOGIC "xor from=a,b\n" },
};
enum { SPECIALS = sizeof specials / sizeof *specials };

static void usual_text(const fv__layer_type *type, char text[400])
{
    const bool loss = type->target != FV__NO_TARGET;
    int length = snprintf(text, 400, "%s%s", loss ? VECTOR : IMAGE, type->kind);
    for (const fv__field *f = type->fields; f && f->key; f++)
        if (f->positional)
            length += snprintf(text + length, (size_t)(400 - length), "%s",
                               f->kind == FV__FIELD_NUMBER ? " 0.5" : " 2");
    snprintf(text + length, (size_t)(400 - length), "\n");
}

/* ---- what is attempted --------------------------------------------------- */

typedef struct operand {
    _Alignas(64) unsigned char bytes[8 * BATCH * 256];
} operand;

/* Reals in 0.1..0.9, so that every function has a value; whole numbers 0, 1. */
static fv_tensor fill(operand *memory, fv_dtype dtype, int32_t rank,
                      const int64_t shape[])
{
    fv_tensor t = fv_tensor_of(memory->bytes, dtype, rank, shape);
    const int64_t n = fv_tensor_count(&t);
    assert_true(n > 0 && net_bytes(&t) <= sizeof memory->bytes);
    memset(memory->bytes, 0, sizeof memory->bytes);
    for (int64_t i = 0; i < n; i++)
        if (dtype == FV_F32)
            ((float *)t.data)[i] = (float)(0.5 + 0.4 * net_number(i));
        else /* of little or no size: the first byte is the number's last */
            memory->bytes[(size_t)i * fv_dtype_bytes(dtype)] = i & 1;
    return t;
}

static fv_tensor fill_value(operand *memory, const fv_value_info *info)
{
    int64_t shape[FV_MAX_RANK] = { BATCH };
    const int32_t first = info->batched != 0;
    for (int32_t k = 0; k < info->shape.rank; k++)
        shape[k + first] = info->shape.extent[k];
    return fill(memory, info->dtype, info->shape.rank + first, shape);
}

static fv_tensor fill_target(operand *memory, fv_network *net)
{
    const fv_layer *loss = fv_network_layer(net, fv_network_count(net) - 1);
    const fv_value_info info = fv_network_output_info(net, 0);
    if (loss->type->target == FV__TARGET_VALUES)
        return fill_value(memory, &info);
    const int64_t shape[] = { BATCH, 2 };
    fv_tensor t = fill(memory, FV_I64,
                       1 + (loss->type->target == FV__TARGET_SEQUENCE), shape);
    for (int64_t i = 0; i < fv_tensor_count(&t); i++)
        ((int64_t *)t.data)[i] = 1;
    return t;
}

static bool ends_in_loss(fv_network *net)
{
    const fv_layer *last = fv_network_layer(net, fv_network_count(net) - 1);
    return last && last->type->target != FV__NO_TARGET;
}

/* Reads the text, plans, and takes a step or predicts. */
static void attempt(fv_context *ctx, const char *text)
{
    static operand memory[MOST_INPUTS], target_memory;
    fv_network *net = fv_network_parse(ctx, text, "n.net");
    if (!net) return;
    fv_named_tensor inputs[MOST_INPUTS], output = { .name = NULL };
    int32_t count = 0;
    for (fv_value_info i; (i = fv_network_input_info(net, (size_t)count)).name;
         count++) {
        assert_true(count < MOST_INPUTS);
        inputs[count].name = NULL;
        inputs[count].tensor = fill_value(&memory[count], &i);
    }
    if (ends_in_loss(net)) {
        fv_tensor target = fill_target(&target_memory, net);
        fv_network_planned_bytes(net, BATCH, 1);
        fv_optimizer *sgd = fv_sgd(net, 0.01);
        fv_train_step_named(net, sgd, count, inputs, &target);
        fv_optimizer_free(sgd);
    } else {
        fv_network_planned_bytes(net, BATCH, 0);
        fv_network_run(net, count, inputs, 1, &output);
    }
    fv_network_free(net);
}

/* ---- trying the allocations ---------------------------------------------- */

/* The work without a failure: how many allocations it takes, and what the
 * context keeps of it. */
static size_t attempt_all(const char *text, fv_memory *kept)
{
    faults_memory memory = { 0 };
    fv_allocator allocator = faults_allocator(&memory);
    fv_context *ctx = NET_CONTEXT(.allocator = &allocator, .threads = 1);
    attempt(ctx, text);
    if (fv_failed(ctx)) fail_msg("%s\n%s", fv_error(ctx), text);
    *kept = fv_context_memory(ctx);
    fv_context_free(ctx);
    assert_int_equal(memory.blocks, 0);
    return memory.calls;
}

static void check_kept(const char *text, size_t k, const fv_context *ctx,
                       const fv_memory *kept)
{
    const fv_memory now = fv_context_memory(ctx);
    if (now.bytes > kept->bytes || now.data_bytes > kept->data_bytes)
        fail_msg("allocation %zu: %zu bytes kept, %zu of data, expected %zu "
                 "and %zu\n%s",
                 k, now.bytes, now.data_bytes, kept->bytes, kept->data_bytes,
                 text);
}

/* The k-th allocation fails, and all after it where k is even. */
static void fail_at(const char *text, size_t k, const fv_memory *kept)
{
    faults_memory memory = { .fail_at = k, .from_then_on = k % 2 == 0 };
    fv_allocator allocator = faults_allocator(&memory);
    fv_context *ctx = NET_CONTEXT(.allocator = &allocator, .threads = 1);
    attempt(ctx, text);
    if (fv_failed(ctx) != FV_NO_MEMORY || (ctx && !*fv_error(ctx)))
        fail_msg("allocation %zu: %d %s\n%s", k, (int)fv_failed(ctx),
                 fv_error(ctx), text);
    memory.fail_at = 0;
    if (ctx) {
        check_kept(text, k, ctx, kept);
        fv_clear_error(ctx);
        attempt(ctx, text);
        if (fv_failed(ctx))
            fail_msg("after allocation %zu: %s\n%s", k, fv_error(ctx), text);
        check_kept(text, k, ctx, kept);
    }
    fv_context_free(ctx);
    if (memory.blocks || memory.wrong)
        fail_msg("allocation %zu: %zu blocks left, %zu released wrongly\n%s", k,
                 memory.blocks, memory.wrong, text);
}

/* With a loss if the output is real and there is none. */
static void fail_everywhere(const char *text)
{
    char whole[600];
    fv_context *ctx = NET_CONTEXT(.threads = 1);
    fv_network *net = fv_network_parse(ctx, text, "n.net");
    if (!net) fail_msg("%s\n%s", fv_error(ctx), text);
    const bool real = fv_network_output_info(net, 0).dtype == FV_F32;
    snprintf(whole, sizeof whole, "%s%s", text,
             real && !ends_in_loss(net) ? "mse\n" : "");
    fv_context_free(ctx);
    fv_memory kept;
    const size_t calls = attempt_all(whole, &kept);
    const size_t tries = calls < MOST_FAILURES ? calls : MOST_FAILURES;
    assert_true(calls > 10);
    for (size_t i = 0; i < tries; i++)
        fail_at(whole, 1 + i * calls / tries, &kept);
}

static void test_every_kind(void **state)
{
    (void)state;
    for (int t = 0; fv__layer_types[t]; t++) {
        const fv__layer_type *type = fv__layer_types[t];
        if (!strcmp(type->kind, "input") || !strcmp(type->kind, "output"))
            continue;
        bool special = false;
        for (int i = 0; i < SPECIALS; i++)
            if (!strcmp(specials[i].kind, type->kind)) {
                fail_everywhere(specials[i].text);
                special = true;
            }
        if (special) continue;
        char text[400];
        usual_text(type, text);
        fail_everywhere(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
