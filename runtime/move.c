/* Elements that only move. */

/* Nested loops over elements of x and of y, with their distances in each. */
typedef struct loops {
    int32_t rank, x, y; /* where they begin */
    int32_t extent[8], x_step[8], y_step[8];
} loops;

APART static void move_elements(const loops *l, const float *x, float *y)
{
    int32_t index[8] = { 0 }, from = l->x, to = l->y;
    const int32_t last = l->rank - 1, n = l->extent[last];
    const int32_t x_step = l->x_step[last], y_step = l->y_step[last];
    for (;;) {
        int32_t axis = last - 1;
        if (x_step == 1 && y_step == 1)
            memcpy(y + to, x + from, (size_t)n * sizeof *y);
        else
            for (int32_t i = 0; i < n; i++)
                y[to + i * y_step] = x[from + i * x_step];
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

APART static void gather(int32_t n, const int32_t *from, const float *x,
                         float *y)
{
    for (int32_t i = 0; i < n; i++) y[i] = x[from[i]];
}

static void fill(int32_t n, float value, float *y)
{
    for (int32_t i = 0; i < n; i++) y[i] = value;
}
