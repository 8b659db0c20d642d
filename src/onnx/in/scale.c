/* Convolutions and matrix products whose channels are then multiplied by known
 * numbers, or have some added: the same with other weights and a bias. */
#include "onnx/in/fuse.h"

enum { MOST_STEPS = 4 };

/* A convolution or a product with a matrix of weights, and what is done with
 * its channels, the first step first. */
typedef struct scaled {
    const fv__onnx_node_message *made; /* the convolution or product */
    bool product;           /* weight [features, channels], channels last */
    fv_tensor weight, bias; /* copies; bias.data NULL: there is none */
    int32_t count;
    char steps[MOST_STEPS];       /* * + - */
    fv__value *inner[MOST_STEPS]; /* what each step reads */
    fv_tensor numbers[MOST_STEPS];
} scaled;

/* A copy of known real numbers; false: they are none. */
static bool reals_of(fv__importer *to, const char *name, fv_tensor *reals)
{
    fv_dtype dtype;
    const fv__onnx_tensor *message = message_of(to, name);
    if (!message || !fv__onnx_dtype(to->context, message->data_type, &dtype)
        || !fv__dtype_is_real(dtype))
        return false;
    return fv__onnx_numbers(to, to->shown, message, reals) == FV_OK;
}

static bool read_conv(fv__importer *to, const fv__onnx_node_message *m,
                      scaled *s)
{
    const bool biased = m->n_input > 2 && m->input[2] && *m->input[2];
    s->made = m;
    return m->n_input > 1 && reals_of(to, m->input[1], &s->weight)
           && s->weight.rank > 2
           && (!biased
               || (reals_of(to, m->input[2], &s->bias)
                   && fv_tensor_count(&s->bias) == s->weight.shape[0]));
}

static bool read_product(fv__importer *to, const fv__onnx_node_message *m,
                         scaled *s)
{
    s->made = m;
    s->product = true;
    return m->n_input == 2 && reals_of(to, m->input[1], &s->weight)
           && s->weight.rank == 2;
}

static int64_t channels_of(const scaled *s)
{
    return s->weight.shape[s->product ? 1 : 0];
}

/* A copy of known real numbers that differ along one axis at most. */
static bool row_of(fv__importer *to, const char *name, fv_tensor *row)
{
    const fv__onnx_tensor *message = message_of(to, name);
    int32_t axes = 0;
    for (size_t i = 0; message && i < message->n_dims; i++)
        axes += message->dims[i] != 1;
    return axes < 2 && reals_of(to, name, row);
}

/* Whether the numbers are one, or one for each channel of the output. */
static bool fits(const scaled *s, const fv_tensor *numbers)
{
    const int32_t axis =
        s->product ? numbers->rank - 1 : numbers->rank - s->weight.rank + 1;
    for (int32_t i = 0; i < numbers->rank; i++)
        if (numbers->shape[i] != 1
            && (i != axis || numbers->shape[i] != channels_of(s)))
            return false;
    return numbers->rank <= (s->product ? 1 : s->weight.rank);
}

/* Reads the value as one of them and steps after it that nobody else sees. */
static bool read_scaled(fv__importer *to, const char *name, int32_t depth,
                        scaled *s)
{
    static const char *const kinds[] = { "Mul", "Add", "Sub" };
    const fv__onnx_node_message *m = maker_of(to, name);
    if (is_kind(m, "Conv")) return depth > 0 && read_conv(to, m, s);
    if (is_kind(m, "MatMul")) return depth > 0 && read_product(to, m, s);
    for (int i = 0; i < 3 && depth < MOST_STEPS; i++) {
        if (!is_kind(m, kinds[i]) || m->n_input != 2) continue;
        for (int k = 0; k < (i == 2 ? 1 : 2); k++) {
            fv__value *inner = fv__onnx_named(to, m->input[k]);
            fv_tensor numbers;
            if (!inner || !inner->maker || inner->readers != 1 || inner->needed
                || !row_of(to, m->input[1 - k], &numbers)
                || !read_scaled(to, m->input[k], depth + 1, s)
                || !fits(s, &numbers))
                continue;
            s->inner[s->count] = inner;
            s->steps[s->count] = "*+-"[i];
            s->numbers[s->count++] = numbers;
            return true;
        }
    }
    return false;
}

static void set(fv_tensor *numbers, int64_t i, double value)
{
    if (numbers->dtype == FV_F64)
        ((double *)numbers->data)[i] = value;
    else
        ((float *)numbers->data)[i] = (float)value;
}

/* Does the steps with weights and bias. */
static bool scale_weights(fv__importer *to, scaled *s)
{
    const int64_t channels = channels_of(s);
    const int64_t terms = channels ? fv_tensor_count(&s->weight) / channels : 0;
    const int64_t along = s->product ? channels : 1; /* from term to term */
    const int64_t across = s->product ? 1 : terms;
    const bool biased = s->bias.data;
    if (!biased)
        s->bias = fv__onnx_tensor_new(to, s->weight.dtype, 1, &channels);
    if (s->bias.rank < 0) return false;
    for (int64_t c = 0; c < channels; c++) {
        double scale = 1, shift = biased ? fv__onnx_element(&s->bias, c) : 0;
        for (int32_t i = 0; i < s->count; i++) {
            const bool one = fv_tensor_count(&s->numbers[i]) == 1;
            const double v = fv__onnx_element(&s->numbers[i], one ? 0 : c);
            const char step = s->steps[i];
            if (step == '*') scale *= v;
            shift = step == '*'   ? shift * v
                    : step == '+' ? shift + v
                                  : shift - v;
        }
        for (int64_t k = 0; k < terms && scale != 1; k++) {
            const int64_t at = c * across + k * along;
            set(&s->weight, at, fv__onnx_element(&s->weight, at) * scale);
        }
        set(&s->bias, c, shift);
    }
    return true;
}

/* A known value under a name made of the output's; NULL: it is taken. */
static char *name_numbers(fv__importer *to, const char *output,
                          const char *what, const fv_tensor *numbers)
{
    const size_t bytes = strlen(output) + strlen(what) + 1;
    char *name = fv__onnx_allocate(to, bytes);
    if (!name) return NULL;
    memcpy(name, output, strlen(output));
    memcpy(name + strlen(output), what, strlen(what) + 1);
    fv__value *value = fv__onnx_named(to, name);
    if (!value || value->made || value->maker || value->readers) return NULL;
    value->made = true;
    value->known = *numbers;
    return name;
}

fv__onnx_node_message *fv__onnx_scaled(fv__importer *to,
                                       const fv__onnx_node_message *m)
{
    scaled s = { .made = NULL };
    const fv__value *y = fv__onnx_named(to, m->output[0]);
    if (!y || y->readers == FV__NOBODY) return NULL;
    if (!read_scaled(to, m->output[0], 0, &s) || !scale_weights(to, &s))
        return NULL;
    fv__onnx_node_message *copy = fv__onnx_allocate(to, sizeof *copy);
    char **input = fv__onnx_allocate(to, 3 * sizeof *input);
    if (!copy || !input) return NULL;
    input[0] = s.made->input[0];
    input[1] = name_numbers(to, m->output[0], " weight", &s.weight);
    input[2] = name_numbers(to, m->output[0], " bias", &s.bias);
    if (!input[1] || !input[2]) return NULL;
    for (int32_t i = 0; i < s.count; i++) s.inner[i]->readers = FV__NOBODY;
    *copy = *s.made;
    copy->n_input = 3;
    copy->input = input;
    copy->n_output = 1;
    copy->output = m->output;
    return copy;
}
