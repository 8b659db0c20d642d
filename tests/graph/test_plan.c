/* Plans: the same bits as the tape, and memory shared only by what is never
 * needed at the same time. */
#include "nets.h"

#include "network/network.h"

static const char *const *const nets[] = { &net_plain, &net_residual,
                                           &net_branches, &net_regression };
enum { NETS = sizeof nets / sizeof *nets, BATCH = 3 };

typedef struct fixture {
    fv_context *ctx;
    fv_network *net;
    fv_tensor images, labels;
    fv__plan *plan;
} fixture;

/* The plan with its batch in place. */
static fixture begin(const char *text, fv_dtype dtype, bool training)
{
    fixture f = { .ctx = NET_CONTEXT(.dtype = dtype, .threads = 2) };
    f.net = fv_network_parse(f.ctx, text, "test");
    f.images = net_images(f.ctx, BATCH);
    f.labels = net_labels(f.ctx, BATCH);
    assert_ok(f.ctx);
    f.plan = fv__network_plan(f.net, NULL, BATCH, training, false);
    assert_ok(f.ctx);
    fv__network_ready(f.net);
    fv__plan_input(f.plan, 0, &f.images);
    fv__plan_target(f.plan, &f.labels);
    assert_ok(f.ctx);
    return f;
}

static void end(fixture *f)
{
    assert_ok(f->ctx);
    fv_context_free(f->ctx);
}

static void zero_grads(fv_network *net)
{
    fv_variables list = fv_network_variables(net);
    for (int64_t i = 0; i < list.count; i++) fv_variable_zero_grad(list.at[i]);
}

/* ---- the same bits as the tape ------------------------------------------- */

static void check_equal(const char *text, fv_dtype dtype)
{
    fixture f = begin(text, dtype, true);
    fv__graph_forward(&f.plan->graph, 0);
    fv__graph_backward(&f.plan->graph, f.plan->loss);
    size_t bytes;
    fv_variables list = fv_network_variables(f.net);
    unsigned char *planned = net_dump(list, 1, &bytes);
    zero_grads(f.net);

    fv_variable *x = fv_constant(f.ctx, &f.images);
    fv_variable *y = fv_network_forward(f.net, x);
    fv_variable *loss = fv_network_loss(f.net, y, &f.labels);
    assert_ok(f.ctx);
    assert_memory_equal(fv_variable_value(y)->data, f.plan->output->value.data,
                        net_bytes(fv_variable_value(y)));
    assert_memory_equal(fv_variable_value(loss)->data, f.plan->loss->value.data,
                        fv_dtype_bytes(dtype));
    assert_int_equal(fv_backprop(loss), FV_OK);
    unsigned char *eager = net_dump(list, 1, &bytes);
    assert_memory_equal(planned, eager, bytes);
    bool some = false;
    for (size_t i = 0; i < bytes; i++) some |= eager[i] != 0;
    assert_true(some);
    free(planned);
    free(eager);
    end(&f);
}

static void test_plan_has_the_bits_of_the_tape(void **state)
{
    (void)state;
    for (int i = 0; i < NETS; i++) {
        check_equal(*nets[i], FV_F32);
        check_equal(*nets[i], FV_F64);
    }
}

/* Operators that may work in place on a value, or a gradient, that somebody
 * else reads before or after them. */
