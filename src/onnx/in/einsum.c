/* Sums of products by labels of axes: reductions, products of elements and
 * matrix products, two operands after the other. */
#include "onnx/in/operators.h"

#include <string.h>

/* Labels are letters, and those of the axes of an ellipsis, counted from the
 * last. */
enum { ELLIPSIS = 128, MOST_OPERANDS = 32 };

typedef struct labels {
    int32_t count;
    int32_t at[FV_MAX_RANK];
} labels;

typedef struct operand {
    fv__value *value; /* of plain order; NULL after a failure */
    labels of;        /* its axes */
} operand;

typedef struct einsum {
    fv__importer *to;
    fv__onnx_node *node;
    int32_t count;
    operand operands[MOST_OPERANDS];
    labels result;
    int32_t ellipsis; /* the most axes of one */
} einsum;

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static int32_t find(const labels *l, int32_t label)
{
    for (int32_t i = 0; i < l->count; i++)
        if (l->at[i] == label) return i;
    return -1;
}

static void append(labels *to, int32_t label)
{
    if (to->count < FV_MAX_RANK) to->at[to->count] = label;
    to->count++;
}

/* ---- the equation ----------------------------------------------------------
 */

/* Reads the labels of a term up to a comma, an arrow or the end, which it
 * returns; an ellipsis is so many axes that the term has `rank` or, with rank
 * -1, the most there are. NULL after refusing it. */
static const char *read_term(einsum *e, const char *at, int32_t rank,
                             labels *term)
{
    int32_t letters = 0, dots = 0;
    const char *end = at;
    for (; *end && *end != ',' && *end != '-'; end++) {
        letters += is_letter(*end);
        dots += *end == '.';
    }
    const int32_t axes = !dots ? 0 : rank < 0 ? e->ellipsis : rank - letters;
    const bool fits = letters + axes <= FV_MAX_RANK && axes >= 0
                      && (rank < 0 || letters + axes == rank)
                      && (dots == 0 || dots == 3);
    term->count = 0;
    for (; fits && at < end; at++) {
        if (is_letter(*at)) {
            append(term, *at);
        } else if (*at == '.' && strncmp(at, "...", 3) == 0) {
            for (int32_t i = axes; i-- > 0;) append(term, ELLIPSIS + i);
            at += 2;
        } else if (*at != ' ') {
            break;
        }
    }
    if (axes > e->ellipsis) e->ellipsis = axes;
    if (fits && at == end) return end;
    if (rank < 0)
        fv__onnx_refuse(e->to, e->node, "the result of its equation is wrong");
    else
        fv__onnx_refuse(e->to, e->node,
                        "its equation does not fit an input of %d axes", rank);
    return NULL;
}

/* The result of an equation that does not tell it: the ellipsis and the labels
 * that occur once, in their order. */
static void usual_result(einsum *e)
{
    e->result.count = 0;
    for (int32_t i = e->ellipsis; i-- > 0;) append(&e->result, ELLIPSIS + i);
    for (int32_t label = 'A'; label <= 'z'; label++) {
        int32_t times = 0;
        for (int32_t k = 0; k < e->count; k++)
            for (int32_t i = 0; i < e->operands[k].of.count; i++)
                times += e->operands[k].of.at[i] == label;
        if (times == 1) append(&e->result, label);
    }
}

static bool check_result(const einsum *e)
{
    bool fits = e->result.count <= FV_MAX_RANK;
    for (int32_t i = 0; fits && i < e->result.count; i++) {
        bool found = false;
        for (int32_t k = 0; k < e->count; k++)
            found = found || find(&e->operands[k].of, e->result.at[i]) >= 0;
        fits = found && find(&e->result, e->result.at[i]) == i;
    }
    if (!fits)
        fv__onnx_refuse(e->to, e->node,
                        "the result of its equation is not possible");
    return fits;
}

static bool read_equation(einsum *e, const char *at)
{
    for (int32_t k = 0; k < e->count; k++) {
        fv__value *x = fv__onnx_plain(e->to, fv__onnx_input(e->to, e->node, k));
        if (!x) return false;
        e->operands[k].value = x;
        at = read_term(e, at, fv__onnx_rank(e->to, x), &e->operands[k].of);
        if (!at) return false;
        const bool last = k == e->count - 1;
        if (last ? *at == ',' : *at != ',') {
            fv__onnx_refuse(e->to, e->node,
                            "its equation is not of %d operands", e->count);
            return false;
        }
        at += !last;
    }
    if (*at != '-') {
        usual_result(e);
    } else {
        const char *end = at;
        if (at[1] == '>') end = read_term(e, at + 2, -1, &e->result);
        if (!end) return false;
        if (*end) {
            fv__onnx_refuse(e->to, e->node, "its equation ends in \"%.40s\"",
                            end);
            return false;
        }
    }
    return check_result(e);
}

/* ---- steps ------------------------------------------------------------------
 */

