/* Small state files with a checksum, replaced as a whole: identity, promise, session,
 * checkpoint descriptions, the intent of a truncate. */
#pragma once
#include "io/files.h"

enum { SEALED_MAX_BYTES = 4096, SEALED_VERSION = 1 };

/* `kind` is four letters naming what the file is, so that one is never read as another. */
MUST enum err sealed_write(struct files *fs, const char *path, const char kind[5],
                           struct slice payload);
/* Copies the payload to out (room SEALED_MAX_BYTES). ERR_NOT_FOUND, ERR_CORRUPT, ERR_FORMAT (a
 * newer version), ERR_IO. */
MUST enum err sealed_read(struct files *fs, const char *path, const char kind[5], uint8_t *out,
                          size_t *len);
/* unlink and sync of the directory; absent is fine. */
MUST enum err file_remove(struct files *fs, const char *dir, const char *path);

enum { PATH_BYTES = 1024 };
/* "a/b/c" pieces into out; ERR_TOO_LARGE when it does not fit. */
MUST enum err path_make(char out[PATH_BYTES], const char *format, ...) PRINTF_LIKE(2, 3);