#define HEAD "flatten\nlinear 4\nsoftmax_cross_entropy\n"
static const char *const read_again[] = {
    /* a pre-activation residual block, sums in either order */
    "input 8 8 3\nconv2d 4 3 3 padding=1 name=stem\nbatchnorm\nrelu\n"
    "conv2d 4 3 3 padding=1\nbatchnorm\nrelu\n"
    "conv2d 4 3 3 padding=1 name=c\nadd from=c,stem name=sum\nrelu\n"
    "conv2d 4 3 3 padding=1 name=d\nadd from=sum,d\n" HEAD,
    /* the same without normalisation: relu reads what the sum reads again */
    "input 8 8 3\nconv2d 4 3 3 padding=1 name=stem\nrelu\n"
    "conv2d 4 3 3 padding=1 name=c\nadd from=stem,c name=sum\nrelu\n"
    "conv2d 4 3 3 padding=1 name=d\nadd from=d,sum\nrelu\n" HEAD,
    /* before and after an activation */
    "input 8 8 3\nconv2d 4 3 3 padding=1 name=a\nrelu name=b\n"
    "concat from=a,b\n" HEAD,
    "input 8 8 3\nconv2d 4 3 3 padding=1 name=a\ntanh name=b\n"
    "concat from=b,a\nconv2d 2 1 1\n" HEAD,
    "input 8 8 3\nconv2d 4 3 3 padding=1 name=a\nbatchnorm name=b\n"
    "elu name=c\nconcat from=c,a,b\n" HEAD,
    /* three readers of one value */
    "input 8 8 3\nconv2d 4 3 3 padding=1 name=a\nrelu name=b from=a\n"
    "sigmoid name=c from=a\nelu name=d from=a\nadd from=b,c,d\n" HEAD,
    "input 8 8 3\nconv2d 4 3 3 padding=1 name=a\nleaky_relu 0.2 name=b\n"
    "add from=a,a name=c\nadd from=c,b,a\n" HEAD,
    "input 8 8 3\nconv2d 4 3 3 padding=1\nrelu name=a\n"
    "conv2d 4 3 3 padding=1 from=a name=b\nbatchnorm from=a name=c\n"
    "maxpool 3 stride=1 padding=1 from=a name=d\nadd from=a,b,c,d\n" HEAD,
    /* chains in place, the middle of one read again, before and after */
    "input 8 8 3\nconv2d 4 3 3 padding=1\nrelu\ntanh\nleaky_relu 0.3\n"
    "elu\nsigmoid\nrelu6\n" HEAD,
    "input 8 8 3\nconv2d 4 3 3 padding=1\ntanh\nleaky_relu 0.3 name=a\n"
    "elu\nsigmoid name=b\nadd from=b,a name=c\nrelu\nadd from=a,c\n" HEAD,
    "input 8 8 3\nbatchnorm name=a\nbatchnorm name=b\nrelu\n"
    "add from=b,a\nbatchnorm\nadd from=batchnorm3,a\n" HEAD,
    /* views: a reshape in place, read by two */
    "input 8 8 3\nconv2d 4 3 3 padding=1\nflatten name=a\nrelu name=b\n"
    "linear 5 from=a name=c\nlinear 5 from=b name=d\nadd from=c,d\n"
    "linear 4\nsoftmax_cross_entropy\n",
    /* a sum whose first operand is as large as its result and one that is read
     * after it */
    "input 8 8 3\nconv2d 4 3 3 padding=1 name=a\n"
    "conv2d 4 3 3 padding=1 name=b\nadd from=a,b name=c\n"
    "tanh from=b name=d\nadd from=c,d,a\n" HEAD,
    /* dropout of a value that is read again */
    "input 8 8 3\nconv2d 4 3 3 padding=1 name=a\ndropout 0.4 name=b\n"
    "add from=b,a\n" HEAD,
    "input 8 8 3\nconv2d 4 3 3 padding=1\nbatchnorm name=a\nrelu\n"
    "dropout 0.4 name=b\nadd from=a,b\ntanh\n" HEAD,
};
enum { READ_AGAIN = sizeof read_again / sizeof *read_again };

/* A plan names the random numbers of its first dropout in this step as the tape
 * does those of operation 0; so the tape counts from here on. */
static const uint64_t step_of_the_tape = UINT64_C(1) << 35;

static uint64_t draws_before_dropout(fixture *f)
{
    const uint64_t first = UINT64_C(1) << 55 | f->ctx->draws;
    fv_network_forward(f->net, fv_constant(f->ctx, &f->images));
    const fv__graph *tape = &f->ctx->tape->graph;
    uint64_t before = 0;
    for (int32_t i = 0; i < tape->count; i++)
        if (!strcmp(tape->nodes[i]->op->name, "dropout"))
            before = tape->nodes[i]->draw - first;
    fv_forget(f->ctx);
    return before;
}

