/* The arithmetic of recurrent cells between the matrix products. A unit's
 * gates lie `gate` elements apart. */
#include "kernel/isa/elementary.h"

INLINE real sigmoid_slope(real y) { return y * (1 - y); }
INLINE real tanh_slope(real y) { return FMA(-y, y, 1); }

INLINE void lstm_units(size_t n, size_t gate, real *in, const real *before,
                       real *c, real *h)
{
    real *forget = in + gate, *fresh = forget + gate, *out = fresh + gate;
    INDEPENDENT
    for (size_t j = 0; j < n; j++) {
        const real i = real_sigmoid(in[j]), f = real_sigmoid(forget[j]);
        const real g = real_tanh(fresh[j]), o = real_sigmoid(out[j]);
        const real now = FMA(f, before[j], i * g);
        in[j] = i;
        forget[j] = f;
        fresh[j] = g;
        out[j] = o;
        c[j] = now;
        h[j] = o * real_tanh(now);
    }
}

void FV_KERNEL(lstm)(size_t n, size_t gate, void *gates, const void *c_before,
                     void *c, void *h)
{
    lstm_units(n, gate, gates, c_before, c, h);
}

void FV_KERNEL(lstm_grad)(size_t n, size_t gate, void *gates,
                          const void *c_before, const void *c_, const void *dh_,
                          void *dc_)
{
    real *in = gates, *forget = in + gate, *new = forget + gate;
    real *out = new + gate, *dc = dc_;
    const real *before = c_before, *c = c_, *dh = dh_;
    INDEPENDENT
    for (size_t j = 0; j < n; j++) {
        const real i = in[j], f = forget[j], g = new[j], o = out[j];
        const real t = real_tanh(c[j]);
        const real slope = FMA(dh[j] * o, tanh_slope(t), dc[j]);
        in[j] = slope * g * sigmoid_slope(i);
        forget[j] = slope * before[j] * sigmoid_slope(f);
        new[j] = slope *i *tanh_slope(g);
        out[j] = dh[j] * t * sigmoid_slope(o);
        dc[j] = slope * f;
    }
}

INLINE void gru_units(size_t n, size_t gate, real *reset, const real *before,
                      real *h)
{
    real *update = reset + gate, *fresh = update + 2 * gate;
    const real *state = update + gate;
    INDEPENDENT
    for (size_t j = 0; j < n; j++) {
        const real r = real_sigmoid(reset[j]), z = real_sigmoid(update[j]);
        const real g = real_tanh(FMA(r, state[j], fresh[j]));
        reset[j] = r;
        update[j] = z;
        fresh[j] = g;
        h[j] = FMA(z, before[j] - g, g);
    }
}

void FV_KERNEL(gru)(size_t n, size_t gate, void *gates, const void *h_before,
                    void *h)
{
    gru_units(n, gate, gates, h_before, h);
}

void FV_KERNEL(gru_grad)(size_t n, size_t gate, void *gates,
                         const void *h_before, void *dh_)
{
    real *reset = gates, *update = reset + gate, *dh = dh_;
    real *state = update + gate, *new = state + gate;
    const real *before = h_before;
    INDEPENDENT
    for (size_t j = 0; j < n; j++) {
        const real r = reset[j], z = update[j], g = new[j];
        const real inner = dh[j] * (1 - z) * tanh_slope(g);
        reset[j] = inner * state[j] * sigmoid_slope(r);
        update[j] = dh[j] * (before[j] - g) * sigmoid_slope(z);
        state[j] = inner * r;
        new[j] = inner;
        dh[j] *= z;
    }
}
