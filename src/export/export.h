/* A network as one C file: what emitters, which write the nodes of a plan, have
 * to hand. */
#ifndef FV_EXPORT_EXPORT_H
#define FV_EXPORT_EXPORT_H

#include "network/network.h"
#include "op/op.h"

/* ---- the file ------------------------------------------------------------ */

/* A value whose numbers are among the weights, and where. */
typedef struct fv__kept {
    const fv_variable *value;
    size_t at;
} fv__kept;

typedef struct fv__training fv__training;

enum { FV__EXPRESSION = 64 }; /* bytes of an expression of a place */

typedef struct fv__export {
    fv_context *context;
    fv_network *network;
    fv__plan plan;
    const char *path, *weights_path; /* weights_path NULL: in the C file */
    char *name, *capitals;           /* of the file, as identifiers */
    int32_t inputs, outputs;         /* how many the network has */
    unsigned char *examples; /* inputs of the self-test, a byte a number */
    float *answers;          /* and outputs */
    int64_t input_numbers, output_numbers; /* of all inputs, of all outputs */
    fv__text calls;     /* the body of the function that runs the network */
    fv__text functions; /* that are written for this network */
    fv__kept *kept;
    size_t num_kept, kept_capacity;
    float *weights;
    size_t num_weights, weights_capacity;
    char texts[8][FV__EXPRESSION]; /* of fv__export_at */
    int32_t next_text;
    fv__training *training; /* NULL: the file evaluates only */
} fv__export;

/* The examples of a self-test. */
enum { FV__EXAMPLES = 3 };

/* Plans the memory of the network's nodes. */
fv_status fv__export_plan(fv__export *e);
/* Makes the examples and their answers. */
fv_status fv__export_examples(fv__export *e);
/* The numbers of an example's inputs. */
void fv__example_inputs(const fv__export *e, int32_t example, float *numbers);
/* Floats of scratch of the file. */
size_t fv__scratch_of(const fv__export *e);
/* Writes the C file, the header and the weights; calls and functions are
 * complete. */
fv_status fv__export_write(fv__export *e);

/* Where a value is, an expression of type float * or const float *; valid until
 * the eighth call after this one. */
const char *fv__export_at(fv__export *e, const fv_variable *value);
/* The next of those texts. */
char *fv__export_text(fv__export *e);
/* Scratch of the node that is being written. */
const char *fv__export_scratch(fv__export *e, const fv__node *node);
/* Zeroed room for so many numbers among the weights, and *at, where they begin
 * there; the memory moves with the next call. NULL after a failure. */
float *fv__export_room(fv__export *e, size_t count, size_t *at);
/* In a file that trains too, which has frozen layers twice: where the numbers
 * of the last room, which begins there and is full, are among the weights; the
 * room is given up if it is elsewhere. */
size_t fv__export_once(fv__export *e, size_t at);
/* The text of a number, "(float)INFINITY" of infinity; valid within the block.
 */
#define FV__C_NUMBER(value) fv__c_number((value), (char[FV__NUMBER_BYTES]){ 0 })
const char *fv__c_number(double value, char out[FV__NUMBER_BYTES]);
/* A call that copies `count` numbers unless both places are the same. */
void fv__export_copy(fv__export *e, const char *to, const char *from,
                     int64_t count);

/* ---- emitters ------------------------------------------------------------ */

/* How nodes of an operator, or of all with a forward function, are written. */
typedef struct fv__emitter {
    const fv_operator *op; /* NULL: all with `forward` */
    void (*forward)(const fv_call *call);
    void (*write)(fv__export *e, const fv__node *node);
    /* Why a node cannot be written; NULL: it can. A NULL function: all can. */
    const char *(*lacks)(const fv__node *node);
    /* Numbers of scratch; a NULL function: none. */
    int64_t (*scratch)(const fv__node *node);
} fv__emitter;

/* The emitter of a node; NULL if there is none. */
const fv__emitter *fv__emitter_of(const fv__node *node);
/* The same in this file, which may train. */
const fv__emitter *fv__export_emitter(const fv__export *e,
                                      const fv__node *node);
/* Refuses all nodes that cannot be written with one sentence; `lacks` says why
 * one cannot, NULL: it can. */
fv_status fv__export_check(fv__export *e, const fv__graph *graph,
                           const char *(*lacks)(const fv__export *e,
                                                const fv__node *node));
/* Writes a node's forward pass. */
void fv__export_node(fv__export *e, const fv__node *node);

/* ---- the library of C functions ------------------------------------------ */

/* Texts from runtime and src/kernel/isa, by cmake/embed.cmake. */
typedef struct fv__embedded {
    const char *name;
    const unsigned char *bytes;
    size_t size;
} fv__embedded;
extern const fv__embedded fv__embedded_texts[];

/* An embedded text, terminated. */
const char *fv__embedded_text(const char *name);
/* Appends those definitions of the library that `text` needs, directly or not,
 * in order. */
void fv__library_write(fv__text *out, const char *text);
/* The formula of a function in the library: what follows "WORD(NAME, ". Its
 * length in *length; NULL if there is none. */
const char *fv__library_formula(const char *word, const char *name,
                                size_t *length);

#endif