/* Bits of the loss and of the gradients of all leaves. */
static void check_read_again(const char *text, fv_dtype dtype, bool frozen)
{
    fixture f = begin(text, dtype, true);
    fv_variables list = fv_network_variables(f.net);
    const uint64_t before = draws_before_dropout(&f);
    if (frozen) { /* no gradient passes through some of the values */
        fv_variable_set_requires_grad(list.at[0], 0);
        fv_variable_set_requires_grad(list.at[1], 0);
        f.plan = fv__network_plan(f.net, NULL, BATCH, true, false);
        fv__network_ready(f.net);
        fv__plan_input(f.plan, 0, &f.images);
        fv__plan_target(f.plan, &f.labels);
    }
    memset(f.net->block, 0xff, f.net->block_bytes); /* NaN */
    fv__plan_input(f.plan, 0, &f.images);
    fv__plan_target(f.plan, &f.labels);
    fv__graph_forward(&f.plan->graph, step_of_the_tape);
    const double loss = fv_item(f.plan->loss);
    fv__graph_backward(&f.plan->graph, f.plan->loss);
    size_t bytes;
    unsigned char *planned = net_dump(list, 1, &bytes);
    zero_grads(f.net);

    f.ctx->draws = (uint64_t)0 - before;
    fv_variable *y = fv_network_forward(f.net, fv_constant(f.ctx, &f.images));
    fv_variable *eager = fv_network_loss(f.net, y, &f.labels);
    if (!(fv_item(eager) == loss))
        fail_msg("%s: loss %.17g, expected %.17g", text, loss, fv_item(eager));
    assert_int_equal(fv_backprop(eager), FV_OK);
    unsigned char *taped = net_dump(list, 1, &bytes);
    if (memcmp(planned, taped, bytes)) fail_msg("%s: gradients", text);
    free(planned);
    free(taped);
    end(&f);
}

static void test_values_that_are_read_again(void **state)
{
    (void)state;
    for (int i = 0; i < READ_AGAIN; i++)
        for (int frozen = 0; frozen < 2; frozen++) {
            check_read_again(read_again[i], FV_F32, frozen);
            check_read_again(read_again[i], FV_F64, frozen);
        }
}

/* Graphs that no network has: a leaf as the first operand of what may work in
 * place, a first operand that is smaller than the result, and an operator that
 * works in place but adds into gradients. */
static fv_status twice_infer(fv_inference *inference)
{
    inference->outputs[0] = *inference->inputs[0];
    return FV_OK;
}

static void twice_forward(const fv_call *call)
{
    const double *x = call->inputs[0]->data;
    double *y = call->outputs[0]->data;
    for (int64_t i = 0; i < fv_tensor_count(call->outputs[0]); i++)
        y[i] = 2 * x[i];
}

static void twice_backward(const fv_call *call)
{
    const double *dy = call->output_grads[0]->data;
    double *dx = call->input_grads[0]->data;
    for (int64_t i = 0; i < fv_tensor_count(call->outputs[0]); i++)
        dx[i] += 2 * dy[i];
}

static const fv_operator twice = { .size = sizeof(fv_operator),
                                   .name = "twice",
                                   .min_inputs = 1,
                                   .max_inputs = 1,
                                   .abilities = FV_IN_PLACE,
                                   .infer = twice_infer,
                                   .forward = twice_forward,
                                   .backward = twice_backward };

enum { ROWS = 5, COLUMNS = 9 };

static fv_variable *raw(int which, fv_variable *x, fv_variable *leaf)
{
    fv_variable *y = NULL, *z = NULL;
    switch (which) {
    case 0:
        y = fv_add(leaf, x);
        return fv_sum(fv_mul(y, x));
    case 1:
        y = fv_mul(x, leaf);
        z = fv_add(fv_mean_axis(y, 0), y);
        return fv_sum(fv_mul(z, z));
    case 2:
        y = fv_mul(x, leaf);
        z = fv_sub(fv_mean_axis(y, 1), x);
        return fv_sum(fv_mul(z, y));
    default:
        y = fv_mul(x, leaf);
        y = fv_apply(&twice, NULL, 1, &y);
        y = fv_tanh_of(y);
        return fv_sum(fv_apply(&twice, NULL, 1, &y));
    }
}

