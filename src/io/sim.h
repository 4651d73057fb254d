/* The simulated world: one thread, one seed. Nodes have a loop (struct io) and a disk
 * (struct files) each; connections between nodes have delay, and can be cut. The same
 * seed and the same calls give the same run, byte for byte.
 */
#pragma once
#include "io/files.h"
#include "io/io.h"

struct sim;
struct sim_options {
	uint64_t seed;
	uint64_t net_delay_min_ns, net_delay_max_ns; /* per write, order kept per connection */
	uint64_t job_delay_min_ns, job_delay_max_ns; /* how long a lane job takes */
};

struct sim *sim_new(const struct sim_options *options);
void sim_free(struct sim *s);
uint64_t sim_random(struct sim *s, uint64_t below); /* the world's own random: plans, workloads */
uint64_t sim_now_ns(const struct sim *s);

/* A node's host name in io_tcp_connect/listen is the name given here. */
struct io *sim_node(struct sim *s, const char *host);
struct files *sim_disk(struct sim *s, const char *host); /* survives sim_crash */

/* Runs the next event; false when there is none. sim_run_for runs all due within ns. */
bool sim_step(struct sim *s);
void sim_run_for(struct sim *s, uint64_t ns);

/* Faults. Both directions are set apart: one-way loss is sim_cut(a, b, true) alone. Bytes
 * on a cut link wait; sim_reset breaks the connections between a and b. */
void sim_cut(struct sim *s, const char *from, const char *to, bool cut);
void sim_reset(struct sim *s, const char *a, const char *b);
/* The node stops running events (SIGSTOP); they run late after resume. */
void sim_pause(struct sim *s, const char *host, bool paused);
/* The process is gone: its loop is dead, connections break, queued jobs are lost. With
 * power_loss each unsynced write of the disk is kept, lost or torn at random. The owner
 * frees what it built on the node's io without calling into it, then calls sim_node again. */
void sim_crash(struct sim *s, const char *host, bool power_loss);

/* Disk faults: the call number `countdown` from now (1 = next) among those of `kind` fails
 * with `err`; with `sticky` all later ones too. countdown 0 clears. */
enum sim_disk_op { SIM_WRITE, SIM_SYNC, SIM_READ, SIM_RESERVE, SIM_RENAME, SIM_ANY };
void sim_disk_fail(struct files *disk, enum sim_disk_op kind, uint64_t countdown, enum err err,
                   bool sticky);
void sim_disk_set_free(struct files *disk, uint64_t bytes); /* UINT64_MAX: no bound */
uint64_t sim_disk_calls(const struct files *disk); /* how many write points there were */
/* Power loss now for a disk used without a node: as sim_crash does. */
void sim_disk_power_loss(struct files *disk, uint64_t seed);
struct files *sim_disk_new(uint64_t seed); /* a disk alone, for store tests */
void sim_disk_free(struct files *disk);
