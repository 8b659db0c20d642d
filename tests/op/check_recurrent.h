/* What tests of recurrent operators share: a cell by its definition, and what
 * must hold of all. */
#ifndef FV_TESTS_OP_CHECK_RECURRENT_H
#define FV_TESTS_OP_CHECK_RECURRENT_H

#include "operands.h"

/* A cell: the gates of its weights, and one step of one unit, of the sums of
 * the gates from the input and from the state. */
typedef struct check_cell {
    int64_t gates;
    int has_c;
    fv_variable *(*of)(fv_variable *x, const fv_recurrent *r,
                       fv_variable **last_h, fv_variable **last_c);
    void (*step)(const double *of_x, const double *of_h, double *h, double *c);
} check_cell;

/* Operands in order: x; weights of each direction; first h and c. */
typedef struct recurrent_case {
    const check_cell *cell;
    int64_t n, t, f, h;
    int directions, reversed, biases, state, lengths;
} recurrent_case;

static inline double logistic(double x) { return 1 / (1 + exp(-x)); }

/* Lengths 0, t, and others. */
static inline int64_t length_of(const recurrent_case *k, int64_t image)
{
    return k->lengths ? (image * 3 + k->t) % (k->t + 1) : k->t;
}

static inline fv_recurrent recurrent_of(const recurrent_case *k,
                                        fv_variable *const at[])
{
    fv_recurrent r = { .reversed = k->reversed };
    at++;
    for (int d = 0; d < k->directions; d++) {
        r.weight_ih[d] = *at++;
        r.weight_hh[d] = *at++;
        if (!k->biases) continue;
        r.bias_ih[d] = *at++;
        r.bias_hh[d] = *at++;
    }
    if (k->state) r.first_h = *at++;
    if (k->state && k->cell->has_c) r.first_c = *at;
    return r;
}

/* [n, (t + 1) directions h] or, with c, [n, (t + 2) directions h]: all h, and
 * the last h and c. */
static fv_variable *apply_recurrent(const void *user, fv_variable *const at[])
{
    const recurrent_case *k = user;
    fv_context *context = fv_variable_context(at[0]);
    const int64_t n = fv_variable_value(at[0])->shape[0];
    const int64_t rows[] = { n, k->t * k->directions * k->h };
    fv_recurrent r = recurrent_of(k, at);
    fv_variable *parts[3] = { NULL };
    int64_t lengths[64];
    assert_true(n <= 64);
    for (int64_t i = 0; i < n; i++) lengths[i] = length_of(k, i);
    if (k->lengths) r.lengths = labels_of(context, lengths, n);
    parts[0] = k->cell->of(at[0], &r, &parts[1], &parts[2]);
    parts[0] = fv_reshape(parts[0], 2, rows);
    return fv_concat_of(2 + k->cell->has_c, parts, 1);
}

static inline subject recurrent_subject(const recurrent_case *k, uint64_t seed)
{
    subject s = { .apply = apply_recurrent, .user = k, .seed = seed };
    const int64_t rows = k->cell->gates * k->h;
    const double most = 1.5 / sqrt((double)k->h);
    s.operands[s.count++] = (operand){ 3, { k->n, k->t, k->f }, -1, 1, 0 };
    for (int d = 0; d < k->directions; d++) {
        s.operands[s.count++] = (operand){ 2, { rows, k->f }, -most, most, 0 };
        s.operands[s.count++] = (operand){ 2, { rows, k->h }, -most, most, 0 };
        for (int i = 0; i < 2 && k->biases; i++)
            s.operands[s.count++] = (operand){ 1, { rows }, -most, most, 0 };
    }
    for (int i = 0; i < 1 + k->cell->has_c && k->state; i++)
        s.operands[s.count++] =
            (operand){ 2, { k->n, k->directions * k->h }, -1, 1, 0 };
    return s;
}

/* ---- the definition ------------------------------------------------------ */

enum { MOST_UNITS = 8, MOST_GATES = 4 };

static inline double number_or(const fv_variable *variable, int64_t i)
{
    return variable ? number_at(fv_variable_value(variable), i) : 0;
}

/* Row `row` of weights times `count` numbers, plus the bias. */
static inline double row_sum(const fv_variable *weights,
                             const fv_variable *bias, int64_t row,
                             int64_t count, const double *numbers)
{
    double sum = number_or(bias, row);
    for (int64_t l = 0; l < count; l++)
        sum +=
            number_at(fv_variable_value(weights), row * count + l) * numbers[l];
    return sum;
}

