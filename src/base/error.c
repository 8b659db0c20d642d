/* The first failure of a context, as a status and a sentence. */
#include "base/internal.h"

#include <stdio.h>
#include <string.h>

/* Writes one line; shows with "..." that it was cut. */
static FV_PRINTF(3, 0) void write_line(char *out, size_t bytes,
                                       const char *format, va_list list)
{
    int length = vsnprintf(out, bytes, format, list);
    if (length < 0) snprintf(out, bytes, "%s", format);
    if (length >= 0 && (size_t)length >= bytes)
        memcpy(out + bytes - 4, "...", 4);
}

fv_status fv_failed(const fv_context *context)
{
    return context ? context->status : FV_NO_MEMORY;
}

const char *fv_error(const fv_context *context)
{
    return context ? context->message : "context: out of memory";
}

void fv_clear_error(fv_context *context)
{
    if (!context) return;
    context->status = FV_OK;
    context->message[0] = '\0';
}

fv_status fv__fail_list(fv_context *context, fv_status status,
                        const char *format, va_list list)
{
    if (!context) return FV_NO_MEMORY;
    if (context->status != FV_OK || status == FV_OK) return context->status;
    context->status = status;
    write_line(context->message, sizeof context->message, format, list);
    return status;
}

fv_status fv_fail(fv_context *context, fv_status status, const char *format,
                  ...)
{
    va_list list;
    va_start(list, format);
    status = fv__fail_list(context, status, format, list);
    va_end(list);
    return status;
}

void fv__fail_at(fv_context *context, const char *format, ...)
{
    char sentence[sizeof context->message];
    memcpy(sentence, context->message, sizeof sentence);
    va_list list;
    va_start(list, format);
    write_line(context->message, sizeof context->message, format, list);
    va_end(list);
    size_t used = strlen(context->message);
    size_t room = sizeof context->message - used;
    int length = snprintf(context->message + used, room, "%s", sentence);
    if (length > 0 && (size_t)length >= room)
        memcpy(context->message + sizeof context->message - 4, "...", 4);
}

void fv__log(fv_context *context, const char *format, ...)
{
    if (!context || !context->log) return;
    char line[1024];
    va_list list;
    va_start(list, format);
    write_line(line, sizeof line, format, list);
    va_end(list);
    context->log(context->log_user, line);
}
