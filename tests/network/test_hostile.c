/* Lines of the network text that ask for anything: every kind of layer with
 * every option at the ends of its range and beyond, on inputs of every rank and
 * element type. Each is a network or a sentence; nothing crashes, nothing is
 * left allocated. */
#include "nets.h"

#include "layer/layer.h"

#include <string.h>

extern const fv__layer_type *const fv__layer_types[];

static const char *const inputs[] = {
    "input 1",
    "input 6",
    "input 5 4",
    "input 6 5 4",
    "input 8 8 1",
    "input 4 5 6 3",
    "input ? ? 3",
    "input 2 2 2 2 2 2 2",
    "input 6 type=i64",
    "input 4 4 batch=no",
    "input batch=no type=i64",
    "input 999999999 999999999 9",
};
enum { INPUTS = sizeof inputs / sizeof *inputs };

static const char *const values[] = {
    "0",
    "1",
    "2",
    "3",
    "-1",
    "7",
    "999999999999999",
    "-999999999999999",
    "0.5",
    "1e308",
    "-1e-308",
    "nan",
    "yes",
    "no",
    "1,2",
    "2,2,2",
    ",1",
    "1,-1,0,2",
    "1,2,3,4,5,6,7,8",
    "1,2,3,4,5,6,7,8,9",
    ",",
    "-",
    "x",
    "?",
    "same",
    "0,0,0,0",
};
enum { VALUES = sizeof values / sizeof *values };

/* Reads a text; it is a network, which says what it needs, or a sentence. */
static void try_text(const char *text, int64_t *networks)
{
    fv_context *ctx = NET_CONTEXT(.threads = 1, .max_bytes = 1 << 26);
    fv_network *net = fv_network_parse(ctx, text, "n.net");
    if (net) {
        (*networks)++;
        fv_network_text(net);
        fv_network_info(net);
        fv_network_planned_bytes(net, 2, 0);
        fv_network_free(net);
    } else if (!*fv_error(ctx)) {
        fail_msg("no sentence for\n%s", text);
    }
    fv_context_free(ctx);
}

/* The line of a kind with as many numbers by position as are needed. */
static void base_of(const fv__layer_type *type, char line[200])
{
    int length = snprintf(line, 200, "%s", type->kind);
    for (const fv__field *f = type->fields; f && f->key; f++)
        if (f->positional && f->kind != FV__FIELD_LIST)
            length += snprintf(line + length, (size_t)(200 - length), " 2");
}

static void try_inputs(const fv__layer_type *type, const char *line,
                       int64_t *networks)
{
    char text[600];
    for (int i = 0; i < INPUTS; i++) {
        const bool two = type->min_inputs > 1;
        snprintf(text, sizeof text, "%s name=a\n%s from=%s\n", inputs[i], line,
                 type->max_inputs ? two ? "a,a" : "a" : "a");
        try_text(text, networks);
    }
}

static void test_every_kind_on_every_input(void **state)
{
    (void)state;
    int64_t networks = 0;
    for (int t = 0; fv__layer_types[t]; t++) {
        char line[200];
        try_inputs(fv__layer_types[t], fv__layer_types[t]->kind, &networks);
        base_of(fv__layer_types[t], line);
        try_inputs(fv__layer_types[t], line, &networks);
    }
    assert_true(networks > 100);
}

static void test_every_option_with_every_value(void **state)
{
    (void)state;
    int64_t networks = 0;
    for (int t = 0; fv__layer_types[t]; t++) {
        const fv__layer_type *type = fv__layer_types[t];
        char line[200], text[600];
        base_of(type, line);
        for (const fv__field *f = type->fields; f && f->key; f++)
            for (int v = 0; v < VALUES; v++) {
                const int i = 2 + (v + t) % 4;
                snprintf(text, sizeof text, "%s name=a\n%s %s=%s\n", inputs[i],
                         f->positional ? type->kind : line, f->key, values[v]);
                try_text(text, &networks);
            }
    }
    assert_true(networks > 100);
}

/* A loss of a value that does not have the batch's axis. */
static void test_losses_need_a_batch(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        { "input 5\nconstant 3,2 name=k\ntriplet from=k,k,k\n",
          "n.net:3:1: triplet1: its input has no axis for the batch" },
        { "input 4 2\nconstant 14\nsum_square keepdims=no\nl1\n",
          "n.net:4:1: l11: its input has no axis for the batch" },
        { "input 4 batch=no\nmse\n",
          "n.net:2:1: mse1: its input has no axis for the batch" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fv_context *ctx = NET_CONTEXT(.threads = 1);
        assert_null(fv_network_parse(ctx, cases[i].text, "n.net"));
        assert_error(ctx, cases[i].sentence);
        fv_context_free(ctx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_on_every_input),
        cmocka_unit_test(test_every_option_with_every_value),
        cmocka_unit_test(test_losses_need_a_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
