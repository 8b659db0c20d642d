/* Files that grow: logs. */
#include "base/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

fv_status fv__append_begin(fv__appender *appender, fv_context *context,
                           const char *path)
{
    const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK;
    *appender = (fv__appender){ .context = context, .file = -1 };
    if (!fv__ok(context)) return fv_failed(context);
    const int file = fv__open(context, path, flags, 0666);
    if (file < 0) return fv__fail_io(context, path, "write", file);
    appender->path = fv__copy_text(context, FV__DATA, path, strlen(path));
    appender->file = file;
    do appender->size = context->io.size(context->io.user, file);
    while (appender->size == -EINTR);
    if (appender->size < 0)
        return fv__fail_io(context, path, "write", appender->size);
    return fv_failed(context);
}

fv_status fv__append(fv__appender *appender, const void *data, size_t bytes)
{
    fv_context *context = appender->context;
    const char *from = data;
    while (bytes && appender->file >= 0 && fv__ok(context)) {
        const int64_t done =
            context->io.write(context->io.user, appender->file, from, bytes);
        if (done == -EINTR) continue;
        if (done <= 0)
            return fv__fail_io(context, appender->path, "write",
                               done ? done : -ENOSPC);
        from += done;
        bytes -= (size_t)done;
    }
    return fv_failed(context);
}

void fv__append_end(fv__appender *appender)
{
    fv_context *context = appender->context;
    if (!context) return;
    if (appender->file >= 0)
        context->io.close(context->io.user, appender->file);
    fv__release(context, appender->path);
    *appender = (fv__appender){ .context = context, .file = -1 };
}
