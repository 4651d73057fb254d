/* Rules of the cell that the simulation can switch off, to prove that it notices when one is
 * missing. Only what is compiled with CELL_MUTANTS can; elsewhere each of them is the constant
 * false, and costs nothing.
 */
#pragma once

enum cell_mutant {
	MUTANT_SECOND_CHECK = 1, /* reply without looking at the lease again */
	MUTANT_EPOCH = 2,        /* go on with the old home's stream after promising it away */
	MUTANT_QUARANTINE = 4,   /* truncate without saving */
	MUTANT_SEAL = 8,         /* promote on the candidate's own promise alone */
	MUTANT_BARRIER = 16,     /* commit records of older epochs by counting copies */
	MUTANT_WIPED = 32,       /* an empty log counts in sealing */
	MUTANT_IDEMPOTENCY = 64, /* forget results */
	MUTANT_FSYNC = 128,      /* a copy acknowledges what it received */
	MUTANT_TOKEN = 256,      /* of a token only the seq is compared */
	MUTANT_RESIDENCY = 512,  /* whoever asks is taken for a copy */
	MUTANT_VOUCH = 1024,     /* seal in spite of having promised another home to go on */
	MUTANT_MARKER = 2048,    /* hand over what the target does not have yet */
};
#ifdef CELL_MUTANTS
extern unsigned cell_mutants;
#define MUTANT(name) ((cell_mutants & MUTANT_##name) != 0)
#else
#define MUTANT(name) false
#endif
