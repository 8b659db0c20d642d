/* An arena: memory is handed out in parts and given back as a whole. */
#include "graph/graph.h"

struct fv__chunk {
    fv__chunk *next;
    size_t bytes, used;
};

enum { HEAD = 64, SMALLEST = 1 << 14 };

static fv__chunk *grow(fv__arena *arena, size_t bytes)
{
    size_t total = 0;
    if (!fv__add(bytes < SMALLEST ? SMALLEST : bytes, HEAD, &total))
        total = SIZE_MAX;
    fv__chunk *chunk = fv__allocate(arena->context, arena->account, total);
    if (!chunk) return NULL;
    *chunk = (fv__chunk){ arena->chunks, total - HEAD, 0 };
    arena->chunks = chunk;
    return chunk;
}

void *fv__arena_allocate(fv__arena *arena, size_t bytes)
{
    size_t aligned = bytes > SIZE_MAX - HEAD ? bytes : fv__align(bytes);
    fv__chunk *chunk = arena->chunks;
    if (!chunk || chunk->bytes - chunk->used < aligned) {
        chunk = grow(arena, aligned);
        if (!chunk) return NULL;
    }
    void *memory = (unsigned char *)chunk + HEAD + chunk->used;
    chunk->used += aligned;
    return memory;
}

void fv__arena_free(fv__arena *arena)
{
    while (arena->chunks) {
        fv__chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        fv__release(arena->context, chunk);
    }
}

void fv__arena_reset(fv__arena *arena)
{
    fv__chunk *chunk = arena->chunks;
    if (!chunk) return;
    if (chunk->next) {
        size_t total = 0;
        for (; chunk; chunk = chunk->next) total += chunk->bytes;
        fv__arena_free(arena);
        if (fv__ok(arena->context)) grow(arena, total);
        return;
    }
    chunk->used = 0;
}

bool fv__arena_holds(const fv__arena *arena, const void *memory)
{
    const fv__chunk *chunk = arena->chunks;
    while (chunk
           && ((uintptr_t)memory < (uintptr_t)chunk
               || (uintptr_t)memory - (uintptr_t)chunk >= HEAD + chunk->bytes))
        chunk = chunk->next;
    return chunk != NULL;
}
