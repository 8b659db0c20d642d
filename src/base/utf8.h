/* UTF-8, for texts that a file must be able to hold. */
#ifndef FV_BASE_UTF8_H
#define FV_BASE_UTF8_H

#include <stdbool.h>

/* Whether the text is well-formed UTF-8. */
bool fv__is_utf8(const char *text);

#endif
