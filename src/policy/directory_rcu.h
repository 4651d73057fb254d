/* Grace periods: the one place where liburcu is called. Private to src/policy.
 *
 * ThreadSanitizer does not see into liburcu, which is not built with it: it would report each
 * free after a grace period as a race with the readers before. So it is told what a grace period
 * proves, and no more: what a reader did before rcu_read_end happened before what the writer does
 * after rcu_wait. A read that is not over, or a free without waiting, is still reported.
 */
#pragma once
#include <urcu/urcu-memb.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RCU_UNDER_TSAN
#endif
#elif defined(__SANITIZE_THREAD__)
#define RCU_UNDER_TSAN
#endif
#ifdef RCU_UNDER_TSAN
#include <sanitizer/tsan_interface.h>
#endif

static inline void rcu_read_start(void) {
	urcu_memb_read_lock();
}

/* `proof`: any address, the same for readers and writer. */
static inline void rcu_read_end(const void *proof) {
#ifdef RCU_UNDER_TSAN
	__tsan_release((void *)(uintptr_t)proof);
#endif
	urcu_memb_read_unlock();
}

/* Until every read that had started has ended. Not within a read. */
static inline void rcu_wait(const void *proof) {
	urcu_memb_synchronize_rcu();
#ifdef RCU_UNDER_TSAN
	__tsan_acquire((void *)(uintptr_t)proof);
#endif
}
