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
/* A hash over what ran when: equal after equal runs. */
uint64_t sim_digest(const struct sim *s);

/* A node's host name in io_tcp_connect/listen is the name given here; 127.0.0.1, ::1 and
 * localhost are the node itself. Never NULL. All nodes share one CLOCK_BOOTTIME, as processes
 * of one machine do, until sim_set_rate. Call into a node's objects from its own events (io_post brings you there):
 * the end of a turn is the end of an event. */
struct io *sim_node(struct sim *s, const char *host);
struct files *sim_disk(struct sim *s, const char *host); /* survives sim_crash */

/* Moves a node's wall clock by so much (it also survives a crash). */
void sim_set_wall(struct sim *s, const char *host, int64_t offset_ms);
/* From now on a node's monotonic clock goes so much faster; timers that run already keep their time. */
void sim_set_rate(struct sim *s, const char *host, int ppm);
/* While it was paused, so much did not pass on its monotonic clock, nor for its timers: a frozen
 * virtual machine. Call it before the pause ends; ns: at most as long as that lasted. */
void sim_lose_time(struct sim *s, const char *host, uint64_t ns);

/* Runs the next turn (an event, and those of the same node and instant that follow it); false
 * when there is none. sim_run_for runs all due within ns. */
bool sim_step(struct sim *s);
void sim_run_for(struct sim *s, uint64_t ns);

/* Faults. Both directions are set apart: one-way loss is sim_cut(a, b, true) alone. Bytes
 * on a cut link wait; sim_reset breaks the connections between a and b. */
void sim_cut(struct sim *s, const char *from, const char *to, bool cut);
void sim_reset(struct sim *s, const char *a, const char *b);
/* What is sent from now on takes slow_ns more, and each segment is lost (so that it comes after a
 * retransmission, or several) with that probability. */
void sim_slow(struct sim *s, const char *from, const char *to, uint64_t slow_ns,
              uint32_t loss_ppm);
/* The node stops running events (SIGSTOP); they run late after resume. */
void sim_pause(struct sim *s, const char *host, bool paused);
/* The jobs of its lanes do not get on: a disk that hangs while the network is well. */
void sim_hang(struct sim *s, const char *host, bool hangs);
/* The process is gone: its loop is dead, connections break, queued jobs are lost (a job's run
 * happens all at once when its time is over, its done a little later: a crash between the two
 * loses the news of an effect). Files that were open answer ERR_IO from now on. With power_loss
 * each unsynced write of the disk is kept, lost or torn at random, and connecting to the node
 * times out until it is back instead of being refused. The owner frees what it built on the
 * node's io, then calls sim_node again. Freeing and closing objects of the dead io is allowed
 * and calls nobody; its memory lasts until sim_free. */
void sim_crash(struct sim *s, const char *host, bool power_loss);

/* The disk. Durable is what was synced: a file's bytes and size by its sync, names (create,
 * rename, unlink) by sync_dir of their directory, directories at once by mkdir. On power loss
 * unsynced bytes are kept or lost by sectors of 512, and of the unsynced names of a directory
 * a random first part is kept (a journal keeps the order; what sync_dir needs from another
 * directory goes with it).
 *
 * Disk faults: the call number `countdown` from now (1 = next) among those of `kind` fails
 * with `err`; with `sticky` all later ones too, through crashes, until countdown 0 clears. A
 * write that fails leaves a part behind. After a sync that fails, each write it should have
 * made durable is durable or not at random, and a later sync does not repair that, as on Linux. */
enum sim_disk_op {
	SIM_WRITE,
	SIM_SYNC, /* and sync_dir */
	SIM_READ,
	SIM_RESERVE, /* and resize */
	SIM_RENAME,  /* and unlink, mkdir, and open where it creates */
	SIM_ANY,     /* all of them but reads */
};
void sim_disk_fail(struct files *disk, enum sim_disk_op kind, uint64_t countdown, enum err err,
                   bool sticky);
/* So much may still be allocated; UINT64_MAX: no bound. What is freed is added. */
void sim_disk_set_free(struct files *disk, uint64_t bytes);
/* Rot: one bit of one file whose path begins so is not what was written, durably. Which, is the
 * number's. false: there is none with bytes in it. */
bool sim_disk_flip(struct files *disk, const char *prefix, uint64_t number);
/* How many write points there were: what SIM_ANY counts. */
uint64_t sim_disk_calls(const struct files *disk);
/* Power loss now for a disk used without a node: as sim_crash does. */
void sim_disk_power_loss(struct files *disk, uint64_t seed);
struct files *sim_disk_new(uint64_t seed); /* a disk alone, for store tests */
void sim_disk_free(struct files *disk);
