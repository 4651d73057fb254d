/* `holdfast policy …`: what its parts share. */
#pragma once
#include "app/command.h"

int policy_diff(int argc, char **argv);
int policy_prove(int argc, char **argv);
int policy_activate(int argc, char **argv);
int policy_history(int argc, char **argv);
int policy_rollback(int argc, char **argv);
int policy_status(int argc, char **argv);
int policy_test(int argc, char **argv);
int policy_record(int argc, char **argv);
int policy_replay(int argc, char **argv);
