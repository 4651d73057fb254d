/* Listening of the libuv driver. The socket is our own and only watched by libuv: SO_REUSEPORT
 * must be set before bind, and when descriptors run out we want to wait, not to drop whoever
 * knocks (as uv_listen would). */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "io/uv_driver.h"

struct uv_listener {
	struct io_listener base;
	struct uv_io *io;
	struct list_node node;
	uv_poll_t poll;
	uv_timer_t retry;
	int fd;
	int handles; /* still with libuv */
	bool closed;
	bool starving; /* logged once, until an accept succeeds again */
	void (*on_accept)(void *arg, struct io_conn *conn);
	void *arg;
};

/* A port of 0 was chosen by the kernel. */
static uint16_t port_of(int fd) {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} at = {0};
	socklen_t len = sizeof at;
	if (getsockname(fd, &at.any, &len) != 0) return 0;
	return ntohs(at.any.sa_family == AF_INET6 ? at.v6.sin6_port : at.v4.sin_port);
}

static int open_socket(const struct addrinfo *at, int share) {
	int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) return -1;
	const int on = 1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &share, sizeof share) == 0 &&
	    bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, UV_LISTEN_BACKLOG) == 0)
		return fd;
	int why = errno;
	close(fd);
	errno = why;
	return -1;
}

static enum err open_listening(const char *host, uint16_t port, int share, int *out,
                               struct fault *fault) {
	char service[6];
	snprintf(service, sizeof service, "%u", port);
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
	};
	struct addrinfo *found = NULL;
	int failed = getaddrinfo(host, service, &hints, &found);
	if (failed)
		return fault_set(fault, ERR_NOT_FOUND,
		                 "cannot listen on %s:%u: %s: give an address of this machine",
		                 host, port, gai_strerror(failed));
	int fd = -1;
	for (const struct addrinfo *at = found; at && fd < 0; at = at->ai_next)
		fd = open_socket(at, share);
	int why = errno;
	freeaddrinfo(found);
	*out = fd;
	if (fd >= 0) return ERR_OK;
	enum err err =
		why == EADDRINUSE || why == EADDRNOTAVAIL ? ERR_UNAVAILABLE : err_from_errno(why);
	return fault_set(fault, err,
	                 "cannot listen on %s:%u: %s: choose another address or port, or stop "
	                 "the process that holds it",
	                 host, port, strerror(why));
}

enum err io_tcp_check(const char *host, uint16_t port, struct fault *fault) {
	int fd = -1;
	enum err err = open_listening(host, port, 0, &fd, fault);
	if (fd >= 0) close(fd);
	return err;
}

/* --- accepting ------------------------------------------------------------------ */

static void on_ready(uv_poll_t *poll, int status, int events);

static void on_retry(uv_timer_t *timer) {
	struct uv_listener *l = timer->data;
	uv_poll_start(&l->poll, UV_READABLE, on_ready);
}

/* Level-triggered: going on would spin at full speed until a descriptor is free. */
static void wait_for_resources(struct uv_listener *l, int why) {
	uv_poll_stop(&l->poll);
	uv_timer_start(&l->retry, on_retry, UV_ACCEPT_PAUSE_MS, 0);
	if (l->starving) return;
	l->starving = true;
	LOG(LOG_WARN, "io", "cannot accept connections: they wait", {"why", strerror(why)},
	    LOG_NUM("port", l->base.port));
}

static enum err hand_over(struct uv_listener *l, int fd, const struct sockaddr *peer) {
	struct uv_conn *c = uv_conn_new(l->io);
	if (!c) return ERR_NO_MEMORY;
	enum err err = uv_conn_adopt(c, fd);
	if (err != ERR_OK) {
		uv_conn_destroy(c);
		return err;
	}
	uv_conn_set_peer(c, peer);
	l->starving = false;
	uv_enter(l->io);
	l->on_accept(l->arg, &c->base);
	return ERR_OK;
}

static void on_ready(uv_poll_t *poll, int status, int events) {
	struct uv_listener *l = poll->data;
	for (int i = 0; i < UV_ACCEPTS_PER_TURN && !l->closed; i++) {
		struct sockaddr_storage peer = {0};
		socklen_t len = sizeof peer;
		int fd = accept4(l->fd, (struct sockaddr *)&peer, &len,
		                 SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && errno == EAGAIN) return;
		if (fd < 0 &&
		    (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
			wait_for_resources(l, errno);
			return;
		}
		if (fd < 0) continue; /* an error of that connection, see accept(2) */
		if (hand_over(l, fd, (struct sockaddr *)&peer) == ERR_OK) continue;
		close(fd);
		wait_for_resources(l, ENOMEM);
		return;
	}
}

/* --- opening and closing ---------------------------------------------------------- */

enum err uv_io_tcp_listen(struct io *base, const char *host, uint16_t port,
                          void (*on_accept)(void *arg, struct io_conn *conn), void *arg,
                          struct io_listener **out, struct fault *fault) {
	struct uv_io *io = (struct uv_io *)base;
	struct uv_listener *l = calloc(1, sizeof *l);
	if (!l) return fault_set(fault, ERR_NO_MEMORY, "cannot listen on %s: no memory", host);
	enum err err = open_listening(host, port, 1, &l->fd, fault);
	if (err != ERR_OK) {
		free(l);
		return err;
	}
	int failed = uv_poll_init(&io->loop, &l->poll, l->fd);
	if (failed) {
		close(l->fd);
		free(l);
		return fault_set(fault, err_from_errno(-failed),
		                 "cannot watch %s:%u: %s: raise the limit on descriptors", host,
		                 port, uv_strerror(failed));
	}
	uv_timer_init(&io->loop, &l->retry);
	l->base.ops = &uv_ops;
	l->base.port = port_of(l->fd);
	l->io = io;
	l->on_accept = on_accept;
	l->arg = arg;
	l->handles = 2;
	l->poll.data = l->retry.data = l;
	list_push_back(&io->listeners, &l->node);
	uv_poll_start(&l->poll, UV_READABLE, on_ready);
	*out = &l->base;
	return ERR_OK;
}

static void on_closed(uv_handle_t *handle) {
	struct uv_listener *l = handle->data;
	if (--l->handles == 0) free(l);
}

void uv_io_listener_close(struct io_listener *base) {
	struct uv_listener *l = (struct uv_listener *)base;
	l->closed = true;
	list_remove(&l->io->listeners, &l->node);
	uv_close((uv_handle_t *)&l->poll, on_closed);
	uv_close((uv_handle_t *)&l->retry, on_closed);
	close(l->fd);
}

void uv_listeners_close(struct uv_io *io) {
	LIST_EACH (&io->listeners, node)
		uv_io_listener_close(&CONTAINER_OF(node, struct uv_listener, node)->base);
}
