/* Writes reductions along axes that lie together. */
#include "export/emitters.h"

extern const fv_operator fv__op_mean, fv__op_max;

/* The operand as [outer, extent, inner], reduced along the middle. */
typedef struct job {
    int64_t outer, extent, inner;
    bool apart; /* axes that stay lie between those that are reduced */
} job;

static job job_of(const fv__node *node)
{
    const fv_tensor *x = node->values[0];
    const fv_tensor kept = fv__reduction_kept(node->attributes, x);
    job j = { 1, 1, 1, false };
    for (int32_t i = 0; i < x->rank; i++) {
        if (x->shape[i] == 1) continue;
        if (kept.shape[i] == x->shape[i]) {
            *(j.extent == 1 ? &j.outer : &j.inner) *= x->shape[i];
            continue;
        }
        j.apart = j.apart || j.inner != 1;
        j.extent *= x->shape[i];
    }
    return j;
}

const char *fv__lacks_reduction(const fv__node *node)
{
    const job j = job_of(node);
    if (j.apart) return "axes that do not lie together";
    return fv_tensor_count(node->values[0]) ? NULL : "no elements";
}

/* Sums of many rows of few columns, and of very many rows, are cut. */
const char *fv__lacks_sum(const fv__node *node)
{
    enum { FEW = 16, MOST = 1 << 24 };
    const job j = job_of(node);
    if (j.inner > 1 && ((j.inner < FEW && j.extent >= 2048) || j.extent > MOST))
        return "sums of many rows";
    return fv__lacks_reduction(node);
}

static void write_call(fv__export *e, const fv__node *node, const job *j,
                       const char *function)
{
    fv__text_add(&e->calls,
                 "        static const reduction r = { %lld, %lld, %lld };\n"
                 "        %s%s, %s);\n",
                 (long long)j->outer, (long long)j->extent, (long long)j->inner,
                 function, fv__export_at(e, node->inputs[0]),
                 fv__export_at(e, node->outputs[0]));
}

void fv__write_sum_of(fv__export *e, const fv__node *node)
{
    const job j = job_of(node);
    const char *y = fv__export_at(e, node->outputs[0]);
    if (j.extent == 1)
        fv__export_copy(e, y, fv__export_at(e, node->inputs[0]),
                        fv_tensor_count(node->results[0]));
    else
        write_call(e, node, &j,
                   j.inner == 1 ? "sum_rows(&r, " : "sum_columns(&r, ");
    if (node->op == &fv__op_mean)
        fv__write_quotient(e, fv_tensor_count(node->results[0]), y, y,
                           (double)j.extent);
}

void fv__write_extreme(fv__export *e, const fv__node *node)
{
    const job j = job_of(node);
    write_call(e, node, &j,
               node->op == &fv__op_max ? "extremes(&r, 1, "
                                       : "extremes(&r, -1, ");
}
