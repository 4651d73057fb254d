/* The byte classes of http1_chars.h, written as the grammar has them and folded
 * into one table by the compiler. */
#include "io/http1_chars.h"

#define ALPHA(c) (((c) >= 'a' && (c) <= 'z') || ((c) >= 'A' && (c) <= 'Z'))
#define DIGIT(c) ((c) >= '0' && (c) <= '9')
#define TCHAR_MARK(c)                                                                              \
	((c) == '!' || (c) == '#' || (c) == '$' || (c) == '%' || (c) == '&' || (c) == '\'' ||      \
	 (c) == '*' || (c) == '+' || (c) == '-' || (c) == '.' || (c) == '^' || (c) == '_' ||       \
	 (c) == '`' || (c) == '|' || (c) == '~')
#define PLAIN_MARK(c) ((c) == '-' || (c) == '.' || (c) == '_' || (c) == '~')
#define HOST_MARK(c)                                                                               \
	(PLAIN_MARK(c) || (c) == '!' || (c) == '$' || (c) == '&' || (c) == '\'' || (c) == '(' ||   \
	 (c) == ')' || (c) == '*' || (c) == '+' || (c) == ',' || (c) == ';' || (c) == '=' ||       \
	 (c) == '%' || (c) == ':' || (c) == '[' || (c) == ']')
#define WORD(c) (ALPHA(c) || DIGIT(c))

#define CLASS(c)                                                                                   \
	((WORD(c) || TCHAR_MARK(c) ? CHAR_TOKEN : 0) |                                             \
	 ((c) > 0x20 && (c) < 0x7f && (c) != '#' ? CHAR_TARGET : 0) |                              \
	 ((c) == '\t' || ((c) >= 0x20 && (c) != 0x7f) ? CHAR_VALUE : 0) |                          \
	 (WORD(c) || HOST_MARK(c) ? CHAR_HOST : 0) | (WORD(c) || PLAIN_MARK(c) ? CHAR_PLAIN : 0) | \
	 (DIGIT(c) ? CHAR_DIGIT : 0))
#define CLASS_4(c) CLASS(c), CLASS((c) + 1), CLASS((c) + 2), CLASS((c) + 3)
#define CLASS_16(c) CLASS_4(c), CLASS_4((c) + 4), CLASS_4((c) + 8), CLASS_4((c) + 12)
#define CLASS_64(c) CLASS_16(c), CLASS_16((c) + 16), CLASS_16((c) + 32), CLASS_16((c) + 48)

const uint8_t http1_char_class[256] = {CLASS_64(0), CLASS_64(64), CLASS_64(128), CLASS_64(192)};
