/* LSTM, GRU and RNN of ONNX against their definition: directions, lengths,
 * first states, layouts, limits and activations, as layers and step by step. */
#include "onnx/model.h"

#include <math.h>

enum { T = 4, N = 2, F = 3, H = 2, MOST = 4 * H, STATES = 2 };

typedef struct unit {
    const char *kind, *direction;
    int gates, directions;
    int layout, biased, states, lengths, peepholes, reset_behind, coupled;
    double clip;
    const char *activation; /* the first of each direction, of "Sigmoid" */
} unit;

static float x[T * N * F], w[2 * MOST * F], v[2 * MOST * H], b[2 * 2 * MOST],
    first[STATES][2 * N * H], p[2 * 3 * H];
static const int64_t lengths[] = { 3, 4 };

static void fill(void)
{
    float *const all[] = { x, w, v, b, first[0], first[1], p };
    const size_t counts[] = { T * N * F,    2 * MOST * F, 2 * MOST * H,
                              2 * 2 * MOST, 2 * N * H,    2 * N * H,
                              2 * 3 * H };
    uint32_t seed = 7;
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        for (size_t i = 0; i < counts[k]; i++) {
            seed = seed * 1664525u + 1013904223u;
            all[k][i] = (float)(seed >> 16) / 32768 - 1;
        }
}

/* ---- the definition --------------------------------------------------------
 */

static double limited(const unit *u, double sum)
{
    return u->clip > 0 ? fmax(-u->clip, fmin(u->clip, sum)) : sum;
}

static double gate_of(const unit *u, double sum)
{
    sum = limited(u, sum);
    if (u->activation) return fmax(0, fmin(1, 0.2 * sum + 0.5));
    return 1 / (1 + exp(-sum));
}

/* Row `row` of the input's or the state's product, with its bias. */
static double input_sum(const unit *u, int d, int row, const float *at)
{
    const int rows = u->gates * H;
    double sum = u->biased ? (double)b[2 * d * rows + row] : 0;
    for (int i = 0; i < F; i++)
        sum += (double)w[(d * rows + row) * F + i] * (double)at[i];
    return sum;
}

static double state_sum(const unit *u, int d, int row, const double *h)
{
    const int rows = u->gates * H;
    double sum = u->biased ? (double)b[(2 * d + 1) * rows + row] : 0;
    for (int i = 0; i < H; i++)
        sum += (double)v[(d * rows + row) * H + i] * h[i];
    return sum;
}

static double peephole(const unit *u, int d, int k, int j, const double *c)
{
    return u->peepholes ? (double)p[(d * 3 + k) * H + j] * c[j] : 0;
}

static void step(const unit *u, int d, const float *at, double *h, double *c)
{
    double next[H], reset[H] = { 0 }, sums[MOST];
    for (int row = 0; row < u->gates * H; row++)
        sums[row] = input_sum(u, d, row, at) + state_sum(u, d, row, h);
    for (int j = 0; j < H && u->gates == 3; j++)
        reset[j] = gate_of(u, sums[H + j]) * h[j];
    for (int j = 0; j < H; j++) {
        if (u->gates == 1) {
            next[j] = tanh(limited(u, sums[j]));
        } else if (u->gates == 3) {
            const double z = gate_of(u, sums[j]), r = gate_of(u, sums[H + j]);
            const double of_x = input_sum(u, d, 2 * H + j, at);
            const double n = u->reset_behind
                                 ? of_x + r * state_sum(u, d, 2 * H + j, h)
                                 : of_x + state_sum(u, d, 2 * H + j, reset);
            next[j] = (1 - z) * tanh(limited(u, n)) + z * h[j];
        } else {
            const double i = gate_of(u, sums[j] + peephole(u, d, 0, j, c));
            const double f =
                u->coupled
                    ? 1 - i
                    : gate_of(u, sums[2 * H + j] + peephole(u, d, 2, j, c));
            double now[H] = { 0 };
            now[j] = f * c[j] + i * tanh(limited(u, sums[3 * H + j]));
            const double o =
                gate_of(u, sums[H + j] + peephole(u, d, 1, j, now));
            c[j] = now[j];
            next[j] = o * tanh(now[j]);
        }
    }
    memcpy(h, next, sizeof next);
}

