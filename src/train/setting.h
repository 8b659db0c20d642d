/* Options of optimizers: the fields that layers have, with the range of each
 * number, checked, read and written by one table. */
#ifndef FV_TRAIN_SETTING_H
#define FV_TRAIN_SETTING_H

#include "network/text.h"

/* The numbers that an option may be. */
typedef enum fv__range {
    FV__ANY,          /* checked elsewhere, or by its words */
    FV__AT_LEAST_0,   /* and finite */
    FV__ABOVE_0,      /* and finite */
    FV__0_TO_BELOW_1, /* 0 is legal, 1 is not */
    FV__BETWEEN_0_AND_1
} fv__range;

typedef struct fv__setting {
    fv__field field;
    fv__range range;
    bool paired; /* in the options struct, this number and that of the next
                    setting have their defaults if both are 0 */
} fv__setting;

/* Gives options of a caller that were left out their defaults. */
void fv__settings_resolve(const fv__setting *settings, void *options);
/* Refuses numbers outside of their ranges, naming `who`. */
fv_status fv__settings_check(fv_context *context, const char *who,
                             const fv__setting *settings, const void *options);
/* The setting of that key, which exists. */
const fv__setting *fv__setting_find(const fv__setting *settings,
                                    const char *key);
/* Whether the option is neither 0 nor off. */
bool fv__setting_on(const fv__setting *setting, const void *options);
double fv__setting_number(const fv__setting *setting, const void *options);

/* A text of words, "adam 0.001 beta1=0.8", and where its reader is. */
typedef struct fv__words {
    fv_context *context;
    const char *file; /* its name in messages */
    const char *begin, *at;
} fv__words;

/* The next word; false, of length 0, at the end. */
bool fv__words_next(fv__words *words, fv__token *token);
/* Reads the options of `who`: numbers by place, then key=value; ends before a
 * word that is neither. Those that are left out have their defaults. */
fv_status fv__settings_read(fv__words *words, const char *who,
                            const fv__setting *settings, void *options);

#endif