/* One step of all units, from h and c to h and c. */
static inline void define_step(const recurrent_case *k, const fv_recurrent *r,
                               int d, const double *x, double *h, double *c)
{
    double next[MOST_UNITS];
    for (int64_t u = 0; u < k->h; u++) {
        double of_x[MOST_GATES], of_h[MOST_GATES];
        for (int64_t g = 0; g < k->cell->gates; g++) {
            const int64_t row = g * k->h + u;
            of_x[g] = row_sum(r->weight_ih[d], r->bias_ih[d], row, k->f, x);
            of_h[g] = row_sum(r->weight_hh[d], r->bias_hh[d], row, k->h, h);
        }
        next[u] = h[u];
        k->cell->step(of_x, of_h, &next[u], &c[u]);
    }
    memcpy(h, next, (size_t)k->h * sizeof *h);
}

/* One image in one direction, against row `image` of the result. */
static inline void check_image(const recurrent_case *k, fv_variable *const at[],
                               const fv_tensor *y, int64_t image, int d)
{
    const fv_recurrent r = recurrent_of(k, at);
    const int64_t width = k->directions * k->h, length = length_of(k, image);
    const int64_t row = image * (k->t + 1 + k->cell->has_c);
    const double near = y->dtype == FV_F64 ? 1e-13 : 1e-5;
    double h[MOST_UNITS], c[MOST_UNITS], x[MOST_UNITS];
    for (int64_t u = 0; u < k->h; u++) {
        h[u] = number_or(r.first_h, image * width + d * k->h + u);
        c[u] = number_or(r.first_c, image * width + d * k->h + u);
    }
    for (int64_t step = 0; step < k->t; step++) {
        const int64_t p = d == 1 || k->reversed ? k->t - 1 - step : step;
        for (int64_t l = 0; l < k->f; l++)
            x[l] = number_at(fv_variable_value(at[0]),
                             (image * k->t + p) * k->f + l);
        if (p < length) define_step(k, &r, d, x, h, c);
        for (int64_t u = 0; u < k->h; u++)
            assert_near(number_at(y, (row + p) * width + d * k->h + u),
                        p < length ? h[u] : 0, near);
    }
    for (int64_t u = 0; u < k->h; u++) {
        const int64_t last = (row + k->t) * width + d * k->h + u;
        assert_near(number_at(y, last), h[u], near);
        if (k->cell->has_c) assert_near(number_at(y, last + width), c[u], near);
    }
}

/* ---- what holds of all --------------------------------------------------- */

static inline recurrent_case case_of(const check_cell *cell, uint64_t seed)
{
    recurrent_case k = { .cell = cell,
                         .n = pick(seed, 0, 1, 4),
                         .t = pick(seed, 1, 1, 5),
                         .f = pick(seed, 2, 1, 5),
                         .h = pick(seed, 3, 1, 5),
                         .directions = 1 + (int)(seed & 1),
                         .biases = seed >> 1 & 1,
                         .state = seed >> 2 & 1,
                         .lengths = seed >> 3 & 1 };
    k.reversed = k.directions == 1 && pick(seed, 4, 0, 1);
    return k;
}

static inline void check_definition(const check_cell *cell)
{
    for (uint64_t seed = 0; seed < 32; seed++) {
        const recurrent_case k = case_of(cell, seed);
        const subject s = recurrent_subject(&k, seed);
        fv_context *context = context_of(seed & 16 ? FV_F32 : FV_F64);
        fv_variable *at[MOST_OPERANDS];
        make_operands(context, &s, at);
        const fv_tensor *y = fv_variable_value(apply_recurrent(&k, at));
        assert_ok(context);
        for (int64_t i = 0; i < k.n; i++)
            for (int d = 0; d < k.directions; d++) check_image(&k, at, y, i, d);
        fv_context_free(context);
    }
}

static inline void check_recurrent_gradients(const check_cell *cell)
{
    for (uint64_t seed = 100; seed < 116; seed++) {
        const recurrent_case k = case_of(cell, seed);
        subject s = recurrent_subject(&k, seed);
        for (int i = 0; i < s.count; i++)
            s.operands[i].frozen = i > 0 && pick(seed, 5 + i, 0, 3) == 0;
        assert_gradients(&s);
        assert_single(&s, 1e-5);
    }
    const recurrent_case none = { .cell = cell,
                                  .n = 0,
                                  .t = 2,
                                  .f = 3,
                                  .h = 2,
                                  .directions = 2,
                                  .biases = 1,
                                  .state = 1 };
    const subject s = recurrent_subject(&none, 1);
    assert_results(&s, FV_F32);
    assert_results(&s, FV_F64);
}

