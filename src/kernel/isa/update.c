/* One step of SGD or Adam on an array of weights. */
#include "kernel/isa/isa.h"

void FV_KERNEL(sgd)(size_t n, const fv__sgd *rule, const void *g_, void *w_,
                    void *m_)
{
    const real *g = g_;
    real *w = w_, *m = m_;
    const real rate = (real)rule->learning_rate;
    const real decay = (real)rule->weight_decay;
    const real momentum = (real)rule->momentum;
    const bool nesterov = rule->nesterov;
    if (!m) {
        INDEPENDENT
        for (size_t i = 0; i < n; i++)
            w[i] = FMA(-rate, FMA(decay, w[i], g[i]), w[i]);
        return;
    }
    INDEPENDENT
    for (size_t i = 0; i < n; i++) {
        const real slope = FMA(decay, w[i], g[i]);
        const real moved = FMA(momentum, m[i], slope);
        m[i] = moved;
        w[i] = FMA(-rate, nesterov ? FMA(momentum, moved, slope) : moved, w[i]);
    }
}

void FV_KERNEL(adam)(size_t n, const fv__adam *rule, const void *g_, void *w_,
                     void *m_, void *v_)
{
    const real *g = g_;
    real *w = w_, *m = m_, *v = v_;
    const real beta1 = (real)rule->beta1, rest1 = (real)(1 - rule->beta1);
    const real beta2 = (real)rule->beta2, rest2 = (real)(1 - rule->beta2);
    const real step = (real)(rule->learning_rate / rule->correction1);
    const real root = (real)__builtin_sqrt(rule->correction2);
    const real epsilon = (real)rule->epsilon;
    /* Weight decay either shrinks the weight (AdamW) or is added to the
     * gradient. */
    const double shrink = rule->learning_rate * rule->weight_decay;
    const real keep = rule->decoupled ? (real)(1 - shrink) : 1;
    const real decay = rule->decoupled ? 0 : (real)rule->weight_decay;
    INDEPENDENT
    for (size_t i = 0; i < n; i++) {
        const real slope = FMA(decay, w[i], g[i]);
        const real mean = FMA(beta1, m[i], rest1 * slope);
        const real square = FMA(beta2, v[i], rest2 * slope * slope);
        m[i] = mean;
        v[i] = square;
        const real scale = SQRT(square) / root + epsilon;
        w[i] = FMA(-step, mean / scale, w[i] * keep);
    }
}