static void test_work_in_place_beyond_networks(void **state)
{
    (void)state;
    double numbers[ROWS * COLUMNS], planned[ROWS * COLUMNS];
    for (int i = 0; i < ROWS * COLUMNS; i++) numbers[i] = net_number(i);
    fv_tensor given = FV_TENSOR(numbers, FV_F64, ROWS, COLUMNS);
    for (int which = 0; which < 4; which++) {
        fv_context *ctx = NET_CONTEXT(.dtype = FV_F64);
        fv_variable *leaf = fv_variable_new(ctx, &given);
        fv__graph graph = { 0 };
        fv__graph_begin(&graph, ctx, true);
        fv_variable *x =
            fv__graph_value(&graph, FV_F64, given.rank, given.shape);
        x->live_out = true;
        fv_variable *loss = raw(which, x, leaf);
        assert_ok(ctx);
        loss->live_out = true;
        fv__graph_place(&graph, loss);
        void *block = fv__allocate(ctx, FV__RUN, graph.block_bytes);
        memset(block, 0xff, graph.block_bytes);
        fv__graph_bind(&graph, block);
        memcpy(x->value.data, numbers, sizeof numbers);
        fv__graph_forward(&graph, 0);
        const double value = fv_item(loss);
        const double *grad = fv__leaf_grad(leaf)->data;
        fv__graph_backward(&graph, loss);
        memcpy(planned, grad, sizeof planned);
        fv_variable_zero_grad(leaf);
        fv_variable *eager = raw(which, fv_constant(ctx, &given), leaf);
        assert_true(fv_item(eager) == value);
        assert_int_equal(fv_backprop(eager), FV_OK);
        assert_memory_equal(planned, grad, sizeof planned);
        assert_memory_equal(fv_variable_value(leaf)->data, numbers,
                            sizeof numbers);
        fv__graph_free(&graph);
        fv__release(ctx, block);
        assert_ok(ctx);
        fv_context_free(ctx);
    }
}

static void test_prediction_has_the_bits_of_the_tape(void **state)
{
    (void)state;
    for (int i = 0; i < NETS; i++) {
        fixture f = begin(*nets[i], FV_F32, false);
        float answer[BATCH * NET_CLASSES];
        fv_tensor out = FV_TENSOR(answer, FV_F32, BATCH, NET_CLASSES);
        assert_int_equal(fv_network_predict(f.net, &f.images, &out), FV_OK);
        fv_training(f.ctx, 0);
        fv_variable *y =
            fv_network_forward(f.net, fv_constant(f.ctx, &f.images));
        const float *tape = fv_variable_value(y)->data;
        /* a plan folds batch norm into the weights before it, which rounds */
        if (strstr(*nets[i], "batchnorm"))
            for (int k = 0; k < BATCH * NET_CLASSES; k++)
                assert_near((double)answer[k], (double)tape[k], 1e-5);
        else
            assert_memory_equal(answer, tape, sizeof answer);
        end(&f);
    }
}

/* ---- lifetimes ----------------------------------------------------------- */

/* Something in the block, alive from birth to death. */
typedef struct item {
    size_t at, bytes;
    int32_t birth, death;
} item;

static int list_items(const fv__graph *graph, item *items)
{
    int count = 0;
    for (int32_t i = 0; i < graph->num_values; i++) {
        const fv_variable *v = graph->values[i];
        if (!v->value_host)
            items[count++] = (item){ v->value_at, fv__tensor_bytes(&v->value),
                                     v->birth, v->death };
        if (v->begun && !v->grad_host)
            items[count++] = (item){ v->grad_at, fv__tensor_bytes(&v->grad),
                                     v->grad_birth, v->grad_death };
    }
    for (int32_t i = 0; i < graph->count; i++) {
        const fv__node *node = graph->nodes[i];
        int32_t back = 2 * graph->count - 1 - i;
        items[count++] =
            (item){ node->forward_at, node->forward_scratch, i, i };
        if (!node->active) continue;
        items[count++] = (item){ node->saved_at, node->saved_bytes, i, back };
        items[count++] =
            (item){ node->backward_at, node->backward_scratch, back, back };
    }
    return count;
}

/* Fills the block with NaN wherever nothing is alive at that step. */
static void spoil(const fv__graph *graph, const item *items, int count,
                  int32_t step)
{
    unsigned char *alive = calloc(graph->block_bytes + 1, 1);
    assert_non_null(alive);
    for (int i = 0; i < count; i++)
        if (items[i].birth <= step && step <= items[i].death)
            memset(alive + items[i].at, 1, items[i].bytes);
    for (size_t i = 0; i < graph->block_bytes; i++)
        if (!alive[i]) graph->block[i] = 0xff;
    free(alive);
}

