/* Writes functions of one element and of two. The formulas are those of the
 * kernels. */
#include "export/train.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NAME(function) [function] = #function

static const char *const unary_names[] = {
    NAME(FV__NEG),        NAME(FV__ABS),       NAME(FV__EXP),
    NAME(FV__LOG),        NAME(FV__SQRT),      NAME(FV__SIN),
    NAME(FV__COS),        NAME(FV__TAN),       NAME(FV__ASIN),
    NAME(FV__ACOS),       NAME(FV__ATAN),      NAME(FV__TANH),
    NAME(FV__SIGMOID),    NAME(FV__CLAMP),     NAME(FV__LEAKY_RELU),
    NAME(FV__ELU),        NAME(FV__CELU),      NAME(FV__SOFTPLUS),
    NAME(FV__SOFTSIGN),   NAME(FV__GELU),      NAME(FV__GELU_TANH),
    NAME(FV__SILU),       NAME(FV__MISH),      NAME(FV__HARD_SIGMOID),
    NAME(FV__HARD_SWISH), NAME(FV__SCALE_ADD), NAME(FV__POWER),
    NAME(FV__RECIPROCAL), NAME(FV__ERF),       NAME(FV__FLOOR),
    NAME(FV__CEIL),       NAME(FV__ROUND),     NAME(FV__SIGN),
    NAME(FV__SINH),       NAME(FV__COSH),      NAME(FV__ASINH),
    NAME(FV__ACOSH),      NAME(FV__ATANH),
};

static const char *const binary_names[] = {
    NAME(FV__ADD),       NAME(FV__SUB),     NAME(FV__MUL),     NAME(FV__DIV),
    NAME(FV__POW),       NAME(FV__MINIMUM), NAME(FV__MAXIMUM), NAME(FV__PRELU),
    NAME(FV__REMAINDER), NAME(FV__FMOD),
};

/* Those that the kernels compute piece by piece, as they call fmod() for some
 * elements; NULL: the library has the formula. */
static const char *formula_apart(fv__binary f)
{
#define NEAREST "is_near(a, b) ? near_fmod(a, b) : LIBM(fmod)(a, b)"
    if (f == FV__FMOD) return NEAREST;
    return f == FV__REMAINDER ? "with_sign(" NEAREST ", b)" : NULL;
}

enum { NAME_BYTES = 32 };

/* "each", "FV__GELU" -> "each_gelu" */
static const char *function_name(const char *word, const char *name,
                                 char out[NAME_BYTES])
{
    int n = snprintf(out, NAME_BYTES, "%.8s_", word);
    for (name += 4; *name && n < NAME_BYTES - 1; name++)
        out[n++] = *name == '_' ? '_' : (char)(*name - 'A' + 'a');
    out[n] = '\0';
    return out;
}

/* Whether the functions of this network have that one. */
static bool is_there(const fv__export *e, const char *name)
{
    char call[NAME_BYTES + 1];
    snprintf(call, sizeof call, "%s(", name);
    return e->functions.at && strstr(e->functions.at, call);
}

/* A function of n elements, in place or not. */
static void define_unary(fv__export *e, const char *name, const char *formula,
                         size_t length)
{
    if (is_there(e, name)) return;
    fv__text_add(
        &e->functions,
        "APART static void %s(int32_t n, const float *from, float *to, "
        "float p, float q)\n"
        "{\n"
        "    (void)p;\n"
        "    (void)q;\n"
        "    INDEPENDENT\n"
        "    for (int32_t i = 0; i < n; i++) {\n"
        "        const real x = from[i];\n"
        "        to[i] = (%.*s);\n"
        "    }\n"
        "}\n\n",
        name, (int)length, formula);
}

static const char *formula_of(const char *name, size_t *length)
{
    static const char *const words[] = { "UNARY", "UNARY_CALL", "ZIP" };
    const char *formula = NULL;
    for (int i = 0; i < 3 && !formula; i++)
        formula = fv__library_formula(words[i], name, length);
    return formula;
}

/* The kernels compute some functions by more than a formula. */
const char *fv__lacks_unary(const fv__node *node)
{
    const fv__unary_operator *a = node->attributes;
    size_t length;
    const char *name = unary_names[a->f];
    return name && formula_of(name, &length) ? NULL
                                             : "a function without a formula";
}

void fv__write_each(fv__export *e, fv__unary f, int64_t count, const char *from,
                    const char *to, double p, double q)
{
    char name[NAME_BYTES];
    size_t length;
    const char *formula = formula_of(unary_names[f], &length);
    function_name("each", unary_names[f], name);
    if (f == FV__POWER && (float)p == 2)
        strcpy(name, "each_square"), formula = "x * x", length = 5;
    define_unary(e, name, formula, length);
    fv__text_add(&e->calls, "        %s(%lld, %s, %s, %s, %s);\n", name,
                 (long long)count, from, to, FV__C_NUMBER(p), FV__C_NUMBER(q));
}

void fv__write_unary(fv__export *e, const fv__node *node)
{
    const fv__unary_operator *a = node->attributes;
    fv__write_each(e, a->f, fv_tensor_count(node->results[0]),
                   fv__export_at(e, node->inputs[0]),
                   fv__export_at(e, node->outputs[0]), a->p, a->q);
}