/* Positions in a tensor of the layout; of y [t, d, n, h] or [n, t, d, h]. */
static int at_x(const unit *u, int t, int n)
{
    return (u->layout ? n * T + t : t * N + n) * F;
}

static int at_y(const unit *u, int t, int d, int n)
{
    const int of = u->directions;
    return (u->layout ? (n * T + t) * of + d : (t * of + d) * N + n) * H;
}

static int at_state(const unit *u, int d, int n)
{
    return (u->layout ? n * u->directions + d : d * N + n) * H;
}

static void define(const unit *u, double y[], double last[STATES][2 * N * H])
{
    for (int d = 0; d < u->directions; d++)
        for (int n = 0; n < N; n++) {
            double h[H] = { 0 }, c[H] = { 0 };
            const bool back = d || !strcmp(u->direction, "reverse");
            const int64_t length = u->lengths ? lengths[n] : T;
            for (int j = 0; j < H && u->states; j++) {
                h[j] = (double)first[0][at_state(u, d, n) + j];
                c[j] = (double)first[1][at_state(u, d, n) + j];
            }
            for (int k = 0; k < T; k++) {
                const int t = back ? T - 1 - k : k;
                const bool within = t < length;
                if (within) step(u, d, x + at_x(u, t, n), h, c);
                for (int j = 0; j < H; j++)
                    y[at_y(u, t, d, n) + j] = within ? h[j] : 0;
            }
            for (int j = 0; j < H; j++) {
                last[0][at_state(u, d, n) + j] = h[j];
                last[1][at_state(u, d, n) + j] = c[j];
            }
        }
}

/* ---- the model -------------------------------------------------------------
 */

static model *model_of(const unit *u, const char *output)
{
    const int64_t d = u->directions, rows = u->gates * H;
    const int64_t plain[] = { T, N, F }, batch[] = { N, T, F };
    const int64_t state[] = { u->layout ? N : d, u->layout ? d : N, H };
    char inputs[64];
    model *m = model_new(14);
    model_input(m, "x", FLOAT, 3, u->layout ? batch : plain);
    model_floats(m, "w", 3, (int64_t[]){ d, rows, F }, w);
    model_floats(m, "r", 3, (int64_t[]){ d, rows, H }, v);
    model_floats(m, "b", 2, (int64_t[]){ d, 2 * rows }, b);
    model_ints(m, "lengths", 1, (int64_t[]){ N }, lengths);
    model_floats(m, "h", 3, state, first[0]);
    model_floats(m, "c", 3, state, first[1]);
    model_floats(m, "p", 2, (int64_t[]){ d, 3 * H }, p);
    snprintf(inputs, sizeof inputs, "x,w,r,%s,%s,%s,%s,%s",
             u->biased ? "b" : "", u->lengths ? "lengths" : "",
             u->states ? "h" : "", u->states && u->gates == 4 ? "c" : "",
             u->peepholes ? "p" : "");
    model_node(m, u->kind, inputs, u->gates == 4 ? "y,yh,yc" : "y,yh");
    model_int(m, "hidden_size", H);
    model_word(m, "direction", u->direction);
    model_int(m, "layout", u->layout);
    model_int(m, "linear_before_reset", u->reset_behind);
    model_int(m, "input_forget", u->coupled);
    if (u->clip > 0) model_float(m, "clip", (float)u->clip);
    if (u->activation) {
        fv__onnx_attribute *a = model_attribute(m, "activations");
        const char *words[] = { u->activation, "Tanh", "Tanh" };
        const size_t each = u->gates == 4 ? 3 : 2;
        a->n_strings = each * (size_t)d;
        a->strings = model_take(m, a->n_strings * sizeof *a->strings);
        for (size_t k = 0; k < a->n_strings; k++) {
            const char *word = words[k % each];
            a->strings[k].len = strlen(word);
            a->strings[k].data = (uint8_t *)model_text(m, word, strlen(word));
        }
    }
    model_output(m, output);
    return m;
}

