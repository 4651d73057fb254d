/* `holdfast explain --id`: a decision that a node remembers, in words. */
#pragma once
#include "app/target.h"

bool explain_id_asked(int argc, char **argv); /* is --id among the options? */
int command_explain_id(int argc, char **argv);