/* The operand with its axes as `wanted`, which has the same labels. */
static void arrange(const einsum *e, operand *x, const labels *wanted)
{
    char options[512] = "permute";
    int64_t axes[FV_MAX_RANK];
    bool same = true;
    for (int32_t i = 0; i < wanted->count; i++) {
        axes[i] = find(&x->of, wanted->at[i]);
        same = same && axes[i] == i;
    }
    x->of = *wanted;
    if (same) return;
    fv__onnx_write(options, "axes", wanted->count, axes);
    x->value = fv__onnx_line(e->to, e->node, 1, &x->value, "%s", options);
}

/* Extents from `first` on in a row, as one or apart; those before stay. */
static void reshape(const einsum *e, operand *x, int32_t first, int64_t count,
                    const int64_t extents[])
{
    char options[512] = "reshape";
    int64_t shape[2 * FV_MAX_RANK] = { 0 };
    int32_t open = 0;
    for (int64_t i = 0; i < count; i++) {
        shape[first + i] = extents[i] == FV_OPEN ? -1 : extents[i];
        open += extents[i] == FV_OPEN;
    }
    if (first + count > FV_MAX_RANK || open > 1) {
        fv__onnx_refuse(e->to, e->node,
                        open > 1 ? "it joins axes whose sizes are open"
                                 : "its product has more than %d axes",
                        FV_MAX_RANK);
        x->value = NULL;
        return;
    }
    fv__onnx_write(options, "shape", first + count, shape);
    x->value = fv__onnx_line(e->to, e->node, 1, &x->value, "%s", options);
}

static int64_t extent_of(const einsum *e, const operand *x, int32_t label)
{
    return fv__onnx_extent(e->to, x->value, find(&x->of, label));
}

/* The product of the extents of labels. */
static int64_t size_of(const einsum *e, const operand *x, const labels *l)
{
    int64_t size = 1;
    for (int32_t i = 0; i < l->count; i++) {
        const int64_t extent = extent_of(e, x, l->at[i]);
        if (extent == FV_OPEN) return FV_OPEN;
        size *= extent;
    }
    return size;
}

/* Replaces two axes of one label by their diagonal: of both as one axis, every
 * element after so many. */
static void take_diagonals(const einsum *e, operand *x)
{
    for (int32_t i = 0; i < x->of.count && x->value; i++) {
        const int32_t label = x->of.at[i];
        int32_t j = i + 1;
        while (j < x->of.count && x->of.at[j] != label) j++;
        if (j == x->of.count) continue;
        const int64_t n = fv__onnx_extent(e->to, x->value, i);
        if (n == FV_OPEN || n != fv__onnx_extent(e->to, x->value, j)) {
            fv__onnx_refuse(e->to, e->node,
                            "the sizes of axes of one label differ or are "
                            "open");
            x->value = NULL;
            return;
        }
        /* label -1 is one of the two for a moment */
        labels wanted = { .count = 0 };
        x->of.at[j] = -1;
        for (int32_t k = 0; k < x->of.count; k++)
            if (k != i && k != j) append(&wanted, x->of.at[k]);
        append(&wanted, label);
        append(&wanted, -1);
        arrange(e, x, &wanted);
        const int32_t last = x->of.count - 2;
        const int64_t all = n * n;
        reshape(e, x, last, 1, &all);
        x->value = fv__onnx_line(e->to, e->node, 1, &x->value,
                                 "slice starts=0 stops=%lld axes=%d steps=%lld",
                                 (long long)all, last, (long long)n + 1);
        x->of.count--;
        i = -1;
    }
}

/* Whether the result or operands from k on have the label. */
static bool is_needed(const einsum *e, int32_t label, int32_t k)
{
    bool needed = find(&e->result, label) >= 0;
    for (; k < e->count && !needed; k++)
        needed = find(&e->operands[k].of, label) >= 0;
    return needed;
}

/* Sums over the labels that are not needed and that `other` does not have. */
static void sum_out(const einsum *e, operand *x, int32_t k, const labels *other)
{
    char options[512] = "sum keepdims=no";
    labels rest = { .count = 0 };
    int64_t axes[FV_MAX_RANK];
    int64_t count = 0;
    for (int32_t i = 0; i < x->of.count; i++)
        if (is_needed(e, x->of.at[i], k) || find(other, x->of.at[i]) >= 0)
            append(&rest, x->of.at[i]);
        else
            axes[count++] = i;
    if (!count || !x->value) return;
    fv__onnx_write(options, "axes", count, axes);
    x->value = fv__onnx_line(e->to, e->node, 1, &x->value, "%s", options);
    x->of = rest;
}

/* Labels of a product: in both operands and needed later, in both and summed,
 * in one. */
typedef struct groups {
    labels batch, left, summed, right;
} groups;

static labels joined(const labels *a, const labels *b, const labels *c)
{
    labels all = *a;
    for (int32_t i = 0; i < b->count; i++) append(&all, b->at[i]);
    for (int32_t i = 0; c && i < c->count; i++) append(&all, c->at[i]);
    return all;
}