/* More images, units and positions than an item and a block have. Without a
 * gradient, and for an image alone, the bits are the same. */
static inline void check_recurrent_bits(const check_cell *cell)
{
    const recurrent_case both = { .cell = cell,
                                  .n = 33,
                                  .t = 9,
                                  .f = 3,
                                  .h = 67,
                                  .directions = 2,
                                  .biases = 1,
                                  .lengths = 1 };
    const recurrent_case one = { .cell = cell,
                                 .n = 33,
                                 .t = 9,
                                 .f = 3,
                                 .h = 6,
                                 .directions = 1,
                                 .reversed = 1,
                                 .state = 1 };
    const subject s = recurrent_subject(&both, 1),
                  t = recurrent_subject(&one, 2);
    fv_context *context = context_of(FV_F32);
    fv_variable *at[MOST_OPERANDS];
    assert_same_bits(&s);
    make_operands(context, &t, at);
    const fv_tensor kept =
        fv_tensor_dup(context, fv_variable_value(apply_recurrent(&one, at)));
    fv_no_grad(context, 1);
    const fv_tensor *y = fv_variable_value(apply_recurrent(&one, at));
    assert_ok(context);
    assert_memory_equal(kept.data, y->data, fv__tensor_bytes(y));
    fv_context_free(context);
    recurrent_case alone = one;
    alone.state = 0;
    const subject u = recurrent_subject(&alone, 3);
    assert_alone(&u, FV_F32, 32);
}

/* "name: sentence" with a number for each #. */
static inline void write_sentence(char *out, size_t bytes, const char *name,
                                  const char *sentence, int64_t number)
{
    size_t at = (size_t)snprintf(out, bytes, "%s: ", name);
    for (; *sentence; sentence++)
        at += *sentence == '#'
                  ? (size_t)snprintf(out + at, bytes - at, "%lld",
                                     (long long)number)
                  : (size_t)snprintf(out + at, bytes - at, "%c", *sentence);
}

