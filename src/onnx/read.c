/* From the bytes of a file to messages, within limits of memory and depth. */
#include "onnx/proto.h"

/* The bytes of stack that reading nested messages may take: graphs within
 * attributes of nodes within graphs, a few hundred deep. */
enum { DEEPEST = 1 << 20 };

typedef struct source {
    fv_context *context;
    const char *stack; /* where reading began; NULL: nothing is limited */
    bool too_deep;
} source;

static void *take(void *data, size_t bytes)
{
    source *from = data;
    const char *here = __builtin_frame_address(0);
    const ptrdiff_t depth = from->stack ? from->stack - here : 0;
    if (depth > DEEPEST || depth < -DEEPEST) {
        from->too_deep = true;
        return NULL;
    }
    return fv__allocate(from->context, FV__DATA, bytes);
}

static void give(void *data, void *memory)
{
    fv__release(((source *)data)->context, memory);
}

ProtobufCMessage *fv__onnx_read(fv_context *context, const char *who,
                                const ProtobufCMessageDescriptor *kind,
                                size_t bytes, const void *data)
{
    source from = { .context = context, .stack = __builtin_frame_address(0) };
    ProtobufCAllocator allocator = { take, give, &from };
    if (!fv__ok(context)) return NULL;
    ProtobufCMessage *message =
        protobuf_c_message_unpack(kind, &allocator, bytes, data);
    if (message && fv__ok(context)) return message;
    if (message) fv__onnx_unread(context, message);
    if (fv__ok(context))
        fv_fail(context, FV_MALFORMED, "%s: %s", who,
                from.too_deep ? "its graphs are nested too deep"
                              : "it is damaged, or no ONNX file");
    return NULL;
}

void fv__onnx_unread(fv_context *context, ProtobufCMessage *message)
{
    source from = { .context = context };
    ProtobufCAllocator allocator = { take, give, &from };
    if (message) protobuf_c_message_free_unpacked(message, &allocator);
}
