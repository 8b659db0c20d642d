/* What holds for losses: values and reductions against a formula, gradients
 * against differences, the same bits everywhere. */
#ifndef FV_TESTS_OP_CHECK_LOSS_H
#define FV_TESTS_OP_CHECK_LOSS_H

#include "operands.h"

/* ---- sums over elements -------------------------------------------------- */

typedef struct element_loss {
    fv_variable *(*apply)(fv_variable *x, fv_variable *t, double p, double q,
                          fv_reduction reduction);
    double (*term)(double x, double t, double p, double q);
    double p, q;
    double low, high;               /* of x */
    double target_low, target_high; /* of t */
    fv_reduction usual;
    int frozen; /* the target has no gradient */
    /* of this case: */
    fv_reduction reduction;
} element_loss;

static inline fv_variable *element_apply(const void *user,
                                         fv_variable *const at[])
{
    const element_loss *c = user;
    return c->apply(at[0], at[1], c->p, c->q, c->reduction);
}

static inline subject element_subject(const element_loss *c, uint64_t seed,
                                      int32_t rank, const int64_t shape[])
{
    subject s = { .apply = element_apply, .user = c, .seed = seed, .count = 2 };
    s.operands[0] = (operand){ rank, { 0 }, c->low, c->high, 0 };
    s.operands[1] =
        (operand){ rank, { 0 }, c->target_low, c->target_high, c->frozen };
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < rank; i++) s.operands[k].shape[i] = shape[i];
    return s;
}

/* The value of each reduction is that of the formula. */
static inline void check_element_values(element_loss c)
{
    const int64_t shape[] = { 3, 5, 7 };
    for (int dtype = FV_F32; dtype <= FV_F64; dtype++) {
        const double tolerance = dtype == FV_F32 ? 3e-6 : 1e-13;
        for (int reduction = 0; reduction <= FV_REDUCTION_BATCH; reduction++) {
            c.reduction = (fv_reduction)reduction;
            const subject s = element_subject(&c, 3, 3, shape);
            fv_context *context = context_of((fv_dtype)dtype);
            fv_variable *at[MOST_OPERANDS];
            make_operands(context, &s, at);
            const fv_tensor *y = fv_variable_value(element_apply(&c, at));
            assert_ok(context);
            double terms[105], sum = 0;
            for (int64_t i = 0; i < 105; i++) {
                terms[i] =
                    c.term(number_at(fv_variable_value(at[0]), i),
                           number_at(fv_variable_value(at[1]), i), c.p, c.q);
                sum += terms[i];
            }
            const int how = reduction ? reduction : (int)c.usual;
            if (how == FV_REDUCTION_MEAN) sum /= 105;
            if (how == FV_REDUCTION_BATCH) sum /= 3;
            if (how == FV_REDUCTION_NONE) {
                assert_int_equal(y->rank, 3);
                assert_numbers(y, terms, tolerance);
            } else {
                assert_int_equal(y->rank, 0);
                assert_numbers(y, &sum, tolerance);
            }
            fv_context_free(context);
        }
    }
}

static inline void check_element_gradients(element_loss c)
{
    for (uint64_t seed = 0; seed < 15; seed++) {
        const int64_t shape[] = { pick(seed, 0, 1, 3), pick(seed, 1, 1, 3),
                                  pick(seed, 2, 1, 3) };
        c.reduction = (fv_reduction)(1 + seed % 4);
        subject s =
            element_subject(&c, seed, (int32_t)pick(seed, 9, 1, 3), shape);
        assert_gradients(&s);
        assert_single(&s, 2e-5);
    }
}

static inline void check_element_bits(element_loss c)
{
    const int64_t shape[] = { 71, 131 };
    for (int how = FV_REDUCTION_MEAN; how <= FV_REDUCTION_NONE; how += 2) {
        c.reduction = (fv_reduction)how;
        const subject s = element_subject(&c, 5, 2, shape);
        assert_same_bits(&s);
    }
}

