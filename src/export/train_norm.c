/* Writes batch normalisation in training, or of statistics that training
 * changes, and its gradient. */
#include "export/train.h"

#include "op/norm/affine.h"

enum { Y, NEW_MEAN, NEW_VARIANCE };
enum { BLOCK_ELEMENTS = 1 << 14, BLOCK_ROWS = 32, COLUMNS = 16 };

/* The inputs; -1: none. */
typedef struct places {
    int32_t gamma, beta, mean, variance;
} places;

static places places_of(const fv__node *node)
{
    const fv__batchnorm *a = node->attributes;
    int32_t next = 1;
    places p = { -1, -1, -1, -1 };
    if (!(a->without & FV__NO_AFFINE)) p.gamma = next++, p.beta = next++;
    if (!(a->without & FV__NO_STATISTICS)) p.mean = next++, p.variance = next++;
    return p;
}

static bool by_batch(const fv__node *node)
{
    return node->training || places_of(node).mean < 0;
}

const char *fv__lacks_trained_batchnorm(const fv__node *node)
{
    const fv__batchnorm *a = node->attributes;
    return a->without & FV__NO_MOMENTUM ? "cumulative statistics" : NULL;
}

static int64_t channels_of(const fv__node *node)
{
    const fv_tensor *x = node->values[0];
    return x->shape[x->rank - 1];
}

static int64_t rows_of(const fv__node *node)
{
    return fv_tensor_count(node->values[0]) / channels_of(node);
}

/* Rows of a block, as src/op/norm/batchnorm.c cuts them. */
static int64_t each_of(const fv__node *node)
{
    return fv__max(BLOCK_ELEMENTS / channels_of(node), BLOCK_ROWS);
}

static int64_t sums_of(const fv__node *node)
{
    return 2 * fv__divide_up(rows_of(node), each_of(node)) * COLUMNS;
}

int64_t fv__saved_batchnorm(const fv__node *node)
{
    return 2 * channels_of(node);
}

/* Without a backward pass mean and deviation are scratch, too. */
int64_t fv__scratch_trained_batchnorm(const fv__node *node)
{
    const int64_t c = channels_of(node);
    return 4 * c + (by_batch(node) ? sums_of(node) : 0);
}

int64_t fv__scratch_batchnorm_grad(const fv__node *node)
{
    return 4 * channels_of(node) + sums_of(node);
}

static void write_sizes(fv__export *e, const fv__node *node)
{
    const fv__batchnorm *a = node->attributes;
    fv__text_add(&e->calls,
                 "        static const batch_norm b = { %lld, %lld, %lld, %s, "
                 "%s, %s, %s };\n",
                 (long long)rows_of(node), (long long)channels_of(node),
                 (long long)each_of(node), FV__NUMBER(a->epsilon),
                 FV__NUMBER(a->momentum), FV__C_NUMBER(a->low),
                 FV__C_NUMBER(a->high));
}

static const char *or_null(fv__export *e, const fv__node *node, int32_t k)
{
    return k >= 0 ? fv__export_at(e, node->inputs[k]) : "NULL";
}

/* "GAMMA, BETA" */
static void write_affine(fv__export *e, const fv__node *node)
{
    const places p = places_of(node);
    fv__text_add(&e->calls, "%s, ", or_null(e, node, p.gamma));
    fv__text_add(&e->calls, "%s", or_null(e, node, p.beta));
}

void fv__write_trained_batchnorm(fv__export *e, const fv__node *node)
{
    const places p = places_of(node);
    const bool batch = by_batch(node), news = node->num_outputs > NEW_VARIANCE;
    const long long c = channels_of(node);
    write_sizes(e, node);
    fv__text_add(&e->calls, "        float *const space = %s;\n",
                 fv__export_scratch(e, node));
    fv__text_add(&e->calls, "        %s(&b, ",
                 batch ? "norm_forward" : "norm_apply");
    write_affine(e, node);
    fv__text_add(&e->calls, ", %s, ",
                 or_null(e, node, batch && !news ? -1 : p.mean));
    fv__text_add(&e->calls, "%s, ",
                 or_null(e, node, batch && !news ? -1 : p.variance));
    for (int k = NEW_MEAN; batch && k <= NEW_VARIANCE; k++)
        fv__text_add(&e->calls, "%s, ",
                     news ? fv__export_at(e, node->outputs[k]) : "NULL");
    fv__text_add(&e->calls, "%s, ", fv__export_at(e, node->inputs[0]));
    if (batch && node->active)
        fv__text_add(&e->calls, "%s, ", fv__saved_at(e, node));
    else if (batch)
        fv__text_add(&e->calls, "space + %lld, ", 2 * c + sums_of(node));
    fv__text_add(&e->calls, "space, %s);\n",
                 fv__export_at(e, node->outputs[Y]));
}

static const char *grad_or_null(fv__export *e, const fv__node *node, int32_t k)
{
    return k >= 0 && node->grads[k] ? fv__grad_at(e, node->inputs[k]) : "NULL";
}

void fv__write_batchnorm_grad(fv__export *e, const fv__node *node)
{
    const places p = places_of(node);
    write_sizes(e, node);
    fv__text_add(&e->calls, "        norm_backward(&b, ");
    write_affine(e, node);
    fv__text_add(&e->calls, ", %s, %s, %s, %s, ",
                 fv__export_at(e, node->inputs[0]), fv__saved_at(e, node),
                 fv__grad_at(e, node->outputs[Y]),
                 fv__backward_scratch_at(e, node));
    fv__text_add(&e->calls, "%s, %s, ", grad_or_null(e, node, p.gamma),
                 grad_or_null(e, node, p.beta));
    fv__text_add(&e->calls, "%s, %s);\n",
                 node->grads[0] && fv__adds(node, 0) ? "true" : "false",
                 grad_or_null(e, node, 0));
}