static void check(const unit *u)
{
    double y[T * 2 * N * H], last[STATES][2 * N * H];
    const int64_t d = u->directions;
    const int64_t plain[] = { T, d, N, H }, batch[] = { N, T, d, H };
    const int64_t state[] = { u->layout ? N : d, u->layout ? d : N, H };
    const int64_t in[] = { u->layout ? N : T, u->layout ? T : N, F };
    const fv_named_tensor input = { "x", fv_tensor_of(x, FV_F32, 3, in) };
    define(u, y, last);
    model_check(model_of(u, "y"), model_context, 1, &input, 4,
                u->layout ? batch : plain, y);
    model_check(model_of(u, "yh"), model_context, 1, &input, 3, state, last[0]);
    if (u->gates == 4)
        model_check(model_of(u, "yc"), model_context, 1, &input, 3, state,
                    last[1]);
}

static const char *const ways[] = { "forward", "reverse", "bidirectional" };
static const unit kinds[] = { { .kind = "LSTM", .gates = 4 },
                              { .kind = "GRU", .gates = 3 },
                              { .kind = "RNN", .gates = 1 } };

static void as_layers(void **state)
{
    (void)state;
    fill();
    for (int k = 0; k < 3; k++)
        for (int way = 0; way < 3; way++)
            for (int bits = 0; bits < 16; bits++) {
                unit u = kinds[k];
                u.direction = ways[way];
                u.directions = way == 2 ? 2 : 1;
                u.reset_behind = 1;
                u.layout = bits & 1;
                u.biased = bits >> 1 & 1;
                u.states = bits >> 2 & 1;
                u.lengths = bits >> 3;
                check(&u);
            }
}

static void step_by_step(void **state)
{
    (void)state;
    fill();
    for (int way = 0; way < 3; way++)
        for (int bits = 0; bits < 4; bits++) {
            unit u = kinds[1];
            u.direction = ways[way];
            u.directions = way == 2 ? 2 : 1;
            u.layout = u.states = bits & 1;
            u.biased = bits > 1;
            u.lengths = bits % 3 == 0;
            check(&u); /* the reset gate before the product */
            u.clip = 0.5;
            u.reset_behind = 1;
            check(&u);
            u.activation = "HardSigmoid";
            check(&u);
            u.kind = "LSTM";
            u.gates = 4;
            check(&u);
            u.clip = 0;
            u.activation = NULL;
            u.peepholes = 1;
            check(&u);
            u.coupled = 1;
            check(&u);
        }
}

static void check_refused(model *m, const char *sentence)
{
    assert_null(model_load(m, model_context));
    free(m);
    if (!strstr(fv_error(model_context), sentence))
        fail_msg("%s", fv_error(model_context));
    fv_clear_error(model_context);
}

static void refused(void **state)
{
    (void)state;
    fill();
    unit u = kinds[1];
    u.direction = "forward";
    u.directions = 1;
    model *m = model_of(&u, "y");
    m->inputs[0]->type->tensor_type->shape->dim[0]->value_case = 0; /* open */
    check_refused(m, "GRU-14 \"y\": its reset gates before the product are "
                     "written step by step, for 1 to 256 positions whose "
                     "number is known; export it with linear_before_reset=1, "
                     "or fix the sizes of the input");
    u.activation = "Sine";
    check_refused(model_of(&u, "y"), "activation \"Sine\" is not supported");
    u.activation = NULL;
    m = model_of(&u, "y");
    m->initializers[1]->dims[2] = 1;
    m->initializers[1]->raw_data.len /= H;
    check_refused(m, "W of other shape than [1, 3, 3]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(as_layers, model_begin, model_end),
        cmocka_unit_test_setup_teardown(step_by_step, model_begin, model_end),
        cmocka_unit_test_setup_teardown(refused, model_begin, model_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
