/* Writes matrix products. */
#include "export/convolution.h"

/* The tensor without its last two axes. */
static fv_tensor leading(const fv_tensor *tensor)
{
    fv_tensor axes = *tensor;
    axes.rank -= 2;
    return axes;
}

/* Declares where each matrix of operand k begins. */
static void write_places(fv__export *e, const fv__broadcast_iterator *all,
                         int32_t k, const char *name, int64_t size)
{
    const int64_t count = fv__broadcast_count(all, 0, all->rank);
    fv__cursor place = { .at = { 0 } };
    fv__text_add(&e->calls, "        static const int32_t %s[] = {", name);
    for (int64_t i = 0; i < count; i++) {
        const int64_t at = place.at[k] * size;
        fv__text_add(&e->calls, "%s%lld", i ? ", " : " ", (long long)at);
        fv__broadcast_next(all, 0, all->rank, &place);
    }
    fv__text_add(&e->calls, " };\n");
}

void fv__write_matmul(fv__export *e, const fv__node *node)
{
    const fv_tensor *a = node->values[0], *b = node->values[1];
    const fv_tensor whole = leading(node->results[0]);
    const fv_tensor axes_a = leading(a), axes_b = leading(b);
    const fv_tensor *tensors[] = { &axes_a, &axes_b };
    const long long m = a->shape[a->rank - 2], k = a->shape[a->rank - 1];
    const long long n = b->shape[b->rank - 1];
    fv__broadcast_iterator all;
    fv__broadcast_begin(&all, &whole, 2, tensors);
    write_places(e, &all, 0, "a_at", m * k);
    write_places(e, &all, 1, "b_at", k * n);
    const int32_t runs = fv__write_sum(e, "runs", k);
    fv__text_add(
        &e->calls,
        "        multiply_matrices(%lld, a_at, b_at, %lld, %lld, %lld, "
        "runs, %d, %s, %s, %s);\n",
        (long long)fv__broadcast_count(&all, 0, all.rank), m, n, k, runs,
        fv__export_at(e, node->inputs[0]), fv__export_at(e, node->inputs[1]),
        fv__export_at(e, node->outputs[0]));
}