static inline void check_element_refused(const element_loss *c,
                                         const char *name)
{
    const double numbers[6] = { 0.5, 0.5, 0.5, 0.5, 0.5, 0.5 };
    char sentence[120];
    fv_context *context = context_of(FV_F32);
    fv_variable *x = LEAF(context, numbers, 2, 3);
    fv_variable *t = LEAF(context, numbers, 3, 2);
    fv_variable_set_requires_grad(t, 0);
    assert_null(c->apply(x, t, c->p, c->q, FV_REDUCTION_MEAN));
    snprintf(sentence, sizeof sentence, "%s: input is [2, 3], target is [3, 2]",
             name);
    assert_error(context, sentence);
    assert_null(c->apply(t, t, c->p, c->q, (fv_reduction)9));
    snprintf(sentence, sizeof sentence, "%s: reduction 9 is unknown (0 to 4)",
             name);
    assert_error(context, sentence);
    fv_context_free(context);
}

/* ---- rows with a class each ---------------------------------------------- */

typedef struct class_loss {
    fv_variable *(*apply)(fv_variable *x, fv_variable *target, double p,
                          double q, const fv_class_loss *how);
    /* the term of a row without its class weight */
    double (*term)(const double *x, int64_t n, int64_t label, double p,
                   double q);
    double p, q, low, high;
    int rows; /* a mean is divided by rows */
    /* of this case: */
    fv_class_loss how;
    int64_t shape[4]; /* rows along the first axes; 0: no axis */
    uint64_t seed;
} class_loss;

enum { CLASS_ROOM = 4096 };

/* Labels of a case, of which some are left out where it leaves out any. */
static inline int64_t class_labels(const class_loss *c, int32_t *rank,
                                   int64_t labels[CLASS_ROOM], int64_t *classes)
{
    int64_t rows = 1;
    for (*rank = 0; *rank < 4 && c->shape[*rank]; ++*rank) {
    }
    *classes = c->shape[*rank - 1];
    for (int32_t i = 0; i < *rank - 1; i++) rows *= c->shape[i];
    assert_true(rows <= CLASS_ROOM);
    for (int64_t i = 0; i < rows; i++) {
        labels[i] = pick(c->seed + 5, i, 0, *classes - 1);
        if (c->how.ignore_index && i % 3 == 1)
            labels[i] =
                c->how.ignore_index == FV_LABEL_0 ? 0 : c->how.ignore_index;
    }
    return rows;
}

static inline fv_variable *class_apply(const void *user,
                                       fv_variable *const at[])
{
    static int64_t labels[CLASS_ROOM];
    const class_loss *c = user;
    int64_t classes;
    int32_t rank;
    class_labels(c, &rank, labels, &classes);
    const fv_tensor target = fv_tensor_of(labels, FV_I64, rank - 1, c->shape);
    return c->apply(at[0], fv_constant(fv_variable_context(at[0]), &target),
                    c->p, c->q, &c->how);
}

static inline subject class_subject(const class_loss *c)
{
    subject s = { .apply = class_apply,
                  .user = c,
                  .seed = c->seed,
                  .count = 1,
                  .operands = { { 0, { 0 }, c->low, c->high, 0 } } };
    operand *o = &s.operands[0];
    for (; o->rank < 4 && c->shape[o->rank]; o->rank++)
        o->shape[o->rank] = c->shape[o->rank];
    return s;
}

static inline double class_weight(const class_loss *c, int64_t label)
{
    const int64_t out = c->how.ignore_index;
    if (out && label == (out == FV_LABEL_0 ? 0 : out)) return 0;
    return c->how.class_weights.count ? c->how.class_weights.at[label] : 1;
}

/* The value against the formula, with smoothing. */
static inline void check_class_value(const class_loss *c, fv_dtype dtype)
{
    static int64_t labels[CLASS_ROOM];
    static double terms[CLASS_ROOM];
    const subject s = class_subject(c);
    const double tolerance = dtype == FV_F32 ? 2e-5 : 1e-12;
    fv_context *context = context_of(dtype);
    fv_variable *at[MOST_OPERANDS];
    int64_t n;
    int32_t rank;
    const int64_t rows = class_labels(c, &rank, labels, &n);
    make_operands(context, &s, at);
    const fv_tensor *x = fv_variable_value(at[0]);
    const fv_tensor *y = fv_variable_value(class_apply(c, at));
    assert_ok(context);
    double sum = 0, weight = 0, row[64];
    const double smooth = c->how.label_smoothing;
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < n; j++) row[j] = number_at(x, i * n + j);
        const double w = class_weight(c, labels[i]);
        terms[i] = 0;
        if (w > 0)
            terms[i] =
                (1 - smooth) * w * c->term(row, n, labels[i], c->p, c->q);
        for (int64_t j = 0; smooth > 0 && w > 0 && j < n; j++)
            terms[i] +=
                smooth / (double)n
                * (c->how.class_weights.count ? c->how.class_weights.at[j] : 1)
                * c->term(row, n, j, c->p, c->q);
        sum += terms[i];
        weight += !c->rows ? w : w > 0 || !c->how.ignore_index ? 1 : 0;
    }
    if (c->how.reduction <= FV_REDUCTION_MEAN) sum /= weight;
    if (c->how.reduction == FV_REDUCTION_BATCH) sum /= (double)c->shape[0];
    if (c->how.reduction == FV_REDUCTION_NONE) {
        assert_int_equal(y->rank, rank - 1);
        assert_numbers(y, terms, tolerance);
    } else {
        assert_int_equal(y->rank, 0);
        assert_numbers(y, &sum, tolerance);
    }
    fv_context_free(context);
}

