/* Writes normalisations and softmax. */
#include "export/emitters.h"

#include "op/activation/rows.h"
#include "op/norm/groupnorm.h"
#include "op/norm/lrn.h"
#include "op/norm/rownorm.h"

#include <math.h>
#include <stdio.h>

/* ---- batch normalisation ------------------------------------------------- */

enum { GAMMA = 1, BETA, MEAN, VARIANCE };

const char *fv__lacks_batchnorm(const fv__node *node)
{
    const fv__batchnorm *a = node->attributes;
    return a->without & FV__NO_STATISTICS ? "statistics of the batch" : NULL;
}

/* mean, scale and shift follow each other. */
void fv__write_batchnorm(fv__export *e, const fv__node *node)
{
    const fv__batchnorm *a = node->attributes;
    const bool plain = a->without & FV__NO_AFFINE;
    const int32_t first = plain ? MEAN - BETA : MEAN;
    const float *mean = node->values[first]->data;
    const float *variance = node->values[first + 1]->data;
    const float *gamma = plain ? NULL : node->values[GAMMA]->data;
    const float *beta = plain ? NULL : node->values[BETA]->data;
    const int64_t c = node->values[first]->shape[0];
    const int64_t count = fv_tensor_count(node->results[0]);
    size_t at;
    float *room = fv__export_room(e, 3 * (size_t)c, &at);
    for (int64_t j = 0; room && j < c; j++) {
        const float inverse =
            (float)(1 / sqrt((double)variance[j] + a->epsilon));
        room[j] = mean[j];
        room[c + j] = gamma ? inverse * gamma[j] : inverse;
        room[2 * c + j] = beta ? beta[j] : 0;
    }
    fv__text_add(
        &e->calls,
        "        normalise_columns(%lld, %lld, weights + %zu, weights + "
        "%zu, weights + %zu, %s, %s, %s, %s);\n",
        (long long)(c ? count / c : 0), (long long)c, at, at + (size_t)c,
        at + 2 * (size_t)c, FV__C_NUMBER(a->low), FV__C_NUMBER(a->high),
        fv__export_at(e, node->inputs[0]), fv__export_at(e, node->outputs[0]));
}

/* ---- rows ---------------------------------------------------------------- */

void fv__write_rownorm(fv__export *e, const fv__node *node)
{
    static const char *const norms[] = { [FV__BY_MOMENTS] = "FV__BY_MOMENTS",
                                         [FV__BY_MEAN_SQUARE] =
                                             "FV__BY_MEAN_SQUARE",
                                         [FV__BY_LENGTH] = "FV__BY_LENGTH" };
    const fv__rownorm *a = node->attributes;
    const fv_tensor *x = node->values[0];
    const int32_t before = x->rank - a->axes;
    fv__text_add(
        &e->calls,
        "        const fv__row_normal normal = { %s, %s, %s, %s };\n"
        "        normalise_rows(%lldu, %lldu, &normal, %s, %s);\n",
        norms[a->norm], FV__NUMBER(a->epsilon),
        node->num_inputs > GAMMA ? fv__export_at(e, node->inputs[GAMMA])
                                 : "NULL",
        node->num_inputs > BETA ? fv__export_at(e, node->inputs[BETA]) : "NULL",
        (long long)fv__product(before, x->shape),
        (long long)fv__product(a->axes, x->shape + before),
        fv__export_at(e, node->inputs[0]), fv__export_at(e, node->outputs[0]));
}

void fv__write_rows(fv__export *e, const fv__node *node)
{
    const fv__rows_operator *a = node->attributes;
    const fv_tensor *x = node->values[0];
    fv__text_add(&e->calls, "        %s(%lldu, %lldu, %s, %s);\n",
                 a->logarithm ? "log_softmax_rows" : "softmax_rows",
                 (long long)fv__product(x->rank - 1, x->shape),
                 (long long)x->shape[x->rank - 1],
                 fv__export_at(e, node->inputs[0]),
                 fv__export_at(e, node->outputs[0]));
}

/* ---- groups and neighbours of channels ----------------------------------- */

static int64_t pixels_of(const fv_tensor *x)
{
    return fv__product(x->rank - 2, x->shape + 1);
}

/* Two rows of channels for each block of pixels, and two more. */
int64_t fv__scratch_groupnorm(const fv__node *node)
{
    const fv_tensor *x = node->values[0];
    const int64_t c = x->shape[x->rank - 1], p = pixels_of(x);
    return 2 * c * (fv__divide_up(p, fv__groupnorm_rows(c)) + 1);
}

const char *fv__lacks_groupnorm(const fv__node *node)
{
    const fv_tensor *x = node->values[0];
    const int64_t rows = fv__groupnorm_rows(x->shape[x->rank - 1]);
    const fv__chain blocks = { 1, 1, fv__divide_up(pixels_of(x), rows) };
    return fv__chain_is_cut(blocks) ? "images that are too large" : NULL;
}

void fv__write_groupnorm(fv__export *e, const fv__node *node)
{
    const fv__groupnorm *a = node->attributes;
    const fv_tensor *x = node->values[0];
    const int64_t c = x->shape[x->rank - 1];
    const char *gamma = node->num_inputs > GAMMA
                            ? fv__export_at(e, node->inputs[GAMMA])
                            : "NULL";
    char zeros[32];
    size_t at;
    if (node->num_inputs <= BETA && fv__export_room(e, (size_t)c, &at))
        snprintf(zeros, sizeof zeros, "weights + %zu", at);
    fv__text_add(
        &e->calls,
        "        static const groups g = { %lld, %lld, %lld, %lld, %lld, %s "
        "};\n"
        "        normalise_groups(&g, %s, %s, %s, %s, %s);\n",
        (long long)x->shape[0], (long long)pixels_of(x), (long long)c,
        (long long)(a->single ? 1 : c / a->groups),
        (long long)fv__groupnorm_rows(c), FV__NUMBER(a->epsilon), gamma,
        node->num_inputs > BETA ? fv__export_at(e, node->inputs[BETA]) : zeros,
        fv__export_at(e, node->inputs[0]), fv__export_at(e, node->outputs[0]),
        fv__export_scratch(e, node));
}

static fv__lrn lrn_of(const fv__node *node)
{
    const fv_tensor *x = node->values[0];
    return fv__lrn_of(node->attributes, x->shape[x->rank - 1]);
}

int64_t fv__scratch_lrn(const fv__node *node)
{
    const fv_tensor *x = node->values[0];
    const fv__lrn lrn = lrn_of(node);
    return 2 * x->shape[x->rank - 1] + (int64_t)(lrn.before + lrn.after);
}

void fv__write_lrn(fv__export *e, const fv__node *node)
{
    const fv_tensor *x = node->values[0];
    const fv__lrn lrn = lrn_of(node);
    fv__text_add(&e->calls,
                 "        normalise_responses(%lld, %lld, %zu, %zu, %s, %s, "
                 "%s, %s, %s, %s);\n",
                 (long long)fv__product(x->rank - 1, x->shape),
                 (long long)x->shape[x->rank - 1], lrn.before, lrn.after,
                 FV__C_NUMBER(lrn.scale), FV__C_NUMBER(lrn.power),
                 FV__C_NUMBER(lrn.k), fv__export_at(e, node->inputs[0]),
                 fv__export_at(e, node->outputs[0]),
                 fv__export_scratch(e, node));
}
