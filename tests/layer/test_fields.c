/* The public structs of options are what the kinds of layers declare: every
 * member is a field, once, and every field is a member. */
#include "support.h"

#include "layer/layer.h"

enum { MOST = 4096 };

/* A member that is no option of that kind. */
typedef struct member {
    const char *kind;
    size_t size; /* of the struct */
    size_t offset, bytes;
} member;

#define NONE(kind, options, member)                                            \
    {                                                                          \
        (kind), sizeof(options), offsetof(options, member),                    \
            sizeof((options *)0)->member                                       \
    }
#define RESERVED(kind, options) NONE(kind, options, reserved)
#define POOL(kind, member) NONE(kind, fv_pool_options, member)

static const member no_options[] = {
    RESERVED("affine_grid", fv_affine_grid_options),
    RESERVED("batchnorm", fv_batchnorm_options),
    RESERVED("bce", fv_bce_options),
    RESERVED("conv1d", fv_convolutional_options),
    RESERVED("conv2d", fv_convolutional_options),
    RESERVED("conv3d", fv_convolutional_options),
    RESERVED("conv_transpose1d", fv_conv_transpose_options),
    RESERVED("conv_transpose2d", fv_conv_transpose_options),
    RESERVED("conv_transpose3d", fv_conv_transpose_options),
    RESERVED("cosine_embedding", fv_cosine_embedding_options),
    RESERVED("ctc", fv_ctc_options),
    RESERVED("dice", fv_dice_options),
    RESERVED("gelu", fv_gelu_options),
    RESERVED("grid_sample", fv_grid_sample_options),
    RESERVED("groupnorm", fv_groupnorm_options),
    RESERVED("gru", fv_recurrent_options),
    RESERVED("hinge", fv_hinge_options),
    RESERVED("huber", fv_huber_options),
    RESERVED("instancenorm", fv_instancenorm_options),
    RESERVED("l1", fv_loss_options),
    RESERVED("lstm", fv_recurrent_options),
    RESERVED("mse", fv_loss_options),
    RESERVED("nll", fv_nll_options),
    RESERVED("pixel_shuffle", fv_pixel_shuffle_options),
    RESERVED("pixel_unshuffle", fv_pixel_shuffle_options),
    POOL("avgpool1d", reserved),
    POOL("avgpool1d", p),
    POOL("lppool1d", exclude_padding),
    POOL("lppool1d", reserved),
    POOL("lppool1d", divisor),
    POOL("maxpool1d", exclude_padding),
    POOL("maxpool1d", reserved),
    POOL("maxpool1d", divisor),
    POOL("maxpool1d", p),
    POOL("avgpool", reserved),
    POOL("avgpool", p),
    POOL("lppool", exclude_padding),
    POOL("lppool", reserved),
    POOL("lppool", divisor),
    POOL("maxpool", exclude_padding),
    POOL("maxpool", reserved),
    POOL("maxpool", divisor),
    POOL("maxpool", p),
    POOL("avgpool3d", reserved),
    POOL("avgpool3d", p),
    POOL("lppool3d", exclude_padding),
    POOL("lppool3d", reserved),
    POOL("lppool3d", divisor),
    POOL("maxpool3d", exclude_padding),
    POOL("maxpool3d", reserved),
    POOL("maxpool3d", divisor),
    POOL("maxpool3d", p),
    RESERVED("prelu", fv_prelu_options),
    RESERVED("rmsnorm", fv_rmsnorm_options),
    RESERVED("rnn", fv_recurrent_options),
    RESERVED("sigmoid_cross_entropy", fv_sigmoid_cross_entropy_options),
    RESERVED("sigmoid_focal", fv_sigmoid_focal_options),
    RESERVED("smooth_l1", fv_smooth_l1_options),
    RESERVED("softmax_cross_entropy", fv_softmax_cross_entropy_options),
    RESERVED("softmax_focal", fv_softmax_focal_options),
    RESERVED("stochastic_depth", fv_stochastic_depth_options),
};

/* Bytes of the value of a field. */
static size_t bytes_of(const fv__field *field)
{
    static const size_t bytes[] = {
        [FV__FIELD_COUNT] = sizeof(int64_t),
        [FV__FIELD_LIMIT] = sizeof(int64_t),
        [FV__FIELD_INDEX] = sizeof(int64_t),
        [FV__FIELD_LABEL] = sizeof(int64_t),
        [FV__FIELD_AXES] = 3 * sizeof(int64_t),
        [FV__FIELD_EXTENTS] = FV_MAX_EXTENTS * sizeof(int64_t),
        [FV__FIELD_LIST] = sizeof(fv__list),
        [FV__FIELD_NUMBER] = sizeof(double),
        [FV__FIELD_INTERVAL] = sizeof(fv__interval),
        [FV__FIELD_SWITCH] = sizeof(int32_t),
        [FV__FIELD_LACK] = sizeof(int32_t),
        [FV__FIELD_WORD] = sizeof(fv_auto_pad),
        [FV__FIELD_PADDING] = 3 * sizeof(int64_t),
        [FV__FIELD_NUMBERS] = sizeof(fv_numbers),
        [FV__FIELD_TEXT] = sizeof(const char *),
    };
    return bytes[field->kind];
}

/* Counts one more owner of each byte. */
static void own(unsigned char owners[MOST], size_t size, size_t offset,
                size_t bytes)
{
    assert_true(offset + bytes <= size);
    for (size_t i = 0; i < bytes; i++) owners[offset + i]++;
}

static void count_owners(const fv__layer_type *type, unsigned char owners[MOST])
{
    const size_t size = type->options_size, text = sizeof(const char *);
    own(owners, size, offsetof(fv_layer_options, size), sizeof(size_t));
    own(owners, size, offsetof(fv_layer_options, context),
        sizeof(fv_context *));
    own(owners, size, type->in_shape, FV_MAX_EXTENTS * sizeof(int64_t));
    own(owners, size, type->name, text);
    own(owners, size, type->from, text);
    own(owners, size, type->weights, text);
    for (const fv__field *f = type->fields; f && f->key; f++) {
        own(owners, size, f->offset, bytes_of(f));
        if (f->kind != FV__FIELD_PADDING) continue;
        own(owners, size, f->mode, sizeof(fv_auto_pad));
        own(owners, size, f->both, 3 * sizeof(int64_t));
    }
    for (size_t i = 0; i < sizeof no_options / sizeof *no_options; i++) {
        const member *m = &no_options[i];
        if (strcmp(m->kind, type->kind) != 0) continue;
        assert_int_equal(m->size, size);
        own(owners, size, m->offset, m->bytes);
    }
}

/* The names are the last members of public structs; those of layers without one
 * begin with them. */
static bool is_public(const fv__layer_type *type)
{
    return type->weights + sizeof(const char *) == type->options_size;
}

static void test_every_member_is_an_option(void **state)
{
    (void)state;
    int64_t kinds = 0;
    for (int i = 0; fv__layer_types[i]; i++) {
        const fv__layer_type *type = fv__layer_types[i];
        unsigned char owners[MOST] = { 0 };
        assert_true(type->options_size <= MOST);
        if (!is_public(type)) continue;
        kinds++;
        count_owners(type, owners);
        for (size_t k = 0; k < type->options_size; k++)
            if (owners[k] != 1)
                fail_msg("%s: byte %zu of its options is that of %d members",
                         type->kind, k, owners[k]);
    }
    assert_true(kinds > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_member_is_an_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