/* Options of a case: weights, a label that is left out, reductions, axes. */
static inline class_loss class_case(class_loss c, uint64_t seed, double smooth)
{
    static const double weights[] = { 0.5, 2, 1, 0.25, 3, 1.5 };
    static const int64_t ignored[] = { 0, FV_LABEL_0, 2, -100 };
    c.seed = seed;
    const int32_t rank = (int32_t)pick(seed, 20, 2, 4);
    const int64_t classes = pick(seed, 21, 3, 6);
    for (int32_t i = 0; i < 4; i++)
        c.shape[i] = i < rank - 1 ? pick(seed, 22 + i, 1, 4) : 0;
    c.shape[0] = pick(seed, 22, 3, 5);
    c.shape[rank - 1] = classes;
    c.how.reduction = (fv_reduction)(seed % 5);
    c.how.ignore_index = ignored[seed / 2 % 4];
    if (seed % 3) c.how.class_weights = (fv_numbers){ classes, weights };
    c.how.label_smoothing = seed % 4 == 1 ? smooth : 0;
    return c;
}

static inline void check_class_loss(class_loss c, double smooth)
{
    for (uint64_t seed = 0; seed < 30; seed++) {
        const class_loss now = class_case(c, seed, smooth);
        check_class_value(&now, FV_F32);
        check_class_value(&now, FV_F64);
        if (seed % 2) continue;
        const subject s = class_subject(&now);
        assert_gradients(&s);
    }
    /* many rows, in several chunks */
    c = class_case(c, 13, smooth);
    const int64_t shape[4] = { 5, 160, 6, 0 };
    memcpy(c.shape, shape, sizeof shape);
    c.how.class_weights.count = 6 * (c.how.class_weights.count > 0);
    for (int how = FV_REDUCTION_MEAN; how <= FV_REDUCTION_NONE; how += 2) {
        c.how.reduction = (fv_reduction)how;
        const subject s = class_subject(&c);
        assert_same_bits(&s);
    }
}

static inline void check_class_refused(const class_loss *c, const char *name)
{
    const double numbers[6] = { 0 }, weights[] = { 1, -1, 1 };
    int64_t labels[2] = { 0, 3 };
    char sentence[120];
    fv_context *context = context_of(FV_F32);
    fv_variable *x = LEAF(context, numbers, 2, 3);
    fv_class_loss how = { 0 };
    assert_null(c->apply(x, labels_of(context, labels, 1), c->p, c->q, &how));
    snprintf(sentence, sizeof sentence,
             "%s: class indices [1] do not fit the input [2, 3]", name);
    assert_error(context, sentence);
    assert_null(c->apply(x, labels_of(context, labels, 2), c->p, c->q, &how));
    snprintf(sentence, sizeof sentence, "%s: label 3 of row 1 is outside 0..2",
             name);
    assert_error(context, sentence);
    how.ignore_index = 3;
    how.class_weights = (fv_numbers){ 2, weights };
    assert_null(c->apply(x, labels_of(context, labels, 2), c->p, c->q, &how));
    snprintf(sentence, sizeof sentence, "%s: 2 class weights for 3 classes",
             name);
    assert_error(context, sentence);
    how.class_weights.count = 3;
    assert_null(c->apply(x, labels_of(context, labels, 2), c->p, c->q, &how));
    snprintf(sentence, sizeof sentence,
             "%s: class weight -1 is not a number of at least 0", name);
    assert_error(context, sentence);
    fv_context_free(context);
}

#endif
