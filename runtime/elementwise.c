/* Functions of two elements, of operands that are broadcast. */

typedef struct broadcast {
    int32_t rank;
    int32_t extent[8], a_step[8], b_step[8];
} broadcast;

/* A function of two elements, for n of each or one that is repeated (step 0).
 */
typedef void pairwise(int32_t n, const float *a, int32_t a_step, const float *b,
                      int32_t b_step, float *to);

APART static void each_broadcast(const broadcast *s, pairwise *f,
                                 const float *a, const float *b, float *to)
{
    int32_t index[8] = { 0 }, in_a = 0, in_b = 0;
    const int32_t last = s->rank - 1;
    for (;;) {
        int32_t axis = last - 1;
        f(s->extent[last], a + in_a, s->a_step[last], b + in_b, s->b_step[last],
          to);
        to += s->extent[last];
        for (; axis >= 0; axis--) {
            in_a += s->a_step[axis];
            in_b += s->b_step[axis];
            if (++index[axis] < s->extent[axis]) break;
            in_a -= s->a_step[axis] * index[axis];
            in_b -= s->b_step[axis] * index[axis];
            index[axis] = 0;
        }
        if (axis < 0) return;
    }
}