/* An operand with axes of extent 1 inserted where `all` has other labels. */
static void widen(const einsum *e, operand *x, const labels *all)
{
    char options[512] = "unsqueeze";
    int64_t axes[FV_MAX_RANK];
    int64_t count = 0;
    for (int32_t i = 0; i < all->count; i++)
        if (find(&x->of, all->at[i]) < 0) axes[count++] = i;
    x->of = *all;
    if (!count || !x->value) return;
    fv__onnx_write(options, "axes", count, axes);
    x->value = fv__onnx_line(e->to, e->node, 1, &x->value, "%s", options);
}

static void multiply_elements(const einsum *e, operand *a, operand *b,
                              const groups *g)
{
    const labels all = joined(&g->batch, &g->left, &g->right);
    const labels left = joined(&g->batch, &g->left, NULL);
    const labels right = joined(&g->batch, &g->right, NULL);
    arrange(e, a, &left);
    arrange(e, b, &right);
    widen(e, a, &all);
    widen(e, b, &all);
    fv__value *both[] = { a->value, b->value };
    a->value = fv__onnx_line(e->to, e->node, 2, both, "mul");
}

/* [batch, left, summed] times [batch, summed, right], each group as one axis.
 */
static void multiply_matrices(const einsum *e, operand *a, operand *b,
                              const groups *g)
{
    const labels left = joined(&g->batch, &g->left, &g->summed);
    const labels right = joined(&g->batch, &g->summed, &g->right);
    const labels all = joined(&g->batch, &g->left, &g->right);
    const int32_t batch = g->batch.count;
    const int64_t rows = size_of(e, a, &g->left);
    const int64_t columns = size_of(e, b, &g->right);
    const int64_t steps = size_of(e, a, &g->summed);
    int64_t apart[2 * FV_MAX_RANK];
    int32_t n = 0;
    for (int32_t i = 0; i < g->left.count; i++)
        apart[n++] = extent_of(e, a, g->left.at[i]);
    for (int32_t i = 0; i < g->right.count; i++)
        apart[n++] = extent_of(e, b, g->right.at[i]);
    arrange(e, a, &left);
    arrange(e, b, &right);
    if (a->value && (g->left.count != 1 || g->summed.count != 1))
        reshape(e, a, batch, 2, (int64_t[]){ rows, steps });
    if (b->value && (g->right.count != 1 || g->summed.count != 1))
        reshape(e, b, batch, 2, (int64_t[]){ steps, columns });
    fv__value *both[] = { a->value, b->value };
    a->value = fv__onnx_line(e->to, e->node, 2, both, "matmul");
    a->of = all;
    if (a->value && (g->left.count != 1 || g->right.count != 1))
        reshape(e, a, batch, n, apart);
}

/* a becomes the product of both; operands from k on follow. */
static void multiply(const einsum *e, operand *a, operand *b, int32_t k)
{
    groups g = { .batch.count = 0 };
    for (int32_t i = 0; i < a->of.count; i++) {
        const int32_t label = a->of.at[i];
        append(find(&b->of, label) < 0  ? &g.left
               : is_needed(e, label, k) ? &g.batch
                                        : &g.summed,
               label);
    }
    for (int32_t i = 0; i < b->of.count; i++)
        if (find(&a->of, b->of.at[i]) < 0) append(&g.right, b->of.at[i]);
    if (g.batch.count + g.left.count + g.right.count > FV_MAX_RANK) {
        fv__onnx_refuse(e->to, e->node, "its product has more than %d axes",
                        FV_MAX_RANK);
        a->value = NULL;
    } else if (g.summed.count) {
        multiply_matrices(e, a, b, &g);
    } else {
        multiply_elements(e, a, b, &g);
    }
}

static fv_status translate(fv__importer *to, fv__onnx_node *node)
{
    einsum *e = fv__onnx_allocate(to, sizeof *e);
    const char *equation = fv__onnx_text(to, node, "equation", "");
    if (!e) return fv_failed(to->context);
    if (node->num_inputs < 1 || node->num_inputs > MOST_OPERANDS)
        return fv__onnx_refuse(to, node, "%d inputs, expected 1 to %d",
                               node->num_inputs, MOST_OPERANDS);
    *e = (einsum){ .to = to, .node = node, .count = node->num_inputs };
    if (!read_equation(e, equation)) return FV_UNSUPPORTED;
    operand *x = &e->operands[0];
    const labels none = { .count = 0 };
    take_diagonals(e, x);
    sum_out(e, x, 1, &none);
    for (int32_t k = 1; x->value && k < e->count; k++) {
        operand *y = &e->operands[k];
        take_diagonals(e, y);
        sum_out(e, y, k + 1, &x->of);
        if (y->value)
            multiply(e, x, y, k + 1);
        else
            x->value = NULL;
    }
    if (x->value) arrange(e, x, &e->result);
    return fv__onnx_set(node, 0, x->value);
}

const fv__onnx_operator fv__onnx_einsums[] = {
    { "Einsum", translate, NULL },
    { NULL, NULL, NULL },
};