/* Runs the plan step by step, spoiling what is not alive; the gradients. */
static unsigned char *run_spoiled(fixture *f, const item *items, int count,
                                  size_t *bytes)
{
    fv__graph *graph = &f->plan->graph;
    zero_grads(f->net);
    for (int32_t i = 0; i < graph->count; i++) {
        spoil(graph, items, count, i);
        fv__node *node = graph->nodes[i];
        fv__node_forward(graph, node, graph->block + node->forward_at);
    }
    for (int32_t i = graph->count - 1; i >= 0; i--) {
        spoil(graph, items, count, 2 * graph->count - 1 - i);
        fv__node *node = graph->nodes[i];
        if (node->outputs[0] == f->plan->loss)
            f->ctx->kernels->fill(1, 1, f->plan->loss->grad.data);
        if (node->active)
            fv__node_backward(graph, node, graph->block + node->backward_at);
    }
    return net_dump(fv_network_variables(f->net), 1, bytes);
}

static unsigned char *run_plainly(fixture *f, size_t *bytes)
{
    zero_grads(f->net);
    fv__graph_forward(&f->plan->graph, 0);
    fv__graph_backward(&f->plan->graph, f->plan->loss);
    return net_dump(fv_network_variables(f->net), 1, bytes);
}

static void test_nothing_is_needed_before_birth_or_after_death(void **state)
{
    (void)state;
    for (int n = 0; n < NETS; n++) {
        fixture f = begin(*nets[n], FV_F32, true);
        item items[512];
        int count = list_items(&f.plan->graph, items);
        assert_true(count < 512);
        size_t bytes;
        unsigned char *plain = run_plainly(&f, &bytes);
        fv__plan_input(f.plan, 0, &f.images);
        unsigned char *spoiled = run_spoiled(&f, items, count, &bytes);
        assert_memory_equal(plain, spoiled, bytes);
        free(plain);
        free(spoiled);
        end(&f);
    }
}

/* The method sees a lifetime that is too short by one step. */
static void test_a_lifetime_too_short_is_seen(void **state)
{
    (void)state;
    fixture f = begin(net_plain, FV_F32, true);
    item items[512];
    int count = list_items(&f.plan->graph, items), seen = 0, tried = 0;
    size_t bytes;
    unsigned char *plain = run_plainly(&f, &bytes);
    for (int i = 0; i < count; i++) {
        if (items[i].birth == items[i].death || !items[i].bytes) continue;
        items[i].death--;
        unsigned char *spoiled = run_spoiled(&f, items, count, &bytes);
        items[i].death++;
        seen += memcmp(plain, spoiled, bytes) != 0;
        tried++;
        free(spoiled);
        fv__plan_input(f.plan, 0, &f.images);
        fv__plan_target(f.plan, &f.labels);
    }
    /* what is kept for the reader, and gradients that nobody reads at the
     * last step of their life, may go unseen */
    assert_true(tried >= 15);
    assert_true(seen >= tried / 2);
    free(plain);
    end(&f);
}

static void test_nothing_overlaps_that_is_alive_together(void **state)
{
    (void)state;
    for (int n = 0; n < 2 * NETS; n++) {
        fixture f = begin(*nets[n / 2], FV_F64, n % 2);
        item items[512];
        int count = list_items(&f.plan->graph, items);
        for (int i = 0; i < count; i++) {
            const item *a = &items[i];
            assert_true(!a->bytes
                        || a->at + a->bytes <= f.plan->graph.block_bytes);
            assert_int_equal(a->bytes ? a->at % 64 : 0, 0);
            for (int j = 0; j < i; j++) {
                const item *b = &items[j];
                bool together = a->birth <= b->death && b->birth <= a->death;
                bool apart =
                    a->at + a->bytes <= b->at || b->at + b->bytes <= a->at;
                assert_true(!a->bytes || !b->bytes || !together || apart);
            }
        }
        end(&f);
    }
}

/* ---- size ---------------------------------------------------------------- */

/* What all items would take side by side, scratch left out if so wished. */
static size_t sum_of(const fv__graph *graph, bool scratch)
{
    item items[512];
    int count = list_items(graph, items);
    size_t sum = 0;
    for (int i = 0; i < count; i++)
        if (scratch || items[i].birth != items[i].death) sum += items[i].bytes;
    return sum;
}

static size_t most_scratch(const fv__graph *graph)
{
    size_t most = 0;
    for (int32_t i = 0; i < graph->count; i++) {
        most = (size_t)fv__max((int64_t)most,
                               (int64_t)graph->nodes[i]->forward_scratch);
        if (graph->nodes[i]->active)
            most = (size_t)fv__max((int64_t)most,
                                   (int64_t)graph->nodes[i]->backward_scratch);
    }
    return most;
}