/* A function of n gradients; dx may be dy. */
static void define_gradient(fv__export *e, const char *name, bool adds,
                            const char *formula, size_t length)
{
    if (is_there(e, name)) return;
    fv__text_add(&e->functions,
                 "APART static void %s(int32_t n, const float *x, const float "
                 "*y, const float *dy, float *dx, float p, float q)\n"
                 "{\n"
                 "    const real limit = clamp_limit(q);\n"
                 "    (void)x;\n"
                 "    (void)y;\n"
                 "    (void)p;\n"
                 "    (void)limit;\n"
                 "    INDEPENDENT\n"
                 "    for (int32_t i = 0; i < n; i++) {\n"
                 "        const real g = dy[i];\n"
                 "        dx[i] %s (%.*s);\n"
                 "    }\n"
                 "}\n\n",
                 name, adds ? "+=" : "=", (int)length, formula);
}

void fv__write_each_grad(fv__export *e, fv__unary f, int64_t count,
                         const char *x, const char *y, const char *dy,
                         const char *dx, bool adds, double p, double q)
{
    char name[NAME_BYTES];
    size_t length;
    const char *formula = fv__library_formula("GRAD", unary_names[f], &length);
    function_name(adds ? "add" : "set", unary_names[f], name);
    define_gradient(e, name, adds, formula, length);
    fv__text_add(&e->calls, "        %s(%lld, %s, %s, %s, %s, %s, %s);\n", name,
                 (long long)count, x, y, dy, dx, FV__C_NUMBER(p),
                 FV__C_NUMBER(q));
}

static void define_binary(fv__export *e, const char *name, fv__binary f)
{
    size_t length;
    if (is_there(e, name)) return;
    const char *formula = formula_apart(f);
    if (formula)
        length = strlen(formula);
    else
        formula = formula_of(binary_names[f], &length);
    static const struct {
        const char *condition, *a, *b;
    } loops[] = { { "if (a_step && b_step)", "from_a[i]", "from_b[i]" },
                  { "else if (a_step)", "from_a[i]", "*from_b" },
                  { "else", "*from_a", "from_b[i * b_step]" } };
    fv__text_add(&e->functions,
                 "APART static void %s(int32_t n, const float *from_a, int32_t "
                 "a_step, const float *from_b, int32_t b_step, float *to)\n{\n",
                 name);
    for (int k = 0; k < 3; k++)
        fv__text_add(&e->functions,
                     "    %s\n%s        for (int32_t i = 0; "
                     "i < n; i++) {\n            const real a = %s, b = %s;\n"
                     "            to[i] = (%.*s);\n        }\n",
                     loops[k].condition,
                     formula_apart(f) ? "" : "        INDEPENDENT\n",
                     loops[k].a, loops[k].b, (int)length, formula);
    fv__text_add(&e->functions, "}\n\n");
}

static void write_list(fv__export *e, int32_t count, const int64_t values[])
{
    for (int32_t i = 0; i < count; i++)
        fv__text_add(&e->calls, "%s%lld", i ? ", " : "", (long long)values[i]);
}

void fv__write_binary(fv__export *e, const fv__node *node)
{
    const fv__binary_operator *a = node->attributes;
    char name[NAME_BYTES];
    fv__broadcast_iterator all;
    fv__broadcast_begin(&all, node->results[0], 2, node->values);
    function_name("each", binary_names[a->f], name);
    define_binary(e, name, a->f);
    const int32_t last = all.rank - 1;
    const char *x = fv__export_at(e, node->inputs[0]);
    const char *other = fv__export_at(e, node->inputs[1]);
    const char *y = fv__export_at(e, node->outputs[0]);
    if (!last) {
        fv__text_add(&e->calls, "        %s(%lld, %s, %lld, %s, %lld, %s);\n",
                     name, (long long)all.extent[0], x,
                     (long long)all.step[0][0], other,
                     (long long)all.step[1][0], y);
        return;
    }
    fv__text_add(&e->calls, "        static const broadcast b = { %d, { ",
                 all.rank);
    write_list(e, all.rank, all.extent);
    for (int k = 0; k < 2; k++) {
        fv__text_add(&e->calls, " }, { ");
        write_list(e, all.rank, all.step[k]);
    }
    fv__text_add(&e->calls,
                 " } };\n        each_broadcast(&b, %s, %s, %s, %s);\n", name,
                 x, other, y);
}

/* The divisor is an operand that does not move. */
void fv__write_quotient(fv__export *e, int64_t count, const char *from,
                        const char *to, double divisor)
{
    char name[NAME_BYTES];
    size_t at;
    float *room = fv__export_room(e, 1, &at);
    if (!room) return;
    *room = (float)divisor;
    function_name("each", binary_names[FV__DIV], name);
    define_binary(e, name, FV__DIV);
    fv__text_add(&e->calls, "        %s(%lld, %s, 1, weights + %zu, 0, %s);\n",
                 name, (long long)count, from, at, to);
}

void fv__write_div_number(fv__export *e, const fv__node *node)
{
    const fv__quotient *a = node->attributes;
    fv__write_quotient(e, fv_tensor_count(node->results[0]),
                       fv__export_at(e, node->inputs[0]),
                       fv__export_at(e, node->outputs[0]), a->divisor);
}
