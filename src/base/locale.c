/* Numbers in files look the same whatever the host's language. */
#include "base/base.h"

#include <locale.h>

void fv__plain_begin(fv__plain *plain)
{
    plain->own = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    plain->former = plain->own ? uselocale((locale_t)plain->own) : NULL;
}

void fv__plain_end(fv__plain *plain)
{
    if (!plain->own) return;
    uselocale((locale_t)plain->former);
    freelocale((locale_t)plain->own);
}