static void test_block_is_smaller_than_the_sum(void **state)
{
    (void)state;
    for (int training = 0; training < 2; training++) {
        fixture f = begin(net_residual, FV_F32, training);
        const fv__graph *graph = &f.plan->graph;
        assert_true(graph->block_bytes < sum_of(graph, true) * 2 / 3);
        /* and beside the largest scratch, not all values find room in it */
        size_t values = sum_of(graph, false);
        assert_true(graph->block_bytes - most_scratch(graph) < values);
        end(&f);
    }
}

/* The most that is alive at a time: no block can be smaller. */
static size_t most_alive(const fv__graph *graph)
{
    item items[512];
    const int count = list_items(graph, items);
    size_t most = 0;
    for (int32_t step = 0; step <= 2 * graph->count; step++) {
        size_t alive = 0;
        for (int i = 0; i < count; i++)
            if (items[i].birth <= step && step <= items[i].death)
                alive += fv__align(items[i].bytes);
        if (most < alive) most = alive;
    }
    return most;
}

static void test_block_is_as_small_as_can_be(void **state)
{
    (void)state;
    int exact = 0;
    for (int i = 0; i < 2 * NETS; i++) {
        fixture f = begin(*nets[i / 2], FV_F32, i % 2);
        const size_t bytes = f.plan->graph.block_bytes;
        const size_t most = most_alive(&f.plan->graph);
        assert_true(bytes >= most && bytes <= most + most / 32);
        exact += bytes == most;
        end(&f);
    }
    assert_true(exact >= 2 * NETS - 1);
}

/* A relu behind a convolution works where the convolution wrote, and so does
 * its gradient; a value that is read again stays. */
static void test_work_in_place(void **state)
{
    (void)state;
    int values = 0, grads = 0;
    fixture f = begin(net_residual, FV_F32, true);
    const fv__graph *graph = &f.plan->graph;
    for (int32_t i = 0; i < graph->num_values; i++) {
        const fv_variable *v = graph->values[i];
        if (v->value_host) {
            assert_ptr_equal(v->value.data, v->value_host->value.data);
            assert_true(v->value_host->death >= v->death);
            values++;
        }
        if (v->grad_host) {
            assert_ptr_equal(v->grad.data, v->grad_host->grad.data);
            assert_true(v->grad_host->grad_death >= v->grad_death);
            grads++;
        }
    }
    assert_true(values >= 2);
    assert_true(grads >= 2);
    end(&f);
}

static void test_frozen_layers_cost_no_gradients(void **state)
{
    (void)state;
    fixture f = begin(net_residual, FV_F32, true);
    size_t all = f.plan->graph.block_bytes;
    fv_variables list = fv_network_variables(f.net);
    for (int64_t i = 0; i < list.count - 2; i++)
        fv_variable_set_requires_grad(list.at[i], 0);
    f.plan = fv__network_plan(f.net, NULL, BATCH, true, false);
    assert_true(f.plan->graph.block_bytes < all);
    assert_int_equal(f.plan->graph.block_bytes, most_alive(&f.plan->graph));
    fv__network_ready(f.net);
    fv__plan_input(f.plan, 0, &f.images);
    fv__plan_target(f.plan, &f.labels);
    size_t bytes;
    unsigned char *grads = run_plainly(&f, &bytes);
    size_t last = NET_CLASSES * (6 + 1) * sizeof(float);
    for (size_t i = 0; i < bytes - last; i++) assert_int_equal(grads[i], 0);
    bool some = false;
    for (size_t i = bytes - last; i < bytes; i++) some |= grads[i] != 0;
    assert_true(some);
    free(grads);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_has_the_bits_of_the_tape),
        cmocka_unit_test(test_values_that_are_read_again),
        cmocka_unit_test(test_work_in_place_beyond_networks),
        cmocka_unit_test(test_prediction_has_the_bits_of_the_tape),
        cmocka_unit_test(test_nothing_is_needed_before_birth_or_after_death),
        cmocka_unit_test(test_a_lifetime_too_short_is_seen),
        cmocka_unit_test(test_nothing_overlaps_that_is_alive_together),
        cmocka_unit_test(test_block_is_smaller_than_the_sum),
        cmocka_unit_test(test_block_is_as_small_as_can_be),
        cmocka_unit_test(test_work_in_place),
        cmocka_unit_test(test_frozen_layers_cost_no_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
