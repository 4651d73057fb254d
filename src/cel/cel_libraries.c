/* The one list of libraries. */
#include "cel/cel_function.h"

const struct cel_library *const cel_libraries[CEL_LIBRARIES] = {
	&cel_library_operators,   &cel_library_comparisons, &cel_library_containers,
	&cel_library_conversions, &cel_library_text,        &cel_library_time,
	&cel_library_strings,     &cel_library_math,        &cel_library_lists,
	&cel_library_maps,        &cel_library_encoders,    &cel_library_optionals,
	&cel_library_network,
};
