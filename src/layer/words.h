/* Options of optimizers, schedules and transforms as words. */
#ifndef FV_LAYER_WORDS_H
#define FV_LAYER_WORDS_H

#include "layer/text.h"

/* A text of words, "adam 0.001 beta1=0.8", and where its reader is. */
typedef struct fv__words {
    fv_context *context;
    const char *file; /* its name in messages */
    const char *begin, *at;
    int line; /* 0: 1 */
} fv__words;

/* The next word; false, of length 0, at the end. */
bool fv__words_next(fv__words *words, fv__token *token);
/* Reads the options of `who`: numbers by place, then key=value; ends before a
 * word that is neither. Those that are left out have their defaults. */
fv_status fv__fields_read(fv__words *words, const char *who,
                          const fv__field *fields, void *options);

#endif
