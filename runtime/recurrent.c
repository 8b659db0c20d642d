/* Recurrent networks. */

/* Images of x [images][steps][features], directions of so many units, and for
 * each unit its gates: `products` have a product of the state, which for the
 * first `sums` is added to one of the input. */
typedef struct recurrence {
    int32_t images, steps, features, units, directions;
    bool from_end; /* the first direction goes from the end */
    int32_t gates, products, sums;
} recurrence;

/* Where the weights of a direction are: of the input, for the first gates and
 * the others, of the state the same, then both biases; -1: none. */
enum { OF_INPUT, OF_INPUT_MORE, OF_STATE, OF_STATE_MORE, BIASES, STATE_BIASES };

/* A step of n units: from gates, h and c to the next h and c. */
typedef void cell_step(size_t n, float *gates, float *h, float *c);

static void lstm_step(size_t n, float *gates, float *h, float *c)
{
    lstm_units(n, n, gates, c, c, h);
}

static void gru_step(size_t n, float *gates, float *h, float *c)
{
    (void)c;
    gru_units(n, n, gates, h, h);
}

static void rnn_step(size_t n, float *gates, float *h, float *c)
{
    (void)c;
    for (size_t j = 0; j < n; j++) h[j] = real_tanh(gates[j]);
}

/* y (+)= n sums, whose weights are panels of WIDE, and a bias. */
static void add_sums(const run *runs, int32_t num_runs, int32_t terms,
                     int32_t n, bool adds, const float *weights,
                     const float *bias, const float *x, float *y)
{
    for (int32_t f = 0; f < n; f += WIDE) {
        const float *w = weights + f * terms;
        const int32_t width = n - f < WIDE ? n - f : WIDE;
        float s[WIDE], sums[WIDE] = { 0 };
        for (int32_t j = 0; j < width && adds; j++) sums[j] = y[f + j];
        for (int32_t r = 0; r < num_runs; r++) {
            for (int j = 0; j < WIDE; j++) s[j] = 0;
            for (int32_t k = runs[r].at; k < runs[r].at + runs[r].count; k++) {
                const float a = x[k];
                ROLLED
                for (int j = 0; j < WIDE; j++) s[j] = FMA(a, w[j], s[j]);
                w += WIDE;
            }
            for (int j = 0; j < WIDE; j++)
                sums[j] = r || adds ? sums[j] + s[j] : s[j];
        }
        for (int32_t j = 0; j < width; j++)
            y[f + j] = bias ? sums[j] + bias[f + j] : sums[j];
    }
}

/* A bias from unit `first` on. */
static const float *bias_at(const float *weights, int32_t at, int32_t first)
{
    return at < 0 ? NULL : weights + at + first;
}

/* The gates of a step, from x and h. */
static void find_gates(const recurrence *r, const run *const runs[2],
                       const int32_t num_runs[2], const int32_t places[6],
                       const float *weights, const float *x, const float *h,
                       float *gates)
{
    const int32_t first = r->sums * r->units;
    const int32_t rest = (r->products - r->sums) * r->units;
    add_sums(runs[0], num_runs[0], r->features, first, false,
             weights + places[OF_INPUT], bias_at(weights, places[BIASES], 0), x,
             gates);
    add_sums(runs[0], num_runs[0], r->features, rest, false,
             weights + places[OF_INPUT_MORE],
             bias_at(weights, places[BIASES], first), x,
             gates + r->products * r->units);
    add_sums(runs[1], num_runs[1], r->units, first, true,
             weights + places[OF_STATE],
             bias_at(weights, places[STATE_BIASES], 0), h, gates);
    add_sums(runs[1], num_runs[1], r->units, rest, false,
             weights + places[OF_STATE_MORE],
             bias_at(weights, places[STATE_BIASES], first), h, gates + first);
}

/* h and c are [images][directions][units], first ones that may be NULL, and
 * last ones; last_c may be NULL. */
APART static void recur(const recurrence *r, cell_step *step,
                        const run *const runs[2], const int32_t num_runs[2],
                        const int32_t places[][6], const float *weights,
                        const float *first_h, const float *first_c,
                        const float *x, float *y, float *last_h, float *last_c,
                        float *gates)
{
    const size_t bytes = (size_t)r->units * sizeof(float);
    float *h = gates + r->gates * r->units, *c = h + r->units;
    for (int32_t i = 0; i < r->images * r->directions; i++) {
        const int32_t d = i % r->directions, image = i / r->directions;
        memset(h, 0, 2 * bytes);
        if (first_h) memcpy(h, first_h + i * r->units, bytes);
        if (first_c) memcpy(c, first_c + i * r->units, bytes);
        for (int32_t s = 0; s < r->steps; s++) {
            const bool back = d == 1 || r->from_end;
            const int32_t at = image * r->steps + (back ? r->steps - 1 - s : s);
            find_gates(r, runs, num_runs, places[d], weights,
                       x + at * r->features, h, gates);
            step((size_t)r->units, gates, h, c);
            memcpy(y + (at * r->directions + d) * r->units, h, bytes);
        }
        memcpy(last_h + i * r->units, h, bytes);
        if (last_c) memcpy(last_c + i * r->units, c, bytes);
    }
}
