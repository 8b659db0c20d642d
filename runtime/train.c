/* What a training step needs besides sums: a clamp's limit, additions, random
 * numbers and a check. */

/* The upper limit of a clamp as its gradient compares with it: infinity is no
 * limit. */
INLINE real clamp_limit(real high)
{
    return high < REAL_INFINITY ? high : REAL_NAN;
}

/* y += a x, for a = 1 or -1. */
static void add_scaled(int32_t n, float a, const float *x, float *y)
{
    INDEPENDENT
    for (int32_t i = 0; i < n; i++) y[i] = FMA(a, x[i], y[i]);
}

static bool all_finite(int32_t n, const float *x)
{
    bool is_bad = false;
    for (int32_t i = 0; i < n; i++) is_bad |= !(fabsf(x[i]) <= FLT_MAX);
    return !is_bad;
}

/* Philox 4x32-10 (Salmon, Moraes, Dror and Shaw 2011): random words as a
 * function of seed, stream and index. */
static void random_words(uint64_t seed, uint64_t stream, uint64_t index,
                         uint32_t words[4])
{
    uint32_t c[4] = { (uint32_t)index, (uint32_t)(index >> 32),
                      (uint32_t)stream, (uint32_t)(stream >> 32) };
    uint32_t k[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
    for (int i = 0; i < 10; i++) {
        const uint64_t a = (uint64_t)0xD2511F53u * c[0];
        const uint64_t b = (uint64_t)0xCD9E8D57u * c[2];
        const uint32_t first = (uint32_t)(b >> 32) ^ c[1] ^ k[0];
        const uint32_t third = (uint32_t)(a >> 32) ^ c[3] ^ k[1];
        c[0] = first;
        c[1] = (uint32_t)b;
        c[2] = third;
        c[3] = (uint32_t)a;
        k[0] += 0x9E3779B9u;
        k[1] += 0xBB67AE85u;
    }
    for (int i = 0; i < 4; i++) words[i] = c[i];
}

/* Numbers are kept, and scaled, where a random word is at least `least`, and
 * else 0; `adds`: they are added to y. */
APART static void drop_out(int32_t n, uint64_t seed, uint64_t stream,
                           uint64_t least, float scale, bool adds,
                           const float *x, float *y)
{
    uint32_t words[4];
    for (int32_t i = 0; i < n; i++) {
        if (i % 4 == 0) random_words(seed, stream, (uint64_t)i / 4, words);
        const bool is_kept = words[i % 4] >= least;
        if (!adds)
            y[i] = is_kept ? x[i] * scale : 0;
        else if (is_kept)
            y[i] = FMA(x[i], scale, y[i]);
    }
}

/* As move_elements, but adds. */
APART static void add_elements(const loops *l, const float *x, float *y)
{
    int32_t index[8] = { 0 }, from = l->x, to = l->y;
    const int32_t last = l->rank - 1, n = l->extent[last];
    for (;;) {
        int32_t axis = last - 1;
        for (int32_t i = 0; i < n; i++)
            y[to + i * l->y_step[last]] += x[from + i * l->x_step[last]];
        for (; axis >= 0; axis--) {
            from += l->x_step[axis];
            to += l->y_step[axis];
            if (++index[axis] < l->extent[axis]) break;
            from -= l->x_step[axis] * index[axis];
            to -= l->y_step[axis] * index[axis];
            index[axis] = 0;
        }
        if (axis < 0) return;
    }
}

APART static void scatter(int32_t n, const int32_t *to, const float *x,
                          float *y)
{
    for (int32_t i = 0; i < n; i++) y[to[i]] = x[i];
}

APART static void scatter_add(int32_t n, const int32_t *to, const float *x,
                              float *y)
{
    for (int32_t i = 0; i < n; i++) y[to[i]] += x[i];
}