/* Wrong input, with its sentence. */
static inline void check_recurrent_refused(const check_cell *cell,
                                           const char *name)
{
    const recurrent_case good = { .cell = cell,
                                  .n = 2,
                                  .t = 3,
                                  .f = 4,
                                  .h = 5,
                                  .directions = 2,
                                  .biases = 1,
                                  .state = 1 };
    const int64_t rows = cell->gates * good.h;
    const struct {
        int operand;
        operand is;
        const char *sentence; /* behind the name; #: rows of weights */
    } wrong[] = {
        { 0, { 2, { 2, 3 }, -1, 1, 0 }, "input [2, 3] has rank 2, expected 3" },
        { 0,
          { 3, { 2, 0, 4 }, -1, 1, 0 },
          "input [2, 0, 4], expected positions and features" },
        { 1,
          { 2, { rows, 3 }, -1, 1, 0 },
          "weight_ih [#, 3], expected [#, 4]" },
        { 2, { 2, { rows + 1, 5 }, -1, 1, 0 }, NULL },
        { 4, { 1, { 1 }, -1, 1, 0 }, "bias_hh [1], expected [#]" },
        { 6,
          { 2, { rows, 4 }, -1, 1, 0 },
          "weight_hh of the other direction [#, 4], expected [#, 5]" },
        { 9, { 2, { 2, 5 }, -1, 1, 0 }, "first h [2, 5], expected [2, 10]" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        subject s = recurrent_subject(&good, 1);
        fv_context *context = context_of(FV_F32);
        fv_variable *at[MOST_OPERANDS];
        char sentence[240];
        s.operands[wrong[i].operand] = wrong[i].is;
        make_operands(context, &s, at);
        assert_null(apply_recurrent(&good, at));
        if (wrong[i].sentence) {
            write_sentence(sentence, sizeof sentence, name, wrong[i].sentence,
                           rows);
            assert_error(context, sentence);
        }
        fv_context_free(context);
    }
}

static inline void check_lengths_refused(const check_cell *cell,
                                         const char *name)
{
    const recurrent_case good = {
        .cell = cell, .n = 2, .t = 3, .f = 4, .h = 5, .directions = 1
    };
    const subject s = recurrent_subject(&good, 1);
    fv_context *context = context_of(FV_F32);
    fv_variable *at[MOST_OPERANDS];
    int64_t lengths[] = { 1, 2, 3 };
    char sentence[100];
    make_operands(context, &s, at);
    fv_recurrent r = recurrent_of(&good, at);
    r.lengths = labels_of(context, lengths, 3);
    assert_null(cell->of(at[0], &r, NULL, NULL));
    snprintf(sentence, sizeof sentence,
             "%s: lengths are i64 [3], expected i64 [2]", name);
    assert_error(context, sentence);
    fv_context_free(context);
}

/* ---- the layer ----------------------------------------------------------- */

/* A network of two layers, in training and twice in evaluation, with other
 * weights the second time, gives what the operators give. */
static inline void check_recurrent_layer(const check_cell *cell,
                                         const char *name, bool bidirectional)
{
    char text[200];
    snprintf(text, sizeof text,
             "input 5 4\n%s 3 bidirectional=%s\n%s 2 bias=no reversed=yes\n",
             name, bidirectional ? "yes" : "no", name);
    fv_context *context = context_of(FV_F64);
    fv_network *net = fv_network_parse(context, text, NULL);
    assert_ok(context);
    const operand input = { 3, { 2, 5, 4 }, -1, 1, 0 };
    fv_variable *x = random_leaf(context, 3, &input);
    const fv_variables at = fv_network_variables(net);
    const int64_t first = bidirectional ? 8 : 4;
    assert_int_equal(at.count, first + 2);
    const double most = 1 / sqrt(3);
    for (int64_t i = 0; i < fv_tensor_count(fv_variable_value(at.at[0])); i++)
        assert_true(fabs(number_at(fv_variable_value(at.at[0]), i)) <= most);
    for (int round = 0; round < 2; round++) {
        const recurrent_case k = { .cell = cell,
                                   .directions = 1 + bidirectional,
                                   .biases = 1 };
        fv_variable *leaves[MOST_OPERANDS] = { x };
        for (int64_t i = 0; i < first; i++) leaves[1 + i] = at.at[i];
        const fv_recurrent one = recurrent_of(&k, leaves);
        const fv_recurrent two = { .weight_ih = { at.at[first] },
                                   .weight_hh = { at.at[first + 1] },
                                   .reversed = 1 };
        fv_variable *y =
            cell->of(cell->of(x, &one, NULL, NULL), &two, NULL, NULL);
        assert_ok(context);
        fv_tensor got =
            fv_tensor_new(context, FV_F64, 3, (const int64_t[]){ 2, 5, 2 });
        for (int again = 0; again < 2; again++) {
            fv_network_predict(net, fv_variable_value(x), &got);
            assert_ok(context);
            assert_memory_equal(got.data, fv_variable_value(y)->data,
                                fv__tensor_bytes(&got));
        }
        const fv_tensor *weights = fv_variable_value(at.at[1]);
        ((double *)weights->data)[0] += 1;
        fv_variable_changed(at.at[1]);
    }
    fv_context_free(context);
}

/* Lengths come in, and the last h goes out. */
static inline void check_recurrent_lengths(const check_cell *cell,
                                           const char *name)
{
    char text[200];
    snprintf(text, sizeof text,
             "input 5 4 name=x\ninput type=i64 name=lengths\n"
             "%s 3 from=x,lengths name=a\noutput from=a\noutput from=a:1\n",
             name);
    fv_context *context = context_of(FV_F64);
    fv_network *net = fv_network_parse(context, text, NULL);
    assert_ok(context);
    const operand input = { 3, { 3, 5, 4 }, -1, 1, 0 };
    int64_t lengths[] = { 2, 5, 0 };
    fv_variable *x = random_leaf(context, 3, &input), *last = NULL;
    const fv_variables at = fv_network_variables(net);
    const fv_recurrent r = { .weight_ih = { at.at[0] },
                             .weight_hh = { at.at[1] },
                             .bias_ih = { at.at[2] },
                             .bias_hh = { at.at[3] },
                             .lengths = labels_of(context, lengths, 3) };
    fv_variable *y = cell->of(x, &r, &last, NULL);
    const fv_tensor given = FV_TENSOR(lengths, FV_I64, 3);
    const fv_named_tensor in[] = { { "x", *fv_variable_value(x) },
                                   { "lengths", given } };
    fv_named_tensor out[2] = { { .name = NULL } };
    assert_int_equal(fv_network_run(net, 2, in, 2, out), FV_OK);
    assert_ok(context);
    assert_memory_equal(out[0].tensor.data, fv_variable_value(y)->data,
                        fv__tensor_bytes(&out[0].tensor));
    assert_memory_equal(out[1].tensor.data, fv_variable_value(last)->data,
                        fv__tensor_bytes(&out[1].tensor));
    fv_context_free(context);
}

#endif
