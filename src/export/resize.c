/* Writes resizing. */
#include "export/emitters.h"

#include "op/resize/resize.h"

#include <stdio.h>

/* Numbers of the image after pass k, rounded up to a line of a cache. */
static int64_t between(const fv__resize_plan *p, int32_t k)
{
    return (fv__product(p->rank, p->shape[k + 1]) + 15) / 16 * 16;
}

const char *fv__lacks_resize(const fv__node *node)
{
    const fv__resize_plan *p = node->resolved;
    for (int32_t k = 0; k < p->passes; k++)
        if (fv__chain_is_cut(
                (fv__chain){ 1, p->axes[p->axis[k]].taps.width, 1 }))
            return "sums of 2048 pixels or more";
    return NULL;
}

int64_t fv__scratch_resize(const fv__node *node)
{
    const fv__resize_plan *p = node->resolved;
    int64_t count = 0;
    for (int32_t k = 0; k + 1 < p->passes; k++) count += between(p, k);
    return count;
}

static void write_table(fv__export *e, const char *name, int64_t count,
                        const int32_t values[])
{
    fv__text_add(&e->calls, "            static const int32_t %s[] = {", name);
    for (int64_t i = 0; i < count; i++)
        fv__text_add(&e->calls, "%s%d",
                     i % 12 ? ", "
                     : i    ? ",\n                "
                            : "\n                ",
                     values[i]);
    fv__text_add(&e->calls, "\n            };\n");
}

static void write_pass(fv__export *e, const fv__resize_plan *p, int32_t k,
                       const char *x, const char *y)
{
    const fv__taps *t = &p->axes[p->axis[k]].taps;
    const int64_t *shape = p->shape[k];
    const int32_t axis = p->axis[k] + 1;
    const float *weights = t->weight;
    size_t at;
    float *room = fv__export_room(e, (size_t)(t->outputs * t->width), &at);
    for (int64_t o = 0; room && o < t->outputs; o++)
        for (int64_t i = 0; i < t->count[o]; i++)
            room[o * t->width + i] = weights[o * t->width + i];
    fv__text_add(&e->calls, "        {\n");
    write_table(e, "first", t->outputs, t->first);
    write_table(e, "count", t->outputs, t->count);
    fv__text_add(&e->calls,
                 "            resample(%lld, %lld, %lld, %lld, %lld, first, "
                 "count, weights "
                 "+ %zu, %s, %s);\n        }\n",
                 (long long)fv__product(axis, shape), (long long)t->inputs,
                 (long long)t->outputs,
                 (long long)fv__product(p->rank - axis - 1, shape + axis + 1),
                 (long long)t->width, at, x, y);
}

void fv__write_resize(fv__export *e, const fv__node *node)
{
    const fv__resize_plan *p = node->resolved;
    char from[96], to[96];
    int64_t at = 0;
    snprintf(from, sizeof from, "%s", fv__export_at(e, node->inputs[0]));
    if (!p->passes) fv__write_same(e, node);
    for (int32_t k = 0; k < p->passes; k++) {
        if (k + 1 < p->passes)
            snprintf(to, sizeof to, "%s + %lld", fv__export_scratch(e, node),
                     (long long)at);
        else
            snprintf(to, sizeof to, "%s", fv__export_at(e, node->outputs[0]));
        write_pass(e, p, k, from, to);
        at += between(p, k);
        snprintf(from, sizeof from, "%s", to);
    }
}
